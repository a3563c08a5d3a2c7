import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  journalFrames,
  journalLine,
  journalStart,
  weighJournal,
} from '../../src/archive/write/journal.ts';
import { Failure } from '../../src/failure/failure.ts';
import { headerDocument, manifestDocument, receiptDocument } from '../../src/manifest/document.ts';
import { STREAM_HEADER } from '../../src/sendstream/commands.ts';
import { StreamExamination } from '../../src/sendstream/examination.ts';
import { StreamReader } from '../../src/sendstream/reader.ts';
import { Salvage } from '../../src/sendstream/salvage.ts';
import { renameFirst } from '../../src/sendstream/writer.ts';
import { checksumOf } from '../../src/zstd/checksum.ts';
import { openStream } from '../../src/zstd/decompress-any.ts';
import { availableEngines } from '../../src/zstd/engines.ts';
import { checkFrame, FRAME_SIZE, MAX_STORED_SIZE, parseFrameHeader } from '../../src/zstd/frame.ts';
import { FramePool } from '../../src/zstd/pool.ts';
import { decodeSeekTable, encodeSeekTable, seekTableSize } from '../../src/zstd/seek-table.ts';
import { settings } from '../archive/stored.ts';
import { storedFrame } from './forge.ts';
import { type Mutation, mutate, mutateCommands } from './mutation.ts';
import { spoilDocument } from './spoiled-document.ts';

/**
 * A reader of foreign bytes. Given any spoiled input it must end, with a result that holds or with a
 * {@link Failure}.
 */
export interface Target {
  readonly name: string;
  /** Good input, to be spoiled. */
  readonly seeds: readonly Uint8Array[];
  readonly spoil: (seed: Uint8Array, mutations: readonly Mutation[]) => Uint8Array;
  /** `cuts`: places at which the input is cut into pieces. */
  readonly run: (input: Uint8Array, cuts: readonly number[]) => void | Promise<void>;
}

const samples = join(import.meta.dirname, '../../samples');
const read = (...path: string[]) => readFileSync(join(samples, ...path));
/** Short ones, so that there are many executions a second. */
const streams = readdirSync(join(samples, 'streams'))
  .filter((name) => name.endsWith('.btrfs'))
  .map((name) => read('streams', name))
  .filter((stream) => stream.length < 64 * 1024);
const archived = readdirSync(join(samples, 'archives/chain/streams')).map((directory) =>
  join('archives/chain/streams', directory),
);
const parts = archived.map((directory) => read(directory, '0001.btrfs.zst'));

/** The pieces of `bytes` between the cuts, in order. */
function pieces(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b);
  const bounds = [0, ...places, bytes.length];
  return bounds.slice(1).map((to, i) => bytes.subarray(bounds[i], to));
}

function holds(condition: boolean, what: string): void {
  if (!condition) throw new Error(`this does not hold: ${what}`);
}

/** How reading ended: the failure's code and place. */
function ending(run: () => void): string {
  try {
    run();
    return 'whole';
  } catch (error) {
    if (error instanceof Failure) return `${error.code} at ${error.where.offset}`;
    throw error;
  }
}

function readsStream(input: Uint8Array, cuts: readonly number[]): void {
  const readThrough = (all: readonly Uint8Array[]) => {
    const reader = new StreamReader();
    let completed = 0;
    const end = ending(() => {
      for (const piece of all) {
        let at = reader.offset;
        for (const command of reader.push(piece)) {
          holds(command.offset === Math.max(at, STREAM_HEADER), 'commands follow each other');
          at = command.offset + command.bytes.length;
        }
        completed += reader.completed().reduce((sum, { length }) => sum + length, 0);
        holds(completed === reader.offset, 'what is completed is what was read');
      }
      reader.finish();
    });
    holds(reader.offset <= input.length, 'no more is read than there is');
    holds(end !== 'whole' || completed === input.length, 'a whole stream is all of it');
    return end;
  };
  holds(readThrough([input]) === readThrough(pieces(input, cuts)), 'pieces make no difference');
}

function examinesStream(input: Uint8Array, cuts: readonly number[]): void {
  const examination = new StreamExamination();
  ending(() => {
    for (const piece of pieces(input, cuts)) {
      examination.push(piece);
      void examination.cloneSources;
    }
    const summary = examination.finish();
    holds(
      summary.identity.uuid === examination.announced?.identity.uuid,
      'identities are the same',
    );
    const first = input.subarray(STREAM_HEADER);
    const length = 10 + Buffer.from(first).readUInt32LE(0);
    const renamed = renameFirst(first.subarray(0, length), Buffer.from('.temporary'));
    const other = new StreamExamination();
    other.push(input.subarray(0, STREAM_HEADER));
    other.push(renamed);
    other.push(first.subarray(length));
    const again = other.finish();
    holds(Buffer.from(again.name).toString() === '.temporary', 'the name is another');
    holds(again.identity.uuid === summary.identity.uuid, 'the identity is not');
  });
}

function salvages(input: Uint8Array, cuts: readonly number[]): void {
  const salvage = new Salvage(cuts.length % 2 === 0 ? 1 : 2);
  let length = 0;
  for (const [i, piece] of pieces(input, cuts).entries()) {
    if (i % 3 === 2) salvage.gap(piece.length);
    else salvage.push(Buffer.from(piece));
    length += piece.length;
  }
  let before = 0;
  for (const { from, to, paths } of salvage.finish()) {
    holds(before <= from && from <= to && to <= length, 'losses follow each other');
    holds(
      paths.every((path) => path.length > 0),
      'paths are not empty',
    );
    before = to;
  }
}

function readsSeekTable(input: Uint8Array, cuts: readonly number[]): void {
  const partSize = cuts.length % 3 === 0 ? (cuts[0] ?? 0) : input.length;
  ending(() => {
    const size = seekTableSize(input, partSize);
    const entries = decodeSeekTable(input, partSize);
    const stored = entries.reduce((sum, entry) => sum + entry.size, size);
    holds(stored === partSize, 'frames and table fill the part');
  });
}

function checksFrame(input: Uint8Array, cuts: readonly number[]): void {
  const length = cuts.length % 3 === 0 ? cuts[0] : declaredLength(input);
  ending(() => checkFrame(input, length ?? 0));
}

async function opens(input: Uint8Array, cuts: readonly number[]): Promise<void> {
  for (const engine of availableEngines()) {
    let length = 0;
    async function* source() {
      for (const piece of pieces(input, cuts)) yield Buffer.from(piece);
    }
    try {
      for await (const piece of openStream(source(), { engine })) {
        length += piece.length;
        // A few bytes can stand for gigabytes, in little memory; that takes time, though.
        if (length > 64 * 2 ** 20) break;
      }
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
    }
  }
}

let pool: FramePool | undefined;
/** In a thread, as an import does it: what kills the thread is no more than a damaged frame. */
async function decompresses(input: Uint8Array, cuts: readonly number[]): Promise<void> {
  if (input.length > MAX_STORED_SIZE) return;
  pool ??= new FramePool({ workers: 1 });
  const slot = await pool.acquire();
  try {
    slot.input.set(input);
    const length = declaredLength(input) ?? (cuts[0] ?? 0) % FRAME_SIZE;
    const entry = { size: input.length, length, checksum: cuts[1] ?? 0 };
    const stored = slot.input.subarray(0, input.length);
    const { content } = await pool.decompress({ slot, stored, entry, where: {} });
    holds(checksumOf(content) === entry.checksum, 'the checksum is right');
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  } finally {
    pool.release(slot);
  }
}

/** The size that the frame declares, so that most inputs pass that check. */
function declaredLength(input: Uint8Array): number | undefined {
  try {
    return parseFrameHeader(input)?.contentSize;
  } catch {
    return undefined;
  }
}

const documents = [manifestDocument, headerDocument, receiptDocument];
function readsDocument(input: Uint8Array): void {
  for (const document of documents) ending(() => void document.decode(input, 'file'));
}

async function readsJournal(input: Uint8Array): Promise<void> {
  const { length } = journalStart(settings);
  const pieces = async function* (from: number) {
    if (from < input.length) yield input.subarray(from);
  };
  const { frames: counted } = await weighJournal(pieces(0), input.length, settings);
  if (counted === 0) return;
  let frames = 0;
  for await (const frame of journalFrames(pieces(length))) {
    const { part, size, length } = frame;
    holds([part, size, length].every(Number.isSafeInteger), 'numbers are numbers');
    frames++;
  }
  holds(frames === counted, 'frames are counted');
}

const frameBytes = (part: Uint8Array) => part.subarray(0, part.length - 29);
const frame = { part: 0, size: 900, length: 2 ** 21 };

export const targets: readonly Target[] = [
  { name: 'stream reader, any bytes', seeds: streams, spoil: mutate, run: readsStream },
  {
    name: 'stream reader, checksums that fit',
    seeds: streams,
    spoil: mutateCommands,
    run: readsStream,
  },
  { name: 'examination of a stream', seeds: streams, spoil: mutateCommands, run: examinesStream },
  { name: 'salvage', seeds: streams, spoil: mutate, run: salvages },
  {
    name: 'seek table',
    seeds: [
      ...parts,
      encodeSeekTable(new Array(5).fill({ size: 1000, length: 2 ** 21, checksum: 7 })),
    ],
    spoil: mutate,
    run: readsSeekTable,
  },
  {
    name: 'frame',
    seeds: [...parts.map(frameBytes), storedFrame(Buffer.alloc(200, 'x'))],
    spoil: mutate,
    run: checksFrame,
  },
  {
    name: 'frame, decompressed',
    seeds: [...parts.map(frameBytes), storedFrame(Buffer.alloc(200, 'x'))],
    spoil: mutate,
    run: decompresses,
  },
  { name: 'zstd stream of any making', seeds: parts, spoil: mutate, run: opens },
  {
    name: 'document',
    seeds: archived.map((directory) => read(directory, 'manifest.json')),
    spoil: mutate,
    run: readsDocument,
  },
  {
    name: 'document, sealed',
    seeds: archived.map((directory) => read(directory, 'manifest.json')),
    spoil: spoilDocument,
    run: readsDocument,
  },
  {
    name: 'journal',
    seeds: [Buffer.from(journalStart(settings) + journalLine(frame).repeat(5))],
    spoil: mutate,
    run: readsJournal,
  },
];
