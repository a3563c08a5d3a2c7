import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { deleteSubvolume } from '../../btrfs/change.ts';
import type { Emit } from '../../events/event.ts';

const PREFIX = '.btrferry-incoming-';
const PATTERN = new RegExp(
  `^${PREFIX.replaceAll('.', '\\.')}[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-[0-9a-f]{8}$`,
);

/**
 * Name of a subvolume until it is proved to be received; never the same twice. A `btrfs receive`
 * that outlives a killed import writes by path, and must not meet what the next import receives.
 */
export function incomingName(uuid: string): string {
  return `${PREFIX}${uuid}-${randomBytes(4).toString('hex')}`;
}

/** Whether a name is one that only an import gives. */
export function isIncomingName(name: Uint8Array): boolean {
  return PATTERN.test(Buffer.from(name).toString('latin1'));
}

/**
 * Removes what interrupted imports left in a directory, and nothing else: subvolumes that bear a
 * temporary name of ours. Called while holding the destination's lock.
 */
export async function removeLeftOvers(into: string, emit: Emit): Promise<void> {
  for (const name of await readdir(into, { encoding: 'buffer' })) {
    if (!isIncomingName(name) || !(await deleteSubvolume(`${into}/${name}`))) continue;
    emit({
      type: 'warning',
      code: 'left-over-removed',
      message: `removed ${into}/${name}, which an interrupted import left half received`,
    });
  }
}
