import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { Failure } from '../failure/failure.ts';

/**
 * Node.js reads arguments as UTF-8 and replaces what isn't, so that such a path would name
 * something else. The bytes as they were given stand in /proc (proc(5)).
 *
 * @throws Failure `usage`
 */
export function assertTextArguments(): void {
  if (!process.argv.some((argument) => argument.includes('\ufffd'))) return;
  if (isUtf8(readFileSync('/proc/self/cmdline'))) return;
  throw new Failure('usage', 'a path on the command line is not UTF-8, and can not be passed on', {
    hint: 'give it another name for the moment: ln -s <path> /tmp/name, then use /tmp/name',
  });
}
