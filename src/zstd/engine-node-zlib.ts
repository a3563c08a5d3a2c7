/** The zstd of Node.js, which has it since 22.15. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import zlib from 'node:zlib';
import { DecodeError, type Engine } from './engine.ts';
import { MAX_STORED_SIZE } from './frame.ts';

/** The additions of node:zlib. The type declarations are those of Node.js 20, which lacks them. */
interface ZstdOfNode {
  zstdCompressSync(input: Uint8Array, options: object): Uint8Array;
  zstdDecompressSync(input: Uint8Array, options: object): Uint8Array;
  createZstdDecompress(options: object): NodeJS.ReadWriteStream;
  constants: Record<
    'ZSTD_c_compressionLevel' | 'ZSTD_c_checksumFlag' | 'ZSTD_c_hashLog' | 'ZSTD_c_chainLog',
    number
  >;
}

export function nodeZlibHasZstd(): boolean {
  return 'zstdCompressSync' in zlib;
}

export function nodeZlibEngine(): Engine {
  if (!nodeZlibHasZstd()) throw new Error('this Node.js has no zstd in node:zlib');
  const zstd = zlib as unknown as ZstdOfNode;
  const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag, ZSTD_c_hashLog, ZSTD_c_chainLog } =
    zstd.constants;
  const parameters = (level: number) => ({
    [ZSTD_c_compressionLevel]: level,
    [ZSTD_c_checksumFlag]: 1,
    // Level 3 with tables of half the size, which stay in the cache of a core: 15% faster on frames
    // of FRAME_SIZE, with output that is less than 1% larger.
    ...(level === 3 ? { [ZSTD_c_hashLog]: 16, [ZSTD_c_chainLog]: 15 } : {}),
  });

  return {
    name: 'node:zlib',

    compress(input, output, level) {
      const frame = zstd.zstdCompressSync(input, {
        chunkSize: MAX_STORED_SIZE, // one piece: growing in small ones takes longer than zstd does
        pledgedSrcSize: input.length,
        params: parameters(level),
      });
      return moveTo(output, frame);
    },

    decompress(input, output) {
      let content: Uint8Array;
      try {
        content = zstd.zstdDecompressSync(input, {
          // If the output is full, zlib asks for another chunk to learn that nothing follows.
          chunkSize: output.length + 64,
          maxOutputLength: output.length + 64,
        });
      } catch (error) {
        throw decodeError(error);
      }
      const { length } = content;
      if (length !== output.length) throw new DecodeError(`${length} bytes came out`);
      moveTo(output, content);
    },

    async *decompressLong(input) {
      const decoder = zstd.createZstdDecompress({ chunkSize: 256 * 1024 });
      const fed = pipeline(Readable.from(input, { objectMode: false }), decoder);
      fed.catch(() => {}); // used below, unless reading throws
      try {
        for await (const piece of decoder) yield piece as unknown as Uint8Array;
        await fed;
      } catch (error) {
        throw decodeError(error);
      }
    },
  };
}

/**
 * Copies `from` to the start of `to`, and frees it at once. Otherwise such buffers pile up to
 * hundreds of megabytes before the garbage collector runs, and new ones are not in the cache.
 */
function moveTo(to: Uint8Array, from: Uint8Array): number | undefined {
  const { length, buffer } = from;
  const fits = length <= to.length;
  if (fits) to.set(from);
  // Smaller ones may share their buffer.
  if (buffer.byteLength > 64 * 1024) (buffer as { transfer?(size: number): void }).transfer?.(0);
  return fits ? length : undefined;
}

/** Errors of zlib have a code. Others come from the source, or are defects. */
function decodeError(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const ofDecoder = /^(ZSTD_error_|Z_|ERR_BUFFER_TOO_LARGE)/.test(code);
  return ofDecoder ? new DecodeError((error as Error).message, { cause: error }) : error;
}
