import { Failure } from '../failure/failure.ts';

/**
 * Splits the path of a file in an archive into its components; the empty path has none.
 *
 * @throws {Failure} `read-failed` for a path that could lead out of the archive
 */
export function components({ archive, file }: ArchivePath): string[] {
  if (file === '') return [];
  const parts = file.split('/');
  for (const part of parts) {
    if (part === '' || part === '.' || part === '..' || part.includes('\0')) {
      throw new Failure('read-failed', `the path ${JSON.stringify(file)} leaves the archive`, {
        hint: 'this was not made by btrferry; do not trust it',
        where: { ...(archive === undefined ? {} : { archive }), file },
      });
    }
  }
  return parts;
}

interface ArchivePath {
  /** The archive as the user named it; undefined for a file outside of any archive. */
  readonly archive?: string;
  /** Path of the file below the top of the archive. */
  readonly file: string;
}
