import type { TakenOver } from '../../archive/read/copies.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import type { FrameTaken } from '../../events/stream.ts';

/** The event of a frame that another copy of its stream provided. */
export function frameTaken(
  { called }: Pick<StoredStream, 'called'>,
  { failure, offset, instead }: TakenOver,
): FrameTaken {
  const archive = instead?.source.archive ?? null;
  return { type: 'frame-taken', stream: called, offset, archive, failure };
}
