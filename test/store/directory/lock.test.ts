import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../../src/failure/failure.ts';
import { lockPassingFile } from '../../../src/store/directory/lock.ts';
import { withDirectory } from '../../filesystem.ts';

const busy = new Failure('destination-busy', 'busy');

describe('a lock whose file is removed', () => {
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
    const codes = Array.from({ length: 4 }, async () => {
      const [code] = await once(comer(directory), 'exit');
      return code;
    });
    expect(await Promise.all(codes)).toEqual([0, 0, 0, 0]);
    expect(readdirSync(directory)).toEqual([]);
  });
});

/** A process that takes the lock and releases it many times. While it does, it is alone. */
function comer(directory: string) {
  const built = new URL('../../../dist/store/directory/lock.js', import.meta.url).href;
  const script = `
    const { mkdirSync, rmdirSync } = await import('node:fs');
    const { lockPassingFile } = await import(${JSON.stringify(built)});
    const busy = new Error('busy');
    for (let taken = 0; taken < 400; ) {
      try {
        const lock = await lockPassingFile(${JSON.stringify(path.join(directory, 'lock'))}, busy);
        mkdirSync(${JSON.stringify(path.join(directory, 'held'))});
        rmdirSync(${JSON.stringify(path.join(directory, 'held'))});
        await lock.release();
        taken++;
      } catch (error) {
        if (error !== busy) throw error;
      }
    }`;
  return spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' });
}
