import type { Readable, Writable } from 'node:stream';
import { Failure } from '../failure/failure.ts';

/**
 * stdin as a source of data.
 *
 * @throws {Failure} `usage` if it is a terminal
 */
export function dataInput(): Readable {
  if (!process.stdin.isTTY) return process.stdin;
  throw new Failure('usage', 'stdin is a terminal, not a stream', {
    hint: 'pipe a stream into it: btrfs send SNAPSHOT | btrferry inspect -',
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
