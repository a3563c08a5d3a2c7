import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkOut, copyPackages } from '../checkout.ts';
import { withDirectory } from '../filesystem.ts';

/** A repository of its own, on `main`, whose change log announces version 7.8.9. */
function checkoutToRelease(): string {
  const folder = path.join(withDirectory(), 'btrferry');
  checkOut(folder);
  copyPackages(folder);
  const changes = path.join(folder, 'CHANGELOG.md');
  const text = readFileSync(changes, 'utf8');
  writeFileSync(changes, text.replace(/^## .*$/m, '## 7.8.9, not released yet'));
  run(folder, 'npm', 'pkg', 'set', 'repository.url=https://example.org/x.git', 'bugs.url=x:y');
  run(folder, 'git', 'init', '-q', '-b', 'main');
  run(folder, 'git', 'config', 'user.name', 'Test');
  run(folder, 'git', 'config', 'user.email', 'test@example.org');
  commitAll(folder);
  return folder;
}

function run(cwd: string, command: string, ...args: string[]): string {
  return execFileSync(command, args, { cwd, encoding: 'utf8' }).trim();
}

function commitAll(folder: string): void {
  run(folder, 'git', 'add', '-A');
  run(folder, 'git', 'commit', '-q', '-m', 'a change');
}

function release(folder: string, version: string) {
  const command = ['.ci/release', version, '--no-checks'];
  return spawnSync('bash', command, { cwd: folder, encoding: 'utf8' });
}

describe('a release', () => {
  test('has its version everywhere, a date, a tag, and a tarball that works', () => {
    const folder = checkoutToRelease();
    const { status, stderr, stdout } = release(folder, '7.8.9');
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(run(folder, 'git', 'describe', '--exact-match')).toBe('v7.8.9');
    expect(run(folder, 'git', 'status', '--porcelain')).toBe('');
    const read = (file: string) => readFileSync(path.join(folder, file), 'utf8');
    expect(JSON.parse(read('package.json'))).toMatchObject({ version: '7.8.9' });
    expect(JSON.parse(read('package-lock.json'))).toMatchObject({ version: '7.8.9' });
    expect(read('CHANGELOG.md')).toMatch(/^## 7\.8\.9, \d{4}-\d\d-\d\d$/m);
    expect(stdout).toContain('npm publish');
    const files = run(folder, 'tar', '-tf', 'btrferry-7.8.9.tgz').split('\n');
    expect(files).toContain('package/dist/cli/main.js');
    expect(files).toContain('package/dist/btrfs/sandbox.sh');
    expect(files.filter((file) => /package\/(src|test)\//.test(file))).toEqual([]);
  });

  const faults: [string, RegExp, (folder: string) => void][] = [
    [
      'changes are not committed',
      /changes/,
      (folder) => appendFileSync(path.join(folder, 'README.md'), 'x'),
    ],
    [
      'another branch is checked out',
      /main/,
      (folder) => void run(folder, 'git', 'switch', '-qc', 'x'),
    ],
    ['the tag exists', /v7\.8\.9/, (folder) => void run(folder, 'git', 'tag', 'v7.8.9')],
    [
      'the change log says nothing of the version',
      /CHANGELOG/,
      (folder) => {
        writeFileSync(path.join(folder, 'CHANGELOG.md'), '# Changes\n');
        commitAll(folder);
      },
    ],
    [
      'users could not report a fault',
      /bugs/,
      (folder) => {
        run(folder, 'npm', 'pkg', 'delete', 'bugs');
        commitAll(folder);
      },
    ],
    [
      'the program does not start where it is installed',
      /'vitest'/,
      (folder) => {
        writeFileSync(path.join(folder, 'src/cli/exit.ts'), "import 'vitest';\n");
        const main = path.join(folder, 'src/cli/main.ts');
        const text = readFileSync(main, 'utf8');
        writeFileSync(main, text.replace('\n', "\nimport './exit.ts';\n"));
        commitAll(folder);
      },
    ],
  ];

  test('is refused and leaves no trace', { timeout: 300_000 }, () => {
    const folder = checkoutToRelease();
    for (const [why, complaint, spoil] of faults) {
      const before = run(folder, 'git', 'rev-parse', 'HEAD');
      spoil(folder);
      const head = run(folder, 'git', 'rev-parse', 'HEAD');
      const changed = run(folder, 'git', 'status', '--porcelain');
      const refused = release(folder, '7.8.9');
      expect(refused.status, why).not.toBe(0);
      expect(refused.stderr).toMatch(complaint);
      expect(run(folder, 'git', 'rev-parse', 'HEAD'), why).toBe(head);
      expect(run(folder, 'git', 'status', '--porcelain'), why).toBe(changed);
      expect(existsSync(path.join(folder, 'btrferry-7.8.9.tgz')), why).toBe(false);
      run(folder, 'git', 'reset', '-q', '--hard', before);
      run(folder, 'git', 'switch', '-q', 'main');
      spawnSync('git', ['tag', '-d', 'v7.8.9'], { cwd: folder });
    }
  });
});
