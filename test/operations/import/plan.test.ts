import { describe, expect, it } from 'vitest';
import type { StoredStream } from '../../../src/archive/catalog.ts';
import { Failure } from '../../../src/failure/failure.ts';
import type { DestinationSubvolume } from '../../../src/operations/import/destination.ts';
import { type ImportFacts, planImport } from '../../../src/operations/import/plan.ts';
import { exampleReceipt } from '../../manifest/example.ts';
import { facts, local, received, stream, uuid } from './archived.ts';

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
    const own = received('a', { uuid: uuid('a'), receivedUuid: null });
    expect(plan([a, b], [own])).toMatchObject({ steps: ['b'], present: ['a'], refused: [] });
  });

  it.each<[string, Partial<DestinationSubvolume>, RegExp]>([
    ['was made writable', { readOnly: false, ctransid: undefined }, /but writable/],
    ['was changed', { ctransid: '11' }, /another state of it/],
    ['can not be looked at', { reachable: false, ctransid: undefined }, /outside of what is mou/],
  ])('does not take for itself what %s, received or not', (_, change, message) => {
    for (const receivedUuid of [null, uuid('a')]) {
      const own = receivedUuid === null ? { uuid: uuid('a') } : {};
      const planned = plan([a, b], [received('a', { receivedUuid, ...own, ...change })]);
      expect(planned.steps).toEqual([]);
      expect(planned.refused).toEqual([
        ['a', 'destination-unfit'],
        ['b', 'parent-missing'],
      ]);
      expect(planned.failures[0]?.message).toMatch(message);
    }
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
    const there = { uuid: uuid('a'), ctransid: '10', localUuid: local('a'), path: 'home.a' };
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
    expect(from('7', [{ ...there, ctransid: '11' }]).message).toMatch(/is missing$/);
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

  it.each<[string, Partial<DestinationSubvolume>, string, string]>([
    ['is writable', { readOnly: false }, 'is writable', 'backup/home.a'],
    ['can not be reached', { reachable: false }, 'lies outside of what is mounted', 'subvolid=5'],
  ])('its parent %s', (_, change, message, hint) => {
    const planned = plan([b, c], [received('a', change)]);
    expect(planned).toMatchObject({
      steps: [],
      refused: [
        ['b', 'parent-missing'],
        ['c', 'parent-missing'],
      ],
    });
    const [parent, ancestor] = planned.failures.map((failure) => failure.message);
    expect(parent).toContain(`home.b: its parent home.a (${uuid('a')}) ${message}`);
    expect(ancestor).toContain(`home.c: home.a (${uuid('a')}), which it builds on, ${message}`);
    expect(failureOf(planned).hint).toContain(hint);
  });

  it('its clone source is writable', () => {
    const d = stream('d', { from: 'a', clones: ['e'] });
    const planned = plan([d], [received('a'), received('e', { readOnly: false })]);
    expect(failureOf(planned).message).toMatch(/its clone source home\.e .* is writable/);
  });

  it('its parent is there twice', () => {
    const twice = [received('a'), received('a', { uuid: local('9'), path: 'copy' })];
    const planned = plan([b], twice);
    expect(planned.refused).toEqual([['b', 'parent-missing']]);
    expect(failureOf(planned).message).toMatch(/is there 2 times/);
    expect(failureOf(planned).hint).toContain('backup/home.a, copy');
  });

  it('its parent is there in another state', () => {
    const planned = plan([b], [received('a', { ctransid: '11' })]);
    expect(planned.refused).toEqual([['b', 'parent-missing']]);
    expect(failureOf(planned).message).toMatch(/parent home\.a .* is there in another state/);
    expect(failureOf(planned).where).toMatchObject({ expected: 'ctransid 10', found: '11' });
  });

  it('the archive has its parent in another state', () => {
    const planned = plan([stream('a', { ctransid: '11' }), b]);
    expect(planned).toMatchObject({ steps: ['a'], refused: [['b', 'parent-missing']] });
  });

  it('it is there, but writable', () => {
    const planned = plan([a, b], [received('a', { readOnly: false })]);
    expect(planned).toMatchObject({
      steps: [],
      present: [],
      refused: [
        ['a', 'destination-unfit'],
        ['b', 'parent-missing'],
      ],
    });
    expect(failureOf(planned).message).toContain('as backup/home.a, but writable');
  });

  it('it is there, but in another state', () => {
    const planned = plan([a], [received('a', { ctransid: '11' })]);
    expect(planned.refused).toEqual([['a', 'destination-unfit']]);
    expect(failureOf(planned).where).toMatchObject({ found: 'ctransid 11' });
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
  it('the ctransid of another filesystem is no hindrance, but is told', () => {
    const relayed = stream('b', { from: 'a', relayed: true });
    const planned = plan([relayed], [received('a', { ctransid: '99' })]);
    expect(planned).toMatchObject({ steps: ['b'], refused: [] });
    expect(planned.warnings.map((warning) => warning.code)).toEqual(['ctransid-differs']);
  });

  const source = stream('a').manifest.source;
  const relayed = stream('a', {
    ctransid: '99',
    change: { source: { ...source, receivedUuid: uuid('a') } },
  });

  it('what came by a relayed stream is a parent for what the first sends', () => {
    const here = [received('a', { ctransid: '99' })];
    expect(plan([a, b], here)).toMatchObject({
      steps: [],
      refused: [
        ['a', 'destination-unfit'],
        ['b', 'parent-missing'],
      ],
    });
    const planned = plan([a, b, relayed], here);
    expect(planned).toMatchObject({ steps: ['b'], present: ['a'], refused: [] });
    expect(planned.warnings.map((warning) => warning.code)).toEqual(['ctransid-differs']);
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
