import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { repository, sources } from './sources.ts';

const text = (file: string) => readFileSync(path.join(repository, file), 'utf8');

/** Names that say nothing about what is inside. */
const EMPTY_NAMES = /^(utils?|helpers?|common|misc|types|shared|lib|index|constants)$/;
const KEBAB_CASE = /^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.d)?\.ts$/;

function badName(file: string): boolean {
  const folders = path.dirname(file).split('/');
  const name = path.basename(file);
  return (
    !KEBAB_CASE.test(name) ||
    [...folders, name.replace(/(\.test|\.d)?\.ts$/, '')].some((part) => EMPTY_NAMES.test(part))
  );
}

test('files are named after their contents', () => {
  expect([...sources('src'), ...sources('test')].filter(badName)).toEqual([]);
  const bad = ['src/utils/a.ts', 'src/cli/helpers.ts', 'src/cli/types.d.ts', 'src/cli/sizeOf.ts'];
  expect(bad.filter(badName)).toEqual(bad);
});

/** Words that open a comment without naming its subject. */
const VAGUE_OPENING = /^\s*(?:\/\*\*|\/\/|\*)\s+(?:What|Whoever|So many|Whatever|As much)\b/m;

test('no comment opens without its subject', () => {
  const files = [...sources('src'), ...sources('test')];
  expect(files.filter((file) => VAGUE_OPENING.test(text(file)))).toEqual([]);
  expect('  /** What a frame holds. */').toMatch(VAGUE_OPENING);
  expect('  /** The contents of a frame. */').not.toMatch(VAGUE_OPENING);
});

/** Ways to write to stdout or stderr, but for reading what is known about them. */
const PRINTS =
  /\bconsole\s*\.|\bprocess\s*\.\s*std(out|err)\b|\{[^}]*\bstd(out|err)\b[^}]*\}\s*=\s*process\b/;

test('only the reporters print', () => {
  const printing = sources('src').filter((file) => PRINTS.test(text(file)));
  expect(printing.filter((file) => !file.startsWith('src/report/'))).toEqual([]);
  // The rule can tell: what prints does match.
  expect(printing).toContain('src/report/output.ts');
  for (const line of ['console.log(1)', 'process.stderr.write("")', 'const { stdout } = process']) {
    expect(line).toMatch(PRINTS);
  }
});
