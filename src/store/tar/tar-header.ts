import { setImmediate } from 'node:timers/promises';
import { extract, type Header, pack } from 'tar-stream';

/** Bytes of a block. Headers and the contents of files each fill whole blocks. */
export const BLOCK = 512;

/** Blocks of zeros at the end of a tar file (POSIX.1, pax). */
export const END_BLOCKS = 2;

/** Most blocks of one header. Extended headers for long names take a few. */
const MAX_BLOCKS = 2048;

/** The header of a file in a tar file. */
export interface TarHeader {
  /** Path of the file, as it stands in the header. */
  readonly name: string;
  /** Bytes of contents. */
  readonly length: number;
  readonly kind: 'file' | 'directory' | 'other';
  /** Bytes of the header itself, with its extended headers. */
  readonly size: number;
}

/** Thrown for bytes that are not a tar header. */
export class NotTarHeader extends Error {}

/**
 * Reads one header. The library reads whole streams, so it is given blocks until it has a header,
 * and the caller can skip the contents.
 *
 * @param nextBlock returns the block with this number, counted from the start of the header
 * @throws {NotTarHeader}
 */
export async function readHeader(
  nextBlock: (number: number) => Promise<Uint8Array>,
): Promise<TarHeader> {
  const reader = extract();
  let found: Header | undefined;
  let failed: Error | undefined;
  reader.on('entry', (header) => {
    found = header;
  });
  reader.on('error', (error) => {
    failed = error;
  });
  try {
    for (let number = 0; number < MAX_BLOCKS; number++) {
      reader.write(await nextBlock(number));
      await setImmediate();
      if (failed !== undefined) break;
      if (found === undefined) continue;
      const { name, size: length = 0, type } = found;
      if (!Number.isSafeInteger(length) || length < 0) break;
      return { name, length, kind: kindOf(type), size: (number + 1) * BLOCK };
    }
    throw new NotTarHeader(failed?.message ?? 'no end of the header, or no length');
  } finally {
    reader.destroy();
  }
}

function kindOf(type: Header['type']): TarHeader['kind'] {
  if (type === 'file' || type === 'contiguous-file') return 'file';
  return type === 'directory' ? 'directory' : 'other';
}

/**
 * Makes the header of a file that only its owner can read. A path that is long or not ASCII has an
 * extended header before it. A length of 8 GiB or more is base-256, as GNU tar writes it.
 */
export async function headerFor(name: string, length: number, mtime: Date): Promise<Uint8Array> {
  const writer = pack();
  const blocks: Uint8Array[] = [];
  writer.on('data', (bytes) => blocks.push(bytes as Uint8Array));
  writer.entry({ name, size: length, mode: 0o600, mtime });
  // The library pushes all blocks of the header, and then waits for contents.
  await setImmediate();
  const header = Buffer.concat(blocks);
  const read = await readHeader(async (at) => header.subarray(at * BLOCK, (at + 1) * BLOCK));
  if (read.name !== name || read.length !== length || read.size !== header.length) {
    throw new RangeError(`no header for ${name}`);
  }
  return header;
}

/** The length of contents with the zeros that fill their last block. */
export function padded(length: number): number {
  return Math.ceil(length / BLOCK) * BLOCK;
}

/** Reports whether bytes are all zero, as those of the end of an archive are. */
export function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

/** The path of an entry, without `./` in front and slashes at the end. */
export function plainPath(name: string): string {
  return name.replace(/^(?:\.\/+)+/, '').replace(/\/+$/, '');
}
