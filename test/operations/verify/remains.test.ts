import { expect, test } from 'vitest';
import { Failure } from '../../../src/failure/failure.ts';
import { Remains } from '../../../src/operations/verify/remains.ts';
import { exampleManifest } from '../../manifest/example.ts';

test('a signal is noticed at every frame', async () => {
  const stop = new AbortController();
  const manifest = { ...exampleManifest(), sha256: '0'.repeat(64) };
  const remains = new Remains(manifest, stop.signal);
  await remains.push(Buffer.alloc(1000));
  setImmediate(() => stop.abort(new Failure('interrupted', 'interrupted')));
  await expect(remains.push(Buffer.alloc(1000))).rejects.toMatchObject({ code: 'interrupted' });
});
