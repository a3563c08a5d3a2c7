import type { PrunePlanned } from '../events/prune.ts';
import { oneLine, printable } from '../names/printable.ts';
import type { KeepReason } from '../names/retention.ts';
import { streamText } from '../names/title.ts';
import { count, moment, size } from './figures.ts';
import type { Style } from './style.ts';
import { table } from './table.ts';

/** Columns for a title: with the others, a line has 80. */
const TITLE_WIDTH = 24;

/** Lists all streams of an archive: which go, which stay, and why. */
export function prunePlanLines(plan: PrunePlanned, style: Style): string[] {
  const { archive, streams, receivedBy, leftovers } = plan;
  const removed = streams.filter((each) => each.removed);
  const stored = size(removed.reduce((sum, each) => sum + each.stored, 0));
  const amount = removed.length === 0 ? '' : `, ${stored}`;
  const head = `${removed.length} of ${count(streams.length, 'stream')} go${amount}, from ${archive}`;
  const rows = table(
    streams.map((each) => [
      each.removed ? style.caution('goes') : style.good('stays'),
      streamText(each.stream),
      each.snapshotCreatedAt === null ? '' : moment(each.snapshotCreatedAt),
      size(each.stored),
      each.removed ? '' : reasonText(each),
    ]),
    [{}, { most: TITLE_WIDTH }, {}, { align: 'right' }, {}],
  );
  return [
    style.strong(oneLine(head)),
    ...receivedBy.map(
      ({ filesystem, createdAt }) =>
        `by the receipt of filesystem ${filesystem.slice(0, 8)}, written ${moment(createdAt)}`,
    ),
    ...rows,
    ...leftovers.map((directory) => `left by an interrupted prune  ${printable(directory)}`),
  ];
}

const inWords: Record<KeepReason, string> = {
  last: 'last',
  daily: 'daily',
  weekly: 'weekly',
  monthly: 'monthly',
  yearly: 'yearly',
  oldest: 'oldest',
  within: 'within',
  undated: 'no known date',
  needed: 'needed',
  record: 'needed for its record',
  twice: 'stored twice',
  damaged: 'damaged',
  conflicting: 'in conflict',
  unrestorable: 'lacks a parent',
};

/** The names of reasons, of which `needed` names the first stream, if no other reason is there. */
function reasonText({ reasons, neededBy }: PrunePlanned['streams'][number]): string {
  const others = reasons.filter((reason) => reason !== 'needed');
  if (others.length > 0) return others.map((reason) => inWords[reason]).join(', ');
  const [first, ...more] = neededBy;
  if (first === undefined) return 'needed by an unfinished or unusable stream';
  const rest = more.length === 0 ? '' : ` and ${more.length} more`;
  return `needed by ${streamText(first)}${rest}`;
}
