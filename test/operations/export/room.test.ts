import { expect, it } from 'vitest';
import { estimateStored, fitOf } from '../../../src/operations/export/estimate.ts';
import { nextLabelOf } from '../../../src/operations/export/labels.ts';

it('numbers the labels of new media after those that exist', () => {
  expect(nextLabelOf('usb', [])).toBe('usb 1');
  expect(nextLabelOf('usb', ['usb 1', null, 'usb 3', 'other 9'])).toBe('usb 4');
  expect(nextLabelOf(undefined, ['usb 2', null])).toBe('usb 3');
  expect(nextLabelOf(undefined, [null, 'usb'])).toBeUndefined();
});

it('estimates stored bytes by the best and the worst stream', () => {
  expect(estimateStored([1000], [])).toEqual([{ least: 0, most: 1000 }]);
  const held = [
    { length: 1_000_000, stored: 500_000 },
    { length: 1_000_000, stored: 900_000 },
    { length: 100, stored: 300 },
  ];
  expect(estimateStored([1000], held)).toEqual([{ least: 500, most: 900 }]);
});

it('says what fits after what comes before it', () => {
  const ranges = [
    { least: 10, most: 20 },
    { least: 10, most: 20 },
    { least: 10, most: 20 },
  ];
  expect(fitOf(ranges, 25)).toEqual(['yes', 'maybe', 'no']);
  expect(fitOf(ranges, undefined)).toEqual(['unknown', 'unknown', 'unknown']);
});
