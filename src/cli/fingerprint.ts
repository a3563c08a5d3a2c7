import type { Command } from 'commander';
import { commandNamed } from './help.ts';
import { parseMode } from './mode.ts';
import { type CommonOptions, run } from './run.ts';

interface Flags extends CommonOptions {
  readonly to: string;
  readonly blocks?: true;
  readonly label?: string;
  readonly mode?: number;
  readonly create?: true;
  readonly dryRun?: true;
}

export function fingerprintCommand(): Command {
  return commandNamed('fingerprint', [
    {
      line: 'btrferry fingerprint /snap/home.1 --to /mnt/usb',
      does: 'at the source: lets a destination prove that its copy is equal',
    },
    {
      line: 'btrferry fingerprint /backup/home.ro --to /mnt/usb --blocks',
      does: 'at the destination: lets the source send what differs (export --onto)',
    },
  ])
    .summary('write down what a snapshot holds')
    .description('Writes down what a read-only snapshot holds, without its contents.')
    .argument('<snapshot>', 'a read-only snapshot')
    .requiredOption('--to <archive>', 'the archive to write to')
    .option('--blocks', 'hash each 16 KiB of a file, so that a difference can be small')
    .option('--label <text>', 'label of an archive that this command makes')
    .option('--mode <octal>', 'mode of directories in the archive (default: 0700)', parseMode)
    .option('--create', 'even in memory, or where no drive is mounted')
    .option('--dry-run', 'show the plan, and write nothing')
    .action((snapshot: string, flags: Flags) =>
      run('fingerprint', flags, async (context) => {
        const { runFingerprint } = await import('../operations/fingerprint/run.ts');
        return runFingerprint(
          {
            snapshot,
            to: flags.to,
            blocks: flags.blocks === true,
            label: flags.label,
            mode: flags.mode,
            create: flags.create === true,
            dryRun: flags.dryRun === true,
          },
          context,
        );
      }),
    );
}
