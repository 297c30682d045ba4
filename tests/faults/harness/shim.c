/* Records, stops or fails the file operations that processes make inside one folder.
 *
 * An LD_PRELOAD library; shim.py compiles it, sets its variables and reads what it writes. Only
 * what changes something is an operation: making, writing, cutting, growing, syncing, naming and
 * removing files. The wal-index (-shm) is written through memory, which nobody sees here.
 *
 *   A3S_FAULTS_FOLDER  the folder, absolute; nothing outside is touched, nothing at all without it
 *   A3S_FAULTS_LOG     every operation that was done is appended to this file, see `struct record`
 *   A3S_FAULTS_COUNT   `struct counts` is kept in this file, also when the process is killed
 *   A3S_FAULTS_CRASH   "K HOW": leave with status 137 before, torn (about half of the sectors
 *                      were written) or after the K-th operation
 *   A3S_FAULTS_FAIL    "K KINDS ERRNO STICKY [NAME]": the K-th operation of these kinds (a mask) on
 *                      a file whose name ends with NAME answers this error without being done; if
 *                      sticky, so do all later ones
 *
 * Reads are counted and failed only where their kind is asked for, and are no operations otherwise.
 *
 * They are read before the first operation, and again whenever `shim_configure` is called, so
 * that a process forked from one that loaded this library can have a folder of its own. Processes
 * with the same file of counts count together; those with the same log take turns, so that the
 * order in the log is the order in which things were done.
 *
 * A file called "marks" in the folder is recorded like any other, but is no operation: it is never
 * counted, stopped or failed. A workload says there what was acknowledged.
 *
 * Everything here is a plain system call, so no other function of the C library is needed that
 * might be one of those below.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#if UINTPTR_MAX != UINT64_MAX
#error "offsets are passed to system calls in one register"
#endif

/* What is in the log: this, then `names` bytes of paths, then `length` bytes that were written. */
struct record {
  uint32_t type, process;
  uint64_t file; /* the inode, which stays when the name changes */
  uint64_t offset;
  uint32_t names, length;
};
enum { OPEN = 1, CREATE, WRITE, CUT, SYNC, SYNC_FAILED, UNLINK, RENAME, LINK, MKDIR, RMDIR };
enum { K_WRITE = 1, K_SYNC = 2, K_CUT = 4, K_UNLINK = 8, K_CREATE = 16, K_NAME = 32, K_READ = 64 };

static struct counts {
  uint64_t operations, chosen, fired; /* all; those of the kinds that may fail; those that did */
  char first[488];                    /* what was stopped or failed first, for people */
} own_counts, *counts = &own_counts;

#define SECTOR 512

/* What is known of a descriptor. */
enum { UNKNOWN, PLAIN, MARKS, DIRECTORY };
static struct { uint64_t file; uint8_t what, append; } known[65536];
#define KNOWN(fd) ((fd) >= 0 && (fd) < 65536 ? known[fd].what : UNKNOWN)

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static int ready, log_fd = -1, fail_kinds, fail_errno, fail_sticky;
static uint64_t crash_at, fail_at;
static char folder[PATH_MAX], fail_name[64], crash_how;
static size_t folder_length;

static int sys_open(const char *path, int flags, mode_t mode) {
  return syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode);
}

void shim_configure(void) {
  const char *text;
  char how[8] = "";
  ready = 1;
  if (log_fd >= 0) syscall(SYS_close, log_fd);
  if (counts != &own_counts) munmap(counts, sizeof *counts);
  log_fd = -1;
  counts = &own_counts;
  memset(&own_counts, 0, sizeof own_counts);
  memset(known, 0, sizeof known);
  crash_at = fail_at = 0;
  fail_name[0] = 0;
  text = getenv("A3S_FAULTS_FOLDER");
  snprintf(folder, sizeof folder, "%s", text ? text : "");
  folder_length = strlen(folder);
  if (!folder_length) return;
  if ((text = getenv("A3S_FAULTS_LOG"))) log_fd = sys_open(text, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if ((text = getenv("A3S_FAULTS_COUNT"))) {
    int fd = sys_open(text, O_RDWR | O_CREAT, 0600);
    if (fd >= 0 && !syscall(SYS_ftruncate, fd, sizeof *counts)) {
      void *at = mmap(0, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      if (at != MAP_FAILED) counts = at;
    }
    if (fd >= 0) syscall(SYS_close, fd);
  }
  if ((text = getenv("A3S_FAULTS_CRASH"))) sscanf(text, "%lu %7s", &crash_at, how);
  crash_how = how[0];
  if ((text = getenv("A3S_FAULTS_FAIL")))
    sscanf(text, "%lu %d %d %d %63s", &fail_at, &fail_kinds, &fail_errno, &fail_sticky, fail_name);
}

/* From now on let operations fail, or none with `at` 0; files that are open stay known. */
void shim_fail(uint64_t at, int kinds, int error, int sticky, const char *name) {
  fail_at = 0;
  counts->chosen = counts->fired = 0;
  fail_kinds = kinds;
  fail_errno = error;
  fail_sticky = sticky;
  snprintf(fail_name, sizeof fail_name, "%s", name);
  fail_at = at;
}

/* Take "." and ".." out of an absolute path. */
static void straighten(char *path) {
  char *to = path;
  for (char *from = path; *from;) {
    size_t length = 1 + strcspn(from + 1, "/");
    if (length == 3 && !strncmp(from, "/..", 3)) {
      while (to > path && *--to != '/') continue;
    } else if (length > 1 && !(length == 2 && from[1] == '.')) {
      memmove(to, from, length);
      to += length;
    }
    from += length;
  }
  if (to == path) *to++ = '/';
  *to = 0;
}

/* Into `out` the absolute path; whether it is the folder or in it. Links are not followed. */
static int inside(int at, const char *path, char *out) {
  char start[PATH_MAX] = "";
  int length;
  if (!ready) shim_configure();
  if (!folder_length || !path) return 0;
  if (path[0] == '/') {
    length = snprintf(out, PATH_MAX, "%s", path);
  } else {
    if (at == AT_FDCWD) {
      if (syscall(SYS_getcwd, start, sizeof start) < 0) return 0;
    } else {
      char link[64];
      snprintf(link, sizeof link, "/proc/self/fd/%d", at);
      if (syscall(SYS_readlinkat, AT_FDCWD, link, start, sizeof start - 1) < 0) return 0;
    }
    length = snprintf(out, PATH_MAX, "%.2000s/%.2000s", start, path);
  }
  if (length >= PATH_MAX) return 0;
  straighten(out);
  if (strncmp(out, folder, folder_length)) return 0;
  return out[folder_length] == '/' || !out[folder_length];
}

static int is_marks(const char *path) { return !strcmp(path + folder_length, "/marks"); }

static void name_of(int fd, char *out) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  long length = syscall(SYS_readlinkat, AT_FDCWD, link, out, PATH_MAX - 1);
  out[length < 0 ? 0 : length] = 0;
}

/* One append, so that records of several processes cannot mix. */
static void put(uint32_t type, uint64_t file, uint64_t offset, const char *names, uint32_t named,
                const struct iovec *data, int parts, uint32_t length) {
  struct record head = {type, getpid(), file, offset, named, length};
  struct iovec all[66] = {{&head, sizeof head}, {(void *)names, named}};
  if (log_fd < 0) return;
  for (int i = 0; i < parts && i < 64; i++) {
    all[i + 2] = data[i];
    if (all[i + 2].iov_len > length) all[i + 2].iov_len = length;
    length -= all[i + 2].iov_len;
  }
  if (syscall(SYS_writev, log_fd, all, (parts < 64 ? parts : 64) + 2) < 0)
    syscall(SYS_exit_group, 99); /* a log with holes would accuse the innocent */
}

static void begin(void) {
  pthread_mutex_lock(&turn);
  if (log_fd >= 0) syscall(SYS_flock, log_fd, LOCK_EX);
}

static int end(long answer, int error) {
  if (log_fd >= 0) syscall(SYS_flock, log_fd, LOCK_UN);
  pthread_mutex_unlock(&turn);
  errno = error;
  return answer < 0 ? -1 : answer;
}

static void tell(const char *what, const char *name) {
  const char *base = strlen(name) > folder_length ? name + folder_length + 1 : ".";
  if (__atomic_fetch_add(&counts->fired, 1, __ATOMIC_SEQ_CST) == 0)
    snprintf(counts->first, sizeof counts->first, "%s %.400s", what, base);
}

uint64_t shim_fired(void) { return __atomic_load_n(&counts->fired, __ATOMIC_SEQ_CST); }

static int is_chosen(int kind, const char *what, const char *name) {
  size_t length = strlen(name), end = strlen(fail_name);
  if (!fail_at || !(kind & fail_kinds)) return 0;
  if (end && (length < end || strcmp(name + length - end, fail_name))) return 0;
  uint64_t mine = __atomic_add_fetch(&counts->chosen, 1, __ATOMIC_SEQ_CST);
  if (mine != fail_at && !(mine > fail_at && fail_sticky)) return 0;
  tell(what, name);
  return 1;
}

/* Before an operation. 0: do it; -1: it fails; 1: do half of it and leave; 2: do it and leave. */
enum { FAIL = -1, DO, HALVE, LEAVE };
static int gate(int kind, const char *what, const char *name) {
  uint64_t number = __atomic_add_fetch(&counts->operations, 1, __ATOMIC_SEQ_CST);
  if (is_chosen(kind, what, name)) return FAIL;
  if (!crash_at || number != crash_at) return DO;
  tell(what, name);
  if (crash_how == 'b') syscall(SYS_exit_group, 137);
  return crash_how == 't' ? HALVE : LEAVE;
}

static void done(int how) {
  if (how > DO) syscall(SYS_exit_group, 137);
}

/* -- Opening and making files ------------------------------------------------------------------ */

static void learn(int fd, const char *path, int flags, int made) {
  struct stat about;
  if (fd < 0 || fd >= 65536 || fstat(fd, &about)) return;
  known[fd].file = about.st_ino;
  known[fd].append = (flags & O_APPEND) != 0;
  known[fd].what = S_ISDIR(about.st_mode) ? DIRECTORY : is_marks(path) ? MARKS : PLAIN;
  if (S_ISDIR(about.st_mode)) return;
  put(made ? CREATE : OPEN, about.st_ino, about.st_size, path, strlen(path), 0, 0, 0);
  if (!made && (flags & O_TRUNC)) put(CUT, about.st_ino, 0, 0, 0, 0, 0, 0);
}

static int opened(int at, const char *path, int flags, mode_t mode) {
  char full[PATH_MAX];
  struct stat about;
  int how = DO;
  if (!inside(at, path, full)) return syscall(SYS_openat, at, path, flags, mode);
  begin();
  int there = syscall(SYS_newfstatat, AT_FDCWD, full, &about, 0) == 0;
  int makes = !there && (flags & O_CREAT);
  int empties = there && (flags & O_TRUNC) && about.st_size > 0;
  if ((makes || empties) && !is_marks(full)) {
    how = gate(makes ? K_CREATE : K_CUT, makes ? "create" : "empty", full);
    if (how == FAIL) return end(-1, fail_errno);
    if (how == HALVE) done(how);
  }
  long fd = syscall(SYS_openat, at, path, flags, mode);
  int error = errno;
  if (fd >= 0) learn(fd, full, flags, makes);
  done(how);
  return end(fd, error);
}

#define MODE mode_t mode = 0; \
  if (flags & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }
int open(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE return opened(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE return opened(at, path, flags, mode); }
int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

int close(int fd) {
  if (KNOWN(fd)) known[fd].what = UNKNOWN;
  return syscall(SYS_close, fd);
}

/* -- What changes a file ------------------------------------------------------------------------ */

/* `offset` -1: where the descriptor is. */
static ssize_t written(int fd, const struct iovec *data, int parts, int64_t offset) {
  char name[PATH_MAX];
  int what = KNOWN(fd), how = DO;
  if (what != PLAIN && what != MARKS)
    return offset < 0 ? syscall(SYS_writev, fd, data, parts)
                      : syscall(SYS_pwritev, fd, data, parts, offset, 0);
  begin();
  if (what == PLAIN) {
    name_of(fd, name);
    how = gate(K_WRITE, "write", name);
    if (how == FAIL) return end(-1, fail_errno);
  }
  int64_t at = offset;
  if (offset < 0) at = syscall(SYS_lseek, fd, 0, known[fd].append ? SEEK_END : SEEK_CUR);
  struct iovec half = data[0];
  if (how == HALVE) {
    /* Not inside a sector: neither a kill nor a power cut leaves that. */
    int64_t edge = (at + (int64_t)half.iov_len / 2) / SECTOR * SECTOR;
    half.iov_len = edge > at ? edge - at : 0;
    data = &half;
    parts = 1;
  }
  long count = offset < 0 ? syscall(SYS_writev, fd, data, parts)
                          : syscall(SYS_pwritev, fd, data, parts, offset, 0);
  int error = errno;
  if (count > 0) put(WRITE, known[fd].file, at, 0, 0, data, parts, count);
  done(how);
  end(count, error);
  return count;
}

ssize_t pwritev(int fd, const struct iovec *data, int parts, off_t offset) { return written(fd, data, parts, offset); }
ssize_t pwritev64(int fd, const struct iovec *data, int parts, off64_t offset) { return written(fd, data, parts, offset); }
ssize_t writev(int fd, const struct iovec *data, int parts) { return written(fd, data, parts, -1); }
ssize_t pwrite(int fd, const void *from, size_t size, off_t offset) {
  struct iovec one = {(void *)from, size};
  return written(fd, &one, 1, offset);
}
ssize_t pwrite64(int fd, const void *from, size_t size, off64_t offset) { return pwrite(fd, from, size, offset); }
ssize_t write(int fd, const void *from, size_t size) {
  struct iovec one = {(void *)from, size};
  /* writev is not write for every kind of descriptor */
  return KNOWN(fd) == PLAIN || KNOWN(fd) == MARKS ? written(fd, &one, 1, -1) : syscall(SYS_write, fd, from, size);
}

/* -- Reading, which changes nothing and fails where that is asked for ---------------------------- */

static int read_fails(int fd) {
  char name[PATH_MAX];
  if (!fail_at || !(fail_kinds & K_READ) || KNOWN(fd) != PLAIN) return 0;
  name_of(fd, name);
  if (!is_chosen(K_READ, "read", name)) return 0;
  errno = fail_errno;
  return 1;
}
ssize_t pread(int fd, void *to, size_t size, off_t offset) {
  return read_fails(fd) ? -1 : syscall(SYS_pread64, fd, to, size, offset);
}
ssize_t pread64(int fd, void *to, size_t size, off64_t offset) { return pread(fd, to, size, offset); }
ssize_t read(int fd, void *to, size_t size) { return read_fails(fd) ? -1 : syscall(SYS_read, fd, to, size); }
ssize_t readv(int fd, const struct iovec *to, int parts) { return read_fails(fd) ? -1 : syscall(SYS_readv, fd, to, parts); }

/* Callers fall back on reading and writing, which can be recorded. */
ssize_t sendfile(int to, int from, off_t *offset, size_t size) {
  if (KNOWN(to)) { errno = EINVAL; return -1; }
  return syscall(SYS_sendfile, to, from, offset, size);
}
ssize_t sendfile64(int to, int from, off64_t *offset, size_t size) { return sendfile(to, from, offset, size); }
ssize_t copy_file_range(int from, off64_t *start, int to, off64_t *offset, size_t size, unsigned flags) {
  if (KNOWN(to)) { errno = EXDEV; return -1; }
  return syscall(SYS_copy_file_range, from, start, to, offset, size, flags);
}

static int cut(int fd, off_t size) {
  char name[PATH_MAX];
  if (KNOWN(fd) != PLAIN) return syscall(SYS_ftruncate, fd, size);
  begin();
  name_of(fd, name);
  int how = gate(K_CUT, "truncate", name);
  if (how == FAIL) return end(-1, fail_errno);
  if (how == HALVE) done(how);
  long answer = syscall(SYS_ftruncate, fd, size);
  int error = errno;
  if (!answer) put(CUT, known[fd].file, size, 0, 0, 0, 0, 0);
  done(how);
  return end(answer, error);
}
int ftruncate(int fd, off_t size) { return cut(fd, size); }
int ftruncate64(int fd, off64_t size) { return cut(fd, size); }

static int grown(int fd, int mode, off_t offset, off_t size) {
  char name[PATH_MAX];
  struct stat about;
  if (KNOWN(fd) != PLAIN) return syscall(SYS_fallocate, fd, mode, offset, size);
  begin();
  name_of(fd, name);
  int how = gate(K_CUT, "allocate", name);
  if (how == FAIL) return end(-1, fail_errno);
  if (how == HALVE) done(how);
  long answer = syscall(SYS_fallocate, fd, mode, offset, size);
  int error = errno;
  if (!answer && !mode && !fstat(fd, &about)) put(CUT, known[fd].file, about.st_size, 0, 0, 0, 0, 0);
  done(how);
  return end(answer, error);
}
int fallocate(int fd, int mode, off_t offset, off_t size) { return grown(fd, mode, offset, size); }
int fallocate64(int fd, int mode, off64_t offset, off64_t size) { return grown(fd, mode, offset, size); }
int posix_fallocate(int fd, off_t offset, off_t size) { return grown(fd, 0, offset, size) ? errno : 0; }
int posix_fallocate64(int fd, off64_t offset, off64_t size) { return grown(fd, 0, offset, size) ? errno : 0; }

static int synced(int fd, long call) {
  char name[PATH_MAX];
  int what = KNOWN(fd);
  if (what != PLAIN && what != DIRECTORY) return syscall(call, fd);
  begin();
  name_of(fd, name);
  int how = gate(K_SYNC, what == DIRECTORY ? "sync folder" : "sync", name);
  size_t named = what == DIRECTORY ? strlen(name) : 0;
  if (how == FAIL) {
    put(SYNC_FAILED, known[fd].file, 0, name, named, 0, 0, 0);
    return end(-1, fail_errno);
  }
  if (how == HALVE) done(how);
  long answer = syscall(call, fd);
  int error = errno;
  put(answer ? SYNC_FAILED : SYNC, known[fd].file, 0, name, named, 0, 0, 0);
  done(how);
  return end(answer, error);
}
int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

/* -- What changes names ------------------------------------------------------------------------- */

#define NAMES(kind, type, what, call) \
  char names[2 * PATH_MAX]; \
  int first = inside(at, path, names); \
  if (!first) return call; \
  begin(); \
  int how = gate(kind, what, names); \
  if (how == FAIL) return end(-1, fail_errno); \
  if (how == HALVE) done(how); \
  long answer = call; \
  int error = errno; \
  if (!answer) put(type, 0, 0, names, strlen(names), 0, 0, 0); \
  done(how); \
  return end(answer, error);

static int removed(int at, const char *path, int flags) {
  if (flags & AT_REMOVEDIR) { NAMES(K_NAME, RMDIR, "rmdir", syscall(SYS_unlinkat, at, path, flags)) }
  NAMES(K_UNLINK, UNLINK, "unlink", syscall(SYS_unlinkat, at, path, flags))
}
int unlink(const char *path) { return removed(AT_FDCWD, path, 0); }
int unlinkat(int at, const char *path, int flags) { return removed(at, path, flags); }
int rmdir(const char *path) { return removed(AT_FDCWD, path, AT_REMOVEDIR); }
int mkdirat(int at, const char *path, mode_t mode) { NAMES(K_NAME, MKDIR, "mkdir", syscall(SYS_mkdirat, at, path, mode)) }
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

/* Two names; what comes in from outside the folder, or leaves it, is not recorded. */
#define TWO_NAMES(type, what, call) \
  char names[2 * PATH_MAX], other[PATH_MAX]; \
  int first = inside(at, path, names), second = inside(to, target, other); \
  if (!first && !second) return call; \
  begin(); \
  int how = gate(K_NAME, what, first ? names : other); \
  if (how == FAIL) return end(-1, fail_errno); \
  if (how == HALVE) done(how); \
  long answer = call; \
  int error = errno; \
  if (!answer && first && second) { \
    size_t length = strlen(names); \
    memcpy(names + length + 1, other, strlen(other) + 1); \
    put(type, 0, 0, names, length + 1 + strlen(other), 0, 0, 0); \
  } \
  done(how); \
  return end(answer, error);

int renameat2(int at, const char *path, int to, const char *target, unsigned flags) {
  TWO_NAMES(RENAME, "rename", syscall(SYS_renameat2, at, path, to, target, flags))
}
int renameat(int at, const char *path, int to, const char *target) { return renameat2(at, path, to, target, 0); }
int rename(const char *path, const char *target) { return renameat2(AT_FDCWD, path, AT_FDCWD, target, 0); }
int linkat(int at, const char *path, int to, const char *target, int flags) {
  TWO_NAMES(LINK, "link", syscall(SYS_linkat, at, path, to, target, flags))
}
int link(const char *path, const char *target) { return linkat(AT_FDCWD, path, AT_FDCWD, target, 0); }
