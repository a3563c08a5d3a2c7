export interface ExportOptions {
  /** Paths of the snapshots. */
  readonly snapshots: readonly string[];
  /** The archive. */
  readonly to: string;
  /** `auto`: the best that the archive can restore; `none`; or the path of a snapshot. */
  readonly parent: 'auto' | 'none' | { readonly path: string };
  /** Paths of further snapshots to clone from. */
  readonly cloneSources: readonly string[];
  readonly protocol: 'auto' | 1 | 2;
  /** zstd level. */
  readonly level: number;
  /** Bytes; a part is never larger. */
  readonly maxPartSize: number;
  /** Label for an archive that is made by this export. */
  readonly label?: string;
  readonly dryRun: boolean;
}

/** FAT's limit for a file, and a piece that any tool can copy. */
export const DEFAULT_PART_SIZE = 4 * 1024 ** 3 - 1;

export const DEFAULT_LEVEL = 3;
