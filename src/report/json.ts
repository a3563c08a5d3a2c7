import type { Event } from '../events/event.ts';
import { Failure } from '../failure/failure.ts';
import { jsonLine } from '../names/printable.ts';
import { describe } from './message.ts';
import type { Output } from './output.ts';
import type { Reporter } from './reporter.ts';
import { summaryText } from './summary.ts';

/** Milliseconds between `progress` lines. */
const PROGRESS_INTERVAL = 1000;

/** Prints each event as one line of JSON on stdout; with `quiet`, without progress. */
export function jsonReporter(output: Output, now: () => number, quiet: boolean): Reporter {
  let lastProgress = Number.NEGATIVE_INFINITY;
  return {
    emit(event) {
      if (event.type === 'progress') {
        if (quiet || now() - lastProgress < PROGRESS_INTERVAL) return;
        lastProgress = now();
      }
      const printed = event.type === 'result' ? { ...event, summary: summaryText(event) } : event;
      output.out(eventJson(printed));
    },
    failed(command, error) {
      const failure = describe(error);
      output.out(eventJson({ type: 'result', command, exit: failure.exit, failure, summary: '' }));
    },
    close() {},
  };
}

/** Encodes an event, without its newline. Failures become plain members, and bigints text. */
function eventJson(event: Event | object): string {
  const json = JSON.stringify(event, (_, value: unknown) => {
    if (value instanceof Failure) return describe(value);
    return typeof value === 'bigint' ? String(value) : value;
  });
  return jsonLine(json);
}
