import type { Unsealed } from '../../src/manifest/document.ts';
import type { Manifest, Receipt, Segment } from '../../src/manifest/schema.ts';

export const exampleSource = {
  filesystem: 'bbbbbbbb-cccc-dddd-eeee-ffffffffffff',
  host: 'alpha',
  path: { base64: Buffer.from([0x2f, 0xff]).toString('base64') },
  pathInFilesystem: { base64: Buffer.from([0xff]).toString('base64') },
  uuid: '11111111-2222-3333-4444-555555555555',
  receivedUuid: null,
  parentUuid: null,
  generation: '9',
  creationGeneration: '8',
  createdAt: '2026-11-22T10:00:00Z',
};

/** A valid manifest of an incremental stream in two parts, for tests to vary. */
export function exampleManifest(change: Partial<Unsealed<Manifest>> = {}): Unsealed<Manifest> {
  return {
    format: 'btrferry/manifest',
    version: 1,
    features: [],
    name: 'home.2026-11-22',
    kind: 'incremental',
    identity: {
      uuid: '11111111-2222-3333-4444-555555555555',
      ctransid: '18446744073709551615',
      sendTransid: null,
    },
    parent: { uuid: '66666666-7777-8888-9999-aaaaaaaaaaaa', ctransid: '7', sendTransid: null },
    cloneSources: [],
    stream: {
      protocol: 1,
      length: 5_000_000_000,
      framesXxh64: '0123456789abcdef',
      commands: { SNAPSHOT: 1, END: 1 },
      compressedData: false,
    },
    receiver: { btrfsProgs: '4.4' },
    compression: { algorithm: 'zstd', level: 3, frameSize: 2097152 },
    parts: [
      { file: '0001.btrfs.zst', length: 9, sha256: 'a'.repeat(64), offset: 0, streamLength: 4e9 },
      { file: '0002.btrfs.zst', length: 9, sha256: 'b'.repeat(64), offset: 4e9, streamLength: 1e9 },
    ],
    source: exampleSource,
    tool: { name: 'btrferry', version: '0.1.0' },
    createdAt: '2026-11-22T10:00:01.250Z',
    ...change,
  };
}

/** A valid segment of a stream in three parts, the first of which lies on an earlier medium. */
export function exampleSegment(change: Partial<Unsealed<Segment>> = {}): Unsealed<Segment> {
  const { receiver: _, stream, ...manifest } = exampleManifest();
  const piece = 1024 * 2097152;
  return {
    ...manifest,
    format: 'btrferry/segment',
    features: ['spanned'],
    stream: { protocol: 1, length: 2 * piece, framesXxh64: stream.framesXxh64 },
    parts: [
      {
        file: '0001.btrfs.zst',
        length: 9,
        sha256: 'a'.repeat(64),
        offset: 0,
        streamLength: piece,
        medium: { id: '22222222-3333-4444-5555-666666666666', label: 'drive 1' },
      },
      {
        file: '0002.btrfs.zst',
        length: 9,
        sha256: 'b'.repeat(64),
        offset: piece,
        streamLength: piece,
      },
    ],
    span: { number: 2, next: { id: null, label: 'drive 3' } },
    ...change,
  };
}

/** A valid receipt of a destination that has nothing. */
export function exampleReceipt(change: Partial<Unsealed<Receipt>> = {}): Receipt {
  return {
    format: 'btrferry/receipt',
    version: 1,
    filesystem: 'bbbbbbbb-cccc-dddd-eeee-ffffffffffff',
    subvolumes: [],
    tool: { name: 'btrferry', version: '0.1.0' },
    createdAt: '2026-11-22T10:00:01.250Z',
    ...change,
    sha256: '',
  };
}
