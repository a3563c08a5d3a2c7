import { Failure } from '../failure/failure.ts';
import type { Path } from '../names/path.ts';
import { isRoot } from '../process/privilege.ts';
import { assertNotInterrupted, complaint, type Ended, start } from '../process/program.ts';

/**
 * Runs `btrfs` to its end, for commands with little output.
 *
 * @returns its stdout
 * @throws {Failure} those of {@link assertStarted}
 */
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
 * Throws for endings that mean the same for every btrfs command.
 *
 * @throws {Failure} `interrupted`, `btrfs-progs` (not installed), `not-root`
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

/** Gives advice on a complaint that points to a failing medium. */
export function adviceOn(said: string): { hint?: string } {
  // `btrfs send` gives no reason if a path no longer resolves.
  if (/input\/output error|unable to resolve/i.test(said)) {
    return { hint: 'check the drive and its cable; dmesg tells what the kernel saw of it' };
  }
  if (/read-only file ?system/i.test(said)) {
    return { hint: 'a filesystem that turned read-only by itself needs a check; dmesg tells why' };
  }
  return {};
}
