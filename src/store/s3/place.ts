import { Failure } from '../../failure/failure.ts';

/** The place of an archive in an object store. */
export interface S3Place {
  /** As the user typed it. */
  readonly location: string;
  readonly bucket: string;
  /** Empty, or the names above the archive, with a slash at the end. */
  readonly prefix: string;
}

/** The beginning of a location in an object store. */
export const SCHEME = 's3://';

/**
 * Reads a location `s3://bucket/prefix`.
 *
 * @throws {Failure} `usage`
 */
export function s3PlaceOf(location: string): S3Place {
  const [bucket = '', ...names] = location.slice(SCHEME.length).replace(/\/+$/, '').split('/');
  const usable = names.every((name) => name !== '' && name !== '.' && name !== '..');
  if (/^[a-z0-9][a-z0-9._-]+$/i.test(bucket) && usable) {
    return { location, bucket, prefix: names.map((name) => `${name}/`).join('') };
  }
  throw new Failure('usage', `${location} names no place in an object store`, {
    hint: 'name a bucket and, if it holds several archives, a prefix: s3://bucket/prefix',
    where: { archive: location },
  });
}
