import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Draft } from '../../src/archive/write/draft.ts';
import type { DraftSettings } from '../../src/archive/write/journal.ts';
import { headerDocument, type Unsealed } from '../../src/manifest/document.ts';
import type { Manifest, ManifestPart } from '../../src/manifest/schema.ts';
import { directoryStore } from '../../src/store/directory/directory.ts';
import { type WritableStore, writeWhole } from '../../src/store/store.ts';
import { compressFrames, streamBlocks } from '../../src/zstd/pipeline.ts';
import { FramePool } from '../../src/zstd/pool.ts';
import { exampleManifest } from '../manifest/example.ts';
import { blocksOf } from '../zstd/data.ts';

/** Archives in temporary directories, with streams of any bytes: no btrfs is needed for these. */

export const settings: DraftSettings = {
  uuid: '11111111-2222-3333-4444-555555555555',
  ctransid: '7',
  parent: null,
  cloneSources: [],
  protocol: 1,
  compressedData: false,
  level: 3,
  maxPartSize: 2 ** 32 - 1,
};

/** A directory, deleted when the test is finished. */
export function withTemporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'btrferry-archive-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** An archive with a header and nothing else. */
export async function withArchive(): Promise<{ path: string; store: WritableStore }> {
  const path = withTemporary();
  const store = directoryStore(path);
  await writeWhole(store, 'btrferry.json', archiveHeader());
  return { path, store };
}

export function archiveHeader(): Uint8Array {
  return headerDocument.encode({
    format: 'btrferry/archive',
    version: 1,
    features: [],
    id: 'cccccccc-dddd-eeee-ffff-000000000000',
    tool: { name: 'btrferry', version: '0.1.0' },
    createdAt: '2026-11-22T10:00:00Z',
  });
}

/** A manifest of a full stream in these parts. */
export function manifestFor(
  parts: ManifestPart[],
  framesXxh64: string,
  change: Partial<Unsealed<Manifest>> = {},
): Unsealed<Manifest> {
  const { stream } = exampleManifest();
  const length = parts.reduce((sum, part) => sum + part.streamLength, 0);
  return exampleManifest({
    kind: 'full',
    parent: null,
    stream: { ...stream, length, framesXxh64 },
    parts,
    ...change,
  });
}

/** Publishes a stream of these bytes as `directory`, compressed as the program does it. */
export async function publish(
  store: WritableStore,
  directory: string,
  content: Uint8Array,
  { change = {}, maxPartSize = settings.maxPartSize }: PublishOptions = {},
): Promise<void> {
  const draft = await Draft.open(store, directory, { ...settings, maxPartSize });
  const pool = new FramePool({ workers: 1 });
  const blocks = streamBlocks(blocksOf(pieces(content)), pool);
  for await (const frame of compressFrames(blocks, pool, settings.level)) await draft.add(frame);
  await pool.close();
  await draft.publish((parts, framesXxh64) => manifestFor(parts, framesXxh64, change));
}

interface PublishOptions {
  readonly change?: Partial<Unsealed<Manifest>>;
  readonly maxPartSize?: number;
}

async function* pieces(content: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 65536) yield content.subarray(at, at + 65536);
}

/** Bytes that look random and are the same every time. */
export function noise(length: number): Buffer {
  const blocks: Buffer[] = [];
  for (let at = 0; at * 64 < length; at++) {
    blocks.push(createHash('sha512').update(`noise ${at}`).digest());
  }
  return Buffer.concat(blocks).subarray(0, length);
}
