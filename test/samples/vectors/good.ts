import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  manifestDocument,
  receiptDocument,
  type Unsealed,
} from '../../../src/manifest/document.ts';
import type { Manifest } from '../../../src/manifest/schema.ts';
import type { CommandBody } from '../../../src/sendstream/commands.ts';
import { directoryStore } from '../../../src/store/directory/directory.ts';
import { publish } from '../../archive/stored.ts';
import { forge } from '../../hostile/forge.ts';
import { exampleReceipt } from '../../manifest/example.ts';
import { bytes, streamOf } from '../../sendstream/streams.ts';
import {
  damaged,
  edited,
  editHeader,
  end,
  foreign,
  good,
  HOME,
  home,
  large,
  later,
  one,
  real,
  reseal,
  small,
  spoiled,
  squeezed,
  text,
  tooNew,
  type Vector,
} from './vector.ts';

/** Archives of which every stream is good, whatever else is. */

const LATER = 'home.2.66666666.from-11111111';

const snapshot: CommandBody = {
  type: 'SNAPSHOT',
  path: bytes('home.2'),
  uuid: later,
  ctransid: 9n,
  cloneUuid: home,
  cloneCtransid: 7n,
};
const clone = (cloneUuid: string, cloneCtransid: bigint): CommandBody => ({
  type: 'CLONE',
  fileOffset: 0n,
  cloneLen: 4096n,
  path: bytes('letter'),
  cloneUuid,
  cloneCtransid,
  clonePath: bytes('letter'),
  cloneOffset: 0n,
});
const increment = streamOf(2, [snapshot, text('letter', 'of some account\n'), end]);
const cloning = streamOf(2, [
  snapshot,
  clone(later, 9n),
  clone(home, 7n),
  clone(foreign, 3n),
  clone(foreign, 4n),
  clone(foreign, 3n),
  end,
]);

/** The members of a manifest that are derived from its stream. */
function derived(stream: Uint8Array): Partial<Unsealed<Manifest>> {
  const directory = mkdtempSync(join(tmpdir(), 'btrferry-vector-'));
  const path = join(forge(directory, stream), 'manifest.json');
  const {
    parts: _parts,
    sha256: _seal,
    ...manifest
  } = manifestDocument.decode(readFileSync(path), path);
  rmSync(directory, { recursive: true });
  return manifest;
}

function put(archive: string, path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(archive, path)), { recursive: true });
  writeFileSync(join(archive, path), content);
}

const streams: Vector[] = [
  one('full', 'A full stream in one part.', good),
  one('real-v1', 'What btrfs send wrote; its name is no UTF-8.', good, {}, real(1)),
  one('real-v2', 'The same in version 2.', good, {}, real(2)),
  {
    name: 'compressed',
    about: 'A part as btrferry writes it.',
    async make(archive) {
      forge(archive, small, { directory: HOME });
      rmSync(join(archive, 'streams'), { recursive: true });
      await publish(directoryStore(archive), HOME, small, { change: derived(small) });
    },
    streams: { [HOME]: good },
  },
  one('parts', 'Three frames in two parts.', good, { frame: squeezed, partLength: 2 ** 22 }, large),
  one(
    'one-part',
    'The same three frames in one part: the same framesXxh64.',
    good,
    { frame: squeezed },
    large,
  ),
  {
    name: 'chain',
    about: 'An incremental stream, and its parent.',
    make(archive) {
      forge(archive, small, { directory: HOME });
      forge(archive, increment, { directory: LATER });
    },
    streams: { [HOME]: good, [LATER]: good },
  },
  {
    name: 'orphan',
    about: 'An incremental stream, which is good; its parent is nowhere.',
    make: (archive) => void forge(archive, increment, { directory: LATER }),
    streams: { [LATER]: good },
    missing: [home],
  },
  {
    name: 'clone-sources',
    about:
      'CLONE from the stream itself, its parent, and two states of another; listed in another order.',
    make(archive) {
      forge(archive, small, { directory: HOME });
      forge(archive, cloning, {
        directory: LATER,
        manifest: (manifest) => ({ ...manifest, cloneSources: manifest.cloneSources.toReversed() }),
      });
    },
    streams: { [HOME]: good, [LATER]: good },
    missing: [foreign],
  },
];

const documents: Vector[] = [
  one('manifest-compact', 'A manifest without white space.', good, {
    text: (sealed) => reseal(`${JSON.stringify(JSON.parse(sealed))}`),
  }),
  one('manifest-unknown-members', 'Members that nobody knows, at all levels.', good, {
    manifest: ({ identity, parts, stream, ...manifest }) => ({
      ...manifest,
      later: { of: [-1.5e3, true, null, { format: 'any' }], sha256: 'x' },
      stream: { ...stream, later: 1 },
      identity: { ...identity, later: [] },
      parts: parts.map((part) => ({ ...part, later: 'x' })),
    }),
  }),
  one('source-unknown', 'A producer that has only a stream.', good, {
    manifest: (manifest) => ({
      ...manifest,
      source: Object.fromEntries(Object.keys(manifest.source).map((member) => [member, null])),
      compression: { ...manifest.compression, level: null },
    }),
  }),
  one('medium', 'A part that names its medium lies where any part does.', good, {
    manifest: ({ parts, ...manifest }) => ({
      ...manifest,
      parts: parts.map((part) => ({ ...part, medium: 'drive 1' })),
    }),
  }),
  one('u64-largest', 'The largest generation.', good, {
    manifest: (manifest) => ({
      ...manifest,
      source: { ...manifest.source, generation: '18446744073709551615' },
    }),
  }),
  one(
    'text-escaped',
    'A name that is spelled with escapes.',
    good,
    edited('"home.1"', '"\\u0068ome\\u002e1"'),
  ),
];

const surroundings: Vector[] = [
  spoiled('sums-missing', 'SHA256SUMS is for people.', good, (directory) =>
    rmSync(join(directory, 'SHA256SUMS')),
  ),
  spoiled('sums-wrong', 'SHA256SUMS is for people.', good, (directory) =>
    writeFileSync(join(directory, 'SHA256SUMS'), 'odd\n'),
  ),
  spoiled(
    'header-lost',
    'The streams stand on their own.',
    { streams: { [HOME]: good }, header: damaged('manifest-damaged') },
    (_, archive) => rmSync(join(archive, 'btrferry.json')),
  ),
  spoiled(
    'header-broken',
    'The streams stand on their own.',
    { streams: { [HOME]: good }, header: damaged('manifest-damaged') },
    (_, archive) => truncateSync(join(archive, 'btrferry.json'), 40),
  ),
  spoiled(
    'header-later-version',
    'The streams stand on their own.',
    { streams: { [HOME]: good }, header: tooNew('format-version') },
    (_, archive) =>
      put(archive, 'btrferry.json', '{"format": "btrferry/archive", "version": 2, "new": []}'),
  ),
  spoiled(
    'header-feature',
    'A feature of the archive as a whole that nobody knows.',
    { streams: {}, archive: tooNew('format-feature') },
    (_, archive) => editHeader(archive, '"features": []', '"features": ["spanned"]'),
  ),
  {
    ...spoiled('renamed', 'A directory of any name that holds a manifest.', good, (directory) =>
      renameSync(directory, join(dirname(directory), 'any name')),
    ),
    streams: { 'any name': good },
  },
  spoiled(
    'passed-over',
    'Files and directories that are not of the archive.',
    good,
    (directory, archive) => {
      put(archive, 'README.txt', 'for people\n');
      put(archive, 'streams/notes.txt', '');
      put(archive, 'streams/photos/one.jpg', '');
      put(archive, 'streams/.hidden.11111111.full/manifest.json', '{}');
      put(archive, 'streams/.incoming-home.3.22222222.full/0001.btrfs.zst', 'half');
      put(archive, 'receipts/notes.json', '{}');
      put(archive, 'receipts/.a.json', '{}');
      put(directory, '._0001.btrfs.zst', '');
      put(directory, '0001.btrfs.zst.par2', '');
      put(directory, 'journal', '');
    },
  ),
  spoiled('receipt', 'A receipt of what a destination has.', good, (_, archive) => {
    const { sha256: _seal, ...receipt } = exampleReceipt({ filesystem: foreign });
    put(archive, `receipts/${foreign}.json`, receiptDocument.encode(receipt));
  }),
];

export const goodVectors: readonly Vector[] = [...streams, ...documents, ...surroundings];
