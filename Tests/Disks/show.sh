#!/bin/bash
# Shows the image of a partitioned disk end to end, on loop devices: full, changed, incremental and differential snapshots, the bytes each
# stored, and restores to a fresh loop device that are compared block by block, by fsck and by partition table.
#
# Tests/Disks/show.sh [BINARY [MEBIBYTES]]    needs root, loop devices, util-linux, fdisk, e2fsprogs, dosfstools and mtools.
set -euo pipefail
cairn=$(realpath "${1:-.build/release/cairn}")
size=${2:-1024}  # of the disk
for tool in losetup sfdisk mkfs.ext4 e2fsck mkfs.vfat fsck.vfat mcopy; do
  command -v $tool >/dev/null || { echo "skipped: $tool is missing"; exit 0; }
done
[ "$(id -u)" = 0 ] && losetup -f >/dev/null 2>&1 || { echo "skipped: needs root and loop devices"; exit 0; }

work=$(mktemp -d)
devices=
cleanup() {
  mountpoint -q "$work/mnt" && umount "$work/mnt"
  for device in $devices; do losetup -d "$device" 2>/dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT
say() { printf '\n== %s\n' "$*"; }
run() { echo "\$ cairn $*"; "$cairn" "$@"; }
refused() { # STATUS ARGUMENT...
  local wanted=$1 status=0
  shift
  run "$@" || status=$?
  echo "exit status $status"
  [ "$status" = "$wanted" ]
}
# A partition of a device as a device of its own: the kernel need not know the table.
part() { # DEVICE NUMBER
  local start size
  read -r start size < <(sfdisk -d "$1" | sed -n "s/.*$2 : start= *\([0-9]*\), size= *\([0-9]*\),.*/\1 \2/p")
  losetup --show -f -o $((start * 512)) --sizelimit $((size * 512)) "$1"
}
attach() { losetup --show -f "$1"; }

export CAIRN_REPOSITORY=$work/repo CAIRN_PASSWORD=show CAIRN_CACHE_DIR=$work/cache CAIRN_STATE_DIR=$work/state
mkdir "$work/mnt"
run init >/dev/null

say "a disk of $size MiB: GPT, ext4 of $((size * 7 / 10)) MiB, vfat of $((size / 5)) MiB"
truncate -s "${size}M" "$work/disk"
sfdisk -q "$work/disk" <<TABLE
label: gpt
size=$((size * 7 / 10))MiB, type=linux, name="root"
size=$((size / 5))MiB, type=uefi, name="boot"
TABLE
disk=$(attach "$work/disk"); devices="$devices $disk"
one=$(part "$disk" 1); devices="$one $devices"
two=$(part "$disk" 2); devices="$two $devices"
mkfs.ext4 -q -L system "$one"
mkfs.vfat -n BOOT "$two" >/dev/null
mount "$one" "$work/mnt"
mkdir "$work/mnt/files"
for i in $(seq 40); do head -c $((size * 4))K /dev/urandom >"$work/mnt/files/$i"; done
cp -r /usr/include/linux "$work/mnt/include"
head -c $((size / 7))M /dev/urandom >"$work/mnt/gone"; sync; rm "$work/mnt/gone"
umount "$work/mnt"
head -c $((size / 50))M /dev/urandom >"$work/kernel"; mcopy -i "$two" "$work/kernel" ::kernel

change() { # adds a file, changes a file in place, removes one
  mount "$one" "$work/mnt"
  head -c $((size * 8))K /dev/urandom >"$work/mnt/new-$1"
  printf 'changed %s' "$1" | dd of="$work/mnt/files/$1" bs=1 seek=100000 conv=notrunc status=none
  rm -f "$work/mnt/files/$((20 + $1))"
  umount "$work/mnt"
}
# Writes a snapshot to a fresh device and compares.
compare() { # SNAPSHOT
  rm -f "$work/copy"
  head -c "${size}M" /dev/zero | tr '\0' '\252' >"$work/copy"
  local copy
  copy=$(attach "$work/copy"); devices="$copy $devices"
  run restore "$1" --image "$copy" --yes
  [ "$(sfdisk -d "$disk" | sed "s,$disk,X,g")" = "$(sfdisk -d "$copy" | sed "s,$copy,X,g")" ]
  echo "partition table: identical"
  local c1 c2
  c1=$(part "$copy" 1); c2=$(part "$copy" 2)
  cmp "$two" "$c2"
  echo "vfat partition: cmp equal"
  fsck.vfat -n "$c2" >/dev/null
  echo "vfat partition: fsck.vfat clean"
  e2fsck -fn "$c1" 2>&1 | tail -1
  # Every block that is in use, compared: e2image writes these and no others.
  e2image -ra "$one" "$work/used-a" >/dev/null 2>&1; e2image -ra "$c1" "$work/used-b" >/dev/null 2>&1
  cmp "$work/used-a" "$work/used-b"
  echo "ext4 partition: cmp equal where used"
  rm -f "$work/used-a" "$work/used-b"
  losetup -d "$c1"; losetup -d "$c2"; losetup -d "$copy"
}

say "full"
run backup --image "$disk" --kind full
run ls -l latest
compare latest

say "nothing changed: incremental"
run backup --image "$disk"

say "changed: incremental"
change 1
run backup --image "$disk"
compare latest

say "changed again: differential"
change 2
run backup --image "$disk" --kind differential
compare latest

say "what the repository holds"
run snapshots
run snapshots --json | tr ',' '\n' | grep -E '"kind"|data_added_packed|bytes_read' | paste - - - 
run check --read-data
du -sh --apparent-size "$work/repo" | cut -f1

say "the newest over the device that holds the one before: only what differs is written"
copy=$(attach "$work/copy"); devices="$copy $devices"
run restore latest --image "$copy" --yes
change 3
run backup --image "$disk"
run restore latest --image "$copy" --yes
losetup -d "$copy"

say "a link to a device, and a disk whose partitions the kernel knows"
ln -s "$disk" "$work/by-id"
run backup --image "$work/by-id" --dry-run
rm "$work/copy"; truncate -s "${size}M" "$work/copy"
copy=$(losetup --show -f -P "$work/copy"); devices="$copy $devices"
run restore latest --image "$copy" --yes
if [ -e "/sys/block/${copy#/dev/}/${copy#/dev/}p1" ]; then
  echo "the kernel has read the new partition table"
  if [ -b "${copy}p1" ]; then
    mount "${copy}p1" "$work/mnt"
    refused 1 restore latest --image "$copy" --yes
    umount "$work/mnt"
  fi
fi
losetup -d "$copy"

say "refused: mounted, too small, used by a loop device, not asked for"
mount "$one" "$work/mnt"
refused 1 restore latest --image "$one" --yes
umount "$work/mnt"
truncate -s "$((size / 2))M" "$work/small"; small=$(attach "$work/small"); devices="$small $devices"
refused 1 restore latest --image "$small" --yes
refused 1 restore latest --image "$disk" --yes
head -c 1M /dev/urandom >"$work/precious"
refused 64 restore latest --image "$work/precious" </dev/null

say "as a sparse file"
run restore latest --image "$work/out.img"
du -h --apparent-size "$work/out.img" | cut -f1; du -h "$work/out.img" | cut -f1

say "bad sectors: the second half of the disk cannot be read"
losetup -d "$small"
head -c 8M /dev/urandom >"$work/small"; bad=$(attach "$work/small"); devices="$bad $devices"
truncate -s 6M "$work/small"; blockdev --flushbufs "$bad"
refused 1 backup --image "$bad"
refused 3 backup --image "$bad" --skip-bad-sectors
run ls -l latest

say "all as it should be"
