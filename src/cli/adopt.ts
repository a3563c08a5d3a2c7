import type { Command } from 'commander';
import { commandNamed, noRemember } from './help.ts';
import { type CommonOptions, run } from './run.ts';

interface Flags extends CommonOptions {
  readonly copy: string;
  readonly into: string;
  readonly only?: string;
  readonly name?: string;
  readonly repairMetadata?: true;
  readonly dryRun?: true;
}

export function adoptCommand(): Command {
  return commandNamed('adopt', [
    {
      line: 'btrferry adopt /mnt/usb --copy /backup/home --into /backup/snap',
      does: 'then import builds on the copy as if it had been received',
    },
    {
      line: 'btrferry adopt /mnt/usb --copy /backup/home --into /backup/snap --dry-run',
      does: 'only compares',
    },
  ])
    .summary('let streams build on a copy made by rsync')
    .description(
      'Proves that a copy equals a snapshot, and makes it the snapshot that incremental streams build on.',
    )
    .argument('<archive...>', 'archives, one of which has the fingerprint of the snapshot')
    .requiredOption('--copy <subvolume>', 'the copy; a snapshot of it is compared')
    .requiredOption('--into <directory>', 'where the snapshot appears, on the same filesystem')
    .option('--only <snapshot>', 'the snapshot, if the archives have several fingerprints')
    .option('--name <template>', 'name of the snapshot, as for import')
    .option('--repair-metadata', 'set modes, owners, times and extended attributes that differ')
    .option('--dry-run', 'compare, and change nothing')
    .addOption(noRemember())
    .action((archives: string[], flags: Flags) =>
      run('adopt', flags, async (context) => {
        const { runAdopt } = await import('../operations/adopt/run.ts');
        return runAdopt(
          {
            archives,
            copy: flags.copy,
            into: flags.into,
            only: flags.only,
            template: flags.name,
            repairMetadata: flags.repairMetadata === true,
            dryRun: flags.dryRun === true,
          },
          context,
        );
      }),
    );
}
