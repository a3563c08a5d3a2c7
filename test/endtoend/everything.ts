import { execFileSync } from 'node:child_process';
import type { Btrfs } from '../filesystem.ts';

/**
 * A chain of snapshots with everything that a stream carries, and what happens to it between
 * them. The scripts run in the subvolume that is snapshotted.
 */

const first = String.raw`
umask 022
mkdir -p dir/deep/deeper empty 'with space' swap1 swap2 outer/inner
echo 'hello' > dir/file
printf 'inline' > dir/inline
: > dir/empty
head -c 300000 /dev/urandom > dir/random
head -c 9000000 /dev/urandom > dir/large
yes 'compressible' | head -c 3000000 > dir/repetitive
truncate -s 64M dir/sparse
printf 'island' | dd of=dir/sparse bs=1 seek=30000000 conv=notrunc status=none
printf 'end' >> dir/sparse
fallocate -l 100000 dir/allocated
head -c 200000 /dev/urandom > dir/punched

echo newline > "$(printf 'odd\nname\n.')"
echo latin1 > "$(printf 'f\374r')"
echo bytes > "$(printf '\200\376\377 \001')"
echo tilde > 'back\slash "quote" $dollar *'
echo dash > ./-rf
echo utf8 > 'größe – 雪'
long=$(printf '%0255d' 0)
mkdir "$long"
echo long > "$long/$long"

ln -s dir/file symlink
ln -s /nowhere/at/all dangling
ln -s "$(printf 'to\377')" "$(printf 'link\377')"
ln dir/file hard
ln dir/file dir/deep/hard
ln symlink hardsymlink
i=0; while [ $i -lt 200 ]; do ln dir/inline empty/link-$i; i=$((i+1)); done

mknod char c 1 7
mknod block b 7 200
mkfifo -m 640 fifo
ln fifo hardfifo

cp --reflink=always dir/random dir/clone
cp --reflink=always dir/repetitive dir/partly
printf 'changed' | dd of=dir/partly bs=4096 seek=100 conv=notrunc status=none

echo suid > suid; chmod 4755 suid
echo sgid > sgid; chmod 2711 sgid
chmod 1777 empty
chmod 2770 dir/deep
echo none > none; chmod 0000 none
chown 1000:1001 dir/inline
chown -h 65534:12345 symlink
chown 4294967294:7 'with space'
chown 1000:1000 suid; chmod 6755 suid

setfattr -n user.plain -v value dir/file
setfattr -n user.empty dir/file
setfattr -n user.binary -v 0x00ff0a0d22 dir/file
setfattr -n user.large -v "$(printf '%03500d' 7)" dir/file
setfattr -n trusted.only -v root dir
setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 suid
setfattr -h -n trusted.link -v yes symlink
setfattr -n user.gone -v soon dir/random
setfacl -m u:1000:rwx,g:1001:r--,m::rw- dir/random
setfacl -m d:u:1000:rwx,u:33:r-x dir/deep

touch -d '1969-12-31 23:59:58.123456789 UTC' dir/empty
touch -d '1903-01-02 03:04:05.000000001 UTC' dir/file
touch -d '2106-02-07 06:28:16.999999999 UTC' dir/random
touch -h -d '2001-09-09 01:46:40.5 UTC' symlink
touch -d '1999-12-31 23:59:59.999999999 UTC' dir/deep empty char fifo
`;

const second = String.raw`
mv dir/repetitive renamed
mv dir/deep/deeper 'with space/moved in'
mv swap1 tmp; mv swap2 swap1; mv tmp swap2
mv outer/inner inner; mv outer inner/outer
mv hard "$(printf 'hard \376')"
mv "$(printf 'f\374r')" "$(printf 'odd\nname\n.')"
rm dir/deep/hard dangling hardfifo
rm empty/link-1*
rm dir/empty; mkdir dir/empty; echo now > dir/empty/directory
rm -r "$(printf '%0255d' 0)"
ln dir/inline 'with space/new link'
ln -sfn elsewhere symlink2
echo appended >> dir/file
truncate -s 1000 dir/clone
truncate -s 500000 dir/inline
fallocate -p -o 40960 -l 81920 dir/punched
printf 'middle' | dd of=dir/sparse bs=1 seek=10000000 conv=notrunc status=none
setfattr -x user.gone dir/random
setfattr -n user.plain -v 'other value' dir/file
setfacl -b dir/random
chmod 0711 none
chown 5:6 dir
touch -d '1980-01-01 00:00:00 UTC' renamed dir
rm char; mkfifo char
rm block; mknod block c 5 1
`;

const third = `
cp --reflink=always ../first/dir/random from-first
cp --reflink=always ../library.1/book from-library
cp --reflink=always renamed across
head -c 100000 /dev/urandom >> from-library
mkdir -p a/b/c/d; mv a/b/c/d a/d; mv a/b a/d/b
mv 'with space' a/d/b/c/'with space'
rm -r empty inner
`;

const fifth = `
find . -mindepth 1 -maxdepth 1 ! -name dir ! -name a -exec rm -r {} +
mv a/d/b/c/'with space'/'moved in' back
`;

/** The names of the snapshots, oldest first; `fourth` has no change, `library.1` is another's. */
export const snapshots = ['first', 'library.1', 'second', 'third', 'fourth', 'fifth'] as const;

/** Makes the chain; each snapshot lies at the top level under its name. */
export function everything(fs: Btrfs): void {
  const origin = fs.subvolume('origin');
  const library = fs.subvolume('library');
  const sh = (script: string, cwd: string) => {
    execFileSync('sh', ['-ec', script], { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
  };
  sh(first, origin);
  makeSocket(origin);
  fs.snapshot('origin', 'first');
  sh('head -c 400000 /dev/urandom > book', library);
  fs.snapshot('library', 'library.1');
  sh(second, origin);
  fs.snapshot('origin', 'second');
  sh(third, origin);
  fs.snapshot('origin', 'third');
  fs.snapshot('origin', 'fourth');
  sh(fifth, origin);
  fs.snapshot('origin', 'fifth');
}

/** A socket's file stays when the process that listens on it is killed. */
function makeSocket(cwd: string): void {
  const script = `require('net').createServer().listen('socket', () => process.kill(process.pid, 9))`;
  try {
    execFileSync(process.execPath, ['-e', script], { cwd, stdio: 'ignore' });
  } catch {
    execFileSync('test', ['-S', 'socket'], { cwd });
  }
}

/** Bytes of random data in a file: nothing can compress or clone them. */
export function randomFile(path: string, bytes: number): void {
  execFileSync('sh', ['-ec', 'head -c "$1" /dev/urandom > "$2"', 'sh', `${bytes}`, path]);
}
