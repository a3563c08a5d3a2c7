import type { Command } from 'commander';
import { collect, commandNamed, noRemember } from './help.ts';
import { parseMode } from './mode.ts';
import { type CommonOptions, run } from './run.ts';
import { usageFailure } from './usage.ts';

interface Flags extends CommonOptions {
  readonly only?: readonly string[];
  readonly deps: boolean;
  readonly label?: string;
  readonly mode?: number;
  readonly storageClass?: string;
  readonly create?: true;
  readonly dryRun?: true;
}

export function copyCommand(): Command {
  return commandNamed('copy', [
    { line: 'btrferry copy /mnt/usb /mnt/second', does: 'copies what is missing, and mends it' },
    { line: 'btrferry copy /mnt/usb archive.tar', does: 'makes one file that import reads' },
    {
      line: 'btrferry copy /mnt/usb - | ssh host "cat > archive.tar"',
      does: 'goes through a pipe',
    },
  ])
    .summary('copy streams between archives')
    .description('Copies the streams that an archive lacks, and replaces damaged ones.')
    .argument('<archive...>', 'archives to copy from, and last the target')
    .option('--only <stream>', 'this stream and what it needs; can be repeated', collect)
    .option('--no-deps', 'with --only: without the streams that it needs')
    .option('--label <text>', 'label of an archive that this copy makes')
    .option('--mode <octal>', 'mode of directories in the target (default: 0700)', parseMode)
    .option('--storage-class <class>', 'of parts in an object store')
    .option('--create', 'even in memory, or where no drive is mounted')
    .option('--dry-run', 'show the plan, and write nothing')
    .addOption(noRemember())
    .action((archives: string[], flags: Flags) => {
      const [to = '', ...from] = archives.toReversed();
      return run('copy', { ...flags, dataOnStdout: to === '-' }, async (context) => {
        if (from.length === 0)
          throw usageFailure('name the archives to copy from, and the target', 'copy');
        const { runCopy } = await import('../operations/copy/run.ts');
        return runCopy(
          {
            from: from.toReversed(),
            to,
            only: flags.only ?? [],
            dependencies: flags.deps,
            label: flags.label,
            mode: flags.mode,
            storageClass: flags.storageClass,
            create: flags.create === true,
            dryRun: flags.dryRun === true,
          },
          context,
        );
      });
    });
}
