import { basename, resolve } from 'node:path';
import type { StoredStream } from '../../archive/read/stored-stream.ts';
import { syncFilesystem } from '../../btrfs/change.ts';
import { filesystemAt } from '../../btrfs/filesystem.ts';
import { mountOf } from '../../btrfs/mounts.ts';
import { assertUnmistakable, showGenuine } from '../../btrfs/send.ts';
import {
  assertSubvolume,
  infoAt,
  listSubvolumes,
  reachablePath,
  type Subvolume,
} from '../../btrfs/subvolume.ts';
import { xattrsOf } from '../../btrfs/xattrs.ts';
import { type ByteString, byteString } from '../../names/byte-string.ts';
import { announcedUuid, stateOf } from '../../names/identity.ts';
import { absolutePath, joinPath } from '../../names/path.ts';
import { printable } from '../../names/printable.ts';
import { standingOf } from '../../names/standing.ts';
import type { StateRecord } from '../../names/state.ts';
import { titleOf } from '../../names/title.ts';
import type { ExportOptions } from './options.ts';
import type { ExportFacts, Kin, Snapshot } from './snapshot.ts';

/** The facts about the source. They do not depend on any archive. */
export interface SourceFacts {
  readonly asked: readonly Snapshot[];
  readonly parent: ExportFacts['parent'];
  readonly cloneSources: readonly Snapshot[];
  readonly filesystems: readonly SourceFilesystem[];
}

/** A filesystem as one mount shows it. */
interface SourceFilesystem {
  readonly uuid: string;
  readonly mountPoint: string;
  readonly usedBytes: number;
  readonly compressed: boolean;
  readonly subvolumes: readonly Subvolume[];
  readonly familyOf: FamilyOf;
  /** The path of a subvolume through the mount; null if the mount does not show it. */
  readonly reach: (subvolume: Subvolume) => Buffer | null;
}

/**
 * Examines every snapshot that the command line names.
 *
 * @throws {Failure} `not-genuine` if one is not what its UUID says; those of {@link showGenuine}
 */
export async function sourceFacts(
  options: ExportOptions,
  signal: AbortSignal,
): Promise<SourceFacts> {
  const filesystems = new Map<string, SourceFilesystem>();
  const synced = new Set<string>();
  const look = async (path: string): Promise<Snapshot> => {
    await assertSubvolume(path);
    const { device } = await mountOf(path);
    if (!synced.has(device)) await syncFilesystem(path);
    synced.add(device);
    const shown = await showGenuine(path, signal);
    const { uuid, usedBytes, compressed, mount } = await filesystemAt(path);
    const key = `${uuid} ${mount.id}`;
    let filesystem = filesystems.get(key);
    if (filesystem === undefined) {
      const subvolumes = await listSubvolumes(path);
      filesystem = {
        uuid,
        usedBytes,
        compressed,
        mountPoint: printable(mount.mountPoint),
        subvolumes,
        familyOf: familiesOf(subvolumes),
        reach: (subvolume) => reachablePath(subvolume, mount),
      };
      filesystems.set(key, filesystem);
    }
    assertUnmistakable(path, shown, filesystem.subvolumes);
    const inherited = inheritedIn(path);
    return { ...snapshotOf(path, shown, filesystem, 'genuine'), inherited };
  };
  const asked: Snapshot[] = [];
  for (const path of options.snapshots) asked.push(await look(path));
  const cloneSources: Snapshot[] = [];
  for (const path of options.cloneSources) cloneSources.push(await look(path));
  const parent =
    typeof options.parent === 'string' ? options.parent : await look(options.parent.path);
  return { asked, parent, cloneSources, filesystems: [...filesystems.values()] };
}

/**
 * Finds the snapshots at the source that could be a parent: those whose UUID an archive or a receipt
 * names. Leaves out those that, by the records of btrfs, are not what their UUID says.
 *
 * @param recorded the states that archives and receipts name
 */
export async function parentCandidates(
  source: SourceFacts,
  recorded: Iterable<StateRecord>,
): Promise<Snapshot[]> {
  const uuids = new Set([...recorded].map(({ uuid }) => uuid));
  const candidates: Snapshot[] = [];
  for (const filesystem of source.filesystems) {
    for (const subvolume of filesystem.subvolumes) {
      const path = filesystem.reach(subvolume);
      const known = uuids.has(announcedUuid(subvolume));
      if (!known || path === null || !subvolume.readOnly) continue;
      // Paths on the command line are text, and so are those of its hints.
      const text = path.toString();
      if (!Buffer.from(text).equals(path)) continue;
      // It may be gone by now, or another filesystem may be mounted there.
      const info = await infoAt(path).catch(() => undefined);
      if (info?.uuid !== subvolume.uuid) continue;
      const standing = standingOf(info);
      if (standing !== 'genuine' && standing !== 'undecided') continue;
      const shown = { ...info, path: subvolume.path };
      candidates.push(snapshotOf(text, shown, filesystem, standing));
    }
  }
  return candidates;
}

/** Finds the read-only subvolumes at the source whose UUID is recorded, reachable or not. */
export function recordedHere(source: SourceFacts, recorded: Iterable<StateRecord>): Kin[] {
  const uuids = new Set([...recorded].map(({ uuid }) => uuid));
  return eachOnce(source.filesystems).flatMap(({ uuid: filesystem, subvolumes, familyOf }) =>
    subvolumes.flatMap((subvolume) => {
      const { readOnly, path } = subvolume;
      if (!readOnly || !uuids.has(announcedUuid(subvolume))) return [];
      const title = titleOf(nameOf(path, ''), byteString(joinPath('/', path)));
      return [{ title, state: stateOf(filesystem, subvolume), family: familyOf(subvolume) }];
    }),
  );
}

/** Finds the streams in archives that are of families at the source. */
export function archivedKin(source: SourceFacts, archived: readonly StoredStream[]): Kin[] {
  return eachOnce(source.filesystems).flatMap(({ uuid: filesystem, subvolumes, familyOf }) => {
    const here = new Map(subvolumes.map((each) => [announcedUuid(each), each]));
    return archived.flatMap((stream) => {
      const { uuid, parentUuid } = stream.manifest.source;
      const made = stream.filesystem === filesystem && uuid !== null && { uuid, parentUuid };
      const subvolume = here.get(stream.uuid) ?? made;
      if (!subvolume) return [];
      return [{ title: stream.called.title, state: stream, family: familyOf(subvolume) }];
    });
  });
}

function eachOnce(filesystems: readonly SourceFilesystem[]): SourceFilesystem[] {
  return [...new Map(filesystems.map((filesystem) => [filesystem.uuid, filesystem])).values()];
}

function snapshotOf(
  path: string,
  shown: Subvolume,
  { uuid: filesystem, familyOf, mountPoint }: SourceFilesystem,
  standing: Snapshot['standing'],
): Snapshot {
  const name = nameOf(shown.path, path);
  return {
    path,
    name,
    title: titleOf(name, byteString(absolutePath(path))),
    uuid: shown.uuid,
    state: stateOf(filesystem, shown),
    standing,
    creationTransid: shown.creationTransid,
    family: familyOf(shown),
    mountPoint,
  };
}

/** ACLs of `fs/posix_acl.c`, and the property of `fs/btrfs/props.c`. */
const INHERITED = ['system.posix_acl_default', 'btrfs.compression'];

function inheritedIn(path: string): string[] {
  const names = xattrsOf(Buffer.from(path)).map(({ name }) => name.toString('latin1'));
  return INHERITED.filter((name) => names.includes(name));
}

/** The name that the stream will carry. The top level has no name, so its path gives one. */
function nameOf(inFilesystem: Buffer, path: string): ByteString {
  const name = inFilesystem.subarray(inFilesystem.lastIndexOf('/') + 1);
  return name.length === 0 ? basename(resolve(path)) : byteString(name);
}

/** Finds the oldest known ancestor of a subvolume by parent UUIDs. */
type FamilyOf = (subvolume: Pick<Subvolume, 'uuid' | 'parentUuid'>) => string;

function familiesOf(subvolumes: readonly Subvolume[]): FamilyOf {
  const parents = new Map(subvolumes.map((s) => [s.uuid, s.parentUuid]));
  return ({ uuid, parentUuid }) => {
    let eldest = uuid;
    let parent = parentUuid;
    for (const seen = new Set<string>(); parent !== null && !seen.has(parent); ) {
      seen.add(parent);
      eldest = parent;
      parent = parents.get(parent) ?? null;
    }
    return eldest;
  };
}
