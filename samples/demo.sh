#!/usr/bin/env bash
# `npm run demo`: carries a chain of snapshots from one throw-away btrfs to another, explains
# each step, and cleans up whatever happens. Where that can't be done it shows what can be.
set -euo pipefail
export LC_ALL=C.UTF-8 PATH=$PATH:/usr/sbin:/sbin
repository=$(cd "$(dirname "$0")/.." && pwd)
btrferry() { node "$repository/dist/cli/main.js" "$@"; }
if [ ! -e "$repository/dist/cli/main.js" ]; then
  echo 'btrferry is not built yet: run npm run demo, which does that too' >&2
  exit 1
fi

# Mounts of this script are seen by nobody else and end with it, even when it is killed.
if [ "$(id -u)" = 0 ] && [ "${1:-}" != --inside ] && unshare --mount true 2>/dev/null; then
  exec unshare --mount --propagation private bash "$0" --inside
fi

# One place for all that is said, so that it stays in order when it goes to a file or a pager.
exec 2>&1
bold='' faint='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' faint=$'\e[2m' plain=$'\e[0m'; fi

step=0 stopped=''
heading() {
  step=$((step + 1))
  printf '\n%s%d. %s%s\n' "$bold" "$step" "$1" "$plain"
}
say() { printf '%s\n' "$@"; }
stop() {
  printf '\nThe demo stops: %s.\n' "$1"
  stopped=yes
  exit 1
}
# A command as one would type it, and time to read it for who watches.
prompt() {
  printf '\n%s$ %s%s\n' "$bold" "$1" "$plain"
  if [ -t 1 ]; then sleep 0.3; fi
}
# Shows a command and runs it. `run 5 COMMAND` expects exit code 5, and
# `run any COMMAND` accepts every code.
run() {
  local expected=0 code=0
  if [ $# -eq 2 ]; then
    expected=$1
    shift
  fi
  prompt "$1"
  eval "$1" || code=$?
  if [ "$expected" != any ] && [ "$code" -ne "$expected" ]; then
    stop "that ended with exit code $code and not $expected"
  fi
  if [ "$code" -ne 0 ]; then printf '%s(exit code %d)%s\n' "$faint" "$code" "$plain"; fi
}
# Runs a command that must print nothing, and says what that proves.
silent() {
  local output
  prompt "$1"
  output=$(eval "$1")
  if [ -n "$output" ]; then
    say "$output"
    stop 'there should be nothing'
  fi
  printf '%s(%s)%s\n' "$faint" "$2" "$plain"
}

# --- Without root or btrfs ---------------------------------------------------------------------

# Shows the part that needs neither, says why it stops there, and exits with 0.
only_look() {
  cd "$repository"
  say "$1." \
    'So this only shows how to look at an archive and at a stream, on samples.'
  heading 'An archive, and whether it can be restored'
  say 'A full stream and two increments, each on top of the one above:'
  run 'btrferry list samples/archives/chain'
  say '' 'The same archive after somebody lost the full stream:'
  run 'btrferry list samples/archives/full-missing'
  heading 'What is in a send stream'
  run 'btrferry inspect samples/streams/tree.2.from-tree.1.v1.btrfs'
  heading 'What an import would do'
  say 'Without --into, a plan for a destination that has nothing yet:'
  run 'btrferry import samples/archives/chain --dry-run'
  say '' 'Of the second archive it would receive nothing, and says what is missing:'
  run 5 'btrferry import samples/archives/full-missing --dry-run'
  say '' 'Here the demo stops, for the same reason:' "$1." "To see the rest: $2." \
    '' 'What this machine can do, and what it lacks:'
  run any 'btrferry doctor'
  exit 0
}

say "${bold}btrferry carries btrfs snapshots across an air gap.${plain}"
if [ "$(id -u)" != 0 ]; then only_look 'Sending and receiving snapshots takes root' 'sudo npm run demo'; fi
for program in mkfs.btrfs zstd rsync setfattr losetup; do
  if ! command -v "$program" >/dev/null; then
    only_look "$program is not installed" 'install it (npm run demo does, where apt-get is)'
  fi
done

# --- Two computers and a drive -----------------------------------------------------------------

work=''
cleanup() {
  local code=$?
  trap '' INT TERM HUP PIPE
  if [ "$code" = 1 ] && [ -z "$stopped" ]; then say '' 'The demo stops: a command failed.'; fi
  cd /
  if [ -z "$work" ]; then return; fi
  for mounted in laptop server usb; do
    if ! mountpoint -q "$work/$mounted"; then continue; fi
    umount "$work/$mounted" 2>/dev/null || umount -l "$work/$mounted" || true
  done
  rm -rf --one-file-system "$work"
}
trap cleanup EXIT
trap 'echo "Interrupted: cleaning up."; exit 130' INT
trap 'exit 143' TERM HUP
work=$(mktemp -d "${TMPDIR:-/tmp}/btrferry-demo.XXXXXX")
cd "$work"

# `filesystem TYPE NAME`: an image of that name, mounted.
filesystem() {
  mkdir -p "$2"
  truncate -s 256M "$2.img"
  "mkfs.$1" "$2.img" >log 2>&1 && mount -o loop "$2.img" "$2" 2>log
}
for computer in laptop server; do
  if ! filesystem btrfs "$computer"; then
    only_look "No btrfs can be mounted here ($(sed "s|$work/||; s/\.$//; q" log))" \
      'use another machine, or a virtual one'
  fi
done
if filesystem vfat usb; then
  drive='with FAT, as usual'
elif filesystem ext4 usb; then
  drive='with ext4 (no FAT here)'
else
  drive='here only a directory'
fi

say "In $work there now are" \
  '  laptop  a btrfs, with files in it' \
  '  server  another btrfs, empty' \
  "  usb     the drive that goes back and forth, $drive" \
  'There is no network between the two. At the end all of it is thrown away.'

heading 'The laptop makes a snapshot each day'
btrfs -q subvolume create laptop/home
(
  cd laptop/home
  head -c 6M /dev/urandom >photo.raw
  seq -f 'log line %.0f' 300000 >log
  echo 'buy bread' >todo
  echo 'old' >old-plan
  ln todo same-todo
  ln -s todo link-to-todo
  echo 'a name in Latin-1' >$'caf\xe9'
  setfattr -n user.author -v me todo
  chown 1000:1000 photo.raw
)
say 'Its files: one of random bytes, a long log, a hard link, a symbolic link, an' \
  'extended attribute, and a name that is not UTF-8. Only read-only snapshots (-r)' \
  'can be sent.'
run 'btrfs subvolume snapshot -r laptop/home laptop/mon'
run 'echo "buy milk" >> laptop/home/todo; rm laptop/home/old-plan'
run 'btrfs subvolume snapshot -r laptop/home laptop/tue'
run 'cp --reflink laptop/home/photo.raw laptop/home/photo-copy.raw
  mv laptop/home/log laptop/home/log.1; chmod 600 laptop/home/todo'
run 'btrfs subvolume snapshot -r laptop/home laptop/wed'

heading 'Export: snapshots become files on the drive'
say 'The first one has nothing to build on, so it is sent in full.'
run 'btrferry export laptop/mon --to usb'
say '' 'For the others, only what changed since the snapshot before. Copying and' \
  'renaming large files costs next to nothing.'
run 'btrferry export laptop/tue laptop/wed --to usb'
run 'btrferry list usb'
say '' 'Each stream is a directory of ordinary files:'
run 'ls usb/streams/*'

heading 'Import with something missing: refused'
say 'The drive goes to the server. But the full stream got lost on the way:'
run 'mkdir lost; mv usb/streams/mon.*.full lost'
say '' 'Without mon there is nothing to put tue and wed on top of. Import finds that' \
  'out before it begins, says so, and touches nothing.'
run 5 'btrferry import usb --into server'
silent 'ls -A server' 'the server is as empty as before'

heading 'Import'
say 'The full stream is found, and the same command again does it:'
run 'mv lost/mon.*.full usb/streams'
run 'btrferry import usb --into server'

heading 'Are both sides equal?'
run 'ls -lnb laptop/wed'
run 'ls -lnb server/wed'
say '' 'To compare all there is (contents, modes, owners, times, links, extended' \
  'attributes), ask rsync what it would have to change: a line for each difference.' \
  'That it does see them shows between two days:'
run 'rsync -naHAXci --delete laptop/wed/ server/mon/'
say '' 'And between the two sides, each day:'
for day in mon tue wed; do
  silent "rsync -naHAXci --delete laptop/$day/ server/$day/" 'nothing to change: equal'
done

heading 'Import again: nothing to do'
run 'btrferry import usb --into server'

heading 'Without btrferry'
say 'A stream can be checked and restored with what every distribution has:'
run '(cd usb/streams/mon.*.full && sha256sum -c SHA256SUMS)'
run 'mkdir server/by-hand
  cat usb/streams/mon.*.full/*.btrfs.zst |
    zstd -d | btrfs receive server/by-hand'
silent 'rsync -naHAXci --delete laptop/mon/ server/by-hand/mon/' 'nothing to change: equal'

heading 'What you saw'
say '- export wrote one full stream and two increments to the drive' \
  '- import refused them while the full stream was missing, and received nothing' \
  '- import received all three in order, equal to the last attribute' \
  '- import, once more, found nothing to do' \
  '- cat, zstd and btrfs receive restored a stream without btrferry' \
  '' \
  'export and import take --dry-run as well: then they only show their plan.' \
  'On your own machines, begin with: btrferry doctor' \
  "Removed again: $work"
