import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type SendOptions, send } from '../../../src/btrfs/send.ts';
import { measureStream } from '../../../src/operations/export/measure.ts';
import { describeReal, withBtrfs } from '../../filesystem.ts';

async function lengthOf(options: SendOptions): Promise<number> {
  const { fill, done } = await send(options);
  const piece = new Uint8Array(new SharedArrayBuffer(1 << 20));
  let total = 0;
  for (let length = piece.length; length === piece.length; total += length) {
    length = await fill(piece);
  }
  await done;
  return total;
}

describeReal('measuring a stream', () => {
  test('gives its exact length without its data', async () => {
    const fs = withBtrfs();
    const origin = fs.subvolume('origin');
    const at = (name: string) => join(origin, name);
    mkdirSync(at('a directory with a long name'));
    for (const [index, length] of [0, 1, 4096, 49152, 49153, 131073, 5_000_000].entries()) {
      writeFileSync(at(`a directory with a long name/${index}`), Buffer.alloc(length, 'data'));
    }
    writeFileSync(at('sparse'), 'start');
    truncateSync(at('sparse'), 50_000_000);
    appendFileSync(at('sparse'), 'end');
    execFileSync('cp', ['--reflink=always', at('a directory with a long name/6'), at('clone')]);
    const parent = fs.snapshot('origin', 'first');
    appendFileSync(at('clone'), Buffer.alloc(300_000, 'more'));
    truncateSync(at('a directory with a long name/6'), 1_000_000);
    renameSync(at('sparse'), at('renamed'));
    const second = fs.snapshot('origin', 'second');

    for (const protocol of [1, 2] as const) {
      for (const options of [
        { snapshot: parent, protocol },
        { snapshot: second, parent, protocol },
        { snapshot: second, protocol },
      ]) {
        expect(await measureStream(options), JSON.stringify(options)).toBe(await lengthOf(options));
      }
    }
  });

  test('bounds the length of a stream that carries compressed extents', async () => {
    const fs = withBtrfs({ mountOptions: 'compress=zstd' });
    const origin = fs.subvolume('origin');
    writeFileSync(join(origin, 'text'), 'the same words again and again '.repeat(100_000));
    const snapshot = fs.snapshot('origin', 'first');
    const options = { snapshot, protocol: 2, compressedData: true } as const;
    const length = await lengthOf(options);
    expect(length).toBeLessThan(1_000_000);
    expect(await measureStream(options)).toBeGreaterThan(length);
  });
});
