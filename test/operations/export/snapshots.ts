import type { GraphStream } from '../../../src/archive/graph/graph.ts';
import type { StateRecord } from '../../../src/names/state.ts';
import { planExport } from '../../../src/operations/export/plan.ts';
import type { ExportFacts, Snapshot } from '../../../src/operations/export/snapshot.ts';

export const stateOf = (uuid: string, ctransid: number, change: Partial<StateRecord> = {}) => ({
  filesystem: 'here',
  uuid,
  ctransid: String(ctransid),
  sendTransid: null,
  ...change,
});

export const snapshot = (
  name: string,
  generation: number,
  change: Partial<Snapshot> = {},
): Snapshot => ({
  path: `/src/${name}`,
  name,
  title: name,
  uuid: name,
  state: stateOf(name, generation),
  standing: 'genuine',
  creationTransid: BigInt(generation),
  family: 'home',
  mountPoint: '/src',
  ...change,
});

export const stored = (
  of: Snapshot,
  parent?: Snapshot,
  change: Partial<GraphStream> = {},
): GraphStream => ({
  ...of.state,
  requires: parent === undefined ? [] : [parent.state],
  storedBytes: 1,
  ...change,
});

export const [a, b, c] = [snapshot('a', 10), snapshot('b', 20), snapshot('c', 30)];

type Receipts = readonly (readonly StateRecord[])[];

/** The streams in each archive of the families of the snapshots. */
export const kinOf = (snapshots: readonly Snapshot[]) =>
  snapshots.map(({ title, state, family }) => ({ title, state, family }));

export const plan = ({
  archived = [],
  receipts = [],
  bases = [],
  ...facts
}: Partial<ExportFacts> & {
  archived?: readonly GraphStream[];
  receipts?: Receipts;
  bases?: readonly StateRecord[];
}) => {
  const result = planExport({
    asked: [],
    parent: 'auto',
    cloneSources: [],
    candidates: [],
    archives: [
      { streams: archived, bases, destinations: receipts.map((has) => ({ has, had: [] })) },
    ],
    destination: null,
    here: kinOf(facts.candidates ?? []),
    kin: [],
    requireIncremental: false,
    ...facts,
  });
  return {
    ...result,
    chain: result.steps.map((step) => `${step.snapshot.name}<${step.parent?.name ?? ''}`),
  };
};
