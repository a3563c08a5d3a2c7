/**
 * Reads a stream from a file or pipe of unknown origin: raw, or zstd from any tool. The first bytes
 * decide. Without a seek table, block headers show where a frame ends. Frames that declare
 * FRAME_SIZE or less are decompressed whole. Others, such as those that `zstd` makes, need a
 * decoder that keeps their window.
 */
import { Failure } from '../failure/failure.ts';
import { ByteReader } from './byte-reader.ts';
import { DecodeError, type Engine, type EngineName } from './engine.ts';
import { defaultEngine, engineLimits, loadEngine } from './engines.ts';
import {
  damaged,
  FRAME_SIZE,
  type FrameHeader,
  isSkippable,
  MAX_HEADER_SIZE,
  MAX_STORED_SIZE,
  parseFrameHeader,
  readMagic,
  withoutChecksum,
  ZSTD_MAGIC,
} from './frame.ts';
import { frameBytes, gather } from './frame-reader.ts';

/** Reports whether a stream with these first bytes (four or more) is zstd. */
function looksLikeZstd(start: Uint8Array): boolean {
  const magic = readMagic(start);
  return magic === ZSTD_MAGIC || (magic !== undefined && isSkippable(magic));
}

interface OpenOptions {
  readonly engine?: EngineName;
  readonly raw?: boolean;
  readonly proved?: boolean;
}

/**
 * Yields the contents of `input`, decompressed if it is zstd. A piece is valid until the next one
 * is requested. Checks the length of each frame, and its checksum if it has one.
 *
 * @param options `raw` (default true): accept a stream that is not zstd. `proved` (default true):
 *   check the checksums of frames that declare FRAME_SIZE or less.
 * @throws {Failure} `frame-damaged` with the offset of the frame in `input`
 */
export async function* openStream(
  input: AsyncIterable<Uint8Array>,
  { engine: name = defaultEngine(), raw = true, proved = true }: OpenOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = new ByteReader(input);
  try {
    if (raw && !looksLikeZstd(await reader.peek(4))) {
      yield* reader.rest();
      return;
    }
    const engine = await loadEngine(name);
    const buffers = { plain: new Uint8Array(FRAME_SIZE), stored: new Uint8Array(MAX_STORED_SIZE) };
    for (;;) {
      const start = await reader.peek(MAX_HEADER_SIZE);
      if (start.length === 0) return;
      if (await passOverSkippable(reader, start)) continue;
      yield* frameContent(reader, engine, buffers, proved);
    }
  } finally {
    await reader.close();
  }
}

async function passOverSkippable(reader: ByteReader, start: Uint8Array): Promise<boolean> {
  const magic = readMagic(start);
  if (magic === undefined || !isSkippable(magic)) return false;
  const where = { offset: reader.offset };
  const size = readMagic(start, 4);
  if (size === undefined) throw damaged('skippable frame is cut off', where);
  let left = 8 + size;
  for await (const piece of reader.take(left)) left -= piece.length;
  if (left > 0) throw damaged('skippable frame is cut off', where);
  return true;
}

async function* frameContent(
  reader: ByteReader,
  engine: Engine,
  buffers: { plain: Uint8Array; stored: Uint8Array },
  proved: boolean,
): AsyncGenerator<Uint8Array, void, undefined> {
  const where = { offset: reader.offset };
  const header = parseFrameHeader(await reader.peek(MAX_HEADER_SIZE), where);
  if (header === undefined) throw damaged('frame ends inside its header', where);
  if (header.dictionaryId !== 0) {
    throw damaged(`frame needs dictionary ${header.dictionaryId}`, where);
  }
  try {
    if (header.contentSize !== undefined && header.contentSize <= FRAME_SIZE) {
      const stored = await gather(frameBytes(reader, header), buffers.stored, where);
      const content = buffers.plain.subarray(0, header.contentSize);
      const bare = header.hasChecksum && !proved;
      if (content.length > 0) engine.decompress(bare ? withoutChecksum(stored) : stored, content);
      yield content;
    } else {
      checkWindow(header, engine.name);
      let length = 0;
      for await (const piece of engine.decompressLong(frameBytes(reader, header))) {
        length += piece.length;
        yield piece;
      }
      if (header.contentSize !== undefined && length !== header.contentSize) {
        throw new DecodeError(`${length} bytes came out, not ${header.contentSize}`);
      }
    }
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw damaged(`the frame cannot be decompressed: ${error.message}`, where, error);
  }
}

function checkWindow({ windowSize }: FrameHeader, engine: EngineName): void {
  if (windowSize <= engineLimits[engine].maxWindow) return;
  throw new Failure('usage', `this zstd stream needs a window of ${windowSize} bytes`, {
    hint: 'decompress it first: zstd -d --memory=2048MB < FILE | btrferry inspect -',
  });
}
