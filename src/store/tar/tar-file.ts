import { existsSync } from 'node:fs';
import { Failure } from '../../failure/failure.ts';
import { writing } from '../directory/failures.ts';
import { lockPassingFile } from '../directory/lock.ts';
import { openReplacement } from '../directory/sink.ts';
import type { Sink } from '../store.ts';

/** Mode of a tar file. It holds whatever root can read. */
const MODE = 0o600;

/**
 * Opens a new tar file. It becomes visible, whole and durable, when its sink is closed. Until then no
 * other process can write one at the same place.
 *
 * @throws {Failure} `archive-unfit` if the file exists, or its filesystem is read-only;
 *   `archive-locked`; `no-space`; `storage-failed`
 */
export async function newTarFile(location: string): Promise<Sink> {
  const place = { file: location };
  const busy = new Failure('archive-locked', `another btrferry is writing ${location}`, {
    hint: 'wait until it has ended, or name another file',
    where: { archive: location },
  });
  const lock = await lockPassingFile(`${location}.lock`, busy);
  try {
    assertAbsent(location);
    const { write, close, abandon } = await writing(place, () => openReplacement(place, MODE));
    return {
      write,
      close: () => close().finally(lock.release),
      abandon: () => abandon().finally(lock.release),
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

function assertAbsent(location: string): void {
  if (!existsSync(location)) return;
  throw new Failure('archive-unfit', `${location} exists`, {
    hint: 'name another file, or remove this one first',
    where: { archive: location },
  });
}
