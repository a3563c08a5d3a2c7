import { Failure } from '../../failure/failure.ts';
import { MAX_PACKED_SIZE } from '../../zstd/frame.ts';
import { seekTableSizeOf } from '../../zstd/seek-table.ts';

export interface ExportOptions {
  /** Paths of the snapshots. */
  readonly snapshots: readonly string[];
  /** One archive or several, which all get the same from one `btrfs send`. */
  readonly to: readonly string[];
  /**
   * `auto`: the newest related one that every archive can restore; `best`: the one that gives
   * the smallest stream; `none`; or the path of a snapshot.
   */
  readonly parent: 'auto' | 'best' | 'none' | { readonly path: string };
  /** Paths of further snapshots to clone from. */
  readonly cloneSources: readonly string[];
  readonly protocol: 'auto' | 1 | 2;
  /** zstd level. */
  readonly level: number;
  /** Bytes; a part is never larger. */
  readonly maxPartSize: number;
  /** Label for an archive that is made by this export. */
  readonly label?: string;
  /** Refuse to send in full where an archive holds streams of the same family. */
  readonly requireIncremental: boolean;
  /** Mode of directories in the archives; files get the same without the bits for execution. */
  readonly mode?: number;
  /** An archive may lie where it is lost at the next start, or where no drive is mounted. */
  readonly create: boolean;
  /** No archive is made: each has to be there. */
  readonly requireArchive: boolean;
  readonly dryRun: boolean;
}

/** FAT's limit for a file, and a piece that any tool can copy. */
export const DEFAULT_PART_SIZE = 4 * 1024 ** 3 - 1;

/** A part holds at least one frame, however little of it can be compressed. */
const LEAST_PART_SIZE = MAX_PACKED_SIZE + seekTableSizeOf(1);

/** @throws {Failure} `usage` */
export function checkPartSize(bytes: number): void {
  if (bytes >= LEAST_PART_SIZE) return;
  throw new Failure('usage', `parts of ${bytes} bytes are too small for a frame of the stream`, {
    hint: 'give --max-part-size 3M or more',
    where: { expected: `at least ${LEAST_PART_SIZE}`, found: `${bytes}` },
  });
}

export const DEFAULT_LEVEL = 3;
