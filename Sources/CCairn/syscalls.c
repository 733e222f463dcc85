#define _GNU_SOURCE
#include "ccairn.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x00002000
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

static inline int result(long value) { return value < 0 ? -errno : (int)value; }
static inline int at(int directory) { return directory < 0 ? AT_FDCWD : directory; }

int cairn_open(int directory, const char *path, uint32_t flags, uint32_t mode) {
  int f = O_CLOEXEC;
  if ((flags & CAIRN_OPEN_READ) && (flags & CAIRN_OPEN_WRITE)) f |= O_RDWR;
  else if (flags & CAIRN_OPEN_WRITE) f |= O_WRONLY;
  else f |= O_RDONLY;
  if (flags & CAIRN_OPEN_CREATE) f |= O_CREAT;
  if (flags & CAIRN_OPEN_EXCLUSIVE) f |= O_EXCL;
  if (flags & CAIRN_OPEN_TRUNCATE) f |= O_TRUNC;
  if (flags & CAIRN_OPEN_APPEND) f |= O_APPEND;
  if (flags & CAIRN_OPEN_NOFOLLOW) f |= O_NOFOLLOW;
  if (flags & CAIRN_OPEN_NONBLOCK) f |= O_NONBLOCK;
  if (flags & CAIRN_OPEN_DIRECTORY) f |= O_DIRECTORY;
  if (flags & CAIRN_OPEN_NOATIME) f |= O_NOATIME;
  if (flags & CAIRN_OPEN_PATH) f |= O_PATH;
  return result(openat(at(directory), path, f | O_NOCTTY, (mode_t)mode));
}

int cairn_open_unnamed(int directory, uint32_t mode) {
  return result(openat(at(directory), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, (mode_t)mode));
}

int cairn_link_descriptor(int descriptor, int directory, const char *name) {
  char path[40];
  snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
  if (linkat(AT_FDCWD, path, at(directory), name, AT_SYMLINK_FOLLOW) == 0) return 0;
  if (errno != ENOENT) return -errno;
  return result(linkat(descriptor, "", at(directory), name, AT_EMPTY_PATH));
}

int cairn_statx(int directory, const char *name, struct cairn_status *out) {
  struct statx x;
  int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (name[0] == 0 ? AT_EMPTY_PATH : 0);
  if (statx(at(directory), name, flags, STATX_BASIC_STATS | STATX_BTIME, &x) < 0) return -errno;
  out->size = x.stx_size;
  out->blocks512 = x.stx_blocks;
  out->inode = x.stx_ino;
  out->link_count = x.stx_nlink;
  out->mtime_seconds = x.stx_mtime.tv_sec;
  out->ctime_seconds = x.stx_ctime.tv_sec;
  out->btime_seconds = x.stx_btime.tv_sec;
  out->mtime_nanoseconds = x.stx_mtime.tv_nsec;
  out->ctime_nanoseconds = x.stx_ctime.tv_nsec;
  out->btime_nanoseconds = x.stx_btime.tv_nsec;
  out->raw_mode = x.stx_mode;
  out->uid = x.stx_uid;
  out->gid = x.stx_gid;
  out->device_major = x.stx_dev_major;
  out->device_minor = x.stx_dev_minor;
  out->rdev_major = x.stx_rdev_major;
  out->rdev_minor = x.stx_rdev_minor;
  out->has_btime = (x.stx_mask & STATX_BTIME) != 0;
  out->is_mount_root = (x.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
  return 0;
}

long cairn_getdents(int descriptor, void *buffer, size_t size) {
  long n = syscall(SYS_getdents64, descriptor, buffer, size);
  return n < 0 ? -errno : n;
}

// struct linux_dirent64: u64 inode, s64 next, u16 record length, u8 type, then the name with its NUL.
long cairn_next_entry(const void *buffer, long offset, long end, struct cairn_entry *out) {
  enum { header = 19 };
  if (end - offset <= header) return -1;
  const unsigned char *record = (const unsigned char *)buffer + offset;
  uint16_t length;
  memcpy(&length, record + 16, sizeof length);
  if (length <= header || length > end - offset) return -1;
  out->type = record[18];
  out->name = (const char *)record + header;
  out->name_length = (uint32_t)strnlen(out->name, length - header);
  return offset + length;
}

int cairn_rename(int from, const char *from_name, int to, const char *to_name, int no_replace) {
  if (!no_replace) return result(renameat(at(from), from_name, at(to), to_name));
  return result(renameat2(at(from), from_name, at(to), to_name, RENAME_NOREPLACE));
}

int cairn_get_inode_flags(int descriptor, uint32_t *flags) {
  long value = 0;  // the kernel writes an int, whatever the macro says
  int r = result(ioctl(descriptor, FS_IOC_GETFLAGS, &value));
  *flags = (uint32_t)value;
  return r;
}

int cairn_set_inode_flags(int descriptor, uint32_t flags) {
  long value = flags;
  return result(ioctl(descriptor, FS_IOC_SETFLAGS, &value));
}

int64_t cairn_seek(int descriptor, uint64_t offset, int hole) {
  off_t r = lseek(descriptor, (off_t)offset, hole ? SEEK_HOLE : SEEK_DATA);
  return r < 0 ? -(int64_t)errno : r;
}

int cairn_extents(int descriptor, uint64_t offset, uint64_t length, struct cairn_extent *out) {
  union {
    struct fiemap map;
    char space[sizeof(struct fiemap) + CAIRN_EXTENTS * sizeof(struct fiemap_extent)];
  } request;
  memset(&request, 0, sizeof request);
  request.map.fm_start = offset;
  request.map.fm_length = length;
  request.map.fm_extent_count = CAIRN_EXTENTS;
  if (ioctl(descriptor, FS_IOC_FIEMAP, &request) < 0) return -errno;
  int count = request.map.fm_mapped_extents < CAIRN_EXTENTS ? (int)request.map.fm_mapped_extents : CAIRN_EXTENTS;
  for (int i = 0; i < count; i++) {
    const struct fiemap_extent *extent = &request.map.fm_extents[i];
    out[i].offset = extent->fe_logical;
    out[i].length = extent->fe_length;
    out[i].is_unwritten = (extent->fe_flags & FIEMAP_EXTENT_UNWRITTEN) != 0;
    out[i].is_last = (extent->fe_flags & FIEMAP_EXTENT_LAST) != 0;
  }
  return count;
}

int cairn_punch_hole(int descriptor, uint64_t offset, uint64_t length) {
  return result(fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)length));
}

long cairn_copy_range(int from, uint64_t from_offset, int to, uint64_t to_offset, size_t length) {
  off64_t source = (off64_t)from_offset, target = (off64_t)to_offset;
  ssize_t n = copy_file_range(from, &source, to, &target, length, 0);
  return n < 0 ? -errno : n;
}

int cairn_set_mtime(int directory, const char *name, int64_t seconds, uint32_t nanoseconds) {
  struct timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, {.tv_sec = seconds, .tv_nsec = nanoseconds}};
  if (name == NULL) return result(futimens(directory, times));
  return result(utimensat(at(directory), name, times, AT_SYMLINK_NOFOLLOW));
}

int cairn_make_node(int directory, const char *name, uint32_t kind, uint32_t mode, uint32_t major, uint32_t minor) {
  return result(mknodat(at(directory), name, kind | mode, makedev(major, minor)));
}

int cairn_set_mode_at(int directory, const char *name, uint32_t mode) {
  if (syscall(SYS_fchmodat2, at(directory), name, (mode_t)mode, AT_SYMLINK_NOFOLLOW) == 0) return 0;
  if (errno != ENOSYS) return -errno;
  int descriptor = openat(at(directory), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor < 0) return -errno;
  struct stat s;
  int r = fstat(descriptor, &s) < 0 ? -errno : S_ISLNK(s.st_mode) ? -EOPNOTSUPP : 0;
  if (r == 0) {
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    r = result(chmod(path, (mode_t)mode));
  }
  close(descriptor);
  return r;
}

long cairn_read_link(int directory, const char *name, void *buffer, size_t size) {
  ssize_t n = readlinkat(at(directory), name, buffer, size);
  return n < 0 ? -errno : n;
}

int cairn_terminal_columns(int descriptor) {
  struct winsize size;
  if (ioctl(descriptor, TIOCGWINSZ, &size) < 0) return -errno;
  return size.ws_col;
}

int cairn_terminal_size(int descriptor) {
  struct winsize size;
  if (ioctl(descriptor, TIOCGWINSZ, &size) < 0) return -errno;
  return (size.ws_row & 0x7fff) << 16 | size.ws_col;
}

void cairn_start_writeback(int descriptor, uint64_t offset, uint64_t length) {
  (void)sync_file_range(descriptor, (off64_t)offset, (off64_t)length, SYNC_FILE_RANGE_WRITE);
}

int cairn_has_aes(void) {
#if defined(__x86_64__)
  return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#elif defined(__aarch64__)
  const unsigned long wanted = HWCAP_AES | HWCAP_PMULL;
  return (getauxval(AT_HWCAP) & wanted) == wanted;
#else
  return 0;
#endif
}

int cairn_processor_count(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  long n = sysconf(_SC_NPROCESSORS_ONLN);  // more than 1024 processors
  return n > 0 ? (int)n : 1;
}

enum { proc_path_size = 32 + 256 };
// False when the name is too long to be one.
static int proc_path(char *path, int descriptor, const char *name) {
  int n = snprintf(path, proc_path_size, "/proc/self/fd/%d/%s", descriptor, name);
  return n > 0 && n < proc_path_size;
}

long cairn_list_attributes(int descriptor, const char *name, char *buffer, size_t size) {
  char path[proc_path_size];
  if (name && !proc_path(path, descriptor, name)) return -ENAMETOOLONG;
  ssize_t n = name ? llistxattr(path, buffer, size) : flistxattr(descriptor, buffer, size);
  return n < 0 ? -errno : n;
}

long cairn_get_attribute(int descriptor, const char *name, const char *key, void *buffer, size_t size) {
  char path[proc_path_size];
  if (name && !proc_path(path, descriptor, name)) return -ENAMETOOLONG;
  ssize_t n = name ? lgetxattr(path, key, buffer, size) : fgetxattr(descriptor, key, buffer, size);
  return n < 0 ? -errno : n;
}

int cairn_set_attribute(int descriptor, const char *name, const char *key, const void *value, size_t size) {
  char path[proc_path_size];
  if (name && !proc_path(path, descriptor, name)) return -ENAMETOOLONG;
  return result(name ? lsetxattr(path, key, value, size, 0) : fsetxattr(descriptor, key, value, size, 0));
}

int cairn_remove_attribute(int descriptor, const char *name, const char *key) {
  char path[proc_path_size];
  if (name && !proc_path(path, descriptor, name)) return -ENAMETOOLONG;
  return result(name ? lremovexattr(path, key) : fremovexattr(descriptor, key));
}

long cairn_random(void *buffer, size_t size) {
  ssize_t n = getrandom(buffer, size, 0);
  return n < 0 ? -errno : n;
}

int cairn_pipe(int *ends) { return result(pipe2(ends, O_CLOEXEC)); }
void cairn_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

static _Thread_local void *thread_slot;
void *cairn_thread_slot(void) { return thread_slot; }
void cairn_set_thread_slot(void *value) { thread_slot = value; }
static _Thread_local void *process_slot;
void *cairn_process_slot(void) { return process_slot; }
void cairn_set_process_slot(void *value) { process_slot = value; }

static const int prompt_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
enum { prompt_signal_count = sizeof prompt_signals / sizeof prompt_signals[0] };
static struct sigaction prompt_previous[prompt_signal_count];
static atomic_int prompt_event = -1;
static atomic_int prompt_caught = 0;

static void prompt_handler(int signal) {
  atomic_store(&prompt_caught, signal);
  int event = atomic_load(&prompt_event);
  if (event < 0) return;
  uint64_t one = 1;
  int saved = errno;
  ssize_t ignored = write(event, &one, sizeof one);
  (void)ignored;
  errno = saved;
}

int cairn_prompt_begin(void) {
  int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (event < 0) return -errno;
  atomic_store(&prompt_caught, 0);
  atomic_store(&prompt_event, event);
  struct sigaction action = {.sa_handler = prompt_handler};
  for (int i = 0; i < prompt_signal_count; i++) sigaction(prompt_signals[i], &action, &prompt_previous[i]);
  return event;
}

int cairn_prompt_end(void) {
  for (int i = 0; i < prompt_signal_count; i++) sigaction(prompt_signals[i], &prompt_previous[i], NULL);
  int event = atomic_exchange(&prompt_event, -1);
  if (event >= 0) close(event);
  return atomic_load(&prompt_caught);
}

static struct termios screen_before;
static int screen_input, screen_output;
static char screen_leave[128];
static atomic_int screen_is_on;
static const int fault_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGABRT};

static void fault_handler(int signal) {
  cairn_screen_end();
  struct sigaction standard = {.sa_handler = SIG_DFL};
  sigaction(signal, &standard, NULL);
  raise(signal);
}

int cairn_screen_begin(int input, int output, const char *enter, const char *leave) {
  if (tcgetattr(input, &screen_before) < 0) return -errno;
  screen_input = input;
  screen_output = output;
  snprintf(screen_leave, sizeof screen_leave, "%s", leave);
  struct termios raw = screen_before;
  cfmakeraw(&raw);
  atomic_store(&screen_is_on, 1);
  struct sigaction action = {.sa_handler = fault_handler};
  for (size_t i = 0; i < sizeof fault_signals / sizeof fault_signals[0]; i++) sigaction(fault_signals[i], &action, NULL);
  if (tcsetattr(input, TCSADRAIN, &raw) < 0 || write(output, enter, strlen(enter)) < 0) {
    int failure = -errno;
    cairn_screen_end();
    return failure;
  }
  return 0;
}

void cairn_screen_end(void) {
  if (!atomic_exchange(&screen_is_on, 0)) return;
  int saved = errno;
  struct sigaction standard = {.sa_handler = SIG_DFL};
  for (size_t i = 0; i < sizeof fault_signals / sizeof fault_signals[0]; i++) sigaction(fault_signals[i], &standard, NULL);
  ssize_t ignored = write(screen_output, screen_leave, strlen(screen_leave));
  (void)ignored;
  // What was typed for the screen is not for the shell.
  tcsetattr(screen_input, TCSAFLUSH, &screen_before);
  errno = saved;
}

static int watch_pipe[2] = {-1, -1};

static void watch_handler(int signal) {
  unsigned char number = (unsigned char)signal;
  int saved = errno;
  ssize_t ignored = write(watch_pipe[1], &number, 1);  // a full pipe: there is plenty to be told already
  (void)ignored;
  errno = saved;
}

int cairn_watch_signal(int signal) {
  if (watch_pipe[0] < 0 && pipe2(watch_pipe, O_CLOEXEC) < 0) return -errno;
  fcntl(watch_pipe[1], F_SETFL, O_NONBLOCK);
  struct sigaction action = {.sa_handler = watch_handler, .sa_flags = SA_RESTART};
  return sigaction(signal, &action, NULL) < 0 ? -errno : watch_pipe[0];
}

int cairn_set_nonblocking(int descriptor) {
  int flags = fcntl(descriptor, F_GETFL);
  return flags < 0 ? -errno : result(fcntl(descriptor, F_SETFL, flags | O_NONBLOCK));
}

int cairn_memory_file(void) { return result(memfd_create("cairn", MFD_CLOEXEC)); }

int cairn_set_io_priority(int io_class, int priority) {
  enum { process = 1, class_shift = 13 };  // IOPRIO_WHO_PROCESS, IOPRIO_CLASS_SHIFT
  return result(syscall(SYS_ioprio_set, process, 0, io_class << class_shift | priority));
}

int cairn_wall_timer(void) { return result(timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK)); }

int cairn_set_wall_timer(int timer, int64_t seconds) {
  // A moment of zero would mean none.
  struct itimerspec when = {.it_value = {.tv_sec = seconds, .tv_nsec = 1}};
  return result(timerfd_settime(timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL));
}

int cairn_read_wall_timer(int timer) {
  uint64_t count;
  if (read(timer, &count, sizeof count) == sizeof count) return 1;
  return errno == EAGAIN ? 0 : -errno;
}

int cairn_changes(void) { return result(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)); }

int cairn_add_watch(int changes, const char *path, int follow) {
  const uint32_t mask = IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF;
  return result(inotify_add_watch(changes, path, mask | IN_EXCL_UNLINK | (follow ? 0 : IN_DONT_FOLLOW)));
}

int cairn_remove_watch(int changes, int watch) { return result(inotify_rm_watch(changes, watch)); }

long cairn_next_change(const void *buffer, long offset, long end, struct cairn_change *out) {
  struct inotify_event event;
  const long header = sizeof event;
  if (end - offset < header) return -1;
  memcpy(&event, (const char *)buffer + offset, sizeof event);
  if (event.len > (unsigned long)(end - offset - header)) return -1;
  out->watch = event.mask & IN_Q_OVERFLOW ? -1 : event.wd;
  out->is_directory = (event.mask & IN_ISDIR) != 0;
  out->has_appeared = (event.mask & (IN_CREATE | IN_MOVED_TO)) != 0;
  out->has_gone = (event.mask & (IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF)) != 0;
  out->has_moved = (event.mask & (IN_MOVED_FROM | IN_MOVE_SELF)) != 0;
  out->is_removed = (event.mask & IN_IGNORED) != 0;
  out->name = (const char *)buffer + offset + header;
  out->name_length = (uint32_t)strnlen(out->name, event.len);
  return offset + header + event.len;
}

int cairn_reap_other(int own) {
  siginfo_t info = {0};
  if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0 || info.si_pid == own) return 0;
  return waitpid(info.si_pid, NULL, WNOHANG);
}

void cairn_return_freed_memory(size_t threshold) {
  mallopt(M_MMAP_THRESHOLD, (int)threshold);
  mallopt(M_TRIM_THRESHOLD, (int)threshold);
}
