import { expect, it } from 'vitest';
import { facts, received, receivedState } from './archived.ts';
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

it('what was removed here is received if another stream needs it', () => {
  expect(plan([a, b, c], [], { earlier })).toMatchObject({
    removed: ['a', 'b'],
    steps: ['a', 'b', 'c'],
  });
});

it('a receipt of nothing that the archives hold changes nothing', () => {
  const without = facts([a, b]).earlier;
  expect(plan([a, b], [], { earlier: [receivedState('d')] })).toEqual(
    plan([a, b], [], { earlier: without }),
  );
});
