import type { BodyOf, Command, CommandName, StreamVersion } from '../sendstream/commands.ts';
import { checkPaths } from '../sendstream/paths.ts';
import { encodeCommand, encodeHeader } from '../sendstream/writer.ts';
import { type Damaged, Inode, isUnnamed, Names, type Place } from './rescued.ts';

/** The findings of a rescue. */
export interface Rescued {
  /**
   * Number of inodes of which nothing can be lost, but for further names of them, and the times of
   * directories.
   */
  readonly whole: number;
  /** Paths of entries of which something is or may be lost; the empty one is the top. */
  readonly damaged: readonly Damaged[];
  /** Entries whose own name is lost: they have the name that `btrfs send` gave them for a while. */
  readonly unnamed: readonly Uint8Array[];
  /** Commands that were read, and could not be applied because of those that are lost. */
  readonly dropped: number;
  /** Commands of the stream that are left, by their kind. */
  readonly commands: { readonly [N in CommandName]?: number };
}

type Data = BodyOf<'WRITE'> | BodyOf<'ENCODED_WRITE'> | BodyOf<'CLONE'> | BodyOf<'FALLOCATE'>;

/**
 * Makes of what is left of a full stream a stream that can be received, and says what it lacks. It
 * follows the paths that the commands make, drops each command that could not succeed, and makes
 * files and directories whose creation is lost.
 *
 * It relies on the order in which the kernel sends a new inode (process_recorded_refs,
 * process_extent and finish_inode_if_needed in fs/btrfs/send.c): creation, names, data by
 * increasing offset, size, owner, mode, capabilities, times. UTIMES of anything but a directory is
 * its last command, and directories get CHMOD after all but their times. So an inode is whole if
 * nothing was lost between its creation and that command. Memory grows with the number of entries.
 */
export class Rescue {
  readonly #version: StreamVersion;
  readonly #from: string;
  readonly #as: { readonly uuid: string; readonly ctransid: bigint };
  readonly #names = new Names();
  readonly #counts: { [N in CommandName]?: number } = {};
  #losses = 0;
  #dropped = 0;

  /**
   * @param from UUID that the stream announces, by which its CLONE commands name it
   * @param as identity of what is rescued. It must be another one: nothing may build on it.
   */
  constructor(version: StreamVersion, from: string, as: { uuid: string; ctransid: bigint }) {
    this.#version = version;
    this.#from = from;
    this.#as = as;
  }

  /** The start of the new stream. */
  begin(name: Uint8Array): Uint8Array[] {
    const subvol = { type: 'SUBVOL', path: name, ...this.#as } as const;
    return [encodeHeader(this.#version), encodeCommand(subvol, this.#version)];
  }

  /** Commands of the stream are lost before the next one. */
  lose(): void {
    this.#losses++;
  }

  /**
   * Takes the next command that is left. Returns the commands of the new stream, none if it cannot
   * be applied. They may be views into it.
   *
   * @throws {Failure} `stream-unsafe-path`
   */
  take(command: Command): Uint8Array[] {
    checkPaths(command);
    this.#counts[command.type] = (this.#counts[command.type] ?? 0) + 1;
    if (command.type === 'SUBVOL' || command.type === 'SNAPSHOT' || command.type === 'END')
      return [];
    const made: Uint8Array[] = [];
    if (!this.#apply(command, made)) {
      this.#dropped++;
      return made;
    }
    const own = command.type === 'CLONE' ? { ...command, cloneUuid: this.#as.uuid } : undefined;
    made.push(
      own === undefined
        ? command.bytes
        : encodeCommand({ ...own, cloneCtransid: this.#as.ctransid }, this.#version),
    );
    return made;
  }

  /** The end of the new stream. */
  end(): Uint8Array {
    return encodeCommand({ type: 'END' }, this.#version);
  }

  finish(): Rescued {
    const damaged: Damaged[] = [];
    const unnamed: Uint8Array[] = [];
    const whole = new Set<Inode>();
    for (const [inode, path] of this.#names.all()) {
      if (isUnnamed(path)) unnamed.push(path);
      if (inode.isWhole(this.#losses)) whole.add(inode);
      else damaged.push(inode.damage(path, this.#losses));
    }
    return {
      whole: whole.size,
      damaged,
      unnamed,
      dropped: this.#dropped,
      commands: { ...this.#counts },
    };
  }

  #apply(command: Exclude<Command, { type: 'SUBVOL' | 'SNAPSHOT' | 'END' }>, made: Uint8Array[]) {
    switch (command.type) {
      case 'MKFILE':
      case 'MKDIR':
      case 'MKNOD':
      case 'MKFIFO':
      case 'MKSOCK':
      case 'SYMLINK':
        return this.#make(command.path, kindOf[command.type], made);
      case 'RENAME': {
        const from = this.#names.find(command.path);
        if (from === undefined || isBelow(command.pathTo, command.path)) return false;
        const to = this.#place(command.pathTo, made);
        return to !== undefined && this.#names.move(from, to);
      }
      case 'LINK': {
        const inode = this.#names.find(command.pathLink)?.inode;
        const to = this.#place(command.path, made);
        if (inode === undefined || inode.kind === 'directory' || to?.inode !== undefined)
          return false;
        return to !== undefined && this.#names.put(to, inode);
      }
      case 'UNLINK':
      case 'RMDIR':
        return this.#names.remove(command.path, command.type === 'RMDIR');
      case 'WRITE':
        return this.#write(command, BigInt(command.data.length), made);
      case 'ENCODED_WRITE':
        return this.#write(command, command.unencodedFileLen, made);
      case 'CLONE':
        return this.#clone(command, made);
      case 'FALLOCATE':
        return this.#write(command, command.size, made);
      case 'TRUNCATE': {
        const file = this.#file(command.path, made);
        file?.sized(command.size, this.#losses);
        return file !== undefined;
      }
      // There is no data in such a stream.
      case 'UPDATE_EXTENT':
        return false;
      default:
        return this.#setAttribute(command.type, command.path);
    }
  }

  #setAttribute(type: CommandName, path: Uint8Array): boolean {
    const inode = this.#names.find(path)?.inode;
    if (inode === undefined) return false;
    // chmod follows a symbolic link, and an attribute to remove may be lost.
    if (type === 'CHMOD' && inode.kind === 'symlink') return false;
    if (type === 'REMOVE_XATTR' && inode.isTouched(this.#losses)) return false;
    if (type === (inode.kind === 'directory' ? 'CHMOD' : 'UTIMES')) inode.finished(this.#losses);
    return true;
  }

  #make(path: Uint8Array, kind: Inode['kind'], made: Uint8Array[]): boolean {
    const place = this.#place(path, made);
    if (place === undefined || place.inode !== undefined) return false;
    return this.#names.put(place, new Inode(kind, this.#losses));
  }

  #write({ path, fileOffset }: Data, length: bigint, made: Uint8Array[]): boolean {
    const file = this.#file(path, made);
    file?.wrote(fileOffset, length, this.#losses);
    return file !== undefined;
  }

  /** Clones only out of a file that is whole: out of another it would bring zeros, or fail. */
  #clone(command: BodyOf<'CLONE'>, made: Uint8Array[]): boolean {
    const { cloneUuid, clonePath, fileOffset, cloneLen, path } = command;
    const file = this.#file(path, made);
    if (file === undefined) return false;
    const source = this.#names.find(clonePath)?.inode;
    const usable = source !== undefined && (source === file || source.isWhole(this.#losses));
    if (cloneUuid === this.#from && usable && !(source === file && file.isTouched(this.#losses))) {
      file.wrote(fileOffset, cloneLen, this.#losses);
      return true;
    }
    file.missed(fileOffset, cloneLen, this.#losses);
    return false;
  }

  /** The file at a path. Makes it if its creation is lost. */
  #file(path: Uint8Array, made: Uint8Array[]): Inode | undefined {
    const place = this.#place(path, made);
    if (place === undefined) return undefined;
    if (place.inode !== undefined) return place.inode.kind === 'file' ? place.inode : undefined;
    if (this.#losses === 0) return undefined;
    const file = new Inode('file');
    this.#names.put(place, file);
    made.push(encodeCommand({ type: 'MKFILE', path, ino: 0n }, this.#version));
    return file;
  }

  /** The place of a path. Makes the directories above it whose creation is lost. */
  #place(path: Uint8Array, made: Uint8Array[]): Place | undefined {
    return this.#names.place(path, (directory) => {
      if (this.#losses === 0) return undefined;
      made.push(encodeCommand({ type: 'MKDIR', path: directory, ino: 0n }, this.#version));
      return new Inode('directory');
    });
  }
}

const kindOf = {
  MKFILE: 'file',
  MKDIR: 'directory',
  MKNOD: 'other',
  MKFIFO: 'other',
  MKSOCK: 'other',
  SYMLINK: 'symlink',
} as const;

/** Reports whether a path is another one, or lies below it. */
function isBelow(path: Uint8Array, other: Uint8Array): boolean {
  const slash = path[other.length];
  const isDeeper = slash === undefined || slash === '/'.charCodeAt(0);
  return isDeeper && Buffer.from(other).equals(path.subarray(0, other.length));
}
