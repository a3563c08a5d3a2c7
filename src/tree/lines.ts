/** A tree as text: a JSON object on each line, as docs/format.md describes. */
import type { Xattr } from '../btrfs/xattrs.ts';
import { Failure, type Where } from '../failure/failure.ts';
import type { TreeLine } from '../manifest/schema.ts';
import { parseTreeLine } from '../manifest/tree-line.ts';
import { byteString, bytesOf } from '../names/byte-string.ts';
import { printable } from '../names/printable.ts';
import { comparePaths, DIGEST, directoryOf, type Entry, MAX_XATTR } from './entry.ts';

/** Bytes of digests on one line. */
const DIGESTS = 4096 * DIGEST;
/** Bytes that a line may have: the names and values of all extended attributes can take this much. */
const MAX_LINE = 64 * 1024 * 1024;

/** Encodes a tree as lines. */
export async function* linesOf(
  entries: AsyncIterable<Entry> | Iterable<Entry>,
): AsyncGenerator<Buffer, void, undefined> {
  for await (const entry of entries) yield* linesOfEntry(entry);
}

function* linesOfEntry(entry: Entry): Generator<Buffer, void, undefined> {
  const digests = entry.kind === 'file' ? entry.digests : new Uint8Array(0);
  const line = { ...memberOf(entry), ...(digests.length === 0 ? {} : part(digests, 0)) };
  yield Buffer.from(`${JSON.stringify(line)}\n`);
  for (let at = DIGESTS; at < digests.length; at += DIGESTS) {
    yield Buffer.from(`${JSON.stringify(part(digests, at))}\n`);
  }
}

function part(digests: Uint8Array, at: number): TreeLine {
  const { buffer, byteOffset, length } = digests;
  return { sha256: Buffer.from(buffer, byteOffset, length).toString('hex', at, at + DIGESTS) };
}

function memberOf(entry: Entry): TreeLine {
  const path = byteString(entry.path);
  if (entry.kind === 'link') return { path, type: 'link', first: byteString(entry.first) };
  if (entry.kind === 'subvolume') return { path, type: 'subvolume' };
  const { kind: type, mode, uid, gid, mtime, xattrs } = entry;
  return {
    path,
    type,
    mode,
    uid,
    gid,
    mtime: String(mtime),
    ...(xattrs.length === 0
      ? {}
      : {
          xattrs: xattrs.map(({ name, value }) => ({
            name: byteString(name),
            value: value.toString('base64'),
          })),
        }),
    ...(entry.kind === 'file' ? { size: entry.size } : {}),
    ...('nocow' in entry && entry.nocow === true ? { nocow: true } : {}),
    ...(entry.immutable === true ? { immutable: true } : {}),
    ...(entry.kind === 'symlink' ? { target: byteString(entry.target) } : {}),
    ...('device' in entry ? { device: String(entry.device) } : {}),
  };
}

/**
 * Decodes lines, in pieces of any length, into a tree. Checks that it is one: each entry in order,
 * below a directory, and under a possible name.
 *
 * @param blockSize bytes of a block
 * @param place of the lines, for failures
 * @throws {Failure} `manifest-damaged`; those of `pieces`
 */
export async function* entriesIn(
  pieces: AsyncIterable<Uint8Array>,
  blockSize: number,
  place: Where,
): AsyncGenerator<Entry, void, undefined> {
  let number = 0;
  let open: { readonly entry: Entry; readonly more: Uint8Array[]; missing: number } | undefined;
  const order = new Order();
  const fail = (why: string) =>
    new Failure('manifest-damaged', `line ${number} of the fingerprint: ${why}`, {
      hint: 'this was not made by btrferry; do not trust it',
      where: place,
    });
  const closed = () => {
    if (open === undefined) return undefined;
    const { entry, more, missing } = open;
    if (missing !== 0) throw fail('the file before it has digests for another size');
    return entry.kind === 'file' ? { ...entry, digests: Buffer.concat(more) } : entry;
  };
  for await (const text of textLines(pieces)) {
    number++;
    const line = text === undefined ? 'it is too long' : parseTreeLine(text);
    if (typeof line === 'string') throw fail(line);
    const digests = Buffer.from(line.sha256 ?? '', 'hex');
    if (line.path === undefined) {
      if (open === undefined) throw fail('it continues nothing');
      open.more.push(digests);
      open.missing -= digests.length;
      continue;
    }
    const before = closed();
    if (before !== undefined) yield before;
    const entry = entryIn(line);
    const why =
      entry === undefined
        ? 'a member of its type is missing, too long, or not valid'
        : order.fault(entry);
    if (entry === undefined || why !== undefined) throw fail(why ?? '');
    const expected = entry.kind === 'file' ? Math.ceil(entry.size / blockSize) * DIGEST : 0;
    open = { entry, more: [digests], missing: expected - digests.length };
  }
  const last = closed();
  if (last === undefined) throw fail('there is none');
  yield last;
}

function entryIn(line: TreeLine): Entry | undefined {
  const path = bytesOf(line.path ?? '');
  const { type, mode, uid, gid, mtime, size, target, device, first, nocow, immutable } = line;
  if (type === 'subvolume') return { kind: type, path };
  if (type === 'link') {
    if (first === undefined || !isPath(bytesOf(first))) return undefined;
    return { kind: 'link', path, first: bytesOf(first) };
  }
  if (mode === undefined || uid === undefined || gid === undefined || mtime === undefined) {
    return undefined;
  }
  const xattrs = (line.xattrs ?? []).map(({ name, value }) => ({
    name: bytesOf(name),
    value: Buffer.from(value, 'base64'),
  }));
  if (!areXattrs(xattrs) || line.xattrs?.some(({ value }, at) => value !== base64Of(xattrs[at]))) {
    return undefined;
  }
  if (abs(BigInt(mtime)) > MAX_TIME) return undefined;
  const flags = immutable === true ? { immutable } : {};
  const common = { path, mode, uid, gid, mtime: BigInt(mtime), xattrs, ...flags };
  const bare = nocow === true ? { nocow } : {};
  switch (type) {
    case 'directory':
      return { kind: type, ...common, ...bare };
    case 'fifo':
    case 'socket':
      return { kind: type, ...common };
    case 'file':
      if (size === undefined) return undefined;
      return { kind: type, ...common, size, digests: new Uint8Array(0), ...bare };
    case 'symlink':
      if (target === undefined || !isPath(bytesOf(target))) return undefined;
      return { kind: type, ...common, target: bytesOf(target) };
    case 'character':
    case 'block':
      return device === undefined ? undefined : { kind: type, ...common, device: BigInt(device) };
    default:
      return undefined;
  }
}

/** Bytes of a name, and of a path: NAME_MAX and PATH_MAX of linux/limits.h, which counts the NUL. */
const MAX_NAME = 255;
const MAX_PATH = 4095;
/** Nanoseconds of the latest time that btrfs can store, a signed number of seconds. */
const MAX_TIME = 2n ** 63n * 1_000_000_000n - 1n;

function isPath(bytes: Buffer): boolean {
  return bytes.length > 0 && bytes.length <= MAX_PATH && !bytes.includes(0);
}

function areXattrs(xattrs: readonly Xattr[]): boolean {
  return xattrs.every(({ name, value }, at) => {
    const before = xattrs[at - 1]?.name;
    const follows = before === undefined || Buffer.compare(before, name) < 0;
    const isName = name.length > 0 && name.length <= MAX_NAME && !name.includes(0);
    return follows && isName && value.length <= MAX_XATTR;
  });
}

function base64Of(xattr: Xattr | undefined): string | undefined {
  return xattr?.value.toString('base64');
}

function abs(value: bigint): bigint {
  return value < 0n ? -value : value;
}

/** Checks that entries come in the order of a tree. */
class Order {
  /** The directories that the last entry lies in, the root first. */
  readonly #directories: Buffer[] = [];
  #last: Buffer | undefined;

  /** Returns the reason why an entry cannot follow those before it. */
  fault({ path, kind }: Entry): string | undefined {
    const above = directoryOf(path);
    if (this.#last === undefined) {
      if (above !== undefined || kind !== 'directory') return 'it is not the root';
    } else if (above === undefined || comparePaths(this.#last, path) >= 0) {
      return `${printable(path)} does not come after ${printable(this.#last)}`;
    } else {
      while (!this.#directories.at(-1)?.equals(above)) {
        if (this.#directories.pop() === undefined) return `${printable(path)} is in no directory`;
      }
      const name = path.subarray(above.length === 0 ? 0 : above.length + 1).toString('latin1');
      if (name === '' || name === '.' || name === '..' || name.length > MAX_NAME || !isPath(path)) {
        return `${printable(path)} is not a path`;
      }
    }
    if (kind === 'directory') this.#directories.push(path);
    this.#last = path;
    return undefined;
  }
}

/** Splits pieces into lines; undefined stands for one that is too long. */
async function* textLines(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<string | undefined, void, undefined> {
  let rest: Buffer[] = [];
  let length = 0;
  for await (const piece of pieces) {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    let from = 0;
    for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, from)) {
      yield Buffer.concat([...rest, bytes.subarray(from, end)]).toString();
      [rest, length, from] = [[], 0, end + 1];
    }
    // The caller may reuse the piece.
    rest.push(Buffer.from(bytes.subarray(from)));
    length += bytes.length - from;
    if (length > MAX_LINE) yield undefined;
  }
  if (length > 0) yield Buffer.concat(rest).toString();
}
