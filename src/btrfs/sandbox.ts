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
 *   read-only, no device node can be opened, and no symbolic link is followed in the directory, nor
 *   elsewhere on its filesystem unless that is mounted at `/`.
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
  /** The last line on stderr that is not from `btrfs receive`; undefined if all are from it. */
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
  /** The namespace of the last stream, because making one starts a program for each mount. */
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

/** Returns undefined if the namespace has changed or cannot be entered. */
async function inNamespace(
  { file, mounts, ...made }: Namespace,
  { directory, mountPoint, mountsOutside }: Destination,
  begin: Start,
): Promise<SandboxedReceive | undefined> {
  // A drive that was unmounted outside may still be mounted inside. Only the outside table shows it.
  const same = made.directory.equals(directory) && made.mountsOutside.equals(mountsOutside);
  if (!same) return undefined;
  const mount = `--mount=/proc/${process.pid}/fd/${file}`;
  const enter = ['sh', '-c', script, 'sh', 'enter', directory, mountPoint, mounts];
  return confined(begin('nsenter', [mount, ...enter]));
}

/** Returns undefined if this machine cannot make a namespace. */
async function inNewNamespace(
  { directory, mountPoint }: Destination,
  begin: Start,
): Promise<SandboxedReceive | undefined> {
  // Before 5.18 the kernel clones no data between two mounts of one filesystem, and the parent's
  // data is reached through another mount than the destination's.
  const possible = atLeast(kernelVersion(), 5, 18) && directory.length > 1;
  if (!possible) return undefined;
  // A drive that is unmounted outside must not stay mounted here with unwritten data.
  const unshare = ['--mount', '--propagation', 'slave'];
  const make = ['sh', '-c', script, 'sh', 'make', directory, mountPoint];
  return confined(begin('unshare', [...unshare, ...make]));
}

function inNone({ directory, mountPoint }: Destination, begin: Start): SandboxedReceive {
  const receive = ['-q', 'receive'];
  return mountPoint.equals(directory)
    ? { child: begin('btrfs', [...receive, '-C', directory]), confinement: 'chroot' }
    : { child: begin('btrfs', [...receive, directory]), confinement: 'none' };
}

/** Returns undefined, once the process has ended, if it could not be confined. */
async function confined(child: Running): Promise<SandboxedReceive | undefined> {
  const lead = await child.stderrLine(CONFINED);
  if (lead !== undefined) return { child, confinement: 'namespace', lead };
  const { canceled, signal } = await child.ended;
  // A signal to the confining program must not lead to a `btrfs receive` that is less confined.
  if (canceled || signal !== undefined) throw new Failure('interrupted', 'interrupted');
  return undefined;
}

/**
 * The namespace that was made for a `btrfs receive`. If `unshare` is a wrapper, or /proc belongs to
 * other processes, it may be a different namespace. The next stream finds that by its mounts.
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

/** The line on stderr after which `btrfs receive` begins, from sandbox.sh. */
const CONFINED = 'btrferry: confined';

/** A shell reads a script file bit by bit, and the sandbox may unmount it: pass its text. */
const script = readFileSync(new URL('./sandbox.sh', import.meta.url), 'utf8');
