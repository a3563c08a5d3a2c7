import type { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import type { ByteRange } from '../store.ts';
import { type Connection, connect, type Sdk } from './client.ts';
import { storeFailure } from './failures.ts';
import type { S3Place } from './place.ts';

/** An object as a listing shows it. */
export interface ObjectFacts {
  /** Bytes. */
  readonly length: number;
  /** Changes with the contents. For an object of one piece it is usually their MD5, in hex. */
  readonly etag: string;
  /** Time of the server, milliseconds. */
  readonly modified: number;
  /** Undefined for the usual class. */
  readonly storageClass: string | undefined;
}

/** A piece of an object that is being uploaded, numbered from 1. */
export interface UploadedPiece {
  readonly number: number;
  readonly length: number;
  readonly etag: string;
}

/**
 * The objects of one archive in a bucket. Each method makes one request, which is repeated if the
 * store is busy, or a connection breaks; lists make one for 1000 objects.
 *
 * Failures: `access-denied`, `archive-unfit` (no bucket), `read-failed` (no object), `cold-storage`,
 * `no-space`, `storage-failed`, `usage`.
 */
// Long: one method for each kind of request, all of the same shape.
export class Bucket {
  readonly place: S3Place;
  readonly #signal: AbortSignal | undefined;
  #connecting: Promise<Connection> | undefined;

  /** @param signal stops requests, except those that clean up */
  constructor(place: S3Place, signal?: AbortSignal) {
    this.place = place;
    this.#signal = signal;
  }

  /** Lists the objects whose paths begin with `prefix`, by path. */
  async list(prefix: string, { cleanup = false } = {}): Promise<Map<string, ObjectFacts>> {
    const found = new Map<string, ObjectFacts>();
    let token: string | undefined;
    do {
      const page = await this.#ask('', { cleanup }, (sdk, client, options) =>
        client.send(
          new sdk.ListObjectsV2Command({
            ...this.#at(prefix),
            EncodingType: 'url',
            ContinuationToken: token,
          }),
          options,
        ),
      );
      for (const { Key, Size = 0, ETag = '', LastModified, StorageClass } of page.Contents ?? []) {
        found.set(this.#pathOf(Key), {
          length: Size,
          etag: plainEtag(ETag),
          modified: LastModified?.getTime() ?? 0,
          storageClass: StorageClass === 'STANDARD' ? undefined : StorageClass,
        });
      }
      token = page.NextContinuationToken;
    } while (token !== undefined);
    return found;
  }

  /** Begins to read an object, or a range of it that is not empty. */
  get(path: string, range?: ByteRange, etag?: string): Promise<{ body: Readable; etag: string }> {
    return this.#ask(path, {}, async (sdk, client, options) => {
      const { Body, ETag = '' } = await client.send(
        new sdk.GetObjectCommand({
          ...this.#key(path),
          ...(range === undefined ? {} : { Range: `bytes=${range.start}-${range.end - 1}` }),
          ...(etag === undefined ? {} : { IfMatch: `"${etag}"` }),
        }),
        options,
      );
      return { body: Body as Readable, etag: plainEtag(ETag) };
    });
  }

  /** Reports whether an object in cold storage was restored for reading. */
  isRestored(path: string): Promise<boolean> {
    return this.#ask(path, {}, async (sdk, client, options) => {
      const head = new sdk.HeadObjectCommand(this.#key(path));
      return (await client.send(head, options)).Restore?.includes('"false"') ?? false;
    });
  }

  /**
   * Creates or replaces an object.
   *
   * @param options `absent`: fail if the object exists, where the store knows that condition
   * @throws {AlreadyThere}
   */
  put(
    path: string,
    bytes: Uint8Array,
    { absent = false, storageClass }: { absent?: boolean; storageClass?: string | undefined } = {},
  ): Promise<ObjectFacts> {
    return this.#ask(path, {}, async (sdk, client, options) => {
      const request = {
        ...this.#key(path),
        Body: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
        ...classOf(sdk, storageClass),
      };
      const send = (condition: { IfNoneMatch?: string }) =>
        client.send(new sdk.PutObjectCommand({ ...request, ...condition }), options);
      const { ETag = '' } = await (absent
        ? send({ IfNoneMatch: '*' }).catch((error) => {
            if (statusOf(error) === 412 || statusOf(error) === 409) throw new AlreadyThere();
            if (statusOf(error) === 501) return send({});
            throw error;
          })
        : send({}));
      return { length: bytes.length, etag: plainEtag(ETag), modified: 0, storageClass };
    });
  }

  /** Removes an object, which need not exist. */
  async remove(path: string, { cleanup = false } = {}): Promise<void> {
    await this.#ask(path, { cleanup }, (sdk, client, options) =>
      client.send(new sdk.DeleteObjectCommand(this.#key(path)), options),
    );
  }

  /** Lists the uploads of objects under `prefix` that were begun and not completed. */
  async uploads(prefix: string): Promise<{ path: string; id: string }[]> {
    const found: { path: string; id: string }[] = [];
    let marker: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = {};
    for (;;) {
      const page = await this.#ask('', { cleanup: true }, (sdk, client, options) =>
        client.send(
          new sdk.ListMultipartUploadsCommand({
            ...this.#at(prefix),
            EncodingType: 'url',
            ...marker,
          }),
          options,
        ),
      );
      for (const { Key, UploadId = '' } of page.Uploads ?? []) {
        found.push({ path: this.#pathOf(Key), id: UploadId });
      }
      if (page.IsTruncated !== true) return found;
      marker = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
    }
  }

  /** Begins an upload of an object in pieces. Returns its identifier. */
  beginUpload(path: string, storageClass: string | undefined): Promise<string> {
    return this.#ask(path, {}, async (sdk, client, options) => {
      const request = { ...this.#key(path), ...classOf(sdk, storageClass) };
      const begun = await client.send(new sdk.CreateMultipartUploadCommand(request), options);
      return begun.UploadId as string;
    });
  }

  /** Lists the pieces that an upload has. */
  async uploadedPieces(path: string, id: string): Promise<UploadedPiece[]> {
    const found: UploadedPiece[] = [];
    let marker: string | undefined;
    for (;;) {
      const page = await this.#ask(path, {}, (sdk, client, options) =>
        client.send(
          new sdk.ListPartsCommand({ ...this.#key(path), UploadId: id, PartNumberMarker: marker }),
          options,
        ),
      );
      for (const { PartNumber = 0, Size = 0, ETag = '' } of page.Parts ?? []) {
        found.push({ number: PartNumber, length: Size, etag: plainEtag(ETag) });
      }
      if (page.IsTruncated !== true) return found;
      marker = page.NextPartNumberMarker;
    }
  }

  /** Uploads one piece. Returns its ETag. */
  uploadPiece(path: string, id: string, number: number, bytes: Buffer): Promise<string> {
    return this.#ask(path, {}, async (sdk, client, options) => {
      const request = { ...this.#key(path), UploadId: id, PartNumber: number, Body: bytes };
      const { ETag = '' } = await client.send(new sdk.UploadPartCommand(request), options);
      return plainEtag(ETag);
    });
  }

  /**
   * Makes an object of the pieces of an upload. Returns its ETag; undefined if the store does not
   * say it, or if the upload is gone, because an earlier attempt completed it and its answer was lost.
   */
  completeUpload(
    path: string,
    id: string,
    pieces: readonly UploadedPiece[],
  ): Promise<string | undefined> {
    return this.#ask(path, {}, async (sdk, client, options) => {
      const parts = pieces.map(({ number, etag }) => ({ PartNumber: number, ETag: `"${etag}"` }));
      const request = { ...this.#key(path), UploadId: id, MultipartUpload: { Parts: parts } };
      try {
        const completed = await client.send(
          new sdk.CompleteMultipartUploadCommand(request),
          options,
        );
        return plainEtag(completed.ETag ?? '') || undefined;
      } catch (error) {
        if (error instanceof Error && error.name === 'NoSuchUpload') return undefined;
        throw error;
      }
    });
  }

  /** Removes an upload with all its pieces. It need not exist. */
  async abortUpload(path: string, id: string): Promise<void> {
    await this.#ask(path, { cleanup: true }, async (sdk, client, options) => {
      const request = { ...this.#key(path), UploadId: id };
      await client
        .send(new sdk.AbortMultipartUploadCommand(request), options)
        .catch((error: unknown) => {
          if (statusOf(error) !== 404) throw error;
        });
    });
  }

  #at(prefix: string) {
    return { Bucket: this.place.bucket, Prefix: this.place.prefix + prefix };
  }

  #key(path: string) {
    return { Bucket: this.place.bucket, Key: this.place.prefix + path };
  }

  #pathOf(key = ''): string {
    return decodeURIComponent(key.replaceAll('+', ' ')).slice(this.place.prefix.length);
  }

  async #ask<T>(
    file: string,
    { cleanup = false }: { cleanup?: boolean },
    request: (sdk: Sdk, client: S3Client, options: { abortSignal?: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    const signal = cleanup ? undefined : this.#signal;
    signal?.throwIfAborted();
    let endpoint: string | undefined;
    try {
      this.#connecting ??= connect();
      const connection = await this.#connecting;
      endpoint = connection.endpoint;
      const { sdk, client } = connection;
      return await request(sdk, client, signal === undefined ? {} : { abortSignal: signal });
    } catch (error) {
      signal?.throwIfAborted();
      const { location, bucket } = this.place;
      const where = { archive: location, ...(file === '' ? {} : { file }) };
      throw storeFailure(error, { bucket, endpoint, where });
    }
  }
}

/** Thrown instead of replacing an object that exists. */
export class AlreadyThere extends Error {}

function classOf(_sdk: Sdk, storageClass: string | undefined) {
  if (storageClass === undefined) return {};
  return { StorageClass: storageClass as keyof Sdk['StorageClass'] };
}

function plainEtag(etag: string): string {
  return etag.replaceAll('"', '');
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
}
