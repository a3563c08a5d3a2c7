import type { Command } from 'commander';
import { commandNamed } from './help.ts';
import { type CommonOptions, run } from './run.ts';

interface Flags extends CommonOptions {
  readonly commands?: true;
}

export function inspectCommand(): Command {
  return commandNamed('inspect', [
    {
      line: 'btrferry inspect /mnt/usb home.monday',
      does: 'who the stream is, what it needs, how many of each command it has',
    },
    {
      line: 'btrfs send /snapshots/home | btrferry inspect - --commands',
      does: 'prints each command as well',
    },
  ])
    .summary('look into one send stream')
    .description('Reads one send stream, raw or compressed with zstd, and checks it on the way.')
    .argument('<file>', 'a file that holds a stream, or - for stdin; or an archive')
    .argument('[stream]', 'the stream of the archive')
    .option('--commands', 'print each command')
    .action((file: string, stream: string | undefined, flags: Flags) =>
      run('inspect', flags, async (context) => {
        const { runInspect } = await import('../operations/inspect/run.ts');
        return runInspect({ file, stream, commands: flags.commands === true }, context);
      }),
    );
}
