import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { describeReal } from '../filesystem.ts';
import { cannotStart } from '../objectstore/objectstore.ts';
import { repository } from '../structure/sources.ts';
import { blocksOf, prints } from './document.ts';
import { documents, textOf } from './documents.ts';
import { follow, needsStore } from './reader.ts';

/** Milliseconds: installing from the registry is among what the documents say. */
const PATIENCE = 300_000;

describeReal('commands in the documents', () => {
  const pages = documents.map((document) => ({
    document,
    blocks: blocksOf(textOf(document)).filter(({ run }) => run),
  }));

  for (const { document, blocks } of pages.filter(({ blocks }) => blocks.length > 0)) {
    const lacking = needsStore(blocks) && process.env.CI !== 'true' ? cannotStart : undefined;
    test.skipIf(lacking !== undefined)(
      lacking === undefined ? `follow ${document}` : `follow ${document} (${lacking})`,
      async () => expect(await follow(document, blocks)).toBeUndefined(),
      PATIENCE,
    );
  }

  test(
    'a document that is wrong is found out',
    async () => {
      const right = 'pwd >/dev/null\n[ -d /mnt/data/home ]; touch /mnt/usb/a /mnt/backup/b';
      const told = (text: string) => follow('page', blocksOf(text));
      expect(await told(`\`\`\`sh\n${right}\n\`\`\`\n`)).toBeUndefined();
      expect(await told('# a\n\n```sh\nbtrferry list /mnt/usb\n```\n')).toMatch(/^page:3: exit 6 /);
      expect(await told('<!-- exit: 6 -->\n```sh\ntrue\n```\n')).toMatch(/^page:2: exit 0 instead/);
      expect(await told('```sh\nfalse\ntrue\n```\n')).toMatch(/^page:1: exit 1 instead of 0/);
      expect(await told('```console\n$ echo a\nb\n```\n')).toMatch(
        /^page:1: prints something else/,
      );
    },
    PATIENCE,
  );
});

test('commands that are not run are scripts of this package', () => {
  const { scripts } = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8'));
  for (const document of documents) {
    for (const { run, commands } of blocksOf(textOf(document))) {
      for (const line of run ? [] : commands.split('\n')) {
        const [, script] =
          /^(?:CI=true )?npm (?:run )?(\w+)(?: -- \S+)?(?: *#.*)?$/.exec(line) ?? [];
        expect(Object.keys(scripts), `${document}: ${line}`).toContain(script);
      }
    }
  }
});

test('the annotations of blocks are read', () => {
  const page = [
    '```json\n{}\n```',
    '<!-- exit: 5 -->\n```sh\na\nb\n```',
    '<!-- sh\nhidden\n-->',
    '```console\n$ a\nsays …\n$ b\n```',
    '<!-- not run: it is this -->\n```sh\nnpm test\n```',
  ].join('\n\n');
  expect(blocksOf(page)).toEqual([
    { line: 6, commands: 'a\nb', output: undefined, exit: 5, run: true },
    { line: 11, commands: 'hidden', output: undefined, exit: 0, run: true },
    { line: 15, commands: 'a\nb', output: 'says …', exit: 0, run: true },
    { line: 22, commands: 'npm test', output: undefined, exit: 0, run: false },
  ]);
  expect(() => blocksOf('```sh\n')).toThrow('line 1');
});

test('output is compared, except where the document leaves something out', () => {
  expect(prints('a … c\nd', 'a b c\nd\n')).toBe(true);
  expect(prints('a\n…\nd', 'a\nb\nc\nd\n')).toBe(true);
  expect(prints('…\nd', 'd\n')).toBe(true);
  expect(prints('', '')).toBe(true);
  for (const other of ['a b c\n', 'a b c\nd\ne\n', 'a b\nc\nd\n', 'a b c.\nd\n', '']) {
    expect(prints('a … c\nd', other)).toBe(false);
  }
});
