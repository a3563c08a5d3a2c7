/** The zstd that Node.js has built in, from 22.15 on. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import zlib from 'node:zlib';
import { DecodeError, type Engine } from './engine.ts';
import { MAX_PACKED_SIZE } from './frame.ts';

/** What node:zlib has there; the type declarations in use are those of Node.js 20. */
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
    // Half the usual tables for level 3, which then stay in a core's cache: 15% faster on frames
    // of FRAME_SIZE, and their output grows by less than 1%.
    ...(level === 3 ? { [ZSTD_c_hashLog]: 16, [ZSTD_c_chainLog]: 15 } : {}),
  });

  return {
    name: 'node:zlib',

    compress(input, output, level) {
      const frame = zstd.zstdCompressSync(input, {
        chunkSize: MAX_PACKED_SIZE, // one piece: growing in small ones takes longer than zstd does
        pledgedSrcSize: input.length,
        params: parameters(level),
      });
      return moveTo(output, frame);
    },

    decompress(input, output) {
      let content: Uint8Array;
      try {
        content = zstd.zstdDecompressSync(input, {
          // With no room left, zlib asks for another chunk to learn that nothing follows.
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
      fed.catch(() => {}); // seen below, unless reading throws first
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
 * Copies `from` to the start of `to`, and frees it at once: left to the garbage collector, such
 * buffers pile up to hundreds of megabytes, and fresh ones are cold.
 */
function moveTo(to: Uint8Array, from: Uint8Array): number | undefined {
  const { length, buffer } = from;
  const fits = length <= to.length;
  if (fits) to.set(from);
  // Smaller ones may share the buffer with others.
  if (buffer.byteLength > 64 * 1024) (buffer as { transfer?(size: number): void }).transfer?.(0);
  return fits ? length : undefined;
}

/** Errors of zlib itself carry a code; others come from the source that was read, or are defects. */
function decodeError(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const ofDecoder = /^(ZSTD_error_|Z_|ERR_BUFFER_TOO_LARGE)/.test(code);
  return ofDecoder ? new DecodeError((error as Error).message, { cause: error }) : error;
}
