import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  type BigIntStats,
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs';

const slash = Buffer.from('/');

/**
 * One line for each file of a tree, sorted by path: type, mode, owner, mtime, size, contents or
 * what there is instead, hard links, xattrs. Two trees are equal when their lines are. Bytes of
 * names that are not printable ASCII appear as `\xNN`. Left out: atime, ctime, the sizes of
 * directories, and the empty directories that stand for nested subvolumes, which no stream carries.
 */
export function describeTree(root: string | Buffer): string[] {
  const top = Buffer.from(root);
  const xattrs = readXattrs(top);
  const firstLinks = new Map<bigint, string>();
  const lines: string[] = [];
  const visit = (relative: Buffer) => {
    const full = relative.length === 0 ? top : Buffer.concat([top, slash, relative]);
    const facts = lstatSync(full, { bigint: true });
    if (facts.ino === 2n && facts.isDirectory()) return;
    const name = printable(relative);
    lines.push(
      [
        JSON.stringify(name || '.'),
        `mode=${facts.mode.toString(8)}`,
        `owner=${facts.uid}:${facts.gid}`,
        `mtime=${facts.mtimeNs}`,
        ...contents(full, facts),
        ...links(name, facts, firstLinks),
        ...(xattrs.get(full.toString('latin1')) ?? []),
      ].join(' '),
    );
    if (!facts.isDirectory()) return;
    for (const entry of readdirSync(full, { encoding: 'buffer' }).sort(Buffer.compare)) {
      visit(relative.length === 0 ? entry : Buffer.concat([relative, slash, entry]));
    }
  };
  visit(Buffer.alloc(0));
  return lines;
}

function contents(path: Buffer, facts: BigIntStats): string[] {
  if (facts.isFile()) return [`size=${facts.size}`, `sha256=${hashOf(path)}`];
  if (facts.isSymbolicLink()) return [`-> ${printable(readlinkSync(path, 'buffer'))}`];
  if (facts.isBlockDevice() || facts.isCharacterDevice()) return [`rdev=${facts.rdev}`];
  return [];
}

/** The first path of the same file; visiting in sorted order makes that the same everywhere. */
function links(name: string, facts: BigIntStats, first: Map<bigint, string>): string[] {
  if (facts.isDirectory() || facts.nlink === 1n) return [];
  const same = first.get(facts.ino) ?? name;
  first.set(facts.ino, same);
  return [`links=${facts.nlink}`, `same-as=${JSON.stringify(same)}`];
}

function hashOf(path: Buffer): string {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(2 ** 20);
  const file = openSync(path, 'r');
  try {
    for (let length = 1; length > 0; ) {
      length = readSync(file, piece);
      hash.update(piece.subarray(0, length));
    }
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}

/** All xattrs, ACLs and capabilities among them, by full path in Latin-1. */
function readXattrs(root: Buffer): Map<string, string[]> {
  // Node passes arguments as UTF-8 only; a shell passes any bytes.
  const octal = [...root].map((byte) => `\\0${byte.toString(8).padStart(3, '0')}`).join('');
  const script = `p=$(printf %b "$1."); exec getfattr -R -P -h -d -m - -e hex --absolute-names "\${p%.}"`;
  const output = execFileSync('sh', ['-c', script, 'sh', octal], {
    env: { ...process.env, LC_ALL: 'C' },
    maxBuffer: 2 ** 30,
    stdio: ['ignore', 'pipe', 'pipe'],
  }).toString('latin1');
  return new Map(
    output
      .split('\n\n')
      .filter(Boolean)
      .map((block) => {
        const [file = '', ...attributes] = block.split('\n');
        const path = file
          .replace(/^# file: /, '')
          .replace(/\\([0-7]{3})/g, (_, code: string) =>
            String.fromCharCode(Number.parseInt(code, 8)),
          );
        return [path, attributes.filter(Boolean).sort()];
      }),
  );
}

function printable(bytes: Buffer): string {
  return bytes
    .toString('latin1')
    .replace(/[^\x20-\x7e]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
