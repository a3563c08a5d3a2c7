import { InvalidArgumentError } from 'commander';

const UNITS = { '': 0, K: 1, M: 2, G: 3, T: 4 } as const;

/** Parses a size such as `650M`, `512MiB`, `4g` or a number of bytes. Units are binary. */
export function parseSize(text: string): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)\s*(?:([KMGT])(?:i?B)?|B)?$/i.exec(text) ?? [];
  const power = UNITS[unit.toUpperCase() as keyof typeof UNITS];
  const bytes = Math.floor(Number(digits) * 1024 ** power);
  if (digits !== undefined && Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new InvalidArgumentError('a size is bytes, or a number with K, M, G or T: 650M, 4G');
}

/** Parses a share such as `5%` or `5`: a whole number from 1 to 100. */
export function parsePercent(text: string): number {
  return parseWhole(1, 100)(text.replace(/%$/, ''));
}

/** Returns a parser for whole numbers from `lowest` to `highest`. */
export function parseWhole(lowest: number, highest: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= lowest && number <= highest) return number;
    throw new InvalidArgumentError(`it is a whole number from ${lowest} to ${highest}`);
  };
}
