export interface ImportOptions {
  /** Archives to take streams from. */
  readonly archives: readonly string[];
  /** Directory on the destination. Left out, only with `dryRun`: one that has nothing yet. */
  readonly into: string | undefined;
  /** Names or UUIDs (or beginnings of UUIDs) of the streams wanted; empty: all. */
  readonly only: readonly string[];
  /** Receive what can be, refuse the rest. */
  readonly partial: boolean;
  readonly dryRun: boolean;
}
