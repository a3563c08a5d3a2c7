import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StoredStream } from '../../../src/archive/read/stored-stream.ts';
import { Failure } from '../../../src/failure/failure.ts';
import { type CopyFacts, planCopy } from '../../../src/operations/copy/plan.ts';
import { stream, uuid } from '../import/archived.ts';

const nothing = { streams: [], damaged: [] };

function planFor(facts: Partial<CopyFacts>) {
  return planCopy({
    streams: [],
    damaged: [],
    target: nothing,
    bases: [],
    only: [],
    dependencies: true,
    ...facts,
  });
}

const idsOf = (plan: ReturnType<typeof planCopy>) =>
  plan.steps.map(({ copies }) => copies[0].uuid.replace(/0*-.*/, ''));

/** The same stream in another archive. */
function inArchive(
  made: StoredStream,
  archive: string,
  directory = made.source.directory,
): StoredStream {
  return { ...made, source: { ...made.source, archive, directory } };
}

/** The same stream in another archive, in other parts. */
function split(made: StoredStream, archive: string): StoredStream {
  const parts = made.manifest.parts.map((part) => ({ ...part, sha256: 'e'.repeat(64) }));
  return { ...inArchive(made, archive), manifest: { ...made.manifest, parts } };
}

const damaged = (
  made: StoredStream,
  code: 'manifest-damaged' | 'stream-incomplete' | 'format-feature',
) => ({
  directory: made.source.directory,
  failure: new Failure(code, 'damaged', { hint: 'none' }),
});

describe('the plan of a copy', () => {
  const [one, two, three] = [stream('1'), stream('2', { from: '1' }), stream('3', { from: '2' })];

  it('takes every stream once, parents first, from each archive that has it', () => {
    const plan = planFor({ streams: [three, two, inArchive(one, 'a'), inArchive(one, 'b'), two] });
    expect(idsOf(plan)).toEqual(['1', '2', '3']);
    expect(plan.steps[0]?.copies.map(({ source }) => source.archive)).toEqual(['a', 'b']);
    expect([plan.refused, plan.stranded]).toEqual([[], []]);
  });

  it('knows a stream by its bytes, whatever its directory is called and its parts are', () => {
    const renamed = inArchive(one, 'b', 'streams/other');
    const streams = [one, renamed, split(one, 'c')];
    const plan = planFor({ streams });
    expect(plan.steps.map(({ copies }) => copies)).toEqual([streams]);
    expect(plan.refused).toEqual([]);
    const target = { streams: [renamed], damaged: [] };
    expect(planFor({ streams: [one], target }).steps.map(({ there }) => there)).toEqual([renamed]);
  });

  it('takes all copies of what a word names, and of what that needs', () => {
    const named = inArchive(two, 'b', 'streams/other');
    const streams = [one, two, inArchive(one, 'b'), named];
    const plan = planFor({ streams, only: ['other'] });
    expect(plan.steps.map(({ copies }) => copies.length)).toEqual([2, 2]);
  });

  it('brings what a stream in the target needs, too', () => {
    const target = { streams: [two], damaged: [] };
    const plan = planFor({ streams: [one, two, three], only: ['home.3'], target });
    expect(idsOf(plan)).toEqual(['1', '2', '3']);
    expect(plan.steps.map(({ there }) => there)).toEqual([undefined, two, undefined]);
  });

  it('brings what it can if the base is in no archive', () => {
    const plan = planFor({ streams: [two, three], only: ['home.3'] });
    expect(idsOf(plan)).toEqual(['2', '3']);
    expect(plan.stranded).toEqual([two, three]);
  });

  it('counts on a base that a fingerprint describes', () => {
    expect(planFor({ streams: [two, three] }).stranded).toEqual([two, three]);
    expect(planFor({ streams: [two, three], bases: [one] }).stranded).toEqual([]);
  });

  it('gives one directory to one stream', () => {
    const other = inArchive(stream('9'), 'b', one.source.directory);
    const plan = planFor({ streams: [one, other] });
    expect(idsOf(plan)).toEqual(['1']);
    expect(plan.refused.map(({ failure }) => failure.code)).toEqual(['archive-conflict']);
  });

  it('takes what a word names, with or without what that needs', () => {
    const streams = [one, two, three, stream('4')];
    expect(idsOf(planFor({ streams, only: ['home.2'] }))).toEqual(['1', '2']);
    const alone = planFor({ streams, only: ['home.2'], dependencies: false });
    expect(idsOf(alone)).toEqual(['2']);
    expect(alone.stranded).toEqual([two]);
    expect(() => planFor({ streams, only: ['home.9'] })).toThrow(Failure);
    const target = { streams: [one], damaged: [] };
    expect(planFor({ streams, only: ['home.2'], dependencies: false, target }).stranded).toEqual(
      [],
    );
  });

  it('knows which streams the target has, and which it replaces', () => {
    const there = inArchive(one, 'target');
    const target = { streams: [there], damaged: [damaged(two, 'manifest-damaged')] };
    const plan = planFor({ streams: [one, two, three], target });
    expect(plan.steps.map((step) => [step.there, step.replaces])).toEqual([
      [there, undefined],
      [undefined, two.source.directory],
      [undefined, undefined],
    ]);
  });

  it('refuses to replace a stream of other bytes, or of a later version', () => {
    const { stream: bytes } = one.manifest;
    const other = {
      ...inArchive(one, 'target'),
      manifest: { ...one.manifest, stream: { ...bytes, framesXxh64: '0'.repeat(16) } },
    };
    const conflict = planFor({ streams: [one], target: { streams: [other], damaged: [] } });
    expect(conflict.refused.map(({ failure }) => failure.code)).toEqual(['archive-conflict']);
    const later = { streams: [], damaged: [damaged(one, 'format-feature')] };
    const newer = planFor({ streams: [one], target: later });
    expect(newer.refused.map(({ failure }) => failure.code)).toEqual(['format-feature']);
    const between = planFor({ streams: [one, other] });
    expect(between.refused.map(({ failure }) => failure.code)).toEqual(['archive-conflict']);
  });

  it('refuses streams of the sources that are damaged, unless only others are wanted', () => {
    const facts = { streams: [one], damaged: [damaged(two, 'stream-incomplete')] };
    expect(planFor(facts).refused.map(({ failure }) => failure.code)).toEqual([
      'stream-incomplete',
    ]);
    expect(planFor({ ...facts, only: ['home.1'] }).refused).toEqual([]);
  });

  it('brings just what is needed, in an order in which it can be received', () => {
    const count = fc.integer({ min: 1, max: 7 });
    fc.assert(
      fc.property(count, fc.infiniteStream(fc.nat()), (size, numbers) => {
        const next = () => numbers.next().value as number;
        const parents = Array.from({ length: size }, (_, at) =>
          at === 0 || next() % 3 === 0 ? undefined : next() % at,
        );
        const streams = parents.map((parent, at) =>
          stream(`${at + 1}`, parent === undefined ? {} : { from: `${parent + 1}` }),
        );
        const wanted = next() % size;
        const needed: number[] = [];
        for (let at: number | undefined = wanted; at !== undefined; at = parents[at])
          needed.push(at);
        const shuffled = streams.toSorted(() => (next() % 2 === 0 ? 1 : -1));
        const only = [`home.${wanted + 1}`];
        const found = planFor({ streams: shuffled, only }).steps.map(
          ({ copies }) => copies[0].uuid,
        );
        expect(found).toEqual(needed.toReversed().map((at) => uuid(`${at + 1}`)));
        const all = planFor({ streams: shuffled }).steps.map(({ copies }) => copies[0]);
        expect(all).toHaveLength(size);
        for (const [at, { requires }] of all.entries()) {
          const before = all.slice(0, at).map((one) => one.uuid);
          expect(before).toEqual(expect.arrayContaining(requires.map((one) => one.uuid)));
        }
      }),
    );
  });
});
