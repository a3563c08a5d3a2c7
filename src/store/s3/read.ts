import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../../failure/failure.ts';
import type { OpenFile } from '../store.ts';
import type { Bucket } from './bucket.ts';

/** Attempts in a row that bring no byte, after which a read fails. */
const ATTEMPTS = 5;

/** Pause after the first of them, milliseconds. Each later one is twice as long. */
const PAUSE = 250;

/** Time without a byte after which a connection counts as broken, milliseconds. */
export const STALL = 30_000;

export interface Reading {
  readonly bucket: Bucket;
  readonly path: string;
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  readonly signal: AbortSignal | undefined;
  /** Time without a byte after which the connection counts as broken, milliseconds. */
  readonly stall: number;
}

/**
 * Reads a range of an object by one request. If the connection breaks, continues at the byte where it
 * broke, and only in the same object.
 *
 * @throws {Failure} those of {@link Bucket}
 */
export async function* readObject(reading: Reading): AsyncGenerator<Uint8Array> {
  const { bucket, path, end, signal, stall } = reading;
  let { start } = reading;
  let etag: string | undefined;
  for (let failed = 0; start < end; ) {
    let broken: unknown;
    try {
      const { body, etag: found } = await bucket.get(path, { start, end }, etag);
      etag ??= found;
      const watch = stallWatch(stall, () => body.destroy(new Error('ETIMEDOUT')));
      try {
        for await (const piece of body as AsyncIterable<Uint8Array>) {
          watch.pause();
          const wanted = piece.subarray(0, end - start);
          start += wanted.length;
          failed = 0;
          yield wanted;
          watch.resume();
        }
        broken = new Error('ENDED');
      } finally {
        watch.pause();
        body.destroy();
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof Failure) throw error;
      broken = error;
    }
    if (start >= end) return;
    failed++;
    if (failed === ATTEMPTS) throw brokenOff(reading, start, broken);
    await sleep(PAUSE * 2 ** (failed - 1), undefined, signal === undefined ? {} : { signal });
  }
}

/** Bytes at the end of an object that are read at once: the seek table of a part of 11 GiB. */
const TAIL = 64 * 1024;

/** Ends of objects that are kept. The oldest one goes first. */
const KEPT = 256;

/**
 * Reads the ends of objects. A reader of parts asks for their seek tables several times, and stores
 * bill requests.
 */
export class Tails {
  readonly #kept = new Map<string, Promise<Uint8Array>>();

  /**
   * Reads a range near the end of an object of `length` bytes.
   *
   * @returns undefined if the range begins before its last 64 KiB
   */
  async read(reading: Reading, length: number): Promise<Uint8Array | undefined> {
    const { path, start, end } = reading;
    const from = Math.max(0, length - TAIL);
    if (start < from || start >= end) return undefined;
    let tail = this.#kept.get(path);
    if (tail === undefined) {
      tail = gathered(readObject({ ...reading, start: from, end: length }));
      this.#kept.set(path, tail);
      tail.catch(() => this.#kept.delete(path));
      const [oldest] = this.#kept.keys();
      if (this.#kept.size > KEPT && oldest !== undefined) this.#kept.delete(oldest);
    }
    return (await tail).subarray(start - from, end - from);
  }

  /** Forgets all, because objects were removed. */
  forget(): void {
    this.#kept.clear();
  }
}

async function gathered(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

/** Calls `onStall` if it is not paused for this time. */
function stallWatch(stall: number, onStall: () => void): { pause(): void; resume(): void } {
  let timer: NodeJS.Timeout | undefined;
  const pause = () => clearTimeout(timer);
  const resume = () => {
    timer = setTimeout(onStall, stall);
  };
  resume();
  return { pause, resume };
}

function brokenOff({ bucket, path }: Reading, offset: number, error: unknown): Failure {
  const { location } = bucket.place;
  const { code, message } = error as NodeJS.ErrnoException;
  return new Failure(
    'storage-failed',
    `cannot read ${path} in ${location} at byte ${offset}: ${code ?? message}`,
    {
      hint: 'check the network, then run the same command again',
      where: { archive: location, file: path, offset },
    },
  );
}

/**
 * Opens an object of `length` bytes for random reads. Reads in a row, each from where the last one
 * ended, share one request.
 */
export function openObject(reading: Omit<Reading, 'start'>): OpenFile {
  let pieces: AsyncGenerator<Uint8Array> | undefined;
  /** Bytes that were read and not used. */
  let ahead: Uint8Array = new Uint8Array(0);
  let position = 0;
  const begin = async (offset: number) => {
    await pieces?.return(undefined);
    pieces = readObject({ ...reading, start: offset });
    ahead = new Uint8Array(0);
    position = offset;
    return pieces;
  };
  return {
    async read(into, offset) {
      const source = pieces !== undefined && offset === position ? pieces : await begin(offset);
      for (let done = 0; done < into.length; ) {
        if (ahead.length === 0) ahead = (await source.next()).value ?? ahead;
        if (ahead.length === 0) throw endsEarly(reading, position);
        const taken = ahead.subarray(0, into.length - done);
        into.set(taken, done);
        ahead = ahead.subarray(taken.length);
        done += taken.length;
        position += taken.length;
      }
    },
    close: () => void pieces?.return(undefined),
  };
}

function endsEarly({ bucket, path }: Omit<Reading, 'start'>, offset: number): Failure {
  return new Failure('read-failed', `${path} in ${bucket.place.location} ends at byte ${offset}`, {
    where: { archive: bucket.place.location, file: path, offset },
  });
}
