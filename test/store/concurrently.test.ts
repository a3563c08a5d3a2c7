import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { concurrently } from '../../src/store/concurrently.ts';

describe('concurrently', () => {
  const items = Array.from({ length: 100 }, (_, at) => at);

  it('runs each once, several at a time but not all', async () => {
    const taken: number[] = [];
    let under = 0;
    let most = 0;
    await concurrently(items, async (item) => {
      most = Math.max(most, ++under);
      await setImmediate();
      taken.push(item);
      under--;
    });
    expect(taken.toSorted((a, b) => a - b)).toEqual(items);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThan(items.length);
  });

  it('starts no more after a failure', async () => {
    let begun = 0;
    const failed = concurrently(items, async (item) => {
      begun++;
      await setImmediate();
      if (item === 3) throw new Error('the fourth');
    });
    await expect(failed).rejects.toThrow('the fourth');
    const before = begun;
    await setImmediate();
    await setImmediate();
    expect(begun).toBe(before);
    expect(begun).toBeLessThan(items.length);
  });

  it('ends at once without anything to do', async () => {
    await concurrently([], () => Promise.reject(new Error('called')));
  });
});
