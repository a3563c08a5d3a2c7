/** The lengths of a stream that an archive holds, bytes. */
export interface Sizes {
  readonly length: number;
  readonly stored: number;
}

/** An estimate of stored bytes. */
export interface Range {
  readonly least: number;
  readonly most: number;
}

/** Bytes of stream below which a stream tells nothing of others. */
const TELLING = 64 * 1024;

/**
 * Estimates how many bytes streams take when they are stored, from those that an archive holds: by the
 * best and the worst compression among them. If there are none, a stream may take nothing or all.
 *
 * @param lengths bytes of the streams
 */
export function estimateStored(lengths: readonly number[], held: readonly Sizes[]): Range[] {
  const ratios = held
    .filter(({ length }) => length >= TELLING)
    .map(({ length, stored }) => stored / length);
  const least = ratios.length === 0 ? 0 : Math.min(...ratios);
  const most = ratios.length === 0 ? 1 : Math.max(...ratios);
  return lengths.map((length) => ({
    least: Math.floor(length * least),
    most: Math.ceil(length * most),
  }));
}

/** Whether something fits; `maybe` if that depends on how well it compresses. */
export type Fit = 'yes' | 'maybe' | 'no' | 'unknown';

/**
 * Says of each of several streams, which are stored one after another, whether it fits.
 *
 * @param free bytes; undefined if that is not known
 */
export function fitOf(ranges: readonly Range[], free: number | undefined): Fit[] {
  let [least, most] = [0, 0];
  return ranges.map((range) => {
    least += range.least;
    most += range.most;
    if (free === undefined) return 'unknown';
    if (most <= free) return 'yes';
    return least > free ? 'no' : 'maybe';
  });
}
