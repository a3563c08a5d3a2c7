import type { CopyResult } from '../events/copy.ts';
import type { Result } from '../events/event.ts';
import type { ExportResult } from '../events/export.ts';
import type { AdoptResult, FingerprintResult } from '../events/fingerprint.ts';
import type { ImportResult } from '../events/import.ts';
import type { ListResult } from '../events/list.ts';
import type { ProtectResult } from '../events/protect.ts';
import type { PruneResult } from '../events/prune.ts';
import type { StatusResult } from '../events/status.ts';
import type { VerifyResult } from '../events/verify.ts';
import { exit } from '../failure/failure.ts';
import { count, duration, size } from './figures.ts';

/** Sums up a command in one line; empty if its other output says it all. */
export function summaryText(result: Result): string {
  switch (result.command) {
    case 'export':
      return exportText(result);
    case 'import':
      return importText(result);
    case 'verify':
      return verifyText(result);
    case 'copy':
      return copyText(result);
    case 'prune':
      return pruneText(result);
    case 'list':
      return listText(result);
    case 'status':
      return statusText(result);
    case 'inspect':
      return 'the stream is complete; all checksums match';
    case 'doctor':
      return result.missing.length === 0
        ? 'this machine can export and import'
        : `export and import cannot run here: ${result.missing.join(', ')}`;
    case 'protect':
      return protectText(result);
    case 'fingerprint':
      return fingerprintText(result);
    case 'adopt':
      return adoptText(result);
    default:
      return result satisfies never;
  }
}

function exportText(result: ExportResult): string {
  const { done, skipped, refused = 0, bytes, stored, seconds, dryRun } = result;
  const rest = [
    ...(skipped > 0 ? [`${skipped} there already`] : []),
    ...(refused > 0 ? [`${count(refused, 'archive')} given up`] : []),
  ];
  if (dryRun) return withRest('nothing was exported: this was a dry run', rest);
  if (done === 0) return withRest(refused > 0 ? 'nothing exported' : 'nothing to export', rest);
  const amounts = `${size(bytes)} as ${size(stored)} in ${duration(seconds)}`;
  return withRest(`exported ${count(done, 'snapshot')}, ${amounts}`, rest);
}

function importText(result: ImportResult): string {
  if (result.salvaged !== undefined) return salvageText(result, result.salvaged);
  const { done, skipped, removed, refused, withheld, bytes, stored, seconds, dryRun } = result;
  if (withheld > 0) {
    return `nothing received; ${refused} refused; --partial receives the other ${withheld}`;
  }
  const rest = [
    ...(skipped > 0 ? [`${skipped} there already`] : []),
    ...(removed > 0 ? [`${removed} removed here before (--again receives them)`] : []),
    ...(refused > 0 ? [`${refused} refused`] : []),
  ];
  if (dryRun) return withRest('nothing was received: this was a dry run', rest);
  if (done === 0) return withRest(refused > 0 ? 'nothing received' : 'nothing to receive', rest);
  const amounts = `${size(bytes)} from ${size(stored)} in ${duration(seconds)}`;
  return withRest(`received ${count(done, 'stream')}, ${amounts}`, rest);
}

function salvageText(result: ImportResult, salvaged: number): string {
  const { skipped, refused, bytes, seconds, dryRun } = result;
  const rest = [
    ...(skipped > 0 ? [`nothing is lost in ${count(skipped, 'other stream')}: import them`] : []),
    ...(refused > 0 ? [`${refused} refused`] : []),
  ];
  if (salvaged === 0 && refused === 0) {
    return skipped === 0
      ? 'nothing to salvage: these archives have no full stream'
      : `nothing to salvage: nothing is lost in ${count(skipped, 'full stream')}; import them`;
  }
  if (salvaged === 0) return withRest('nothing salvaged', rest);
  if (dryRun) return withRest('nothing was received: this was a dry run', rest);
  const amounts = `${size(bytes)} in ${duration(seconds)}`;
  return withRest(`salvaged ${count(salvaged, 'stream')}, ${amounts}`, rest);
}

function copyText(result: CopyResult): string {
  const { done, skipped, refused, stored, seconds, dryRun } = result;
  const rest = [
    ...(skipped > 0 ? [`${skipped} there already, and intact`] : []),
    ...(refused > 0 ? [`${refused} refused`] : []),
  ];
  if (dryRun) return withRest('nothing was copied: this was a dry run', rest);
  if (done === 0) return withRest(refused > 0 ? 'nothing copied' : 'nothing to copy', rest);
  const amounts = `${size(stored)} in ${duration(seconds)}`;
  return withRest(`copied ${count(done, 'stream')}, ${amounts}`, rest);
}

function pruneText({ done, kept, stored, dryRun }: PruneResult): string {
  const rest = [`${kept} ${kept === 1 ? 'stays' : 'stay'}`];
  if (dryRun) return withRest('nothing was removed: this was a dry run', rest);
  if (done === 0) return withRest('nothing to remove', rest);
  return withRest(`removed ${count(done, 'stream')}, ${size(stored)}`, rest);
}

function fingerprintText(result: FingerprintResult): string {
  const { done, entries, bytes, stored, seconds, dryRun } = result;
  if (dryRun) return 'nothing was written: this was a dry run';
  if (done === 0) return 'nothing to write: the archive has this fingerprint, and it is intact';
  const amounts = `${size(bytes)} in ${count(entries, 'entry', 'entries')}`;
  return `fingerprint of ${amounts}, stored in ${size(stored)}, took ${duration(seconds)}`;
}

function adoptText(result: AdoptResult): string {
  const { done, skipped, differences, entries, bytes, seconds } = result;
  if (skipped > 0) return 'nothing to adopt: the destination has this snapshot';
  const amounts = `${count(entries, 'entry', 'entries')}, ${size(bytes)} in ${duration(seconds)}`;
  const equal = differences === 0 ? 'the copy is equal' : `${count(differences, 'path')} mended`;
  if (done === 0) return `nothing was adopted: this was a dry run; compared ${amounts}`;
  return `adopted: ${equal}; compared ${amounts}`;
}

function protectText({ done, skipped, refused, stored, seconds }: ProtectResult): string {
  const rest = [
    ...(skipped > 0 ? [`${skipped} protected already`] : []),
    ...(refused > 0 ? [`${refused} refused`] : []),
  ];
  if (done === 0) return withRest('nothing to protect', rest);
  const amounts = `${size(stored)} of parity in ${duration(seconds)}`;
  return withRest(`protected ${count(done, 'stream')}, ${amounts}`, rest);
}

function withRest(text: string, rest: readonly string[]): string {
  return rest.length === 0 ? text : `${text}; ${rest.join(', ')}`;
}

function verifyText(result: VerifyResult): string {
  const { done, refused, streams, restorable, stored, seconds } = result;
  const read = `${count(done, 'stream')} good, ${size(stored)} read in ${duration(seconds)}`;
  const parts = [streams === 0 ? 'no streams' : read];
  if (refused > 0) parts.push(`${refused} ${result.exit === exit.unable ? 'too new' : 'damaged'}`);
  else if (result.exit === exit.missing) parts.push('some lack a parent');
  if (restorable < streams) {
    const some = restorable === 0 ? 'none' : restorable;
    parts.push(`${some} of ${streams} can be restored from these archives alone`);
  }
  return parts.join('; ');
}

function listText({ done, restorable, refused }: ListResult): string {
  const parts: string[] = [];
  if (done === 0) parts.push('no streams');
  if (restorable < done) {
    parts.push(`${done - restorable} of ${done} streams need a parent that these archives lack`);
  }
  if (refused > 0) parts.push(`${count(refused, 'manifest')} unusable`);
  return parts.join(', ');
}

function statusText({ done, current }: StatusResult): string {
  if (done === 0) return 'no receipts: an import leaves one on the medium';
  const behind = done - current;
  const lack = behind === 1 ? 'lacks' : 'lack';
  return behind === 0 ? '' : `${behind} of ${count(done, 'destination')} ${lack} something`;
}
