import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../src/failure/failure.ts';
import { lockPassingFile } from '../../src/store/lock.ts';
import { withDirectory } from '../filesystem.ts';

const busy = new Failure('destination-busy', 'busy');

describe('a lock whose file passes', () => {
  it('excludes another, and leaves nothing', async () => {
    const file = path.join(withDirectory(), 'lock');
    const lock = await lockPassingFile(file, busy);
    expect(existsSync(file)).toBe(true);
    await expect(lockPassingFile(file, busy)).rejects.toBe(busy);
    await lock.release();
    expect(existsSync(file)).toBe(false);
  });

  it('never has two holders, however they come and go', async () => {
    const directory = withDirectory();
    const file = path.join(directory, 'lock');
    let [holders, taken] = [0, 0];
    const come = async () => {
      for (let at = 0; at < 300; at++) {
        try {
          const lock = await lockPassingFile(file, busy);
          holders++;
          taken++;
          expect(holders).toBe(1);
          await setImmediate();
          holders--;
          await lock.release();
        } catch (error) {
          if (error !== busy) throw error;
        }
      }
    };
    await Promise.all(Array.from({ length: 8 }, come));
    expect(taken).toBeGreaterThan(1);
    expect(readdirSync(directory)).toEqual([]);
  });
});
