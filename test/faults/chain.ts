import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describeTree } from '../filesystem.ts';
import { noise, prose } from '../zstd/data.ts';

/** A chain of three snapshots at a source: full, incremental, incremental. */
export interface Chain {
  /** Where the filesystem is mounted that holds them. */
  readonly mount: string;
  /** Names, oldest first. */
  readonly names: readonly ['home.1', 'home.2', 'home.3'];
  /** Paths, oldest first. */
  readonly snapshots: readonly string[];
  /** The contents of each snapshot, by name. */
  readonly trees: Readonly<Record<string, readonly string[]>>;
}

const MiB = 2 ** 20;

/**
 * Makes a chain whose first stream holds some `mebibytes`, half of it incompressible, beside
 * small files of all kinds; the others hold an eighth of that. The same seed gives the same bytes.
 */
export function makeChain(
  mount: string,
  { mebibytes, seed }: { mebibytes: number; seed: number },
): Chain {
  const origin = path.join(mount, 'home');
  const btrfs = (...args: string[]) =>
    execFileSync('btrfs', ['-q', 'subvolume', ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  const snapshot = (name: string) => btrfs('snapshot', '-r', origin, path.join(mount, name));
  btrfs('create', origin);
  const at = (name: string) => path.join(origin, name);
  const sh = (script: string) =>
    execFileSync('sh', ['-ec', script], { cwd: origin, stdio: ['ignore', 'ignore', 'inherit'] });
  const bulk = (name: string, mebi: number, salt: number) => {
    const bytes = Math.ceil((mebi / 2) * MiB);
    writeFileSync(at(`${name}.noise`), noise(bytes, seed + salt));
    writeFileSync(at(`${name}.prose`), prose(bytes, seed + salt + 1));
  };

  mkdirSync(at('small'));
  for (let i = 0; i < 150; i++) writeFileSync(at(`small/${i}`), prose(10 + 97 * i, seed + i));
  sh(kinds);
  for (let i = 0; i < 4; i++) bulk(`bulk-${i}`, mebibytes / 4, 10 * i);
  snapshot('home.1');

  renameSync(at('bulk-1.noise'), at('moved'));
  for (let i = 0; i < 150; i += 3) rmSync(at(`small/${i}`));
  sh(changes);
  bulk('second', mebibytes / 8, 100);
  snapshot('home.2');

  renameSync(at('moved'), at('small/moved again'));
  bulk('bulk-2', mebibytes / 8, 200);
  snapshot('home.3');

  const names = ['home.1', 'home.2', 'home.3'] as const;
  const snapshots = names.map((name) => path.join(mount, name));
  const trees = snapshots.map((one, at) => [names[at], describeTree(one)] as const);
  return { mount, names, snapshots, trees: Object.fromEntries(trees) };
}

const kinds = String.raw`
ln small/7 hard; ln small/7 small/hard; ln -s small/7 soft; ln -s nowhere dangling
mkfifo fifo; mknod null c 1 3
echo odd > "$(printf 'odd\nname \377')"
truncate -s 40M sparse; printf end >> sparse
cp --reflink=always small/149 clone
setfattr -n user.colour -v blue small/8
chmod 4755 small/9; chown 1000:1001 small/10; chmod 2770 small
touch -d '2001-09-09 01:46:40.5 UTC' small/11
`;

const changes = `
cp --reflink=always ../home.1/bulk-0.prose across
rm hard; rm fifo; mkdir fifo; echo more >> sparse
setfattr -x user.colour small/8; chmod 755 small/10
`;
