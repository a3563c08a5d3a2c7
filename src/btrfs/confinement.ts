import { closeSync, openSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { Failure } from '../failure/failure.ts';
import { mountOf, mountTable } from './mounts.ts';
import type { Path } from './path.ts';
import { type Ended, start } from './process.ts';
import { atLeast, kernelVersion } from './version.ts';

/**
 * What keeps `btrfs receive` within the destination directory, should a stream lead it through a
 * symbolic link that a parent snapshot holds:
 * - `namespace`: in its own mount namespace, everything but that directory is read-only, device
 *   nodes can't be opened anywhere, and no symbolic link is followed in that directory, nor
 *   elsewhere on its filesystem unless that is mounted at `/`;
 * - `chroot`: `receive -C`, where the directory is what is mounted;
 * - `none`.
 */
export type Confinement = 'namespace' | 'chroot' | 'none';

/** A program that receives into a directory, with its arguments. */
export interface Command {
  readonly program: string;
  readonly args: readonly Path[];
  readonly confinement: Confinement;
}

/** Keeps `btrfs receive` within a directory, for as many streams as come. */
export interface Confining {
  /**
   * The strongest way that this machine has to receive the next stream; good until it is asked
   * for again.
   * @throws {Failure} `interrupted`.
   */
  command(signal?: AbortSignal): Promise<Command>;
  /** Lets go of what it holds, once no process is about to start. */
  close(): void;
}

export function confiningTo(into: Path): Confining {
  let mounts: Buffer | undefined;
  let namespace: number | undefined;
  let command: Command | undefined;
  const close = () => {
    if (namespace !== undefined) closeSync(namespace);
    namespace = undefined;
    command = undefined;
  };
  return {
    async command(signal) {
      const now = await mountTable();
      // What was mounted since could be written to in there.
      if (command !== undefined && mounts?.equals(now)) return command;
      close();
      mounts = now;
      const directory = await realpath(into, { encoding: 'buffer' });
      const { mountPoint } = await mountOf(directory);
      namespace = await openNamespace(directory, mountPoint, signal);
      command =
        namespace === undefined
          ? withoutNamespace(directory, mountPoint)
          : within(namespace, ['btrfs', '-q', 'receive', '-m', mountPoint, directory]);
      return command;
    },
    close,
  };
}

function within(namespace: number, [program, ...args]: readonly [string, ...Path[]]): Command {
  const mount = `--mount=/proc/${process.pid}/fd/${namespace}`;
  return { program: 'nsenter', args: [mount, program, ...args], confinement: 'namespace' };
}

function withoutNamespace(directory: Buffer, mountPoint: Buffer): Command {
  const args = ['-q', 'receive'];
  return mountPoint.equals(directory)
    ? { program: 'btrfs', args: [...args, '-C', directory], confinement: 'chroot' }
    : { program: 'btrfs', args: [...args, directory], confinement: 'none' };
}

/**
 * A mount namespace where all but the directory is read-only. It lives as long as the file
 * descriptor and the processes in it.
 *
 * @returns its file descriptor; undefined where this machine can't make one or enter it.
 * @throws {Failure} `interrupted`.
 */
async function openNamespace(
  directory: Buffer,
  mountPoint: Buffer,
  signal?: AbortSignal,
): Promise<number | undefined> {
  // Before 5.18 the kernel clones no data from one mount to another of the same filesystem, and
  // a parent's data is reached through another mount than the destination's.
  const possible = atLeast(kernelVersion(), 5, 18) && directory.length > 1;
  if (!possible) return undefined;
  // A drive that is unmounted while this lives must not stay mounted here, its data unwritten.
  const args = ['--mount', '--propagation', 'slave', 'sh', '-c', script, 'sh'];
  const options = { stdin: 'pipe', stdout: 'ignore', signal } as const;
  const maker = start('unshare', [...args, directory, mountPoint], options);
  if (!(await maker.stderrLine(confinedLine))) {
    assertNotEndedBySignal(await maker.ended);
    return undefined;
  }
  const namespace = openSync(`/proc/${maker.pid}/ns/mnt`, 'r');
  maker.stdin?.end();
  await maker.ended;
  const { program, args: entering } = within(namespace, ['true']);
  const entered = await start(program, entering, { stdout: 'ignore', signal }).ended;
  if (entered.exitCode === 0) return namespace;
  closeSync(namespace);
  assertNotEndedBySignal(entered);
  return undefined;
}

/** Whoever ends a program that confines must not get a `btrfs receive` that is less confined. */
function assertNotEndedBySignal({ canceled, signal }: Ended): void {
  if (canceled || signal !== undefined) throw new Failure('interrupted', 'interrupted');
}

/** What the maker of a namespace says on stderr once everything in it is read-only. */
const confinedLine = 'btrferry: confined';

/**
 * Mounts that lie below the destination are hidden by its bind mount. Automount points are left
 * alone: what is mounted there at a touch is mounted in another namespace. A mount that can't be
 * made read-only, such as one whose server is gone, is taken out of this namespace instead.
 * The marks `.` keep newlines at the end of a path from being cut off. A `mount` that doesn't know
 * nosymfollow (util-linux before 2.37) does without; /dev/null can't be opened any more by then.
 */
const script = `
set -f
dest=$1 root=$2
mount --bind "$dest" "$dest" || exit 99
mounts=$(cat /proc/self/mountinfo) || exit 99
while read -r id parent device from point options rest; do
  case "$rest" in *'- autofs '*) continue ;; esac
  case "$point" in *\\\\*)
    point=$(printf '%b.' "$(printf '%s' "$point" | sed 's/\\\\/\\\\0/g')")
    point=\${point%.} ;;
  esac
  case "$point" in "$dest" | "$dest"/*) continue ;; esac
  case "$point" in
    / ) ;;
    "$root") mount -o remount,bind,ro,nodev,nosymfollow "$point" 2>&- && continue ;;
  esac
  mount -o remount,bind,ro,nodev "$point" && continue
  case "$dest" in "$point"/*) ;; *) umount -l "$point" && continue ;; esac
  mountpoint -q "$point" || continue
  exit 99
done <<END
$mounts
END
mount -o remount,bind,nodev,nosymfollow "$dest" 2>&- ||
  mount -o remount,bind,nodev "$dest" || exit 99
echo '${confinedLine}' >&2
read -r end
`;
