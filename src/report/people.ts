import type { Checked } from '../events/doctor.ts';
import type { Event } from '../events/event.ts';
import type { ArchiveFailed } from '../events/export.ts';
import type { FingerprintListed, StreamListed } from '../events/list.ts';
import type { FrameTaken, StreamDone } from '../events/stream.ts';
import { oneLine } from '../names/printable.ts';
import { streamText } from '../names/title.ts';
import { destinationLines } from './destinations.ts';
import { differenceLine, fingerprintPlanLines } from './difference.ts';
import { duration, size } from './figures.ts';
import { commandLine, inspectionLines } from './inspection.ts';
import { machineLines } from './machine.ts';
import { errorLines, messageLines, warningLines } from './message.ts';
import type { Output } from './output.ts';
import {
  copyPlanLines,
  exportPlanLines,
  importPlanLines,
  refusedLines,
  selectionLines,
} from './plan.ts';
import { prunePlanLines } from './prune.ts';
import type { Reporter } from './reporter.ts';
import { salvagedLines, salvagePlanLines } from './salvage.ts';
import { spaceLines } from './space.ts';
import type { Style } from './style.ts';
import { summaryText } from './summary.ts';
import { fold } from './table.ts';
import { archiveLines } from './tree.ts';
import { repairLine, verificationLines } from './verification.ts';

/** Shows progress. Each kind of output has its own way. */
export interface ProgressView {
  readonly show: (event: Event & { type: 'stream-begun' | 'progress' | 'stream-done' }) => void;
  readonly close: () => void;
}

/** A function for each type of event. */
type Handlers<Type extends Event['type'] = Event['type']> = {
  readonly [T in Type]: (event: Extract<Event, { type: T }>) => void;
};

/** The output, with prose broken between words on a narrow terminal. */
interface Printer {
  /** Lines of results, on stdout. */
  readonly answer: (lines: readonly string[]) => void;
  /** Lines of messages, on stderr. */
  readonly say: (lines: readonly string[]) => void;
  readonly output: Output;
  readonly quiet: boolean;
}

/**
 * Prints lines for people: the results of the command on stdout, all else on stderr. `quiet` keeps
 * results, warnings and errors.
 */
export function peopleReporter(output: Output, progress: ProgressView, quiet: boolean): Reporter {
  const folding =
    (print: (line: string) => void, width: () => number) => (lines: readonly string[]) =>
      lines.flatMap((line) => fold(line, width())).forEach(print);
  const printer: Printer = {
    answer: folding(output.out, output.outWidth),
    say: folding(output.err, output.errWidth),
    output,
    quiet,
  };
  const checks: Checked[] = [];
  const handlers: Handlers = {
    ...planHandlers(printer),
    ...progressHandlers(printer, progress),
    ...listHandlers(printer),
    ...inspectHandlers(printer),
    ...verifyHandlers(printer, progress),
    ...fingerprintHandlers(printer, progress),
    // The checks line up in columns, so they are printed when all of them are known.
    checked: (event) => void checks.push(event),
    warning: ({ message, hint }) => printer.say(warningLines(message, hint, output.errStyle)),
    result(event) {
      progress.close();
      machineLines(checks, output.outStyle).forEach(output.out);
      const summary = summaryText(event);
      if (summary === '' || (quiet && event.command !== 'verify')) return;
      printer.answer([oneLine(summary)]);
    },
  };
  return {
    emit: (event) => (handlers[event.type] as (event: Event) => void)(event),
    failed(_, error) {
      progress.close();
      printer.say(errorLines(error, output.errStyle));
    },
    close: progress.close,
  };
}

/** A dry run answers with its plan. Another run announces it. */
function planHandlers({ answer, say, output, quiet }: Printer) {
  const { out, err, outStyle, errStyle } = output;
  /** Streams whose refusal the plan reported. */
  const refused = new Set<string>();
  return {
    'export-planned': (event) => {
      if (event.dryRun) answer(exportPlanLines(event, outStyle));
      else if (!quiet) say(exportPlanLines(event, errStyle));
    },
    'import-planned': (event) => {
      for (const { uuid } of event.refused) refused.add(uuid);
      if (event.dryRun) {
        answer(selectionLines(event));
        importPlanLines(event, outStyle).forEach(out);
      } else if (!quiet) {
        say(selectionLines(event));
        importPlanLines(event, errStyle).forEach(err);
      }
      say(refusedLines(event.refused, errStyle));
    },
    'salvage-planned': (event) => {
      for (const { uuid } of event.refused) refused.add(uuid);
      if (event.dryRun) answer(salvagePlanLines(event, outStyle));
      else if (!quiet) say(salvagePlanLines(event, errStyle));
      say(refusedLines(event.refused, errStyle));
    },
    'copy-planned': (event) => {
      for (const { uuid } of event.refused) refused.add(uuid);
      if (event.dryRun) copyPlanLines(event, outStyle).forEach(out);
      else if (!quiet) copyPlanLines(event, errStyle).forEach(err);
      say(refusedLines(event.refused, errStyle));
    },
    'prune-planned': (event) => {
      if (event.dryRun) prunePlanLines(event, outStyle).forEach(out);
      else if (!quiet) prunePlanLines(event, errStyle).forEach(err);
    },
    'stream-removed': ({ stream, stored }) => {
      if (!quiet) err(`${errStyle.good('removed')}  ${streamText(stream)}  ${size(stored)}`);
    },
    'stream-refused': ({ stream, failure }) => {
      if (!refused.has(stream.uuid)) say(refusedLines([{ ...stream, failure }], errStyle));
    },
    'frame-taken': (event) => say(frameTakenLines(event, errStyle)),
  } satisfies Partial<Handlers>;
}

function progressHandlers({ answer, say, output, quiet }: Printer, progress: ProgressView) {
  const { err, errStyle } = output;
  const show = (event: Parameters<ProgressView['show']>[0]) => {
    if (!quiet) progress.show(event);
  };
  return {
    'stream-begun': show,
    progress: show,
    'stream-done': (event) => {
      if (quiet) return;
      progress.show(event);
      err(doneLine(event, errStyle));
    },
    'space-measured': (event) => {
      if (event.dryRun) answer(spaceLines(event, output.outStyle));
      else if (!quiet) say(spaceLines(event, errStyle));
    },
    'draft-discarded': ({ archive, directory, stored, dryRun }) => {
      const done = dryRun ? 'would remove' : 'removed';
      answer([oneLine(`${done}  ${archive}: unfinished ${directory}, ${size(stored)}`)]);
    },
    'medium-full': ({ archive, label, next }) => {
      if (!quiet) say([oneLine(`full  ${label ?? archive}; goes on at ${next}`)]);
    },
    'archive-failed': (event) => say(archiveFailedLines(event, errStyle)),
  } satisfies Partial<Handlers>;
}

/** The streams of an archive are drawn as trees, when all of them are known. */
function listHandlers({ answer, output: { out, outStyle } }: Printer) {
  let listed: StreamListed[] = [];
  let fingerprints: FingerprintListed[] = [];
  let archives = 0;
  let destinations = 0;
  return {
    'stream-listed': (event) => void listed.push(event),
    'fingerprint-listed': (event) => void fingerprints.push(event),
    'archive-listed': (event) => {
      if (archives++ > 0) out('');
      archiveLines(event, listed, fingerprints, outStyle).forEach(out);
      [listed, fingerprints] = [[], []];
    },
    'destination-listed': (event) => {
      if (destinations++ === 0 && archives > 0) out('');
      answer(destinationLines(event, outStyle));
    },
  } satisfies Partial<Handlers>;
}

function inspectHandlers({ output: { out, outStyle } }: Printer) {
  return {
    command: (event) => out(commandLine(event, outStyle)),
    'stream-inspected': (event) => inspectionLines(event, outStyle).forEach(out),
  } satisfies Partial<Handlers>;
}

/** Each stream is reported when it was read, so an interruption keeps what was found. */
function verifyHandlers({ answer, output }: Printer, progress: ProgressView) {
  let several = false;
  return {
    'verify-planned': ({ archives }) => {
      several = archives.length > 1;
    },
    'stream-verified': (event) => {
      progress.close();
      answer(verificationLines(event, several, output.outStyle));
    },
    'stream-repaired': (event) => {
      progress.close();
      answer([repairLine(event, output.outStyle)]);
    },
    'stream-salvaged': (event) => {
      progress.close();
      answer(salvagedLines(event, output.outStyle));
    },
  } satisfies Partial<Handlers>;
}

/** Paths at which a copy differs that are shown. All of them are in the JSON. */
const SHOWN_DIFFERENCES = 20;

function fingerprintHandlers({ answer, say, output, quiet }: Printer, progress: ProgressView) {
  let found = 0;
  return {
    'fingerprint-planned': (event) => {
      const { errStyle, outStyle } = output;
      if (event.dryRun) answer(fingerprintPlanLines(event, outStyle));
      else if (!quiet) say(fingerprintPlanLines(event, errStyle));
    },
    difference: ({ path, kinds }) => {
      progress.close();
      found++;
      if (found <= SHOWN_DIFFERENCES) output.out(differenceLine(path, kinds, output.outStyle));
      else if (found === SHOWN_DIFFERENCES + 1) output.out('…  more differ: --json lists all');
    },
  } satisfies Partial<Handlers>;
}

function frameTakenLines({ offset, archive, failure }: FrameTaken, style: Style): string[] {
  const hint =
    archive === null
      ? 'every frame of the part is good, and is taken'
      : `the frame at byte ${offset} of the stream is taken from ${archive}`;
  return warningLines(`${failure.where.archive ?? ''}: ${failure.message}`, hint, style);
}

function archiveFailedLines({ archive, failure }: ArchiveFailed, style: Style): string[] {
  const { message, hint } = failure;
  return messageLines('given up', `${archive}: ${message}`, hint, style.bad, style);
}

function doneLine(event: StreamDone, style: Style): string {
  const { action, stream, bytes, stored, seconds, frames = 0, reusedFrames = 0 } = event;
  const way = action === 'export' ? 'as' : 'from';
  const reused = reusedFrames === 0 ? '' : `, ${reusedFrames} of ${frames} frames reused`;
  const isRead = action === 'copy' || action === 'fingerprint' || action === 'protect';
  if (action === 'compare')
    return `${style.good('read')}  ${streamText(stream)}  ${size(bytes)} in ${duration(seconds)}`;
  const sizes = isRead ? size(stored) : `${size(bytes)} ${way} ${size(stored)}`;
  const amount = `${sizes} in ${duration(seconds)}${reused}`;
  return `${style.good('done')}  ${streamText(stream)}  ${amount}`;
}
