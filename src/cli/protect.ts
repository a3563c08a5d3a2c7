import type { Command } from 'commander';
import { commandNamed } from './help.ts';
import { type CommonOptions, run } from './run.ts';
import { parsePercent } from './sizes.ts';

interface Flags extends CommonOptions {
  readonly parity: number;
}

/** Percent of parity without another wish. */
const DEFAULT_PARITY = 5;

export function protectCommand(): Command {
  return commandNamed('protect', [
    { line: 'btrferry protect /mnt/usb', does: 'adds 5% parity to streams that have none' },
    { line: 'btrferry verify --repair /mnt/usb', does: 'repairs bad sectors by it' },
  ])
    .summary('add parity, which repairs bad sectors')
    .description('Adds parity files (PAR2) beside the streams of an archive.')
    .argument('<archive>', 'an archive in a directory')
    .option('--parity <percent>', 'of the stored bytes', parsePercent, DEFAULT_PARITY)
    .action((archive: string, flags: Flags) =>
      run('protect', flags, async (context) => {
        const { runProtect } = await import('../operations/protect/run.ts');
        return runProtect({ archive, percent: flags.parity }, context);
      }),
    );
}
