export interface AdoptOptions {
  /** Archives, one of which has the fingerprint. */
  readonly archives: readonly string[];
  /** Path of the subvolume that may equal the snapshot. */
  readonly copy: string;
  /** Directory on the destination, of the same filesystem. */
  readonly into: string;
  /** Title, name, directory or UUID of the snapshot; undefined: the only one. */
  readonly only: string | undefined;
  /** Template for the name of the subvolume; undefined: it gets its title. */
  readonly template: string | undefined;
  /** Mend modes, owners, times and extended attributes. */
  readonly repairMetadata: boolean;
  readonly dryRun: boolean;
}
