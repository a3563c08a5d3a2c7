import { streamDirectory } from '../../archive/layout.ts';
import { type Catalog, readCatalog } from '../../archive/read/catalog.ts';
import type { StoredFingerprint } from '../../archive/read/fingerprints.ts';
import { ensureHeader } from '../../archive/write/header.ts';
import { takeIn } from '../../archive/write/intake.ts';
import { bytesOf } from '../../names/byte-string.ts';
import type { Identity } from '../../names/identity.ts';
import type { StateRecord } from '../../names/state.ts';
import { memoryStore } from '../../store/memory.ts';
import { craft } from '../../tree/craft.ts';
import { FramePool } from '../../zstd/pool.ts';
import { craftedOrigin, craftedSettings, craftedStream } from '../archives/crafted.ts';
import type { Comparison } from './compare.ts';

/**
 * Makes the stream that gives a copy the identity of a snapshot: it makes a snapshot of the copy, and
 * sets the attributes that differ. Puts it into an archive in memory, so that it is received and
 * proved like any other.
 *
 * @param base the state of the copy
 */
export async function relinkStream(
  stored: StoredFingerprint,
  base: StateRecord,
  { difference, attributes }: Comparison,
  signal: AbortSignal,
): Promise<Catalog> {
  const { fingerprint, called, uuid, ctransid } = stored;
  const identity: Identity = { uuid, ctransid: BigInt(ctransid) };
  const parent: Identity = { uuid: base.uuid, ctransid: BigInt(base.ctransid) };
  const stream = craft(difference, {
    name: bytesOf(fingerprint.name),
    identity,
    parent,
    attributes,
    read: () => {
      throw new RangeError('the copy has other contents');
    },
    clones: false,
  });
  const store = memoryStore();
  await ensureHeader(store, undefined);
  const pool = new FramePool({ workers: 1, signal });
  try {
    await takeIn(async () => craftedStream(stream), {
      archives: [{ store, lost: signal }],
      directory: streamDirectory({ title: bytesOf(called.title), uuid, parentUuid: base.uuid }),
      settings: craftedSettings(stored, base.uuid, {
        level: 1,
        maxPartSize: Number.POSITIVE_INFINITY,
      }),
      pool,
      origin: craftedOrigin(fingerprint.source, stored, base, undefined),
      accept: () => {},
      onProgress: () => {},
      onFailure: () => {},
      onDifference: () => {},
    });
  } finally {
    await pool.close();
  }
  return readCatalog(store);
}
