import type { Command } from 'commander';
import { commandNamed, noRemember } from './help.ts';
import { type CommonOptions, run } from './run.ts';

interface Flags extends CommonOptions {
  readonly quick?: true;
  readonly repair?: true;
}

export function verifyCommand(): Command {
  return commandNamed('verify', [
    { line: 'btrferry verify /mnt/usb', does: 'reads every byte and checks every command' },
    { line: 'btrferry verify --quick /mnt/usb', does: 'lengths and SHA-256 of the files only' },
  ])
    .summary('read every byte, and say what is lost')
    .description('Checks all that archives hold: files, frames, commands, and what each needs.')
    .argument('<archive...>', 'archives; they complete each other')
    .option('--quick', 'check lengths and SHA-256 of the stored files only')
    .option('--repair', 'repair damaged streams by their parity')
    .addOption(noRemember())
    .action((archives: string[], flags: Flags) =>
      run('verify', flags, async (context) => {
        const { runVerify } = await import('../operations/verify/run.ts');
        return runVerify(
          { archives, quick: flags.quick === true, repair: flags.repair === true },
          context,
        );
      }),
    );
}
