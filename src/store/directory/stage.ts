import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Failure } from '../../failure/failure.ts';
import type { Entry, Stage, StagedDocument } from '../store.ts';
import { syncDirectory } from './directories.ts';
import { writing } from './failures.ts';
import { readFile } from './file.ts';
import { lookAt, refuseSpecial } from './lookup.ts';
import { entriesIn } from './medium.ts';
import type { MountGuard } from './mount-guard.ts';
import { type Place, pathOf, within } from './place.ts';
import { openSink } from './sink.ts';

/**
 * A stage in the directory at `place`, which exists.
 *
 * @param directory that it becomes
 */
export function stageIn(
  place: Place & { readonly archive: string },
  directory: string,
  leftovers: Entry[],
  mount: MountGuard,
  mode: number,
): Stage {
  const path = pathOf(place);
  return {
    keepsFiles: true,
    leftovers,
    async *read(name, range) {
      const file = within(place, name);
      refuseSpecial(file, await lookAt(pathOf(file)));
      yield* readFile(file, range);
    },

    write: (name, keep = 0) =>
      mount.writing(() =>
        writing(within(place, name), () => openSink(within(place, name), keep, mode)),
      ),

    remove: (name) =>
      writing(within(place, name), () => rm(join(path, name), { recursive: true, force: true })),

    publish: (documents, without) =>
      mount.writing(async () => {
        const final = join(place.archive, directory);
        await writing({ archive: place.archive, file: directory }, async () => {
          for (const { file, bytes } of documents) {
            const sink = await openSink(within(place, file), 0, mode);
            await sink.write(bytes);
            await sink.close();
          }
          await syncDirectory(path);
          await rename(path, final);
          await syncDirectory(dirname(final));
          await assertArrived({ archive: place.archive, file: directory }, documents);
          // The stream is complete now: a superfluous file is no failure.
          if (without !== undefined) await rm(join(final, without)).catch(() => {});
        });
      }),

    discard: () => writing(place, () => rm(path, { recursive: true, force: true })),
  };
}

/**
 * Looks for the documents after the rename, by listing the directory, because the kernel remembers
 * them. fusefat 0.1 empties a directory when it renames it, and reports no error.
 *
 * @throws {Failure} `storage-failed`
 */
async function assertArrived(place: Place, documents: readonly StagedDocument[]): Promise<void> {
  const names = new Set((await entriesIn(pathOf(place))).map(({ name }) => name));
  const lost = documents.find(({ file }) => !names.has(file));
  if (lost === undefined) return;
  throw new Failure('storage-failed', `${pathOf(place)} lost ${lost.file} when it was renamed`, {
    hint: 'do not trust the driver of this filesystem: mount the drive with another, such as that of the kernel',
    where: within(place, lost.file),
  });
}
