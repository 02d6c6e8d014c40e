/*
 * A disk that runs full, for tests without a disk of their own: LD_PRELOAD this into a program.
 * After KURA_TEST_FULL_AFTER bytes were written to files below KURA_TEST_FULL_BELOW, every write there fails with ENOSPC;
 * the write that reaches the end is cut short, as a file system does it.
 * Only what goes through the C library is seen: std::fs and SQLite, but not rustix (restores).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_llong used;

/* How many of count bytes still fit; -1 if none does. */
static ssize_t room(int fd, size_t count) {
  const char *below = getenv("KURA_TEST_FULL_BELOW"), *after = getenv("KURA_TEST_FULL_AFTER");
  char link[64], path[PATH_MAX];
  if (!below || !after || count == 0) return count;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return count;
  path[length] = 0;
  size_t prefix = strlen(below);
  if (strncmp(path, below, prefix) != 0 || path[prefix] != '/') return count;
  long long limit = atoll(after), before = atomic_fetch_add(&used, count);
  if (before + (long long)count <= limit) return count;
  return before < limit ? limit - before : -1;
}

#define FULL_WRITE(name, parameters, arguments)                                   \
  ssize_t name parameters {                                                       \
    static ssize_t(*real) parameters;                                             \
    if (!real) real = (ssize_t(*) parameters)dlsym(RTLD_NEXT, #name);             \
    ssize_t fits = room(fd, count);                                               \
    if (fits < 0) { errno = ENOSPC; return -1; }                                  \
    count = fits;                                                                 \
    return real arguments;                                                        \
  }

FULL_WRITE(write, (int fd, const void *bytes, size_t count), (fd, bytes, count))
FULL_WRITE(pwrite, (int fd, const void *bytes, size_t count, off_t at), (fd, bytes, count, at))
FULL_WRITE(pwrite64, (int fd, const void *bytes, size_t count, off64_t at), (fd, bytes, count, at))
