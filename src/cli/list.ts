import type { Command } from 'commander';
import { commandNamed, noRemember } from './help.ts';
import { type CommonOptions, run } from './run.ts';

export function listCommand(): Command {
  return commandNamed('list', [
    {
      line: 'btrferry list /mnt/usb',
      does: 'each chain as a tree, with what is missing',
    },
    {
      line: "btrferry list /mnt/usb --json | jq -r 'select(.restorable).stream.name'",
      does: 'names of the streams that can be restored where nothing is',
    },
  ])
    .summary('show chains, sizes, and what is missing')
    .description('Shows the streams of archives as trees of chains, and what they need.')
    .argument('<archive...>', 'archives')
    .addOption(noRemember())
    .action((archives: string[], flags: CommonOptions) =>
      run('list', flags, async (context) => {
        const { runList } = await import('../operations/list/run.ts');
        return runList({ archives }, context);
      }),
    );
}
