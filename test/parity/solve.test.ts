import fc from 'fast-check';
import { expect, test } from 'vitest';
import { factor, inverse, multiply } from '../../src/parity/field.ts';
import { Multiplication } from '../../src/parity/multiplication.ts';
import { solve } from '../../src/parity/solve.ts';

/** Multiplies polynomials bit by bit, modulo 0x1100B. */
function slowly(a: number, b: number): number {
  let product = 0;
  for (let bit = 0; bit < 16; bit++) {
    if ((b >> bit) & 1) product ^= a << bit;
  }
  for (let bit = 30; bit >= 16; bit--) {
    if ((product >>> bit) & 1) product ^= 0x1100b << (bit - 16);
  }
  return product;
}

const element = fc.integer({ min: 0, max: 65535 });

test('the field is that of its polynomial', () => {
  fc.assert(
    fc.property(element, element, (a, b) => {
      expect(multiply(a, b)).toBe(slowly(a, b));
      if (a !== 0) expect(multiply(a, inverse(a))).toBe(1);
    }),
  );
  // The first constants, as the specification lists them.
  expect([0, 1, 2, 3, 4].map((slice) => factor(slice, 1))).toEqual([2, 4, 16, 128, 256]);
});

test('the threads add products as the field does', async () => {
  const width = 96;
  const outputs = 5;
  const inputs = Array.from({ length: 7 }, (_, at) =>
    Uint8Array.from({ length: width }, (_, byte) => (at * 101 + byte * 37) & 0xff),
  );
  const factors = inputs.map((_, at) =>
    Uint16Array.from({ length: outputs }, (_, output) => (at * 7919 + output * 31337) & 0xffff),
  );
  const multiplication = new Multiplication(outputs, width);
  try {
    for (const [at, input] of inputs.entries()) {
      await multiplication.add(async (into) => into.set(input), factors[at] as Uint16Array);
    }
    for (let output = 0; output < outputs; output++) {
      const expected = Buffer.alloc(width);
      for (let word = 0; word < width; word += 2) {
        const sum = inputs.reduce((before, input, at) => {
          const value = Buffer.from(input).readUInt16LE(word);
          return before ^ slowly(value, factors[at]?.[output] as number);
        }, 0);
        expected.writeUInt16LE(sum, word);
      }
      expect(Buffer.from(await multiplication.take(output))).toEqual(expected);
    }
    expect(await multiplication.take(0)).toEqual(new Uint8Array(width));
  } finally {
    await multiplication.close();
  }
});

test('any lost slices come back from as many blocks, whichever those are', () => {
  const subset = (most: number) =>
    fc.uniqueArray(fc.integer({ min: 0, max: most }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(
      fc.array(element, { minLength: 20, maxLength: 20 }),
      subset(19),
      subset(60000),
      (slices, lost, available) => {
        const solution = solve(slices.length, lost, available);
        if (lost.length > available.length) expect(solution).toBeUndefined();
        // Of given exponents some may be of no use; one more than needed hardly ever is.
        if (solution === undefined) return;
        const blocks = solution.exponents.map((exponent) =>
          slices.reduce((sum, value, slice) => sum ^ multiply(value, factor(slice, exponent)), 0),
        );
        const found = solution.factors.map((row) =>
          [...slices, ...blocks].reduce(
            (sum, value, at) => sum ^ multiply(value, row[at] as number),
            0,
          ),
        );
        expect(found).toEqual(lost.map((slice) => slices[slice]));
      },
    ),
  );
  const consecutive = [3, 4, 5, 6, 7];
  expect(solve(1000, [0, 500, 998, 999, 17], consecutive)?.exponents).toEqual(consecutive);
});
