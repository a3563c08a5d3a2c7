import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import {
  atLeast,
  btrfsCapabilities,
  btrfsProgsVersion,
  kernelVersion,
  type Version,
} from '../../btrfs/version.ts';
import type { Checked } from '../../events/doctor.ts';
import { Failure } from '../../failure/failure.ts';
import { isRoot } from '../../process/privilege.ts';
import { start } from '../../process/program.ts';
import { defaultEngine, engineLimits } from '../../zstd/engines.ts';

/**
 * Checks what this machine can do. Export and import cannot run if something is `missing`, and do
 * less if something is `limited`.
 */
export async function checks(): Promise<Checked[]> {
  const progs = await installedProgs();
  return [
    root(),
    await kernel(),
    btrfsProgs(progs),
    await sending(progs),
    receiving(progs),
    await confinement(),
    zstd(),
    cores(),
  ];
}

function checked(what: string, state: Checked['state'], found: string, hint?: string): Checked {
  return { type: 'checked', what, state, found, ...(hint === undefined ? {} : { hint }) };
}

function root(): Checked {
  if (isRoot()) return checked('root', 'good', 'running as root');
  const hint = 'export and import need root: run them with sudo; the others do not';
  return checked('root', 'missing', `running as user ${process.geteuid?.()}`, hint);
}

async function kernel(): Promise<Checked> {
  const { text } = kernelVersion();
  const known = await readFile('/proc/filesystems', 'latin1');
  if (/^\s*btrfs$/m.test(known)) return checked('kernel', 'good', `${text}, with btrfs`);
  const { exitCode } = await start('modinfo', ['btrfs'], { stdout: 'ignore' }).ended;
  if (exitCode === 0) {
    return checked('kernel', 'good', `${text}, with a btrfs module, loaded when it is needed`);
  }
  const hint = 'use a kernel with btrfs; if it has a module: modprobe btrfs';
  return checked('kernel', 'missing', `${text}, without btrfs`, hint);
}

async function installedProgs(): Promise<Version | undefined> {
  try {
    return await btrfsProgsVersion();
  } catch (error) {
    if (error instanceof Failure && error.code === 'btrfs-progs') return undefined;
    throw error;
  }
}

function btrfsProgs(version: Version | undefined): Checked {
  if (version !== undefined) return checked('btrfs-progs', 'good', version.text);
  return checked('btrfs-progs', 'missing', 'not installed', 'apt install btrfs-progs');
}

async function sending(progs: Version | undefined): Promise<Checked> {
  const what = 'send';
  if (progs === undefined) return checked(what, 'missing', 'needs btrfs-progs');
  const { protocol, kernel: running, compressedData } = await btrfsCapabilities();
  if (protocol === 2) {
    const how = compressedData ? ', compressed extents as they are' : '';
    return checked(what, 'good', `protocol 1 and 2${how}`);
  }
  const needs = [
    ...(atLeast(running, 6, 0) ? [] : ['kernel 6.0']),
    ...(atLeast(progs, 6, 0) ? [] : ['btrfs-progs 6.0']),
  ];
  const hint = `streams are sound, and larger; protocol 2 needs ${needs.join(' and ') || 'a newer btrfs'}`;
  return checked(what, 'limited', 'protocol 1 only', hint);
}

function receiving(progs: Version | undefined): Checked {
  const what = 'receive';
  if (progs === undefined) return checked(what, 'missing', 'needs btrfs-progs');
  if (atLeast(progs, 6, 2)) return checked(what, 'good', 'protocol 1 and 2');
  if (atLeast(progs, 6, 0)) {
    const hint = 'btrfs-progs 6.2 mends errors in receiving protocol 2';
    return checked(what, 'limited', 'protocol 1 and 2', hint);
  }
  const hint = 'protocol 2 needs btrfs-progs 6.0, better 6.2; or export with --proto 1';
  return checked(what, 'limited', 'protocol 1 only', hint);
}

/** The kernel must clone data between two mounts of a filesystem, which it does since 5.18. */
async function confinement(): Promise<Checked> {
  const what = 'confinement';
  const hint = 'import still checks every path before btrfs receive sees it';
  if (!atLeast(kernelVersion(), 5, 18)) {
    return checked(what, 'limited', 'needs kernel 5.18', hint);
  }
  const args = ['--mount', '--propagation', 'private', 'true'];
  const { exitCode, missing } = await start('unshare', args, { stdout: 'ignore' }).ended;
  if (exitCode === 0) {
    return checked(what, 'good', 'receive runs in a mount namespace of its own');
  }
  if (missing)
    return checked(what, 'limited', 'no program unshare', `apt install util-linux; ${hint}`);
  return checked(what, 'limited', 'no mount namespaces here', hint);
}

function zstd(): Checked {
  const engine = defaultEngine();
  const { maxLevel } = engineLimits[engine];
  const found = `${engine}, levels 1 to ${maxLevel}, Node.js ${process.versions.node}`;
  if (engine === 'node:zlib') return checked('zstd', 'good', found);
  const all = engineLimits['node:zlib'].maxLevel;
  const hint = `Node.js 22.15 or later is quicker, and has levels up to ${all}`;
  return checked('zstd', 'limited', found, hint);
}

function cores(): Checked {
  const cores = availableParallelism();
  return checked('cores', 'good', `${cores}, for compression and checks`);
}
