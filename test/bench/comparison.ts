import type { Runtime } from './machine.ts';
import { type Command, measure, type Run } from './measure.ts';
import { ratioSpread, type Spread } from './numbers.ts';
import { run } from './scene.ts';

/** One of our commands, and the pipeline of plain tools that does the same. */
export interface Pair {
  readonly name: string;
  /** The command line. */
  readonly pipeline: string;
  readonly plain: Step;
  readonly ours: (runtime: Runtime) => Step;
  /** Makes what both read, where it is not there yet. */
  readonly prepare: () => Promise<void>;
  /** The ratio of wall times to reach on two cores. */
  readonly atMost: Readonly<Record<Runtime['engine'], number>>;
}

export interface Step {
  readonly command: Command;
  /** Brings the place that it writes to back to where it was; not timed. */
  readonly reset: () => void;
  /** The files that it writes, if their size matters. */
  readonly output?: string;
}

export interface Comparison {
  readonly name: string;
  readonly pipeline: string;
  readonly plain: readonly Run[];
  /** Bytes of what it wrote. */
  readonly stored: number | null;
  readonly ours: readonly Contender[];
}

export interface Contender {
  readonly node: string;
  readonly engine: Runtime['engine'];
  /** Each was right after the run of the plain pipeline with the same index. */
  readonly runs: readonly Run[];
  /** Bytes of what it wrote. */
  readonly stored: number | null;
  /** Of wall time. */
  readonly ratio: Spread;
  readonly atMost: number;
}

export interface Circumstances {
  readonly runtimes: readonly Runtime[];
  readonly runs: number;
  readonly signal: AbortSignal;
  /** Takes a line about what happens. */
  readonly say: (line: string) => void;
}

/** Runs both in turn. The first turn warms up what the others find in the cache. */
export async function compare(
  pair: Pair,
  { runtimes, runs, signal, say }: Circumstances,
): Promise<Comparison> {
  await pair.prepare();
  const plain = { step: pair.plain, runs: [] as Run[], who: 'plain tools' };
  const ours = runtimes.map((runtime) => ({
    runtime,
    step: pair.ours(runtime),
    runs: [] as Run[],
    who: `node ${runtime.version}`,
  }));
  for (let turn = 0; turn <= runs; turn++) {
    for (const { step, runs: taken, who } of [plain, ...ours]) {
      step.reset();
      run('sync');
      const one = await measure(step.command, signal);
      if (turn > 0) taken.push(one);
      const which = turn === 0 ? 'warm-up' : `${turn}/${runs}`;
      say(`${pair.name} ${which}: ${who} ${one.seconds.toFixed(2)} s`);
    }
  }
  const seconds = (list: readonly Run[]) => list.map((one) => one.seconds);
  return {
    name: pair.name,
    pipeline: pair.pipeline,
    plain: plain.runs,
    stored: storedBy(plain.step),
    ours: ours.map(({ runtime, runs: taken, step }) => ({
      node: runtime.version,
      engine: runtime.engine,
      runs: taken,
      stored: storedBy(step),
      ratio: ratioSpread(seconds(taken), seconds(plain.runs)),
      atMost: pair.atMost[runtime.engine],
    })),
  };
}

function storedBy({ output }: Step): number | null {
  return output === undefined ? null : Number.parseInt(run('du', '-sb', output), 10);
}
