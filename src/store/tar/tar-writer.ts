import { BLOCK, END_BLOCKS, headerFor, padded } from './tar-header.ts';

/** Takes the bytes of a tar file. The caller may reuse a buffer when its promise resolves. */
export type WriteBytes = (bytes: Uint8Array) => Promise<void>;

/** Writes an archive as a tar file, one file after another. */
export interface TarWriter {
  /**
   * Writes one file.
   *
   * @param length bytes that `contents` gives in all
   * @param meanwhile is called with each piece while it is being written
   * @throws {RangeError} if `contents` gives more or fewer bytes
   */
  file(
    path: string,
    length: number,
    contents: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    meanwhile?: (bytes: Uint8Array) => void,
  ): Promise<void>;
  /** Writes the end-of-archive blocks, without which a reader refuses the file. */
  end(): Promise<void>;
}

/**
 * Writes a tar file.
 *
 * @param mtime of all files
 */
export function tarWriter(write: WriteBytes, mtime: Date): TarWriter {
  return {
    async file(path, length, contents, meanwhile = () => {}) {
      await write(await headerFor(path, length, mtime));
      let done = 0;
      for await (const bytes of contents) {
        done += bytes.length;
        if (done > length) break;
        const writing = write(bytes);
        try {
          meanwhile(bytes);
        } finally {
          await writing;
        }
      }
      if (done !== length) throw new RangeError(`${path} has not ${length} bytes`);
      const fill = padded(length) - length;
      if (fill > 0) await write(Buffer.alloc(fill));
    },
    end: () => write(Buffer.alloc(END_BLOCKS * BLOCK)),
  };
}
