import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Resync } from '../../src/sendstream/resync.ts';
import { Rescue, type Rescued } from '../../src/tree/rescue.ts';
import { everything } from '../endtoend/everything.ts';
import { type Random, seeded } from '../faults/random.ts';
import { type Btrfs, describeReal, describeTree, withBtrfs } from '../filesystem.ts';

const uuid = '99999999-8888-7777-6666-555555555555';

/** Makes a stream that `btrfs receive` takes of what gaps leave of one. */
function rescue(stream: Buffer, gaps: readonly (readonly [number, number])[], name: string) {
  const version = stream.readUInt32LE(13) as 1 | 2;
  const resync = new Resync(version, stream.length);
  const from = announced(stream);
  const rescued = new Rescue(version, from, { uuid, ctransid: 1n });
  const made = rescued.begin(Buffer.from(name));
  const take = (items: ReturnType<Resync['push']>) => {
    for (const item of items) {
      if (item.type === 'LOST') rescued.lose();
      else made.push(...rescued.take(item).map((bytes) => Buffer.from(bytes)));
    }
  };
  let at = 0;
  for (const [start, end] of gaps) {
    take(resync.push(stream.subarray(at, start)));
    resync.gap(end - start);
    at = end;
  }
  take(resync.push(stream.subarray(at)));
  take(resync.finish());
  made.push(rescued.end());
  return { stream: Buffer.concat(made), report: rescued.finish() };
}

/** The UUID that a stream announces in its first command. */
function announced(stream: Buffer): string {
  const at = stream.indexOf(Buffer.from([1, 0, 16, 0]), 17) + 4;
  const hex = stream.subarray(at, at + 16).toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** Counts the commands that make or change names and are lost, or could not be applied. */
function lostNames(stream: Buffer, { commands, dropped }: Rescued): number {
  const whole = rescue(stream, [], 'whole').report.commands;
  const kinds = [
    'MKFILE',
    'MKDIR',
    'MKNOD',
    'MKFIFO',
    'MKSOCK',
    'SYMLINK',
    'LINK',
    'RENAME',
  ] as const;
  return kinds.reduce((sum, kind) => sum + (whole[kind] ?? 0) - (commands[kind] ?? 0), dropped);
}

/** Lines of a tree by path, without what names are one file: names of it can be lost. */
function linesOf(root: string): Map<string, string> {
  return new Map(
    describeTree(root).map((line) => {
      const [name = ''] = /^"(?:[^"\\]|\\.)*"/.exec(line) ?? [];
      return [
        JSON.parse(name) as string,
        line.slice(name.length).replace(/ links=\d+ same-as="(?:[^"\\]|\\.)*"/, ''),
      ];
    }),
  );
}

/** Compares contents but for the ranges that the report names. */
function expectContents(before: string, after: string, lost: Rescued['damaged'][number]['lost']) {
  const [a, b] = [openSync(before, 'r'), openSync(after, 'r')];
  const [left, right] = [Buffer.alloc(1 << 20), Buffer.alloc(1 << 20)];
  const isLost = (at: number) =>
    lost.some(({ offset, length }) => at >= offset && (length === null || at < offset + length));
  for (let at = 0; ; at += left.length) {
    const length = readSync(a, left, 0, left.length, at);
    const found = readSync(b, right, 0, right.length, at);
    if (length === 0 && found === 0) break;
    right.fill(0, found);
    left.fill(0, length);
    if (!left.equals(right)) {
      for (let i = 0; i < left.length; i++) {
        if (left[i] !== right[i] && !isLost(at + i)) {
          throw new Error(
            `${after}: byte ${at + i} differs, and the report has ${JSON.stringify(lost)}`,
          );
        }
      }
    }
  }
  closeSync(a);
  closeSync(b);
}

describeReal('rescue', () => {
  let source: Btrfs;
  let destination: Btrfs;
  const streams: Buffer[] = [];
  beforeAll(() => {
    source = withBtrfs();
    destination = withBtrfs({ size: 2 ** 30 });
    everything(source);
    for (const proto of ['1', '2']) {
      const args = ['send', '-q', '--proto', proto, source.at('first')];
      streams.push(
        execFileSync('btrfs', args, { maxBuffer: 2 ** 28, stdio: ['ignore', 'pipe', 'ignore'] }),
      );
    }
  }, 60_000);
  afterAll(() => {
    source.remove();
    destination.remove();
  });

  function receive(stream: Buffer, name: string): string {
    execFileSync('btrfs', ['receive', '-q', destination.mount], {
      input: stream,
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    return destination.at(name);
  }

  /** Damages, receives, and compares the whole trees. */
  function tryOnce(stream: Buffer, random: Random, name: string): Rescued {
    const cuts = [0, 0].map(() => random.below(stream.length)).sort((a, b) => a - b);
    const gaps = cuts.map(
      (at) => [at, Math.min(stream.length, at + 1 + random.below(100_000))] as const,
    );
    const [first, second] = gaps as [readonly [number, number], readonly [number, number]];
    const apart = first[1] <= second[0] ? [first, second] : [first];
    const rescued = rescue(stream, apart, name);
    const arrived = receive(rescued.stream, name);
    const [before, after] = [linesOf(source.at('first')), linesOf(arrived)];
    const damaged = new Map(
      rescued.report.damaged.map((each) => [Buffer.from(each.path).toString('latin1'), each]),
    );
    const key = (text: string) =>
      text.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) =>
        String.fromCharCode(Number.parseInt(hex, 16)),
      );
    for (const [at, line] of after) {
      if (damaged.has(at === '.' ? '' : key(at))) continue;
      const isDirectory = / mode=4/.test(line);
      const same = (text: string | undefined) =>
        isDirectory ? text?.replace(/ mtime=\S+/, '') : text;
      if (!before.has(at)) {
        expect(
          rescued.report.unnamed
            .map(String)
            .some((o) => key(at) === o || key(at).startsWith(`${o}/`)),
          at,
        ).toBe(true);
        continue;
      }
      expect(same(line) === same(before.get(at)), `${name} ${at}`).toBe(true);
    }
    const missing = [...before.keys()].filter((at) => !after.has(at)).length;
    expect(missing, name).toBeLessThanOrEqual(lostNames(stream, rescued.report));
    for (const { path: at, kind, lost } of rescued.report.damaged) {
      const original = path.join(source.at('first'), at.toString());
      if (kind !== 'file' || !before.has(at.toString())) continue;
      expectContents(original, path.join(arrived, at.toString()), lost);
    }
    execFileSync('btrfs', ['-q', 'subvolume', 'delete', arrived]);
    return rescued.report;
  }

  it('makes all of a whole stream', () => {
    const rescued = rescue(streams[0] as Buffer, [], 'whole');
    expect(describeTree(receive(rescued.stream, 'whole'))).toEqual(
      describeTree(source.at('first')),
    );
    expect(rescued.report).toMatchObject({ damaged: [], unnamed: [], dropped: 0 });
  });

  it('brings what is left, and names all that differs', () => {
    let whole = 0;
    for (let seed = 0; seed < Number(process.env.SEEDS ?? 5); seed++) {
      const random = seeded(seed);
      whole += tryOnce(random.pick(streams as [Buffer, Buffer]), random, `seed-${seed}`).whole;
    }
    expect(whole).toBeGreaterThan(0);
  }, 120_000);
});
