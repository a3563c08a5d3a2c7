import type { Readable, Writable } from 'node:stream';
import { Failure } from '../failure/failure.ts';

/**
 * stdin as a source of data.
 *
 * @throws {Failure} `usage` if it is a terminal
 */
export function dataInput(): Readable {
  if (!process.stdin.isTTY) return process.stdin;
  throw new Failure('usage', 'stdin is a terminal, and no data comes from it', {
    hint: 'pipe a stream or a tar file into it: ssh HOST cat FILE.tar | btrferry …',
  });
}

/**
 * stdout as a destination for data.
 *
 * @throws {Failure} `usage` if it is a terminal
 */
export function dataOutput(): Writable {
  if (!process.stdout.isTTY) return process.stdout;
  throw new Failure('usage', 'stdout is a terminal, which cannot take data', {
    hint: 'send it to a file or a pipe',
  });
}
