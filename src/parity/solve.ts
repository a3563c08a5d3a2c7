import { factor, inverse, multiply } from './field.ts';

/** The way to compute lost slices from those that are left. */
export interface Solution {
  /** The exponents of the recovery blocks that it takes. */
  readonly exponents: readonly number[];
  /**
   * For each lost slice the factor of each input. Inputs are the slices of the set in order, lost
   * ones with the factor 0, and after them the recovery blocks in the order of `exponents`.
   */
  readonly factors: readonly Uint16Array[];
}

/** The most factors in memory. A set of btrferry has far fewer. */
const MOST_FACTORS = 64 * 1024 ** 2;

/**
 * Finds out how recovery blocks give lost slices back: by Gaussian elimination. Skips a block that
 * adds nothing to those before it, which PAR2 does not exclude.
 *
 * @param slices number of slices in the set
 * @param lost their indexes
 * @param available exponents of the recovery blocks
 * @returns undefined if the blocks do not suffice
 */
export function solve(
  slices: number,
  lost: readonly number[],
  available: readonly number[],
): Solution | undefined {
  if (lost.length > available.length || lost.length * slices > MOST_FACTORS) return undefined;
  // Each row says: the sum of the lost slices times `left` is the sum of all inputs times `right`.
  // Factors of blocks follow those of the slices. The pivot of row n is that of slice lost[pivots[n]].
  const rows: { left: Uint16Array; right: Uint16Array; pivot: number }[] = [];
  const exponents: number[] = [];
  const isLost = new Set(lost);
  for (const exponent of available) {
    if (rows.length === lost.length) break;
    const left = Uint16Array.from(lost, (slice) => factor(slice, exponent));
    const right = new Uint16Array(slices + lost.length);
    for (let slice = 0; slice < slices; slice++) {
      if (!isLost.has(slice)) right[slice] = factor(slice, exponent);
    }
    right[slices + rows.length] = 1;
    for (const row of rows) subtract(row, left[row.pivot] as number, left, right);
    const pivot = left.findIndex((each) => each !== 0);
    if (pivot === -1) continue;
    const scale = inverse(left[pivot] as number);
    scaleBy(left, scale);
    scaleBy(right, scale);
    for (const row of rows) {
      subtract({ left, right }, row.left[pivot] as number, row.left, row.right);
    }
    rows.push({ left, right, pivot });
    exponents.push(exponent);
  }
  if (rows.length < lost.length) return undefined;
  return { exponents, factors: rows.sort((a, b) => a.pivot - b.pivot).map(({ right }) => right) };
}

/** Subtracts a multiple of a row from another one. */
function subtract(
  row: { readonly left: Uint16Array; readonly right: Uint16Array },
  times: number,
  left: Uint16Array,
  right: Uint16Array,
): void {
  if (times === 0) return;
  for (let at = 0; at < left.length; at++) {
    left[at] = (left[at] as number) ^ multiply(row.left[at] as number, times);
  }
  for (let at = 0; at < right.length; at++) {
    right[at] = (right[at] as number) ^ multiply(row.right[at] as number, times);
  }
}

function scaleBy(row: Uint16Array, scale: number): void {
  for (let at = 0; at < row.length; at++) row[at] = multiply(row[at] as number, scale);
}
