import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sumsText } from '../../src/archive/layout.ts';
import type { Unsealed } from '../../src/manifest/document.ts';
import type { Manifest, ManifestPart } from '../../src/manifest/schema.ts';
import { seal } from '../../src/manifest/seal.ts';
import { byteString } from '../../src/names/byte-string.ts';
import { StreamReader } from '../../src/sendstream/reader.ts';
import { StreamSummary, type Summary } from '../../src/sendstream/summary.ts';
import { checksumOf, FramesHash } from '../../src/zstd/checksum.ts';
import { FRAME_SIZE } from '../../src/zstd/frame.ts';
import { rawFrameSize, writeRawFrame } from '../../src/zstd/raw-frame.ts';
import { encodeSeekTable, type SeekEntry } from '../../src/zstd/seek-table.ts';
import { archiveHeader } from '../archive/stored.ts';
import { exampleManifest } from '../manifest/example.ts';

/**
 * Archives around streams of any bytes, made with bad intent: everything about them is right but
 * what the attack wants to be wrong. All hashes, lengths and seals fit, unless told otherwise.
 */

/** The changes to make; none gives a good archive. */
export interface Forgery {
  /** Name of the stream's directory. */
  readonly directory?: string;
  /** Bytes of stream in each part; one part unless told. */
  readonly partLength?: number;
  /** Members of the manifest that say something else than the truth. */
  readonly claim?: Partial<Unsealed<Manifest>>;
  /** Puts another zstd frame in the place of one. */
  readonly frame?: (frame: Uint8Array, plain: Uint8Array) => Uint8Array;
  /** Puts other entries into the seek table. */
  readonly entries?: (entries: SeekEntry[]) => SeekEntry[];
  /** Puts other bytes in the place of the seek table. */
  readonly table?: (table: Uint8Array) => Uint8Array;
  /** The part's bytes as they will lie there; its SHA-256 and length are taken from these. */
  readonly part?: (bytes: Uint8Array) => Uint8Array;
  /** Any JSON in the place of the manifest; it is sealed. */
  readonly manifest?: (manifest: Unsealed<Manifest>) => object;
  /** Any text in the place of the sealed manifest. */
  readonly text?: (manifest: string) => string | Uint8Array;
}

/** Makes an archive, unless there is one, and puts a stream into it. Gives the stream's directory. */
export function forge(archive: string, stream: Uint8Array, forgery: Forgery = {}): string {
  const { directory = 'forged.11111111.full', partLength = stream.length } = forgery;
  const at = join(archive, 'streams', directory);
  mkdirSync(at, { recursive: true });
  writeFileSync(join(archive, 'btrferry.json'), archiveHeader());
  const parts: ManifestPart[] = [];
  const hash = new FramesHash();
  let offset = 0;
  do {
    const plain = stream.subarray(offset, offset + partLength);
    const bytes = forgePart(plain, forgery, hash);
    const file = `${String(parts.length + 1).padStart(4, '0')}.btrfs.zst`;
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    parts.push({ file, length: bytes.length, sha256, offset, streamLength: plain.length });
    writeFileSync(join(at, file), bytes);
    offset += plain.length;
  } while (offset < stream.length);

  const claim = { ...truth(stream, hash), parts, ...forgery.claim };
  const manifest: Partial<typeof claim> = forgery.manifest?.(claim) ?? claim;
  writeFileSync(
    join(at, 'SHA256SUMS'),
    sumsText(Array.isArray(manifest.parts) ? manifest.parts : parts),
  );
  const sealed = Buffer.from(seal(manifest)).toString();
  writeFileSync(join(at, 'manifest.json'), forgery.text?.(sealed) ?? sealed);
  return at;
}

function forgePart(plain: Uint8Array, forgery: Forgery, hash: FramesHash): Uint8Array {
  const frames: Uint8Array[] = [];
  const entries: SeekEntry[] = [];
  for (let at = 0; at < plain.length; at += FRAME_SIZE) {
    const content = plain.subarray(at, at + FRAME_SIZE);
    const stored = storedFrame(content);
    const frame = forgery.frame?.(stored, content) ?? stored;
    entries.push({ size: frame.length, length: content.length, checksum: checksumOf(content) });
    frames.push(frame);
  }
  const told = forgery.entries?.(entries) ?? entries;
  for (const { checksum } of told) hash.add(checksum);
  const table = encodeSeekTable(told);
  const part = Buffer.concat([...frames, forgery.table?.(table) ?? table]);
  return forgery.part?.(part) ?? part;
}

/** A zstd frame that holds these bytes as they are. */
export function storedFrame(content: Uint8Array): Uint8Array {
  const frame = new Uint8Array(rawFrameSize(content.length));
  writeRawFrame(content, frame);
  return frame;
}

/** The true manifest of a stream, as far as the stream makes sense. */
function truth(stream: Uint8Array, hash: FramesHash): Unsealed<Manifest> {
  const example = exampleManifest();
  const said = summary(stream);
  return {
    ...example,
    name: byteString(said?.name ?? Buffer.from('forged')),
    kind: said?.kind ?? 'full',
    identity: claimed(said?.identity) ?? example.identity,
    parent: claimed(said?.parent) ?? null,
    cloneSources: (said?.cloneSources ?? []).flatMap((one) => claimed(one) ?? []),
    stream: {
      protocol: said?.version ?? 1,
      length: stream.length,
      framesXxh64: hash.hex(),
      commands: said?.commandCounts ?? { SUBVOL: 1, END: 1 },
      compressedData: said?.compressedData ?? false,
    },
    receiver: { btrfsProgs: said?.needs.btrfsProgs ?? '3.12' },
    source: { ...example.source, uuid: said?.identity.uuid ?? example.identity.uuid },
  };
}

function claimed(identity: { uuid: string; ctransid: bigint } | null | undefined) {
  return identity == null
    ? undefined
    : { uuid: identity.uuid, ctransid: String(identity.ctransid), sendTransid: null };
}

/** The part of a stream that can be read, whatever its paths are. */
function summary(stream: Uint8Array): Summary | undefined {
  const reader = new StreamReader({ checkPaths: false });
  const gathered = new StreamSummary();
  try {
    for (const command of reader.push(stream)) gathered.add(command);
  } catch {
    // So much the better for the attack.
  }
  return gathered.announced === undefined ? undefined : gathered.result(reader.version ?? 1);
}
