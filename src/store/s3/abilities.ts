import { randomUUID } from 'node:crypto';
import { Failure } from '../../failure/failure.ts';
import { readWhole, type StoreAbility } from '../store.ts';
import { AlreadyThere, type Bucket } from './bucket.ts';

/** An object of its own for each run. */
const probeName = () => `.probe/${randomUUID()}`;

/**
 * Tries what an archive needs of an object store, by small requests, and removes what they made. The
 * first thing that fails ends it, because the others need it.
 */
export async function* abilitiesOf(bucket: Bucket): AsyncGenerator<StoreAbility> {
  const path = probeName();
  const bytes = Buffer.from('btrferry');
  try {
    for (const [what, attempt] of attemptsOn(bucket, path, bytes)) {
      const found = await attempt().catch((error: unknown) => {
        if (error instanceof Failure) return error;
        throw error;
      });
      if (found instanceof Failure) {
        const { message: why, hint = 'see the documents of the object store' } = found;
        yield { what, state: 'missing', found: why, hint };
        return;
      }
      yield { what, ...found };
    }
  } finally {
    await bucket.remove(path, { cleanup: true }).catch(() => {});
  }
}

type Found = Pick<StoreAbility, 'state' | 'found' | 'hint'>;

function attemptsOn(bucket: Bucket, path: string, bytes: Buffer): [string, () => Promise<Found>][] {
  return [
    ['reachable', async () => good(`${(await bucket.list('')).size} objects`)],
    ['writable', async () => good(`${(await bucket.put(path, bytes)).length} bytes written`)],
    ['readable', () => readsBack(bucket, path, bytes)],
    ['listing', () => listsAtOnce(bucket, path)],
    ['multipart', () => uploadsPieces(bucket, path, bytes)],
    ['conditional', () => refusesToReplace(bucket, path, bytes)],
    ['deletable', () => removes(bucket, path)],
  ];
}

const good = (found: string): Found => ({ state: 'good', found });

async function readsBack(bucket: Bucket, path: string, bytes: Buffer): Promise<Found> {
  const { body } = await bucket.get(path, { start: 1, end: bytes.length });
  const back = Buffer.from((await readWhole(body, bytes.length)) ?? []);
  if (back.equals(bytes.subarray(1))) return good('ranges of objects');
  return { state: 'missing', found: 'other bytes came back', hint: 'do not trust this store' };
}

/** The lease of writers relies on this. */
async function listsAtOnce(bucket: Bucket, path: string): Promise<Found> {
  if ((await bucket.list('.probe/')).has(path)) return good('shows an object at once');
  return {
    state: 'limited',
    found: 'an object appears in lists only later',
    hint: 'let only one machine write to it at a time',
  };
}

async function uploadsPieces(bucket: Bucket, path: string, bytes: Buffer): Promise<Found> {
  const id = await bucket.beginUpload(path, undefined);
  try {
    await bucket.uploadPiece(path, id, 1, bytes);
    const pieces = await bucket.uploadedPieces(path, id);
    const uploads = await bucket.uploads(path);
    const isFound = pieces.length === 1 && uploads.some((upload) => upload.id === id);
    if (isFound) return good('uploads in pieces, which can be continued');
    const hint = 'an export that is interrupted begins again; set a rule that aborts old uploads';
    return { state: 'limited', found: 'does not list uploads that are not complete', hint };
  } finally {
    await bucket.abortUpload(path, id);
  }
}

async function refusesToReplace(bucket: Bucket, path: string, bytes: Buffer): Promise<Found> {
  try {
    await bucket.put(path, bytes, { absent: true });
  } catch (error) {
    if (error instanceof AlreadyThere) return good('refuses to replace an object on request');
    throw error;
  }
  const hint = 'writers exclude each other by a lease, which is enough';
  return { state: 'limited', found: 'no conditional writes', hint };
}

async function removes(bucket: Bucket, path: string): Promise<Found> {
  await bucket.remove(path);
  return good('removes objects');
}
