/** The field GF(2^16) of PAR2: polynomials over bits modulo 0x1100B. Its elements are numbers. */

const POLYNOMIAL = 0x1100b;

/** The nonzero elements: all powers of 2. */
const ORDER = 65535;

const powers = new Uint16Array(2 * ORDER);
const logarithms = new Uint16Array(ORDER + 1);
for (let exponent = 0, element = 1; exponent < ORDER; exponent++) {
  powers[exponent] = element;
  powers[exponent + ORDER] = element;
  logarithms[element] = exponent;
  element <<= 1;
  if (element > ORDER) element ^= POLYNOMIAL;
}

/** The most slices of a set: there are no more constants. */
export const MAX_SLICES = 32768;

/**
 * The logarithms of the constants of the slices, in order: the powers of 2 that have order 65535,
 * whose divisors are 3, 5, 17 and 257.
 */
const constants = new Uint16Array(MAX_SLICES);
for (let exponent = 1, at = 0; at < MAX_SLICES; exponent++) {
  if (exponent % 3 && exponent % 5 && exponent % 17 && exponent % 257) constants[at++] = exponent;
}

export function multiply(a: number, b: number): number {
  if (a === 0 || b === 0) return 0;
  return powers[(logarithms[a] as number) + (logarithms[b] as number)] as number;
}

/** The inverse of an element that is not 0. */
export function inverse(a: number): number {
  return powers[ORDER - (logarithms[a] as number)] as number;
}

/** The factor of a slice in a recovery block: the constant of the slice to the power `exponent`. */
export function factor(slice: number, exponent: number): number {
  return powers[((constants[slice] as number) * exponent) % ORDER] as number;
}
