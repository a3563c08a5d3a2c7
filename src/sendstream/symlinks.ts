import type { Command } from './commands.ts';
import { unsafePath } from './paths.ts';

/** Names on the way to symlinks that are remembered at most, some 50 to 100 MB of memory. */
const NAMES_MAX = 300_000;

/** A directory or a symlink, as far as the stream made it known. Only what leads to a symlink. */
interface Place {
  symlink: boolean;
  readonly names: Map<string, Place>;
}

/**
 * Follows the symlinks that a stream makes, and refuses a command that `btrfs receive` would
 * apply through one of them, to a file of the stream's choice anywhere on the machine.
 *
 * Exact as long as the paths of the stream's symlinks take no more than 300,000 names, shared
 * directories counted once; symlinks beyond are not remembered, so that memory stays bounded.
 * Symlinks that an earlier stream made are not known here. For both, receiving is confined to
 * the destination besides.
 */
export class SymlinkGuard {
  readonly #root: Place = { symlink: false, names: new Map() };
  #names = 0;
  #own = '';

  /**
   * To be called with each command of one stream, in order, its paths already checked.
   *
   * @throws Failure `stream-unsafe-path`
   */
  check(command: Command): void {
    if (command.type === 'END') return;
    if (command.type === 'SUBVOL' || command.type === 'SNAPSHOT') {
      this.#own = command.uuid;
      return;
    }
    if (this.#names > 0) this.#refuse(command);
    this.#follow(command);
  }

  #refuse(command: Exclude<Command, { type: 'END' | 'SUBVOL' | 'SNAPSHOT' }>): void {
    switch (command.type) {
      // These open the last name, too: creat, open, truncate and chmod follow a symlink.
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
        // A clone source in another subvolume has nothing to do with this stream's symlinks.
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
    const names = split(path);
    let place: Place | undefined = this.#root;
    for (let i = 0; i < names.length; i += 1) {
      place = place.names.get(names[i] as string);
      if (place === undefined) return;
      if (place.symlink && (followsLast || i < names.length - 1)) {
        throw unsafePath(command, path, 'path goes through a symlink made by the same stream');
      }
    }
  }

  #follow(command: Command): void {
    switch (command.type) {
      case 'SYMLINK':
        this.#put(split(command.path), symlink());
        break;
      case 'LINK':
        if (this.#find(split(command.pathLink))?.symlink) this.#put(split(command.path), symlink());
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
    // Of two names of one symlink, rename(2) leaves both where they are.
    if (this.#find(from)?.symlink && this.#find(to)?.symlink) return;
    const place = this.#take(from);
    this.#forget(this.#take(to));
    if (place !== undefined) this.#put(to, place);
  }

  #find(names: readonly string[]): Place | undefined {
    let place: Place | undefined = this.#root;
    for (const name of names) place = place?.names.get(name);
    return place;
  }

  /** Sets a place, whose own names are counted already, at a path; not where one stands. */
  #put(names: readonly string[], place: Place): void {
    if (this.#names + names.length > NAMES_MAX) {
      this.#forget(place);
      return;
    }
    let directory = this.#root;
    for (const name of names.slice(0, -1)) directory = this.#enter(directory, name);
    const last = names[names.length - 1] as string;
    if (directory.names.has(last)) return;
    this.#names += 1;
    directory.names.set(last, place);
  }

  #enter(directory: Place, name: string): Place {
    const found = directory.names.get(name);
    if (found !== undefined) return found;
    const made: Place = { symlink: false, names: new Map() };
    directory.names.set(name, made);
    this.#names += 1;
    return made;
  }

  /** Removes what stands at a path, and the directories that then lead to no symlink. */
  #take(names: readonly string[]): Place | undefined {
    const way: Place[] = [this.#root];
    for (const name of names) {
      const next = way[way.length - 1]?.names.get(name);
      if (next === undefined) return undefined;
      way.push(next);
    }
    const taken = way[names.length];
    for (let depth = names.length; depth > 0; depth -= 1) {
      way[depth - 1]?.names.delete(names[depth - 1] as string);
      this.#names -= 1;
      if (way[depth - 1]?.names.size !== 0) break;
    }
    return taken;
  }

  /** Takes the names below a place that was removed out of the count. */
  #forget(place: Place | undefined): void {
    const places = place === undefined ? [] : [place];
    for (let next = places.pop(); next !== undefined; next = places.pop()) {
      this.#names -= next.names.size;
      places.push(...next.names.values());
    }
  }
}

function symlink(): Place {
  return { symlink: true, names: new Map() };
}

/** The names of a path; one character for each byte, so that no two paths fall together. */
function split(path: Uint8Array): string[] {
  const text = Buffer.from(path.buffer, path.byteOffset, path.byteLength).toString('latin1');
  return text === '' ? [] : text.split('/');
}
