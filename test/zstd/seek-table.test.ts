import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FRAME_SIZE, MAX_STORED_SIZE } from '../../src/zstd/frame.ts';
import {
  decodeSeekTable,
  encodeSeekTable,
  MAX_FRAMES,
  SEEK_FOOTER_SIZE,
  type SeekEntry,
  seekTableSize,
} from '../../src/zstd/seek-table.ts';
import { zstd } from './data.ts';

const damage = expect.objectContaining({ code: 'seek-table-damaged' });

const entries = fc
  .array(
    fc.record({
      size: fc.integer({ min: 14, max: MAX_STORED_SIZE }),
      length: fc.integer({ min: 1, max: FRAME_SIZE }),
      checksum: fc.integer({ min: 0, max: 0xffffffff }),
    }),
    { maxLength: 50 },
  )
  .map((list) => list.map((e, i) => (i < list.length - 1 ? { ...e, length: FRAME_SIZE } : e)));

const sizeOf = (list: readonly SeekEntry[], table: Uint8Array) =>
  list.reduce((sum, { size }) => sum + size, table.length);

describe('seek table', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(entries, fc.uint8Array({ maxLength: 30 }), (list, before) => {
        const table = encodeSeekTable(list);
        const partSize = sizeOf(list, table);
        expect(seekTableSize(table.subarray(-SEEK_FOOTER_SIZE), partSize)).toBe(table.length);
        const tail = list.length > 3 ? Buffer.concat([before, table]) : table;
        expect(decodeSeekTable(tail, partSize)).toEqual(list);
      }),
    );
  });

  it('has the bytes of the published format', () => {
    const table = encodeSeekTable([{ size: 0x11, length: 0x22, checksum: 0xaabbccdd }]);
    expect(Buffer.from(table).toString('hex')).toBe(
      `5e2a4d18${'15000000'}${'11000000'}${'22000000'}${'ddccbbaa'}${'01000000'}80b1ea928f`,
    );
    expect(zstd(['-dc'], table)).toMatchObject({ status: 0, out: Buffer.alloc(0) });
  });

  it('finds each flipped byte except in checksums', () => {
    const list = [
      { size: 1000, length: FRAME_SIZE, checksum: 1 },
      { size: 500, length: 77, checksum: 2 },
    ];
    const table = encodeSeekTable(list);
    const partSize = sizeOf(list, table);
    for (let i = 0; i < table.length; i += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const bad = table.slice();
        bad[i] = (bad[i] ?? 0) ^ (1 << bit);
        let read: SeekEntry[] | undefined;
        try {
          read = decodeSeekTable(bad, partSize);
        } catch (error) {
          expect(error).toEqual(damage);
        }
        // The last frame's length and the checksums are held against the frame itself.
        const own = (i >= 16 && i < 20) || (i >= 24 && i < 32);
        if (own) continue;
        expect(read, `byte ${i} bit ${bit}`).toBeUndefined();
      }
    }
  });

  it('refuses every truncation', () => {
    const list = [{ size: 100, length: 200, checksum: 3 }];
    const table = encodeSeekTable(list);
    for (let n = 0; n < table.length; n += 1) {
      expect(() => decodeSeekTable(table.subarray(0, n), 100 + n)).toThrow(damage);
      expect(() => decodeSeekTable(table.subarray(n + 1), 100 + table.length)).toThrow(damage);
    }
  });

  it.each<[string, (view: DataView) => void]>([
    ['no checksums', (view) => view.setUint8(24, 0)],
    ['reserved bits', (view) => view.setUint8(24, 0x84)],
    ['claims 4294967295 frames', (view) => view.setUint32(20, 0xffffffff, true)],
    ['holds? 0 bytes|hold 0 bytes', (view) => view.setUint32(12, 0, true)],
    ['hold 2097153 bytes', (view) => view.setUint32(12, FRAME_SIZE + 1, true)],
    ['stored in 0 bytes', (view) => view.setUint32(8, 0, true)],
    ['stored in 12 bytes', (view) => view.setUint32(8, 12, true)],
    ['stored in 4294967295 bytes', (view) => view.setUint32(8, 0xffffffff, true)],
    ['do not add up', (view) => view.setUint32(8, 101, true)],
    ['another size', (view) => view.setUint32(4, 22, true)],
    ['does not end in a seek table', (view) => view.setUint32(25, 0, true)],
    ['begins where it should', (view) => view.setUint32(0, 0x184d2a5f, true)],
  ])('is refused with wrong values: %s', (message, lie) => {
    const table = encodeSeekTable([{ size: 100, length: 200, checksum: 3 }]);
    lie(new DataView(table.buffer));
    const read = () => decodeSeekTable(table, 100 + table.length, { file: '0001' });
    expect(read).toThrow(damage);
    expect(read).toThrow(new RegExp(message));
    expect(read).toThrow(
      expect.objectContaining({ where: expect.objectContaining({ file: '0001' }) }),
    );
  });

  it('never reads more than the part has, or than a part may need', () => {
    const footer = encodeSeekTable([]).slice(-SEEK_FOOTER_SIZE);
    const view = new DataView(footer.buffer);
    for (const frames of [1, 1000, MAX_FRAMES + 1, 0xffffffff]) {
      view.setUint32(0, frames, true);
      expect(() => seekTableSize(footer, frames * 12 + 17)).toThrow(damage);
    }
    view.setUint32(0, MAX_FRAMES + 1, true);
    expect(() => seekTableSize(footer, Number.MAX_SAFE_INTEGER)).toThrow(damage);
  });

  it('refuses a short frame before the last', () => {
    const list = [
      { size: 100, length: 200, checksum: 3 },
      { size: 100, length: 200, checksum: 3 },
    ];
    const table = encodeSeekTable(list);
    expect(() => decodeSeekTable(table, 200 + table.length)).toThrow('frame 0');
  });
});
