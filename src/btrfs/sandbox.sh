# Runs `btrfs receive` where only the destination directory can be written to.
#
#   sh -c SCRIPT sh make DESTINATION MOUNT_POINT
#   sh -c SCRIPT sh enter DESTINATION MOUNT_POINT MOUNTS
#
# `make` runs in a new mount namespace and turns everything else in it read-only. `enter` runs in a
# namespace that `make` made, and refuses it unless its mounts still have the checksum MOUNTS: a mount
# that was added since is not read-only. Both say `btrferry: confined` on stderr, `make` with the
# checksum of the mounts, before btrfs begins. They exit with 99 if they cannot confine it.

step=$1
dest=$2
root=$3

if [ "$step" = enter ]; then
  [ "$(sha256sum </proc/self/mountinfo)" = "$4" ] || exit 99
  echo 'btrferry: confined' >&2
  exec btrfs -q receive -m "$root" "$dest"
fi

set -f
# The bind mount hides the mounts that lie below the destination.
mount --bind "$dest" "$dest" || exit 99
mounts=$(cat /proc/self/mountinfo) || exit 99
while read -r _ _ _ _ point _ rest; do
  # A touch of an automount point mounts something in another namespace.
  case "$rest" in *'- autofs '*) continue ;; esac
  case "$point" in *\\*)
    # The dot keeps newlines at the end of a path from being cut off.
    point=$(printf '%b.' "$(printf '%s' "$point" | sed 's/\\/\\0/g')")
    point=${point%.}
    ;;
  esac
  case "$point" in "$dest" | "$dest"/*) continue ;; esac
  case "$point" in
    /) ;;
    # Before util-linux 2.37, mount does not know nosymfollow. By now /dev/null cannot be opened.
    "$root") mount -o remount,bind,ro,nodev,nosymfollow "$point" 2>&- && continue ;;
  esac
  mount -o remount,bind,ro,nodev "$point" && continue
  # A mount that cannot be made read-only, such as one whose server is gone, leaves this namespace.
  case "$dest" in "$point"/*) ;; *) umount -l "$point" && continue ;; esac
  mountpoint -q "$point" || continue
  exit 99
done <<END
$mounts
END
mount -o remount,bind,nodev,nosymfollow "$dest" 2>&- ||
  mount -o remount,bind,nodev "$dest" || exit 99
cd / || exit 99
echo "btrferry: confined $(sha256sum </proc/self/mountinfo)" >&2
exec btrfs -q receive -m "$root" "$dest"
