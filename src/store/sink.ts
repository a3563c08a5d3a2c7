import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { Failure } from '../failure/failure.ts';
import { writing } from './failures.ts';
import { openOrMake } from './modes.ts';
import type { Sink } from './store.ts';

/** A file is made durable each time that so many bytes were written to it. */
const SYNC_PIECE = 32 * 1024 * 1024;

/**
 * Opens a file for writing after its first `keep` bytes, and cuts off the rest. One that is made
 * here gets the `mode`.
 */
export async function openSink(path: string, keep: number, mode: number): Promise<Sink> {
  const handle = await openOrMake(path, constants.O_WRONLY, mode);
  await handle.truncate(keep);
  return sinkOn(handle, path, keep);
}

function sinkOn(handle: FileHandle, path: string, start: number): Sink {
  let length = start;
  let synced = start;
  let syncing = Promise.resolve();
  /** Lets the medium write while there is more to come, instead of all of it at the end. */
  const syncMeanwhile = async () => {
    if (length - synced < SYNC_PIECE) return;
    await syncing;
    synced = length;
    syncing = handle.datasync();
    syncing.catch(() => {}); // thrown where it is waited for
  };
  return {
    write: (bytes) =>
      writing(path, async () => {
        await syncMeanwhile();
        let done = 0;
        while (done < bytes.length) {
          const { bytesWritten } = await handle.write(
            bytes,
            done,
            bytes.length - done,
            length + done,
          );
          done += bytesWritten;
        }
        length += bytes.length;
      }),
    close: () =>
      writing(path, async () => {
        try {
          await syncing;
          await handle.sync();
          const { size } = await handle.stat();
          if (size !== length) {
            throw new Failure(
              'storage-failed',
              `${path} is ${size} bytes after writing ${length}`,
              {
                hint: 'do not trust this medium',
                where: { file: path, expected: String(length), found: String(size) },
              },
            );
          }
        } finally {
          await handle.close();
        }
      }),
    abandon: async () => {
      await syncing.catch(() => {});
      await handle.close().catch(() => {});
    },
  };
}
