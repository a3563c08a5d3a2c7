/**
 * The attributes of send streams, versions 1 and 2, numbered as in the kernel's fs/btrfs/send.h.
 * The field of a decoded command has the kernel's name of the attribute in camel case.
 */

/** A point in time. */
export interface Timespec {
  /** Seconds since 1970 UTC, signed 64 bits. */
  readonly sec: bigint;
  /** Nanoseconds, unsigned 32 bits. The stream may hold more than a second. */
  readonly nsec: number;
}

/** The type that each kind of attribute decodes to. */
export interface KindValue {
  u64: bigint;
  u32: number;
  /** Lower case, with dashes. */
  uuid: string;
  timespec: Timespec;
  /** The bytes of a path. paths.ts decides which paths are safe. */
  path: Uint8Array;
  bytes: Uint8Array;
}

export type Kind = keyof KindValue;

/** The length of each kind of attribute, bytes; undefined if it varies. */
export const kindLength: { readonly [K in Kind]: number | undefined } = {
  u64: 8,
  u32: 4,
  uuid: 16,
  timespec: 12,
  path: undefined,
  bytes: undefined,
};

export const attributes = {
  uuid: { number: 1, kind: 'uuid' },
  ctransid: { number: 2, kind: 'u64' },
  ino: { number: 3, kind: 'u64' },
  size: { number: 4, kind: 'u64' },
  mode: { number: 5, kind: 'u64' },
  uid: { number: 6, kind: 'u64' },
  gid: { number: 7, kind: 'u64' },
  rdev: { number: 8, kind: 'u64' },
  ctime: { number: 9, kind: 'timespec' },
  mtime: { number: 10, kind: 'timespec' },
  atime: { number: 11, kind: 'timespec' },
  otime: { number: 12, kind: 'timespec' },
  xattrName: { number: 13, kind: 'bytes' },
  xattrData: { number: 14, kind: 'bytes' },
  path: { number: 15, kind: 'path' },
  pathTo: { number: 16, kind: 'path' },
  pathLink: { number: 17, kind: 'path' },
  fileOffset: { number: 18, kind: 'u64' },
  data: { number: 19, kind: 'bytes' },
  cloneUuid: { number: 20, kind: 'uuid' },
  cloneCtransid: { number: 21, kind: 'u64' },
  clonePath: { number: 22, kind: 'path' },
  cloneOffset: { number: 23, kind: 'u64' },
  cloneLen: { number: 24, kind: 'u64' },
  fallocateMode: { number: 25, kind: 'u32' },
  fileattr: { number: 26, kind: 'u64' },
  unencodedFileLen: { number: 27, kind: 'u64' },
  unencodedLen: { number: 28, kind: 'u64' },
  unencodedOffset: { number: 29, kind: 'u64' },
  compression: { number: 30, kind: 'u32' },
  encryption: { number: 31, kind: 'u32' },
} as const satisfies Record<string, { number: number; kind: Kind }>;

export type Field = keyof typeof attributes;
export type FieldValue<F extends Field> = KindValue[(typeof attributes)[F]['kind']];

/** DATA. In version 2 it has no length, and runs to the end of its command. */
export const DATA = attributes.data.number;
/** PATH. Every command but END has it. */
export const PATH = attributes.path.number;
