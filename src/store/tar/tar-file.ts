import { existsSync } from 'node:fs';
import { Failure } from '../../failure/failure.ts';
import { writing } from '../directory/failures.ts';
import { openReplacement } from '../directory/sink.ts';
import type { Sink } from '../store.ts';

/** Mode of a tar file. It holds whatever root can read. */
const MODE = 0o600;

/**
 * Opens a new tar file. It becomes visible, whole and durable, when its sink is closed.
 *
 * @throws {Failure} `archive-unfit` if the file exists, or its filesystem is read-only; `no-space`;
 *   `storage-failed`
 */
export async function newTarFile(location: string): Promise<Sink> {
  if (existsSync(location)) {
    throw new Failure('archive-unfit', `${location} exists`, {
      hint: 'name another file, or remove this one first',
      where: { archive: location },
    });
  }
  const place = { file: location };
  return writing(place, () => openReplacement(place, MODE));
}
