import type { ArchiveListed, FingerprintListed, StreamListed } from '../events/list.ts';
import { exit, type Failure } from '../failure/failure.ts';
import type { IdentityRecord, NamedIdentity } from '../names/identity.ts';
import { identityText } from '../names/identity.ts';
import { oneLine, printable } from '../names/printable.ts';
import { streamText } from '../names/title.ts';
import { count, moment, size } from './figures.ts';
import type { Style } from './style.ts';
import { table } from './table.ts';

/** Columns for a branch and a name on a line of 80. */
const NAME_WIDTH = 33;

/** Columns of these for branches. */
const BRANCH_WIDTH = 15;

/**
 * Draws an archive as a tree of chains. A branch begins a chain. Each line below it without a
 * branch of its own is a stream that builds on the one above. If several streams build on one, each
 * begins a branch.
 */
export function archiveLines(
  archive: ArchiveListed,
  streams: readonly StreamListed[],
  fingerprints: readonly FingerprintListed[],
  style: Style,
): string[] {
  const find = finder(streams);
  const adoptable = new Set(fingerprints.map(({ stream }) => stream.uuid));
  const drawn = branches(streams, find);
  const rows = table(
    drawn.map(({ indent, stream }) => cells(indent, stream, style)),
    [{ most: NAME_WIDTH }, { align: 'right' }, { align: 'right' }, {}, {}],
  );
  return [
    headLine(archive, streams, style),
    ...drawn.flatMap(({ stream, inner }, at) => [
      rows[at] as string,
      ...[...requirementLines(stream, find, adoptable, style), ...bare(stream, streams)].map(
        (line) => `${style.faint(inner)}  ${line}`,
      ),
    ]),
    ...fingerprints.map((event) => fingerprintLine(event, style)),
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

/** Says that a stream has no parity, where others have some. */
function bare({ parity }: StreamListed, all: readonly StreamListed[]): string[] {
  return parity === 0 && all.some((other) => other.parity > 0) ? ['no parity'] : [];
}

/** `fingerprint  home.1  1.1 MiB in 283 entries  96fca2e9` */
function fingerprintLine(event: FingerprintListed, style: Style): string {
  const { stream, bytes, entries, blockSize } = event;
  const amounts = `${size(bytes)} in ${count(entries, 'entry', 'entries')}`;
  const blocks = `blocks of ${size(blockSize)}`;
  const digits = style.faint(stream.uuid.slice(0, 8));
  return `fingerprint  ${streamText(stream)}  ${amounts}, ${blocks}  ${digits}`;
}

/** The reason why a stream cannot be used, in a word. */
function unusableAs({ code, exitCode }: Failure): string {
  if (code === 'stream-incomplete') return 'incomplete';
  return exitCode === exit.unable ? 'too new' : 'damaged';
}

function headLine(
  { archive, streams, stored, label }: ArchiveListed,
  listed: readonly StreamListed[],
  style: Style,
): string {
  const parts = [`archive ${oneLine(archive)}`, count(streams, 'stream'), size(stored)];
  const parity = listed.filter((stream) => stream.parity > 0).length;
  if (parity > 0) parts.push(parity === streams ? 'all with parity' : `${parity} with parity`);
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

/** Lists the requirements of a stream other than the stream above it. */
function requirementLines(
  stream: StreamListed,
  find: Finder,
  adoptable: ReadonlySet<string>,
  style: Style,
): string[] {
  const lines: string[] = [];
  const say = (what: string, identity: NamedIdentity) => {
    const here = find(identity, stream);
    const needed = `${what} ${identityText(identity)}`;
    if (isMissing(identity, stream)) lines.push(style.bad(`${needed} is missing`));
    else if (here === undefined && adoptable.has(identity.uuid)) {
      lines.push(`${needed} is elsewhere`, '  a destination without it adopts a copy of it first');
    } else if (here === undefined) lines.push(`${needed} is elsewhere`);
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

/** The origin of the streams of a chain, if their titles do not show it. */
function originText({ host, path }: StreamListed): string {
  const on = host === null ? 'an unknown host' : printable(host);
  return path === null ? `from ${on}` : `from ${on}, ${printable(path)}`;
}

interface Drawn {
  readonly stream: StreamListed;
  /** Text before the name. */
  readonly indent: string;
  /** Text before further lines about the stream, and before a stream that continues its chain. */
  readonly inner: string;
}

/**
 * Sorts streams in the order of the tree, each with its branch. A loop, because chains can be long.
 */
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
  // Only streams that need each other in a circle are left. No export makes these.
  draw(streams.filter((stream) => !seen.has(stream)));
  return drawn;
}

/** Pairs streams with new branches, the last one first. */
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

/** Shortens nested branches to leave space for a name. */
function shortened(inner: string): string {
  return inner.length <= BRANCH_WIDTH ? inner : `…${inner.slice(1 - BRANCH_WIDTH)}`;
}

/** Finds the listed stream that meets a requirement of `of`. */
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
