/**
 * Streams through a pool, in order: a stream's bytes into compressed frames, a part's bytes into
 * the stream's. What they yield lies in a slot of the pool, and is the consumer's until it asks
 * for the next. They read ahead as far as the pool has slots.
 */
import type { Where } from '../failure/failure.ts';
import { FRAME_SIZE } from './frame.ts';
import type {
  CompressedFrame,
  Examined,
  FramePool,
  FrameSlot,
  PackedFrame,
  PlainFrame,
} from './pool.ts';
import type { SeekEntry } from './seek-table.ts';

/** The next bytes of a stream, FRAME_SIZE but at its end, in a slot. */
export interface PlainBlock {
  readonly slot: FrameSlot;
  readonly bytes: Uint8Array;
}

/** Where a stream comes from, block by block. */
export interface BlockSource {
  /** Fills `into`; resolves to how many bytes came, fewer than asked for only at the end. */
  fill(into: Uint8Array<SharedArrayBuffer>): Promise<number>;
}

/** Where a part's bytes lie. */
export interface PartSource {
  /** Fills `into` with the bytes from `offset` on, or fails. */
  read(into: Uint8Array, offset: number): Promise<void>;
}

/** Reads a stream into blocks; none for an empty stream. */
export function plainBlocks(
  source: BlockSource,
  pool: FramePool,
): AsyncGenerator<PlainBlock, void, undefined> {
  let over = false;
  return readAhead(pool, async (slot) => {
    if (over) return undefined;
    const room = slot.input.subarray(0, FRAME_SIZE);
    const length = await source.fill(room);
    over = length < FRAME_SIZE;
    return length === 0 ? undefined : { slot, bytes: room.subarray(0, length) };
  });
}

/** Compresses blocks; their slots go back to the pool once their frame was consumed. */
export function compressFrames(
  blocks: AsyncIterable<PlainBlock>,
  pool: FramePool,
  level: number,
): AsyncGenerator<CompressedFrame, void, undefined> {
  return inOrder(blocks, pool, ({ slot, bytes }) => pool.compress(slot, bytes, level));
}

/**
 * Reads the frames that `entries` tell of, which follow one another in a part from byte `start`
 * (by default 0) on. What they hold is not looked at. Failures: those of the source.
 */
export function packedFrames(
  part: PartSource,
  entries: readonly SeekEntry[],
  pool: FramePool,
  { place = {}, start = 0 }: { place?: Where; start?: number } = {},
): AsyncGenerator<PackedFrame, void, undefined> {
  const remaining = entries.values();
  let end = start;
  return readAhead(pool, async (slot) => {
    const { value: entry } = remaining.next();
    if (entry === undefined) return undefined;
    const packed = slot.input.subarray(0, entry.size);
    const offset = end;
    end += entry.size;
    await part.read(packed, offset);
    return { slot, packed, entry, where: { ...place, offset } };
  });
}

/** Reads into slots until `read` has no more, one ahead of the one that is in use. */
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
 * @throws Failure `frame-damaged` at the first frame that is.
 */
export function decompressFrames(
  frames: AsyncIterable<PackedFrame>,
  pool: FramePool,
): AsyncGenerator<PlainFrame, void, undefined> {
  return inOrder(frames, pool, (frame) => pool.decompress(frame));
}

/** Like {@link decompressFrames}, but goes on past damaged frames, and says what is left of them. */
export function examineFrames(
  frames: AsyncIterable<PackedFrame>,
  pool: FramePool,
): AsyncGenerator<Examined, void, undefined> {
  return inOrder(frames, pool, (frame) => pool.examine(frame));
}

/**
 * Starts a job for each item as soon as the source has it, and yields the results in order. The
 * pool's slots bound how far it runs ahead: the source holds one for each item.
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
    // The source may hang in a read; its owner ends that. What it still hands over is released.
    void drain().then(() => pumped.then(drain));
  }
}
