import type { FailureCode } from '../../src/failure/failure.ts';
import { end, streamOf, subvol } from '../sendstream/streams.ts';
import { mkfile, write } from './bodies.ts';
import { type Forgery, forge } from './forge.ts';

/** Archives whose stream is good, and whose files are not what they seem. */
export interface HostileArchive {
  readonly name: string;
  /** Makes it; the directory is there, and empty. */
  readonly make: (archive: string) => void;
  /** Why it is refused. */
  readonly code: FailureCode;
  /** The findings of `verify`, if they differ; null if nothing is damaged. */
  readonly found?: FailureCode | null;
}

export const goodStream = streamOf(2, [
  subvol,
  mkfile('f'),
  write('f', Buffer.alloc(20_000, 'good ')),
  end,
]);

/** Around the good stream, with one thing wrong. */
export const forged = (name: string, code: FailureCode, forgery: Forgery): HostileArchive => ({
  name,
  code,
  make: (archive) => void forge(archive, goodStream, forgery),
});
