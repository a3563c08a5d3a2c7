import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Random, seeded } from '../faults/random.ts';
import { type Btrfs, describeReal, describeTree, withBtrfs } from '../filesystem.ts';
import {
  begin,
  btrferry,
  during,
  eventsIn,
  fails,
  type Ran,
  resultOf,
  succeeds,
} from '../program.ts';
import { copyOf, fresh, inStream, subvolumes } from './chainlet.ts';
import { everything } from './everything.ts';

interface SalvagedEvent {
  readonly as: string;
  readonly whole: number;
  readonly missing: number;
  readonly unnamed: number;
  readonly losses: readonly { from: number; to: number }[];
  readonly files: readonly {
    readonly path: string | { readonly base64: string };
    readonly kind: string;
    readonly lost: readonly { offset: number; length: number | null }[];
  }[];
}

const salvagedIn = (ran: Ran) =>
  eventsIn(ran).filter(({ type }) => type === 'stream-salvaged') as unknown as SalvagedEvent[];

const bytesOf = (name: string | { readonly base64: string }) =>
  typeof name === 'string' ? Buffer.from(name) : Buffer.from(name.base64, 'base64');

/** Lines of a tree by path in latin1, without the names that are one file: some can be lost. */
function linesOf(root: string): Map<string, string> {
  return new Map(
    describeTree(root).map((line) => {
      const [quoted = ''] = /^"(?:[^"\\]|\\.)*"/.exec(line) ?? [];
      const name = (JSON.parse(quoted) as string).replace(/\\x([0-9a-f]{2})/g, (_, hex: string) =>
        String.fromCharCode(Number.parseInt(hex, 16)),
      );
      const rest = line.slice(quoted.length).replace(/ links=\d+ same-as="(?:[^"\\]|\\.)*"/, '');
      const isDirectory = / mode=4\d{4} /.test(rest);
      return [name === '.' ? '' : name, isDirectory ? rest.replace(/ mtime=\S+/, '') : rest];
    }),
  );
}

/** Compares two files but for ranges. */
function expectContents(
  before: Buffer,
  after: Buffer,
  lost: SalvagedEvent['files'][number]['lost'],
) {
  const [a, b] = [openSync(before, 'r'), openSync(after, 'r')];
  const [left, right] = [Buffer.alloc(1 << 20), Buffer.alloc(1 << 20)];
  const isLost = (at: number) =>
    lost.some(({ offset, length }) => at >= offset && (length === null || at < offset + length));
  try {
    for (let at = 0; ; at += left.length) {
      const length = readSync(a, left, 0, left.length, at);
      const found = readSync(b, right, 0, right.length, at);
      if (length === 0 && found === 0) return;
      left.fill(0, length);
      right.fill(0, found);
      if (left.equals(right)) continue;
      const wrong = left.findIndex((byte, i) => byte !== right[i] && !isLost(at + i));
      expect(wrong, `${after} differs where nothing is said to be lost`).toBe(-1);
    }
  } finally {
    closeSync(a);
    closeSync(b);
  }
}

/** Compares what was salvaged with the snapshot, as the event says. */
function expectAsSaid(source: string, arrived: string, event: SalvagedEvent): void {
  const damaged = new Map(event.files.map((each) => [bytesOf(each.path).toString('latin1'), each]));
  const [before, after] = [linesOf(source), linesOf(arrived)];
  let unnamed = 0;
  for (const [at, line] of after) {
    if (damaged.has(at)) continue;
    if (before.has(at)) expect(line, at).toBe(before.get(at));
    else unnamed++;
  }
  if (event.unnamed === 0) expect(unnamed).toBe(0);
  for (const [at, { kind, lost }] of damaged) {
    if (kind !== 'file' || !before.has(at)) continue;
    const file = (root: string) =>
      Buffer.concat([Buffer.from(`${root}/`), Buffer.from(at, 'latin1')]);
    expectContents(file(source), file(arrived), lost);
  }
}

const noise = (random: Random, length: number) =>
  Buffer.from(Array.from({ length }, () => random.below(256)));

describeReal('import --salvage', () => {
  let source: Btrfs;
  let destination: Btrfs;
  /** Archives of `first` in version 1, in parts; in version 2; and of `first` and `second`. */
  let archives: readonly [string, string];
  let chain: string;
  beforeAll(async () => {
    source = withBtrfs({ mountOptions: 'compress=zstd' });
    destination = withBtrfs({ size: 2 ** 30 });
    everything(source);
    archives = [fresh('one'), fresh('two')];
    chain = fresh('chain');
    const parts = ['--proto', '1', '--max-part-size', '5M'];
    await succeeds('export', source.at('first'), '--to', archives[0], ...parts);
    await succeeds('export', source.at('first'), '--to', archives[1], '--proto', '2');
    await succeeds('export', source.at('first'), source.at('second'), '--to', chain);
  }, 120_000);
  afterAll(() => {
    source?.remove();
    destination?.remove();
  });

  const parts = (archive: string) =>
    readdirSync(inStream(archive, 'first'))
      .filter((name) => name.endsWith('.zst'))
      .map((name) => inStream(archive, 'first', name)) as [string, ...string[]];

  function empty(): void {
    for (const name of readdirSync(destination.mount)) {
      const at = destination.at(name);
      if (statSync(at).isDirectory()) execFileSync('btrfs', ['-q', 'subvolume', 'delete', at]);
      else rmSync(at);
    }
  }

  /** Overwrites pieces of a part, cuts it short, or removes it. */
  function spoil(archive: string, random: Random): void {
    const all = parts(archive);
    const part = random.pick(all);
    const kind = random.below(4);
    if (kind === 0) truncateSync(part, random.below(statSync(part).size));
    else if (kind === 1 && all.length > 1) rmSync(part);
    else {
      const bytes = readFileSync(part);
      for (let left = 1 + random.below(2); left > 0; left--) {
        const at = random.below(bytes.length);
        bytes.set(noise(random, 512).subarray(0, bytes.length - at), at);
      }
      writeFileSync(part, bytes);
    }
  }

  test('receives what is left, and names all that is lost', async () => {
    let whole = 0;
    for (let seed = 0; seed < Number(process.env.SEEDS ?? 6); seed++) {
      const random = seeded(seed);
      const archive = copyOf(archives[seed % 2] as string);
      spoil(archive, random);
      const ran = await btrferry(
        'import',
        '--salvage',
        archive,
        '--into',
        destination.mount,
        '--json',
      );
      const [event] = salvagedIn(ran);
      if (event === undefined) {
        expect(ran.exit, ran.stdout).toBe(4);
        expect(readdirSync(destination.mount)).toEqual([]);
        continue;
      }
      whole += event.whole;
      expect(ran.exit, `seed ${seed}`).toBe(event.losses.length > 0 ? 3 : 0);
      expect(event.as).toBe('first.salvaged');
      expect(readdirSync(destination.mount).sort()).toEqual([event.as, `${event.as}.txt`]);
      const report = readFileSync(destination.at(`${event.as}.txt`), 'utf8');
      for (const { from, to } of event.losses)
        expect(report).toContain(`\n${from}  ${to - from}\n`);
      expectAsSaid(source.at('first'), destination.at(event.as), event);
      empty();
    }
    expect(whole).toBeGreaterThan(0);
  }, 240_000);

  test('the start of the stream is lost', async () => {
    const archive = copyOf(archives[0]);
    const [part] = parts(archive);
    const bytes = readFileSync(part);
    writeFileSync(part, bytes.fill(0, 0, 3000));
    const args = ['import', '--salvage', archive, '--into', destination.mount, '--json'];
    const [planned] = salvagedIn(await btrferry(...args, '--dry-run'));
    expect(readdirSync(destination.mount)).toEqual([]);
    const ran = await btrferry(...args);
    const [event] = salvagedIn(ran) as [SalvagedEvent];
    expect(ran.exit).toBe(3);
    expect(event.losses[0]?.from).toBe(0);
    expect({ ...planned, dryRun: false }).toEqual(event);
    expectAsSaid(source.at('first'), destination.at(event.as), event);
    const listed = subvolumes(destination).filter((line) => line.endsWith(event.as));
    expect(listed).toEqual([expect.stringContaining('received_uuid -')]);

    // It is neither the snapshot nor a parent.
    const other = copyOf(chain);
    rmSync(inStream(other, 'first'), { recursive: true });
    const refused = { exit: 5, code: 'parent-missing' } as const;
    await fails(['import', other, '--into', destination.mount], refused);
    await succeeds('import', chain, '--into', destination.mount, '--only', 'second');
    expect(describeTree(destination.at('second'))).toEqual(describeTree(source.at('second')));
    const again = salvagedIn(await btrferry(...args));
    expect(again).toMatchObject([{ as: 'first.salvaged-2' }]);
    empty();
  }, 120_000);

  test('archives complete each other, and only full damaged streams are taken', async () => {
    const into = ['--into', destination.mount];
    const [a, b] = [copyOf(archives[0]), copyOf(archives[0])];
    const [first, last] = [parts(a)[0], parts(b).at(-1) as string];
    rmSync(first);
    rmSync(last);
    const both = await succeeds('import', '--salvage', a, b, ...into, '--json');
    expect(resultOf(both.stdout)).toMatchObject({ salvaged: 0, skipped: 1, refused: 0 });
    const usage = { exit: 2, code: 'usage' } as const;
    const wrong = async (args: string[], hint: string) => {
      const ran = await btrferry('import', '--salvage', ...args, '--json');
      const planned = eventsIn(ran).find(({ type }) => type === 'salvage-planned') as
        | { readonly refused: readonly { readonly failure: { code: string; hint: string } }[] }
        | undefined;
      expect({ exit: ran.exit, ...planned?.refused[0]?.failure }).toMatchObject(usage);
      expect(planned?.refused[0]?.failure.hint).toContain(hint);
    };
    await wrong([chain, ...into, '--only', 'first'], '--only');
    await wrong([chain, ...into, '--only', 'second'], 'export the snapshot again');
    await fails(['import', '--salvage', '-', ...into], { ...usage, hint: '.tar' });
    await fails(['import', '--salvage', chain, ...into, '--partial'], usage);
    for (const part of parts(a).filter(existsSync)) rmSync(part);
    await fails(['import', '--salvage', a, ...into], { exit: 4, code: 'read-failed' });
    expect(readdirSync(destination.mount)).toEqual([]);
    const advice = { exit: 4, code: 'part-missing', hint: '--salvage' } as const;
    await fails(['import', a, ...into], advice);
  }, 120_000);

  test('one that was killed leaves nothing that the next import does not remove', async () => {
    const archive = copyOf(archives[0]);
    const part = parts(archive).at(-1) as string;
    truncateSync(part, statSync(part).size - 100_000);
    const args = ['import', '--salvage', archive, '--into', destination.mount];
    const running = begin(args, { group: true });
    await during(running, () => readdirSync(destination.mount).length > 0);
    running.kill('group');
    await running.ended;
    expect(readdirSync(destination.mount)).toEqual([
      expect.stringMatching(/^\.btrferry-incoming-/),
    ]);
    writeFileSync(destination.at(`${readdirSync(destination.mount)[0]}.txt`), 'half');
    await btrferry(...args);
    const names = readdirSync(destination.mount).sort();
    expect(names).toEqual(['first.salvaged', 'first.salvaged.txt']);
    empty();
  }, 120_000);
});
