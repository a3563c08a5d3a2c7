import { createHash } from 'node:crypto';
import { Failure, failureOfFile } from '../../failure/failure.ts';
import { MAX_SLICES } from '../../parity/field.ts';
import {
  CHECKSUM_SIZE,
  HEADER_SIZE,
  headerAt,
  MAGIC,
  MAX_DESCRIPTION,
  type PacketHeader,
  type ProtectedFile,
  RECOVERY_HEADER,
  readCreator,
  readFile,
  readMain,
  readSlices,
} from '../../parity/packet.ts';
import type { OpenFile } from '../../store/store.ts';
import { placeIn, type StreamSource } from '../read/source.ts';
import { OWN_PARITY } from './plan.ts';

/** A set of parity whose description is complete. */
export interface ParitySet {
  readonly sliceSize: number;
  /** In the order in which their slices count. */
  readonly files: readonly ProtectedFile[];
  /** The place of each intact recovery block, by its exponent. */
  readonly blocks: ReadonlyMap<number, { readonly file: string; readonly offset: number }>;
}

export interface FoundParity {
  readonly sets: readonly ParitySet[];
  /** The files, whether they are intact or not. */
  readonly files: readonly string[];
  /** Faults of the files. */
  readonly failures: readonly Failure[];
}

/** Packets of one set, from any files. */
interface Draft {
  main?: NonNullable<ReturnType<typeof readMain>>;
  blocksMade?: number;
  readonly files: Map<string, NonNullable<ReturnType<typeof readFile>>>;
  readonly checksums: Map<string, Uint8Array>;
  readonly blocks: Map<number, { file: string; offset: number }>;
  readonly blockSizes: Set<number>;
}

/** Sets of one stream that are read. Nobody has more. */
const MOST_SETS = 10_000;
const PIECE = 1024 * 1024;
const SECTOR = 4096;

/** The files of parity in a stream's directory, of any program, with their lengths. */
export async function parityFiles(source: StreamSource) {
  const entries = await source.list();
  return entries.filter(({ name, kind }) => kind === 'file' && /^[^.].*\.par2$/is.test(name));
}

/**
 * Reads all parity of a stream past its damage, and checks each packet by its MD5. Only files that are
 * named as btrferry names them can have faults: what another program left is used as far as it is good.
 */
export async function readParity(source: StreamSource, signal: AbortSignal): Promise<FoundParity> {
  const drafts = new Map<string, Draft>();
  const failures: Failure[] = [];
  const files = await parityFiles(source);
  const names = new Set(files.map(({ name }) => name));
  const damaged = (file: string, why: string) =>
    failures.push(
      new Failure('parity-damaged', `${placeIn(source, file).file} ${why}`, {
        hint: 'the stream does not need it; make it anew: btrferry protect',
        where: placeIn(source, file),
      }),
    );
  for (const { name, length } of files) {
    const own = OWN_PARITY.exec(name);
    const blocks = own?.[1];
    const index = name.replace(/\.vol[0-9]+\+[0-9]+\.par2$/, '.par2');
    if (blocks !== undefined && !names.has(index)) damaged(index, 'is missing');
    const found = await readPackets(source, name, length, drafts, signal);
    const isWhole = found.whole && found.ended && found.blocks === Number(blocks ?? 0);
    if (own !== null && !isWhole) damaged(name, 'was changed since it was written');
  }
  const sets: ParitySet[] = [];
  for (const draft of drafts.values()) {
    const set = setOf(draft);
    if (set !== undefined) sets.push(set);
    const made = draft.blocksMade ?? 0;
    const own = files.find(({ name }) => OWN_PARITY.test(name));
    if (own === undefined || failures.length > 0) continue;
    if (set === undefined || set.blocks.size < made) {
      damaged(own.name, `has ${set?.blocks.size ?? 0} of ${made} recovery blocks beside it`);
    }
  }
  return { sets, files: [...names], failures };
}

function setOf({ main, files, checksums, blocks, blockSizes }: Draft): ParitySet | undefined {
  if (main === undefined) return undefined;
  const { sliceSize } = main;
  const found: ProtectedFile[] = [];
  let slices = 0;
  for (const id of main.files) {
    const [file, sums] = [files.get(id), checksums.get(id)];
    if (file === undefined || sums === undefined) return undefined;
    const own = Math.ceil(file.length / sliceSize);
    slices += own;
    const isPlain = /^[A-Za-z0-9_][A-Za-z0-9._@+=-]*$/.test(file.name);
    if (!isPlain || sums.length !== own * CHECKSUM_SIZE || slices > MAX_SLICES) return undefined;
    found.push({ ...file, checksums: sums });
  }
  if (found.length === 0 || slices === 0) return undefined;
  for (const size of blockSizes) if (size !== sliceSize) return undefined;
  return { sliceSize, files: found, blocks };
}

interface Scan {
  /** The file consists of intact packets. */
  readonly whole: boolean;
  /** Its last packet is that of a creator, as btrferry writes it. */
  readonly ended: boolean;
  readonly blocks: number;
}

async function readPackets(
  source: StreamSource,
  file: string,
  length: number,
  drafts: Map<string, Draft>,
  signal: AbortSignal,
): Promise<Scan> {
  let [whole, ended, blocks] = [true, false, 0];
  let opened: OpenFile;
  try {
    opened = await source.open(file);
  } catch (error) {
    failureOfFile(error);
    return { whole: false, ended, blocks };
  }
  try {
    for (let at = 0; at < length; ) {
      signal.throwIfAborted();
      const header = await intactPacket(opened, at, length);
      if (header === undefined) {
        whole = false;
        at = await nextMagic(opened, at + 1, length);
        continue;
      }
      if (header.type === 'recovery') blocks++;
      ended = header.type === 'creator';
      await note(opened, file, at, header, drafts);
      at += header.length;
    }
  } finally {
    opened.close();
  }
  return { whole, ended, blocks };
}

/** The header of the packet at `at`, if all of it is there and its MD5 matches. */
async function intactPacket(
  opened: OpenFile,
  at: number,
  length: number,
): Promise<PacketHeader | undefined> {
  const bytes = Buffer.alloc(Math.min(HEADER_SIZE, length - at));
  try {
    await opened.read(bytes, at);
    const header = headerAt(bytes);
    if (header === undefined || header.length > length - at) return undefined;
    const md5 = createHash('md5');
    const piece = Buffer.alloc(Math.min(PIECE, header.length));
    for (let done = 32; done < header.length; done += piece.length) {
      const part = piece.subarray(0, header.length - done);
      await opened.read(part, at + done);
      md5.update(part);
    }
    return md5.digest('hex') === header.md5 ? header : undefined;
  } catch (error) {
    failureOfFile(error);
    return undefined;
  }
}

/** The place of the next packet at or after `from`, or the end. Skips sectors that can't be read. */
async function nextMagic(opened: OpenFile, from: number, length: number): Promise<number> {
  const piece = Buffer.alloc(SECTOR + MAGIC.length);
  for (let at = from; at < length; at += SECTOR) {
    const part = piece.subarray(0, length - at);
    try {
      await opened.read(part, at);
    } catch (error) {
      failureOfFile(error);
      continue;
    }
    const found = part.indexOf(MAGIC);
    if (found !== -1) return at + found;
  }
  return length;
}

async function note(
  opened: OpenFile,
  file: string,
  at: number,
  { set, type, length }: PacketHeader,
  drafts: Map<string, Draft>,
): Promise<void> {
  let draft = drafts.get(set);
  if (draft === undefined) {
    if (drafts.size === MOST_SETS) return;
    draft = {
      files: new Map(),
      checksums: new Map(),
      blocks: new Map(),
      blockSizes: new Set(),
    };
    drafts.set(set, draft);
  }
  if (type === 'recovery' && length > RECOVERY_HEADER) {
    const exponent = Buffer.alloc(4);
    await opened.read(exponent, at + HEADER_SIZE);
    draft.blocks.set(exponent.readUInt32LE(), { file, offset: at + RECOVERY_HEADER });
    draft.blockSizes.add(length - RECOVERY_HEADER);
  }
  if (type === undefined || type === 'recovery' || length > MAX_DESCRIPTION) return;
  const body = Buffer.alloc(length - HEADER_SIZE);
  await opened.read(body, at + HEADER_SIZE);
  if (type === 'main') {
    const main = readMain(body);
    if (main !== undefined) draft.main = main;
  } else if (type === 'file') {
    const found = readFile(body);
    if (found !== undefined && draft.files.size < MAX_SLICES) draft.files.set(found.id, found);
  } else if (type === 'slices') {
    const found = readSlices(body);
    if (found !== undefined && draft.checksums.size < MAX_SLICES)
      draft.checksums.set(found.id, found.checksums);
  } else {
    const made = readCreator(body);
    if (made !== undefined) draft.blocksMade = made;
  }
}
