#!/usr/bin/env node
// Makes docs/numbers/hostile.md: runs the tests of this directory, which count what they prove,
// and the fuzzing. `--seconds` (default 600) and `--seed` (default 1) are for the latter.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

const top = path.join(import.meta.dirname, '../..');
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '600' },
  },
});
const directory = mkdtempSync(path.join(os.tmpdir(), 'btrferry-numbers-'));
const file = path.join(directory, 'tally');
try {
  const started = performance.now();
  run('node_modules/vitest/vitest.mjs', ['run', 'test/hostile'], {
    CI: 'true',
    BTRFERRY_TALLY: file,
  });
  const took = Math.round((performance.now() - started) / 1000);
  const fuzz = ['--json', '--seed', values.seed, '--seconds', values.seconds];
  const fuzzed = JSON.parse(run('test/run.mjs', ['test/hostile/fuzz.ts', ...fuzz]));
  mkdirSync(path.join(top, 'docs/numbers'), { recursive: true });
  writeFileSync(path.join(top, 'docs/numbers/hostile.md'), page(tallied(), took, fuzzed));
} finally {
  rmSync(directory, { recursive: true });
}

/** Runs a program of this repository, and gives its stdout; where it fails, all ends. */
function run(program, args, env = {}) {
  const done = spawnSync(process.execPath, [program, ...args], {
    cwd: top,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (done.status === 0) return done.stdout;
  process.stdout.write(done.stdout);
  process.exit(1);
}

function tallied() {
  const counts = new Map();
  for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
    const { what, count } = JSON.parse(line);
    counts.set(what, (counts.get(what) ?? 0) + count);
  }
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
}

function page(counts, took, fuzzed) {
  const number = (value) => value.toLocaleString('en');
  const btrfs = execFileSync('btrfs', ['--version'], { encoding: 'utf8' }).trim();
  const { version } = JSON.parse(readFileSync(path.join(top, 'package.json'), 'utf8'));
  const kib = (bytes) => `${Math.round(bytes / 1024)} KiB`;
  const runs = fuzzed.runs.map((run) =>
    [
      run.target,
      number(run.executions),
      number(run.reached),
      `${run.slowest} ms`,
      kib(run.heapGrowth + run.externalGrowth),
      String(run.faults.length),
    ].join(' | '),
  );
  return `# Hostile input: the numbers

Made by \`npm run numbers\`, which runs the tests in \`test/hostile\` and then the fuzzing, writes this
page, and goes on with [faults](faults.md).

btrferry ${version}, Node.js ${process.version}, ${btrfs}, Linux ${os.release()}, ${os.availableParallelism()} cores.

## Attacks, and changes of stored bytes

The tests try each of these, on real btrfs if a destination is involved, and each must be found or
refused. If a single one is not, a test fails and this page is not written. The tests took
${took} s.

| what | how many |
|---|---:|
${counts.map(([what, count]) => `| ${what} | ${number(count)} |`).join('\n')}

"Before btrfs receive is started" is meant literally: a program named \`btrfs\` comes first in the
\`PATH\`, records every call and runs the real one, and it was not called with \`receive\`.

The tests flip every byte of a small archive, once in a single bit and once in all bits. Only changes
that nothing depends on are not found:

- a file in the archive that btrferry does not read, such as \`.lock\`, notes, and hidden files;
- the name of a stream's directory, which is for people;
- a receipt that is removed, and a whole stream that is removed with its directory, unless another
  stream builds on it;
- members of a manifest that describe the source and the tool (\`source\`, \`tool\`, \`createdAt\`,
  \`compression\`, \`receiver\`, and the name of the parent), if it is sealed again after the change.
  Otherwise every changed byte of it is found.

## Fuzzing

Seed ${fuzzed.seed}, ${number(fuzzed.executions)} executions in ${Math.round(fuzzed.seconds)} s. An
execution must end with a result that holds, or with one of the program's own failures. Memory is
what is in use at the end more than after the first third of the time; places are blocks of code in
\`src\` that were reached.

| target | executions | places | slowest | more memory | faults |
|---|---:|---:|---:|---:|---:|
${runs.map((run) => `| ${run} |`).join('\n')}
`;
}
