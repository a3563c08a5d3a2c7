import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { longFunctions, MOST_LINES } from './sizes.ts';
import { repository, sources } from './sources.ts';

const all = [...sources('src'), ...sources('test')].map((file) => ({
  file,
  text: readFileSync(path.join(repository, file), 'utf8'),
}));

test(`no file has more than ${MOST_LINES.file} lines`, () => {
  const long = all.filter(({ text }) => text.split('\n').length - 1 > MOST_LINES.file);
  expect(long.map(({ file }) => file)).toEqual([]);
});

test('half of the files in src have at most 120 lines', () => {
  const lengths = all
    .filter(({ file }) => file.startsWith('src/'))
    .map(({ text }) => text.split('\n').length - 1)
    .sort((a, b) => a - b);
  expect(lengths[lengths.length >> 1]).toBeLessThanOrEqual(120);
});

test(`no function has more than ${MOST_LINES.function} lines without a reason beside it`, () => {
  const long = all.flatMap(({ file, text }) =>
    longFunctions(file, text).map(({ name }) => `${file} ${name}`),
  );
  expect(long).toEqual([]);
});

test('a long function is found, unless it has a reason or groups tests', () => {
  const body = `{\n${'  f();\n'.repeat(60)}}`;
  const long = (text: string) => longFunctions('a.ts', text).map(({ name }) => name);
  expect(long(`function a() ${body}`)).toEqual(['a']);
  expect(long(`const b = () => ${body};`)).toEqual(['b']);
  expect(long(`class C { m() ${body} }`)).toEqual(['m']);
  expect(long(`test('c', () => ${body});`)).toEqual(['function']);
  expect(long(`// Long: a table.\nfunction d() ${body}`)).toEqual([]);
  expect(long(`// Long:\nfunction e() ${body}`)).toEqual(['e']);
  expect(long(`describe('f', () => ${body});`)).toEqual([]);
  expect(long(`function g() {\n${'  f();\n'.repeat(58)}}`)).toEqual([]);
});
