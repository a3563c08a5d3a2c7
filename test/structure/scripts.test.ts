import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { repository, tracked } from './sources.ts';

const scripts = tracked()
  .filter((file) => file.endsWith('.sh') || file.startsWith('.ci/'))
  .map((file) => ({ file, dialect: dialectOf(file) }));

/** A script without a `#!` line is passed to sh. */
function dialectOf(file: string): string {
  return /^#!.*\bbash\b/.test(readFileSync(path.join(repository, file), 'utf8')) ? 'bash' : 'sh';
}

const check = (dialect: string, input: string) =>
  spawnSync('shellcheck', ['-s', dialect, '-'], { input, encoding: 'utf8' });
const installed = check('sh', '').error === undefined || process.env.CI === 'true';

test.runIf(installed).each(scripts)('shellcheck passes $file', ({ file, dialect }) => {
  const { status, stdout } = check(dialect, readFileSync(path.join(repository, file), 'utf8'));
  expect(stdout).toBe('');
  expect(status).toBe(0);
});

test.runIf(installed)('shellcheck finds a word that should be quoted', () => {
  expect(check('sh', 'rm $1').status).toBe(1);
});

test('the scripts include the sandbox', () => {
  expect(scripts).toContainEqual({ file: 'src/btrfs/sandbox.sh', dialect: 'sh' });
});
