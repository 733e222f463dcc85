// System calls that Swift cannot import: variadic (open, ioctl), macro-guarded, or without a glibc wrapper.
//
// Every function returns a value >= 0, or the negated errno. None retries EINTR: CairnSystem does, in one place.
#pragma once

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// What statx(2) tells, flattened: the kernel's struct needs macros that Swift does not see.
struct cairn_status {
  uint64_t size, blocks512, inode, link_count;
  int64_t mtime_seconds, ctime_seconds, btime_seconds;
  uint32_t mtime_nanoseconds, ctime_nanoseconds, btime_nanoseconds;
  uint32_t raw_mode, uid, gid;
  uint32_t device_major, device_minor, rdev_major, rdev_minor;
  uint8_t has_btime, is_mount_root;
};

/// One fixed-size piece of a directory record, found by cairn_next_entry.
struct cairn_entry {
  const char *name;
  uint32_t name_length;
  uint8_t type;  // DT_*
};

/// One extent of a file.
struct cairn_extent {
  uint64_t offset, length;
  uint8_t is_unwritten, is_last;  // allocated and never written; the file's last
};
enum { CAIRN_EXTENTS = 64 };

enum {
  CAIRN_OPEN_READ = 1, CAIRN_OPEN_WRITE = 2, CAIRN_OPEN_CREATE = 4, CAIRN_OPEN_EXCLUSIVE = 8,
  CAIRN_OPEN_TRUNCATE = 16, CAIRN_OPEN_APPEND = 32, CAIRN_OPEN_NOFOLLOW = 64, CAIRN_OPEN_NONBLOCK = 128,
  CAIRN_OPEN_DIRECTORY = 256, CAIRN_OPEN_NOATIME = 512, CAIRN_OPEN_PATH = 1024
};

/// openat(2) with O_CLOEXEC; `directory` -1 means the working directory; flags are CAIRN_OPEN_*.
int cairn_open(int directory, const char *path, uint32_t flags, uint32_t mode);
/// openat(2) with O_TMPFILE: an unnamed file that vanishes with its last descriptor.
int cairn_open_unnamed(int directory, uint32_t mode);
/// linkat(2) of a descriptor through /proc/self/fd, or with AT_EMPTY_PATH where /proc is missing.
int cairn_link_descriptor(int descriptor, int directory, const char *name);
/// statx(2) without following a final symbolic link and without mounting anything; an empty name is the descriptor itself.
int cairn_statx(int directory, const char *name, struct cairn_status *out);
/// getdents64(2): bytes placed in the buffer, 0 at the end.
long cairn_getdents(int descriptor, void *buffer, size_t size);
/// Takes one record from a getdents64 buffer; returns the offset of the next one, or -1 when none is left or the record is malformed.
long cairn_next_entry(const void *buffer, long offset, long end, struct cairn_entry *out);
int cairn_rename(int from, const char *from_name, int to, const char *to_name, int no_replace);
int cairn_get_inode_flags(int descriptor, uint32_t *flags);
int cairn_set_inode_flags(int descriptor, uint32_t flags);
/// lseek(2) with SEEK_DATA (hole = 0) or SEEK_HOLE (hole = 1).
int64_t cairn_seek(int descriptor, uint64_t offset, int hole);
/// FS_IOC_FIEMAP: up to CAIRN_EXTENTS of the extents that touch the range, in order. Returns their number.
int cairn_extents(int descriptor, uint64_t offset, uint64_t length, struct cairn_extent *out);
int cairn_punch_hole(int descriptor, uint64_t offset, uint64_t length);
long cairn_copy_range(int from, uint64_t from_offset, int to, uint64_t to_offset, size_t length);
/// utimensat(2) on a name (or the descriptor when name is null), access time untouched, final link not followed.
int cairn_set_mtime(int directory, const char *name, int64_t seconds, uint32_t nanoseconds);
/// mknodat(2); `kind` is an S_IF* value.
int cairn_make_node(int directory, const char *name, uint32_t kind, uint32_t mode, uint32_t major, uint32_t minor);
/// fchmodat2(2) without following links; older kernels: through an O_PATH descriptor and /proc.
int cairn_set_mode_at(int directory, const char *name, uint32_t mode);
long cairn_read_link(int directory, const char *name, void *buffer, size_t size);
int cairn_terminal_columns(int descriptor);
/// Columns and rows, packed as rows << 16 | columns; 0 for what is unknown.
int cairn_terminal_size(int descriptor);
/// sync_file_range(2): starts writing back what was appended, without waiting; best effort.
void cairn_start_writeback(int descriptor, uint64_t offset, uint64_t length);
int cairn_processor_count(void);
/// Whether the processor has instructions for AES and for the multiplication of GCM.
int cairn_has_aes(void);
/// Extended attributes of a descriptor, or of `name` in the directory `descriptor` (through /proc/self/fd, a final link not followed).
long cairn_list_attributes(int descriptor, const char *name, char *buffer, size_t size);
long cairn_get_attribute(int descriptor, const char *name, const char *key, void *buffer, size_t size);
int cairn_set_attribute(int descriptor, const char *name, const char *key, const void *value, size_t size);
int cairn_remove_attribute(int descriptor, const char *name, const char *key);
/// getrandom(2), pipe2(2) with O_CLOEXEC and pthread_setname_np(3): GNU extensions that Swift's Glibc does not show.
long cairn_random(void *buffer, size_t size);
int cairn_pipe(int *ends);
int cairn_set_nonblocking(int descriptor);
/// memfd_create(2): a file in memory, without a name.
int cairn_memory_file(void);
/// ioprio_set(2) for the calling thread and the threads that it starts from then on; the class is 2 (best effort) or 3 (idle).
int cairn_set_io_priority(int io_class, int priority);
void cairn_name_thread(const char *name);

/// Two pointers per thread, for the fault script and the simulated process of a test.
void *cairn_thread_slot(void);
void cairn_set_thread_slot(void *value);
void *cairn_process_slot(void);
void cairn_set_process_slot(void *value);

/// Prompt interruption. While a prompt is open, a signal that would end it wakes it through an eventfd.
int cairn_prompt_begin(void);  // the eventfd to poll
int cairn_prompt_end(void);    // restores the handlers; the signal that was caught, or 0

/// Full-screen use of a terminal: it hands over each key as it is pressed, and `enter` is written to it. One at a time.
///
/// Until the end, a signal that reports a fault of the program itself puts the terminal back first.
int cairn_screen_begin(int input, int output, const char *enter, const char *leave);
/// Writes `leave` and puts the terminal back; does nothing if that is done. Safe in a signal handler.
void cairn_screen_end(void);

/// Catches a signal: its number is written to a pipe, whichever thread it hits. Returns the read end, the same for all signals.
int cairn_watch_signal(int signal);

/// A clock of the wall that can be polled: readable at the moment that was set, and when the clock is set.
int cairn_wall_timer(void);
int cairn_set_wall_timer(int timer, int64_t seconds);
/// Takes notice of it: 1 when the moment has come, 0 when not, -ECANCELED when the clock was set.
int cairn_read_wall_timer(int timer);

/// inotify(7).
struct cairn_change {
  int watch;           // -1: there were too many, and some are lost
  int is_directory;    // what changed is one
  int has_appeared;    // under this name
  int has_gone;        // from under this name, or the watched one itself
  int has_moved;       // it has gone, and is somewhere else
  int is_removed;      // the watch is
  const char *name;    // of what changed in the watched directory; not closed by a NUL when it is empty
  uint32_t name_length;
};
int cairn_changes(void);
/// Watches an entry; a link is followed when `follow` says so.
int cairn_add_watch(int changes, const char *path, int follow);
int cairn_remove_watch(int changes, int watch);
/// Takes one event from a buffer that was read; returns the offset of the next one, or -1 when none is left.
long cairn_next_change(const void *buffer, long offset, long end, struct cairn_change *out);

/// Waits for a child that is not `own` and has ended, if there is one: what becomes of orphans when this process is the first of all.
/// Returns its number; 0 when there is none.
int cairn_reap_other(int own);

/// From now on what is freed goes back to the system soon: blocks of at least `threshold` bytes at once. For the whole process.
void cairn_return_freed_memory(size_t threshold);
