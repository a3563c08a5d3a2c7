/**
 * The output of `btrfs subvolume list`, which is lines of columns with the path last and
 * unescaped. A newline in a path can therefore make lines of its own, even well-formed ones.
 */

import { Failure } from '../failure/failure.ts';

/** An entry as `btrfs subvolume list` prints it. */
export interface ListedSubvolume {
  readonly id: number;
  readonly uuid: string;
  readonly parentUuid: string | null;
  readonly receivedUuid: string | null;
  readonly generation: bigint;
  readonly creationGeneration: bigint;
  /** Id of the subvolume whose directory tree holds this one. */
  readonly topLevel: number;
  readonly path: Buffer;
}

/** Options that make the long form; {@link parseLongList} reads it. */
export const longList = ['-u', '-q', '-R', '-p', '-c', '-g'] as const;

const uuid = '([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})';
const uuidOrNone = `(?:${uuid}|-) *`;
const longLine = new RegExp(
  `^ID (\\d+) gen (\\d+) cgen (\\d+) parent \\d+ top level (\\d+) ` +
    `parent_uuid ${uuidOrNone} received_uuid ${uuidOrNone} uuid ${uuid} path (.*)$`,
  's',
);
const shortLine = /^ID (\d+) gen \d+ top level (\d+) path (.*)$/s;

/** Parses the output of `btrfs subvolume list` with the options {@link longList}. */
export function parseLongList(output: Buffer): ListedSubvolume[] {
  return entries(output, longLine).map((fields) => {
    const [, id, generation, creation, topLevel, parentUuid, receivedUuid, own, path] = fields;
    return {
      id: Number(id),
      uuid: own ?? '',
      parentUuid: parentUuid ?? null,
      receivedUuid: receivedUuid ?? null,
      generation: BigInt(generation ?? 0),
      creationGeneration: BigInt(creation ?? 0),
      topLevel: Number(topLevel),
      path: Buffer.from(path ?? '', 'latin1'),
    };
  });
}

/** Parses the output of `btrfs subvolume list` without options. */
export function parseShortList(
  output: Buffer,
): Pick<ListedSubvolume, 'id' | 'topLevel' | 'path'>[] {
  return entries(output, shortLine).map(([, id, topLevel, path]) => ({
    id: Number(id),
    topLevel: Number(topLevel),
    path: Buffer.from(path ?? '', 'latin1'),
  }));
}

/**
 * Whether no line of either list was forged by a path with a newline.
 *
 * A line of the one form is never a line of the other. So the first forged line within a path,
 * of whichever form, cuts the path in one list and not in the other; the two then differ. They
 * also differ when a subvolume came or went in between.
 */
export function agree(
  long: readonly Pick<ListedSubvolume, 'id' | 'topLevel' | 'path'>[],
  short: readonly Pick<ListedSubvolume, 'id' | 'topLevel' | 'path'>[],
): boolean {
  const byId = new Map(short.map((entry) => [entry.id, entry]));
  return (
    byId.size === short.length &&
    new Set(long.map(({ id }) => id)).size === long.length &&
    long.length === short.length &&
    long.every(({ id, topLevel, path }) => {
      const other = byId.get(id);
      return other?.topLevel === topLevel && other.path.equals(path);
    })
  );
}

/**
 * Makes paths relative to the filesystem's top level. `btrfs subvolume list` prints those below
 * the subvolume that it was pointed at, `asked`, relative to that one, and all others in full.
 */
export function fromTopLevel<Entry extends Pick<ListedSubvolume, 'id' | 'topLevel' | 'path'>>(
  list: readonly Entry[],
  asked: number,
): Entry[] {
  const byId = new Map(list.map((entry) => [entry.id, entry]));
  const base = byId.get(asked);
  if (base === undefined) return [...list];
  const below = (entry: Entry, depth = 0): boolean => {
    if (entry.topLevel === asked) return true;
    const above = byId.get(entry.topLevel);
    return above !== undefined && depth < list.length && below(above, depth + 1);
  };
  return list.map((entry) =>
    below(entry)
      ? { ...entry, path: Buffer.concat([base.path, Buffer.from('/'), entry.path]) }
      : entry,
  );
}

/** Lines that don't begin an entry continue the path of the one before. */
function entries(output: Buffer, line: RegExp): RegExpExecArray[] {
  if (output.length === 0) return [];
  const texts: string[] = [];
  for (const piece of output.toString('latin1').replace(/\n$/, '').split('\n')) {
    if (line.test(piece)) texts.push(piece);
    else if (texts.length > 0) texts[texts.length - 1] += `\n${piece}`;
    else throw new Failure('btrfs-progs', `btrfs subvolume list prints what is unknown: ${piece}`);
  }
  return texts.flatMap((text) => {
    const fields = line.exec(text);
    return fields === null ? [] : [fields];
  });
}
