import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { together } from '../../../src/archive/read/catalog.ts';
import { streamsCalled } from '../../../src/archive/read/selection.ts';
import type { StoredStream } from '../../../src/archive/read/stored-stream.ts';
import { Failure } from '../../../src/failure/failure.ts';
import { byteString, bytesOf } from '../../../src/names/byte-string.ts';
import { receivedNames } from '../../../src/operations/import/names.ts';
import type { Store } from '../../../src/store/store.ts';
import { exampleManifest } from '../../manifest/example.ts';
import { stream, uuid } from './archived.ts';

const { source } = exampleManifest();

/** A snapshot of snapper's. */
const snapper = (id: string, number: number, change: Partial<typeof source> = {}) =>
  stream(id, {
    name: 'snapshot',
    change: {
      source: { ...source, path: `/home/.snapshots/${number}/snapshot`, ...change },
    },
  });

/** Streams that a command reads together. */
function atHand(...streams: StoredStream[]): readonly StoredStream[] {
  const [catalog] = together([
    {
      store: {} as Store,
      header: undefined,
      headerFailure: undefined,
      streams,
      damaged: [],
      unfinished: [],
    },
  ]);
  return catalog?.streams ?? [];
}

function names(streams: readonly StoredStream[], template?: string, taken: string[] = []) {
  const bytes = taken.map((name) => Buffer.from(name));
  const { steps, warnings } = receivedNames(streams, bytes, template);
  return { as: steps.map(({ as }) => as.toString()), warnings: warnings.length };
}

describe('without a template', () => {
  it('each gets its title', () => {
    const chain = atHand(snapper('a', 1), snapper('b', 2), stream('c', { name: 'other' }));
    expect(names(chain)).toEqual({ as: ['home.1', 'home.2', 'other'], warnings: 0 });
  });

  it('a title that is taken or ambiguous gets the UUID, with one warning', () => {
    const all = atHand(snapper('a', 1), snapper('b', 1), snapper('c', 2), snapper('d', 3));
    const as = ['home.1.a0000000', 'home.1.b0000000', 'home.2', 'home.3.d0000000'];
    expect(names(all, undefined, ['home.3'])).toEqual({ as, warnings: 1 });
    // Which of them are received does not change the names.
    expect(names(all.slice(0, 1)).as).toEqual(as.slice(0, 1));
  });
});

describe('a template', () => {
  const of = (template: string, ...streams: StoredStream[]) =>
    names(atHand(...streams), template).as;

  it('is filled in', () => {
    const at = new Date(2026, 10, 1, 9, 5, 7).toISOString();
    const home = snapper('a', 3, { createdAt: at, host: 'beta' });
    expect(of('{host}-{title}', home)).toEqual(['beta-home.3']);
    expect(of('{name} {date}_{time}', home)).toEqual(['snapshot 2026-11-01_09-05-07']);
    expect(of('{uuid8}/{uuid}'.replace('/', ' '), home)).toEqual([`a0000000 ${uuid('a')}`]);
    expect(of('{ {title} ü', home)).toEqual(['{ home.3 ü']);
  });

  it('writes unknown for a value that is not known', () => {
    const home = snapper('a', 3, { createdAt: null, host: null });
    expect(of('{host} {date} {time}', home)).toEqual(['unknown unknown unknown']);
  });

  it('is filled in once only', () => {
    expect(of('{title}', stream('a', { name: '{uuid}' }))).toEqual(['{uuid}']);
  });

  it('that gives several streams the same name gets the UUID appended', () => {
    expect(of('x', snapper('a', 1), snapper('b', 2))).toEqual(['x.a0000000', 'x.b0000000']);
    expect(of('{title}-{uuid8}', snapper('a', 1), snapper('b', 1))).toEqual([
      'home.1-a0000000',
      'home.1-b0000000',
    ]);
  });

  it.each([
    ['{datum}'],
    ['{}'],
    ['{Title}'],
    [''],
    ['.'],
    ['..'],
    ['a/{title}'],
    ['a\0b'],
    ['x'.repeat(256)],
    ['{host}'],
  ])('%j is refused', (template) => {
    const failure = expect.objectContaining({ code: 'usage' });
    expect(() => names(atHand(snapper('a', 1, { host: 'a/b' })), template)).toThrow(failure);
  });

  it('with an unknown placeholder is refused even if there is nothing to receive', () => {
    expect(() => names([], '{datum}')).toThrow(Failure);
  });

  it('of any text makes different names or fails', () => {
    const piece = fc.oneof(
      fc.constantFrom('{name}', '{title}', '{host}', '{date}', '{time}', '{uuid}', '{uuid8}'),
      fc.string(),
    );
    const bytes = fc
      .uint8Array({ minLength: 1, maxLength: 255 })
      .filter((each) => !each.includes(0) && !each.includes(0x2f));
    fc.assert(
      fc.property(fc.array(piece), fc.array(bytes, { maxLength: 4 }), (pieces, named) => {
        const streams = atHand(
          ...named.map((each, at) => stream(`${at}`, { name: byteString(each) })),
        );
        try {
          const { steps } = receivedNames(streams, [], pieces.join(''));
          const all = steps.map(({ as }) => as.toString('latin1'));
          expect(new Set(all).size).toBe(named.length);
          for (const name of all) expect(name).toMatch(/^(?!\.\.?$)[^/\0]{1,255}$/s);
        } catch (error) {
          expect(error).toMatchObject({ code: 'usage' });
        }
      }),
    );
  });
});

describe('a word of the user names streams', () => {
  const [a, b, c] = [snapper('aa11', 1), snapper('bb22', 2), stream('cc33', { name: 'bb22' })];
  const all = atHand(a, b, c);
  const called = (word: string) => streamsCalled(all, word).map((each) => each.uuid.slice(0, 4));

  it.each([
    ['home.1', ['aa11']],
    ['snapshot', ['aa11', 'bb22']],
    ['home.aa11.aa110000.full', ['aa11']],
    ['bb22', ['bb22', 'cc33']],
    ['AA11', ['aa11']],
    [uuid('cc33'), ['cc33']],
    ['aa1', []],
    ['home', []],
    ['', []],
  ])('%j', (word, found) => {
    expect(called(word)).toEqual(found);
  });

  it('by any bytes', () => {
    const odd = stream('d', { name: 'ü' });
    expect(streamsCalled([odd], 'ü')).toEqual([odd]);
    expect(bytesOf(odd.called.title)).toEqual(Buffer.from('ü'));
  });
});
