import { oneLine } from '../names/printable.ts';
import { streamText } from '../names/title.ts';
import type {
  ArchiveFailed,
  Checked,
  Event,
  StreamDone,
  StreamListed,
  StreamVerified,
} from '../operations/event.ts';
import { duration, size } from './figures.ts';
import { commandLine, inspectionLines } from './inspection.ts';
import { machineLines } from './machine.ts';
import { errorLines, messageLines, warningLines } from './message.ts';
import type { Output } from './output.ts';
import { exportPlanLines, importPlanLines, refusedLines, selectionLines } from './plan.ts';
import type { Reporter } from './reporter.ts';
import type { Style } from './style.ts';
import { summaryText } from './summary.ts';
import { fold } from './table.ts';
import { archiveLines } from './tree.ts';
import { verificationLines } from './verification.ts';

/** Shows how far the work is; each kind of output has its own way. */
export interface ProgressView {
  readonly show: (event: Event & { type: 'stream-begun' | 'progress' | 'stream-done' }) => void;
  readonly close: () => void;
}

/**
 * Lines for people: what the command is asked for on stdout, all else on stderr. `quiet` keeps
 * the former, warnings and errors.
 */
export function peopleReporter(output: Output, progress: ProgressView, quiet: boolean): Reporter {
  const { out, err, outStyle, errStyle } = output;
  const all = (lines: readonly string[], print: (line: string) => void) => lines.forEach(print);
  /** For prose, which a narrow terminal shall not break within words. */
  const folding =
    (print: (line: string) => void, width: () => number) => (lines: readonly string[]) => {
      for (const line of lines) for (const piece of fold(line, width())) print(piece);
    };
  const [say, answer] = [folding(err, output.errWidth), folding(out, output.outWidth)];
  /** Listings are drawn whole. */
  let listed: StreamListed[] = [];
  const checks: Checked[] = [];
  /** They come together, and are told so. */
  let verified: StreamVerified[] = [];
  const showVerified = () => {
    if (verified.length === 0) return;
    progress.close();
    answer(verificationLines(verified, outStyle));
    verified = [];
  };
  let archives = 0;
  /** Streams whose refusal was told with the plan. */
  const refused = new Set<string>();

  return {
    emit(event) {
      if (event.type !== 'stream-verified') showVerified();
      switch (event.type) {
        case 'export-planned':
          if (event.dryRun) answer(exportPlanLines(event, outStyle));
          else if (!quiet) say(exportPlanLines(event, errStyle));
          return;
        case 'import-planned':
          for (const { uuid } of event.refused) refused.add(uuid);
          if (event.dryRun) {
            answer(selectionLines(event));
            all(importPlanLines(event, outStyle), out);
          } else if (!quiet) {
            say(selectionLines(event));
            all(importPlanLines(event, errStyle), err);
          }
          say(refusedLines(event.refused, errStyle));
          return;
        case 'stream-begun':
        case 'progress':
          if (!quiet) progress.show(event);
          return;
        case 'stream-done':
          if (quiet) return;
          progress.show(event);
          return err(doneLine(event, errStyle));
        case 'stream-refused':
          if (!refused.has(event.stream.uuid)) {
            say(refusedLines([{ ...event.stream, failure: event.failure }], errStyle));
          }
          return;
        case 'archive-failed':
          return say(archiveFailedLines(event, errStyle));
        case 'warning':
          return say(warningLines(event.message, event.hint, errStyle));
        case 'stream-listed':
          listed.push(event);
          return;
        case 'archive-listed':
          if (archives++ > 0) out('');
          all(archiveLines(event, listed, outStyle), out);
          listed = [];
          return;
        case 'command':
          return out(commandLine(event, outStyle));
        case 'stream-inspected':
          return all(inspectionLines(event, outStyle), out);
        case 'stream-verified':
          verified.push(event);
          return;
        case 'checked':
          checks.push(event);
          return;
        case 'result':
          progress.close();
          if (checks.length > 0) all(machineLines(checks, outStyle), out);
          if (event.failure !== undefined) say(errorLines(event.failure, errStyle));
          if (summaryText(event) !== '' && (!quiet || event.command === 'verify'))
            answer([oneLine(summaryText(event))]);
          return;
        default:
          return event satisfies never;
      }
    },
    failed(_, error) {
      showVerified();
      progress.close();
      say(errorLines(error, errStyle));
    },
    close: progress.close,
  };
}

function archiveFailedLines({ archive, failure }: ArchiveFailed, style: Style): string[] {
  const { message, hint } = failure;
  return messageLines('given up', `${archive}: ${message}`, hint, style.bad, style);
}

function doneLine(event: StreamDone, style: Style): string {
  const { action, stream, bytes, stored, seconds, frames = 0, reusedFrames = 0 } = event;
  const way = action === 'export' ? 'as' : 'from';
  const reused = reusedFrames === 0 ? '' : `, ${reusedFrames} of ${frames} frames reused`;
  const amount = `${size(bytes)} ${way} ${size(stored)} in ${duration(seconds)}${reused}`;
  return `${style.good('done')}  ${streamText(stream)}  ${amount}`;
}
