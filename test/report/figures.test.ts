import { describe, expect, it } from 'vitest';
import { count, duration, moment, size } from '../../src/report/figures.ts';

describe('figures', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1024 ** 2 - 1, '1.0 MiB'],
    [1.3 * 1024 ** 3, '1.3 GiB'],
    [2 ** 53, '8.0 PiB'],
  ])('%d bytes', (bytes, text) => expect(size(bytes)).toBe(text));

  it.each([
    [0, '0.0 s'],
    [9.96, '10 s'],
    [59.6, '1 min 00 s'],
    [185, '3 min 05 s'],
    [3599.7, '1 h 00 min'],
    [7800, '2 h 10 min'],
    [100_000, '1 d 4 h'],
  ])('%d seconds', (seconds, text) => expect(duration(seconds)).toBe(text));

  it('moments in local time', () => {
    const local = new Date(2026, 10, 1, 9, 5);
    expect(moment(local.toISOString())).toBe('2026-11-01 09:05');
    expect(moment('never')).toBe('?');
  });

  it('counts', () => {
    expect([count(1, 'stream'), count(2, 'stream')]).toEqual(['1 stream', '2 streams']);
  });
});
