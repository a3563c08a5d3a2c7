import { checkParity } from '../../archive/parity/check.ts';
import { makeParity } from '../../archive/parity/create.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import type { WritableStore } from '../../store/store.ts';
import { Meter } from '../meter.ts';
import type { Context } from '../operation.ts';

/**
 * Adds parity to a stream, unless it has some that is intact.
 *
 * @returns bytes of the files that were written; 0 if the stream was protected already
 */
export async function protectStream(
  store: WritableStore,
  stream: StoredStream,
  percent: number,
  { emit, signal }: Context,
): Promise<number> {
  const { isProtected, failures } = await checkParity(stream, signal);
  if (isProtected && failures.length === 0) return 0;
  const meter = new Meter('protect', stream.called, emit);
  meter.total = stream.storedBytes;
  let read = 0;
  const onProgress = (bytes: number) => {
    read += bytes;
    // Each byte is read twice.
    meter.advance(Math.min(stream.storedBytes, Math.floor(read / 2)), 0);
  };
  const written = await makeParity({ store, stream, onProgress, signal }, percent);
  meter.advance(stream.storedBytes, written);
  meter.done(stream.source.directory);
  return written;
}
