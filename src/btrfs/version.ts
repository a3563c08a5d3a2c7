import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { Failure } from '../failure/failure.ts';
import { btrfs } from './command.ts';

/** A version of a program or the kernel. */
export interface Version {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** As the program prints it. */
  readonly text: string;
}

/** The abilities of `btrfs send` on this machine. */
export interface Capabilities {
  readonly btrfsProgs: Version;
  readonly kernel: Version;
  /** The newest protocol that `btrfs send` and the kernel both know, at most 2. */
  readonly protocol: 1 | 2;
  /** `btrfs send` knows `--compressed-data`; it needs protocol 2. */
  readonly compressedData: boolean;
}

/** Reads the first `major.minor[.patch]` in a text; undefined if there is none. */
export function parseVersion(text: string): Version | undefined {
  const [, whole, major, minor, patch] = /((\d+)\.(\d+)(?:\.(\d+))?\S*)/.exec(text) ?? [];
  if (whole === undefined) return undefined;
  return { major: Number(major), minor: Number(minor), patch: Number(patch ?? 0), text: whole };
}

export function atLeast(version: Version, major: number, minor: number, patch = 0): boolean {
  const difference = version.major - major || version.minor - minor || version.patch - patch;
  return difference >= 0;
}

/** @throws {Failure} `btrfs-progs` when it is not installed. */
export async function btrfsProgsVersion(): Promise<Version> {
  const { stdout } = await btrfs(['--version']);
  const version = parseVersion(stdout.toString());
  if (version !== undefined) return version;
  throw new Failure('btrfs-progs', 'btrfs --version prints no version');
}

export function kernelVersion(): Version {
  const text = os.release();
  return { ...(parseVersion(text) ?? { major: 0, minor: 0, patch: 0 }), text };
}

/** @throws {Failure} `btrfs-progs` when it is not installed. */
export async function btrfsCapabilities(): Promise<Capabilities> {
  const [btrfsProgs, { stdout }, kernelProtocol] = await Promise.all([
    btrfsProgsVersion(),
    btrfs(['send', '--help']),
    kernelSendProtocol(),
  ]);
  const options = stdout.toString();
  return {
    btrfsProgs,
    kernel: kernelVersion(),
    protocol: options.includes('--proto') && kernelProtocol >= 2 ? 2 : 1,
    compressedData: options.includes('--compressed-data') && kernelProtocol >= 2,
  };
}

/** The kernel says it once its btrfs module is loaded. Before that, its version decides. */
async function kernelSendProtocol(): Promise<number> {
  try {
    return Number(await readFile('/sys/fs/btrfs/features/send_stream_version', 'latin1'));
  } catch {
    return atLeast(kernelVersion(), 6, 0) ? 2 : 1;
  }
}
