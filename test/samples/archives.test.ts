import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Event } from '../../src/events/event.ts';
import type { StreamListed } from '../../src/events/list.ts';
import { runImport } from '../../src/operations/import/run.ts';
import { runList } from '../../src/operations/list/run.ts';
import { describeReal, withBtrfs, withDirectory } from '../filesystem.ts';
import { contextWith } from '../operations/context.ts';
import { samples } from './streams.ts';

const chain = `${samples}archives/chain`;
const fullMissing = `${samples}archives/full-missing`;

async function list(...archives: string[]): Promise<{ exit: number; streams: StreamListed[] }> {
  const streams: StreamListed[] = [];
  const emit = (event: Event) => {
    if (event.type === 'stream-listed') streams.push(event);
    if (event.type === 'archive-listed') expect(event.damaged).toEqual([]);
  };
  const { exit } = await runList({ archives }, contextWith(emit));
  return { exit, streams };
}

async function importInto(into: string, archive: string) {
  // An import writes a receipt, and the samples stay as they are.
  const copy = `${withDirectory()}/archive`;
  cpSync(archive, copy, { recursive: true });
  const failures: string[] = [];
  const emit = (event: Event) => {
    if (event.type === 'import-planned') {
      failures.push(...event.refused.map(({ failure }) => failure.message));
    }
  };
  const options = {
    archives: [copy],
    into,
    only: [],
    template: undefined,
    again: false,
    partial: false,
    dryRun: false,
  };
  return { result: await runImport(options, contextWith(emit)), failures };
}

describe('list', () => {
  test('shows a chain of three that can be restored', async () => {
    const { exit, streams } = await list(chain);
    expect(exit).toBe(0);
    const [first, second, third] = streams;
    expect(streams.map(({ stream }) => stream.name)).toEqual(['home.1', 'home.2', 'home.3']);
    expect(streams.map(({ kind }) => kind)).toEqual(['full', 'incremental', 'incremental']);
    expect(second?.parent?.uuid).toBe(first?.stream.uuid);
    expect(third?.parent?.uuid).toBe(second?.stream.uuid);
    expect(streams.every(({ restorable }) => restorable)).toBe(true);
  });

  test('names the full stream that is missing', async () => {
    const [full] = (await list(chain)).streams;
    const { streams } = await list(fullMissing);
    expect(streams.map(({ stream }) => stream.name)).toEqual(['home.2', 'home.3']);
    expect(streams[0]?.missing.map(({ uuid }) => uuid)).toEqual([full?.stream.uuid]);
    expect(streams.some(({ restorable }) => restorable)).toBe(false);
  });

  test('finds it when both archives are given', async () => {
    const { streams } = await list(fullMissing, chain);
    expect(streams.every(({ missing }) => missing.length === 0)).toBe(true);
  });
});

test.each([chain, fullMissing])('stored files of %s have their SHA-256', (archive) => {
  for (const directory of readdirSync(`${archive}/streams`)) {
    const cwd = `${archive}/streams/${directory}`;
    const checked = execFileSync('sha256sum', ['-c', 'SHA256SUMS'], { cwd, encoding: 'utf8' });
    expect(checked).toBe('0001.btrfs.zst: OK\n');
  }
});

describeReal('import', () => {
  test('receives the chain, and keeps its names byte for byte', async () => {
    const btrfs = withBtrfs({ size: 256 * 2 ** 20 });
    const { result, failures } = await importInto(btrfs.mount, chain);
    expect(failures).toEqual([]);
    expect(result).toMatchObject({ exit: 0, done: 3 });
    const names = (snapshot: string) =>
      readdirSync(btrfs.at(snapshot), { encoding: 'buffer' }).map((name) =>
        name.toString('latin1'),
      );
    expect(names('home.1').sort()).toEqual(['diary', 'not utf-8 \xe9.jpg']);
    expect(names('home.2').sort()).toEqual(['diary', 'journal', 'not utf-8 \xe9.jpg']);
    expect(names('home.3').sort()).toEqual(['diary', 'picture.jpg']);
  });

  test('refuses streams without their full stream, and leaves nothing', async () => {
    const btrfs = withBtrfs({ size: 256 * 2 ** 20 });
    const { result, failures } = await importInto(btrfs.mount, fullMissing);
    expect(result).toMatchObject({ exit: 5, done: 0, refused: 2 });
    expect(failures.join('\n')).toMatch(/home\.2: its parent home\.1 .* is missing/);
    expect(readdirSync(btrfs.mount)).toEqual([]);
  });
});
