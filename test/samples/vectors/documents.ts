import { mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  damaged,
  edited,
  HOME,
  large,
  manifestDamaged,
  one,
  spoiled,
  squeezed,
  tooNew,
  type Vector,
} from './vector.ts';

/** Archives whose documents, or whose layout, are not as they should be. */

const TREE = 32;

const sealed: Vector[] = [
  one('seal-wrong', 'A byte was changed.', manifestDamaged, {
    text: (text) => text.replace('"home.1"', '"home.2"'),
  }),
  one('seal-of-spaces', 'White space was changed.', manifestDamaged, {
    text: (text) => text.replace('{', '{ '),
  }),
  one('seal-missing', 'There is no seal.', manifestDamaged, {
    text: (text) => text.replace(/,\s*"sha256": "[0-9a-f]{64}"(?=\s*\}\s*$)/, ''),
  }),
  one('seal-not-last', 'A member stands behind the seal.', manifestDamaged, {
    text: (text) => text.replace(/\s*\}\s*$/, ',\n  "later": 1\n}\n'),
  }),
  one('seal-upper-case', 'Its digits are in upper case.', manifestDamaged, {
    text: (text) => text.replace(/"[0-9a-f]{64}"(?=\s*\}\s*$)/, (digits) => digits.toUpperCase()),
  }),
  one('manifest-cut', 'Cut short.', manifestDamaged, { text: (text) => text.slice(0, 500) }),
  one('manifest-empty', 'Nothing is in it.', manifestDamaged, { text: () => '' }),
  one('byte-order-mark', 'A byte order mark comes first.', manifestDamaged, edited('{', '\ufeff{')),
  one('format-not-first', 'The version comes before the format.', manifestDamaged, {
    manifest: ({ format, version, ...manifest }) => ({ version, format, ...manifest }),
  }),
  one('format-other', 'A header in the place of a manifest.', manifestDamaged, {
    manifest: (manifest) => ({ ...manifest, format: 'btrferry/archive' }),
  }),
  one(
    'version-0',
    'There is no version 0.',
    manifestDamaged,
    edited('"version": 1', '"version": 0'),
  ),
  one(
    'version-2',
    'A later version, whose seal nobody knows.',
    tooNew('format-version', 'manifest.json'),
    {
      text: () => '{"format": "btrferry/manifest", "version": 2, "all": "new"}',
    },
  ),
  one('feature', 'A feature that nobody knows.', tooNew('format-feature', 'manifest.json'), {
    manifest: (manifest) => ({ ...manifest, features: ['encrypted'] }),
  }),
  one(
    'feature-of-all',
    'A feature that nobody knows, and that changes all else.',
    tooNew('format-feature', 'manifest.json'),
    {
      manifest: ({ format, version }) => ({
        format,
        version,
        features: ['encrypted'],
        parts: 'elsewhere',
      }),
    },
  ),
  one('feature-of-no-name', 'A feature without a name.', manifestDamaged, {
    manifest: (manifest) => ({ ...manifest, features: [''] }),
  }),
  one('features-missing', 'There is no list of features.', manifestDamaged, {
    manifest: ({ features: _, ...manifest }) => manifest,
  }),
];

const spelled: Vector[] = [
  one(
    'member-twice',
    'A member stands twice.',
    manifestDamaged,
    edited('"kind"', '"kind": "full",\n  "kind"'),
  ),
  one(
    'member-twice-escaped',
    'A member stands twice, in two spellings.',
    manifestDamaged,
    edited('"kind"', '"\\u006bind": "full",\n  "kind"'),
  ),
  one(
    'member-twice-unknown',
    'A member that nobody knows stands twice.',
    manifestDamaged,
    edited('"kind"', '"later": {"a": 1, "a": 2},\n  "kind"'),
  ),
  one(
    'nested',
    'Nested too deep.',
    manifestDamaged,
    edited('"kind"', `"later": ${'['.repeat(TREE)}${']'.repeat(TREE)},\n  "kind"`),
  ),
  one(
    'base64-of-text',
    'Base64 of what is UTF-8.',
    manifestDamaged,
    edited('"home.1"', '{ "base64": "aG9tZS4x" }'),
  ),
  one('base64-bits', 'Base64 with bits that are not used, and not zero.', manifestDamaged, {
    manifest: (manifest) => ({
      ...manifest,
      source: { ...manifest.source, path: { base64: '/x==' } },
    }),
  }),
  one('base64-unpadded', 'Base64 without its end.', manifestDamaged, {
    manifest: (manifest) => ({
      ...manifest,
      source: { ...manifest.source, path: { base64: '/w' } },
    }),
  }),
  one(
    'surrogate',
    'Half of a surrogate pair.',
    manifestDamaged,
    edited('"home.1"', '"home\\ud800"'),
  ),
  one('u64-too-large', 'One more than the largest u64.', manifestDamaged, {
    manifest: (manifest) => ({
      ...manifest,
      source: { ...manifest.source, generation: '18446744073709551616' },
    }),
  }),
  one('u64-zero', 'A u64 with a zero before it.', manifestDamaged, {
    manifest: (manifest) => ({ ...manifest, source: { ...manifest.source, generation: '07' } }),
  }),
  one(
    'u64-number',
    'A u64 as a number.',
    manifestDamaged,
    edited('"ctransid": "7"', '"ctransid": 7'),
  ),
  one('uuid-upper-case', 'A UUID in upper case.', manifestDamaged, {
    manifest: (manifest) => ({
      ...manifest,
      source: { ...manifest.source, filesystem: 'BBBBBBBB-CCCC-4DDD-8EEE-FFFFFFFFFFFF' },
    }),
  }),
  one('time-range', 'An hour that no day has.', manifestDamaged, {
    manifest: (manifest) => ({ ...manifest, createdAt: '2026-11-22T24:00:00Z' }),
  }),
  one('time-zone', 'A time that is not in UTC.', manifestDamaged, {
    manifest: (manifest) => ({ ...manifest, createdAt: '2026-11-22T10:00:00+01:00' }),
  }),
  one(
    'number-negative',
    'A length below zero.',
    manifestDamaged,
    edited(/"streamLength": \d+/, '"streamLength": -1'),
  ),
];

const parts: Vector[] = [
  ...(
    [
      ['part-names-gap', 'Parts named 0001 and 0003.', '0002.btrfs.zst', '0003.btrfs.zst'],
      [
        'part-suffix',
        'A suffix, and no feature that explains it.',
        '0002.btrfs.zst',
        '0002.btrfs.zst.age',
      ],
      ['part-path', 'A part that lies elsewhere.', '0002.btrfs.zst', '../0002.btrfs.zst'],
    ] as const
  ).map(([name, about, from, to]) =>
    one(
      name,
      about,
      manifestDamaged,
      { frame: squeezed, partLength: 2 ** 22, ...edited(from, to) },
      large,
    ),
  ),
  one(
    'parts-gap',
    'The second part does not begin where the first ends.',
    manifestDamaged,
    {
      frame: squeezed,
      partLength: 2 ** 22,
      manifest: ({ parts: list, ...manifest }) => ({
        ...manifest,
        parts: list.map((part) => ({ ...part, offset: part.offset === 0 ? 0 : part.offset + 1 })),
      }),
    },
    large,
  ),
  one('parts-none', 'There are no parts.', manifestDamaged, {
    manifest: (manifest) => ({ ...manifest, parts: [] }),
  }),
  one('part-empty', 'The second part holds nothing.', manifestDamaged, {
    manifest: ({ parts: list, ...manifest }) => ({
      ...manifest,
      parts: [
        ...list,
        { ...list[0], file: '0002.btrfs.zst', offset: manifest.stream.length, streamLength: 0 },
      ],
    }),
  }),
  one(
    'frame-size',
    'Another length of frames.',
    manifestDamaged,
    edited('"frameSize": 2097152', '"frameSize": 1048576'),
  ),
  one(
    'kind',
    'A full stream that is called incremental.',
    manifestDamaged,
    edited('"full"', '"incremental"'),
  ),
  one(
    'command-zero',
    'A command that does not occur.',
    manifestDamaged,
    edited('"END": 1', '"END": 1,\n      "CLONE": 0'),
  ),
];

const layout: Vector[] = [
  spoiled(
    'incomplete',
    'The manifest is lost, and the parts are whole.',
    {
      is: 'incomplete',
      code: 'stream-incomplete',
      file: 'manifest.json',
    },
    (directory) => rmSync(join(directory, 'manifest.json')),
  ),
  spoiled(
    'incomplete-empty',
    'A directory named like a stream, with nothing in it.',
    {
      is: 'incomplete',
      code: 'stream-incomplete',
      file: 'manifest.json',
    },
    (directory) => {
      rmSync(directory, { recursive: true });
      mkdirSync(directory);
      // Git keeps no empty directories.
      writeFileSync(join(directory, '.keep'), '');
    },
  ),
  spoiled(
    'part-missing',
    'A part is missing.',
    damaged('part-missing', '0001.btrfs.zst'),
    (directory) => rmSync(join(directory, '0001.btrfs.zst')),
  ),
  spoiled(
    'part-cut',
    'A part is cut short.',
    damaged('part-damaged', '0001.btrfs.zst'),
    (directory) => truncateSync(join(directory, '0001.btrfs.zst'), 100),
  ),
  spoiled(
    'part-longer',
    'A byte more at the end of a part.',
    damaged('part-damaged', '0001.btrfs.zst'),
    (directory) => writeFileSync(join(directory, '0001.btrfs.zst'), '\0', { flag: 'a' }),
  ),
  spoiled(
    'part-foreign',
    'A file that a shell would take for a part.',
    damaged('part-damaged', '0002.btrfs.zst'),
    (directory) =>
      writeFileSync(
        join(directory, '0002.btrfs.zst'),
        readFileSync(join(directory, '0001.btrfs.zst')),
      ),
  ),
  spoiled(
    'link-part',
    'A symbolic link in the place of a part.',
    damaged('part-missing', '0001.btrfs.zst'),
    (directory) => replaceByLink(join(directory, '0001.btrfs.zst'), 'part'),
  ),
  spoiled(
    'link-manifest',
    'A symbolic link in the place of a manifest.',
    damaged('read-failed', 'manifest.json'),
    (directory) => replaceByLink(join(directory, 'manifest.json'), 'real'),
  ),
  {
    ...spoiled(
      'link-stream',
      'A symbolic link in the place of a stream.',
      damaged('read-failed'),
      (directory) => symlinkSync(HOME, join(dirname(directory), 'link')),
    ),
    streams: { [HOME]: { is: 'good' }, link: damaged('read-failed') },
  },
];

/** The file that was there stays beside the link that leads to it. */
function replaceByLink(path: string, name: string): void {
  writeFileSync(join(dirname(path), name), readFileSync(path));
  rmSync(path);
  symlinkSync(name, path);
}

export const documentVectors: readonly Vector[] = [...sealed, ...spelled, ...parts, ...layout];
