import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Unsealed } from '../../src/manifest/document.ts';
import type { Manifest } from '../../src/manifest/schema.ts';
import { other } from '../sendstream/streams.ts';
import { forge } from './forge.ts';
import { forged, goodStream, type HostileArchive } from './good-archive.ts';

/** Archives with a manifest, or with files, that are not what they seem. */

/** A manifest with other members, whatever the schema says, sealed. */
const described = (name: string, change: (manifest: Unsealed<Manifest>) => object) =>
  forged(`a manifest with ${name}`, 'manifest-damaged', {
    manifest: (manifest) => ({ ...manifest, ...change(manifest) }),
  });

const onPart = (change: object) => (manifest: Unsealed<Manifest>) => ({
  parts: manifest.parts.map((part) => ({ ...part, ...change })),
});
const onStream = (change: object) => (manifest: Unsealed<Manifest>) => ({
  stream: { ...manifest.stream, ...change },
});

/** So deep that whoever follows it by recursion runs out of stack. */
const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
const HOLE = '"a hole"';

/** Puts text of any depth into a sealed document: it is sealed with a hole, which is then filled. */
const bottomless = (name: string, change: object): HostileArchive => ({
  name: `a manifest that is bottomless in ${name}`,
  code: 'manifest-damaged',
  make: (archive) =>
    void forge(archive, goodStream, {
      manifest: (manifest) => ({ ...manifest, ...change }),
      text: (sealed) => resealed(sealed.replace(HOLE, deep)),
    }),
});

function resealed(text: string): string {
  const open = text.replace(
    /"sha256": "[0-9a-f]{64}"(?=\s*\}\s*$)/,
    `"sha256": "${'0'.repeat(64)}"`,
  );
  const sum = execFileSync('sha256sum', { input: open, encoding: 'utf8' }).slice(0, 64);
  return open.replace(/"sha256": "0{64}"(?=\s*\}\s*$)/, `"sha256": "${sum}"`);
}

const manifests: HostileArchive[] = [
  ...[
    '../../../outside/sentinel',
    '../other.22222222.full/0001.btrfs.zst',
    '/etc/passwd',
    '..',
    '.',
    '',
    '0001.btrfs.zst/../../x',
    '0001.btrfs.zst\0',
    '0001.btrfs.zst\n',
    './0001.btrfs.zst',
    '..\\..\\0001.btrfs.zst',
    '0002.btrfs.zst',
    'manifest.json',
    7,
    null,
    ['0001.btrfs.zst'],
  ].map((file) => described(`a part called ${JSON.stringify(file)}`, onPart({ file }))),
  ...[-1, 1.5, 1e300, 2 ** 53, '7', null, {}].flatMap((length) => [
    described(`a stream of ${JSON.stringify(length)} bytes`, onStream({ length })),
    described(`a part of ${JSON.stringify(length)} bytes`, onPart({ length })),
    described(`a part at ${JSON.stringify(length)}`, onPart({ offset: length })),
    described(
      `a part that holds ${JSON.stringify(length)} bytes`,
      onPart({ streamLength: length }),
    ),
  ]),
  described('a part that begins elsewhere', onPart({ offset: 1 })),
  described('parts that overlap', ({ parts }) => ({ parts: [...parts, ...parts] })),
  described('no parts', () => ({ parts: [] })),
  described('10,000 parts', ({ parts: [part] }) => ({ parts: new Array(10_000).fill(part) })),
  described('parts of another kind', () => ({ parts: { length: 1, 0: 'x' } })),
  ...['../../outside', 'B0161B76-A3B6-9843-9F8F-2F0FF33BE621', '', ' ', 7, null].map((uuid) =>
    described(`a UUID ${JSON.stringify(uuid)}`, () => ({ identity: { uuid, ctransid: '7' } })),
  ),
  ...['-1', '1e3', '0x7', '07', '', 7, null, '1'.repeat(1000)].map((ctransid) =>
    described(`a ctransid ${JSON.stringify(ctransid).slice(0, 20)}`, ({ identity }) => ({
      identity: { ...identity, ctransid },
    })),
  ),
  described('a parent, of a full stream', ({ identity }) => ({ parent: identity })),
  described('no parent, of an incremental stream', () => ({ kind: 'incremental' })),
  described('a kind that there is not', () => ({ kind: 'partial' })),
  described('a name that is a number', () => ({ name: 7 })),
  described('a name of no Base64', () => ({ name: { base64: '../../x' } })),
  described('a protocol of the future', onStream({ protocol: 3 })),
  described('no length', onStream({ length: undefined })),
  described('another format', () => ({ format: 'btrferry/archive' })),
  described('version 0', () => ({ version: 0 })),
  described('a version that is text', () => ({ version: '1' })),
  bottomless('a member nobody knows', { later: 'a hole' }),
  bottomless('its name', { name: { base64: 'Zm9yZ2Vk', later: 'a hole' } }),
  bottomless('its parent', {
    kind: 'incremental',
    parent: { uuid: other, ctransid: '7', later: 'a hole' },
  }),
  ...['', '{}', '[]', 'null', '7', '"x"', '{"a":'].map((text) =>
    forged(`a manifest ${JSON.stringify(text)}`, 'manifest-damaged', { text: () => text }),
  ),
  forged('a manifest of nothing but brackets', 'manifest-damaged', { text: () => deep }),
  forged('a manifest of 17 MiB', 'manifest-damaged', {
    text: (sealed) => sealed + ' '.repeat(17 * 2 ** 20),
  }),
  forged('a manifest of 10 MiB of seals', 'manifest-damaged', {
    text: () => `{"a": [${'"sha256": "0123456789abcdef"  }   \n'.repeat(2 ** 18)}`,
  }),
  forged('a manifest that is no text', 'manifest-damaged', {
    text: () => Buffer.of(0xff, 0xfe, 0),
  }),
  forged('a manifest without its seal', 'manifest-damaged', {
    text: (sealed) => sealed.replace(/,\s*"sha256": "[0-9a-f]{64}"(?=\s*\}\s*$)/, ''),
  }),
  forged('a manifest edited after it was sealed', 'manifest-damaged', {
    text: (sealed) => sealed.replace('"full"', '"fuII"'),
  }),
  forged('a manifest of the future', 'format-version', {
    manifest: (manifest) => ({ ...manifest, version: 2 }),
  }),
  forged('a manifest of version 10^18', 'format-version', {
    manifest: (manifest) => ({ ...manifest, version: 1e18 }),
  }),
  {
    ...forged('a stream for btrfs-progs of the future', 'btrfs-progs', {
      claim: { receiver: { btrfsProgs: '999999999999999999999.0' } },
    }),
    found: null,
  },
];

const inner = (archive: string, path: string) =>
  join(archive, 'streams/forged.11111111.full', path);

/** The replacement for a file or directory of a good archive. */
const replaced = (
  what: string,
  path: string,
  codes: Pick<HostileArchive, 'code' | 'found'>,
): HostileArchive[] => {
  const by = (how: string, put: (at: string, moved: string) => void): HostileArchive => ({
    name: `${how} in the place of ${what}`,
    ...codes,
    make: (archive) => {
      forge(archive, goodStream);
      const at = join(archive, path);
      const moved = `${archive}/moved`;
      renameSync(at, moved);
      put(at, moved);
    },
  });
  return [
    by('a symlink to the very same', (at, moved) => symlinkSync(moved, at)),
    by('a symlink to nothing', (at) => symlinkSync('/nonexistent', at)),
    by('a symlink to itself', (at) => symlinkSync(at, at)),
    by('a named pipe', (at) => execFileSync('mkfifo', [at])),
    by('a device', (at) => execFileSync('mknod', [at, 'c', '1', '5'])),
  ];
};

const files: HostileArchive[] = [
  ...replaced('a part', 'streams/forged.11111111.full/0001.btrfs.zst', { code: 'part-missing' }),
  ...replaced('a manifest', 'streams/forged.11111111.full/manifest.json', { code: 'read-failed' }),
  ...replaced("a stream's directory", 'streams/forged.11111111.full', { code: 'read-failed' }),
  ...replaced('streams', 'streams', { code: 'read-failed' }),
  {
    name: 'a directory in the place of a manifest',
    code: 'read-failed',
    make: (archive) => {
      forge(archive, goodStream);
      rmSync(inner(archive, 'manifest.json'));
      mkdirSync(inner(archive, 'manifest.json'));
    },
  },
  {
    name: 'a directory in the place of a part',
    code: 'part-missing',
    make: (archive) => {
      forge(archive, goodStream);
      rmSync(inner(archive, '0001.btrfs.zst'));
      mkdirSync(inner(archive, '0001.btrfs.zst'));
    },
  },
  {
    name: 'a part that is one of another stream, under a manifest of its own',
    code: 'stream-differs-from-manifest',
    make: (archive) => {
      forge(archive, goodStream, {
        claim: { identity: { uuid: other, ctransid: '7', sendTransid: null } },
      });
    },
  },
];

/** No import needs SHA256SUMS or the header: `code` is what verify tells of. */
export const needless: HostileArchive[] = [
  ...replaced('SHA256SUMS', 'streams/forged.11111111.full/SHA256SUMS', { code: 'part-damaged' }),
  ...replaced('btrferry.json', 'btrferry.json', { code: 'read-failed' }),
  {
    name: 'a directory in the place of SHA256SUMS',
    code: 'part-damaged',
    make: (archive) => {
      forge(archive, goodStream);
      rmSync(inner(archive, 'SHA256SUMS'));
      mkdirSync(inner(archive, 'SHA256SUMS'));
    },
  },
  {
    name: 'SHA256SUMS of 1 GiB',
    code: 'part-damaged',
    make: (archive) => {
      forge(archive, goodStream);
      execFileSync('truncate', ['-s', '1G', inner(archive, 'SHA256SUMS')]);
    },
  },
  {
    name: 'a file that only looks like the archive',
    code: 'manifest-damaged',
    make: (archive) => {
      forge(archive, goodStream);
      writeFileSync(join(archive, 'btrferry.json'), `${deep}\n`);
    },
  },
];

export const hostileArchives: readonly HostileArchive[] = [...manifests, ...files];
