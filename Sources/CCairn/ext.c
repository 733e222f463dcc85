// Which blocks of a file system of the ext family are in use, by libext2fs.
//
// The bitmaps are read group by group, so that memory does not grow with the file system beyond its group descriptors. Whatever is not
// as it should be makes the caller read the whole file system: nothing here may ever call a block unused that is not.
#define _GNU_SOURCE
#include "cairnblock.h"

#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUPERBLOCK = 1024, SUPERBLOCK_BYTES = 1024, LARGEST_BLOCK = 65536, LARGEST_GROUPS = 1 << 20 };

struct cairn_ext {
  ext2_filsys fs;
  uint8_t *block;
};

static uint32_t le32(const uint8_t *bytes) {
  return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

// The numbers by which the library sizes its memory, before it sees them. Returns CAIRN_EXT_*.
static int check_superblock(const char *path, uint64_t offset, uint64_t length) {
  uint8_t super[SUPERBLOCK_BYTES];
  if (length < SUPERBLOCK + SUPERBLOCK_BYTES) return CAIRN_EXT_NONE;
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return CAIRN_EXT_UNREADABLE;
  ssize_t count = pread(descriptor, super, sizeof super, (off_t)(offset + SUPERBLOCK));
  close(descriptor);
  if (count != (ssize_t)sizeof super) return CAIRN_EXT_UNREADABLE;
  if (super[56] != 0x53 || super[57] != 0xEF) return CAIRN_EXT_NONE;
  uint32_t log_block = le32(super + 24), log_cluster = le32(super + 28);
  uint32_t per_group = le32(super + 32), clusters_per_group = le32(super + 36), inodes_per_group = le32(super + 40);
  if (log_block > 6 || log_cluster > 24 || log_cluster < log_block) return CAIRN_EXT_DAMAGED;
  uint32_t block_bytes = 1024u << log_block;
  uint64_t blocks = le32(super + 4);
  if (le32(super + 96) & EXT4_FEATURE_INCOMPAT_64BIT) blocks |= (uint64_t)le32(super + 336) << 32;
  if (blocks > length / block_bytes) return CAIRN_EXT_TOO_LARGE;
  if (per_group < 256 || per_group % 8 != 0 || clusters_per_group > 8 * block_bytes || inodes_per_group > 8 * block_bytes)
    return CAIRN_EXT_DAMAGED;
  if (inodes_per_group == 0 || clusters_per_group == 0 || clusters_per_group % 8 != 0) return CAIRN_EXT_DAMAGED;
  if (blocks / per_group + 1 > LARGEST_GROUPS) return CAIRN_EXT_TOO_LARGE;
  // All descriptors lie in memory: 64 bytes each today, and the field allows more.
  uint32_t descriptor_bytes = (uint32_t)super[254] | (uint32_t)super[255] << 8;
  if (descriptor_bytes > 64) return CAIRN_EXT_DAMAGED;
  return CAIRN_EXT_OK;
}

static int is_uninitialized(ext2_filsys fs, dgrp_t group) {
  return ext2fs_has_group_desc_csum(fs) && ext2fs_bg_flags_test(fs, group, EXT2_BG_BLOCK_UNINIT);
}

// Whether a run of a group's metadata lies inside the file system, and in the group itself or in one whose bitmap is on the disk.
static int is_well_placed(ext2_filsys fs, dgrp_t group, blk64_t first, uint64_t count) {
  blk64_t blocks = ext2fs_blocks_count(fs->super);
  if (first < fs->super->s_first_data_block || first >= blocks || count > blocks - first) return 0;
  dgrp_t last_group = ext2fs_group_of_blk2(fs, first + count - 1);
  for (dgrp_t g = ext2fs_group_of_blk2(fs, first); g <= last_group; g++)
    if (g != group && is_uninitialized(fs, g)) return 0;
  return 1;
}

static int check_groups(ext2_filsys fs) {
  for (dgrp_t g = 0; g < fs->group_desc_count; g++) {
    if (!ext2fs_group_desc_csum_verify(fs, g)) return CAIRN_EXT_DAMAGED;
    if (!is_well_placed(fs, g, ext2fs_block_bitmap_loc(fs, g), 1) || !is_well_placed(fs, g, ext2fs_inode_bitmap_loc(fs, g), 1) ||
        !is_well_placed(fs, g, ext2fs_inode_table_loc(fs, g), fs->inode_blocks_per_group))
      return CAIRN_EXT_DAMAGED;
  }
  return CAIRN_EXT_OK;
}

static int check_state(ext2_filsys fs) {
  struct ext2_super_block *super = fs->super;
  if (super->s_feature_incompat & ~EXT2_LIB_FEATURE_INCOMPAT_SUPP) return CAIRN_EXT_UNSUPPORTED;
  if (super->s_feature_ro_compat & ~EXT2_LIB_FEATURE_RO_COMPAT_SUPP) return CAIRN_EXT_UNSUPPORTED;
  if (ext2fs_has_feature_journal_dev(super)) return CAIRN_EXT_UNSUPPORTED;
  if (ext2fs_has_feature_journal_needs_recovery(super)) return CAIRN_EXT_UNCLEAN;
  if (!(super->s_state & EXT2_VALID_FS) || (super->s_state & EXT2_ERROR_FS)) return CAIRN_EXT_UNCLEAN;
  return CAIRN_EXT_OK;
}

int cairn_ext_open(const char *path, uint64_t offset, uint64_t length, struct cairn_ext_layout *layout, void **handle) {
  int status = check_superblock(path, offset, length);
  if (status != CAIRN_EXT_OK) return status;
  char options[40];
  snprintf(options, sizeof options, "offset=%llu", (unsigned long long)offset);
  ext2_filsys fs = NULL;
  errcode_t error = ext2fs_open2(path, options, EXT2_FLAG_64BITS, 0, 0, unix_io_manager, &fs);
  if (error == EXT2_ET_UNSUPP_FEATURE || error == EXT2_ET_RO_UNSUPP_FEATURE) return CAIRN_EXT_UNSUPPORTED;
  if (error) return CAIRN_EXT_DAMAGED;
  status = check_state(fs);
  if (status == CAIRN_EXT_OK) status = check_groups(fs);
  struct cairn_ext *ext = status == CAIRN_EXT_OK ? calloc(1, sizeof *ext) : NULL;
  uint8_t *block = ext && fs->blocksize <= LARGEST_BLOCK ? malloc(fs->blocksize) : NULL;
  if (!block) {
    free(ext);
    ext2fs_close_free(&fs);
    return status == CAIRN_EXT_OK ? CAIRN_EXT_TOO_LARGE : status;
  }
  ext->fs = fs;
  ext->block = block;
  layout->blocks = ext2fs_blocks_count(fs->super);
  layout->first_block = fs->super->s_first_data_block;
  layout->block_bytes = fs->blocksize;
  layout->groups = fs->group_desc_count;
  layout->blocks_per_group = fs->super->s_blocks_per_group;
  layout->blocks_per_bit = 1u << fs->cluster_ratio_bits;
  layout->bits_per_group = fs->super->s_clusters_per_group;
  *handle = ext;
  return CAIRN_EXT_OK;
}

// Sets the bits of what lies in the group; the rest belongs to groups with bitmaps of their own.
static void mark(ext2_filsys fs, dgrp_t group, uint8_t *bits, blk64_t first, uint64_t count) {
  blk64_t start = ext2fs_group_first_block2(fs, group), last = ext2fs_group_last_block2(fs, group);
  for (blk64_t block = first; block < first + count; block++) {
    if (block < start || block > last) continue;
    uint64_t bit = (block - start) >> fs->cluster_ratio_bits;
    bits[bit / 8] |= (uint8_t)(1u << (bit % 8));
  }
}

static void mark_metadata(ext2_filsys fs, dgrp_t group, uint8_t *bits) {
  blk64_t super = 0, old_descriptors = 0, new_descriptors = 0;
  ext2fs_super_and_bgd_loc2(fs, group, &super, &old_descriptors, &new_descriptors, NULL);
  uint64_t old_blocks =
      ext2fs_has_feature_meta_bg(fs->super) ? fs->super->s_first_meta_bg : (uint64_t)fs->desc_blocks + fs->super->s_reserved_gdt_blocks;
  if (super || group == 0) mark(fs, group, bits, super, 1);
  if (old_descriptors) mark(fs, group, bits, old_descriptors, old_blocks);
  if (new_descriptors) mark(fs, group, bits, new_descriptors, 1);
  mark(fs, group, bits, ext2fs_block_bitmap_loc(fs, group), 1);
  mark(fs, group, bits, ext2fs_inode_bitmap_loc(fs, group), 1);
  mark(fs, group, bits, ext2fs_inode_table_loc(fs, group), fs->inode_blocks_per_group);
}

int cairn_ext_group(void *handle, uint32_t group, uint8_t *bits) {
  struct cairn_ext *ext = handle;
  ext2_filsys fs = ext->fs;
  size_t bytes = fs->super->s_clusters_per_group / 8;
  if (group >= fs->group_desc_count || bytes > fs->blocksize) return CAIRN_EXT_DAMAGED;
  if (is_uninitialized(fs, group)) {
    memset(bits, 0, bytes);
    mark_metadata(fs, group, bits);
  } else {
    if (io_channel_read_blk64(fs->io, ext2fs_block_bitmap_loc(fs, group), 1, ext->block)) return CAIRN_EXT_UNREADABLE;
    if (!ext2fs_block_bitmap_csum_verify(fs, group, (char *)ext->block, (int)bytes)) return CAIRN_EXT_DAMAGED;
    memcpy(bits, ext->block, bytes);
  }
  // Without checksums, this is what tells a bitmap from other bytes.
  uint64_t blocks = ext2fs_group_last_block2(fs, group) - ext2fs_group_first_block2(fs, group) + 1;
  uint64_t clusters = (blocks + (1u << fs->cluster_ratio_bits) - 1) >> fs->cluster_ratio_bits;
  uint64_t free_clusters = 0;
  for (uint64_t bit = 0; bit < clusters && bit < bytes * 8; bit++) free_clusters += !(bits[bit / 8] >> (bit % 8) & 1);
  if (free_clusters != ext2fs_bg_free_blocks_count(fs, group)) return CAIRN_EXT_DAMAGED;
  return CAIRN_EXT_OK;
}

void cairn_ext_close(void *handle) {
  struct cairn_ext *ext = handle;
  ext2fs_close_free(&ext->fs);
  free(ext->block);
  free(ext);
}
