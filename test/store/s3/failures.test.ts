import { describe, expect, it } from 'vitest';
import { Failure } from '../../../src/failure/failure.ts';
import { storeFailure } from '../../../src/store/s3/failures.ts';
import { s3PlaceOf } from '../../../src/store/s3/place.ts';

const asked = { bucket: 'b', endpoint: 'http://store', where: { archive: 's3://b/x', file: 'f' } };

const failed = (name: string, more: object = {}) =>
  storeFailure(Object.assign(new Error(name), { name }, more), asked);

const answered = (name: string, httpStatusCode: number) =>
  failed(name, { $metadata: { httpStatusCode } });

describe('an error of an object store', () => {
  it.each([
    ['InvalidAccessKeyId', 403, 'access-denied'],
    ['SignatureDoesNotMatch', 403, 'access-denied'],
    ['ExpiredToken', 400, 'access-denied'],
    ['RequestTimeTooSkewed', 403, 'access-denied'],
    ['AccessDenied', 403, 'access-denied'],
    ['NoSuchBucket', 404, 'archive-unfit'],
    ['NoSuchKey', 404, 'read-failed'],
    ['SomethingElse', 404, 'read-failed'],
    ['PermanentRedirect', 301, 'usage'],
    ['InvalidStorageClass', 400, 'usage'],
    ['InvalidObjectState', 403, 'cold-storage'],
    ['QuotaExceeded', 403, 'no-space'],
    ['InsufficientStorage', 507, 'no-space'],
    ['SlowDown', 503, 'storage-failed'],
    ['InternalError', 500, 'storage-failed'],
    ['NeverHeardOf', 418, 'storage-failed'],
  ])('%s becomes a failure with its place and advice', (name, status, code) => {
    const failure = answered(name, status);
    expect(failure).toMatchObject({ code, where: asked.where });
    expect((failure as Failure).hint).toBeTruthy();
  });

  it('of the network, or of the credentials, is told as such', () => {
    for (const code of ['ECONNREFUSED', 'ENOTFOUND', 'ETIMEDOUT', 'EPROTO', 'CERT_HAS_EXPIRED']) {
      expect(failed('Error', { code })).toMatchObject({ code: 'storage-failed' });
    }
    expect(failed('TimeoutError')).toMatchObject({ code: 'storage-failed' });
    expect(failed('CredentialsProviderError')).toMatchObject({ code: 'access-denied' });
    const noRegion = storeFailure(new Error('Region is missing'), asked);
    expect(noRegion).toMatchObject({ code: 'usage', hint: expect.stringContaining('AWS_REGION') });
  });

  it('that is none of the store stays as it is', () => {
    const known = new Failure('no-space', 'full', { hint: 'none' });
    const defect = new TypeError('a defect');
    expect(storeFailure(known, asked)).toBe(known);
    expect(storeFailure(defect, asked)).toBe(defect);
    expect(failed('AbortError')).not.toBeInstanceOf(Failure);
  });
});

it.each([
  ['s3://bucket', 'bucket', ''],
  ['s3://bucket/', 'bucket', ''],
  ['s3://bucket/a', 'bucket', 'a/'],
  ['s3://bucket/a/b/', 'bucket', 'a/b/'],
])('%s is bucket %s and prefix %s', (location, bucket, prefix) => {
  expect(s3PlaceOf(location)).toEqual({ location, bucket, prefix });
});

it.each(['s3://', 's3:///a', 's3://b', 's3://bucket//a', 's3://bucket/../a', 's3://bu cket/a'])(
  '%s is no place',
  (location) => expect(() => s3PlaceOf(location)).toThrow(Failure),
);
