import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeReal, withDirectory } from '../filesystem.ts';
import {
  contentsOf,
  draftsIn,
  expectWhole,
  hasFrames,
  plantForeign,
  unfinished,
} from './archive.ts';
import { begin, eventsOf, type Ran, succeeds, until } from './runs.ts';
import { makeScene, type Scene } from './scene.ts';

/** The journal of a draft, read with no help of the program: a line for each frame. */
function journalOf(draft: string): { start: string; lines: string[] } {
  const text = readFileSync(path.join(draft, 'journal'), 'latin1');
  const [start = '', ...lines] = text.split('\n').slice(0, -1);
  return { start, lines };
}

/** How many frames lie whole in the parts, from the first on. */
function wholeFrames(draft: string): number {
  let [part, offset, whole] = [0, 0, 0];
  for (const line of journalOf(draft).lines) {
    const [number, size] = line.split(' ');
    if (Number(number) !== part) [part, offset] = [Number(number), 0];
    const file = path.join(draft, `${String(part + 1).padStart(4, '0')}.btrfs.zst`);
    const bytes = readFileSync(file).subarray(offset, offset + Number(size));
    if (spawnSync('zstd', ['-tq'], { input: bytes }).status !== 0) break;
    offset += Number(size);
    whole++;
  }
  return whole;
}

describeReal('an export that was killed', () => {
  let scene: Scene;
  /** The draft at about 80 % of the first stream. */
  let left: string;
  let frames: number;
  let whole: number;

  beforeAll(async () => {
    scene = await makeScene({ mebibytes: 32, seed: 7 });
    const [first] = eventsOf(scene.exported, 'stream-done');
    frames = first?.frames ?? 0;
    expect(frames).toBeGreaterThan(14);
    left = path.join(withDirectory(), 'killed');
    const run = begin(...scene.exportTo(left));
    expect(await until(run, hasFrames(left, Math.floor(0.8 * frames)))).toBe(true);
    run.kill('group');
    expect((await run.ended).exit).toBeNull();
    whole = wholeFrames(draftsIn(left)[0] as string);
  });
  afterAll(() => scene?.remove());

  /** The killed export, once more, with something done to what it left. */
  function again(spoil: (draft: string) => void): string {
    const archive = path.join(withDirectory(), 'archive');
    cpSync(left, archive, { recursive: true });
    spoil(draftsIn(archive)[0] as string);
    return archive;
  }
  const reusedIn = (ran: Ran) => eventsOf(ran, 'stream-done')[0]?.reusedFrames;
  const warningsIn = (ran: Ran) => eventsOf(ran, 'warning').map(({ message }) => message);

  test('compresses only what was missing', async () => {
    const archive = again(() => {});
    expect(await unfinished(archive)).toEqual([Object.keys(scene.contents)[0]]);
    expect(whole).toBeGreaterThanOrEqual(Math.floor(0.8 * frames));
    const ran = await succeeds(...scene.exportTo(archive));
    expect(eventsOf(ran, 'stream-done')[0]).toMatchObject({ reusedFrames: whole, frames });
    expect(warningsIn(ran)).toEqual([]);
    await expectWhole(archive, scene.contents);
  });

  const lineChange = (at: number, change: (line: string) => string) => (draft: string) => {
    const { start, lines } = journalOf(draft);
    const changed = lines.with(at, change(lines[at] as string));
    writeFileSync(path.join(draft, 'journal'), `${[start, ...changed].join('\n')}\n`, 'latin1');
  };
  const flip = (file: string, position: (bytes: Buffer) => number) => (draft: string) => {
    const name = path.join(draft, file);
    const bytes = readFileSync(name);
    const at = position(bytes);
    bytes[at] = (bytes[at] as number) ^ 1;
    writeFileSync(name, bytes);
  };
  /** Of the frames that the journal tells of: the kill may have left half of another behind it. */
  const flipLastFrame = (draft: string) => {
    const frames = journalOf(draft).lines.map((line) => line.split(' ').map(Number));
    const [part = 0] = frames.at(-1) ?? [];
    const end = frames.reduce((sum, [at, size = 0]) => sum + (at === part ? size : 0), 0);
    flip(`${String(part + 1).padStart(4, '0')}.btrfs.zst`, () => end - 10_000)(draft);
  };
  const levelIn = (journal: Buffer) => journal.indexOf('"level":') + '"level":'.length;
  const field = (index: number) => (line: string) =>
    line
      .split(' ')
      .map((text, at) => (at === index ? flipped(text) : text))
      .join(' ');
  const flipped = (text: string) => `${text.slice(0, -1)}${text.endsWith('1') ? '0' : '1'}`;

  test.each<[string, number | 'all but one', (draft: string) => void]>([
    ['the size of frame 5', 5, lineChange(5, field(1))],
    ['the length of frame 5', 5, lineChange(5, field(2))],
    ['the level it was made with', 0, flip('journal', levelIn)],
    ['the first frame', 0, flip('0001.btrfs.zst', () => 10_000)],
    ['the last frame', 'all but one', flipLastFrame],
  ])('with a changed byte in %s, uses %s frames', async (_, expected, spoil) => {
    const archive = again(spoil);
    const ran = await succeeds(...scene.exportTo(archive));
    const used = typeof expected === 'number' ? expected : whole - 1;
    expect(reusedIn(ran)).toBe(used);
    expect(warningsIn(ran)).toEqual([
      expect.stringMatching(new RegExp(`this one uses ${used === 0 ? '(nothing:|0 of)' : used}`)),
    ]);
    await expectWhole(archive, scene.contents);
  });

  test.each([
    ['another level', ['--level', '1'], 'level 3'],
    ['another protocol', ['--proto', '2'], 'protocol 1, data not sent compressed'],
  ])('that is continued with %s starts again and says why', async (_, options, earlier) => {
    const archive = again(() => {});
    const [snapshot = ''] = scene.chain.snapshots;
    const args = (to: string) => ['export', snapshot, '--to', to, ...scene.options, ...options];
    const ran = await succeeds(...args(archive));
    expect(reusedIn(ran)).toBe(0);
    expect(warningsIn(ran)).toEqual([
      expect.stringMatching(`this one uses nothing: it was made with ${earlier}$`),
    ]);
    const fresh = path.join(withDirectory(), 'fresh');
    await succeeds(...args(fresh));
    await expectWhole(archive, contentsOf(fresh));
  });

  test('that is continued with another parent leaves nothing of it behind', async () => {
    const archive = path.join(withDirectory(), 'archive');
    const [first = '', second = ''] = scene.chain.snapshots;
    await succeeds('export', first, '--to', archive, ...scene.options);
    const foreignIsThere = plantForeign(archive);
    const run = begin('export', second, '--to', archive, ...scene.options, '--parent', 'none');
    expect(await until(run, hasFrames(archive, 2))).toBe(true);
    run.kill('group');
    await run.ended;
    const listed = await unfinished(archive);
    expect(listed).toEqual([expect.stringMatching(/^home\.2\.[0-9a-f]{8}\.full$/)]);
    const ran = await succeeds(...scene.exportTo(archive));
    expect(warningsIn(ran)).toEqual([
      expect.stringMatching('this one uses nothing: its parent or its title is different$'),
    ]);
    await expectWhole(archive, scene.contents);
    expect(draftsIn(archive)).toEqual([]);
    foreignIsThere();
  });
});
