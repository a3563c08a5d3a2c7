import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { Failure } from '../../failure/failure.ts';
import type { ByteRange, OpenFile } from '../store.ts';
import { reading } from './failures.ts';
import { readAt } from './medium.ts';
import { type Place, pathOf } from './place.ts';

const READ_PIECE = 1024 * 1024;

/** Opens a file for random reads. */
export async function openFile(place: Place): Promise<OpenFile> {
  const file = await openToRead(place);
  return {
    async read(into, offset) {
      for (let done = 0; done < into.length; ) {
        const rest = into.subarray(done);
        const at = offset + done;
        const bytesRead = await reading(place, () => readAt(file, rest, rest.length, at), at);
        if (bytesRead === 0) throw endsEarly(place, at, offset + into.length);
        done += bytesRead;
      }
    },
    close: () => closeSync(file),
  };
}

/** Reads a file, or a range of it. A piece is valid until the next one is requested. */
export async function* readFile(place: Place, range?: ByteRange): AsyncGenerator<Uint8Array> {
  const file = await openToRead(place);
  const readPiece = pieceReader(file);
  let next: ReturnType<typeof readPiece> | undefined;
  try {
    const end = range?.end ?? (await reading(place, async () => fstatSync(file))).size;
    let offset = range?.start ?? 0;
    // Read the next piece while the consumer works on this one.
    next = offset < end ? readPiece(offset, end - offset) : undefined;
    while (next !== undefined) {
      const { buffer, bytes } = next;
      const bytesRead = await reading(place, () => bytes, offset);
      if (bytesRead === 0) throw endsEarly(place, offset, end);
      offset += bytesRead;
      next = offset < end ? readPiece(offset, end - offset) : undefined;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await next?.bytes.catch(() => {});
    closeSync(file);
  }
}

/** Reads pieces into two buffers in turn: new ones for each would keep the garbage collector busy. */
function pieceReader(file: number) {
  const buffers: Buffer[] = [];
  return (from: number, room: number) => {
    const length = Math.min(READ_PIECE, room);
    const buffer =
      buffers.length < 2 ? Buffer.allocUnsafeSlow(length) : (buffers.shift() as Buffer);
    buffers.push(buffer);
    const bytes = readAt(file, buffer, Math.min(length, buffer.length), from);
    bytes.catch(() => {}); // thrown when the piece is used
    return { buffer, bytes };
  };
}

/** Opens a file. The caller has just examined it, so it is cached and the call does not wait. */
function openToRead(place: Place): Promise<number> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW;
  return reading(place, async () => openSync(pathOf(place), flags));
}

function endsEarly(place: Place, offset: number, end: number): Failure {
  return new Failure('read-failed', `${pathOf(place)} ends at byte ${offset}, before byte ${end}`, {
    where: { ...place, offset },
  });
}
