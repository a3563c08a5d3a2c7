import type { StoredStream } from '../../archive/read/stored-stream.ts';

/**
 * Orders steps so that streams from a pipe come in the order of the pipe, as far as each can still
 * come after the streams that it builds on. Keeps the order of all others.
 */
export function inPassingOrder<Step>(
  steps: readonly Step[],
  streamOf: (step: Step) => StoredStream,
): readonly Step[] {
  if (steps.every((step) => streamOf(step).source.position === undefined)) return steps;
  const waiting = new Set(steps);
  const open = new Set(steps.map((step) => streamOf(step).uuid));
  const ordered: Step[] = [];
  while (waiting.size > 0) {
    const ready = [...waiting].filter((step) => {
      const { uuid: own, requires } = streamOf(step);
      return !requires.some(({ uuid }) => open.has(uuid) && uuid !== own);
    });
    const position = (step: Step) => streamOf(step).source.position ?? -1;
    const next = ready.sort((a, b) => position(a) - position(b))[0] ?? [...waiting][0];
    if (next === undefined) break;
    waiting.delete(next);
    open.delete(streamOf(next).uuid);
    ordered.push(next);
  }
  return ordered;
}
