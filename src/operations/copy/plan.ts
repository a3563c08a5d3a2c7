import { choose } from '../../archive/graph/choice.ts';
import { linkedStates, receivable, unmetBy } from '../../archive/graph/graph.ts';
import type { DamagedStream } from '../../archive/read/catalog.ts';
import { select } from '../../archive/read/selection.ts';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { Failure } from '../../failure/failure.ts';
import type { States } from '../../names/state.ts';
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
  const { streams, target, only } = facts;
  const states = linkedStates([...streams, ...target.streams]);
  const chosen = chosenStreams(facts, states);
  const refused: (StreamName & { failure: Failure })[] = [];
  if (only.length === 0) {
    for (const { directory, failure } of facts.damaged) {
      refused.push({ ...namedByPlace(directory.replace(/^.*\//, '')), failure });
    }
  }
  const steps: CopyStep[] = [];
  const byDirectory = new Map<string, [StoredStream, ...StoredStream[]]>();
  for (const stream of chosen) {
    const same = byDirectory.get(nameIn(stream));
    if (same === undefined) byDirectory.set(nameIn(stream), [stream]);
    else if (hasSameParts(same[0], stream)) same.push(stream);
    else refused.push({ ...stream.called, failure: otherThere(stream, same[0].source.archive) });
  }
  for (const copies of byDirectory.values()) {
    const step = stepFor(copies, facts);
    if (step instanceof Failure) refused.push({ ...copies[0].called, failure: step });
    else steps.push(step);
  }
  const there = [...target.streams, ...steps.map(({ copies }) => copies[0])];
  const whole = new Set(receivable(there, [], states));
  const stranded = steps.map(({ copies }) => copies[0]).filter((stream) => !whole.has(stream));
  return { steps: inPassingOrder(steps, ({ copies }) => copies[0]), refused, stranded };
}

/** The wanted streams and, with `dependencies`, those that they need; parents first. */
function chosenStreams(
  { streams, target, only, dependencies }: CopyFacts,
  states: States,
): StoredStream[] {
  const wanted = new Set(
    only.length === 0 ? streams : only.flatMap((word) => select(streams, word)),
  );
  if (only.length > 0 && dependencies) {
    const goals = [...wanted].map((stream) => states.of(stream));
    const { order } = choose(streams, target.streams, goals, states);
    for (const stream of order) wanted.add(stream);
  }
  const list = streams.filter((stream) => wanted.has(stream));
  const provided = new Set(list.map((stream) => states.of(stream)));
  const elsewhere = list.flatMap((stream) => unmetBy(stream, provided, states));
  const order = receivable(list, elsewhere, states);
  const sorted = new Set(order);
  return [...order, ...list.filter((stream) => !sorted.has(stream))];
}

function stepFor(
  copies: readonly [StoredStream, ...StoredStream[]],
  { target }: CopyFacts,
): CopyStep | Failure {
  const [stream] = copies;
  const there = target.streams.find(
    (other) => other.uuid === stream.uuid && isSameStream(other, stream),
  );
  if (there !== undefined) return { copies, there, replaces: undefined };
  const taken = target.streams.find((other) => nameIn(other) === nameIn(stream));
  if (taken !== undefined) return otherThere(stream, taken.source.archive);
  const damaged = target.damaged.find(({ directory }) => directory === stream.source.directory);
  const code = damaged?.failure.code;
  if (code === 'manifest-damaged' || code === 'stream-incomplete') {
    return { copies, there: undefined, replaces: stream.source.directory };
  }
  return damaged?.failure ?? { copies, there: undefined, replaces: undefined };
}

function nameIn({ source }: StoredStream): string {
  return source.directory.replace(/^.*\//, '');
}

/** Two archives hold the same bytes of stream. */
function isSameStream({ manifest: a }: StoredStream, { manifest: b }: StoredStream): boolean {
  return a.stream.framesXxh64 === b.stream.framesXxh64 && a.stream.length === b.stream.length;
}

/** Two archives hold the same files of a stream, so that a part of one can replace that of another. */
export function hasSameParts(a: StoredStream, b: StoredStream): boolean {
  const sums = ({ manifest }: StoredStream) => manifest.parts.map(({ sha256 }) => sha256).join();
  return isSameStream(a, b) && sums(a) === sums(b);
}

function otherThere({ source }: StoredStream, archive: string): Failure {
  return new Failure('archive-conflict', `${archive} has another stream in ${source.directory}`, {
    hint: `move ${source.directory} out of one of the archives, then run the same command again`,
    where: { archive: source.archive, file: source.directory },
  });
}
