/**
 * Streams through a pool, in order: a stream's bytes into compressed frames, a part's bytes into
 * the stream's. What they yield lies in a slot of the pool, and is the consumer's until it asks
 * for the next. They read ahead as far as the pool has slots.
 */
import type { Where } from '../failure/failure.ts';
import { damaged, FRAME_SIZE } from './frame.ts';
import type { CompressedFrame, Examined, FramePool, FrameSlot, PackedFrame } from './pool.ts';
import type { SeekEntry } from './seek-table.ts';

/** The next bytes of a stream: the first `length` of `slot.plain`, FRAME_SIZE but at its end. */
export interface PlainBlock {
  readonly slot: FrameSlot;
  readonly length: number;
}

/** Where a stream comes from, block by block. */
export interface BlockSource {
  /** Fills `into`; resolves to how many bytes came, fewer than asked for only at the end. */
  fill(into: Uint8Array<SharedArrayBuffer>): Promise<number>;
}

/** Reads a stream into blocks; none for an empty stream. One is read while the last is looked at. */
export async function* plainBlocks(
  source: BlockSource,
  pool: FramePool,
): AsyncGenerator<PlainBlock, void, undefined> {
  const read = async (): Promise<PlainBlock> => {
    const slot = await pool.acquire();
    try {
      return { slot, length: await source.fill(slot.plain) };
    } catch (error) {
      pool.release(slot);
      throw error;
    }
  };
  let next: Promise<PlainBlock> | undefined = read();
  try {
    while (next !== undefined) {
      const block: PlainBlock = await next;
      next = block.length === FRAME_SIZE ? read() : undefined;
      next?.catch(() => {}); // thrown when its turn comes
      if (block.length > 0) yield block;
      else pool.release(block.slot);
    }
  } finally {
    // An error of its own has released it.
    const unread = await next?.catch(() => undefined);
    if (unread !== undefined) pool.release(unread.slot);
  }
}

/** Compresses blocks; their slots go back to the pool once their frame was consumed. */
export function compressFrames(
  blocks: AsyncIterable<PlainBlock>,
  pool: FramePool,
  level: number,
): AsyncGenerator<CompressedFrame, void, undefined> {
  return inOrder(blocks, pool, ({ slot, length }) => pool.compress(slot, length, level));
}

/**
 * Cuts a part's bytes, which come in pieces of any size, into the frames that its seek table
 * lists. Reads the part to its end, the table included, so that a hash taken on the way is whole.
 *
 * @throws Failure `frame-damaged` when the part ends too early.
 */
export async function* packedFrames(
  part: AsyncIterable<Uint8Array>,
  entries: readonly SeekEntry[],
  pool: FramePool,
  where: Where = {},
): AsyncGenerator<PackedFrame, void, undefined> {
  let slot: FrameSlot | undefined;
  let packed: Uint8Array = new Uint8Array(0);
  let index = 0;
  let offset = 0;
  let filled = 0;
  try {
    for await (const piece of part) {
      for (let from = 0; from < piece.length; ) {
        const entry = entries[index];
        if (entry === undefined) break;
        if (slot === undefined) {
          slot = await pool.acquire();
          packed = alignedWith(piece, from, slot.packed, entry.size);
        }
        const bytes = piece.subarray(from, from + entry.size - filled);
        packed.set(bytes, filled);
        filled += bytes.length;
        from += bytes.length;
        if (filled < entry.size) continue;
        const frame = { slot, packed, entry, where: { ...where, offset } };
        slot = undefined;
        filled = 0;
        offset += entry.size;
        index += 1;
        yield frame;
      }
    }
    if (index < entries.length) {
      throw damaged(`part ends before frame ${index} does`, { ...where, offset });
    }
  } finally {
    if (slot !== undefined) pool.release(slot);
  }
}

/**
 * Room for `size` bytes near the start of `room`, at an address that has the same remainder by
 * eight as that of `bytes[from]`: V8 copies into shared memory in words, else byte by byte, which
 * takes five times as long.
 */
function alignedWith(bytes: Uint8Array, from: number, room: Uint8Array, size: number) {
  const start = (bytes.byteOffset + from - room.byteOffset) & 7;
  return room.subarray(start, start + size);
}

/**
 * Decompresses and checks frames.
 *
 * @throws Failure `frame-damaged` at the first frame that is.
 */
export function decompressFrames(
  frames: AsyncIterable<PackedFrame>,
  pool: FramePool,
): AsyncGenerator<Uint8Array, void, undefined> {
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
