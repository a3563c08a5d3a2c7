import { randomFillSync } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { type Btrfs, cannotMount, describeReal, withBtrfs, withDirectory } from '../filesystem.ts';
import { describeObjectStore } from '../objectstore/objectstore.ts';
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

async function carry(snapshot: string, archive: string): Promise<Record<Way, Peak>> {
  const destination = withBtrfs({ size: 8 * GiB, mountOptions: 'compress-force=zstd:1' });
  // As version 1 has it: all data as it is in the file.
  const options = ['--proto', '1', '--level', '1', '--to', archive];
  const peaks = {
    export: await peakOf('export', snapshot, ...options),
    import: await peakOf('import', archive, '--into', destination.mount),
  };
  destination.remove();
  return peaks;
}

const ways = ['export', 'import'] as const;
type Way = (typeof ways)[number];

/** Compares the peaks of a small and of a large stream. */
function expectSameMemory(small: Record<Way, Peak>, large: Record<Way, Peak>): void {
  for (const way of ways) {
    process.stderr.write(`peak of ${way}: ${shown(small[way])}; large: ${shown(large[way])}\n`);
    expect(large[way].all).toBeLessThan(300 * MiB);
    expect(large[way].program).toBeLessThan(small[way].program + 64 * MiB);
  }
}

const shown = ({ program, all }: Peak) =>
  `${Math.round(program / MiB)} MiB, with its children ${Math.round(all / MiB)} MiB`;

let source: Btrfs;
let [small, middle, large] = ['', '', ''];
beforeAll(() => {
  if (cannotMount !== undefined) return;
  source = withBtrfs({ size: 8 * GiB, mountOptions: 'compress-force=zstd:1' });
  randomFile(path.join(source.subvolume('small'), 'file'), 40 * MiB);
  fill(path.join(source.subvolume('middle'), 'file'), GiB);
  fill(path.join(source.subvolume('large'), 'file'), 4 * GiB);
  small = source.snapshot('small', 'small.1');
  middle = source.snapshot('middle', 'middle.1');
  large = source.snapshot('large', 'large.1');
}, 600_000);
afterAll(() => source?.remove());

const patience = { timeout: 600_000 };

describeReal('memory', () => {
  test('does not grow with the stream: 4 GiB take what 40 MiB take', patience, async () => {
    const [one, other] = [withDirectory(), withDirectory()];
    expectSameMemory(await carry(small, one), await carry(large, other));
  });
});

// 4 GiB take as much, and longer.
describeObjectStore('memory with an object store', (store) => {
  test('does not grow with the stream: 1 GiB takes what 40 MiB take', patience, async () => {
    for (const [name, value] of Object.entries(store().env)) vi.stubEnv(name, value);
    onTestFinished(() => void vi.unstubAllEnvs());
    const bucket = await store().bucket();
    expectSameMemory(
      await carry(small, `${bucket}/small`),
      await carry(middle, `${bucket}/middle`),
    );
  });
});
