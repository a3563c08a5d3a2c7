import type { Command } from './commands.ts';
import { unsafePath } from './paths.ts';

/** The most names that are remembered on the way to symlinks: 80 MB if each has 255 bytes. */
const NAMES_MAX = 200_000;

/** A symlink that the stream made, or a directory that leads to one. */
type Place = 'symlink' | Map<string, Place>;

/**
 * Follows the symlinks that a stream makes, and refuses a command that `btrfs receive` would apply
 * through one of them to any file on the machine.
 *
 * It is exact as long as the paths of the symlinks take no more than 200,000 names, counting shared
 * directories once. It forgets further symlinks, so that memory stays bounded, and it does not know
 * the symlinks of earlier streams. For these cases `btrfs receive` runs in a sandbox.
 */
export class SymlinkGuard {
  readonly #namesMax: number;
  readonly #root = new Map<string, Place>();
  #names = 0;
  #own = '';

  /** @param namesMax the most names that are remembered */
  constructor(namesMax = NAMES_MAX) {
    this.#namesMax = namesMax;
  }

  /**
   * Call it with each command of one stream, in order. Paths must have been checked.
   *
   * @throws {Failure} `stream-unsafe-path`
   */
  check(command: Command): void {
    if (command.type === 'END') return;
    if (command.type === 'SUBVOL' || command.type === 'SNAPSHOT') {
      this.#own = command.uuid;
      return;
    }
    if (this.#names > 0) this.#refuse(command);
    else if (command.type !== 'SYMLINK') return;
    this.#follow(command);
  }

  #refuse(command: Exclude<Command, { type: 'END' | 'SUBVOL' | 'SNAPSHOT' }>): void {
    switch (command.type) {
      // These follow a symlink at the end of the path too: creat, open, truncate and chmod.
      case 'MKFILE':
      case 'WRITE':
      case 'ENCODED_WRITE':
      case 'FALLOCATE':
      case 'TRUNCATE':
      case 'CHMOD':
        this.#refusePath(command, command.path, true);
        break;
      case 'CLONE':
        this.#refusePath(command, command.path, true);
        // Symlinks of this stream do not matter in another subvolume.
        if (command.cloneUuid === this.#own) this.#refusePath(command, command.clonePath, true);
        break;
      case 'RENAME':
        this.#refusePath(command, command.path, false);
        this.#refusePath(command, command.pathTo, false);
        break;
      case 'LINK':
        this.#refusePath(command, command.path, false);
        this.#refusePath(command, command.pathLink, false);
        break;
      default:
        this.#refusePath(command, command.path, false);
        break;
    }
  }

  #refusePath(command: Command, path: Uint8Array, followsLast: boolean): void {
    const names = text(path);
    let directory = this.#root;
    for (let from = 0; from <= names.length; ) {
      const slash = names.indexOf('/', from);
      const last = slash === -1;
      const place = directory.get(names.slice(from, last ? undefined : slash));
      if (place === undefined) return;
      if (place !== 'symlink') {
        directory = place;
      } else if (followsLast || !last) {
        throw unsafePath(command, path, 'path goes through a symlink made by the same stream');
      }
      from = last ? names.length + 1 : slash + 1;
    }
  }

  #follow(command: Command): void {
    switch (command.type) {
      case 'SYMLINK':
        this.#put(split(command.path), 'symlink');
        break;
      case 'LINK':
        if (this.#find(split(command.pathLink)) === 'symlink') {
          this.#put(split(command.path), 'symlink');
        }
        break;
      case 'RENAME':
        this.#rename(split(command.path), split(command.pathTo));
        break;
      case 'UNLINK':
      case 'RMDIR':
        this.#forget(this.#take(split(command.path)));
        break;
    }
  }

  #rename(from: readonly string[], to: readonly string[]): void {
    // If both names are hard links of one symlink, rename(2) does nothing.
    if (this.#find(from) === 'symlink' && this.#find(to) === 'symlink') return;
    const place = this.#take(from);
    this.#forget(this.#take(to));
    if (place !== undefined) this.#put(to, place);
  }

  #find(names: readonly string[]): Place | undefined {
    let place: Place | undefined = this.#root;
    for (const name of names) place = below(place, name);
    return place;
  }

  /** Puts a place at a path, unless one is there. The names of the place are counted already. */
  #put(names: readonly string[], place: Place): void {
    if (this.#names + names.length > this.#namesMax) {
      this.#forget(place);
      return;
    }
    let directory = this.#root;
    for (let i = 0; i < names.length; i += 1) {
      const name = names[i] as string;
      let next = directory.get(name);
      if (next === undefined) {
        next = i === names.length - 1 ? place : new Map<string, Place>();
        directory.set(detached(name), next);
        this.#names += 1;
      }
      if (next === 'symlink') return;
      directory = next;
    }
  }

  /** Removes the place at a path, and the directories that then lead to no symlink. */
  #take(names: readonly string[]): Place | undefined {
    const way = [this.#root];
    let place: Place | undefined = this.#root;
    for (const name of names) {
      place = below(place, name);
      if (place === undefined) return undefined;
      if (place !== 'symlink') way.push(place);
    }
    for (let depth = names.length - 1; depth >= 0; depth -= 1) {
      way[depth]?.delete(names[depth] as string);
      this.#names -= 1;
      if (way[depth]?.size !== 0) break;
    }
    return place;
  }

  /** Subtracts the names of a removed place from the count. */
  #forget(place: Place | undefined): void {
    const places = [place];
    while (places.length > 0) {
      const next = places.pop();
      if (next === undefined || next === 'symlink') continue;
      this.#names -= next.size;
      for (const inside of next.values()) places.push(inside);
    }
  }
}

function below(place: Place | undefined, name: string): Place | undefined {
  return place === 'symlink' ? undefined : place?.get(name);
}

/** Copies a name, because a substring would keep the whole path in memory. */
function detached(name: string): string {
  return Buffer.from(name, 'latin1').toString('latin1');
}

/** Splits a path into names. */
function split(path: Uint8Array): string[] {
  return path.length === 0 ? [] : text(path).split('/');
}

/** Decodes a path with one character for each byte, so that no two paths collide. */
function text(path: Uint8Array): string {
  return Buffer.from(path.buffer, path.byteOffset, path.byteLength).toString('latin1');
}
