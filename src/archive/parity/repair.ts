import { createHash } from 'node:crypto';
import { Failure } from '../../failure/failure.ts';
import { manifestDocument } from '../../manifest/document.ts';
import type { Manifest } from '../../manifest/schema.ts';
import { type Solution, solve } from '../../parity/solve.ts';
import { type OpenFile, readWhole, type WritableStore } from '../../store/store.ts';
import { MANIFEST_FILE } from '../layout.ts';
import { placeIn, type StreamSource } from '../read/source.ts';
import { type Computed, type Input, withComputed } from './compute.ts';
import { readPadded } from './create.ts';
import { type Examined, examine, openedOr, PIECE, slicesOf } from './examine.ts';
import { type ParitySet, readParity } from './read.ts';

export interface Repair {
  readonly store: WritableStore;
  readonly source: StreamSource;
  readonly signal: AbortSignal;
}

/** The files that a repair replaced, and the number of slices that it computed. */
export interface Repaired {
  readonly files: readonly string[];
  readonly blocks: number;
}

/** A set with damaged files, and the way to mend them. */
interface Mendable {
  readonly set: ParitySet;
  readonly examined: readonly Examined[];
  readonly solution: Solution;
}

/** A file that a repair may write: the manifest, or a part. */
const REPAIRABLE = /^(?:manifest\.json|[0-9]{4}\.btrfs\.zst)$/;

/**
 * Repairs the damaged files of a stream by its parity: all of them, or none. Writes each beside the
 * damaged one, and puts it in its place when it is proved: the manifest by its seal, a part by the
 * SHA-256 in the manifest.
 *
 * @throws {Failure} `beyond-repair` if there is no parity, or too little; failures of a store
 */
export async function repairStream(repair: Repair): Promise<Repaired> {
  const { source, signal } = repair;
  const { sets, files } = await readParity(source, signal);
  if (files.length === 0) throw withoutParity(source);
  const mendable: Mendable[] = [];
  const open = new Map<string, Failure>();
  for (const set of sets) {
    const examined = await examine(set, source, signal);
    const damaged = examined.filter(({ isDamaged }) => isDamaged).map(({ file }) => file.name);
    if (damaged.length === 0) continue;
    const lost = examined.flatMap((each) => each.lost);
    const slices = examined.reduce((sum, { file }) => sum + slicesOf(file), 0);
    const solution = solve(
      slices,
      lost,
      [...set.blocks.keys()].sort((a, b) => a - b),
    );
    if (solution !== undefined) mendable.push({ set, examined, solution });
    for (const name of damaged) {
      if (solution === undefined) {
        if (!open.has(name)) open.set(name, tooLittle(source, name, lost.length, set.blocks.size));
      }
    }
  }
  for (const { examined } of mendable) {
    for (const { file, isDamaged } of examined) if (isDamaged) open.delete(file.name);
  }
  const [failure] = open.values();
  if (failure !== undefined) throw failure;
  if (mendable.length === 0) throw unexplained(source);
  const done = new Set<string>();
  let blocks = 0;
  for (const each of mendable) blocks += await mend(each, repair, done);
  return { files: [...done].sort(), blocks };
}

/** Writes the damaged files of a set anew. Returns the number of slices that were computed. */
async function mend(
  { set, examined, solution }: Mendable,
  repair: Repair,
  done: Set<string>,
): Promise<number> {
  const { store, source, signal } = repair;
  const damaged = examined.filter(({ file, isDamaged }) => isDamaged && !done.has(file.name));
  // The manifest comes first, because it proves the parts.
  damaged.sort(
    (a, b) => Number(b.file.name === MANIFEST_FILE) - Number(a.file.name === MANIFEST_FILE),
  );
  const lost = examined.flatMap((each) => each.lost);
  const write = async (computed: Computed | undefined) => {
    for (const each of damaged) {
      if (!REPAIRABLE.test(each.file.name)) continue;
      const slice = (at: number) => computed?.slice(lost.indexOf(at)) ?? nothing();
      await rewrite(each, set.sliceSize, slice, repair);
      done.add(each.file.name);
    }
  };
  if (lost.length === 0) {
    await write(undefined);
    return 0;
  }
  const opened: OpenFile[] = [];
  try {
    const inputs = await inputsOf(set, examined, solution, source, opened);
    const { directory } = source;
    const { sliceSize } = set;
    const onProgress = () => {};
    const work = { store, directory, sliceSize, outputs: lost.length, inputs, onProgress, signal };
    await withComputed(work, write);
  } finally {
    for (const file of opened) file.close();
  }
  return lost.length;
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** The slices that are left, and the recovery blocks, with their factors. */
async function inputsOf(
  set: ParitySet,
  examined: readonly Examined[],
  { exponents, factors }: Solution,
  source: StreamSource,
  opened: OpenFile[],
): Promise<Input[]> {
  const inputs: Input[] = [];
  const factorsAt = (index: number) => Uint16Array.from(factors, (row) => row[index] as number);
  const opening = async (file: string) => {
    const open = await source.open(file);
    opened.push(open);
    return open;
  };
  let slices = 0;
  for (const { file, first, lost } of examined) {
    const count = slicesOf(file);
    slices += count;
    if (lost.length === count) continue;
    const open = await opening(file.name);
    for (let slice = 0; slice < count; slice++) {
      if (lost.includes(first + slice)) continue;
      const start = slice * set.sliceSize;
      const read: Input['read'] = (into, offset) =>
        readPadded(open, into, start + offset, file.length);
      inputs.push({ read, factors: factorsAt(first + slice) });
    }
  }
  const volumes = new Map<string, OpenFile>();
  for (const [at, exponent] of exponents.entries()) {
    const block = set.blocks.get(exponent) as { file: string; offset: number };
    const open = volumes.get(block.file) ?? (await opening(block.file));
    volumes.set(block.file, open);
    const read: Input['read'] = (into, offset) => open.read(into, block.offset + offset);
    inputs.push({ read, factors: factorsAt(slices + at) });
  }
  return inputs;
}

/** Writes one file anew, proves it, and puts it in the place of the damaged one. */
async function rewrite(
  { file, first, lost }: Examined,
  sliceSize: number,
  computed: (slice: number) => AsyncGenerator<Uint8Array>,
  { store, source, signal }: Repair,
): Promise<void> {
  const { name, length } = file;
  const manifest = name === MANIFEST_FILE ? undefined : await manifestOf(source);
  if (manifest === undefined && length > manifestDocument.limit) throw unexplained(source);
  const opened = await openedOr(source, name);
  const sink = await store.create(`${source.directory}/${name}`);
  const hash = createHash('sha256');
  const kept: Buffer[] = [];
  const write = async (piece: Uint8Array) => {
    hash.update(piece);
    if (manifest === undefined) kept.push(Buffer.from(piece));
    await sink.write(piece);
  };
  try {
    for (let slice = 0; slice < slicesOf(file); slice++) {
      signal.throwIfAborted();
      const start = slice * sliceSize;
      let left = Math.min(sliceSize, length - start);
      if (lost.includes(first + slice)) {
        for await (const piece of computed(first + slice)) {
          await write(piece.subarray(0, left));
          left = Math.max(0, left - piece.length);
        }
        continue;
      }
      for (let at = start; left > 0; ) {
        const piece = new Uint8Array(Math.min(PIECE, left));
        await opened?.read(piece, at);
        await write(piece);
        at += piece.length;
        left -= piece.length;
      }
    }
    if (manifest === undefined) proveManifest(Buffer.concat(kept), source);
    else provePart(manifest, name, hash.digest('hex'), source);
    await sink.close();
  } catch (error) {
    await sink.abandon();
    throw error;
  } finally {
    opened?.close();
  }
}

async function manifestOf(source: StreamSource): Promise<Manifest> {
  const bytes = await readWhole(source.read(MANIFEST_FILE), manifestDocument.limit);
  return manifestDocument.decode(bytes ?? new Uint8Array(0), placeIn(source, MANIFEST_FILE).file);
}

function proveManifest(bytes: Uint8Array, source: StreamSource): void {
  manifestDocument.decode(bytes, placeIn(source, MANIFEST_FILE).file);
}

function provePart(manifest: Manifest, name: string, sha256: string, source: StreamSource): void {
  const part = manifest.parts.find(({ file }) => file === name);
  if (part?.sha256 === sha256) return;
  const place = placeIn(source, name);
  throw new Failure('beyond-repair', `the parity of ${place.file} is not of its manifest`, {
    hint: COPY,
    where: { ...place, ...(part && { expected: part.sha256 }), found: sha256 },
  });
}

const COPY = 'bring the stream from another archive: btrferry copy';

function withoutParity(source: StreamSource): Failure {
  const { directory } = source;
  return new Failure('beyond-repair', `${directory} is damaged and has no parity`, {
    hint: COPY,
    where: { ...placeIn(source), found: '0' },
  });
}

function tooLittle(source: StreamSource, name: string, needed: number, there: number): Failure {
  const place = placeIn(source, name);
  const message = `${place.file} cannot be repaired: that needs ${needed} recovery blocks, and there are ${there}`;
  const where = { ...place, expected: String(needed), found: String(there) };
  return new Failure('beyond-repair', message, { hint: COPY, where });
}

/** The files are as they were when the parity was made, or the parity does not cover them. */
function unexplained(source: StreamSource): Failure {
  const message = `the parity in ${source.directory} does not cover what is damaged`;
  return new Failure('beyond-repair', message, { hint: COPY, where: placeIn(source) });
}
