import type { StreamSalvaged } from '../../events/salvage.ts';
import { byteString } from '../../names/byte-string.ts';
import { type Findings, mostMissing } from './findings.ts';
import { reportName } from './names.ts';
import type { SalvageStep } from './plan.ts';

/** Damaged entries in an event. The report has all. */
const MOST_FILES = 1000;

export function salvagedEvent(
  { stream, as }: SalvageStep,
  findings: Findings,
  dryRun: boolean,
): StreamSalvaged {
  const { whole, damaged, unnamed } = findings.rescued;
  return {
    type: 'stream-salvaged',
    stream: stream.called,
    dryRun,
    as: byteString(as),
    report: byteString(reportName(as)),
    whole,
    damaged: damaged.length,
    unnamed: unnamed.length,
    missing: mostMissing(stream, findings),
    losses: findings.losses.map(({ from, to }) => ({ from, to })),
    files: damaged.slice(0, MOST_FILES).map(({ path, kind, lost }) => ({
      path: byteString(path),
      kind,
      lost,
    })),
  };
}
