/** A thread that hashes the contents of files. */
import { createHash, hash } from 'node:crypto';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { DIGEST } from './entry.ts';

/** Bytes of a file to hash. */
export interface Request {
  /** Path of the file, any bytes. */
  readonly path: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** Several requests, so that small files do not cost a message each. */
export interface Job {
  readonly requests: readonly Request[];
  /** Bytes of a block. */
  readonly blockSize: number;
}

/** The SHA-256 of each block of one request. */
export type Digests = Uint8Array;

/** The error of a system call, which loses its code on the way between threads. */
export interface Trouble {
  readonly path: Uint8Array;
  readonly code: string;
  readonly errno: number | undefined;
  readonly syscall: string;
}

/** The code of a file that ended before the bytes that it should have. */
export const SHORT = 'ESHORT';

/** Bytes that are read at a time. */
const PIECE = 1024 * 1024;
const piece = Buffer.alloc(PIECE);

const { O_RDONLY, O_NOFOLLOW, O_NOATIME } = constants;

export default function run({ requests, blockSize }: Job): Digests[] | Trouble {
  const found: Digests[] = [];
  for (const { path, start, end } of requests) {
    try {
      found.push(digestsOf(Buffer.from(path), start, end, blockSize));
    } catch (error) {
      const { code, errno, syscall } = error as NodeJS.ErrnoException;
      if (code === undefined || syscall === undefined) throw error;
      return { path, code, errno, syscall };
    }
  }
  return found;
}

/** Hashes the blocks from `start` to `end` of a file. */
function digestsOf(path: Buffer, start: number, end: number, blockSize: number): Uint8Array {
  const digests = new Uint8Array(Math.ceil((end - start) / blockSize) * DIGEST);
  if (start === end) return digests;
  const file = openSync(path, O_RDONLY | O_NOFOLLOW | O_NOATIME);
  try {
    // Small blocks are read several at a time.
    const step = blockSize < PIECE ? PIECE - (PIECE % blockSize) : blockSize;
    for (let at = start; at < end; at += step) {
      const length = Math.min(step, end - at);
      const found = digests.subarray(((at - start) / blockSize) * DIGEST);
      if (step === blockSize) found.set(digestOf(file, at, length));
      else digestEach(fill(file, piece.subarray(0, length), at), blockSize, found);
    }
  } finally {
    closeSync(file);
  }
  return digests;
}

function digestEach(bytes: Uint8Array, blockSize: number, digests: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += blockSize) {
    const digest = hash('sha256', bytes.subarray(at, at + blockSize), 'buffer');
    digests.set(digest, (at / blockSize) * DIGEST);
  }
}

function digestOf(file: number, start: number, length: number): Uint8Array {
  if (length <= PIECE)
    return hash('sha256', fill(file, piece.subarray(0, length), start), 'buffer');
  const sum = createHash('sha256');
  for (let at = 0; at < length; at += PIECE) {
    sum.update(fill(file, piece.subarray(0, Math.min(PIECE, length - at)), start + at));
  }
  return sum.digest();
}

function fill(file: number, into: Uint8Array, offset: number): Uint8Array {
  for (let done = 0; done < into.length; ) {
    const length = readSync(file, into, done, into.length - done, offset + done);
    if (length === 0) throw Object.assign(new Error(SHORT), { code: SHORT, syscall: 'read' });
    done += length;
  }
  return into;
}
