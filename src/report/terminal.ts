import type { StreamBegun } from '../events/stream.ts';
import type { Output } from './output.ts';
import type { ProgressView } from './people.ts';
import { drawnLines, rateMeter } from './progress.ts';

/** Draws progress in place, below everything else. */
export function drawnProgress(output: Output, now: () => number): ProgressView {
  let begun: StreamBegun | undefined;
  let meter = rateMeter(0);
  return {
    show(event) {
      if (event.type === 'stream-done') return output.draw([]);
      if (event.type === 'stream-begun') {
        begun = event;
        meter = rateMeter(now());
      }
      if (begun === undefined) return;
      const progress = event.type === 'progress' ? event : undefined;
      const rate = progress && meter(now(), progress.bytes);
      output.draw(drawnLines({ begun, progress, rate }, output.errWidth(), output.errStyle));
    },
    close: () => output.draw([]),
  };
}
