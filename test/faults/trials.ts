import { cpSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { withBtrfs, withExt4 } from '../filesystem.ts';
import {
  entries,
  expectNothingHalf,
  expectWhole,
  plantForeign as plantBesideArchive,
} from './archive.ts';
import {
  expectArrived,
  expectNothingHalfReceived,
  leftOvers,
  plantForeign as plantBesideSubvolumes,
} from './destination.ts';
import { cuts, interrupt, kill, pull } from './disturbances.ts';
import { type DriveType, fill, withPluggedDrive, withPoweredDrive } from './drives.ts';
import type { Random } from './random.ts';
import { begin, eventsOf, succeeds } from './runs.ts';
import type { Scene } from './scene.ts';
import type { Tally } from './tally.ts';

/**
 * Trials: an export or an import is disturbed at random moments; what it leaves is looked at,
 * and the same command is given again. Each throws where the end is not that of an undisturbed
 * run, and counts what was survived.
 */

const DRIVE = 384 * 2 ** 20;
const DRIVES = ['ext4', 'btrfs'] as const;

/** SIGKILL, up to three times, to an export. */
export async function killExport(scene: Scene, random: Random, tally: Tally): Promise<void> {
  const archive = driveFor(random.pick(DRIVES));
  const foreignIsThere = plantBesideArchive(archive.mount);
  await kill(scene.exportTo(archive.mount), scene.exportTime, random, tally);
  await finishExport(scene, archive.mount, tally);
  foreignIsThere();
  archive.remove();
}

/** SIGKILL, up to three times, to an import. */
export async function killImport(scene: Scene, random: Random, tally: Tally): Promise<void> {
  const destination = driveFor('btrfs');
  const foreignIsThere = plantBesideSubvolumes(destination.mount);
  await kill(scene.importInto(destination.mount), scene.importTime, random, tally);
  await finishImport(scene, destination.mount, tally);
  foreignIsThere();
  destination.remove();
}

/** SIGINT or SIGTERM to an export: it ends with 130, and what is whole stays. */
export async function interruptExport(scene: Scene, random: Random, tally: Tally): Promise<void> {
  const archive = driveFor('ext4');
  await interrupt(scene.exportTo(archive.mount), scene.exportTime, random, tally);
  await finishExport(scene, archive.mount, tally);
  archive.remove();
}

/** SIGINT or SIGTERM to an import: it ends with 130, and nothing half is left. */
export async function interruptImport(scene: Scene, random: Random, tally: Tally): Promise<void> {
  const destination = driveFor('btrfs');
  await interrupt(scene.importInto(destination.mount), scene.importTime, random, tally);
  expect(leftOvers(destination.mount)).toEqual([]);
  await finishImport(scene, destination.mount, tally);
  destination.remove();
}

/** Cuts the power at random moments of an export; what it had told to be done must be there. */
export async function cutExport(
  scene: Scene,
  random: Random,
  tally: Tally,
  type: DriveType = random.pick(DRIVES),
): Promise<void> {
  const drive = withPoweredDrive(type);
  const foreignIsThere = plantBesideArchive(drive.mount);
  const args = scene.exportTo(drive.mount);
  for (const { cut, done } of await cuts(args, scene.exportTime, drive, random)) {
    await drive.restore(cut);
    tally.powerCuts++;
    expect(entries(path.join(drive.mount, 'streams'))).toEqual(expect.arrayContaining(done));
    await finishExport(scene, drive.mount, tally);
    foreignIsThere();
  }
  await drive.remove();
}

/** The same with an import. */
export async function cutImport(scene: Scene, random: Random, tally: Tally): Promise<void> {
  const drive = withPoweredDrive('btrfs');
  const foreignIsThere = plantBesideSubvolumes(drive.mount);
  const args = scene.importInto(drive.mount);
  for (const { cut, done } of await cuts(args, scene.importTime, drive, random)) {
    await drive.restore(cut);
    tally.powerCuts++;
    expect(entries(drive.mount)).toEqual(expect.arrayContaining(done));
    await finishImport(scene, drive.mount, tally);
    foreignIsThere();
  }
  await drive.remove();
}

/** Pulls out the drive that an export writes to. */
export async function pullTarget(scene: Scene, random: Random, tally: Tally): Promise<void> {
  const drive = withPluggedDrive(random.pick(DRIVES));
  await pull(scene.exportTo(drive.mount), scene.exportTime, drive, random, tally);
  await finishExport(scene, drive.mount, tally);
  await drive.remove();
}

/** Pulls out the drive that an import reads from. */
export async function pullArchive(scene: Scene, random: Random, tally: Tally): Promise<void> {
  const drive = withPluggedDrive('ext4');
  cpSync(scene.archive, drive.mount, { recursive: true });
  await drive.remount();
  const destination = driveFor('btrfs');
  const args = ['import', drive.mount, '--into', destination.mount];
  await pull(args, scene.importTime, drive, random, tally);
  await finishImport(scene, destination.mount, tally);
  destination.remove();
  await drive.remove();
}

/** Pulls out the drive that an import receives into. */
export async function pullDestination(scene: Scene, random: Random, tally: Tally): Promise<void> {
  const drive = withPluggedDrive('btrfs');
  await pull(scene.importInto(drive.mount), scene.importTime, drive, random, tally);
  await finishImport(scene, drive.mount, tally);
  await drive.remove();
}

/** Gives an export less room than it needs, and then enough. */
export async function fillTarget(scene: Scene, random: Random, tally: Tally): Promise<void> {
  const drive = driveFor('ext4');
  const makeRoom = fill(drive.mount, Math.floor(2 ** 21 + random.next() * scene.stored));
  const ran = await begin(...scene.exportTo(drive.mount)).ended;
  if (ran.exit === 0) tally.tooLate++;
  else {
    expect(ran).toMatchObject({ exit: 6, failure: { code: 'no-space', hint: expect.any(String) } });
    tally.full++;
  }
  makeRoom();
  await finishExport(scene, drive.mount, tally);
  drive.remove();
}

/** Gives an import less room than it needs, and then enough. */
export async function fillDestination(scene: Scene, random: Random, tally: Tally): Promise<void> {
  const drive = driveFor('btrfs');
  const makeRoom = fill(drive.mount, Math.floor(random.next() * scene.stored));
  const ran = await begin(...scene.importInto(drive.mount)).ended;
  if (ran.exit === 0) tally.tooLate++;
  else {
    expect(ran).toMatchObject({ exit: 6, failure: { code: 'no-space', hint: expect.any(String) } });
    tally.full++;
  }
  makeRoom();
  await finishImport(scene, drive.mount, tally);
  drive.remove();
}

/** Looks at what an export has left, and gives it again. */
async function finishExport(scene: Scene, archive: string, tally: Tally): Promise<void> {
  tally.streamsThere += await expectNothingHalf(archive, scene.contents);
  const ran = await succeeds(...scene.exportTo(archive));
  for (const done of eventsOf(ran, 'stream-done')) tally.framesReused += done.reusedFrames ?? 0;
  await expectWhole(archive, scene.contents);
}

/** Looks at what an import has left, and gives it again. */
async function finishImport(scene: Scene, into: string, tally: Tally): Promise<void> {
  tally.streamsThere += await expectNothingHalfReceived(into, scene.chain);
  const ran = await succeeds(...scene.importInto(into));
  const removed = eventsOf(ran, 'warning').filter(({ code }) => code === 'left-over-removed');
  tally.leftOversRemoved += removed.length;
  await expectArrived(into, scene.chain);
}

function driveFor(type: DriveType) {
  return type === 'btrfs' ? withBtrfs({ size: DRIVE }) : withExt4({ size: DRIVE });
}
