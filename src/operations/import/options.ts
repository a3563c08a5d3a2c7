export interface ImportOptions {
  /** Archives to take streams from. */
  readonly archives: readonly string[];
  /** Directory on the destination. Left out, only with `dryRun`: one that has nothing yet. */
  readonly into: string | undefined;
  /** Titles, names, directories or UUIDs (or their beginnings) of the streams wanted; empty: all. */
  readonly only: readonly string[];
  /** Template for the names of the subvolumes; undefined: each gets its title. */
  readonly template: string | undefined;
  /** Receive what can be, refuse the rest. */
  readonly partial: boolean;
  readonly dryRun: boolean;
}
