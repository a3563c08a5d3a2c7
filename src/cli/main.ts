#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { type Command, CommanderError, type Option, Command as Program } from 'commander';
import { exit } from '../failure/failure.ts';
import { adoptCommand } from './adopt.ts';
import { copyCommand } from './copy.ts';
import { doctorCommand } from './doctor.ts';
import { exportCommand } from './export.ts';
import { fingerprintCommand } from './fingerprint.ts';
import { exitCodesText } from './help.ts';
import { importCommand } from './import.ts';
import { inspectCommand } from './inspect.ts';
import { listCommand } from './list.ts';
import { protectCommand } from './protect.ts';
import { pruneCommand } from './prune.ts';
import { print, run } from './run.ts';
import { statusCommand } from './status.ts';
import { usageFailure } from './usage.ts';
import { verifyCommand } from './verify.ts';

const program = new Program('btrferry')
  .description('Carries btrfs snapshots across an air gap.')
  .version(version(), '--version', 'print the version')
  .addHelpText('after', `\n${exitCodesText()}`);

const commands = [
  exportCommand(),
  importCommand(),
  copyCommand(),
  pruneCommand(),
  fingerprintCommand(),
  adoptCommand(),
  protectCommand(),
  listCommand(),
  statusCommand(),
  verifyCommand(),
  inspectCommand(),
  doctorCommand(),
];
/** The output of commander: help or the version. */
let said = '';
for (const command of [program, ...commands]) {
  command
    .helpOption('-h, --help', 'print this help')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        said += text;
      },
      writeErr: (text) => {
        said += text;
      },
      outputError: () => {},
    });
}
for (const command of commands) {
  for (const option of command.options.filter(({ required }) => required)) {
    command.on(`option:${option.name()}`, (value: string) => assertValue(command, option, value));
  }
  program.addCommand(command);
}

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  if (error.exitCode === 0) await print(said, 'out');
  else if (error.code === 'commander.help') {
    await print(said, 'err');
    process.exitCode = exit.usage;
  } else {
    const name = commands.find((command) => process.argv[2] === command.name())?.name();
    const flags = process.argv.includes('--json') ? ({ json: true } as const) : {};
    await run(name ?? 'btrferry', flags, () => Promise.reject(usageFailure(error.message, name)));
  }
}
// Something that an operation left open must not keep the process alive.
process.exit();

/** Refuses an option as the value of another one, as when a shell variable is empty. */
function assertValue(command: Command, { long }: Option, value: string): void {
  if (!/^--?[a-z]/i.test(value)) return;
  command.error(`error: ${long} needs a value, and ${value} looks like an option`);
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
