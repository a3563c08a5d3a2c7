import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { request } from '../../src/btrfs/ioctl.ts';

/** BTRFS_IOC_SUBVOL_SETFLAGS, and BTRFS_SUBVOL_RDONLY. */
const SETFLAGS = 0x4008941a;
const READ_ONLY = 2n;

/**
 * Makes a subvolume writable or read-only as libbtrfsutil and btrfs-progs before 5.14.2 do it: a
 * received UUID stays, whatever is changed in between.
 */
export function flip(subvolume: string, to: 'writable' | 'read-only'): void {
  const flags = Buffer.alloc(8);
  flags.writeBigUInt64LE(to === 'read-only' ? READ_ONLY : 0n);
  const file = openSync(subvolume, 'r');
  try {
    request(file, SETFLAGS, flags);
  } finally {
    closeSync(file);
  }
}

/** Milliseconds, longer than any tick of the kernel's clock: CONFIG_HZ is 100 or more. */
const TICK = 20;

/**
 * Changes a subvolume behind its received UUID, and leaves it read-only. Waits for the next tick of
 * the kernel's clock first, because a change in the tick of the receive has the time of the receive.
 */
export function changeInPlace(subvolume: string, change: () => void): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, TICK);
  flip(subvolume, 'writable');
  change();
  flip(subvolume, 'read-only');
}

/** Receives with the system's own tools, as a person would. */
export function receiveByHand(snapshot: string, into: string, parent?: string): void {
  const from = parent === undefined ? '' : '-p "$3"';
  const script = `set -o pipefail; btrfs -q send ${from} "$1" | btrfs -q receive "$2"`;
  execFileSync('bash', ['-c', script, 'bash', snapshot, into, parent ?? '']);
}

export function snapshotOf(subvolume: string, to: string, options: string[] = ['-r']): string {
  execFileSync('btrfs', ['-q', 'subvolume', 'snapshot', ...options, subvolume, to]);
  return to;
}

export function deleteSubvolume(subvolume: string): void {
  execFileSync('btrfs', ['-q', 'subvolume', 'delete', '--commit-after', subvolume]);
}
