import { NAME_MAX } from '../../names/title.ts';

/** The names of what is left of a stream, and of the report beside it. */

const ENDING = '.salvaged';
const REPORT = '.txt';

/**
 * Appends `.salvaged` to a name, and a number if that name, or that of the report, is taken. Cuts
 * a name that is too long.
 */
export function salvagedName(name: Buffer, taken: readonly Uint8Array[]): Buffer {
  const used = new Set(taken.map((each) => Buffer.from(each).toString('latin1')));
  for (let number = 1; ; number++) {
    const ending = Buffer.from(number === 1 ? ENDING : `${ENDING}-${number}`);
    const most = NAME_MAX - ending.length - REPORT.length;
    const made = Buffer.concat([name.subarray(0, most), ending]);
    const both = [made, reportName(made)].map((each) => each.toString('latin1'));
    if (!both.some((each) => used.has(each))) return made;
  }
}

/** The name of the report beside a salvaged subvolume. */
export function reportName(as: Buffer): Buffer {
  return Buffer.concat([as, Buffer.from(REPORT)]);
}
