import type { Manifest, ManifestRequirement } from '../../manifest/schema.ts';
import { bytesOf } from '../../names/byte-string.ts';
import { type Identity, type IdentityRecord, identityKey } from '../../names/identity.ts';
import type { Summary } from '../../sendstream/summary.ts';

/**
 * Compares a stream with its manifest. Each function returns the difference in words, or undefined.
 */

type Announced = { readonly identity: Identity; readonly parent: Identity | null };

/** Call it when the first command was read, so that no other stream is even begun. */
export function announcedDifference(
  manifest: Manifest,
  announced: Announced | undefined,
): string | undefined {
  if (announced === undefined) return 'it announces no subvolume';
  if (identityKey(announced.identity) !== identityKey(manifest.identity)) {
    return `it announces ${identityKey(announced.identity)} instead of ${identityKey(manifest.identity)}`;
  }
  if (described(announced.parent) !== described(manifest.parent)) {
    return `its parent is ${described(announced.parent)} instead of ${described(manifest.parent)}`;
  }
  return undefined;
}

/**
 * Call it while the stream is read.
 *
 * @param sources the clone sources that the commands so far named
 */
export function sourcesDifference(
  { cloneSources }: Manifest,
  sources: readonly Identity[],
): string | undefined {
  const listed = new Set(cloneSources.map(identityKey));
  const foreign = sources.map(identityKey).find((source) => !listed.has(source));
  return foreign === undefined ? undefined : `it clones from ${foreign} as well`;
}

/**
 * Call it when the whole stream was read.
 *
 * @param length bytes that were read
 * @param framesXxh64 hash of the frames that were read, in hex
 */
export function streamDifference(
  manifest: Manifest,
  summary: Summary,
  length: number,
  framesXxh64: string,
): string | undefined {
  const { stream } = manifest;
  if (length !== stream.length) return `it has ${length} bytes instead of ${stream.length}`;
  if (framesXxh64 !== stream.framesXxh64) {
    return `the XXH64 of its frames is ${framesXxh64} instead of ${stream.framesXxh64}`;
  }
  const announced = announcedDifference(manifest, summary);
  if (announced !== undefined) return announced;
  if (!Buffer.from(summary.name).equals(bytesOf(manifest.name))) return 'its name differs';
  if (summary.version !== stream.protocol) return 'its protocol version differs';
  const sources = (list: readonly (Identity | ManifestRequirement)[]) =>
    list.map(identityKey).toSorted().join(' ');
  if (sources(summary.cloneSources) !== sources(manifest.cloneSources)) {
    return 'it clones from other subvolumes';
  }
  const counts = (commands: object) =>
    Object.entries(commands)
      .map(([name, count]) => `${name} ${count}`)
      .toSorted()
      .join(', ');
  if (counts(summary.commandCounts) !== counts(stream.commands)) {
    return 'it holds other commands';
  }
  if (summary.compressedData !== stream.compressedData) return 'its data is compressed otherwise';
  if (summary.noData) return 'it carries no file data';
  return undefined;
}

function described(identity: Identity | IdentityRecord | null): string {
  return identity === null ? 'none' : identityKey(identity);
}
