import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { StreamInspected } from '../../src/events/inspect.ts';
import { runInspect } from '../../src/operations/inspect/run.ts';
import { contextWith } from '../operations/context.ts';

export const samples = fileURLToPath(new URL('../../samples/', import.meta.url));

/** A stream in samples/streams, and what its name tells about it; see samples/README.md. */
export interface SampleStream {
  readonly file: string;
  /** Of the snapshot. */
  readonly name: string;
  readonly version: 1 | 2;
  /** Names of the snapshots that have to be received before: the parent first. */
  readonly needs: readonly string[];
  readonly noData: boolean;
  readonly empty: boolean;
}

const pattern = /^(.+?)\.(?:full|(no-data)|from-(.+?)(?:\.and-(.+?))?(\.empty)?)\.v([12])\.btrfs$/;

/** All of them, each after those that it needs. */
export function sampleStreams(): SampleStream[] {
  const found = readdirSync(`${samples}streams`)
    .sort()
    .map((file): SampleStream => {
      const [, name = '', noData, parent, cloneSource, empty, version] = pattern.exec(file) ?? [];
      if (name === '') throw new Error(`the name of samples/streams/${file} tells nothing`);
      return {
        file: `${samples}streams/${file}`,
        name,
        version: version === '1' ? 1 : 2,
        needs: [parent, cloneSource].filter((needed) => needed !== undefined),
        noData: noData !== undefined,
        empty: empty !== undefined,
      };
    });
  const sorted: SampleStream[] = [];
  while (sorted.length < found.length) {
    const before = new Set(sorted.map(({ name }) => name));
    const ready = found.filter(
      (stream) => !sorted.includes(stream) && stream.needs.every((name) => before.has(name)),
    );
    if (ready.length === 0) throw new Error('a sample needs one that is not there');
    sorted.push(...ready);
  }
  return sorted;
}

/** The findings of `btrferry inspect` about a stream. */
export async function inspect(file: string): Promise<StreamInspected> {
  const found: StreamInspected[] = [];
  const { exit } = await runInspect(
    { file, commands: false },
    contextWith((event) => {
      if (event.type === 'stream-inspected') found.push(event);
    }),
  );
  const [inspected] = found;
  if (exit !== 0 || inspected === undefined) throw new Error(`nothing found in ${file}`);
  return inspected;
}
