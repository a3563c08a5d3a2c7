import type { Failure } from '../failure/failure.ts';
import type { ByteString } from '../names/byte-string.ts';
import type { IdentityRecord, NamedIdentity } from '../names/identity.ts';
import type { StreamName } from '../names/title.ts';

/**
 * Everything an operation has to say, as it happens. Operations emit; reporters print. With
 * `--json` each event is one line, as it stands here: members are stable, sizes are bytes,
 * ctransids are decimal text. docs/cli.md documents each.
 */
export type Event =
  | ExportPlanned
  | ImportPlanned
  | StreamBegun
  | Progress
  | StreamDone
  | StreamRefused
  | ArchiveFailed
  | Warning
  | StreamListed
  | ArchiveListed
  | CommandInspected
  | StreamInspected
  | StreamVerified
  | Checked
  | Result;

/** Where an operation emits its events. */
export type Emit = (event: Event) => void;

export type { StreamName };

/** The plan of an export: what would be, or is about to be, written. */
export interface ExportPlanned {
  readonly type: 'export-planned';
  readonly archives: readonly string[];
  readonly dryRun: boolean;
  /** In the order in which they will be sent. */
  readonly steps: readonly {
    readonly snapshot: StreamName;
    readonly path: string;
    readonly parent: StreamName | null;
    readonly cloneSources: readonly StreamName[];
    /** Why this parent, or why none. */
    readonly reason: string;
    /** Those of the archives that lack it. */
    readonly archives: readonly string[];
  }[];
  /** Snapshots that every archive has already. */
  readonly skipped: readonly StreamName[];
}

/** The plan of an import: what would be, or is about to be, received. */
export interface ImportPlanned {
  readonly type: 'import-planned';
  /** Null: planned for a destination that has nothing yet. */
  readonly into: string | null;
  readonly dryRun: boolean;
  /** In the order in which they will be received. */
  readonly steps: readonly {
    readonly stream: StreamName;
    /** Name that the subvolume gets. */
    readonly as: ByteString;
    /** What it builds on. */
    readonly parent: NamedIdentity | null;
    /** Bytes of stream. */
    readonly length: number;
    /** Bytes as stored. */
    readonly stored: number;
  }[];
  /** What each word of `--only` names. */
  readonly only: readonly { readonly word: string; readonly streams: readonly StreamName[] }[];
  /** Streams whose subvolume the destination has already. */
  readonly present: readonly StreamName[];
  readonly refused: readonly (StreamName & { readonly failure: Failure })[];
}

export interface StreamBegun {
  readonly type: 'stream-begun';
  readonly action: 'export' | 'import' | 'verify';
  readonly stream: StreamName;
  /** Place among the streams of this run, from 1. */
  readonly index: number;
  readonly count: number;
}

/** How far the stream begun last is; emitted at most every 100 ms. */
export interface Progress {
  readonly type: 'progress';
  readonly action: StreamBegun['action'];
  /** Bytes of stream done. */
  readonly bytes: number;
  /** Bytes of stream in all, where that is known. */
  readonly total: number | undefined;
  /** Bytes as stored, done. */
  readonly stored: number;
}

export interface StreamDone {
  readonly type: 'stream-done';
  readonly action: StreamBegun['action'];
  readonly stream: StreamName;
  /** Where it lies now: directory in the archive, or path of the subvolume. */
  readonly at: ByteString;
  readonly bytes: number;
  readonly stored: number;
  readonly seconds: number;
  /** Frames that an interrupted export had left and that were neither compressed nor written. */
  readonly reusedFrames?: number;
  /** Frames in all, of an export. */
  readonly frames?: number;
}

/** One of several streams could not be dealt with; the others go on. */
export interface StreamRefused {
  readonly type: 'stream-refused';
  readonly stream: StreamName;
  readonly failure: Failure;
}

/** One of several archives can't be written to any more; the others go on. */
export interface ArchiveFailed {
  readonly type: 'archive-failed';
  readonly archive: string;
  readonly failure: Failure;
}

export interface Warning {
  readonly type: 'warning';
  readonly code: WarningCode;
  readonly message: string;
  readonly hint?: string;
}

export type WarningCode =
  | 'same-filesystem'
  | 'may-not-fit'
  | 'parent-not-in-archive'
  | 'parent-changed'
  | 'not-restorable'
  | 'header-unusable'
  | 'header-replaced'
  | 'manifest-unusable'
  | 'stream-unusable'
  | 'copy-damaged'
  | 'sums-differ'
  | 'unfinished'
  | 'name-taken'
  | 'full-again'
  | 'receipt-not-written'
  | 'left-over-removed'
  | 'draft-differs'
  | 'confinement';

/** One stream of an archive. Those of one archive come between their `archive-listed` events. */
export interface StreamListed {
  readonly type: 'stream-listed';
  readonly stream: StreamName;
  readonly archive: string;
  readonly directory: string;
  /** Host name of the producer, and the path that the snapshot had there; null where unknown. */
  readonly host: ByteString | null;
  readonly path: ByteString | null;
  readonly kind: 'full' | 'incremental';
  readonly ctransid: string;
  readonly parent: NamedIdentity | null;
  readonly cloneSources: readonly NamedIdentity[];
  /** Requirements that no stream of the archives given, and no receipt, provides. */
  readonly missing: readonly NamedIdentity[];
  /** The archives hold its UUID in another state as well, and nothing tells which is meant. */
  readonly conflicting: boolean;
  /** Every chain below reaches a full stream: it can be received where nothing is. */
  readonly restorable: boolean;
  readonly length: number;
  readonly stored: number;
  readonly createdAt: string;
  readonly snapshotCreatedAt: string | null;
}

/** Comes after the streams of the archive. */
export interface ArchiveListed {
  readonly type: 'archive-listed';
  readonly archive: string;
  /** Null where the header is lost. */
  readonly id: string | null;
  readonly label: string | null;
  readonly streams: number;
  readonly stored: number;
  readonly damaged: readonly { readonly directory: string; readonly failure: Failure }[];
  readonly unfinished: readonly string[];
}

/** One command of a stream (`inspect --commands`). */
export interface CommandInspected {
  readonly type: 'command';
  readonly offset: number;
  readonly command: string;
  /** Attributes by name, printable; data only as its length. */
  readonly attributes: Readonly<Record<string, string | number>>;
}

export interface StreamInspected {
  readonly type: 'stream-inspected';
  readonly file: string;
  readonly name: ByteString;
  readonly protocol: number;
  readonly kind: 'full' | 'incremental';
  readonly identity: IdentityRecord;
  readonly parent: IdentityRecord | null;
  readonly cloneSources: readonly IdentityRecord[];
  readonly length: number;
  readonly commands: Readonly<Record<string, number>>;
  /** Bytes of file data: carried, and cloned from other places. */
  readonly written: number;
  readonly cloned: number;
  /** Made with --no-data: describes changes, carries none. */
  readonly noData: boolean;
  readonly compressedData: boolean;
}

/** What `verify` found of one stream. */
export interface StreamVerified {
  readonly type: 'stream-verified';
  readonly stream: StreamName;
  readonly archive: string;
  readonly directory: string;
  /** Empty: it is whole. */
  readonly failures: readonly Failure[];
  readonly losses: readonly {
    /** Bytes of the stream; `to` is exclusive. */
    readonly from: number;
    readonly to: number;
    /** Files at or near the lost commands. */
    readonly files: readonly ByteString[];
    /** No other file can be concerned; false where commands lie wholly in what is illegible. */
    readonly complete: boolean;
  }[];
  /** All of the stream can be read, whatever is wrong with its files. Not all is, when quick. */
  readonly intact: boolean;
  /** Requirements that no stream of the archives given, and no receipt, provides. */
  readonly missing: readonly NamedIdentity[];
  /** The archives hold its UUID in another state as well, and nothing tells which is meant. */
  readonly conflicting: boolean;
  /** Requirements that no stream of the archives given provides, but a receipt does. */
  readonly elsewhere: readonly (NamedIdentity & {
    /** UUID of the filesystem that has it. */
    readonly filesystem: string;
  })[];
  /** Streams that can't be restored because this one is damaged. */
  readonly dependents: readonly StreamName[];
}

/** One thing `doctor` looked at. */
export interface Checked {
  readonly type: 'checked';
  readonly what: string;
  readonly state: 'good' | 'limited' | 'missing';
  readonly found: string;
  /** What to do about it, where it isn't good. */
  readonly hint?: string;
}

/** The last event of every command. */
export interface Result {
  readonly type: 'result';
  readonly command: string;
  readonly exit: number;
  /** The failure that ended the command. */
  readonly failure?: Failure;
  /** Streams exported or imported, present already, refused. */
  readonly done?: number;
  readonly skipped?: number;
  readonly refused?: number;
  /** Different streams there are, and how many of them can be restored from the archives alone. */
  readonly streams?: number;
  readonly restorable?: number;
  /** Bytes of stream, bytes as stored. */
  readonly bytes?: number;
  readonly stored?: number;
  readonly seconds?: number;
  readonly dryRun?: boolean;
  /** What the command did, for people: one line. */
  readonly summary: string;
}
