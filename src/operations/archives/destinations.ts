import { statesOf } from '../../archive/graph/graph.ts';
import { formerRecords, receiptRecords } from '../../archive/read/receipts.ts';
import { byAge, type StoredStream } from '../../archive/read/stored-stream.ts';
import type { DestinationListed } from '../../events/status.ts';
import { Failure } from '../../failure/failure.ts';
import type { Receipt } from '../../manifest/schema.ts';
import { bytesOf } from '../../names/byte-string.ts';
import { printable } from '../../names/printable.ts';
import type { States } from '../../names/state.ts';

/** The fewest characters that may stand for a whole UUID. */
const LEAST = 4;

/**
 * Finds the receipt of the destination that a user named: by the label of its filesystem, by the
 * name of its machine, or by the UUID of its filesystem or the beginning of it.
 *
 * @throws {Failure} `destination-unknown` if no receipt, or if receipts of several destinations fit
 */
export function receiptOfDestination(name: string, receipts: readonly Receipt[]): Receipt {
  const uuid = name.toLowerCase();
  const isCalled = (text: Receipt['label']) =>
    text !== undefined && Buffer.from(bytesOf(text)).equals(Buffer.from(name));
  const isUuid = ({ filesystem }: Receipt) =>
    uuid.length >= LEAST && (filesystem === uuid || filesystem.startsWith(uuid));
  const fits = [({ label }: Receipt) => isCalled(label), ({ host }: Receipt) => isCalled(host)];
  // A label is the user's own choice, so it comes before the name of a machine.
  const found =
    [...fits, isUuid].map((fit) => receipts.filter(fit)).find((f) => f.length > 0) ?? [];
  const [receipt, other] = found;
  if (receipt !== undefined && other === undefined) return receipt;
  const listed = (receipt === undefined ? receipts : found).map(destinationText).join('; ');
  if (receipt !== undefined) {
    throw new Failure('destination-unknown', `${found.length} destinations are called ${name}`, {
      hint: `name one by its UUID: ${listed}`,
      where: { found: name },
    });
  }
  throw new Failure('destination-unknown', `no receipt is of a destination called ${name}`, {
    hint:
      listed === ''
        ? 'an import leaves a receipt on the medium; bring one that was there'
        : `receipts are of: ${listed}`,
    where: { found: name },
  });
}

/** A destination for people: its label and host, as far as they are known, and its UUID. */
function destinationText({ label, host, filesystem }: Receipt): string {
  const known = [label, host].filter((each) => each !== undefined).map((each) => printable(each));
  return [...new Set(known), filesystem].join(', ');
}

/** Compares what a destination has, had and lacks with the streams of archives. */
export function destinationListed(
  receipt: Receipt,
  streams: readonly StoredStream[],
  states: States,
): DestinationListed {
  const has = statesOf(receiptRecords([receipt]), states);
  const had = statesOf(formerRecords([receipt]), states);
  const byState = new Map(streams.toSorted(byAge).map((stream) => [states.of(stream), stream]));
  const all = [...byState].map(([state, stream]) => ({ state, stream }));
  const lacks = all.filter(({ state }) => !has.has(state) && !had.has(state));
  const called = (some: typeof all) => some.map(({ stream }) => stream.called);
  return {
    type: 'destination-listed',
    filesystem: receipt.filesystem,
    label: receipt.label ?? null,
    host: receipt.host ?? null,
    seen: receipt.createdAt,
    subvolumes: receipt.subvolumes.length,
    newest: all.findLast(({ state }) => has.has(state))?.stream.called ?? null,
    lacks: called(lacks),
    lacksStored: lacks.reduce((sum, { stream }) => sum + stream.storedBytes, 0),
    removed: called(all.filter(({ state }) => !has.has(state) && had.has(state))),
  };
}
