/* Storage and clocks that lie, between a real server and the C library: loaded into it beforehand.
 *
 * FAULTS_DATA     the data directory; files in it are "ours", but for locks, shared memory and the
 *                 sandbox's node, which is somebody else's machine
 * FAULTS_CONTROL  a file of `struct control`, mapped and shared with the test, which says what fails
 * FAULTS_LOG      where writes, truncations and syncs of our files are told, if they shall be: the
 *                 test works out from it what a power cut would have left
 *
 * Nothing of ours is synced for real: what counts as synced stands in the log.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { RULES = 8, FDS = 4096, NAME = 64 };
enum op { WRITE = 1, SYNC = 2, READ = 4, OPEN = 8, TRUNCATE = 16, RENAME = 32 };
/* FAIL: not done, and says so. SHORT: half is done, and says how much. TORN: half is done, and says
 * that it failed. LAND: done, and says that it failed. */
enum mode { PASS = 0, FAIL = 1, SHORT = 2, TORN = 3, LAND = 4 };

struct rule {
  uint64_t armed, ops, mode, error, skip, times, seen, hit;
  char name[NAME]; /* a part of the file's name in the data directory */
};

struct control {
  int64_t realtime_ns, boot_ns;
  uint64_t sync_us;
  int64_t steady_ns; /* never goes back */
  uint64_t unused[4];
  struct rule rules[RULES];
};

struct file {
  int known; /* 0: nobody has looked; 1: not ours; 2: ours */
  uint64_t number;
  /* How many failed syncs of its file it has told of, or need not. */
  uint64_t failures_told;
  char name[NAME];
};

/* How many syncs of a file failed, by its number: each open file tells of them once, whoever synced. */
struct failures {
  uint64_t number, count;
};

struct note {
  uint8_t kind, done;
  uint16_t unused;
  uint32_t length;
  uint64_t file, at;
};

static struct control *control;
static const char *data;
static size_t data_length;
static int log_fd = -1;
static struct file files[FDS];
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static uint64_t syncs;
static struct failures failures[64];

/* Those of a file; with `one` there is one more. Called in `order`, or before anybody else knows the file. */
static uint64_t failures_of(uint64_t number, int one) {
  for (size_t at = 0; at < sizeof failures / sizeof *failures; at++) {
    struct failures *known = &failures[at];
    if (!known->number && one) known->number = number;
    if (known->number == number) return known->count += (uint64_t)one;
    if (!known->number) break;
  }
  return 0;
}

#define REAL(type, name, ...)                       \
  static type (*real)(__VA_ARGS__);                 \
  if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static int raw_close(int fd) { return (int)syscall(SYS_close, fd); }

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("FAULTS_CONTROL"), *log = getenv("FAULTS_LOG");
  data = getenv("FAULTS_DATA");
  if (!path || !data) return;
  data_length = strlen(data);
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
  if (fd < 0) return;
  void *map = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  raw_close(fd);
  if (map == MAP_FAILED) return;
  if (log) log_fd = (int)syscall(SYS_openat, AT_FDCWD, log,
                                 O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  control = map;
  syncs = (uint64_t)getpid() << 32;
}

/* The name within the data directory, if the path is of a file of ours. */
static const char *ours(const char *path) {
  if (!control || strncmp(path, data, data_length) || path[data_length] != '/') return NULL;
  const char *name = path + data_length + 1;
  size_t length = strlen(name);
  if (length >= NAME || (length > 4 && !strcmp(name + length - 4, "-shm"))) return NULL;
  if (strstr(name, "sandbox") || !strcmp(name, "lock") || strstr(name, "/lock")) return NULL;
  return name;
}

static struct file *file_of(int fd) {
  if (!control || fd < 0 || fd >= FDS) return NULL;
  struct file *file = &files[fd];
  int known = __atomic_load_n(&file->known, __ATOMIC_ACQUIRE);
  if (!known) {
    char link[64], path[PATH_MAX];
    struct stat stat;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    const char *name = NULL;
    if (length > 0) {
      path[length] = 0;
      name = ours(path);
    }
    known = 1;
    if (name && !fstat(fd, &stat) && S_ISREG(stat.st_mode)) {
      strcpy(file->name, name);
      file->number = stat.st_ino;
      file->failures_told = failures_of(stat.st_ino, 0);
      known = 2;
    }
    __atomic_store_n(&file->known, known, __ATOMIC_RELEASE);
  }
  return known == 2 ? file : NULL;
}

static enum mode fault(const char *name, enum op op) {
  for (int at = 0; at < RULES; at++) {
    struct rule *rule = &control->rules[at];
    if (!__atomic_load_n(&rule->armed, __ATOMIC_ACQUIRE)) continue;
    if (!(rule->ops & op) || !strstr(name, rule->name)) continue;
    uint64_t seen = __atomic_fetch_add(&rule->seen, 1, __ATOMIC_RELAXED);
    if (seen < rule->skip || (rule->times && seen >= rule->skip + rule->times)) continue;
    __atomic_fetch_add(&rule->hit, 1, __ATOMIC_RELAXED);
    errno = (int)rule->error;
    return (enum mode)rule->mode;
  }
  return PASS;
}

static void tell(uint8_t kind, int done, uint64_t file, uint64_t at, const void *bytes, size_t length) {
  if (log_fd < 0) return;
  int error = errno;
  struct note note = {kind, (uint8_t)done, 0, (uint32_t)length, file, at};
  struct iovec parts[2] = {{&note, sizeof note}, {(void *)bytes, length}};
  syscall(SYS_writev, log_fd, parts, length ? 2 : 1);
  errno = error;
}

int close(int fd) {
  if (fd >= 0 && fd < FDS) __atomic_store_n(&files[fd].known, 0, __ATOMIC_RELEASE);
  return raw_close(fd);
}

/* What a write does: `at` is negative where the file has a position of its own. */
static ssize_t put(int fd, struct file *file, const void *bytes, size_t length, off_t at) {
  enum mode mode = fault(file->name, WRITE);
  int error = errno;
  if (mode == FAIL) return -1;
  if ((mode == SHORT || mode == TORN) && length > 1) length /= 2;
  pthread_mutex_lock(&order);
  ssize_t done = at < 0 ? syscall(SYS_write, fd, bytes, length)
                        : syscall(SYS_pwrite64, fd, bytes, length, at);
  if (done > 0) {
    off_t start = at < 0 ? (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR) - done : at;
    tell('W', 1, file->number, (uint64_t)start, bytes, (size_t)done);
  }
  pthread_mutex_unlock(&order);
  if (mode == TORN || mode == LAND) {
    errno = error;
    return -1;
  }
  return done;
}

ssize_t write(int fd, const void *bytes, size_t length) {
  struct file *file = file_of(fd);
  return file ? put(fd, file, bytes, length, -1) : syscall(SYS_write, fd, bytes, length);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
  struct file *file = file_of(fd);
  return file ? put(fd, file, bytes, length, at) : syscall(SYS_pwrite64, fd, bytes, length, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
  return pwrite64(fd, bytes, length, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  struct file *file = file_of(fd);
  if (!file) return syscall(SYS_writev, fd, parts, count);
  ssize_t all = 0;
  for (int at = 0; at < count; at++) {
    ssize_t done = put(fd, file, parts[at].iov_base, parts[at].iov_len, -1);
    if (done < 0) return all ? all : -1;
    all += done;
    if ((size_t)done < parts[at].iov_len) break;
  }
  return all;
}

static int sync_of(int fd, long number) {
  struct file *file = file_of(fd);
  if (!file) return control ? 0 : (int)syscall(number, fd);
  uint64_t sync = __atomic_add_fetch(&syncs, 1, __ATOMIC_RELAXED);
  enum mode mode = fault(file->name, SYNC);
  int error = errno;
  pthread_mutex_lock(&order);
  tell('S', 1, file->number, sync, NULL, 0);
  pthread_mutex_unlock(&order);
  if (control->sync_us) usleep((useconds_t)control->sync_us);
  pthread_mutex_lock(&order);
  tell('E', mode != FAIL, file->number, sync, NULL, 0);
  uint64_t count = failures_of(file->number, mode != PASS);
  /* One that did what it should tells of another that did not, once. */
  int fails = mode != PASS || count > file->failures_told;
  file->failures_told = count;
  pthread_mutex_unlock(&order);
  errno = mode == PASS ? EIO : error;
  return fails ? -1 : 0;
}

int fsync(int fd) { return sync_of(fd, SYS_fsync); }

int fdatasync(int fd) { return sync_of(fd, SYS_fdatasync); }

ssize_t read(int fd, void *bytes, size_t length) {
  struct file *file = file_of(fd);
  if (file && fault(file->name, READ) != PASS) return -1;
  return syscall(SYS_read, fd, bytes, length);
}

ssize_t pread64(int fd, void *bytes, size_t length, off64_t at) {
  struct file *file = file_of(fd);
  if (file && fault(file->name, READ) != PASS) return -1;
  return syscall(SYS_pread64, fd, bytes, length, at);
}

ssize_t pread(int fd, void *bytes, size_t length, off_t at) { return pread64(fd, bytes, length, at); }

int ftruncate64(int fd, off64_t length) {
  struct file *file = file_of(fd);
  if (!file) return (int)syscall(SYS_ftruncate, fd, length);
  enum mode mode = fault(file->name, TRUNCATE);
  int error = errno;
  if (mode == FAIL) return -1;
  pthread_mutex_lock(&order);
  int done = (int)syscall(SYS_ftruncate, fd, length);
  if (!done) tell('T', 1, file->number, (uint64_t)length, NULL, 0);
  pthread_mutex_unlock(&order);
  errno = mode == PASS ? errno : error;
  return mode == PASS ? done : -1;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

/* The last name of a file goes: its number may soon be another's. */
static void forget(int at, const char *path) {
  struct stat stat;
  if (log_fd < 0 || fstatat(at, path, &stat, AT_SYMLINK_NOFOLLOW) || !S_ISREG(stat.st_mode)) return;
  tell('U', 1, stat.st_ino, 0, NULL, 0);
}

int unlinkat(int at, const char *path, int flags) {
  pthread_mutex_lock(&order);
  forget(at, path);
  int done = (int)syscall(SYS_unlinkat, at, path, flags);
  pthread_mutex_unlock(&order);
  return done;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

int rename(const char *from, const char *to) {
  const char *name = control ? ours(to) : NULL;
  if (name && fault(name, RENAME) != PASS) return -1;
  pthread_mutex_lock(&order);
  if (name) forget(AT_FDCWD, to);
  int done = (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
  pthread_mutex_unlock(&order);
  return done;
}

static int open_of(int at, const char *path, int flags, mode_t mode) {
  const char *name = control ? ours(path) : NULL;
  if (name && fault(name, OPEN) != PASS) return -1;
  int fd = (int)syscall(SYS_openat, at, path, flags, mode);
  if (fd >= 0 && fd < FDS) __atomic_store_n(&files[fd].known, 0, __ATOMIC_RELEASE);
  struct file *file = name && (flags & O_TRUNC) ? file_of(fd) : NULL;
  if (file) tell('T', 1, file->number, 0, NULL, 0);
  return fd;
}

#define OPEN(name, ...)                                                      \
  {                                                                          \
    mode_t mode = 0;                                                         \
    if (flags & (O_CREAT | O_TMPFILE)) {                                     \
      va_list more;                                                          \
      va_start(more, flags);                                                 \
      mode = va_arg(more, mode_t);                                           \
      va_end(more);                                                          \
    }                                                                        \
    return open_of(name, path, flags, mode);                                 \
  }

int open(const char *path, int flags, ...) OPEN(AT_FDCWD)
int open64(const char *path, int flags, ...) OPEN(AT_FDCWD)
int openat(int at, const char *path, int flags, ...) OPEN(at)
int openat64(int at, const char *path, int flags, ...) OPEN(at)

int clock_gettime(clockid_t which, struct timespec *now) {
  REAL(int, "clock_gettime", clockid_t, struct timespec *);
  int done = real(which, now);
  if (done || !control) return done;
  int64_t by = 0;
  switch (which) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE: by = control->realtime_ns; break;
    case CLOCK_BOOTTIME: by = control->boot_ns; break;
    case CLOCK_MONOTONIC: by = control->steady_ns; break;
  }
  int64_t nanos = now->tv_nsec + by % 1000000000;
  now->tv_sec += by / 1000000000 + (nanos >= 1000000000) - (nanos < 0);
  now->tv_nsec = nanos + (nanos < 0 ? 1000000000 : nanos >= 1000000000 ? -1000000000 : 0);
  return 0;
}
