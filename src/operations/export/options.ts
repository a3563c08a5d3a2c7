import { Failure } from '../../failure/failure.ts';
import { MAX_STORED_SIZE } from '../../zstd/frame.ts';
import { seekTableSizeOf } from '../../zstd/seek-table.ts';

export interface ExportOptions {
  /** Paths of the snapshots. */
  readonly snapshots: readonly string[];
  /** One archive or several. All get the same streams from one `btrfs send`. */
  readonly to: readonly string[];
  /** Remove the unfinished streams of other snapshots first. */
  readonly discard: boolean;
  /** Fill the archives in turn, as media that take what the one before has no room for. */
  readonly span: boolean;
  /**
   * `auto`: the nearest relative that every archive can restore; `best`: the one that gives the
   * smallest stream; `none`: full streams; or the path of a snapshot.
   */
  readonly parent: 'auto' | 'best' | 'none' | { readonly path: string };
  /** Label, host or UUID of the destination to export for; undefined for all that left a receipt. */
  readonly destination?: string | undefined;
  /** Paths of further snapshots to clone from. */
  readonly cloneSources: readonly string[];
  readonly protocol: 'auto' | 1 | 2;
  /** zstd level. */
  readonly level: number;
  /** Bytes that a part may have. */
  readonly maxPartSize: number;
  /** Label for the archives that this export makes. */
  readonly label?: string;
  /** Refuse to send in full if an archive holds streams of the same family. */
  readonly requireIncremental: boolean;
  /** Mode of directories in the archives. Files get it without the bits for execution. */
  readonly mode?: number;
  /** Storage class of the parts in object stores; undefined for the usual one. */
  readonly storageClass?: string | undefined;
  /** Percent of parity to add to the streams of these snapshots; undefined for none. */
  readonly parity?: number;
  /** Allow an archive in memory, or in a place where no drive is mounted. */
  readonly create: boolean;
  /** Make no archive: each must exist. */
  readonly requireArchive: boolean;
  readonly dryRun: boolean;
}

/** The largest file on FAT, bytes. */
export const DEFAULT_PART_SIZE = 4 * 1024 ** 3 - 1;

/** Bytes of a part with one frame that cannot be compressed. */
const LEAST_PART_SIZE = MAX_STORED_SIZE + seekTableSizeOf(1);

/** @throws {Failure} `usage` */
export function checkPartSize(bytes: number): void {
  if (bytes >= LEAST_PART_SIZE) return;
  throw new Failure('usage', `parts of ${bytes} bytes are too small for a frame of the stream`, {
    hint: 'give --max-part-size 3M or more',
    where: { expected: `at least ${LEAST_PART_SIZE}`, found: `${bytes}` },
  });
}

export const DEFAULT_LEVEL = 3;
