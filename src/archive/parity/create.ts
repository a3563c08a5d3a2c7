import { createHash } from 'node:crypto';
import type { ManifestPart } from '../../manifest/schema.ts';
import { factor } from '../../parity/field.ts';
import {
  describeSet,
  type ProtectedFile,
  RECOVERY_HEADER,
  recoveryHeader,
  recoveryStart,
} from '../../parity/packet.ts';
import { FileSums } from '../../parity/sums.ts';
import { type OpenFile, type WritableStore, writeWhole } from '../../store/store.ts';
import { MANIFEST_FILE } from '../layout.ts';
import { partChanged } from '../read/damage.ts';
import type { StoredStream } from '../read/stored-stream.ts';
import { type Computed, type Input, withComputed } from './compute.ts';
import { OWN_PARITY, planSets, type SetPlan, volumesOf } from './plan.ts';

interface Making {
  readonly store: WritableStore;
  readonly stream: StoredStream;
  /** Called with the bytes of files that were read. Each is read twice. */
  readonly onProgress: (bytes: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Writes parity for a stream, in place of parity of earlier times. Checks the SHA-256 of each part
 * while reading it: parity of damaged bytes would keep the damage.
 *
 * @param percent of the stream
 * @returns bytes of the files of parity
 * @throws {Failure} `part-damaged`, `read-failed`, `no-space` and other failures of a store
 */
export async function makeParity(making: Making, percent: number): Promise<number> {
  const { store, stream } = making;
  const { source, manifest } = stream;
  const entries = await source.list();
  const length = entries.find(({ name }) => name === MANIFEST_FILE)?.length ?? 0;
  const sets = planSets(manifest.parts, { file: MANIFEST_FILE, length }, percent);
  const written = new Map<string, number>();
  for (const set of sets) await makeSet(set, making, written);
  for (const { name } of entries) {
    if (OWN_PARITY.test(name) && !written.has(name)) {
      await store.remove(`${source.directory}/${name}`);
    }
  }
  return [...written.values()].reduce((sum, bytes) => sum + bytes, 0);
}

async function makeSet(plan: SetPlan, making: Making, written: Map<string, number>): Promise<void> {
  const { store, stream, signal, onProgress } = making;
  const { source } = stream;
  const { sliceSize, blocks, name } = plan;
  const sums: ProtectedFile[] = [];
  for (const { file } of plan.files) sums.push(await sumsOf(file, sliceSize, making));
  const { id, packets, files } = describeSet(sliceSize, sums, blocks);
  const opened: OpenFile[] = [];
  try {
    const inputs: Input[] = [];
    for (const { name: file, length } of files) {
      const open = await source.open(file);
      opened.push(open);
      for (let start = 0; start < length; start += sliceSize) {
        const slice = inputs.length;
        inputs.push({
          read: (into, offset) => readPadded(open, into, start + offset, length),
          factors: Uint16Array.from({ length: blocks }, (_, exponent) => factor(slice, exponent)),
        });
      }
    }
    const { directory } = source;
    const work = { store, directory, sliceSize, outputs: blocks, inputs, onProgress, signal };
    await withComputed(work, async (computed) => {
      const room = Math.min(await store.maxFileSize(), Number.MAX_SAFE_INTEGER);
      const packet = RECOVERY_HEADER + sliceSize;
      for (const volume of volumesOf(plan, packet, room - 2 * packets.length)) {
        const blocksIn = { ...volume, id, packets, sliceSize };
        written.set(volume.file, await writeVolume(store, directory, blocksIn, computed));
      }
    });
    // Last, so that a set with its index is complete.
    await writeWhole(store, `${directory}/${name}.par2`, packets);
    written.set(`${name}.par2`, packets.length);
  } finally {
    for (const file of opened) file.close();
  }
}

/** Reads a file once, checks it, and computes its checksums. */
async function sumsOf(file: string, sliceSize: number, making: Making): Promise<ProtectedFile> {
  const { stream, signal, onProgress } = making;
  const sums = new FileSums(sliceSize);
  const sha256 = createHash('sha256');
  for await (const piece of stream.source.read(file)) {
    signal.throwIfAborted();
    sums.push(piece);
    sha256.update(piece);
    onProgress(piece.length);
  }
  const part: ManifestPart | undefined = stream.manifest.parts.find((each) => each.file === file);
  const found = sha256.digest('hex');
  if (part !== undefined && part.sha256 !== found) throw partChanged(stream, part, found);
  return sums.finish(file);
}

/** Reads what a file has of a piece. */
export async function readPadded(
  file: OpenFile,
  into: Uint8Array,
  offset: number,
  length: number,
): Promise<void> {
  if (offset < length) await file.read(into.subarray(0, length - offset), offset);
}

interface Volume {
  readonly file: string;
  readonly first: number;
  readonly count: number;
  readonly id: Buffer;
  readonly packets: Buffer;
  readonly sliceSize: number;
}

/** Writes recovery blocks between two copies of the packets that describe the set. */
async function writeVolume(
  store: WritableStore,
  directory: string,
  { file, first, count, id, packets, sliceSize }: Volume,
  computed: Computed,
): Promise<number> {
  const sink = await store.create(`${directory}/${file}`);
  try {
    await sink.write(packets);
    for (let exponent = first; exponent < first + count; exponent++) {
      const start = recoveryStart(id, exponent);
      const md5 = createHash('md5').update(start);
      for await (const piece of computed.slice(exponent)) md5.update(piece);
      await sink.write(recoveryHeader(start, md5.digest(), sliceSize));
      for await (const piece of computed.slice(exponent)) await sink.write(piece);
    }
    await sink.write(packets);
    await sink.close();
  } catch (error) {
    await sink.abandon();
    throw error;
  }
  return 2 * packets.length + count * (RECOVERY_HEADER + sliceSize);
}
