import { basename, resolve } from 'node:path';
import type { StoredStream } from '../../archive/catalog.ts';
import { filesystemAt } from '../../btrfs/filesystem.ts';
import { announcedIdentity, lookAtSnapshot } from '../../btrfs/identity.ts';
import { listSubvolumes, reachablePath, type Subvolume } from '../../btrfs/subvolume.ts';
import { type Text, textFromBytes } from '../../manifest/text.ts';
import type { ExportOptions } from './options.ts';
import type { ExportFacts, Snapshot } from './plan.ts';

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
 * Looks at every snapshot that the command line names. Fails for one that can't be sent.
 */
export async function sourceFacts(
  options: ExportOptions,
  signal: AbortSignal,
): Promise<SourceFacts> {
  const filesystems = new Map<string, SourceFilesystem>();
  const look = async (path: string): Promise<Snapshot> => {
    const { shown, identity } = await lookAtSnapshot(path, { signal });
    const { uuid, usedBytes, compressed, mount } = await filesystemAt(path);
    const filesystem = filesystems.get(uuid) ?? {
      uuid,
      usedBytes,
      compressed,
      subvolumes: await listSubvolumes(path),
      reach: (subvolume: Subvolume) => reachablePath(subvolume, mount),
    };
    filesystems.set(uuid, filesystem);
    return {
      path,
      name: nameOf(shown.path, path),
      uuid: shown.uuid,
      receivedUuid: shown.receivedUuid,
      creationGeneration: shown.creationGeneration,
      identity: textual(identity),
      family: familyOf(shown, filesystem.subvolumes),
    };
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
 * The snapshots at the source whose UUID the archive has: what could be a parent. Each is only
 * asked for its identity where the list doesn't show that nothing happened to it.
 */
export async function parentCandidates(
  source: SourceFacts,
  archived: readonly StoredStream[],
  signal: AbortSignal,
): Promise<Snapshot[]> {
  const byUuid = new Map(archived.map((stream) => [stream.uuid, stream]));
  const candidates: Snapshot[] = [];
  for (const filesystem of source.filesystems) {
    for (const subvolume of filesystem.subvolumes) {
      const stream = byUuid.get(subvolume.receivedUuid ?? subvolume.uuid);
      const path = filesystem.reach(subvolume);
      if (stream === undefined || path === null || !subvolume.readOnly) continue;
      // Paths on the command line are text, and so are those of its hints.
      const text = path.toString();
      if (!Buffer.from(text).equals(path)) continue;
      candidates.push({
        path: text,
        name: nameOf(subvolume.path, text),
        uuid: subvolume.uuid,
        receivedUuid: subvolume.receivedUuid,
        creationGeneration: subvolume.creationGeneration,
        identity: untouched(subvolume, filesystem.uuid, stream)
          ? { uuid: stream.uuid, ctransid: stream.ctransid }
          : textual(await announcedIdentity(path, { signal })),
        family: familyOf(subvolume, filesystem.subvolumes),
      });
    }
  }
  return candidates;
}

/** As the stream will have it; the top level has no name of its own. */
function nameOf(inFilesystem: Buffer, path: string): Text {
  const name = inFilesystem.subarray(inFilesystem.lastIndexOf('/') + 1);
  return name.length === 0 ? basename(resolve(path)) : textFromBytes(name);
}

/** Any change of a subvolume raises its generation above what it was at the export. */
function untouched(subvolume: Subvolume, filesystem: string, { manifest }: StoredStream): boolean {
  const { source } = manifest;
  return (
    source.filesystem === filesystem &&
    source.uuid === subvolume.uuid &&
    source.generation === String(subvolume.generation)
  );
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

function textual({ uuid, ctransid }: { uuid: string; ctransid: bigint }) {
  return { uuid, ctransid: String(ctransid) };
}
