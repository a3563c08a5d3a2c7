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
  type Vector,
} from './vector.ts';

/** Archives whose parts and files are not as they should be. */

const _TREE = 32;

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

export const layoutVectors: readonly Vector[] = [...parts, ...layout];
