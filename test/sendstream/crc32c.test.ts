import fc from 'fast-check';
import { expect, test } from 'vitest';
import { commandChecksum } from '../../src/sendstream/crc32c.ts';

/** The definition, bit by bit: reflected polynomial 0x82f63b78, state 0 at first, none inverted. */
function slow(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return crc >>> 0;
}

test('the definition gives the published check value', () => {
  expect(slow(Buffer.from('123456789'))).toBe(0x58e3fa20);
});

test('a command has the checksum of the definition, with zeros in its own field', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 10, maxLength: 300 }), (command) => {
      const zeroed = command.slice();
      zeroed.fill(0, 6, 10);
      expect(commandChecksum(command)).toBe(slow(zeroed));
    }),
  );
});

test('a view into a larger buffer covers only its own bytes', () => {
  const larger = Buffer.from('..0123456789abcdef..');
  const view = larger.subarray(2, 18);
  expect(commandChecksum(view)).toBe(commandChecksum(new Uint8Array(view)));
});
