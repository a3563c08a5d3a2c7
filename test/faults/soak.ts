import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import os from 'node:os';
import { parseArgs } from 'node:util';
import { program } from '../../src/manifest/program.ts';
import { cannotMount } from '../filesystem.ts';
import { type Random, seeded } from './random.ts';
import { makeScene, type Scene, type SceneOptions } from './scene.ts';
import { newTally, type Tally } from './tally.ts';
import {
  cutExport,
  cutImport,
  fillDestination,
  fillTarget,
  interruptExport,
  interruptImport,
  killExport,
  killImport,
  pullArchive,
  pullDestination,
  pullTarget,
} from './trials.ts';

const usage = `Usage: npm run soak -- [--seed N] [--kills N] [--write FILE]

Disturbs exports and imports on real btrfs, at random moments, until so many were killed by
SIGKILL. The same seed chooses the same trials and moments again.

  --seed N      default: from the clock
  --kills N     default: 120
  --write FILE  writes what was survived as a page in Markdown`;

/** Runs the soak with the arguments of the command line; resolves to the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
      kills: { type: 'string', default: '120' },
      write: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const [seed, kills] = [Number(values.seed), Number(values.kills)];
  if (values.help || !Number.isSafeInteger(seed) || !Number.isSafeInteger(kills)) {
    say(usage);
    return values.help ? 0 : 2;
  }
  if (cannotMount !== undefined) {
    say(`nothing can be tried here: ${cannotMount}`);
    return 1;
  }
  say(`seed ${seed}`);
  const tallies: Counted = { export: newTally(), import: newTally() };
  const began = performance.now();
  const failures = await trials(seed, kills, tallies);
  const minutes = (performance.now() - began) / 60_000;
  const page = markdown({ seed, kills, minutes, tallies, failures });
  say(page);
  if (values.write !== undefined) writeFileSync(values.write, page);
  return failures.length === 0 ? 0 : 1;
}

type Counted = Record<'export' | 'import', Tally>;

type Trial = (scene: Scene, random: Random, tally: Tally) => Promise<void>;

/** The snapshots to export, and the options. */
const kinds: readonly Omit<SceneOptions, 'seed'>[] = [
  { mebibytes: 24, options: ['--max-part-size', '3M'] },
  { mebibytes: 48, options: ['--level', '9'], mountOptions: 'compress=zstd' },
];

/** One round of trials; each names whether it is an export or an import that is disturbed. */
const round: readonly [keyof Counted, Trial][] = [
  ['export', killExport],
  ['export', killExport],
  ['export', killExport],
  ['import', killImport],
  ['import', killImport],
  ['import', killImport],
  ['export', interruptExport],
  ['import', interruptImport],
  ['export', cutExport],
  ['import', cutImport],
  ['export', pullTarget],
  ['import', pullArchive],
  ['import', pullDestination],
  ['export', fillTarget],
  ['import', fillDestination],
];

async function trials(seed: number, kills: number, tallies: Counted): Promise<string[]> {
  const failures: string[] = [];
  const killed = () =>
    Object.values(tallies).reduce((sum, one) => sum + one.killedAlone + one.killedInGroup, 0);
  for (let number = 0; killed() < kills; number++) {
    const kind = kinds[number % kinds.length] as (typeof kinds)[number];
    const scene = await makeScene({ ...kind, seed: seed + number });
    for (const [at, [which, trial]] of round.entries()) {
      const name = `round ${number}, trial ${at} (${trial.name})`;
      try {
        await trial(scene, seeded(seed + 1000 * number + at), tallies[which]);
      } catch (error) {
        failures.push(`${name}: ${error instanceof Error ? error.stack : error}`);
        say(`FAILED ${failures.at(-1)}`);
      }
      say(`${name}: ${killed()} kills, ${failures.length} failures`);
    }
    scene.remove();
  }
  return failures;
}

const rows: readonly [keyof Tally, string][] = [
  ['killedInGroup', 'SIGKILL, with every process that it had started'],
  ['killedAlone', 'SIGKILL, its processes left to themselves'],
  ['interrupted', 'SIGINT or SIGTERM'],
  ['powerCuts', 'power cut'],
  ['pulledOut', 'drive pulled out'],
  ['full', 'disk full'],
];

function markdown({
  seed,
  kills,
  minutes,
  tallies,
  failures,
}: {
  seed: number;
  kills: number;
  minutes: number;
  tallies: Counted;
  failures: readonly string[];
}): string {
  const both = (name: keyof Tally) => `${tallies.export[name]} | ${tallies.import[name]}`;
  const sum = (name: keyof Tally) => tallies.export[name] + tallies.import[name];
  const version = (program: string) =>
    execFileSync(program, ['--version'], { encoding: 'utf8' }).trim().split('\n')[0];
  return `# Faults survived

Each trial ends an export or import on real btrfs at a random moment, and then runs the same command
again. In between, everything that has its final name must be complete. In the end, the result must be
that of an undisturbed run: archives are compared byte for byte and with \`verify\`, and subvolumes by
contents, modes, owners, times, xattrs and links. Files that are not btrferry's must be untouched.

| ended by | exports | imports |
|---|---|---|
${rows.map(([name, what]) => `| ${what} | ${both(name)} |`).join('\n')}

${failures.length === 0 ? 'All trials passed.' : `**${failures.length} trials failed.**`}

- When an export was ended, ${tallies.export.streamsThere} streams had been published, and each was
  complete; the next runs reused ${tallies.export.framesReused} frames of unfinished ones.
- When an import was ended, ${tallies.import.streamsThere} subvolumes had been received, and each was
  complete; the next runs removed ${tallies.import.leftOversRemoved} incomplete ones.
- ${sum('tooLate')} runs ended before the disturbance, and are not counted.

A power cut is a copy of the drive's image at one moment, without what was only in memory. One comes
right after each run, when everything that was reported as done must be there. A drive that was pulled
out gives an I/O error for each read and write.

## Made by

\`\`\`
npm run soak -- --seed ${seed} --kills ${kills} --write docs/numbers/faults.md
\`\`\`

in ${minutes.toFixed(0)} minutes on ${os.availableParallelism()} cores, with btrferry ${program.version}, Node.js ${process.version},
Linux ${os.release()}, ${version('btrfs')}. The seed chooses trials and moments, but what the program
does at a moment depends on the machine.
`;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
