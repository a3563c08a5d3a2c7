import type { Command } from 'commander';
import { commandNamed, noRemember } from './help.ts';
import { type CommonOptions, run } from './run.ts';

export function statusCommand(): Command {
  return commandNamed('status', [
    {
      line: 'btrferry status /mnt/usb',
      does: 'what each destination lacks of this archive',
    },
    { line: 'btrferry status', does: 'the destinations that this machine remembers' },
  ])
    .summary('show which destination has what')
    .description('Shows each destination that left a receipt: what it has, and what it lacks.')
    .argument('[archive...]', 'archives')
    .addOption(noRemember())
    .action((archives: string[], flags: CommonOptions) =>
      run('status', flags, async (context) => {
        const { runStatus } = await import('../operations/status/run.ts');
        return runStatus({ archives }, context);
      }),
    );
}
