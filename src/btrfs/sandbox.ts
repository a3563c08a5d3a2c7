import { closeSync, openSync, readFileSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { Failure } from '../failure/failure.ts';
import type { Path } from '../names/path.ts';
import { type Running, start } from '../process/program.ts';
import { mountOf, mountTable } from './mounts.ts';
import { atLeast, kernelVersion } from './version.ts';

/**
 * The way in which `btrfs receive` is kept within the destination directory. A stream could lead it
 * out through a symbolic link that a parent snapshot holds.
 * - `namespace`: it runs in a mount namespace of its own. There, everything but the directory is
 *   read-only, and no device node can be opened. With util-linux 2.37 or later, the kernel also
 *   refuses to follow symbolic links in the directory and, unless it is `/`, in the mount that the
 *   directory lies on.
 * - `chroot`: `receive -C`. Possible if the directory is a mount point.
 * - `none`.
 */
export type Confinement = 'namespace' | 'chroot' | 'none';

/** Starts `btrfs receive` in one directory, for any number of streams. */
export interface Sandbox {
  /**
   * Starts `btrfs receive` with the strongest confinement that this machine has.
   *
   * @param stdin file descriptor of the stream, which the caller keeps
   * @throws {Failure} `interrupted`
   */
  receive(stdin: number, signal?: AbortSignal): Promise<SandboxedReceive>;
  /** Call it when the last process has ended. */
  close(): void;
}

/** A `btrfs receive` that was started. */
export interface SandboxedReceive {
  readonly child: Running;
  readonly confinement: Confinement;
  /**
   * The line on stderr with which sandbox.sh reports that it is confined. `btrfs receive` writes
   * everything after it. Undefined without a namespace.
   */
  readonly lead?: string;
}

/** A mount namespace. It lives as long as the file descriptor and the processes in it. */
interface Namespace {
  readonly file: number;
  /** SHA-256 of its /proc/self/mountinfo, as sha256sum prints it. */
  readonly mounts: string;
  /** The mount table outside of it when it was made. */
  readonly mountsOutside: Buffer;
  /** The only directory in it that can be written to. */
  readonly directory: Buffer;
}

/** The directory to receive into, and the mounts when the process starts. */
interface Destination {
  readonly directory: Buffer;
  readonly mountPoint: Buffer;
  readonly mountsOutside: Buffer;
}

type Start = (program: string, args: readonly Path[]) => Running;

export function sandboxAround(into: Path): Sandbox {
  /** The last stream's namespace, kept for reuse: making one starts a program for each mount. */
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
      if (fresh === undefined) return withoutNamespace(destination, begin);
      namespace = namespaceOf(fresh, destination);
      return fresh;
    },
    close,
  };
}

/** Starts `btrfs receive` in a namespace. Returns undefined if it has changed or cannot be entered. */
async function inNamespace(
  { file, mounts, ...made }: Namespace,
  { directory, mountPoint, mountsOutside }: Destination,
  begin: Start,
): Promise<SandboxedReceive | undefined> {
  // If another process holds a drive in the namespace, it stays mounted there after it was unmounted
  // outside. Only the table of mounts outside shows that.
  const same = made.directory.equals(directory) && made.mountsOutside.equals(mountsOutside);
  if (!same) return undefined;
  const mount = `--mount=/proc/${process.pid}/fd/${file}`;
  const enter = ['sh', '-c', script, 'sh', 'enter', directory, mountPoint, mounts];
  return confined(begin('nsenter', [mount, ...enter]));
}

/** Starts `btrfs receive` in a new namespace. Returns undefined if this machine cannot make one. */
async function inNewNamespace(
  { directory, mountPoint }: Destination,
  begin: Start,
): Promise<SandboxedReceive | undefined> {
  // Before Linux 5.18, the kernel refuses to clone data between two mounts of one filesystem, and in
  // the namespace the parent and the destination are on different mounts. With `/` as
  // the directory, nothing would be read-only.
  const possible = atLeast(kernelVersion(), 5, 18) && directory.length > 1;
  if (!possible) return undefined;
  // Unmounts outside propagate, so that no drive stays mounted here with unwritten data.
  const unshare = ['--mount', '--propagation', 'slave'];
  const make = ['sh', '-c', script, 'sh', 'make', directory, mountPoint];
  return confined(begin('unshare', [...unshare, ...make]));
}

function withoutNamespace({ directory, mountPoint }: Destination, begin: Start): SandboxedReceive {
  const receive = ['-q', 'receive'];
  return mountPoint.equals(directory)
    ? { child: begin('btrfs', [...receive, '-C', directory]), confinement: 'chroot' }
    : { child: begin('btrfs', [...receive, directory]), confinement: 'none' };
}

/** Waits until the child reports that it is confined. Returns undefined if it ends without that. */
async function confined(child: Running): Promise<SandboxedReceive | undefined> {
  const lead = await child.stderrLine(CONFINED);
  if (lead !== undefined) return { child, confinement: 'namespace', lead };
  const { canceled, signal } = await child.ended;
  // A signal to the confining program must not lead to a `btrfs receive` that is less confined.
  if (canceled || signal !== undefined) throw new Failure('interrupted', 'interrupted');
  return undefined;
}

/**
 * The namespace that was made for a `btrfs receive`. If `unshare` is a wrapper, or /proc shows another
 * PID namespace, it may be a wrong one. The next stream detects that, because the mounts differ.
 */
function namespaceOf(
  { child, lead = '' }: SandboxedReceive,
  { directory, mountsOutside }: Destination,
): Namespace | undefined {
  const mounts = lead.slice(CONFINED.length).trim();
  if (mounts === '') return undefined;
  try {
    const file = openSync(`/proc/${child.pid}/ns/mnt`, 'r');
    return { file, mounts, mountsOutside, directory };
  } catch {
    return undefined;
  }
}

/** Start of the line on stderr that sandbox.sh prints before it starts `btrfs receive`. */
const CONFINED = 'btrferry: confined';

/**
 * The text of sandbox.sh. It is passed as an argument, because a shell reads a script file piece by
 * piece, and the sandbox may unmount the filesystem that holds the file.
 */
const script = readFileSync(new URL('./sandbox.sh', import.meta.url), 'utf8');
