import type { SpaceMeasured } from '../events/space.ts';
import { oneLine } from '../names/printable.ts';
import { streamText } from '../names/title.ts';
import { size } from './figures.ts';
import type { Style } from './style.ts';
import { table } from './table.ts';

const words = { yes: 'fits', maybe: 'may not fit', no: 'does not fit', unknown: '' } as const;

/** Says how much space an export needs, and of a dry run for each stream. */
export function spaceLines(event: SpaceMeasured, style: Style): string[] {
  const { archives, free, streams, drafts, dryRun } = event;
  const [least, most] = [sum(streams, 'least'), sum(streams, 'most')];
  const there = free === null ? 'unknown free space' : `${size(free)} free`;
  const head = `needs ${about(least, most)}; ${there} at ${oneLine(archives.join(', '))}`;
  const rows = table(
    streams.map((one) => [
      `  ${streamText(one.stream)}`,
      size(one.bytes),
      about(one.least, one.most),
      words[one.fits],
    ]),
    [{ most: 31 }, { align: 'right' }, { align: 'right' }, {}],
  );
  const left = drafts.map(
    ({ directory, stored }) => `  unfinished: ${oneLine(directory)}  ${size(stored)}`,
  );
  return [style.strong(head), ...(dryRun ? [...rows, ...left] : [])];
}

function about(least: number, most: number): string {
  const [low, high] = [size(least), size(most)];
  if (least === 0) return `up to ${high}`;
  return low === high ? `about ${high}` : `${low} to ${high}`;
}

function sum(streams: SpaceMeasured['streams'], member: 'least' | 'most'): number {
  return streams.reduce((total, stream) => total + stream[member], 0);
}
