import { type Command, Option } from 'commander';
import type { ExportResult } from '../events/export.ts';
import { DEFAULT_LEVEL, DEFAULT_PART_SIZE } from '../operations/export/options.ts';
import type { Context } from '../operations/operation.ts';
import { collect, commandNamed, noRemember } from './help.ts';
import { parseMode } from './mode.ts';
import { type CommonOptions, run } from './run.ts';
import { parsePercent, parseSize, parseWhole } from './sizes.ts';
import { usageFailure } from './usage.ts';

interface Flags extends CommonOptions {
  readonly to: readonly string[];
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
    .argument('<snapshot...>', 'paths of read-only snapshots')
    .requiredOption(
      '--to <archive>',
      'directory or s3://bucket/prefix; several from one send',
      collect,
    )
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
        const { runExport } = await import('../operations/export/run.ts');
        const { parent, proto } = flags;
        return runExport(
          {
            snapshots,
            to: flags.to,
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
          },
          context,
        );
      }),
    );
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
  const others = [cloneSource, flags.for].some((each) => each !== undefined);
  if (others || parent !== 'auto' || proto !== 'auto') {
    throw usageFailure('--onto goes with no --parent, --for, --clone-source or --proto', 'export');
  }
  if (flags.parity !== undefined) {
    throw usageFailure('--onto adds no parity: add it afterwards, btrferry protect', 'export');
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
