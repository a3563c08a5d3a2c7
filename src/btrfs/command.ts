import { Failure } from '../failure/failure.ts';
import type { Path } from '../names/path.ts';
import { isRoot } from '../process/privilege.ts';
import { assertNotInterrupted, complaint, type Ended, start } from '../process/program.ts';

/** Runs `btrfs` to its end and gives its stdout; for commands whose output is small. */
export async function btrfs(
  args: readonly Path[],
  options: { signal?: AbortSignal | undefined } = {},
): Promise<{ stdout: Buffer; ended: Ended }> {
  const child = start('btrfs', args, options);
  const pieces: Buffer[] = [];
  child.stdout?.on('data', (piece: Buffer) => pieces.push(piece));
  const ended = await child.ended;
  assertStarted(ended);
  return { stdout: Buffer.concat(pieces), ended };
}

/**
 * Throws for the ends that mean the same for every btrfs command.
 * @throws {Failure} `interrupted`, `btrfs-progs` (not installed), `not-root`.
 */
export function assertStarted(ended: Ended): void {
  assertNotInterrupted(ended);
  if (ended.missing) {
    throw new Failure('btrfs-progs', 'the program btrfs is not installed', {
      hint: 'install it: apt install btrfs-progs',
    });
  }
  const refused = /operation not permitted|permission denied/i;
  if (ended.exitCode !== 0 && !isRoot() && ended.stderr.some((line) => refused.test(line))) {
    throw new Failure('not-root', `btrfs refused: ${complaint(ended)}`, {
      hint: 'run the same command with sudo',
    });
  }
}

/** What to do about a complaint that tells of a failing medium. */
export function adviceOn(said: string): { hint?: string } {
  // `btrfs send` gives no reason where a path that was there can't be resolved any more.
  if (/input\/output error|unable to resolve/i.test(said)) {
    return { hint: 'check the drive and its cable; dmesg tells what the kernel saw of it' };
  }
  if (/read-only file ?system/i.test(said)) {
    return { hint: 'a filesystem that turned read-only by itself needs a check; dmesg tells why' };
  }
  return {};
}
