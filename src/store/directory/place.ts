import { join } from 'node:path';

/** A file or directory of an archive, or one outside of any archive. */
export interface Place {
  /** Top directory of the archive, as the user named it. */
  readonly archive?: string;
  /** Path below it, empty for the top directory; without an archive, any path. */
  readonly file: string;
}

/** The path by which the system reaches a place. */
export function pathOf({ archive, file }: Place): string {
  return archive === undefined ? file : join(archive, file);
}

/** A file in the directory at `place`. */
export function within(place: Place, name: string): Place {
  return { ...place, file: join(place.file, name) };
}
