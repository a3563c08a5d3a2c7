import { describe, expect, it } from 'vitest';
import type { StoredStream } from '../../../src/archive/read/stored-stream.ts';
import { Failure } from '../../../src/failure/failure.ts';
import type { DestinationSubvolume } from '../../../src/operations/import/destination.ts';
import { planImport } from '../../../src/operations/import/plan.ts';
import type { ImportFacts } from '../../../src/operations/import/view.ts';
import { exampleReceipt } from '../../manifest/example.ts';
import { facts, here, local, received, receivedState, stream, uuid } from './archived.ts';

/** The plan with streams told by the digits that their UUIDs begin with. */
function plan(
  streams: readonly StoredStream[],
  subvolumes: readonly DestinationSubvolume[] = [],
  change: Partial<ImportFacts> = {},
) {
  const given = facts(streams, subvolumes, change);
  const planned = planImport(given);
  // The same facts give the same plan.
  expect(planImport(given)).toEqual(planned);
  const id = (of: { uuid: string }) => of.uuid.replace(/0*-.*/, '');
  return {
    steps: planned.steps.map((step) => id(step.stream)),
    as: planned.steps.map((step) => step.as.toString('latin1')),
    present: planned.present.map(id),
    refused: planned.refused.map((refused) => [id(refused), refused.failure.code]),
    failures: planned.refused.map((refused) => refused.failure),
    warnings: planned.warnings,
  };
}

const otherState = { state: receivedState('a', '11') };

const a = stream('a');
const b = stream('b', { from: 'a' });
const c = stream('c', { from: 'b' });

describe('the plan of an import', () => {
  it('receives each stream after what it needs, whatever order they come in', () => {
    expect(plan([c, a, b])).toMatchObject({ steps: ['a', 'b', 'c'], present: [], refused: [] });
  });

  it('receives a clone source before what clones from it', () => {
    const clones = stream('d', { from: 'a', clones: ['e'] });
    const { steps } = plan([clones, stream('e'), a]);
    expect(steps.at(-1)).toBe('d');
    expect(steps).toHaveLength(3);
  });

  it('passes over what is there', () => {
    const planned = plan([a, b, c], [received('a'), received('b')]);
    expect(planned).toMatchObject({ steps: ['c'], present: ['a', 'b'], refused: [] });
    const all = [received('a'), received('b'), received('c')];
    expect(plan([a, b, c], all)).toMatchObject({ steps: [], present: ['a', 'b', 'c'] });
  });

  it('takes a subvolume that was never received for itself, as receive does', () => {
    const state = { filesystem: here, uuid: uuid('a'), ctransid: '10', sendTransid: null };
    const own = received('a', { uuid: uuid('a'), state });
    const streams = [stream('a', { filesystem: 'e' }), stream('b', { from: 'a', filesystem: 'e' })];
    expect(plan(streams, [own])).toMatchObject({ steps: ['b'], present: ['a'], refused: [] });
    // Another filesystem counts its own changes.
    expect(plan([a, b], [own])).toMatchObject({ steps: [], present: [] });
  });

  it.each<[string, Partial<DestinationSubvolume>, string]>([
    ['was made writable', { standing: 'writable' }, 'writable'],
    ['is a snapshot of it', { standing: 'copied' }, 'copied'],
    ['was changed', { standing: 'changed' }, 'changed'],
    ['can not be looked at', { standing: 'unknown', reachable: false }, 'unknown'],
    ['was received from another state', otherState, 'ctransid 500, received as 11'],
  ])('does not take for itself what %s', (_, change, found) => {
    const planned = plan([a, b], [received('a', change)]);
    expect(planned.steps).toEqual([]);
    expect(planned.refused).toEqual([
      ['a', 'destination-unfit'],
      ['b', 'parent-missing'],
    ]);
    expect(planned.failures[0]?.where).toMatchObject({ path: 'backup/home.a', found });
  });

  it('takes the one that is genuine for itself, whatever else bears its UUID', () => {
    const copy = received('a', { path: 'copy', standing: 'copied', taken: false });
    const planned = plan([a, b], [copy, received('a')]);
    expect(planned).toMatchObject({ steps: ['b'], present: ['a'], refused: [] });
  });

  it('receives each subvolume once, by the cheapest way', () => {
    const full = stream('b', { stored: 100 });
    expect(plan([a, full, b]).steps).toEqual(['a', 'b']);
    expect(plan([full, stream('c', { from: 'b', stored: 1 })], [])).toMatchObject({
      steps: ['b', 'c'],
    });
    const steps = planImport(facts([a, full, b], [received('a')])).steps;
    expect(steps.map((step) => step.stream)).toEqual([b]);
  });

  it('says what it can not receive, beside what it can', () => {
    const planned = plan([a, b, stream('d', { from: 'e' })]);
    expect(planned).toMatchObject({ steps: ['a', 'b'], refused: [['d', 'parent-missing']] });
  });
});

describe('the choice of streams', () => {
  const only = (...words: string[]) => plan([a, b, c, stream('b1')], [], { only: words });

  it('by name brings what the stream needs along', () => {
    expect(only('home.b')).toMatchObject({ steps: ['a', 'b'], refused: [] });
  });

  it('by UUID, whole or its beginning, in any case', () => {
    expect(only(uuid('c')).steps).toEqual(['a', 'b', 'c']);
    expect(only('B000').steps).toEqual(['a', 'b']);
    expect(only('b100').steps).toEqual(['b1']);
  });

  it('by its name with the digits that tell it apart', () => {
    expect(only('home.b.b0000000').steps).toEqual(['a', 'b']);
    expect(only('home.b b0000000').steps).toEqual(['a', 'b']);
  });

  it('by directory', () => {
    expect(only('home.b.b0000000.from-a0000000').steps).toEqual(['a', 'b']);
  });

  it('takes all that a word fits, and several words', () => {
    const twice = [a, stream('d', { name: 'home.a' })];
    expect(plan(twice, [], { only: ['home.a'] }).steps).toEqual(['a', 'd']);
    expect(only('home.a', 'b100').steps).toEqual(['a', 'b1']);
  });

  it('takes the beginning of a UUID only when it has four digits', () => {
    expect(() => only('b00')).toThrow('no stream is called b00');
  });

  it('fails for what no archive has', () => {
    const thrown = expect.objectContaining({ code: 'not-found', hint: expect.any(String) });
    expect(() => only('home.a', 'home.x')).toThrow(thrown);
    expect(() => only('')).toThrow(thrown);
  });

  it('leaves refusals of other streams out of it', () => {
    const damaged = [{ directory: 'streams/x', failure: new Failure('manifest-damaged', 'x') }];
    const orphan = stream('d', { from: 'e' });
    expect(plan([a, orphan], [], { only: ['home.a'], damaged })).toMatchObject({ refused: [] });
  });
});

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

  it('its parent is on another filesystem, which a receipt tells of', () => {
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

  it('several are missing, of which it names the first and counts the others', () => {
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

  it('the archives have it in two states, and so does all that builds on it', () => {
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

  it('its stored files are spoiled', () => {
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

  it('what it builds on may be what is damaged, which is told first', () => {
    const failure = new Failure('manifest-damaged', 'cut short');
    const damaged = [{ directory: 'streams/home.a', failure }];
    for (const only of [[], ['home.c']]) {
      const planned = plan([b, c], [], { damaged, only });
      expect(planned.refused[0]).toEqual(['', 'manifest-damaged']);
      expect(planned.refused.at(-1)).toEqual(['c', 'parent-missing']);
    }
  });

  it('is told in order of age', () => {
    const planned = plan([b, c, stream('d', { from: 'c' })]);
    expect(planned.refused.map(([id]) => id)).toEqual(['b', 'c', 'd']);
  });
});

describe('where snapshots were passed on', () => {
  /** The same state, sent on by a filesystem that received it. */
  const relayed = stream('a', { filesystem: '7', ctransid: '99', sendTransid: '10' });

  it('a stream that builds on it names both of its ctransids', () => {
    const next = { from: 'a', filesystem: '7', requiredCtransid: '99' };
    const planned = plan([stream('b', { ...next, sendTransid: '10' })], [received('a')]);
    expect(planned).toMatchObject({ steps: ['b'], refused: [] });
    expect(plan([stream('b', next)], [received('a')]).steps).toEqual([]);
  });

  it('what came by a relayed stream is a parent for what the first sends, by its record', () => {
    const there = [received('a', { state: receivedState('a', '99') })];
    expect(plan([a, b], there)).toMatchObject({
      steps: [],
      refused: [
        ['a', 'destination-unfit'],
        ['b', 'parent-missing'],
      ],
    });
    expect(plan([a, b, relayed], there)).toMatchObject({
      steps: ['b'],
      present: ['a'],
      refused: [],
    });
    const { uuid: of, ctransid, sendTransid } = relayed;
    const subvolume = { uuid: of, ctransid, sendTransid: sendTransid ?? '', path: 'x' };
    const receipt = exampleReceipt({
      filesystem: uuid('7'),
      subvolumes: [{ ...subvolume, localUuid: local('a') }],
    });
    expect(plan([a, b], there, { receipts: [receipt] })).toMatchObject({ steps: ['b'] });
  });

  it('a relayed stream of what is there counts as there', () => {
    expect(plan([relayed], [received('a')])).toMatchObject({ present: ['a'], refused: [] });
  });
});

describe('the name at the destination', () => {
  const taken = (...names: string[]) => names.map((name) => Buffer.from(name));

  it('is that of the snapshot, of any bytes', () => {
    const odd = Buffer.from([0x20, 0xff, 0x0a]);
    expect(plan([stream('a', { name: { base64: odd.toString('base64') } })]).as).toEqual([
      odd.toString('latin1'),
    ]);
  });

  it('gets the beginning of the UUID where it is taken, and says so', () => {
    const planned = plan([a], [], { taken: taken('home.a', 'other') });
    expect(planned.as).toEqual(['home.a.a0000000']);
    expect(planned.warnings).toMatchObject([
      { code: 'name-taken', message: expect.stringContaining('"home.a.a0000000"') },
    ]);
  });

  it('gets the whole UUID where that is taken too', () => {
    const planned = plan([a], [], { taken: taken('home.a', 'home.a.a0000000') });
    expect(planned.as).toEqual([`home.a.${uuid('a')}`]);
  });

  it('is never given twice', () => {
    const same = ['a', 'b', 'c'].map((id) => stream(id, { name: 'home' }));
    expect(plan(same).as).toEqual(['home.a0000000', 'home.b0000000', 'home.c0000000']);
  });

  it('stays as long as a name may be', () => {
    const name = 'ü'.repeat(127);
    const [as = ''] = plan([stream('a', { name })], [], { taken: taken(name) }).as;
    expect(as.length).toBeLessThanOrEqual(255);
    expect(as.endsWith('.a0000000')).toBe(true);
  });
});
