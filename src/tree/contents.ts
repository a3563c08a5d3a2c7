import { closeSync, constants, openSync, readSync } from 'node:fs';
import { joinPath, type Path } from '../names/path.ts';
import { readFailure, shortened } from './inodes.ts';

/** Reads the contents of files of one directory tree, one file after another. */
export interface ContentReader {
  /**
   * Reads bytes of a file.
   *
   * @param path from the root of the tree
   * @returns as many as were asked for, valid until the next call
   * @throws {Failure} `read-failed`
   */
  read(path: Buffer, start: number, length: number): Uint8Array;
  close(): void;
}

/** Bytes of the first buffer. */
const PIECE = 64 * 1024;

export function contentReader(top: Path): ContentReader {
  let buffer = Buffer.alloc(PIECE);
  let open: { readonly path: Buffer; readonly file: number } | undefined;
  const close = () => {
    if (open !== undefined) closeSync(open.file);
    open = undefined;
  };
  const fileOf = (path: Buffer): number => {
    if (open?.path.equals(path)) return open.file;
    close();
    const { O_RDONLY, O_NOFOLLOW, O_NOATIME } = constants;
    const file = openSync(joinPath(top, path), O_RDONLY | O_NOFOLLOW | O_NOATIME);
    open = { path, file };
    return file;
  };
  return {
    read(path, start, length) {
      if (length > buffer.length) buffer = Buffer.alloc(length);
      try {
        const file = fileOf(path);
        for (let done = 0; done < length; ) {
          const read = readSync(file, buffer, done, length - done, start + done);
          if (read === 0) throw shortened(path);
          done += read;
        }
      } catch (error) {
        throw readFailure(error, path);
      }
      return buffer.subarray(0, length);
    },
    close,
  };
}
