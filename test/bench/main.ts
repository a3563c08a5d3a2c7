import { statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { collect } from '../../src/cli/help.ts';
import { parseSize, parseWhole } from '../../src/cli/sizes.ts';
import { size as sizeText } from '../../src/report/figures.ts';
import { measureCatalog } from './catalog.ts';
import { type Circumstances, type Comparison, compare } from './comparison.ts';
import { btrferry, programVersion, runtimeAt, thisMachine } from './machine.ts';
import { measure } from './measure.ts';
import { measureMemory } from './memory.ts';
import { spread } from './numbers.ts';
import { pairNames, pairsNamed } from './pairs.ts';
import { openScene, type Scene, whyNoScene } from './scene.ts';
import { type Findings, reportLines, reportPage, type Start } from './table.ts';

/** `npm run bench`: measures the program beside plain tools, on throw-away filesystems. */

const names = [...pairNames, 'memory', 'catalog', 'start'] as const;

interface Options {
  readonly size: number;
  readonly runs: number;
  readonly streams: number;
  readonly only: readonly string[];
  readonly node: readonly string[];
  readonly dir: string;
  readonly json?: string;
  readonly write?: string;
}

const command = new Command('npm run bench --')
  .description('Measures btrferry beside plain tools, on throw-away filesystems. Needs root.')
  .option(
    '--size <size>',
    'data in each source; the large stream has twice as much',
    parseSize,
    2 ** 31,
  )
  .option('--runs <number>', 'runs of each, after a warm-up', parseWhole(1, 100), 5)
  .option('--streams <number>', 'streams in the largest catalog', parseWhole(10, 1_000_000), 10_000)
  .option('--only <names>', `some of: ${names.join(',')}`, parseNames, [...names])
  .option('--node <path>', 'Node.js to measure with; several in turn', collect)
  .option('--dir <directory>', 'where the images and files lie meanwhile', tmpdir())
  .option('--json <file>', 'also write all figures as JSON')
  .option('--write <file>', 'also write the table as a page in Markdown');

/** Runs the bench with the arguments of the command line; resolves to the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const given = command.parse(args, { from: 'user' }).opts<Options>();
  const options = { ...given, node: given.node ?? [process.execPath] };
  const stop = new AbortController();
  // The second one changes nothing: what was begun has to be taken away.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => stop.abort());
  }
  const reason = whyNoScene() ?? whyNoRoom(options);
  if (reason !== undefined) return complain(`the bench can't run: ${reason}`, 6);
  let scene: Scene | undefined;
  try {
    const circumstances = {
      runtimes: options.node.map(runtimeAt),
      runs: options.runs,
      signal: stop.signal,
      say: (line: string) => void process.stderr.write(`${line}\n`),
    };
    scene = openScene(options.dir);
    const findings = await measureAll(scene, options, circumstances);
    process.stdout.write(`${reportLines(findings).join('\n')}\n`);
    if (options.json !== undefined) {
      writeFileSync(options.json, `${JSON.stringify(findings, null, 2)}\n`);
    }
    if (options.write !== undefined) writeFileSync(options.write, reportPage(findings));
    return 0;
  } catch (error) {
    // A Ctrl-C may have reached a program that we wait for, and not us yet.
    const { signal } = error as { signal?: unknown };
    if (stop.signal.aborted || signal === 'SIGINT') return complain('interrupted', 130);
    return complain(error instanceof Error ? error.message : String(error), 1);
  } finally {
    scene?.close();
  }
}

async function measureAll(
  scene: Scene,
  options: Options,
  circumstances: Circumstances,
): Promise<Findings> {
  const { size, runs, streams } = options;
  const only = new Set(options.only);
  const machine = thisMachine();
  const comparisons: Comparison[] = [];
  for (const pair of pairsNamed(only, { ...circumstances, scene, size })) {
    comparisons.push(await compare(pair, circumstances));
  }
  scene.clear();
  const memory = only.has('memory') ? await measureMemory(scene, 2 * size, circumstances) : [];
  scene.clear();
  const catalog = only.has('catalog') ? await measureCatalog(scene, streams, circumstances) : [];
  const start = only.has('start') ? await measureStart(circumstances) : [];
  return {
    date: new Date().toISOString(),
    version: programVersion(),
    machine,
    runtimes: circumstances.runtimes,
    size,
    runs,
    comparisons,
    memory,
    catalog,
    start,
  };
}

async function measureStart({ runtimes, signal }: Circumstances): Promise<Start[]> {
  const starts: Start[] = [];
  for (const runtime of runtimes) {
    const seconds: number[] = [];
    for (let at = 0; at < 11; at++) {
      seconds.push((await measure(btrferry(runtime, '--version'), signal)).seconds);
    }
    starts.push({ node: runtime.version, seconds: spread(seconds.slice(1)), atMost: 0.15 });
  }
  return starts;
}

function parseNames(text: string): string[] {
  const chosen = text.split(',');
  const unknown = chosen.find((name) => !names.some((known) => known === name));
  if (unknown === undefined) return chosen;
  throw new InvalidArgumentError(`there is no ${unknown}, only ${names.join(', ')}.`);
}

/** All sources, what is made of them, and a destination. */
function whyNoRoom({ dir, size, node }: Options): string | undefined {
  const { bavail, bsize } = statfsSync(dir);
  const needed = size * (6 + node.length) + 2 ** 30;
  if (bavail * bsize >= needed) return undefined;
  const free = sizeText(bavail * bsize);
  return `${dir} has ${free} free, and it takes ${sizeText(needed)}: give another --dir or a smaller --size`;
}

function complain(message: string, code: number): number {
  process.stderr.write(`error: ${message}\n`);
  return code;
}
