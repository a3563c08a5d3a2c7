/**
 * Compresses and decompresses streams with a pool, in order. Each item lies in a slot of the pool,
 * and is valid until the next one is requested. The generators read ahead as far as there are free
 * slots.
 */
import type { Where } from '../failure/failure.ts';
import type { ByteReader } from './byte-reader.ts';
import { FRAME_SIZE } from './frame.ts';
import { readFrame } from './frame-reader.ts';
import type {
  CompressedFrame,
  ExaminedFrame,
  FrameContent,
  FrameSlot,
  StoredFrame,
} from './frame-states.ts';
import type { FramePool } from './pool.ts';
import type { SeekEntry } from './seek-table.ts';

/** The next bytes of a stream in a slot: FRAME_SIZE bytes, or fewer at the end. */
export interface StreamBlock {
  readonly slot: FrameSlot;
  readonly bytes: Uint8Array;
}

/** A source of stream bytes. */
export interface BlockSource {
  /** Fills `into`, and returns the number of bytes: fewer only at the end of the stream. */
  fill(into: Uint8Array<SharedArrayBuffer>): Promise<number>;
}

/** A part that can be read at any offset. */
export interface PartSource {
  /** Fills `into` with the bytes from `offset` on. Fails if there are fewer. */
  read(into: Uint8Array, offset: number): Promise<void>;
}

/** Reads a stream into blocks. An empty stream has none. */
export function streamBlocks(
  source: BlockSource,
  pool: FramePool,
): AsyncGenerator<StreamBlock, void, undefined> {
  let over = false;
  return readAhead(pool, async (slot) => {
    if (over) return undefined;
    const into = slot.input.subarray(0, FRAME_SIZE);
    const length = await source.fill(into);
    over = length < FRAME_SIZE;
    return length === 0 ? undefined : { slot, bytes: into.subarray(0, length) };
  });
}

/** Compresses blocks. Releases the slot of each when its frame was consumed. */
export function compressFrames(
  blocks: AsyncIterable<StreamBlock>,
  pool: FramePool,
  level: number,
): AsyncGenerator<CompressedFrame, void, undefined> {
  return inOrder(blocks, pool, ({ slot, bytes }) => pool.compress(slot, bytes, level));
}

/**
 * Reads consecutive frames of a part without checking them.
 *
 * @param entries sizes of the frames
 * @param options `start` of the first frame in the part, bytes (default 0); `place` of the part for
 *   failures
 * @throws {Failure} those of the part
 */
export function readFrames(
  part: PartSource,
  entries: readonly SeekEntry[],
  pool: FramePool,
  { place = {}, start = 0 }: { place?: Where; start?: number } = {},
): AsyncGenerator<StoredFrame, void, undefined> {
  const remaining = entries.values();
  let end = start;
  return readAhead(pool, async (slot) => {
    const { value: entry } = remaining.next();
    if (entry === undefined) return undefined;
    const stored = slot.input.subarray(0, entry.size);
    const offset = end;
    end += entry.size;
    await part.read(stored, offset);
    return { slot, stored, entry, where: { ...place, offset } };
  });
}

/**
 * Reads the frames at the start of a part that can be read only from its start to its end. Leaves
 * what follows the last frame, the seek table, to the caller.
 *
 * @throws {Failure} `frame-damaged`; those of the source of `reader`
 */
export function readFramesInTurn(
  reader: ByteReader,
  pool: FramePool,
  place: Where,
): AsyncGenerator<StoredFrame, void, undefined> {
  let over = false;
  return readAhead(pool, async (slot) => {
    if (over) return undefined;
    const { offset } = reader;
    const entry = await readFrame(reader, slot.input);
    over = entry === undefined;
    if (entry === undefined) return undefined;
    const where = { ...place, offset };
    return { slot, stored: slot.input.subarray(0, entry.size), entry, where };
  });
}

/** Reads into slots until `read` returns undefined. Stays one slot ahead of the consumer. */
async function* readAhead<Item extends { readonly slot: FrameSlot }>(
  pool: FramePool,
  read: (slot: FrameSlot) => Promise<Item | undefined>,
): AsyncGenerator<Item, void, undefined> {
  const readOne = async () => {
    const slot = await pool.acquire();
    let item: Item | undefined;
    try {
      item = await read(slot);
      return item;
    } finally {
      if (item === undefined) pool.release(slot);
    }
  };
  let next = readOne();
  try {
    for (let item = await next; item !== undefined; item = await next) {
      next = readOne();
      next.catch(() => {}); // thrown when its turn comes
      yield item;
    }
  } finally {
    const unused = await next.catch(() => undefined);
    if (unused !== undefined) pool.release(unused.slot);
  }
}

/**
 * Decompresses and checks frames.
 *
 * @throws {Failure} `frame-damaged` at the first damaged frame
 */
export function decompressFrames(
  frames: AsyncIterable<StoredFrame>,
  pool: FramePool,
): AsyncGenerator<FrameContent, void, undefined> {
  return inOrder(frames, pool, (frame) => pool.decompress(frame));
}

/**
 * Like {@link decompressFrames}, but goes on after a damaged frame, and yields what is left of it.
 */
export function examineFrames(
  frames: AsyncIterable<StoredFrame>,
  pool: FramePool,
): AsyncGenerator<ExaminedFrame, void, undefined> {
  return inOrder(frames, pool, (frame) => pool.examine(frame));
}

/**
 * Starts a job for each item as soon as it arrives, and yields the results in order. Each item
 * holds a slot, so the number of slots bounds how far it reads ahead.
 */
async function* inOrder<Item extends { readonly slot: FrameSlot }, Result>(
  source: AsyncIterable<Item>,
  pool: FramePool,
  start: (item: Item) => Promise<Result>,
): AsyncGenerator<Result, void, undefined> {
  const queue: Array<{ slot: FrameSlot; result: Promise<Result> }> = [];
  let end: { error?: unknown } | undefined;
  let abandoned = false;
  let wake = () => {};

  const pump = async () => {
    for await (const item of source) {
      const result = start(item);
      result.catch(() => {}); // thrown when its turn comes
      queue.push({ slot: item.slot, result });
      if (abandoned) return;
      wake();
    }
  };
  const pumped = pump()
    .then(
      () => ({}),
      (error: unknown) => ({ error }),
    )
    .then((how) => {
      end = how;
      wake();
    });

  try {
    for (;;) {
      const head = queue[0];
      if (head !== undefined) {
        yield await head.result;
        queue.shift();
        pool.release(head.slot);
      } else if (end === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else if ('error' in end) {
        throw end.error;
      } else {
        return;
      }
    }
  } finally {
    abandoned = true;
    const drain = async () => {
      for (let head = queue.shift(); head !== undefined; head = queue.shift()) {
        await head.result.catch(() => {});
        pool.release(head.slot);
      }
    };
    // The source may be blocked in a read, which its owner ends. Release the items that it still
    // yields.
    void drain().then(() => pumped.then(drain));
  }
}
