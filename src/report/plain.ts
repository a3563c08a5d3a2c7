import type { StreamBegun } from '../events/stream.ts';
import type { Output } from './output.ts';
import type { ProgressView } from './people.ts';
import { amounts, rateMeter, streamLine } from './progress.ts';

/** Milliseconds between lines about one stream. */
const INTERVAL = 10_000;

/** Prints progress as lines, for logs and pipes. */
export function writtenProgress(output: Output, now: () => number): ProgressView {
  let begun: StreamBegun | undefined;
  let meter = rateMeter(0);
  let last = 0;
  return {
    show(event) {
      if (event.type === 'stream-begun') {
        begun = event;
        last = now();
        meter = rateMeter(last);
        output.err(streamLine(event));
      } else if (event.type === 'progress' && begun !== undefined) {
        const rate = meter(now(), event.bytes);
        if (now() - last < INTERVAL) return;
        last = now();
        output.err(`  ${amounts({ begun, progress: event, rate }).trimStart()}`);
      }
    },
    close() {},
  };
}
