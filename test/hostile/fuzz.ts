import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Mutation, mutationKinds, telling } from './mutation.ts';
import { type Target, targets } from './targets.ts';

/**
 * A long random run over all targets. In its first third it is guided by coverage: what reaches
 * code that nothing before it reached is kept, and spoiled further. The rest goes at full speed.
 * The same seed draws the same numbers; where the run goes also depends on its speed.
 */

/** Executions between two looks at the coverage, which take milliseconds each. */
const BATCH = 256;
/** Milliseconds of processor time for one execution above which it counts as slow, and is told. */
const SLOW = 2000;

export async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: 'string', default: String(Date.now() % 2 ** 32) },
      seconds: { type: 'string', default: '60' },
      target: { type: 'string', default: '' },
      json: { type: 'boolean', default: false },
    },
  });
  const [seed, seconds] = [Number(values.seed), Number(values.seconds)];
  const chosen = targets.filter(({ name }) => name.includes(values.target));
  if (!Number.isInteger(seed) || !(seconds > 0) || chosen.length === 0) {
    process.stderr.write('usage: fuzz [--seed N] [--seconds N] [--target NAME] [--json]\n');
    return 2;
  }
  const coverage = await coverageOfThis();
  const started = performance.now();
  const runs = [];
  for (const [i, target] of chosen.entries()) {
    const run = await fuzz(target, seed + i, (seconds * 1000) / chosen.length, coverage);
    runs.push(run);
    if (!values.json) process.stdout.write(`${line(run)}\n`);
  }
  const executions = runs.reduce((sum, run) => sum + run.executions, 0);
  const faults = runs.flatMap((run) => run.faults);
  const took = (performance.now() - started) / 1000;
  if (values.json) {
    const result = { seed, seconds: took, node: process.version, executions, runs };
    process.stdout.write(`${JSON.stringify(result)}\n`);
  } else {
    process.stdout.write(`${executions} executions in ${took.toFixed(0)} s, seed ${seed}\n`);
    for (const fault of faults) process.stdout.write(`FAULT ${fault}\n`);
  }
  return faults.length === 0 ? 0 : 1;
}

interface Run {
  readonly target: string;
  readonly executions: number;
  /** Inputs kept because they reached new code, the seeds included. */
  readonly kept: number;
  /** Places in src/ that were reached. */
  readonly reached: number;
  /** Milliseconds of processor time of the longest execution. */
  readonly slowest: number;
  /** Bytes in use, in the heap and outside of it, at the end more than after the first third. */
  readonly heapGrowth: number;
  readonly externalGrowth: number;
  readonly faults: readonly string[];
}

// Long: the steps share the corpus, the places reached and the faults.
async function fuzz(
  target: Target,
  seed: number,
  milliseconds: number,
  coverage: Coverage,
): Promise<Run> {
  const random = numbers(seed);
  const corpus = [...target.seeds];
  const reached = new Set<string>();
  const faults: string[] = [];
  let executions = 0;
  let slowest = 0;

  const execute = async (input: Uint8Array, cuts: readonly number[]) => {
    const began = busy();
    executions += 1;
    try {
      await target.run(input, cuts);
    } catch (error) {
      faults.push(kept(target, input, error));
    }
    const took = busy() - began;
    if (took > SLOW) faults.push(kept(target, input, `took ${took.toFixed(0)} ms`));
    slowest = Math.max(slowest, took);
  };
  const begun = performance.now();
  const spent = () => (performance.now() - begun) / milliseconds;
  type Input = readonly [Uint8Array, readonly number[]];
  const draw = (): Input => {
    const from = corpus[random() % corpus.length] as Uint8Array;
    const mutations = Array.from({ length: 1 + (random() % 6) }, () => drawn(random));
    const cuts = Array.from({ length: random() % 8 }, () => somewhere(random));
    return [target.spoil(from, mutations), cuts];
  };
  const executeAll = async (inputs: readonly Input[]) => {
    await coverage.take();
    for (const [input, cuts] of inputs) await execute(input, cuts);
    return (await coverage.take()).filter((place) => !reached.has(place));
  };
  /** Keeps those of a batch, which reached something new, that did. */
  const sift = async (inputs: readonly Input[], news: readonly string[]): Promise<void> => {
    if (news.length === 0 || spent() > 1 / 2) return;
    if (inputs.length === 1) {
      corpus.push((inputs[0] as Input)[0]);
      for (const place of news) reached.add(place);
      return;
    }
    const half = inputs.length >> 1;
    for (const part of [inputs.slice(0, half), inputs.slice(half)]) {
      await sift(part, await executeAll(part));
    }
  };

  for (const place of await executeAll(target.seeds.map((input) => [input, []])))
    reached.add(place);
  while (spent() < 1 / 3 && corpus.length < 2000 && faults.length < 10) {
    const batch = Array.from({ length: BATCH }, draw);
    await sift(batch, await executeAll(batch));
  }
  const baseline = memory();
  while (spent() < 1 && faults.length < 10) await execute(...draw());
  const end = memory();
  return {
    target: target.name,
    executions,
    kept: corpus.length,
    reached: reached.size,
    slowest: Math.round(slowest),
    heapGrowth: end.heapUsed - baseline.heapUsed,
    externalGrowth: end.external - baseline.external,
    faults,
  };
}

/** Milliseconds for which this process kept processors busy. */
function busy(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Keeps the input that a fault came from, and tells where. */
function kept(target: Target, input: Uint8Array, error: unknown): string {
  const directory = join(tmpdir(), 'btrferry-fuzz');
  const file = join(directory, createHash('sha256').update(input).digest('hex').slice(0, 16));
  mkdirSync(directory, { recursive: true });
  writeFileSync(file, input);
  const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `${target.name}: ${told} (input: ${file})`;
}

function drawn(random: () => number): Mutation {
  return {
    kind: mutationKinds[random() % mutationKinds.length] as Mutation['kind'],
    at: somewhere(random),
    value: random() % 2 === 0 ? (telling[random() % telling.length] as number) : somewhere(random),
    length: random() % (random() % 4 === 0 ? 5000 : 40),
  };
}

/** A place: often one near the start, where headers are. */
const somewhere = (random: () => number) => (random() % 3 === 0 ? random() % 200 : random());

/** Numbers of 32 bits (xorshift128 by Marsaglia), the same for the same seed. */
function numbers(seed: number): () => number {
  let [x, y, z, w] = [seed >>> 0, 362_436_069, 521_288_629, 88_675_123];
  return () => {
    const t = x ^ (x << 11);
    [x, y, z] = [y, z, w];
    w = (w ^ (w >>> 19) ^ t ^ (t >>> 8)) >>> 0;
    return w;
  };
}

interface Coverage {
  /** The places in src/ that were reached since this was asked last. */
  take(): Promise<string[]>;
}

interface Script {
  readonly url: string;
  readonly functions: { ranges: { startOffset: number; endOffset: number; count: number }[] }[];
}

async function coverageOfThis(): Promise<Coverage> {
  const session = new Session();
  session.connect();
  const post = <T>(method: string, parameters: object = {}) =>
    new Promise<T>((resolve, reject) =>
      session.post(method, parameters, (error, result) =>
        error === null ? resolve(result as T) : reject(error),
      ),
    );
  await post('Profiler.enable');
  await post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  return {
    async take() {
      const { result } = await post<{ result: Script[] }>('Profiler.takePreciseCoverage');
      return result
        .filter(({ url }) => url.includes('/src/'))
        .flatMap(({ url, functions }) =>
          functions.flatMap(({ ranges }) =>
            ranges
              .filter(({ count }) => count > 0)
              .map(({ startOffset, endOffset }) => `${url} ${startOffset} ${endOffset}`),
          ),
        );
    },
  };
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Memory in use, without what is garbage. */
function memory(): NodeJS.MemoryUsage {
  for (let i = 0; i < 3; i += 1) collectGarbage();
  return process.memoryUsage();
}

function line(run: Run): string {
  const kib = (bytes: number) => `${(bytes / 1024).toFixed(0)} KiB`;
  return [
    run.target,
    `${run.executions} executions`,
    `${run.kept} inputs kept`,
    `${run.reached} places reached`,
    `slowest ${run.slowest} ms`,
    `heap ${kib(run.heapGrowth)}, outside ${kib(run.externalGrowth)} more`,
    `${run.faults.length} faults`,
  ].join('; ');
}
