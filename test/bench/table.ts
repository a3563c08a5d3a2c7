import { count, size } from '../../src/report/figures.ts';
import { type Column, table } from '../../src/report/table.ts';
import type { Growth } from './catalog.ts';
import type { Comparison } from './comparison.ts';
import type { Machine, Runtime } from './machine.ts';
import { shapes } from './many-streams.ts';
import type { Run } from './measure.ts';
import type { MemoryUse } from './memory.ts';
import { median, type Spread, spread } from './numbers.ts';

/** All that was measured; as JSON, this is the report. */
export interface Findings {
  readonly date: string;
  readonly version: string;
  readonly machine: Machine;
  readonly runtimes: readonly Runtime[];
  /** Bytes of data in each source. */
  readonly size: number;
  readonly runs: number;
  readonly comparisons: readonly Comparison[];
  readonly memory: readonly MemoryUse[];
  readonly catalog: readonly Growth[];
  readonly start: readonly Start[];
}

/** How long `--version` takes: what every command takes before it does anything. */
export interface Start {
  readonly node: string;
  readonly seconds: Spread;
  readonly atMost: number;
}

/** Bytes that no command may take more of, whatever the stream. */
export const MEMORY_AT_MOST = 250 * 2 ** 20;

const left: Column = {};
const right: Column = { align: 'right' };

/** The findings as lines of at most 80 columns. */
export function reportLines(findings: Findings): string[] {
  return [
    ...heading(findings),
    ...comparisonLines(findings.comparisons),
    ...memoryLines(findings.memory),
    ...catalogLines(findings.catalog),
    ...startLines(findings.start),
  ];
}

/** The same as a page in Markdown. */
export function reportPage(findings: Findings): string {
  return `# Speed

Each command is compared with the plain tools that do the same work, in alternating runs on throw-away
filesystems. A target is the largest ratio that we want; \`!\` marks those that were missed:
[why](../speed.md).

\`\`\`
${reportLines(findings).join('\n')}
\`\`\`

Made by \`npm run bench -- --write docs/numbers/speed.md\`, with \`--node\` and the path of each of
the two; \`npm run bench -- --help\` names the other options.
`;
}

function heading({ machine, runtimes, size: data, runs, version, date }: Findings): string[] {
  const nodes = runtimes.map((runtime) => `node ${runtime.version} (${runtime.engine})`);
  return [
    `btrferry ${version} beside plain tools, ${date.slice(0, 10)}`,
    `${machine.cores} cores, ${machine.cpu}, ${size(machine.memory)} of memory`,
    `Linux ${machine.kernel}, btrfs-progs ${machine.btrfsProgs}, zstd ${machine.zstd}`,
    nodes.join(', '),
    ...(machine.load > 0.5 ? [`noisy: a load of ${machine.load.toFixed(1)} before it began`] : []),
    `sources of ${size(data)}: programs, text and random data; ${count(runs, 'run')} each, in turn`,
  ];
}

function comparisonLines(comparisons: readonly Comparison[]): string[] {
  if (comparisons.length === 0) return [];
  const rows = comparisons.flatMap(({ name, pipeline, plain, ours }) => [
    [`${name}: ${pipeline}`],
    ['  plain tools', ...runCells(plain)],
    ...ours.map(({ node, runs, ratio, atMost }) => [
      `  node ${node}`,
      ...runCells(runs),
      ratio.median.toFixed(2),
      range(ratio),
      target(atMost, ratio.median),
    ]),
  ]);
  const head = ['', 'wall s', 'min..max', 'cpu s', 'MiB', 'ratio', 'min..max', 'target'];
  return [
    '',
    ...table([head, ...rows], [{ most: 17 }, right, right, right, right, right, right, right]),
    '',
    'wall: median; ratio: of the medians of wall time, and min..max of the runs side by',
    'side; cpu: user and system time of all processes; MiB: their peaks added up.',
    ...comparisons.flatMap(storedLines),
  ];
}

/** The size of the written files. */
function storedLines({ name, stored, ours }: Comparison): string[] {
  if (stored === null) return [];
  const all = ours.map((one) => `node ${one.node} ${size(one.stored ?? Number.NaN)}`);
  return [`stored by ${name}: plain tools ${size(stored)}, ${all.join(', ')}`];
}

/** Median and spread of wall time, processor time, and the highest peak of memory. */
function runCells(runs: readonly Run[]): string[] {
  const wall = spread(runs.map((one) => one.seconds));
  return [
    wall.median.toFixed(2),
    range(wall),
    median(runs.map((one) => one.cpu)).toFixed(1),
    mebibytes(Math.max(...runs.map((one) => one.memory))),
  ];
}

function memoryLines(memory: readonly MemoryUse[]): string[] {
  if (memory.length === 0) return [];
  const rows = memory.map((use) => {
    const peaks = [use.export, use.import, use.verify];
    return [
      `  node ${use.node}`,
      size(use.data),
      ...peaks.map(mebibytes),
      target(MEMORY_AT_MOST / 2 ** 20, Math.max(...peaks) / 2 ** 20, 0),
    ];
  });
  const head = ['peak memory, MiB', 'stream', 'export', 'import', 'verify', 'target'];
  return ['', ...table([head, ...rows], [left, right, right, right, right, right])];
}

function catalogLines(catalog: readonly Growth[]): string[] {
  const [first] = catalog;
  if (first === undefined) return [];
  const rows = catalog.map(({ operation, shape, node, over, growth, atMost }) => {
    const seconds = over.map(({ runs }) => median(runs.map((one) => one.seconds)));
    const peaks = over.flatMap(({ runs }) => runs.map((one) => one.memory));
    return [
      `  ${operation}, ${shape}, node ${node.replace(/\..*/, '')}`,
      ...seconds.map((value) => value.toFixed(2)),
      growth.toFixed(2),
      mebibytes(Math.max(...peaks)),
      target(atMost, seconds.at(-1) ?? Number.NaN),
    ];
  });
  const counts = first.over.map(({ streams }) => streams.toLocaleString('en'));
  const head = ['wall s over so many streams', ...counts, 'growth', 'MiB', 'target'];
  return [
    '',
    ...table([head, ...rows], [left, right, right, right, right, right, right]),
    '',
    ...Object.entries(shapes).map(([shape, meaning]) => `${shape}: ${meaning}`),
    'growth: cost of one more stream in the upper half over that in the lower half',
  ];
}

function startLines(start: readonly Start[]): string[] {
  if (start.length === 0) return [];
  const rows = start.map(({ node, seconds, atMost }) => [
    `  node ${node}`,
    seconds.median.toFixed(3),
    `${seconds.min.toFixed(3)}..${seconds.max.toFixed(3)}`,
    target(atMost, seconds.median),
  ]);
  const head = ['btrferry --version', 'wall s', 'min..max', 'target'];
  return ['', ...table([head, ...rows], [left, right, right, right])];
}

/** The targets, with a mark at those that are missed. */
function target(atMost: number, value: number, digits = 2): string {
  return `${value <= atMost ? ' ' : '!'} ${atMost.toFixed(digits)}`;
}

function range({ min, max }: Spread): string {
  const digits = max >= 10 ? 1 : 2;
  return `${min.toFixed(digits)}..${max.toFixed(digits)}`;
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}
