#!/usr/bin/env bash
# Makes a fresh machine ready for `npm test` and `npm run demo`: dependencies, the build, and,
# for tests on real filesystems, the programs they need. Does nothing that is done already.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo 'setup: npm ci'
  npm ci --no-audit --no-fund --loglevel=error
  touch node_modules/.package-lock.json
fi

node test/build.mjs

# Says why tests on real btrfs can't run; where they must, that is the end.
without() {
  echo "setup: tests on real btrfs will be skipped: $1" >&2
  if [ "${CI:-}" = true ]; then exit 1; fi
  exit 0
}

PATH=$PATH:/usr/sbin:/sbin
missing=()
need() { command -v "$1" >/dev/null || missing+=("$2"); }
need mkfs.btrfs btrfs-progs
need zstd zstd
need mkfs.vfat dosfstools
need mkfs.ext4 e2fsprogs
# FAT by the kernel's own driver, on any kernel (Debian has it for x86); its image is read by mtools.
if [ "$(uname -m)" = x86_64 ]; then need linux.uml user-mode-linux; fi
need mcopy mtools
need mount.exfat-fuse exfat-fuse
need mkfs.exfat exfatprogs
need getfattr attr
need setfacl acl
need rsync rsync
need unshare util-linux
need shellcheck shellcheck
need losetup mount
# OpenStack Swift, the object store of the tests.
for server in account container object proxy; do need swift-$server-server swift-$server; done
need memcached memcached
need gpg gpg
need par2 par2

if [ "$(id -u)" != 0 ]; then without 'they need root'; fi

if [ ${#missing[@]} -gt 0 ]; then
  echo "setup: apt-get install ${missing[*]}"
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  export DEBIAN_FRONTEND=noninteractive
  if ! command -v apt-get >/dev/null; then without "no apt-get to install ${missing[*]}"; fi
  if ! { apt-get -q update && apt-get -q install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    without "apt-get could not install ${missing[*]}"
  fi
fi

if ! grep -qw btrfs /proc/filesystems; then modprobe btrfs 2>/dev/null || true; fi
if [ ! -e /dev/loop-control ]; then modprobe loop 2>/dev/null || true; fi
if ! grep -qw btrfs /proc/filesystems; then without 'the kernel has no btrfs'; fi
