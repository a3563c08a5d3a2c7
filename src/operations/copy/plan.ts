import { basename } from 'node:path/posix';
import { choose } from '../../archive/graph/choice.ts';
import { groupBy, linkedStates, receivable, unmetBy } from '../../archive/graph/graph.ts';
import type { DamagedStream } from '../../archive/read/catalog.ts';
import { contentKey } from '../../archive/read/copies.ts';
import { select } from '../../archive/read/selection.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { Failure } from '../../failure/failure.ts';
import type { StateRecord, States } from '../../names/state.ts';
import { namedByPlace, type StreamName } from '../../names/title.ts';
import { inPassingOrder } from '../archives/passing-order.ts';

/** The archives of a copy, as their documents describe them. */
export interface CopyFacts {
  /** The streams to copy from, in the order of the command line. */
  readonly streams: readonly StoredStream[];
  /** Streams of the sources whose manifests cannot be used. */
  readonly damaged: readonly DamagedStream[];
  /** The target; empty for a new one. */
  readonly target: {
    readonly streams: readonly StoredStream[];
    readonly damaged: readonly DamagedStream[];
  };
  /** The states of fingerprints that are copied, too: a destination adopts a copy as them. */
  readonly bases: readonly StateRecord[];
  readonly only: readonly string[];
  readonly dependencies: boolean;
}

export interface CopyStep {
  /** The same stored stream in one or several of the sources; the first is preferred. */
  readonly copies: readonly [StoredStream, ...StoredStream[]];
  /** The stream in the target, if it is there. */
  readonly there: StoredStream | undefined;
  /** The directory in the target that the copy replaces: one that is damaged; undefined if none is. */
  readonly replaces: string | undefined;
}

export interface CopyPlan {
  /** Each after the streams that it builds on. */
  readonly steps: readonly CopyStep[];
  readonly refused: readonly (StreamName & { readonly failure: Failure })[];
  /** Streams that neither the target nor the sources can restore on an empty filesystem. */
  readonly stranded: readonly StoredStream[];
}

/**
 * Decides which streams to copy, in which order. Pure: the same facts give the same plan.
 *
 * @throws {Failure} `not-found` if `only` names a stream that no source has
 */
export function planCopy(facts: CopyFacts): CopyPlan {
  const { streams, target, only, bases } = facts;
  const states = linkedStates([...streams, ...target.streams], bases);
  const chosen = chosenStreams(facts, states);
  const refused: (StreamName & { failure: Failure })[] = [];
  if (only.length === 0) {
    for (const { directory, failure } of facts.damaged) {
      refused.push({ ...namedByPlace(directory.replace(/^.*\//, '')), failure });
    }
  }
  const steps: CopyStep[] = [];
  const taken = new Map(target.streams.map((stream) => [nameIn(stream), stream]));
  for (const copies of groupBy(chosen, contentKey).values()) {
    const step = stepFor(copies as [StoredStream, ...StoredStream[]], facts, taken);
    if (step instanceof Failure)
      refused.push({ ...(copies[0] as StoredStream).called, failure: step });
    else steps.push(step);
  }
  const there = [...target.streams, ...steps.map(({ copies }) => copies[0])];
  const whole = new Set(receivable(there, bases, states));
  const stranded = steps.map(({ copies }) => copies[0]).filter((stream) => !whole.has(stream));
  return { steps: inPassingOrder(steps, ({ copies }) => copies[0]), refused, stranded };
}

/** The wanted streams and, with `dependencies`, those that they need; parents first. */
function chosenStreams(
  { streams, target, only, dependencies }: CopyFacts,
  states: States,
): StoredStream[] {
  const found = only.length === 0 ? streams : only.flatMap((word) => select(streams, word));
  const wanted = new Set(found.map(contentKey));
  if (only.length > 0 && dependencies) {
    const sources = new Set(streams.map((stream) => states.of(stream)));
    // A stream of the target counts only if what it needs is there as well.
    const present = [
      ...receivable(target.streams, [], states),
      ...streams.flatMap((stream) => unmetBy(stream, sources, states)),
    ];
    const goals = found.map((stream) => states.of(stream));
    const { order } = choose(streams, present, goals, states);
    for (const stream of order) wanted.add(contentKey(stream));
  }
  const list = streams.filter((stream) => wanted.has(contentKey(stream)));
  const provided = new Set(list.map((stream) => states.of(stream)));
  const elsewhere = list.flatMap((stream) => unmetBy(stream, provided, states));
  const order = receivable(list, elsewhere, states);
  const sorted = new Set(order);
  return [...order, ...list.filter((stream) => !sorted.has(stream))];
}

/** @param taken the stream that each directory of the target has, or will have */
function stepFor(
  copies: readonly [StoredStream, ...StoredStream[]],
  { target }: CopyFacts,
  taken: Map<string, StoredStream>,
): CopyStep | Failure {
  const [stream] = copies;
  const there = target.streams.find((other) => contentKey(other) === contentKey(stream));
  if (there !== undefined) return { copies, there, replaces: undefined };
  const damaged = target.damaged.find(({ directory }) =>
    copies.some(({ source }) => source.directory === directory),
  );
  const code = damaged?.failure.code;
  if (damaged !== undefined && code !== 'manifest-damaged' && code !== 'stream-incomplete') {
    return damaged.failure;
  }
  const name = damaged === undefined ? nameIn(stream) : basename(damaged.directory);
  const other = taken.get(name);
  if (other !== undefined) return otherThere(stream, other.source.archive);
  taken.set(name, stream);
  return { copies, there: undefined, replaces: damaged?.directory };
}

function nameIn({ source }: StoredStream): string {
  return basename(source.directory);
}

/** Reports whether two archives hold a stream in the same parts, so that one can replace another. */
export function hasSameParts(a: StoredStream, b: StoredStream): boolean {
  const sums = ({ manifest }: StoredStream) => manifest.parts.map(({ sha256 }) => sha256).join();
  return sums(a) === sums(b);
}

/** Groups copies of a stream that have the same parts. */
export function inSameParts(copies: readonly StoredStream[]): CopyStep['copies'][] {
  const groups: [StoredStream, ...StoredStream[]][] = [];
  for (const copy of copies) {
    const group = groups.find(([first]) => hasSameParts(first, copy));
    if (group === undefined) groups.push([copy]);
    else group.push(copy);
  }
  return groups;
}

function otherThere({ source }: StoredStream, archive: string): Failure {
  return new Failure('archive-conflict', `${archive} has another stream in ${source.directory}`, {
    hint: `move ${source.directory} out of one of the archives, then run the same command again`,
    where: { archive: source.archive, file: source.directory },
  });
}
