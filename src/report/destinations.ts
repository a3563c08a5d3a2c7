import type { DestinationListed } from '../events/status.ts';
import { printable } from '../names/printable.ts';
import { streamText } from '../names/title.ts';
import { count, moment, size } from './figures.ts';
import type { Style } from './style.ts';

/** Streams that a destination lacks that are named. All of them are in the JSON. */
const SHOWN = 4;

/**
 * Tells what a destination has and lacks:
 *
 *     backup on nas  seen 2026-11-27 10:00  7 snapshots  5c1de47a
 *       has home.2026-11-26
 *       lacks home.2026-11-27  5.0 MiB
 */
export function destinationLines(destination: DestinationListed, style: Style): string[] {
  const { filesystem, seen, subvolumes, newest, lacks, lacksStored, removed } = destination;
  const head = [
    style.strong(nameOf(destination)),
    `seen ${moment(seen)}`,
    count(subvolumes, 'snapshot'),
    style.faint(filesystem.slice(0, 8)),
  ].join('  ');
  const shown = lacks.slice(0, SHOWN).map(streamText).join(', ');
  const more = lacks.length > SHOWN ? `, and ${lacks.length - SHOWN} more` : '';
  return [
    head,
    ...(newest === null ? [] : [`  has ${streamText(newest)}`]),
    ...(lacks.length === 0 ? [] : [`  lacks ${shown}${more}: ${size(lacksStored)}`]),
    ...(removed.length === 0 ? [] : [`  removed ${count(removed.length, 'snapshot')}`]),
  ];
}

function nameOf({ label, host }: DestinationListed): string {
  const [called, machine] = [label, host].map((each) => each && printable(each));
  if (called && machine) return `${called} on ${machine}`;
  return called || machine || 'a destination';
}
