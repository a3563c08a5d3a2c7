import { expect, test } from 'vitest';
import { readCatalog } from '../../../src/archive/read/catalog.ts';
import { Failure } from '../../../src/failure/failure.ts';
import { findLosses } from '../../../src/operations/verify/losses.ts';
import { directoryStore } from '../../../src/store/directory/directory.ts';
import type { Store } from '../../../src/store/store.ts';
import { FramePool } from '../../../src/zstd/pool.ts';
import { withTemporary } from '../../archive/stored.ts';
import { forge } from '../../hostile/forge.ts';
import { turns } from '../../processes.ts';
import { MiB, streamOf, subvol } from './chain.ts';

test('a file is closed once nothing is being read of it, also when interrupted', async () => {
  const archive = withTemporary();
  forge(archive, streamOf(subvol, { large: 40 * MiB }), { directory: 'mon.11111111.full' });
  const stop = new AbortController();
  const real = directoryStore(archive);
  let reads = 0;
  let under = 0;
  const closed: number[] = [];
  const store: Store = {
    ...real,
    async open(path) {
      const { read, close } = await real.open(path);
      return {
        async read(into, offset) {
          under++;
          if (++reads === 5) stop.abort(new Failure('interrupted', 'interrupted'));
          await turns(100);
          await read(into, offset).finally(() => under--);
        },
        close() {
          closed.push(under);
          close();
        },
      };
    },
  };
  const pool = new FramePool({ workers: 1 });
  const [stream] = (await readCatalog(store)).streams;
  if (stream === undefined) throw new Error('no stream');
  const losses = findLosses(stream, pool, stop.signal);
  await expect(losses).rejects.toMatchObject({ code: 'interrupted' });
  await expect.poll(() => closed).toEqual([0]);
  await pool.close();
});
