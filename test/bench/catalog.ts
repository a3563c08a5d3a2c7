import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Circumstances } from './comparison.ts';
import { btrferry, type Runtime } from './machine.ts';
import { type Shape, shapes, writeArchive } from './many-streams.ts';
import { type Command, measure, type Run } from './measure.ts';
import { median } from './numbers.ts';
import { imageSize, type Scene } from './scene.ts';

/** Times an operation that reads only manifests, on archives of different sizes. */
export interface Growth {
  readonly operation: string;
  readonly shape: Shape;
  readonly node: string;
  readonly over: readonly Point[];
  /**
   * Returns the time of one more stream in the upper part of the sizes, divided by that in the
   * lower part.
   */
  readonly growth: number;
  /** Seconds to reach with the most streams. */
  readonly atMost: number;
}

interface Point {
  readonly streams: number;
  readonly runs: readonly Run[];
}

/** Runs of each size. */
const RUNS = 3;

/** Seconds for the most streams. */
const AT_MOST = 2;

/** Times `list` and the plan of an import over a tenth, half, and all of so many streams. */
export async function measureCatalog(
  scene: Scene,
  most: number,
  { runtimes, signal, say }: Circumstances,
): Promise<Growth[]> {
  const archive = join(scene.directory, 'many');
  const into = scene.at('destination');
  scene.btrfs('destination', imageSize(0));
  const operations: Record<string, (runtime: Runtime) => Command> = {
    list: (runtime) => btrferry(runtime, 'list', archive),
    'import --dry-run': (runtime) =>
      btrferry(runtime, 'import', archive, '--into', into, '--dry-run'),
  };
  const rows = Object.keys(shapes).flatMap((shape) =>
    Object.keys(operations).flatMap((operation) =>
      runtimes.map((runtime) => ({
        shape: shape as Shape,
        operation,
        runtime,
        over: [] as Point[],
      })),
    ),
  );
  for (const shape of Object.keys(shapes) as Shape[]) {
    for (const streams of [most / 10, most / 2, most].map(Math.ceil)) {
      rmSync(archive, { recursive: true, force: true });
      writeArchive(archive, streams, shape);
      for (const row of rows.filter((one) => one.shape === shape)) {
        const runs: Run[] = [];
        const command = operations[row.operation]?.(row.runtime) as Command;
        for (let at = 0; at < RUNS; at++) runs.push(await measure(command, signal));
        row.over.push({ streams, runs });
        const seconds = median(runs.map((one) => one.seconds)).toFixed(2);
        say(`${row.operation} of ${streams} (${shape}): node ${row.runtime.version} ${seconds} s`);
      }
    }
  }
  return rows.map(({ runtime, ...row }) => ({
    ...row,
    node: runtime.version,
    growth: growthOf(row.over),
    atMost: AT_MOST,
  }));
}

function growthOf(over: readonly Point[]): number {
  const [low, middle, high] = over.map(({ streams, runs }) => ({
    streams,
    seconds: median(runs.map((one) => one.seconds)),
  }));
  if (low === undefined || middle === undefined || high === undefined) return Number.NaN;
  const lower = (middle.seconds - low.seconds) / (middle.streams - low.streams);
  return (high.seconds - middle.seconds) / (high.streams - middle.streams) / lower;
}
