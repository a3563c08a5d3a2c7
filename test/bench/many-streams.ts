import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  HEADER_FILE,
  MANIFEST_FILE,
  STREAMS,
  SUMS_FILE,
  streamDirectory,
  sumsText,
} from '../../src/archive/layout.ts';
import { headerDocument, manifestDocument, partFile } from '../../src/manifest/document.ts';
import { FORMAT_VERSION } from '../../src/manifest/format.ts';
import type { ManifestPart } from '../../src/manifest/schema.ts';
import type { CommandBody } from '../../src/sendstream/commands.ts';
import { encodeCommand, encodeHeader } from '../../src/sendstream/writer.ts';
import { checksumOf, FramesHash } from '../../src/zstd/checksum.ts';
import { FRAME_SIZE } from '../../src/zstd/frame.ts';
import { rawFrameSize, writeRawFrame } from '../../src/zstd/raw-frame.ts';
import { encodeSeekTable } from '../../src/zstd/seek-table.ts';

/** How the streams of an archive build on each other. */
export const shapes = {
  chain: 'each snapshot from the one before',
  'two ways': 'each snapshot from the one before, and from the one before that',
} as const;

export type Shape = keyof typeof shapes;

const tool = { name: 'btrferry', version: '0.1.0' };
const createdAt = '2026-11-22T10:00:00Z';

/** Writes an archive of so many small streams, each as an export would have made it. */
export function writeArchive(at: string, streams: number, shape: Shape): void {
  mkdirSync(join(at, STREAMS), { recursive: true });
  const id = uuidOf('archive');
  writeFileSync(
    join(at, HEADER_FILE),
    headerDocument.encode({
      format: 'btrferry/archive',
      version: FORMAT_VERSION,
      features: [],
      id,
      tool,
      createdAt,
    }),
  );
  const ways = shape === 'chain' ? 1 : 2;
  for (let snapshot = 0, written = 0; written < streams; snapshot++) {
    const parents = snapshot === 0 ? [null] : [snapshot - 1, snapshot - 2].slice(0, ways);
    for (const parent of parents.filter((one) => one === null || one >= 0)) {
      if (written++ < streams) writeStream(at, snapshot, parent);
    }
  }
}

/** A snapshot of the made-up filesystem, by its number. */
function identityOf(snapshot: number) {
  const name = `home.${String(snapshot).padStart(6, '0')}`;
  return { uuid: uuidOf(name), ctransid: String(snapshot + 10), sendTransid: null, name };
}

function writeStream(at: string, snapshot: number, parent: number | null): void {
  const { name, ...identity } = identityOf(snapshot);
  const from = parent === null ? null : identityOf(parent);
  // So that streams differ in length: which way is the cheapest is then not the same everywhere.
  const changes = ((snapshot * 7 + (parent ?? 0) * 5) % 11) + 1;
  const stream = streamBytes(identity, name, from, changes);
  const stored = Buffer.alloc(rawFrameSize(stream.length));
  writeRawFrame(stream, stored);
  const checksum = checksumOf(stream);
  const hash = new FramesHash();
  hash.add(checksum);
  const table = encodeSeekTable([{ size: stored.length, length: stream.length, checksum }]);
  const bytes = Buffer.concat([stored, table]);
  const part: ManifestPart = {
    file: partFile(0),
    length: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    offset: 0,
    streamLength: stream.length,
  };
  const directory = join(
    at,
    STREAMS,
    streamDirectory({
      title: Buffer.from(name),
      uuid: identity.uuid,
      parentUuid: from?.uuid ?? null,
    }),
  );
  mkdirSync(directory);
  writeFileSync(join(directory, part.file), bytes);
  writeFileSync(join(directory, SUMS_FILE), sumsText([part]));
  const written = { length: stream.length, framesXxh64: hash.hex(), changes };
  const manifest = manifestOf(identityOf(snapshot), from, written, part);
  writeFileSync(join(directory, MANIFEST_FILE), manifest);
}

interface Written {
  readonly length: number;
  readonly framesXxh64: string;
  readonly changes: number;
}

function manifestOf(
  { name, ...identity }: ReturnType<typeof identityOf>,
  from: ReturnType<typeof identityOf> | null,
  stream: Written,
  part: ManifestPart,
): Uint8Array {
  return manifestDocument.encode({
    format: 'btrferry/manifest',
    version: FORMAT_VERSION,
    features: [],
    name,
    kind: from === null ? 'full' : 'incremental',
    identity,
    parent: from,
    cloneSources: [],
    stream: {
      protocol: 1,
      length: stream.length,
      framesXxh64: stream.framesXxh64,
      commands: { [from === null ? 'SUBVOL' : 'SNAPSHOT']: 1, CHMOD: stream.changes, END: 1 },
      compressedData: false,
    },
    receiver: { btrfsProgs: '4.4' },
    compression: { algorithm: 'zstd', level: 3, frameSize: FRAME_SIZE },
    parts: [part],
    source: {
      filesystem: uuidOf('filesystem'),
      host: null,
      path: `/snapshots/${name}`,
      pathInFilesystem: name,
      uuid: identity.uuid,
      receivedUuid: null,
      parentUuid: uuidOf('home'),
      generation: identity.ctransid,
      creationGeneration: identity.ctransid,
      createdAt,
    },
    tool,
    createdAt,
  });
}

interface Identity {
  readonly uuid: string;
  readonly ctransid: string;
}

function streamBytes(own: Identity, name: string, from: Identity | null, changes: number): Buffer {
  const announced = {
    path: Buffer.from(name),
    uuid: own.uuid,
    ctransid: BigInt(own.ctransid),
  };
  const first: CommandBody =
    from === null
      ? { type: 'SUBVOL', ...announced }
      : {
          type: 'SNAPSHOT',
          ...announced,
          cloneUuid: from.uuid,
          cloneCtransid: BigInt(from.ctransid),
        };
  const change: CommandBody = { type: 'CHMOD', path: Buffer.alloc(0), mode: 0o755n };
  const commands = [first, ...Array<CommandBody>(changes).fill(change), { type: 'END' } as const];
  return Buffer.concat([encodeHeader(1), ...commands.map((command) => encodeCommand(command, 1))]);
}

/** A UUID that is always the same for the same words. */
function uuidOf(words: string): string {
  const hex = createHash('sha256').update(words).digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20, 32),
  ].join('-');
}
