export interface ImportOptions {
  /** Archives to take streams from. */
  readonly archives: readonly string[];
  /** Directory on the destination. */
  readonly into: string;
  /** Names or UUIDs (or beginnings of UUIDs) of the streams wanted; empty: all. */
  readonly only: readonly string[];
  /** Receive what can be, refuse the rest. */
  readonly partial: boolean;
  readonly dryRun: boolean;
}
