import { Multiplication } from '../../parity/multiplication.ts';
import type { OpenFile, WritableStore } from '../../store/store.ts';

/** Bytes of memory for sums. */
const SUMS = 128 * 1024 ** 2;

/** The widest column, bytes. Eight inputs of this width are in memory. */
const WIDEST = 4 * 1024 ** 2;

/** Computed slices wait in a file of this name, which readers ignore. */
const SCRATCH = '.parity';

/** A slice, or a recovery block, with its factor for each output. */
export interface Input {
  /** Fills a piece of the slice from `offset` on. The bytes behind the end of a file stay as they are. */
  read(into: Uint8Array, offset: number): Promise<void>;
  readonly factors: Uint16Array;
}

export interface Computed {
  /** Reads a computed slice. A piece is valid until the next one is requested. */
  slice(output: number): AsyncGenerator<Uint8Array>;
}

interface Work {
  readonly store: WritableStore;
  /** Directory of the stream. */
  readonly directory: string;
  readonly sliceSize: number;
  readonly outputs: number;
  readonly inputs: readonly Input[];
  /** Called with the bytes of input that were added. */
  readonly onProgress: (bytes: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Computes slices as sums of others, and hands them to `use`. Works on one column of all slices
 * after another, so that memory does not grow with the slices; so the columns wait in a file.
 */
export async function withComputed<T>(
  work: Work,
  use: (computed: Computed) => Promise<T>,
): Promise<T> {
  const { store, directory, sliceSize, outputs } = work;
  const scratch = `${directory}/${SCRATCH}`;
  const room = Math.min(WIDEST, Math.floor(SUMS / outputs), sliceSize + 31);
  const width = Math.max(32, room - (room % 32));
  try {
    await writeColumns(work, scratch, width);
    const file = await store.open(scratch);
    try {
      return await use({ slice: (output) => sliceIn(file, output, width, outputs, sliceSize) });
    } finally {
      file.close();
    }
  } finally {
    await store.remove(scratch).catch(() => {});
  }
}

async function writeColumns(work: Work, scratch: string, width: number): Promise<void> {
  const { store, sliceSize, outputs, inputs, onProgress, signal } = work;
  const multiplication = new Multiplication(outputs, width);
  const sink = await store.create(scratch);
  try {
    for (let offset = 0; offset < sliceSize; offset += width) {
      const length = Math.min(width, sliceSize - offset);
      for (const { read, factors } of inputs) {
        signal.throwIfAborted();
        await multiplication.add((into) => read(into.subarray(0, length), offset), factors);
        onProgress(length);
      }
      for (let output = 0; output < outputs; output++) {
        const column = await multiplication.take(output);
        await sink.write(column.subarray(0, length));
      }
    }
    await sink.close();
  } catch (error) {
    await sink.abandon();
    throw error;
  } finally {
    await multiplication.close();
  }
}

async function* sliceIn(
  file: OpenFile,
  output: number,
  width: number,
  outputs: number,
  sliceSize: number,
): AsyncGenerator<Uint8Array> {
  const piece = new Uint8Array(width);
  for (let offset = 0; offset < sliceSize; offset += width) {
    const length = Math.min(width, sliceSize - offset);
    const into = piece.subarray(0, length);
    // All columns before this one are whole.
    await file.read(into, offset * outputs + output * length);
    yield into;
  }
}
