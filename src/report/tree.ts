import type { ArchiveListed, StreamListed } from '../events/list.ts';
import { exit, type Failure } from '../failure/failure.ts';
import type { IdentityRecord, NamedIdentity } from '../names/identity.ts';
import { identityText } from '../names/identity.ts';
import { oneLine, printable } from '../names/printable.ts';
import { streamText } from '../names/title.ts';
import { count, moment, size } from './figures.ts';
import type { Style } from './style.ts';
import { table } from './table.ts';

/** Columns that a line of 80 leaves for a branch and a name. */
const NAME_WIDTH = 33;

/** Columns that branches take of those. */
const BRANCH_WIDTH = 15;

/**
 * An archive as a tree of chains. A branch begins a chain; the lines right below it, without a
 * branch of their own, are streams that each build on the one above. Where several build on
 * one, each of them begins a branch, further in.
 */
export function archiveLines(
  archive: ArchiveListed,
  streams: readonly StreamListed[],
  style: Style,
): string[] {
  const find = finder(streams);
  const drawn = branches(streams, find);
  const rows = table(
    drawn.map(({ indent, stream }) => cells(indent, stream, style)),
    [{ most: NAME_WIDTH }, { align: 'right' }, { align: 'right' }, {}, {}],
  );
  return [
    headLine(archive, style),
    ...drawn.flatMap(({ stream, inner }, at) => [
      rows[at] as string,
      ...requirementLines(stream, find, style).map((line) => `${style.faint(inner)}  ${line}`),
    ]),
    ...archive.damaged.flatMap(({ directory, failure }) => [
      `${style.bad(unusableAs(failure).padEnd(10))}  ${oneLine(directory)}`,
      `            ${oneLine(failure.message)}`,
      ...(failure.hint === undefined ? [] : [`            ${oneLine(failure.hint)}`]),
    ]),
    ...archive.unfinished.flatMap((directory) => [
      `${style.caution('unfinished')}  ${oneLine(directory)}`,
      '            the same export again finishes it',
    ]),
  ];
}

/** What keeps a stream from being used, in a word. */
function unusableAs({ code, exitCode }: Failure): string {
  if (code === 'stream-incomplete') return 'incomplete';
  return exitCode === exit.unable ? 'too new' : 'damaged';
}

function headLine({ archive, streams, stored, label }: ArchiveListed, style: Style): string {
  const parts = [`archive ${oneLine(archive)}`, count(streams, 'stream'), size(stored)];
  if (label !== null) parts.push(`"${oneLine(label)}"`);
  return style.strong(parts.join('  '));
}

function cells(indent: string, stream: StreamListed, style: Style): string[] {
  const name = printable(stream.stream.title);
  const full = stream.kind === 'full';
  return [
    style.faint(indent) + (stream.restorable ? name : style.caution(name)),
    full ? 'full' : '',
    full ? size(stream.stored) : `+${size(stream.stored)}`,
    moment(stream.snapshotCreatedAt ?? stream.createdAt),
    style.faint(stream.stream.uuid.slice(0, 8)),
  ];
}

/** What a stream needs beyond the one above it in the tree. */
function requirementLines(stream: StreamListed, find: Finder, style: Style): string[] {
  const lines: string[] = [];
  const say = (what: string, identity: NamedIdentity) => {
    const here = find(identity, stream);
    const needed = `${what} ${identityText(identity)}`;
    if (isMissing(identity, stream)) lines.push(style.bad(`${needed} is missing`));
    else if (here === undefined) lines.push(`${needed} is elsewhere`);
    else if (identity !== stream.parent) lines.push(`${what} ${streamText(here.stream)}`);
  };
  if (stream.conflicting) {
    lines.push(style.bad('its UUID is here with other contents too, and nothing tells which'));
  }
  if (stream.parent !== null) say('parent', stream.parent);
  for (const source of stream.cloneSources) say('clone source', source);
  const begins = stream.parent === null || find(stream.parent, stream) === undefined;
  return begins && stream.stream.ambiguous ? [originText(stream), ...lines] : lines;
}

/** Where the streams of a chain come from, when their titles do not tell. */
function originText({ host, path }: StreamListed): string {
  const on = host === null ? 'an unknown host' : printable(host);
  return path === null ? `from ${on}` : `from ${on}, ${printable(path)}`;
}

interface Drawn {
  readonly stream: StreamListed;
  /** What stands before the name. */
  readonly indent: string;
  /** What stands before a line about the stream, and before a stream that continues its chain. */
  readonly inner: string;
}

/** The streams in the order of the tree, each with its branch. A loop: chains can be long. */
function branches(streams: readonly StreamListed[], find: Finder): Drawn[] {
  const above = new Map<StreamListed, StreamListed[]>();
  const roots: StreamListed[] = [];
  for (const stream of streams) {
    const parent = stream.parent && find(stream.parent, stream);
    if (!parent) roots.push(stream);
    else if (!above.get(parent)?.push(stream)) above.set(parent, [stream]);
  }
  const drawn: Drawn[] = [];
  const seen = new Set<StreamListed>();
  const draw = (heads: readonly StreamListed[]) => {
    const open = begun(heads, '');
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { stream, inner } = next;
      if (seen.has(stream)) continue;
      seen.add(stream);
      drawn.push(next);
      const [only, ...more] = above.get(stream) ?? [];
      if (only === undefined) continue;
      if (more.length === 0) open.push({ stream: only, indent: inner, inner });
      else open.push(...begun([only, ...more], inner));
    }
  };
  draw(roots);
  // Only streams that need each other in a circle are left, which no export makes.
  draw(streams.filter((stream) => !seen.has(stream)));
  return drawn;
}

/** Streams that each begin a branch, the last one first. */
function begun(streams: readonly StreamListed[], before: string): Drawn[] {
  return streams
    .map((stream, at) => {
      const last = at === streams.length - 1;
      return {
        stream,
        indent: before + (last ? '└─ ' : '├─ '),
        inner: shortened(before + (last ? '   ' : '│  ')),
      };
    })
    .reverse();
}

/** Branches within branches leave room for a name: the outer ones give way. */
function shortened(inner: string): string {
  return inner.length <= BRANCH_WIDTH ? inner : `…${inner.slice(1 - BRANCH_WIDTH)}`;
}

/** The stream among those listed that is what `identity`, a requirement of `of`, names. */
type Finder = (identity: IdentityRecord, of: StreamListed) => StreamListed | undefined;

function finder(streams: readonly StreamListed[]): Finder {
  const byUuid = new Map<string, StreamListed[]>();
  for (const listed of streams) {
    const { uuid } = listed.stream;
    byUuid.set(uuid, [...(byUuid.get(uuid) ?? []), listed]);
  }
  return (identity, of) => {
    if (isMissing(identity, of)) return undefined;
    const bearers = (byUuid.get(identity.uuid) ?? []).filter((stream) => stream !== of);
    const equal = bearers.filter(({ ctransid }) => ctransid === identity.ctransid);
    return equal.find(({ restorable }) => restorable) ?? equal[0] ?? bearers[0];
  };
}

function isMissing({ uuid, ctransid }: IdentityRecord, { missing }: StreamListed): boolean {
  return missing.some((identity) => identity.uuid === uuid && identity.ctransid === ctransid);
}
