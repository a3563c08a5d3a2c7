export interface ImportOptions {
  /** Archives to take streams from. */
  readonly archives: readonly string[];
  /** Directory on the destination. Undefined only with `dryRun`: plan for an empty filesystem. */
  readonly into: string | undefined;
  /** Titles, names, directories or UUIDs (or their beginnings) of the wanted streams; empty: all. */
  readonly only: readonly string[];
  /** Template for the names of subvolumes; undefined: each gets its title. */
  readonly template: string | undefined;
  /** Receive also snapshots that the destination had once and removed. */
  readonly again: boolean;
  /** Receive the streams that can be received, though others are refused. */
  readonly partial: boolean;
  readonly dryRun: boolean;
}
