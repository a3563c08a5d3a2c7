import { randomFillSync } from 'node:crypto';
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { describeReal, withBtrfs, withDirectory } from '../filesystem.ts';
import { descendants } from '../processes.ts';
import { begin, type Ran } from '../program.ts';
import { randomFile } from './everything.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;

/** Peaks of resident memory, bytes. */
interface Peak {
  /** Of the program itself, its threads included. */
  program: number;
  /** Of the program and all that it started, each at its own peak. */
  all: number;
}

/** The most memory that a process ever had resident, bytes; 0 when it is gone (proc(5), VmHWM). */
function highWater(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return 1024 * Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Runs the program, looking at its memory time and again. */
async function peakOf(...args: string[]): Promise<Peak> {
  const running = begin(args);
  const peaks = new Map<number, number>();
  const look = () => {
    for (const pid of [running.pid, ...descendants(running.pid)]) {
      peaks.set(pid, Math.max(peaks.get(pid) ?? 0, highWater(pid)));
    }
  };
  const watch = setInterval(look, 50);
  const ran: Ran = await running.ended;
  clearInterval(watch);
  expect(ran).toMatchObject({ exit: 0 });
  const all = [...peaks.values()].reduce((sum, peak) => sum + peak, 0);
  return { program: peaks.get(running.pid) ?? 0, all };
}

/** A file of which a quarter is random, and so is stored as it is. */
function fill(file: string, bytes: number): void {
  const piece = Buffer.alloc(4 * MiB);
  const handle = openSync(file, 'w');
  for (let at = 0; at < bytes; at += piece.length) {
    randomFillSync(piece, 0, MiB);
    writeSync(handle, piece);
  }
  closeSync(handle);
}

async function carry(snapshot: string): Promise<{ export: Peak; import: Peak }> {
  const archive = withDirectory();
  const destination = withBtrfs({ size: 8 * GiB, mountOptions: 'compress-force=zstd:1' });
  // As version 1 has it: all data as it is in the file.
  const options = ['--proto', '1', '--level', '1', '--to', archive];
  const peaks = {
    export: await peakOf('export', snapshot, ...options),
    import: await peakOf('import', archive, '--into', destination.mount),
  };
  destination.remove();
  rmSync(archive, { recursive: true });
  return peaks;
}

const shown = ({ program, all }: Peak) =>
  `${Math.round(program / MiB)} MiB, with its children ${Math.round(all / MiB)} MiB`;

describeReal('memory', () => {
  test('does not grow with the stream: 4 GiB take what 40 MiB take', {
    timeout: 600_000,
  }, async () => {
    const source = withBtrfs({ size: 8 * GiB, mountOptions: 'compress-force=zstd:1' });
    randomFile(path.join(source.subvolume('small'), 'file'), 40 * MiB);
    fill(path.join(source.subvolume('large'), 'file'), 4 * GiB);
    const small = await carry(source.snapshot('small', 'small.1'));
    const large = await carry(source.snapshot('large', 'large.1'));
    for (const way of ['export', 'import'] as const) {
      process.stderr.write(
        `peak of ${way}: 40 MiB: ${shown(small[way])}; 4 GiB: ${shown(large[way])}\n`,
      );
      expect(large[way].all).toBeLessThan(300 * MiB);
      expect(large[way].program).toBeLessThan(small[way].program + 64 * MiB);
    }
  });
});
