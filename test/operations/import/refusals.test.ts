import { describe, expect, it } from 'vitest';
import { Failure } from '../../../src/failure/failure.ts';
import type { DestinationSubvolume } from '../../../src/operations/import/destination.ts';
import { planImport } from '../../../src/operations/import/plan.ts';
import { exampleReceipt } from '../../manifest/example.ts';
import { facts, local, received, stream, uuid } from './archived.ts';
import { a, b, c, otherState, plan } from './planned.ts';

describe('a stream is refused when', () => {
  const failureOf = (planned: ReturnType<typeof plan>) => planned.failures[0] as Failure;

  it('its parent is missing', () => {
    const planned = plan([b, c]);
    expect(planned).toMatchObject({
      steps: [],
      refused: [
        ['b', 'parent-missing'],
        ['c', 'parent-missing'],
      ],
    });
    expect(planned.failures.map((failure) => failure.message)).toEqual([
      `home.b: its parent home.a (${uuid('a')}) is missing`,
      `home.c: home.a (${uuid('a')}), which it builds on, is missing`,
    ]);
    expect(failureOf(planned).exitCode).toBe(5);
    expect(failureOf(planned).hint).toContain('--parent none');
    expect(failureOf(planned).where.uuid).toBe(uuid('a'));
  });

  it('a receipt says that its parent is on another filesystem', () => {
    const there = {
      uuid: uuid('a'),
      ctransid: '77',
      sendTransid: '10',
      localUuid: local('a'),
      path: 'home.a',
    };
    const from = (filesystem: string, subvolumes = [there]) => {
      const receipt = exampleReceipt({ filesystem: uuid(filesystem), subvolumes });
      return failureOf(plan([b], [], { receipts: [receipt] }));
    };
    expect(from('7')).toMatchObject({
      code: 'parent-missing',
      message: `home.b: its parent home.a (${uuid('a')}) is missing here; another filesystem has it`,
      hint: expect.stringMatching(`mount ${uuid('7')}.* in place of ${uuid('e')}`),
      where: { uuid: uuid('a'), expected: uuid('7'), found: uuid('e') },
    });
    // This one, from which it is gone; and another state of it.
    expect(from('e').message).toMatch(/is missing$/);
    expect(from('7', [{ ...there, sendTransid: '11' }]).message).toMatch(/is missing$/);
  });

  it('a clone source is missing', () => {
    const failure = failureOf(plan([a, stream('d', { from: 'a', clones: ['e'] })]));
    expect(failure.message).toBe(`home.d: its clone source home.e (${uuid('e')}) is missing`);
    expect(failure.exitCode).toBe(5);
  });

  it('several requirements are missing, and the message names one and counts the others', () => {
    const failure = failureOf(plan([stream('d', { from: 'a', clones: ['e', 'c'] })]));
    expect(failure.message).toMatch(/home\.d: its (parent|clone source) .* missing, and 2 more$/);
  });

  it.each<[string, Partial<DestinationSubvolume>, string]>([
    ['is writable', { standing: 'writable' }, 'delete that subvolume'],
    ['is a snapshot of it', { standing: 'copied' }, 'delete that subvolume'],
    ['was changed', { standing: 'changed' }, 'delete that subvolume'],
    ['can not be looked at', { standing: 'unknown', reachable: false }, 'subvolid=5'],
    ['can not be reached', { reachable: false }, 'subvolid=5'],
  ])('its parent %s', (_, change, hint) => {
    const planned = plan([b, c], [received('a', change)]);
    expect(planned).toMatchObject({
      steps: [],
      refused: [
        ['b', 'parent-missing'],
        ['c', 'parent-missing'],
      ],
    });
    for (const { where } of planned.failures) {
      expect(where).toMatchObject({ uuid: uuid('a'), path: 'backup/home.a' });
    }
    expect(failureOf(planned).hint).toContain(hint);
  });

  it('its clone source is writable', () => {
    const d = stream('d', { from: 'a', clones: ['e'] });
    const planned = plan([d], [received('a'), received('e', { standing: 'writable' })]);
    expect(failureOf(planned).where).toMatchObject({ uuid: uuid('e') });
  });

  it('receive would take a copy of its parent, though the parent is there as well', () => {
    const copy = received('a', { path: 'copy', standing: 'copied' });
    const planned = plan([b], [received('a', { taken: false }), copy]);
    expect(planned.refused).toEqual([['b', 'parent-missing']]);
    expect(failureOf(planned).where).toMatchObject({ path: 'copy' });
  });

  it('its parent is there in another state', () => {
    const planned = plan([b], [received('a', otherState)]);
    expect(planned.refused).toEqual([['b', 'parent-missing']]);
    expect(failureOf(planned).where).toMatchObject({
      expected: 'ctransid 10',
      found: 'ctransid 500, received as 11',
    });
  });

  it('the archives have it, or its parent, in two states', () => {
    const other = stream('a', { ctransid: '11' });
    const planned = plan([a, other, b, stream('d')]);
    expect(planned).toMatchObject({
      steps: ['d'],
      refused: [
        ['a', 'archive-conflict'],
        ['a', 'archive-conflict'],
        ['b', 'archive-conflict'],
      ],
    });
    // The states at the destination decide which one is meant.
    expect(plan([a, other, b], [received('a')])).toMatchObject({
      steps: ['b'],
      present: ['a'],
      refused: [['a', 'destination-unfit']],
    });
  });

  it('the archive has its parent in another state', () => {
    const planned = plan([stream('a', { ctransid: '11' }), b]);
    expect(planned).toMatchObject({ steps: ['a'], refused: [['b', 'parent-missing']] });
  });

  it('btrfs-progs is too old for it', () => {
    const btrfsProgs = { major: 5, minor: 16, patch: 2, text: 'v5.16.2' };
    const newer = stream('a', { btrfsProgs: '6.0' });
    const planned = plan([newer, b, stream('d')], [], { btrfsProgs });
    expect(planned).toMatchObject({
      steps: ['d'],
      refused: [
        ['a', 'btrfs-progs'],
        ['b', 'btrfs-progs'],
      ],
    });
    expect(failureOf(planned).message).toContain('needs btrfs-progs 6.0');
    expect(failureOf(planned).message).toContain('v5.16.2');
    expect(failureOf(planned).exitCode).toBe(6);
    expect(plan([newer, b]).refused).toEqual([]);
    // Where another stream of the same brings it, that one is taken.
    expect(plan([newer, stream('a', { stored: 999 })], [], { btrfsProgs })).toMatchObject({
      steps: ['a'],
      refused: [],
    });
  });

  it('its stored files are damaged', () => {
    const failure = new Failure('part-missing', 'streams/x/0001.btrfs.zst is missing');
    const planned = plan([a, b], [], { spoiled: new Map([[a, failure]]) });
    expect(planned.steps).toEqual([]);
    expect(new Set(planned.refused.map(([, code]) => code))).toEqual(new Set(['part-missing']));
    expect(failureOf(planned).exitCode).toBe(4);
    const copy = stream('a', { stored: 999 });
    expect(plan([a, copy, b], [], { spoiled: new Map([[a, failure]]) })).toMatchObject({
      steps: ['a', 'b'],
      refused: [],
    });
  });

  it('its manifest is damaged', () => {
    const failure = new Failure('manifest-damaged', 'cut short');
    const planned = planImport(facts([a], [], { damaged: [{ directory: 'streams/x', failure }] }));
    expect(planned.refused).toEqual([{ name: 'x', title: 'x', uuid: '', failure }]);
    expect(planned.steps).toHaveLength(1);
  });

  it('its parent may be the damaged stream, which comes first in the list', () => {
    const failure = new Failure('manifest-damaged', 'cut short');
    const damaged = [{ directory: 'streams/home.a', failure }];
    for (const only of [[], ['home.c']]) {
      const planned = plan([b, c], [], { damaged, only });
      expect(planned.refused[0]).toEqual(['', 'manifest-damaged']);
      expect(planned.refused.at(-1)).toEqual(['c', 'parent-missing']);
    }
  });

  it('it is listed in order of age', () => {
    const planned = plan([b, c, stream('d', { from: 'c' })]);
    expect(planned.refused.map(([id]) => id)).toEqual(['b', 'c', 'd']);
  });
});
