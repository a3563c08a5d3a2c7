import { Failure } from '../../failure/failure.ts';
import { readWhole, type Stage, type StagedDocument, type StagePlace } from '../store.ts';
import { AlreadyThere, type Bucket } from './bucket.ts';
import type { Lease } from './lease.ts';
import { markOf, type Objects } from './objects.ts';
import { type EarlierUpload, etagOf, Upload, type WrittenObject } from './upload.ts';

/** Bytes of small objects that a stage keeps in memory. Larger ones are uploaded at once. */
const HELD = 16 * 1024 * 1024;

export interface StageOptions {
  readonly bucket: Bucket;
  readonly objects: Objects;
  readonly place: StagePlace;
  /** Storage class of the files that are written; documents have the usual one. */
  readonly storageClass: string | undefined;
  readonly lease: () => Lease | undefined;
}

/**
 * Opens a stage in an object store. Files become uploads under their final names, which nobody sees
 * before they are completed. Publishing completes them and writes the last file after that. A mark
 * shows the stage in lists, and hides its objects until the last file exists.
 */
export async function openStage(options: StageOptions): Promise<Stage> {
  const { bucket, objects, place } = options;
  const mark = markOf(place.draft, place.directory, place.last);
  const isMarked = (await objects.all()).has(mark);
  const earlier = isMarked ? await earlierUploads(bucket, place.directory) : new Map();
  return new ObjectStage(options, mark, isMarked, earlier);
}

type Uploads = Map<string, EarlierUpload>;

/** Finds what interrupted runs uploaded: of each file the upload with the most pieces. */
async function earlierUploads(bucket: Bucket, directory: string): Promise<Uploads> {
  const found: Uploads = new Map();
  for (const { path, id } of await bucket.uploads(`${directory}/`)) {
    const pieces = await bucket.uploadedPieces(path, id).catch(() => []);
    const other = found.get(path);
    const [kept, useless] =
      other !== undefined && other.pieces.length >= pieces.length
        ? [other, { id, pieces }]
        : [{ id, pieces }, other];
    found.set(path, kept);
    if (useless !== undefined) await bucket.abortUpload(path, useless.id);
  }
  return found;
}

/** The length of an object that a listing must show, and the ETags that it may show. */
interface Expected {
  readonly length: number;
  readonly etags: readonly string[];
}

class ObjectStage implements Stage {
  readonly keepsFiles = false;
  readonly leftovers = [];
  readonly #options: StageOptions;
  readonly #mark: string;
  #isMarked: boolean;
  readonly #earlier: Uploads;
  /** Files that were written, by path. */
  readonly #written = new Map<string, WrittenObject>();

  constructor(options: StageOptions, mark: string, isMarked: boolean, earlier: Uploads) {
    this.#options = options;
    this.#mark = mark;
    this.#isMarked = isMarked;
    this.#earlier = earlier;
  }

  async *read(file: string): AsyncGenerator<Uint8Array> {
    const written = this.#written.get(this.#at(file));
    if (written !== undefined && 'bytes' in written) yield written.bytes;
    else throw new RangeError(`${file} was not kept`);
  }

  async write(file: string, keep = 0): Promise<Upload> {
    if (keep > 0) throw new RangeError(`${file} cannot be continued`);
    const { bucket, objects, storageClass } = this.#options;
    if (!this.#isMarked) {
      await objects.written(this.#mark, await bucket.put(this.#mark, new Uint8Array(0)));
      this.#isMarked = true;
    }
    const path = this.#at(file);
    const earlier = this.#earlier.get(path);
    this.#earlier.delete(path);
    await this.remove(file);
    return new Upload({
      bucket,
      path,
      storageClass,
      earlier,
      onWritten: (written) => this.#written.set(path, written),
      mayHold: (length) => this.#held() + length <= HELD,
    });
  }

  async remove(file: string): Promise<void> {
    const path = this.#at(file);
    const written = this.#written.get(path);
    this.#written.delete(path);
    if (written !== undefined && 'upload' in written) {
      await this.#options.bucket.abortUpload(path, written.upload.id);
    }
  }

  async publish(documents: readonly StagedDocument[], without?: string): Promise<void> {
    const { bucket, objects, place } = this.#options;
    if (without !== undefined) await this.remove(without);
    const there = await bucket.list(`${place.directory}/`);
    if (there.has(`${place.directory}/${place.last}`)) throw taken(bucket, place.directory);
    const expected = new Map<string, Expected>();
    for (const written of this.#written.values()) {
      this.#assertHeld();
      expected.set(written.path, await this.#complete(written));
    }
    const last = documents.at(-1) as StagedDocument;
    for (const { file, bytes } of documents.slice(0, -1)) {
      const { etag } = await bucket.put(this.#at(file), bytes);
      expected.set(this.#at(file), { length: bytes.length, etags: [etag] });
    }
    await this.#compare(expected);
    this.#assertHeld();
    await this.#writeLast(last);
    objects.forget();
    await this.#clear();
  }

  async discard(): Promise<void> {
    const { bucket, place } = this.#options;
    if (!this.#isMarked) return;
    for (const { path, id } of await bucket.uploads(`${place.directory}/`)) {
      await bucket.abortUpload(path, id);
    }
    await this.#clear();
  }

  /** Writes the file that makes the stream visible, unless another writer did. */
  async #writeLast({ file, bytes }: StagedDocument): Promise<void> {
    const { bucket, place } = this.#options;
    const path = this.#at(file);
    try {
      await bucket.put(path, bytes, { absent: true });
    } catch (error) {
      if (!(error instanceof AlreadyThere)) throw error;
      // If the answer to the first attempt was lost, it is the file of this writer.
      const { body } = await bucket.get(path);
      const found = await readWhole(body, bytes.length);
      if (found === undefined || !Buffer.from(bytes).equals(found))
        throw taken(bucket, place.directory);
    }
  }

  /** Makes a file visible. */
  async #complete(written: WrittenObject): Promise<Expected> {
    const { bucket, storageClass } = this.#options;
    const { path, length } = written;
    if ('bytes' in written) {
      const { etag } = await bucket.put(path, written.bytes, { storageClass });
      return { length, etags: [etag] };
    }
    const { id, pieces } = written.upload;
    const etag = await bucket.completeUpload(path, id, pieces);
    return { length, etags: [etag ?? etagOf(pieces), etagOf(pieces)] };
  }

  /** Compares what the store shows now with what was written: no other writer may have a part in it. */
  async #compare(expected: ReadonlyMap<string, Expected>): Promise<void> {
    const { bucket, place } = this.#options;
    const found = await bucket.list(`${place.directory}/`);
    for (const [path, { length, etags }] of expected) {
      const object = found.get(path);
      if (object?.length === length && etags.includes(object.etag)) continue;
      throw otherObject(bucket, path, length, object?.length);
    }
  }

  /** Removes the mark, and the uploads of interrupted runs that were not continued. */
  async #clear(): Promise<void> {
    const { bucket, objects } = this.#options;
    for (const [path, { id }] of this.#earlier) await bucket.abortUpload(path, id);
    if (this.#isMarked) await objects.remove(this.#mark);
    this.#isMarked = false;
  }

  #held(): number {
    const lengths = [...this.#written.values()].map((one) => ('bytes' in one ? one.length : 0));
    return lengths.reduce((sum, length) => sum + length, 0);
  }

  #assertHeld(): void {
    this.#options.lease()?.assertHeld();
  }

  #at(file: string): string {
    return `${this.#options.place.directory}/${file}`;
  }
}

function taken({ place: { location } }: Bucket, file: string): Failure {
  return new Failure('storage-failed', `${file} in ${location} was made by another writer`, {
    hint: 'run the same command again',
    where: { archive: location, file },
  });
}

function otherObject(
  { place: { location } }: Bucket,
  file: string,
  length: number,
  found: number | undefined,
): Failure {
  return new Failure('storage-failed', `${file} in ${location} is not what was written`, {
    hint: 'another writer may have been at work; run the same command again',
    where: { archive: location, file, expected: `${length} bytes`, found: `${found} bytes` },
  });
}
