import { basename, resolve } from 'node:path';
import type { StoredStream } from '../../archive/catalog.ts';
import { filesystemAt } from '../../btrfs/filesystem.ts';
import { stateOf } from '../../btrfs/identity.ts';
import { showGenuine } from '../../btrfs/send.ts';
import { infoAt, listSubvolumes, reachablePath, type Subvolume } from '../../btrfs/subvolume.ts';
import { type Text, textFromBytes } from '../../manifest/text.ts';
import { standingOf } from '../../names/standing.ts';
import type { StateRecord } from '../../names/state.ts';
import type { ExportOptions } from './options.ts';
import type { ExportFacts, Snapshot } from './snapshot.ts';

/** What stands about the source alone, before any archive is looked at. */
export interface SourceFacts {
  readonly asked: readonly Snapshot[];
  readonly parent: ExportFacts['parent'];
  readonly cloneSources: readonly Snapshot[];
  readonly filesystems: readonly SourceFilesystem[];
}

interface SourceFilesystem {
  readonly uuid: string;
  readonly usedBytes: number;
  readonly compressed: boolean;
  readonly subvolumes: readonly Subvolume[];
  /** Path of a subvolume through the mount; null where it can't be reached. */
  readonly reach: (subvolume: Subvolume) => Buffer | null;
}

/**
 * Looks at every snapshot that the command line names. Fails for one that can't be sent, or that
 * is not what its UUID says.
 */
export async function sourceFacts(
  options: ExportOptions,
  signal: AbortSignal,
): Promise<SourceFacts> {
  const filesystems = new Map<string, SourceFilesystem>();
  const look = async (path: string): Promise<Snapshot> => {
    const shown = await showGenuine(path, signal);
    const { uuid, usedBytes, compressed, mount } = await filesystemAt(path);
    const filesystem = filesystems.get(uuid) ?? {
      uuid,
      usedBytes,
      compressed,
      subvolumes: await listSubvolumes(path),
      reach: (subvolume: Subvolume) => reachablePath(subvolume, mount),
    };
    filesystems.set(uuid, filesystem);
    return snapshotOf(path, shown, filesystem, 'genuine');
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
 * The snapshots at the source that could be a parent: those whose UUID an archive or a receipt
 * has, as far as btrfs records that they are what it says.
 *
 * @param recorded the states that archives and receipts tell of
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
      const known = uuids.has(subvolume.receivedUuid ?? subvolume.uuid);
      if (!known || path === null || !subvolume.readOnly) continue;
      // Paths on the command line are text, and so are those of its hints.
      const text = path.toString();
      if (!Buffer.from(text).equals(path)) continue;
      const info = await infoAt(path);
      const standing = standingOf(info);
      if (info.uuid !== subvolume.uuid) continue; // another filesystem is mounted there
      if (standing !== 'genuine' && standing !== 'undecided') continue;
      const shown = { ...info, path: subvolume.path };
      candidates.push(snapshotOf(text, shown, filesystem, standing));
    }
  }
  return candidates;
}

/** What the archives hold from these filesystems, with the family of each stream's snapshot. */
export function archivedKin(
  source: SourceFacts,
  archived: readonly StoredStream[],
): ExportFacts['kin'] {
  return source.filesystems.flatMap(({ uuid: filesystem, subvolumes }) =>
    archived.flatMap((stream) => {
      const { uuid, parentUuid } = stream.manifest.source;
      if (stream.filesystem !== filesystem || uuid === null) return [];
      const family = familyOf({ uuid, parentUuid }, subvolumes);
      return [{ name: stream.manifest.name, state: stream, family }];
    }),
  );
}

function snapshotOf(
  path: string,
  shown: Subvolume,
  { uuid: filesystem, subvolumes }: SourceFilesystem,
  standing: Snapshot['standing'],
): Snapshot {
  return {
    path,
    name: nameOf(shown.path, path),
    uuid: shown.uuid,
    state: stateOf(filesystem, shown),
    standing,
    creationTransid: shown.creationTransid,
    family: familyOf(shown, subvolumes),
  };
}

/** As the stream will have it; the top level has no name of its own. */
function nameOf(inFilesystem: Buffer, path: string): Text {
  const name = inFilesystem.subarray(inFilesystem.lastIndexOf('/') + 1);
  return name.length === 0 ? basename(resolve(path)) : textFromBytes(name);
}

/** The eldest subvolume that this one descends from, as far back as the UUIDs tell. */
function familyOf(
  { uuid, parentUuid }: Pick<Subvolume, 'uuid' | 'parentUuid'>,
  subvolumes: readonly Subvolume[],
): string {
  const parents = new Map(subvolumes.map((s) => [s.uuid, s.parentUuid]));
  let eldest = uuid;
  let parent = parentUuid;
  for (const seen = new Set<string>(); parent !== null && !seen.has(parent); ) {
    seen.add(parent);
    eldest = parent;
    parent = parents.get(parent) ?? null;
  }
  return eldest;
}
