import { bytesFromText, type Text, textFromBytes } from '../manifest/text.ts';

/** A stream as people and scripts recognise it. */
export interface StreamName {
  /** Name of the subvolume. */
  readonly name: Text;
  /** The name with what tells it from others of the same name: {@link titleOf}. */
  readonly title: Text;
  readonly uuid: string;
  /** There where another stream at hand has the same title: only the UUID tells them apart. */
  readonly ambiguous?: true;
}

/** Longest name of a file or subvolume, bytes. */
export const NAME_MAX = 255;

/** A number, or what begins with a date: `3`, `2026-11-01_10-00-01`, `20261101T1000`. */
const TELLING = /^(\d+|\d{4}(-?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])[^\0]*)$/s;

/**
 * The title of a snapshot: its name and, where the directory right above it is a number or begins
 * with a date, that directory's name behind it. Tools that keep snapshots so give all of them one
 * name. snapper's is `snapshot`, which says nothing, so the name of what it is a snapshot of takes
 * its place: `/home/.snapshots/3/snapshot` is `home.3`.
 *
 * @param path of the snapshot where it was exported; null where that isn't known
 */
export function titleOf(name: Text, path: Text | null): Text {
  const [above = '', snapshots, subject = ''] = componentsOf(path).slice(0, -1).reverse();
  if (!TELLING.test(above) || above.length >= NAME_MAX - 1) return name;
  const own = bytesFromText(name).toString('latin1');
  const snapper = own === 'snapshot' && /^\d+$/.test(above) && snapshots === '.snapshots';
  const named = snapper && subject !== '' && !subject.includes('\0');
  const base = (named ? subject : own).slice(0, NAME_MAX - 1 - above.length);
  return textFromBytes(Buffer.from(`${base}.${above}`, 'latin1'));
}

/** The components of a path, as latin1: a character for each byte. */
function componentsOf(path: Text | null): string[] {
  return path === null ? [] : bytesFromText(path).toString('latin1').split('/');
}

/**
 * Decides for all streams of a command which titles are ambiguous. The function that it gives
 * marks the names of these.
 */
export function distinguished(all: readonly StreamName[]): (stream: StreamName) => StreamName {
  const bearers = new Map<string, Set<string>>();
  for (const { title, uuid } of all) {
    const key = bytesFromText(title).toString('latin1');
    const uuids = bearers.get(key);
    if (uuids === undefined) bearers.set(key, new Set([uuid]));
    else uuids.add(uuid);
  }
  return (stream) => {
    const uuids = bearers.get(bytesFromText(stream.title).toString('latin1'));
    return uuids !== undefined && uuids.size > 1 ? { ...stream, ambiguous: true } : stream;
  };
}

/** What has no name but that of its directory or file in an archive. */
export function namedByPlace(place: string): StreamName {
  return { name: place, title: place, uuid: '' };
}
