#!/usr/bin/env node
// Builds dist/ if it is not what src/ says. Tests start it before anything else, whatever command
// starts the tests: an old build, or one that failed, must not let them pass.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const stamp = join(root, 'dist/.sources');

/** A hash of all that a build is made of. */
function sourcesHash() {
  const files = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const hash = createHash('sha256');
  for (const file of [...files, ...['package.json', 'tsconfig.json'].map((f) => join(root, f))]) {
    hash.update(`${file.slice(root.length)}\0`).update(readFileSync(file));
  }
  return hash.digest('hex');
}

function builtFrom() {
  try {
    return readFileSync(stamp, 'utf8');
  } catch {
    return undefined;
  }
}

export function build() {
  const sources = sourcesHash();
  if (builtFrom() === sources) return;
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error('the build failed, so nothing can be tested');
  writeFileSync(stamp, sources);
}

/** For vitest: builds before the tests, and before they run again in watch mode. */
export default function setup(project) {
  build();
  project?.onTestsRerun(build);
  const state = project?.config.env.XDG_STATE_HOME;
  return () => state && rmSync(state, { recursive: true, force: true });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) build();
