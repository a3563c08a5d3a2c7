import { closeSync, openSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { Failure } from '../failure/failure.ts';
import type { Path } from '../names/path.ts';
import { mountOf, mountTable } from './mounts.ts';
import { type Running, start } from './process.ts';
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

/** Starts `btrfs receive` in a directory, for as many streams as come. */
export interface Confining {
  /**
   * Starts it in the strongest way that this machine has.
   * @param stdin file descriptor of the stream, which the caller keeps
   * @throws {Failure} `interrupted`.
   */
  receive(stdin: number, signal?: AbortSignal): Promise<Confined>;
  /** To be called when the last one has ended. */
  close(): void;
}

/** A `btrfs receive` that was started. */
export interface Confined {
  readonly child: Running;
  readonly confinement: Confinement;
  /** The last line on stderr that is not its own; none where all are. */
  readonly lead?: string;
}

/** A mount namespace that lives as long as the file descriptor and the processes in it. */
interface Namespace {
  readonly file: number;
  /** SHA-256 of /proc/self/mountinfo in it, as sha256sum prints it. */
  readonly mounts: string;
  /** Mounts outside of it when it was made. */
  readonly mountsOutside: Buffer;
  /** The directory that can be written to in it. */
  readonly directory: Buffer;
}

/** Where to receive. */
interface Destination {
  readonly directory: Buffer;
  readonly mountPoint: Buffer;
  readonly mountsOutside: Buffer;
}

type Start = (program: string, args: readonly Path[]) => Running;

export function confiningTo(into: Path): Confining {
  /** That of the last stream: to make one takes a program for each mount. */
  let namespace: Namespace | undefined;
  const close = () => {
    if (namespace !== undefined) closeSync(namespace.file);
    namespace = undefined;
  };
  return {
    async receive(stdin, signal) {
      const directory = await realpath(into, { encoding: 'buffer' });
      const { mountPoint } = await mountOf(directory);
      const mountsOutside = await mountTable();
      const destination = { directory, mountPoint, mountsOutside };
      const begin: Start = (program, args) =>
        start(program, args, { stdin, stdout: 'ignore', signal });
      const again = namespace && (await inNamespace(namespace, destination, begin));
      if (again !== undefined) return again;
      close();
      const fresh = await inNewNamespace(destination, begin);
      if (fresh === undefined) return inNone(destination, begin);
      namespace = namespaceOf(fresh, destination);
      return fresh;
    },
    close,
  };
}

/** Undefined where the namespace is not what it was, or can't be entered. */
async function inNamespace(
  { file, mounts, ...made }: Namespace,
  { directory, mountPoint, mountsOutside }: Destination,
  begin: Start,
): Promise<Confined | undefined> {
  // Where mounts are private, only outside tells that a drive was unmounted, which lives on inside.
  const same = made.directory.equals(directory) && made.mountsOutside.equals(mountsOutside);
  if (!same) return undefined;
  const mount = `--mount=/proc/${process.pid}/fd/${file}`;
  const script = ['sh', '-c', enterScript, 'sh', directory, mountPoint, mounts];
  return confined(begin('nsenter', [mount, ...script]));
}

/** Undefined where this machine can't make one. */
async function inNewNamespace(
  { directory, mountPoint }: Destination,
  begin: Start,
): Promise<Confined | undefined> {
  // Before 5.18 the kernel clones no data from one mount to another of the same filesystem, and
  // a parent's data is reached through another mount than the destination's.
  const possible = atLeast(kernelVersion(), 5, 18) && directory.length > 1;
  if (!possible) return undefined;
  // A drive that is unmounted while this lives must not stay mounted here, its data unwritten.
  const args = ['--mount', '--propagation', 'slave', 'sh', '-c', makeScript, 'sh'];
  return confined(begin('unshare', [...args, directory, mountPoint]));
}

function inNone({ directory, mountPoint }: Destination, begin: Start): Confined {
  const receive = ['-q', 'receive'];
  return mountPoint.equals(directory)
    ? { child: begin('btrfs', [...receive, '-C', directory]), confinement: 'chroot' }
    : { child: begin('btrfs', [...receive, directory]), confinement: 'none' };
}

/** Undefined, once it has ended, where the process could not be confined. */
async function confined(child: Running): Promise<Confined | undefined> {
  const lead = await child.stderrLine(confinedLine);
  if (lead !== undefined) return { child, confinement: 'namespace', lead };
  const { canceled, signal } = await child.ended;
  // Whoever ends a program that confines must not get a `btrfs receive` that is less confined.
  if (canceled || signal !== undefined) throw new Failure('interrupted', 'interrupted');
  return undefined;
}

/**
 * The namespace that was made for a `btrfs receive`. It may be another one: where `unshare` is a
 * wrapper, or /proc is that of other processes. The next stream's look at its mounts finds that.
 */
function namespaceOf(
  { child, lead = '' }: Confined,
  { directory, mountsOutside }: Destination,
): Namespace | undefined {
  const mounts = lead.slice(confinedLine.length).trim();
  if (mounts === '') return undefined;
  try {
    const file = openSync(`/proc/${child.pid}/ns/mnt`, 'r');
    return { file, mounts, mountsOutside, directory };
  } catch {
    return undefined;
  }
}

/** What a process says on stderr when everything is read-only and `btrfs receive` comes next. */
const confinedLine = 'btrferry: confined';

/**
 * Whatever was mounted or unmounted since, or is another namespace, has another table: what is
 * mounted anew is not read-only yet.
 */
const enterScript = `
dest=$1 root=$2
[ "$(sha256sum </proc/self/mountinfo)" = "$3" ] || exit 99
echo '${confinedLine}' >&2
exec btrfs -q receive -m "$root" "$dest"
`;

/**
 * Mounts that lie below the destination are hidden by its bind mount. Automount points are left
 * alone: what is mounted there at a touch is mounted in another namespace. A mount that can't be
 * made read-only, such as one whose server is gone, is taken out of this namespace instead.
 * The marks `.` keep newlines at the end of a path from being cut off. A `mount` that doesn't know
 * nosymfollow (util-linux before 2.37) does without; /dev/null can't be opened any more by then.
 */
const makeScript = `
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
cd / || exit 99
echo "${confinedLine} $(sha256sum </proc/self/mountinfo)" >&2
exec btrfs -q receive -m "$root" "$dest"
`;
