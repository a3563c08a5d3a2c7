import type { Progress, StreamBegun } from '../events/stream.ts';
import { streamText } from '../names/title.ts';
import { duration, size } from './figures.ts';
import type { Style } from './style.ts';
import { shorten } from './table.ts';

const verbs = {
  export: 'exporting',
  import: 'receiving',
  salvage: 'salvaging',
  verify: 'verifying',
  copy: 'copying',
  fingerprint: 'reading',
  compare: 'comparing',
  protect: 'protecting',
} as const;

/** The progress of a stream. */
export interface State {
  readonly begun: StreamBegun;
  readonly progress: Progress | undefined;
  /** Recent rate, bytes of stream per second; undefined if too little time has passed. */
  readonly rate: number | undefined;
}

/** `exporting 2 of 3  home.2026-11-08` */
export function streamLine({ action, index, count, stream }: StreamBegun): string {
  return `${verbs[action]} ${index} of ${count}  ${streamText(stream)}`;
}

/** `45%  1.2 GiB of 2.6 GiB  120.3 MiB/s  12 s left` */
export function amounts({ progress, rate }: State): string {
  if (progress === undefined) return '';
  const { bytes, total, stored } = progress;
  const parts: string[] = [];
  if (total === undefined) parts.push(size(bytes));
  else parts.push(percent(bytes, total), `${size(bytes)} of ${size(total)}`);
  if (rate !== undefined) parts.push(`${size(rate)}/s`);
  if (total !== undefined && rate !== undefined && rate > 0) {
    parts.push(`${duration((total - bytes) / rate)} left`);
  }
  if (total === undefined && stored > 0) parts.push(`${size(stored)} stored`);
  return parts.join('  ');
}

/**
 * Columns for the amounts, with the indent and the gap. The number is fixed, so the length of the bar
 * does not change with the amounts.
 */
const AMOUNTS_WIDTH = 66;

/** Two lines for a terminal of `width` columns. */
export function drawnLines(state: State, width: number, style: Style): string[] {
  const first = style.strong(shorten(streamLine(state.begun), width - 1));
  const said = amounts(state);
  if (state.progress?.total === undefined) return [first, shorten(`  ${said}`, width - 1)];
  const room = Math.min(30, width - AMOUNTS_WIDTH);
  const { bytes, total } = state.progress;
  const filled = total === 0 ? room : Math.round((Math.min(bytes, total) / total) * room);
  const bar =
    room < 8 ? '' : `${style.good('█'.repeat(filled))}${style.faint('░'.repeat(room - filled))}  `;
  return [first, `  ${bar}${shorten(said, width - 3)}`];
}

function percent(bytes: number, total: number): string {
  const share = total === 0 ? 100 : Math.min(100, Math.floor((bytes / total) * 100));
  return `${share}%`.padStart(4);
}

/** Milliseconds over which a rate is measured. */
const WINDOW = 10_000;

/**
 * Returns a function that takes a time in milliseconds and the bytes so far, and returns the recent
 * rate.
 */
export function rateMeter(start: number): (at: number, bytes: number) => number | undefined {
  let samples = [{ at: start, bytes: 0 }];
  return (at, bytes) => {
    // Keep the last sample that is older than the window, so that there is always a span.
    const old = samples.findLastIndex((sample) => sample.at <= at - WINDOW);
    samples = samples.slice(Math.max(0, old));
    samples.push({ at, bytes });
    const first = samples[0] as (typeof samples)[number];
    return at - first.at < 500 ? undefined : ((bytes - first.bytes) / (at - first.at)) * 1000;
  };
}
