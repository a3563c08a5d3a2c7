import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { StoredStream } from '../../../src/archive/read/stored-stream.ts';
import { inPassingOrder } from '../../../src/operations/archives/passing-order.ts';
import { stream } from '../import/archived.ts';

/** A stream at a place of a pipe, or of no pipe. */
function at(position: number | undefined, id: string, from?: string): StoredStream {
  const made = stream(id, from === undefined ? {} : { from });
  return { ...made, source: { ...made.source, position } };
}

const uuids = (streams: readonly StoredStream[]) => streams.map(({ uuid }) => uuid);

it('keeps the order of streams that come through no pipe', () => {
  const steps = [at(undefined, '1'), at(undefined, '2'), at(undefined, '3', '1')];
  expect(inPassingOrder(steps, (one) => one)).toBe(steps);
});

it('follows a pipe whose order is one in which streams can be received', () => {
  const sized = fc.integer({ min: 1, max: 8 });
  fc.assert(
    fc.property(sized, fc.infiniteStream(fc.nat()), (count, numbers) => {
      const next = () => numbers.next().value as number;
      const pipe = Array.from({ length: count }, (_, place) => {
        const parent = place === 0 || next() % 3 === 0 ? undefined : `${(next() % place) + 1}`;
        return at(place, `${place + 1}`, parent);
      });
      const planned = pipe.toSorted(() => (next() % 2 === 0 ? 1 : -1));
      expect(uuids(inPassingOrder(planned, (one) => one))).toEqual(uuids(pipe));
    }),
  );
});

it('puts a parent first, wherever it comes', () => {
  const late = [at(0, '2', '1'), at(1, '1')];
  expect(uuids(inPassingOrder(late, (one) => one))).toEqual(uuids(late.toReversed()));
  const elsewhere = [at(undefined, '1'), at(1, '3'), at(0, '2', '1')];
  const [first, last, middle] = elsewhere;
  expect(inPassingOrder(elsewhere, (one) => one)).toEqual([first, middle, last]);
});
