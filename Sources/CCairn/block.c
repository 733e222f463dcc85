#define _GNU_SOURCE
#include "cairnblock.h"

#include <errno.h>
#include <linux/fs.h>
#include <stddef.h>
#include <sys/ioctl.h>

int cairn_block_device(int descriptor, struct cairn_block_device *out) {
  uint64_t bytes = 0;
  int logical = 0, read_only = 0;
  unsigned int physical = 0;
  if (ioctl(descriptor, BLKGETSIZE64, &bytes) < 0 || ioctl(descriptor, BLKSSZGET, &logical) < 0) return -errno;
  if (ioctl(descriptor, BLKPBSZGET, &physical) < 0) physical = (unsigned int)logical;
  if (ioctl(descriptor, BLKROGET, &read_only) < 0) read_only = 0;
  out->bytes = bytes;
  out->logical_sector = logical > 0 ? (uint32_t)logical : 512;
  out->physical_sector = physical;
  out->is_read_only = read_only != 0;
  return 0;
}

int cairn_reread_partitions(int descriptor) { return ioctl(descriptor, BLKRRPART) < 0 ? -errno : 0; }
