import { type Command, Option } from 'commander';
import type { ExportResult } from '../events/export.ts';
import {
  DEFAULT_LEVEL,
  DEFAULT_PART_SIZE,
  type ExportOptions,
} from '../operations/export/options.ts';
import type { Context } from '../operations/operation.ts';
import { collect, commandNamed, noRemember } from './help.ts';
import { parseMode } from './mode.ts';
import { type CommonOptions, run } from './run.ts';
import { parsePercent, parseSize, parseWhole } from './sizes.ts';
import { usageFailure } from './usage.ts';

interface Flags extends CommonOptions {
  readonly to: readonly string[];
  readonly span?: true;
  readonly discard?: true;
  readonly parent: string;
  readonly cloneSource?: readonly string[];
  readonly proto: 'auto' | '1' | '2';
  readonly level: number;
  readonly maxPartSize: number;
  readonly label?: string;
  readonly requireIncremental?: true;
  readonly mode?: number;
  readonly storageClass?: string;
  readonly create?: true;
  readonly requireArchive?: true;
  readonly dryRun?: true;
  readonly onto?: string;
  readonly for?: string;
  readonly parity?: number;
}

const examples = [
  {
    line: 'btrferry export /snapshots/home.2026-11-01 --to /mnt/usb',
    does: 'the first export is full; the archive is made on the way',
  },
  {
    line: 'btrferry export /snapshots/home.* --to /mnt/usb --dry-run',
    does: 'shows what would be sent, and which parent each would have',
  },
];

// Long: a line for each option, and one to pass it on.
export function exportCommand(): Command {
  return commandNamed('export', examples)
    .summary('add snapshots to an archive')
    .description('Adds send streams of read-only snapshots to an archive.')
    .argument('[snapshot...]', 'paths of read-only snapshots')
    .requiredOption(
      '--to <archive>',
      'directory or s3://bucket/prefix; several from one send',
      collect,
    )
    .option('--span', 'fill one archive after the other, with streams across them')
    .option('--discard', 'first remove unfinished streams of other snapshots')
    .option('--parent <parent>', 'auto, best (smallest stream), none, or a snapshot', 'auto')
    .option('--for <destination>', 'what this one lacks: label, host or UUID in its receipt')
    .option('--onto <copy>', 'send what this copy lacks, by its fingerprint in the archive')
    .option('--clone-source <snapshot>', 'also clone from this one; can be repeated', collect)
    .addOption(
      new Option('--proto <version>', 'protocol of the send stream')
        .choices(['auto', '1', '2'])
        .default('auto'),
    )
    .option('--level <level>', 'zstd level', parseWhole(1, 22), DEFAULT_LEVEL)
    .addOption(
      new Option('--max-part-size <size>', 'largest file to write, such as 650M')
        .argParser(parseSize)
        .default(DEFAULT_PART_SIZE, '4 GiB less one byte, as FAT has it'),
    )
    .option('--label <text>', 'label for an archive that this export makes')
    .option('--require-incremental', 'refuse to send again in full')
    .option('--mode <octal>', 'mode of directories in the archive (default: 0700)', parseMode)
    .option('--storage-class <class>', 'of parts in an object store')
    .option('--parity <percent>', 'add parity, which repairs bad sectors', parsePercent)
    .option('--create', 'even in memory, or where no drive is mounted')
    .option('--require-archive', 'make no archive; fail where none is')
    .option('--dry-run', 'show the plan, and write nothing')
    .addOption(noRemember())
    .action((snapshots: string[], flags: Flags) =>
      run('export', flags, async (context) => {
        if (flags.onto !== undefined) return exportOnto(snapshots, flags, flags.onto, context);
        if (snapshots.length === 0) return discard(flags, context);
        const { runExport } = await import('../operations/export/run.ts');
        return runExport(optionsOf(snapshots, flags), context);
      }),
    );
}

function optionsOf(snapshots: readonly string[], flags: Flags): ExportOptions {
  if (flags.span === true && flags.parity !== undefined) {
    throw usageFailure('--span adds no parity', 'export');
  }
  const { parent, proto } = flags;
  return {
    snapshots,
    to: flags.to,
    discard: flags.discard === true,
    span: flags.span === true,
    parent: isChoice(parent) ? parent : { path: parent },
    destination: flags.for,
    cloneSources: flags.cloneSource ?? [],
    protocol: proto === 'auto' ? proto : proto === '1' ? 1 : 2,
    level: flags.level,
    maxPartSize: flags.maxPartSize,
    ...(flags.label === undefined ? {} : { label: flags.label }),
    requireIncremental: flags.requireIncremental === true,
    ...(flags.mode === undefined ? {} : { mode: flags.mode }),
    storageClass: flags.storageClass,
    ...(flags.parity === undefined ? {} : { parity: flags.parity }),
    create: flags.create === true,
    requireArchive: flags.requireArchive === true,
    dryRun: flags.dryRun === true,
  };
}

/** Without a snapshot there is only something to remove. */
async function discard(flags: Flags, context: Context): Promise<ExportResult> {
  if (flags.discard !== true) throw usageFailure("missing required argument 'snapshot'", 'export');
  const { runDiscard } = await import('../operations/export/discard.ts');
  return runDiscard({ to: flags.to, dryRun: flags.dryRun === true }, context);
}

async function exportOnto(
  snapshots: readonly string[],
  flags: Flags,
  onto: string,
  context: Context,
): Promise<ExportResult> {
  const [snapshot = '', ...further] = snapshots;
  const [to = '', ...more] = flags.to;
  if (further.length > 0 || more.length > 0) {
    throw usageFailure('--onto takes one snapshot and one archive', 'export');
  }
  const { parent, cloneSource, proto } = flags;
  const others = [cloneSource, flags.for, flags.span, flags.discard, flags.parity];
  if (others.some((each) => each !== undefined) || parent !== 'auto' || proto !== 'auto') {
    throw usageFailure(
      '--onto goes with no --parent, --for, --clone-source, --proto, --span, --discard or --parity',
      'export',
    );
  }
  const { runOnto } = await import('../operations/export/onto.ts');
  return runOnto(
    {
      snapshot,
      to,
      onto,
      level: flags.level,
      maxPartSize: flags.maxPartSize,
      ...(flags.label === undefined ? {} : { label: flags.label }),
      ...(flags.mode === undefined ? {} : { mode: flags.mode }),
      storageClass: flags.storageClass,
      create: flags.create === true,
      dryRun: flags.dryRun === true,
    },
    context,
  );
}

function isChoice(parent: string): parent is 'auto' | 'best' | 'none' {
  return parent === 'auto' || parent === 'best' || parent === 'none';
}
