export interface CopyOptions {
  /** Archives to copy from. They complete each other. */
  readonly from: readonly string[];
  /** A directory, an object store, a tar file that does not exist, or `-` for a tar file on stdout. */
  readonly to: string;
  /** Words that name streams; all streams if there are none. */
  readonly only: readonly string[];
  /** Also copy the streams that those of `only` need. */
  readonly dependencies: boolean;
  /** Label of an archive that this copy makes. */
  readonly label: string | undefined;
  /** Mode of directories that this copy makes; by default that of the archive's own. */
  readonly mode: number | undefined;
  /** Storage class of the parts in an object store; undefined for the usual one. */
  readonly storageClass: string | undefined;
  /** Allow a target in memory, or where no drive is mounted. */
  readonly create: boolean;
  readonly dryRun: boolean;
}
