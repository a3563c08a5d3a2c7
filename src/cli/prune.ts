import { type Command, InvalidArgumentError } from 'commander';
import type { PruneOptions } from '../operations/prune/options.ts';
import { collect, commandNamed, noRemember } from './help.ts';
import { type CommonOptions, run } from './run.ts';

type Policy = PruneOptions['policy'];

interface Flags extends CommonOptions {
  readonly keepLast?: number;
  readonly keepDaily?: number;
  readonly keepWeekly?: number;
  readonly keepMonthly?: number;
  readonly keepYearly?: number;
  readonly keepWithin?: Policy['within'];
  readonly receivedBy?: readonly string[];
  readonly yes?: true;
  readonly dryRun?: true;
}

export function pruneCommand(): Command {
  return commandNamed('prune', [
    {
      line: 'btrferry prune /mnt/usb --keep-last 3 --keep-monthly 12 --dry-run',
      does: 'shows what would go, what stays, and why',
    },
    {
      line: 'btrferry prune /mnt/usb --keep-daily 7 --keep-weekly 4 --yes',
      does: 'does not ask; for timers',
    },
  ])
    .summary('remove streams that a policy no longer keeps')
    .description('Removes streams of an archive. What stays can be restored as before.')
    .argument('<archive>', 'directory or s3://bucket/prefix')
    .option('--keep-last <n>', 'the newest n snapshots of each source', parseCount)
    .option('--keep-daily <n>', 'the newest of each of n days', parseCount)
    .option('--keep-weekly <n>', 'the newest of each of n weeks', parseCount)
    .option('--keep-monthly <n>', 'the newest of each of n months', parseCount)
    .option('--keep-yearly <n>', 'the newest of each of n years', parseCount)
    .option('--keep-within <time>', 'made within this of the newest, such as 2y5m7d3h', parseSpan)
    .option('--received-by <destination>', 'has what its receipt says; can be repeated', collect)
    .addOption(noRemember())
    .option('--yes', 'do not ask')
    .option('--dry-run', 'show the plan, and remove nothing')
    .action((archive: string, flags: Flags) =>
      run('prune', flags, async (context) => {
        const { runPrune } = await import('../operations/prune/run.ts');
        return runPrune(
          {
            archive,
            policy: {
              last: flags.keepLast,
              daily: flags.keepDaily,
              weekly: flags.keepWeekly,
              monthly: flags.keepMonthly,
              yearly: flags.keepYearly,
              within: flags.keepWithin,
            },
            receivedBy: flags.receivedBy ?? [],
            yes: flags.yes === true,
            dryRun: flags.dryRun === true,
          },
          context,
        );
      }),
    );
}

/** Parses a number of snapshots, or `unlimited`. */
function parseCount(text: string): number {
  if (text === 'unlimited') return Number.POSITIVE_INFINITY;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('it is a whole number from 1, or unlimited');
}

const SPAN = /^(?=\d)(?:(\d{1,4})y)?(?:(\d{1,5})m)?(?:(\d{1,6})d)?(?:(\d{1,7})h)?$/;

/** Parses a span of time such as `2y5m7d3h`. */
function parseSpan(text: string): NonNullable<Policy['within']> {
  const [whole, years = 0, months = 0, days = 0, hours = 0] = SPAN.exec(text) ?? [];
  if (whole !== undefined && /[1-9]/.test(whole)) {
    return {
      years: Number(years),
      months: Number(months),
      days: Number(days),
      hours: Number(hours),
    };
  }
  throw new InvalidArgumentError('it has years, months, days and hours, such as 2y5m7d3h');
}
