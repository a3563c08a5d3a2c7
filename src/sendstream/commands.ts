import { attributes, type Field, type FieldValue, type Kind } from './attributes.ts';

/**
 * The commands of send streams, versions 1 and 2. Numbers and names are those of the kernel's
 * fs/btrfs/send.h, and attributes and their order those of fs/btrfs/send.c. Version 3
 * (ENABLE_VERITY) is experimental in the kernel and is not supported.
 */

/** The supported versions of send streams. */
export type StreamVersion = 1 | 2;

/**
 * The first bytes of every stream, with their closing NUL. A little-endian u32 version follows.
 */
export const MAGIC: Uint8Array = Buffer.from('btrfs-stream\0');
/** Bytes of the header of a stream: magic and version. */
export const STREAM_HEADER = 17;
/** Bytes of the header of a command: u32 length of the payload, u16 command, u32 CRC. */
export const COMMAND_HEADER = 10;

/**
 * Bytes that a command may have with its header: the size of the kernel's send buffer
 * (BTRFS_SEND_BUF_SIZE_V1, and BTRFS_SEND_BUF_SIZE_V2 on a machine with pages of 64 KiB).
 */
export const commandLimit = { 1: 64 * 1024, 2: 192 * 1024 } as const;

/** `?` marks an optional attribute. */
export const commands = {
  SUBVOL: { number: 1, since: 1, carries: ['path', 'uuid', 'ctransid'] },
  SNAPSHOT: {
    number: 2,
    since: 1,
    carries: ['path', 'uuid', 'ctransid', 'cloneUuid', 'cloneCtransid'],
  },
  MKFILE: { number: 3, since: 1, carries: ['path', 'ino'] },
  MKDIR: { number: 4, since: 1, carries: ['path', 'ino'] },
  MKNOD: { number: 5, since: 1, carries: ['path', 'ino', 'rdev', 'mode'] },
  MKFIFO: { number: 6, since: 1, carries: ['path', 'ino', 'rdev?', 'mode?'] },
  MKSOCK: { number: 7, since: 1, carries: ['path', 'ino', 'rdev?', 'mode?'] },
  SYMLINK: { number: 8, since: 1, carries: ['path', 'ino', 'pathLink'] },
  RENAME: { number: 9, since: 1, carries: ['path', 'pathTo'] },
  LINK: { number: 10, since: 1, carries: ['path', 'pathLink'] },
  UNLINK: { number: 11, since: 1, carries: ['path'] },
  RMDIR: { number: 12, since: 1, carries: ['path'] },
  SET_XATTR: { number: 13, since: 1, carries: ['path', 'xattrName', 'xattrData'] },
  REMOVE_XATTR: { number: 14, since: 1, carries: ['path', 'xattrName'] },
  WRITE: { number: 15, since: 1, carries: ['path', 'fileOffset', 'data'] },
  CLONE: {
    number: 16,
    since: 1,
    carries: [
      'fileOffset',
      'cloneLen',
      'path',
      'cloneUuid',
      'cloneCtransid',
      'clonePath',
      'cloneOffset',
    ],
  },
  TRUNCATE: { number: 17, since: 1, carries: ['path', 'size'] },
  CHMOD: { number: 18, since: 1, carries: ['path', 'mode'] },
  CHOWN: { number: 19, since: 1, carries: ['path', 'uid', 'gid'] },
  UTIMES: { number: 20, since: 1, carries: ['path', 'atime', 'mtime', 'ctime', 'otime?'] },
  END: { number: 21, since: 1, carries: [] },
  UPDATE_EXTENT: { number: 22, since: 1, carries: ['path', 'fileOffset', 'size'] },
  FALLOCATE: { number: 23, since: 2, carries: ['path', 'fallocateMode', 'fileOffset', 'size'] },
  FILEATTR: { number: 24, since: 2, carries: ['path', 'fileattr'] },
  ENCODED_WRITE: {
    number: 25,
    since: 2,
    carries: [
      'path',
      'fileOffset',
      'unencodedFileLen',
      'unencodedLen',
      'unencodedOffset',
      'compression?',
      'encryption?',
      'data',
    ],
  },
} as const satisfies Record<
  string,
  { number: number; since: StreamVersion; carries: readonly (Field | `${Field}?`)[] }
>;

export type CommandName = keyof typeof commands;

type Carried<N extends CommandName> = (typeof commands)[N]['carries'][number];
type Required<N extends CommandName> = Extract<Carried<N>, Field>;
type FieldOf<C> = C extends `${infer F extends Field}?` ? F : never;
type Optional<N extends CommandName> = FieldOf<Carried<N>>;

/** The attributes of one kind of command. */
export type BodyOf<N extends CommandName> = { readonly type: N } & {
  readonly [F in Required<N>]: FieldValue<F>;
} & { readonly [F in Optional<N>]?: FieldValue<F> };

/** A command without its place in a stream. */
export type CommandBody = { [N in CommandName]: BodyOf<N> }[CommandName];

/** The place of a command in a stream. */
export interface Found {
  /** Bytes from the start of the stream to the command's first byte. */
  readonly offset: number;
  /** The bytes of the command with its header. A view, like every byte field. */
  readonly bytes: Uint8Array;
}

/** A decoded command. Its byte fields are views into `bytes`. */
export type Command = { [N in CommandName]: BodyOf<N> & Found }[CommandName];

/** One attribute of one kind of command. */
export interface Slot {
  readonly field: Field;
  readonly number: number;
  readonly kind: Kind;
  readonly optional: boolean;
}

/** One kind of command, prepared for reading and writing. */
export interface Layout {
  readonly name: CommandName;
  readonly number: number;
  readonly since: StreamVersion;
  /** In the kernel's order. */
  readonly slots: readonly Slot[];
  /** By attribute number. */
  readonly byNumber: readonly (Slot | undefined)[];
  /** A bit for each required attribute number. */
  readonly required: number;
}

function layoutOf(name: CommandName): Layout {
  const { number, since, carries } = commands[name];
  const slots = carries.map((carried): Slot => {
    const optional = carried.endsWith('?');
    const field = (optional ? carried.slice(0, -1) : carried) as Field;
    return { field, optional, ...attributes[field] };
  });
  const byNumber: (Slot | undefined)[] = new Array(32).fill(undefined);
  let required = 0;
  for (const slot of slots) {
    byNumber[slot.number] = slot;
    if (!slot.optional) required |= 1 << slot.number;
  }
  return { name, number, since, slots, byNumber, required };
}

/** Layouts by the name of the command. */
export const layouts = Object.fromEntries(
  Object.keys(commands).map((name) => [name, layoutOf(name as CommandName)]),
) as { readonly [N in CommandName]: Layout };

/** Layouts by the number of the command; undefined for unknown numbers. */
export const layoutByNumber: readonly (Layout | undefined)[] = Object.values(layouts).reduce<
  (Layout | undefined)[]
>((all, layout) => {
  all[layout.number] = layout;
  return all;
}, []);
