import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { Failure } from '../failure/failure.ts';

/**
 * Refuses arguments that are not UTF-8. Node.js replaces their invalid bytes, so such a path would
 * name another file. /proc has the real bytes (proc(5)).
 *
 * @throws {Failure} `usage`
 */
export function assertTextArguments(): void {
  if (!process.argv.some((argument) => argument.includes('\ufffd'))) return;
  if (isUtf8(readFileSync('/proc/self/cmdline'))) return;
  throw new Failure('usage', 'a path on the command line is not UTF-8, and can not be passed on', {
    hint: 'give it another name for the moment: ln -s <path> /tmp/name, then use /tmp/name',
  });
}
