// Block devices, and which blocks of an ext2, ext3 or ext4 file system are in use.
//
// Every function returns a value >= 0, or the negated errno, unless it says otherwise.
#pragma once

#include <stdint.h>

/// What the kernel says of an open block device.
struct cairn_block_device {
  uint64_t bytes;
  uint32_t logical_sector, physical_sector;
  uint8_t is_read_only;
};

int cairn_block_device(int descriptor, struct cairn_block_device *out);
/// BLKRRPART: has the kernel read the partition table of a whole disk again.
int cairn_reread_partitions(int descriptor);

/// Why the blocks in use of something that looks like a file system of the ext family cannot be told.
enum {
  CAIRN_EXT_OK = 0,
  CAIRN_EXT_NONE,         // no file system of this family
  CAIRN_EXT_UNCLEAN,      // mounted, or not unmounted, or with errors noted
  CAIRN_EXT_UNSUPPORTED,  // features that are not known here
  CAIRN_EXT_DAMAGED,      // checksums or numbers that are wrong
  CAIRN_EXT_UNREADABLE,   // reading failed
  CAIRN_EXT_TOO_LARGE     // larger than the place that holds it, or than memory is spent on
};

/// The layout of a file system: group g holds the blocks from first_block + g * blocks_per_group on.
struct cairn_ext_layout {
  uint64_t blocks, first_block;
  uint32_t block_bytes;
  uint32_t groups;
  uint32_t blocks_per_group;
  /// Blocks that one bit of a bitmap stands for; more than one with bigalloc.
  uint32_t blocks_per_bit;
  /// Bits of a group's bitmap; a multiple of 8, at most 8 * 65536.
  uint32_t bits_per_group;
};

/// Opens the file system that begins at `offset` of the file or device `path` and is at most `length` bytes long, for reading.
///
/// Returns CAIRN_EXT_*; `*handle` is set for CAIRN_EXT_OK only.
int cairn_ext_open(const char *path, uint64_t offset, uint64_t length, struct cairn_ext_layout *layout, void **handle);
/// Reads which blocks of a group are in use: bits_per_group bits, low bits first. Checksums and the group's own count are compared.
///
/// Returns CAIRN_EXT_OK, CAIRN_EXT_DAMAGED or CAIRN_EXT_UNREADABLE.
int cairn_ext_group(void *handle, uint32_t group, uint8_t *bits);
void cairn_ext_close(void *handle);
