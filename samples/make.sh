#!/usr/bin/env bash
# Makes samples/streams and samples/archives anew, from a real btrfs that is there only while
# this runs. README.md tells what each sample is for.
#
#   npm run build && sudo samples/make.sh
#
# UUIDs and times differ from run to run, what the streams say does not. Needs root, Linux and
# btrfs-progs 6.0 or later, attr, acl and perl. What lies in samples/ is only replaced once
# everything new is made.
set -euo pipefail
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
samples=$(cd "$(dirname "$0")" && pwd)
btrferry() { node "$samples/../dist/cli/main.js" "$@"; }

# Mounts of this script, and the host name that its manifests tell, are seen by nobody else.
if [ "${1:-}" != --inside ]; then exec unshare --mount --uts --propagation private bash "$0" --inside; fi
echo sample >/proc/sys/kernel/hostname

work=$(mktemp -d)
cleanup() {
  cd /
  if mountpoint -q "$work/top"; then umount "$work/top"; fi
  rm -rf --one-file-system "$work"
}
trap cleanup EXIT
mkdir "$work/top" "$work/streams" "$work/archives"
truncate -s 256M "$work/image"
mkfs.btrfs -q "$work/image" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
mount -o loop "$work/image" "$work/top"
cd "$work/top"

# As silent as possible: `snapshot FROM TO` and `send FILE ARGUMENTS...`.
subvolume() { btrfs -q subvolume create "$1"; }
snapshot() { btrfs -q subvolume snapshot -r "$1" "$2"; }
send() {
  local file=$1
  shift
  btrfs -q send "$@" >"$work/streams/$file.btrfs"
}
# The same in both versions of the protocol.
send_both() {
  local file=$1
  shift
  send "$file.v1" --proto 1 "$@"
  send "$file.v2" --proto 2 "$@"
}
# Text of so many lines that compresses well, but not to nothing.
text() { seq -f 'line %04g of a text that compresses well, but not to nothing' "$1"; }
# So many bytes that look random, and are the same each time.
noise() { perl -e 'srand(shift); print pack "C*", map { int rand 256 } 1 .. shift' "$@"; }
# What a program leaves that listened there.
socket() { perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un(shift))' "$1"; }

echo 'tree: one of everything'
subvolume tree
(
  cd tree
  : >empty
  printf 'a few bytes\n' >small
  # shellcheck disable=SC2094 # the function and the file share a name
  noise 1 9000 >noise
  mkdir -p deep/er/and/deeper/still links
  text 20 >deep/er/and/deeper/still/text

  printf 'one file, three names\n' >links/first
  ln links/first links/second
  ln links/first deep/third
  ln -s ../small links/relative
  ln -s /nowhere/to/be/found links/dangling
  ln -s $'to\xff\nbytes' links/to-bytes

  mkfifo fifo
  socket socket
  mknod null c 1 3
  mknod loop b 7 200

  # A hole of 512 KiB, data, and a hole at the end.
  truncate -s 1M sparse
  noise 2 4096 | dd of=sparse bs=4096 seek=128 conv=notrunc status=none

  printf 'x' >attributed
  setfattr -n user.comment -v 'in plain text' attributed
  setfattr -n user.bytes -v 0x00ff0a80 attributed
  setfattr -n user.empty attributed
  setfattr -n trusted.overlay.opaque -v y deep
  # cap_net_raw=ep, as ping has it.
  printf 'a program\n' >capable
  setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 capable
  setfacl -m u:1234:rw,g:5678:r attributed
  setfacl -d -m u:1234:rwx deep

  printf 'of somebody else\n' >owned
  chown 1000:100 owned
  printf 'set-uid\n' >set-uid
  chmod 4711 set-uid
  printf 'shut\n' >shut
  chmod 0000 shut
  mkdir -m 1777 sticky
  chown -h 1000:1000 links/relative

  mkdir names
  cd names
  # shellcheck disable=SC2016 # the name of a file
  touch -- 'a space' ' before' 'behind ' -dash .hidden "quotes ' and \"" 'back\slash' '$HOME `x` *?'
  touch $'new\nline' $'tab\tand\aalarm' $'escape\e[31m' $'\x01\x7f'
  touch 'Grüße' '日本語' $'not utf-8 \xff\xfe\x80' $'latin-1 caf\xe9' $'turned \xe2\x80\xaetxt.exe'
  touch "$(printf 'n%.0s' {1..255})"
  mkdir $'dir \xe9\n'
  printf 'below odd names\n' >$'dir \xe9\n/file \xe8'
)
find tree -exec touch -h -d '2024-02-29 12:34:56.123456789Z' {} +
touch -d '1969-07-20 20:17:40Z' tree/owned
touch -d '2106-02-07 06:28:17Z' tree/set-uid
snapshot tree tree.1
send_both tree.1.full tree.1
send tree.1.no-data.v1 --proto 1 --no-data tree.1

echo 'tree.2: what can be done to a tree'
(
  cd tree
  mv noise deep/noise-renamed
  mv deep/er/and deep/ond
  rm small empty fifo
  rmdir sticky
  mkdir empty                                   # a directory where a file was
  printf 'another file, the same name\n' >small
  mv owned swap && mv shut owned && mv swap shut # two names change places
  rm links/second
  ln links/first links/fourth
  printf 'one line more\n' >>deep/ond/deeper/still/text
  truncate -s 512K sparse
  noise 3 4096 | dd of=deep/noise-renamed bs=4096 seek=1 conv=notrunc status=none
  setfattr -x user.bytes attributed
  setfattr -n user.comment -v 'changed' attributed
  setfacl -b attributed
  chmod 0640 set-uid
  chown 7:7 capable
  mv $'names/dir \xe9\n' $'names/dir \xe8'
  mv $'names/not utf-8 \xff\xfe\x80' $'names/still not \xff'
  rm names/'Grüße' $'names/latin-1 caf\xe9'
)
find tree -newermt 2025-01-01 -exec touch -h -d '2024-03-01 00:00:00Z' {} +
snapshot tree tree.2
send_both tree.2.from-tree.1 -p tree.1 tree.2
snapshot tree tree.3
send_both tree.3.from-tree.2.empty -p tree.2 tree.3

echo 'a snapshot whose own name is odd'
odd=$'odd \n n\xe4me'
subvolume "$odd.rw"
printf 'hello\n' >"$odd.rw/file"
snapshot "$odd.rw" "$odd"
send_both odd-name.full "$odd"

echo 'clones: extents shared within, from the parent, and from another snapshot'
subvolume clones
noise 4 24576 >clones/original
cp --reflink=always clones/original clones/copy
# Shared at both ends only.
cp --reflink=always clones/original clones/middle-differs
noise 5 4096 | dd of=clones/middle-differs bs=4096 seek=3 conv=notrunc status=none
snapshot clones clones.1
send_both clones.1.full clones.1

# Of what was there, only the parent has a file with these extents.
cp --reflink=always clones/original clones/from-parent
rm clones/original clones/copy clones/middle-differs
snapshot clones clones.2
send_both clones.2.from-clones.1 -p clones.1 clones.2

subvolume library
noise 6 20480 >library/book
snapshot library library.1
send_both library.1.full library.1
cp --reflink=always library/book clones/borrowed
snapshot clones clones.3
send_both clones.3.from-clones.2.and-library.1 -p clones.2 -c library.1 clones.3

echo 'packed: extents sent as they are stored'
mount -o remount,compress-force=zstd:3 "$work/top"
subvolume packed
text 3000 >packed/zstd
for algorithm in zlib lzo; do
  : >packed/$algorithm
  btrfs property set packed/$algorithm compression $algorithm
  text 300 >packed/$algorithm
done
noise 7 4096 >packed/incompressible
sync -f .
snapshot packed packed.1
send packed.1.full.v2 --proto 2 --compressed-data packed.1
text 100 >>packed/lzo
text 2000 | dd of=packed/zstd bs=4096 seek=2 conv=notrunc status=none
sync -f .
snapshot packed packed.2
send packed.2.from-packed.1.v2 --proto 2 --compressed-data -p packed.1 packed.2
mount -o remount,compress=no "$work/top"

echo 'archives'
subvolume home
text 60 >home/diary
noise 8 3000 >$'home/not utf-8 \xe9.jpg'
snapshot home home.1
text 75 >home/diary
ln home/diary home/journal
snapshot home home.2
mv $'home/not utf-8 \xe9.jpg' home/picture.jpg
rm home/journal
snapshot home home.3
btrferry export --quiet --create --mode 0755 --label 'the samples' --to "$work/archives/chain" home.1 home.2 home.3
rm "$work/archives/chain/.lock"
cp -r "$work/archives/chain" "$work/archives/full-missing"
rm -r "$work/archives/full-missing/streams/"*.full

for made in streams archives; do
  rm -rf "${samples:?}/$made"
  cp -r "$work/$made" "$samples/$made"
done
du -sh "$samples/streams" "$samples/archives"
