import { describe, expect, it } from 'vitest';
import { Failure } from '../../../src/failure/failure.ts';
import type { DestinationSubvolume } from '../../../src/operations/import/destination.ts';
import { planImport } from '../../../src/operations/import/plan.ts';
import { exampleReceipt } from '../../manifest/example.ts';
import { facts, here, local, received, receivedState, stream, uuid } from './archived.ts';
import { a, b, c, otherState, plan } from './planned.ts';

describe('the plan of an import', () => {
  it('receives each stream after its requirements, whatever their order', () => {
    expect(plan([c, a, b])).toMatchObject({ steps: ['a', 'b', 'c'], present: [], refused: [] });
  });

  it('receives a clone source before the stream that clones from it', () => {
    const clones = stream('d', { from: 'a', clones: ['e'] });
    const { steps } = plan([clones, stream('e'), a]);
    expect(steps.at(-1)).toBe('d');
    expect(steps).toHaveLength(3);
  });

  it('skips streams that are there already', () => {
    const planned = plan([a, b, c], [received('a'), received('b')]);
    expect(planned).toMatchObject({ steps: ['c'], present: ['a', 'b'], refused: [] });
    const all = [received('a'), received('b'), received('c')];
    expect(plan([a, b, c], all)).toMatchObject({ steps: [], present: ['a', 'b', 'c'] });
  });

  it('counts a subvolume that was never received as itself, as receive does', () => {
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
  ])('does not count a subvolume as the stream if it %s', (_, change, found) => {
    const planned = plan([a, b], [received('a', change)]);
    expect(planned.steps).toEqual([]);
    expect(planned.refused).toEqual([
      ['a', 'destination-unfit'],
      ['b', 'parent-missing'],
    ]);
    expect(planned.failures[0]?.where).toMatchObject({ path: 'backup/home.a', found });
  });

  it('counts the genuine subvolume, whatever else has its UUID', () => {
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

  it('lists refused streams beside those that it receives', () => {
    const planned = plan([a, b, stream('d', { from: 'e' })]);
    expect(planned).toMatchObject({ steps: ['a', 'b'], refused: [['d', 'parent-missing']] });
  });
});

describe('the choice of streams', () => {
  const only = (...words: string[]) => plan([a, b, c, stream('b1')], [], { only: words });

  it('by name includes the streams that it needs', () => {
    expect(only('home.b')).toMatchObject({ steps: ['a', 'b'], refused: [] });
  });

  it('by UUID or its beginning, in upper or lower case', () => {
    expect(only(uuid('c')).steps).toEqual(['a', 'b', 'c']);
    expect(only('B000').steps).toEqual(['a', 'b']);
    expect(only('b100').steps).toEqual(['b1']);
  });

  it('by name and the first digits of the UUID', () => {
    expect(only('home.b.b0000000').steps).toEqual(['a', 'b']);
    expect(only('home.b b0000000').steps).toEqual(['a', 'b']);
  });

  it('by directory', () => {
    expect(only('home.b.b0000000.from-a0000000').steps).toEqual(['a', 'b']);
  });

  it('takes all streams that match a word, and several words', () => {
    const twice = [a, stream('d', { name: 'home.a' })];
    expect(plan(twice, [], { only: ['home.a'] }).steps).toEqual(['a', 'd']);
    expect(only('home.a', 'b100').steps).toEqual(['a', 'b1']);
  });

  it('takes the beginning of a UUID only when it has four digits', () => {
    expect(() => only('b00')).toThrow('no stream is called b00');
  });

  it('fails for a word that matches no stream', () => {
    const thrown = expect.objectContaining({ code: 'not-found', hint: expect.any(String) });
    expect(() => only('home.a', 'home.x')).toThrow(thrown);
    expect(() => only('')).toThrow(thrown);
  });

  it('ignores refusals of other streams', () => {
    const damaged = [{ directory: 'streams/x', failure: new Failure('manifest-damaged', 'x') }];
    const orphan = stream('d', { from: 'e' });
    expect(plan([a, orphan], [], { only: ['home.a'], damaged })).toMatchObject({ refused: [] });
  });
});

describe('snapshots that were passed on', () => {
  /** The same state, sent on by a filesystem that received it. */
  const relayed = stream('a', { filesystem: '7', ctransid: '99', sendTransid: '10' });

  it('a stream that builds on it names both of its ctransids', () => {
    const next = { from: 'a', filesystem: '7', requiredCtransid: '99' };
    const planned = plan([stream('b', { ...next, sendTransid: '10' })], [received('a')]);
    expect(planned).toMatchObject({ steps: ['b'], refused: [] });
    expect(plan([stream('b', next)], [received('a')]).steps).toEqual([]);
  });

  it('a snapshot from a relayed stream is a parent for streams of the first machine, by its record', () => {
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

  it('a relayed stream counts as there already', () => {
    expect(plan([relayed], [received('a')])).toMatchObject({ present: ['a'], refused: [] });
  });
});

describe('the name at the destination', () => {
  const taken = (...names: string[]) => names.map((name) => Buffer.from(name));

  it('is the name of the snapshot, of any bytes', () => {
    const odd = Buffer.from([0x20, 0xff, 0x0a]);
    expect(plan([stream('a', { name: { base64: odd.toString('base64') } })]).as).toEqual([
      odd.toString('latin1'),
    ]);
  });

  it('gets the beginning of the UUID if it is taken, with a warning', () => {
    const planned = plan([a], [], { taken: taken('home.a', 'other') });
    expect(planned.as).toEqual(['home.a.a0000000']);
    expect(planned.warnings).toMatchObject([
      { code: 'name-taken', message: expect.stringContaining('"home.a.a0000000"') },
    ]);
  });

  it('gets the whole UUID if that is taken too', () => {
    const planned = plan([a], [], { taken: taken('home.a', 'home.a.a0000000') });
    expect(planned.as).toEqual([`home.a.${uuid('a')}`]);
  });

  it('is never given twice', () => {
    const same = ['a', 'b', 'c'].map((id) => stream(id, { name: 'home' }));
    expect(plan(same).as).toEqual(['home.a0000000', 'home.b0000000', 'home.c0000000']);
  });

  it('is never longer than a name may be', () => {
    const name = 'ü'.repeat(127);
    const [as = ''] = plan([stream('a', { name })], [], { taken: taken(name) }).as;
    expect(as.length).toBeLessThanOrEqual(255);
    expect(as.endsWith('.a0000000')).toBe(true);
  });
});
