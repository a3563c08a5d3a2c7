import { expect, it } from 'vitest';
import { facts, received, receivedState, stream } from './archived.ts';
import { a, b, c, plan } from './planned.ts';

const earlier = [receivedState('a'), receivedState('b')];

it('what was removed here is not received again, unless asked', () => {
  const kept = [received('b')];
  expect(plan([a, b, c], kept, { earlier })).toMatchObject({
    removed: ['a'],
    present: ['b'],
    steps: ['c'],
    refused: [],
  });
  expect(plan([a, b, c], kept, { earlier, again: true })).toMatchObject({
    removed: [],
    steps: expect.arrayContaining(['a', 'c']),
  });
  expect(plan([a, b, c], kept, { earlier, only: ['home.a'] })).toMatchObject({
    removed: [],
    steps: ['a'],
  });
});

it('a destination that was emptied or set back gets everything again', () => {
  expect(plan([a, b, c], [], { earlier })).toMatchObject({ removed: [], steps: ['a', 'b', 'c'] });
  const all = [...earlier, receivedState('c')];
  expect(plan([a, b, c], [received('a')], { earlier: all })).toMatchObject({
    removed: [],
    present: ['a'],
    steps: ['b', 'c'],
  });
});

it('the next stream can come without what was removed before it', () => {
  const d = stream('d', { from: 'x' });
  const found = plan([a, d], [received('x')], { earlier: [receivedState('a')] });
  expect(found).toMatchObject({ removed: ['a'], steps: ['d'] });
});

it('a receipt of nothing that the archives hold changes nothing', () => {
  const without = facts([a, b]).earlier;
  expect(plan([a, b], [], { earlier: [receivedState('d')] })).toEqual(
    plan([a, b], [], { earlier: without }),
  );
});
