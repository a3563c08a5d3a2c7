import { type ByteString, byteString, bytesOf } from './byte-string.ts';
import { printable } from './printable.ts';

/** The names by which people and scripts recognise a stream. */
export interface StreamName {
  /** Name of the subvolume. */
  readonly name: ByteString;
  /** The name, with a number or date that distinguishes it: {@link titleOf}. */
  readonly title: ByteString;
  readonly uuid: string;
  /** Present if another stream of the command has the same title: only the UUIDs differ. */
  readonly ambiguous?: true;
}

/** Longest name of a file or subvolume, bytes. */
export const NAME_MAX = 255;

/** A number, or a name that begins with a date: `3`, `2026-11-01_10-00-01`, `20261101T1000`. */
const DISTINCTIVE = /^(\d+|\d{4}(-?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])[^\0]*)$/s;

/**
 * The title of a snapshot. Tools that keep each snapshot in a directory of its own give all
 * snapshots one name, so the title is the name followed by that directory's name, if the directory
 * is named by a number or a date. snapper's snapshots are all named `snapshot`, so the title begins
 * with the name of the directory above `.snapshots` instead: `/home/.snapshots/3/snapshot` is
 * `home.3`.
 *
 * @param path of the snapshot where it was exported; null if unknown
 */
export function titleOf(name: ByteString, path: ByteString | null): ByteString {
  const [above = '', snapshots, subject = ''] = componentsOf(path).slice(0, -1).reverse();
  if (!DISTINCTIVE.test(above) || above.length >= NAME_MAX - 1) return name;
  const own = bytesOf(name).toString('latin1');
  const snapper = own === 'snapshot' && /^\d+$/.test(above) && snapshots === '.snapshots';
  const named = snapper && subject !== '' && !subject.includes('\0');
  const base = (named ? subject : own).slice(0, NAME_MAX - 1 - above.length);
  return byteString(Buffer.from(`${base}.${above}`, 'latin1'));
}

/** The components of a path in latin1: one character for each byte. */
function componentsOf(path: ByteString | null): string[] {
  return path === null ? [] : bytesOf(path).toString('latin1').split('/');
}

/**
 * Finds the titles that several streams of a command share. The returned function marks the names
 * of these streams as ambiguous.
 */
export function distinguished(all: readonly StreamName[]): (stream: StreamName) => StreamName {
  const bearers = new Map<string, Set<string>>();
  for (const { title, uuid } of all) {
    const key = bytesOf(title).toString('latin1');
    const uuids = bearers.get(key);
    if (uuids === undefined) bearers.set(key, new Set([uuid]));
    else uuids.add(uuid);
  }
  return (stream) => {
    const uuids = bearers.get(bytesOf(stream.title).toString('latin1'));
    return uuids !== undefined && uuids.size > 1 ? { ...stream, ambiguous: true } : stream;
  };
}

/** Names a stream whose manifest is unknown, by its directory or file. */
export function namedByPlace(place: string): StreamName {
  return { name: place, title: place, uuid: '' };
}

/** The title for people, followed by the first digits of the UUID if the title is ambiguous. */
export function streamText({ title, uuid, ambiguous }: StreamName): string {
  return ambiguous === true ? `${printable(title)} ${uuid.slice(0, 8)}` : printable(title);
}
