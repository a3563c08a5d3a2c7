import { expect } from 'vitest';
import type { StoredStream } from '../../../src/archive/read/stored-stream.ts';
import type { DestinationSubvolume } from '../../../src/operations/import/destination.ts';
import { planImport } from '../../../src/operations/import/plan.ts';
import type { ImportFacts } from '../../../src/operations/import/view.ts';
import { facts, receivedState, stream } from './archived.ts';

/** The plan with streams told by the digits that their UUIDs begin with. */
export function plan(
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
    removed: planned.removed.map(id),
    refused: planned.refused.map((refused) => [id(refused), refused.failure.code]),
    failures: planned.refused.map((refused) => refused.failure),
    warnings: planned.warnings,
  };
}

export const otherState = { state: receivedState('a', '11') };

export const a = stream('a');
export const b = stream('b', { from: 'a' });
export const c = stream('c', { from: 'b' });
