import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BLOCK_HEADER_SIZE, parseFrameHeader } from '../../../src/zstd/frame.ts';
import { decodeSeekTable } from '../../../src/zstd/seek-table.ts';
import { withTemporary } from '../stored.ts';

const samples = join(import.meta.dirname, '../../../samples/archives');
const parts = (readdirSync(samples, { recursive: true }) as string[]).filter((path) =>
  path.endsWith('.btrfs.zst'),
);

test.each(parts)('zstd finds a flipped byte in each frame of %s', (path) => {
  const part = readFileSync(join(samples, path));
  const file = join(withTemporary(), 'part.zst');
  const refused = (bytes: Uint8Array) => {
    writeFileSync(file, bytes);
    return spawnSync('zstd', ['-tq', file]).status !== 0;
  };
  expect(refused(part)).toBe(false);
  let offset = 0;
  for (const { size } of decodeSeekTable(part, part.length)) {
    const header = parseFrameHeader(part.subarray(offset))?.size ?? 0;
    const data = offset + header + BLOCK_HEADER_SIZE;
    for (const at of [data, Math.floor((data + offset + size - 4) / 2), offset + size - 5]) {
      expect(refused(part.with(at, (part[at] ?? 0) ^ 1)), `byte ${at}`).toBe(true);
    }
    offset += size;
  }
});
