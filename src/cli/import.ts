import type { Command } from 'commander';
import { Failure } from '../failure/failure.ts';
import { collect, commandNamed, noRemember } from './help.ts';
import { type CommonOptions, run } from './run.ts';

interface Flags extends CommonOptions {
  readonly into?: string;
  readonly only?: readonly string[];
  readonly name?: string;
  readonly again?: true;
  readonly partial?: true;
  readonly salvage?: true;
  readonly dryRun?: true;
}

export function importCommand(): Command {
  return commandNamed('import', [
    {
      line: 'btrferry import /mnt/usb --into /backup/snapshots',
      does: 'receives every stream that is not there yet',
    },
    {
      line: 'btrferry import /mnt/usb --into /backup --only home.2026-11-08 --dry-run',
      does: 'shows what that one needs',
    },
  ])
    .summary('receive what is missing, in order')
    .description('Receives the streams of archives that a btrfs does not have yet, in order.')
    .argument('<archive...>', 'archives to take streams from')
    .option('--into <dir>', 'directory on a mounted btrfs; may be left out with --dry-run')
    .option('--only <stream>', 'this stream and what it needs; can be repeated', collect)
    .option('--name <template>', "names to receive under, such as '{host}-{title}'")
    .option('--again', 'also what was received before, and removed there')
    .option('--partial', 'receive what can be received, refuse the rest')
    .option('--salvage', 'what is left of damaged full streams, as NAME.salvaged')
    .option('--dry-run', 'show the plan, and receive nothing')
    .addOption(noRemember())
    .action((archives: string[], flags: Flags) =>
      run('import', flags, async (context) => {
        if (flags.into === undefined && flags.dryRun !== true) {
          throw new Failure('usage', 'import needs --into <dir>', {
            hint: 'name a directory on a mounted btrfs, or add --dry-run to see a plan without one',
          });
        }
        const options = {
          archives,
          into: flags.into,
          only: flags.only ?? [],
          template: flags.name,
          again: flags.again === true,
          partial: flags.partial === true,
          dryRun: flags.dryRun === true,
        };
        if (flags.salvage === true) {
          if (options.again || options.partial) throw salvageAlone();
          const { runSalvage } = await import('../operations/salvage/run.ts');
          return runSalvage(options, context);
        }
        const { runImport } = await import('../operations/import/run.ts');
        return runImport(options, context);
      }),
    );
}

function salvageAlone(): Failure {
  return new Failure('usage', '--salvage goes with neither --again nor --partial', {
    hint: 'leave them out: it takes every damaged full stream, or those that --only names',
  });
}
