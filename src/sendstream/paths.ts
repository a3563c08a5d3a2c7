import { Failure } from '../failure/failure.ts';
import { printable } from '../names/printable.ts';
import type { Command } from './commands.ts';

/**
 * Which paths a stream may name. `btrfs receive` joins what it is given to the path of the
 * subvolume and opens that, so everything that leaves the subvolume has to be refused before.
 */

/** Longest component: NAME_MAX of Linux, BTRFS_NAME_LEN. */
const NAME_MAX = 255;
/** Longest path: PATH_MAX of Linux, without the closing NUL. */
const PATH_MAX = 4095;

const NUL = 0;
const DOT = 0x2e;
const SLASH = 0x2f;

/** Why a path inside the subvolume is unfit, or undefined. The empty path is unfit here. */
export function pathProblem(path: Uint8Array): string | undefined {
  if (path.length === 0) return 'is empty';
  if (path.length > PATH_MAX) return `is longer than ${PATH_MAX} bytes`;
  let start = 0;
  for (let i = 0; i <= path.length; i += 1) {
    const byte = i === path.length ? SLASH : path[i];
    if (byte === NUL) return 'holds a NUL';
    if (byte !== SLASH) continue;
    const length = i - start;
    if (length === 0) return start === 0 ? 'is absolute' : 'has an empty component';
    if (length > NAME_MAX) return `has a component longer than ${NAME_MAX} bytes`;
    if (path[start] === DOT && (length === 1 || (length === 2 && path[start + 1] === DOT))) {
      return length === 1 ? "has a component '.'" : "has a component '..'";
    }
    start = i + 1;
  }
  return undefined;
}

/** Why the name of a subvolume is unfit, or undefined: it has to be exactly one component. */
export function nameProblem(name: Uint8Array): string | undefined {
  if (name.includes(SLASH)) return 'is more than one component';
  return pathProblem(name);
}

/** Why the target of a symlink is unfit, or undefined. It is stored, and not opened. */
function targetProblem(target: Uint8Array): string | undefined {
  if (target.length === 0) return 'is empty';
  if (target.length > PATH_MAX) return `is longer than ${PATH_MAX} bytes`;
  return target.includes(NUL) ? 'holds a NUL' : undefined;
}

/**
 * Checks each path of a command. The empty path means the subvolume itself, and is let through
 * where the kernel sends it.
 *
 * @throws Failure `stream-unsafe-path`
 */
export function checkPaths(command: Command): void {
  switch (command.type) {
    case 'END':
      return;
    case 'SUBVOL':
    case 'SNAPSHOT':
      refuse(command, 'name', command.path, nameProblem(command.path));
      return;
    case 'CHMOD':
    case 'CHOWN':
    case 'UTIMES':
    case 'SET_XATTR':
    case 'REMOVE_XATTR':
    case 'FILEATTR':
      if (command.path.length === 0) return;
      break;
    case 'RENAME':
      refuse(command, 'new path', command.pathTo, pathProblem(command.pathTo));
      break;
    case 'LINK':
      refuse(command, 'path of the link', command.pathLink, pathProblem(command.pathLink));
      break;
    case 'SYMLINK':
      refuse(command, 'target', command.pathLink, targetProblem(command.pathLink));
      break;
    case 'CLONE':
      refuse(command, 'source path', command.clonePath, pathProblem(command.clonePath));
      break;
  }
  refuse(command, 'path', command.path, pathProblem(command.path));
}

function refuse(
  command: Command,
  role: string,
  path: Uint8Array,
  problem: string | undefined,
): void {
  if (problem !== undefined) throw unsafePath(command, path, `${role} ${problem}`);
}

/** A `stream-unsafe-path` failure. `problem` begins with what the path is in the command. */
export function unsafePath(command: Command, path: Uint8Array, problem: string): Failure {
  const text = printable(path.length > PATH_MAX ? path.subarray(0, PATH_MAX) : path);
  return new Failure(
    'stream-unsafe-path',
    `unsafe path in ${command.type} at byte ${command.offset} of the stream: ${problem}: '${text}'`,
    {
      hint: 'btrfs does not send such a stream; do not trust where it comes from',
      where: { offset: command.offset, path: text },
    },
  );
}
