import { Failure } from '../../failure/failure.ts';
import { components } from '../components.ts';
import { entriesIn } from '../entries.ts';
import type { Sink, WritableStore } from '../store.ts';
import { abilitiesOf } from './abilities.ts';
import { Bucket, type ObjectFacts } from './bucket.ts';
import { type Lease, takeLease } from './lease.ts';
import { markOf, Objects } from './objects.ts';
import { s3PlaceOf } from './place.ts';
import { openObject, readObject, STALL, Tails } from './read.ts';
import { openStage } from './stage.ts';
import { etagOfContents, MAX_OBJECT, Upload, type WrittenObject } from './upload.ts';

export interface S3Options {
  /** Storage class of the parts of streams; undefined for the usual one. */
  readonly storageClass?: string | undefined;
  /** Stops requests. */
  readonly signal?: AbortSignal | undefined;
  /** See {@link STALL}, the default. */
  readonly stall?: number;
}

/**
 * An archive in an object store. Its files are objects whose keys begin with the prefix.
 *
 * @throws {Failure} `usage`
 */
// Long: its methods share the bucket, its listing and the lease.
export function s3Store(
  location: string,
  { storageClass, signal, stall = STALL }: S3Options = {},
): WritableStore {
  const bucket = new Bucket(s3PlaceOf(location), signal);
  const objects = new Objects(bucket);
  const tails = new Tails();
  let lease: Lease | undefined;

  const factsOf = async (path: string): Promise<ObjectFacts> => {
    components({ archive: location, file: path });
    const facts = (await objects.published()).get(path);
    if (facts !== undefined) return facts;
    throw new Failure('read-failed', `${path} in ${location} is not there`, {
      hint: 'look for the file in another copy of the archive',
      where: { archive: location, file: path },
    });
  };

  const remove = async (path: string) => {
    components({ archive: location, file: path });
    for (const { directory, last } of await objects.stagesOf(path)) {
      for (const upload of await bucket.uploads(`${directory}/`)) {
        await bucket.abortUpload(upload.path, upload.id);
      }
      // Without its last file, nothing of the directory counts.
      if (!(await objects.all()).has(last)) await objects.removeAll(directory);
    }
    await objects.removeAll(path);
    tails.forget();
  };

  return {
    location,
    maxFileSize: async () => MAX_OBJECT,

    async list(directory) {
      components({ archive: location, file: directory });
      const published = await objects.published();
      const files = [...published].filter(([path]) => !path.endsWith('/'));
      const entries = entriesIn(
        new Map(files.map(([path, { length }]) => [path, { kind: 'file', length }])),
        directory,
      );
      return Promise.all(
        entries.map(async (entry) => {
          const path = directory === '' ? entry.name : `${directory}/${entry.name}`;
          return (await isCold(bucket, path, published.get(path)))
            ? { ...entry, isCold: true }
            : entry;
        }),
      );
    },

    async *read(path, range) {
      const { length } = await factsOf(path);
      const { start, end } = range ?? { start: 0, end: length };
      if (end > length) throw endsEarly(location, path, length, end);
      const reading = { bucket, path, start, end, signal, stall };
      try {
        // Documents are read once, and may be replaced.
        const tail = range === undefined ? undefined : await tails.read(reading, length);
        if (tail === undefined) yield* readObject(reading);
        else yield tail;
      } catch (error) {
        // The object may have been removed since the store was listed.
        objects.forget();
        throw error;
      }
    },

    async open(path) {
      const { length } = await factsOf(path);
      const { read, close } = openObject({ bucket, path, end: length, signal, stall });
      return {
        read: (into, offset) =>
          read(into, offset).catch((error: unknown) => {
            objects.forget();
            throw error;
          }),
        close,
      };
    },

    async isEqual(path, contents) {
      const { etag, length } = await factsOf(path);
      return (await etagOfContents(contents, length, etag)) === etag;
    },

    async create(path) {
      components({ archive: location, file: path });
      return createdObject(bucket, objects, path);
    },

    remove,

    async unpublish({ draft, directory, last }) {
      components({ archive: location, file: draft });
      components({ archive: location, file: directory });
      lease?.assertHeld();
      const mark = markOf(draft, directory, last);
      // From the moment that the last file is gone, the mark hides the others.
      await objects.written(mark, await bucket.put(mark, new Uint8Array(0)));
      await objects.remove(`${directory}/${last}`);
      await remove(draft);
    },

    abilities: () => abilitiesOf(bucket),

    async lock() {
      lease = await takeLease(bucket);
      objects.forget();
      return lease;
    },

    freeSpace: async () => undefined,

    async stage(place) {
      components({ archive: location, file: place.draft });
      components({ archive: location, file: place.directory });
      return openStage({ bucket, objects, place, storageClass, lease: () => lease });
    },
  };
}

/** Storage classes from which an object must be restored before it can be read, which takes hours. */
const COLD = ['GLACIER', 'DEEP_ARCHIVE'];

async function isCold(bucket: Bucket, path: string, facts?: ObjectFacts): Promise<boolean> {
  if (!COLD.includes(facts?.storageClass ?? '')) return false;
  return !(await bucket.isRestored(path));
}

/** Opens an object that replaces the one at `path` when it is closed. */
function createdObject(bucket: Bucket, objects: Objects, path: string): Sink {
  let written: WrittenObject | undefined;
  const upload = new Upload({
    bucket,
    path,
    storageClass: undefined,
    earlier: undefined,
    onWritten: (object) => {
      written = object;
    },
    mayHold: () => true,
  });
  return {
    write: (bytes) => upload.write(bytes),
    async close() {
      await upload.close();
      if (written === undefined) return;
      if ('bytes' in written) await bucket.put(path, written.bytes);
      else await bucket.completeUpload(path, written.upload.id, written.upload.pieces);
      const facts = { length: written.length, etag: '', modified: 0, storageClass: undefined };
      await objects.written(path, facts);
    },
    async abandon() {
      await upload.abandon();
      await upload.abort();
    },
  };
}

function endsEarly(location: string, path: string, length: number, end: number): Failure {
  return new Failure(
    'read-failed',
    `${path} in ${location} ends at byte ${length}, before byte ${end}`,
    { where: { archive: location, file: path, offset: length } },
  );
}
