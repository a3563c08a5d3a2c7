import { constants } from 'node:fs';
import { type FileHandle, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure } from '../../failure/failure.ts';
import type { Sink } from '../store.ts';
import { syncDirectory } from './directories.ts';
import { writing } from './failures.ts';
import { openOrMake } from './modes.ts';
import { type Place, pathOf } from './place.ts';

/** Bytes after which a file is synced, so that the medium writes while more bytes arrive. */
const SYNC_PIECE = 32 * 1024 * 1024;

/**
 * Opens a file for writing after its first `keep` bytes, and cuts off the rest.
 *
 * @param mode of a file that is made here
 */
export async function openSink(place: Place, keep: number, mode: number): Promise<Sink> {
  const handle = await openOrMake(place, constants.O_WRONLY, mode);
  await handle.truncate(keep);
  return sinkOn(handle, place, keep);
}

/** Opens a new file that replaces the one at `place` when it is closed. */
export async function openReplacement(place: Place, mode: number): Promise<Sink> {
  const path = pathOf(place);
  const temporary = { ...place, file: `${place.file}.new` };
  const sink = await openSink(temporary, 0, mode);
  return {
    write: sink.write,
    close: () =>
      writing(place, async () => {
        await sink.close();
        await rename(pathOf(temporary), path);
        await syncDirectory(dirname(path));
      }),
    async abandon() {
      await sink.abandon();
      await rm(pathOf(temporary), { force: true }).catch(() => {});
    },
  };
}

function sinkOn(handle: FileHandle, place: Place, start: number): Sink {
  let length = start;
  let synced = start;
  let syncing = Promise.resolve();
  const syncEarly = async () => {
    if (length - synced < SYNC_PIECE) return;
    await syncing;
    synced = length;
    syncing = handle.datasync();
    syncing.catch(() => {}); // the next sync or close throws it
  };
  return {
    write: (bytes) =>
      writing(place, async () => {
        await syncEarly();
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
      writing(place, async () => {
        try {
          await syncing;
          await handle.sync();
          const { size } = await handle.stat();
          if (size !== length) throw otherSize(place, size, length);
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

function otherSize(place: Place, size: number, written: number): Failure {
  return new Failure(
    'storage-failed',
    `${pathOf(place)} is ${size} bytes after writing ${written}`,
    {
      hint: 'do not trust this medium',
      where: { ...place, expected: String(written), found: String(size) },
    },
  );
}
