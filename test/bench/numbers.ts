/** Several measurements of one thing. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** The ratio of the medians, and the least and greatest ratio of two that were side by side. */
export function ratioSpread(ours: readonly number[], plain: readonly number[]): Spread {
  const ratios = ours.map((value, at) => value / (plain[at] ?? Number.NaN));
  return { ...spread(ratios), median: median(ours) / median(plain) };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
