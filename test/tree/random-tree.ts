import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import type { Random } from '../faults/random.ts';

const names = ['a', 'b', 'c', 'ab', 'a b', 'é'] as const;
const kiB = 1024;

/**
 * Fills a directory with a small tree of all kinds of entries. It has few names and few contents, so
 * that two such trees have much in common: equal paths of different kinds, equal contents at
 * different paths, and inodes with several names.
 *
 * @param inheriting let the top, too, pass attributes on to new files in it
 */
export function randomTree(top: string, random: Random, inheriting = true): void {
  const files: string[] = [];
  const directories = [top];
  for (let count = 5 + random.below(30); count > 0; count--) {
    const above = random.pick(directories as [string]);
    const place = path.join(above, random.pick(names));
    if (existsSync(place) || isThere(place)) continue;
    const kind = random.below(10);
    if (kind < 3) {
      mkdirSync(place);
      directories.push(place);
    } else if (kind < 7) {
      writeFileSync(place, randomContents(random));
      files.push(place);
    } else if (kind < 9 && files.length > 0) linkSync(random.pick(files as [string]), place);
    else if (random.below(2) === 0) symlinkSync(random.pick(names), place);
    else execFileSync('mkfifo', [place]);
  }
  for (const place of [...files, ...directories]) {
    randomAttributes(place, random, inheriting || place !== top);
  }
}

function isThere(place: string): boolean {
  return lstatSync(place, { throwIfNoEntry: false }) !== undefined;
}

/** Blocks in any order, so that some of a file moves to another place in it. */
function randomContents(random: Random): Buffer {
  const blocks = random.pick([0, 0, 1, 3, 70] as const);
  const pieces = Array.from({ length: blocks }, () => Buffer.alloc(16 * kiB, random.below(6)));
  return Buffer.concat([...pieces, Buffer.alloc(random.below(3) * 1000, 7)]);
}

function randomAttributes(place: string, random: Random, inheriting: boolean): void {
  const isDirectory = lstatSync(place).isDirectory();
  const set = (...args: string[]) => execFileSync('setfattr', [...args, place]);
  if (random.below(3) === 0) set('-n', `user.${random.pick(names)}`, '-v', random.pick(names));
  if (random.below(4) === 0) {
    const entry = random.pick(['u:1000:rwx', 'g:7:r'] as const);
    execFileSync('setfacl', ['-m', entry, place]);
  }
  if (inheriting && isDirectory && random.below(2) === 0) {
    execFileSync('setfacl', ['-d', '-m', 'u:1000:rwx', place]);
    if (random.below(2) === 0)
      execFileSync('btrfs', ['property', 'set', place, 'compression', 'zstd']);
  }
  if (random.below(3) === 0) execFileSync('chown', [`${random.below(3)}:7`, place]);
  if (!isDirectory && random.below(4) === 0) {
    set('-n', 'security.capability', '-v', '0x0100000200200000000000000000000000000000');
  }
  chmodSync(place, random.pick([0o600, 0o755, 0o4755, 0o2770] as const));
  if (random.below(2) === 0) utimesSync(place, 1e9, 1e9 + random.below(3));
}

/** Renames, removes, truncates, overwrites, clones and makes files in a tree. */
export function randomChanges(top: string, random: Random, inheriting = true): void {
  for (let count = 3 + random.below(10); count > 0; count--) {
    const all = readdirSync(top, { recursive: true, encoding: 'utf8' });
    const [one, other] = [0, 1].map(() => all[random.below(all.length)]);
    if (one === undefined || other === undefined) break;
    const [a, b] = [path.join(top, one), path.join(top, other)];
    const found = lstatSync(a, { throwIfNoEntry: false });
    if (found === undefined) continue;
    const kind = random.below(6);
    if (kind === 0) rmSync(a, { recursive: true });
    else if (kind === 1) attempt('mv', '-T', a, path.join(path.dirname(b), random.pick(names)));
    else if (!found.isFile()) continue;
    else if (kind === 2) truncateSync(a, random.below(100_000));
    else if (kind === 3) attempt('cp', '--reflink=always', a, path.join(path.dirname(b), 'clone'));
    else appendFileSync(a, randomContents(random));
  }
  randomTree(top, random, inheriting);
}

/** Runs a command that may be impossible here, such as a directory into itself. */
function attempt(program: string, ...args: string[]): void {
  spawnSync(program, args, { stdio: 'ignore' });
}
