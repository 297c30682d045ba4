/* Makes munmap slow while a file exists, so that a window of a few instructions is a second wide.
 *
 * An LD_PRELOAD library, compiled by shim.py. SQLite gives its map of the database back in the
 * middle of a checkpoint, if another process has changed it: between reading the header of the log
 * and looking how far the log is copied already. What happens there is the WAL-reset bug.
 *
 *   A3S_FAULTS_SLOWMAP  the file; nothing is slow without it
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LARGE = 1 << 16, SLOW_US = 900 * 1000 };

int munmap(void *start, size_t length) {
  const char *flag = getenv("A3S_FAULTS_SLOWMAP");
  if (flag && length >= LARGE && access(flag, F_OK) == 0) {
    unlink(flag); /* once: the first is the one */
    usleep(SLOW_US);
  }
  return (int)syscall(SYS_munmap, start, length);
}
