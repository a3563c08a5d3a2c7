/** A medium is full, and the stream continues on the next one. */
export interface MediumFull {
  readonly type: 'medium-full';
  readonly archive: string;
  /** The label of the archive; null if it has none. */
  readonly label: string | null;
  /** The archive that follows. */
  readonly next: string;
}
