import { Failure } from '../failure/failure.ts';
import { printable } from '../names/printable.ts';
import type { Command } from './commands.ts';

/**
 * The paths that a stream may name. `btrfs receive` joins each path to that of the subvolume and
 * opens the result, so every path that leaves the subvolume must be refused before.
 */

/** Bytes of the longest component: NAME_MAX of Linux, BTRFS_NAME_LEN. */
const NAME_MAX = 255;
/** Bytes of the longest path: PATH_MAX of Linux without the closing NUL. */
const PATH_MAX = 4095;

const NUL = 0;
const DOT = 0x2e;
const SLASH = 0x2f;

/**
 * Returns what is wrong with a path inside the subvolume; undefined if nothing is. Refuses the
 * empty path.
 */
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

/** Returns what is wrong with the name of a subvolume, which must be one component. */
export function nameProblem(name: Uint8Array): string | undefined {
  if (name.includes(SLASH)) return 'is more than one component';
  return pathProblem(name);
}

/** Returns what is wrong with the target of a symlink, which is stored but not opened. */
function targetProblem(target: Uint8Array): string | undefined {
  if (target.length === 0) return 'is empty';
  if (target.length > PATH_MAX) return `is longer than ${PATH_MAX} bytes`;
  return target.includes(NUL) ? 'holds a NUL' : undefined;
}

/**
 * Checks each path of a command. Allows the empty path, which means the subvolume itself, where the
 * kernel sends it.
 *
 * @throws {Failure} `stream-unsafe-path`
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

/**
 * Makes a `stream-unsafe-path` failure.
 *
 * @param problem begins with the role of the path in the command
 */
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
