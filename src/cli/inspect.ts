import type { Command } from 'commander';
import { commandNamed } from './help.ts';
import { type CommonOptions, run } from './run.ts';

interface Flags extends CommonOptions {
  readonly commands?: true;
}

export function inspectCommand(): Command {
  return commandNamed('inspect', [
    {
      line: 'btrferry inspect /mnt/usb/streams/home.1f0c2a9e.full/0001.btrfs.zst',
      does: 'who the stream is, what it needs, how many of each command it has',
    },
    {
      line: 'btrfs send /snapshots/home | btrferry inspect - --commands',
      does: 'prints each command as well',
    },
  ])
    .summary('look into one send stream')
    .description('Reads one send stream, raw or compressed with zstd, and checks it on the way.')
    .argument('<file>', 'the stream, or - for stdin')
    .option('--commands', 'print each command')
    .action((file: string, flags: Flags) =>
      run('inspect', flags, async (context) => {
        const { runInspect } = await import('../operations/inspect/run.ts');
        return runInspect({ file, commands: flags.commands === true }, context);
      }),
    );
}
