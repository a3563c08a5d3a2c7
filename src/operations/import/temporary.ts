import { randomBytes } from 'node:crypto';
import { readdir, unlink } from 'node:fs/promises';
import { deleteSubvolume } from '../../btrfs/change.ts';
import type { Emit } from '../../events/event.ts';

const PREFIX = '.btrferry-incoming-';
const PATTERN = new RegExp(
  `^${PREFIX.replaceAll('.', '\\.')}[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-[0-9a-f]{8}$`,
);

/**
 * A name for a subvolume until it is proved to be received. No two are the same: a `btrfs receive`
 * that outlives a killed import writes by path, and must not write into what the next one receives.
 */
export function temporaryName(uuid: string): string {
  return `${PREFIX}${uuid}-${randomBytes(4).toString('hex')}`;
}

/** Whether a name is one that {@link temporaryName} gives. */
export function isTemporaryName(name: Uint8Array): boolean {
  return PATTERN.test(Buffer.from(name).toString('latin1'));
}

/** Behind the temporary name of a file that is not complete yet. */
export const UNFINISHED_FILE = '.txt';

/**
 * Removes the subvolumes with temporary names that interrupted imports left in a directory, files with
 * such a name and {@link UNFINISHED_FILE}, and nothing else. The caller must hold the lock of the
 * destination.
 */
export async function removeLeftovers(into: string, emit: Emit): Promise<void> {
  for (const entry of await readdir(into, { encoding: 'buffer', withFileTypes: true })) {
    const { name } = entry;
    if (entry.isFile() && isTemporaryName(name.subarray(0, -UNFINISHED_FILE.length))) {
      await unlink(`${into}/${name}`);
    }
    if (!isTemporaryName(name) || !(await deleteSubvolume(`${into}/${name}`))) continue;
    emit({
      type: 'warning',
      code: 'left-over-removed',
      message: `removed ${into}/${name}, which an interrupted import had received in part`,
    });
  }
}
