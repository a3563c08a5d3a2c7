import { realpath } from 'node:fs/promises';
import { mountOf } from './mounts.ts';
import type { Path } from './path.ts';
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

/** A program with its arguments. */
export interface Command {
  readonly program: string;
  readonly args: readonly Path[];
  readonly confinement: Confinement;
}

/** The stderr line that tells that everything is read-only and `btrfs receive` comes next. */
export const confinedLine = 'btrferry: confined';

/**
 * The ways to run `btrfs receive` into a directory, the strongest first. Whether the first works
 * is known once it printed {@link confinedLine}, before it reads anything.
 */
export async function receiveCommands(into: Path): Promise<Command[]> {
  const directory = await realpath(into, { encoding: 'buffer' });
  const { mountPoint } = await mountOf(directory);
  const receive = ['-q', 'receive'];
  const weaker: Command = mountPoint.equals(directory)
    ? { program: 'btrfs', args: [...receive, '-C', directory], confinement: 'chroot' }
    : { program: 'btrfs', args: [...receive, directory], confinement: 'none' };
  // Before 5.18 the kernel clones no data from one mount to another of the same filesystem, and
  // a parent's data is reached through another mount than the destination's.
  const possible = atLeast(kernelVersion(), 5, 18) && directory.length > 1;
  if (!possible) return [weaker];
  // A drive that is unmounted while this runs must not stay mounted here, its data unwritten.
  const args = ['--mount', '--propagation', 'slave', 'sh', '-c', script, 'sh'];
  return [
    {
      program: 'unshare',
      args: [...args, directory, mountPoint],
      confinement: 'namespace',
    },
    weaker,
  ];
}

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
cd / || exit 99
echo '${confinedLine}' >&2
exec btrfs -q receive -m "$root" "$dest"
`;
