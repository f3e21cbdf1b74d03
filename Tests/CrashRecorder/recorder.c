// A recorder of everything that changes a directory tree, for crash tests. Preloaded (LD_PRELOAD) into ordinary
// programs, it numbers each write, sync, rename, link, unlink, truncate and creation below one directory, writes it
// with its data to a log outside of that directory, and can stop the process at the n-th of them. materialise.py
// builds from the log the tree that a power cut would have left.
//
// Several processes may record into one log (the gateway writes into staging files that the store opened): each
// operation and its log entry happen under one lock, shared by all of them, so the log's order is the order in which
// things happened. Files are known by inode number, because a descriptor may have been handed over by another process.
//
//   CRASHREC_ROOT          the directory (absolute, no symbolic links); nothing is recorded when it is unset
//   CRASHREC_LOG           the log; LOG.state beside it is shared memory: {u32 magic, u32 stopped, u64 count, u64 syncs}
//   CRASHREC_STOP_AT       the number of the operation to stop at; all recording processes hold still from then on
//   CRASHREC_STOP          `before` (default) or `after` that operation
//   CRASHREC_FAIL_SYNC_AT  the numbers (from 1, with commas between) of the syncs that fail with EIO
//   CRASHREC_IGNORE_SYNC   `all`, or part of a path: these syncs do nothing and say success (the canary)
//   CRASHREC_SYNC_PATH     only syncs whose path contains this count for CRASHREC_FAIL_SYNC_AT

#define _GNU_SOURCE
#include "recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    STATE_MAGIC = 0x43524543,
    ENTRY_MAGIC = 0x4f504552,
    STATE_BYTES = 4096,
    // The log's descriptor stays out of the way of programs that count on small numbers.
    LOG_DESCRIPTOR_MIN = 200,
};

// Shared by all recording processes; the first three fields are read by the tests.
struct state {
    uint32_t magic;
    _Atomic uint32_t stopped;
    _Atomic uint64_t count;
    _Atomic uint64_t syncs;
    pthread_mutex_t lock;
};

// One entry of the log: this header, both paths, the data. Little endian as the machine is.
struct entry {
    uint32_t magic;
    uint32_t kind;
    uint64_t number;
    uint64_t file;
    int64_t offset;
    uint64_t length;
    uint32_t process;
    uint16_t path_length;
    uint16_t second_length;
};

static struct state *state;
static int log_descriptor = -1;
static char root[PATH_BYTES];
static size_t root_length;
static dev_t root_device;
static uint64_t stop_at;
static bool stop_after;
static const char *failing_syncs, *ignored_syncs, *counted_syncs;

static void give_up(const char *what) {
    dprintf(STDERR_FILENO, "error crash recorder: %s: %s\n", what, strerror(errno));
    _exit(99);
}

static uint64_t number_of(const char *name) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : 0;
}

// The lock survives the death of a process that holds it: the tests kill at any time.
static void make_lock(void) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&state->lock, &attributes);
}

static void map_state(const char *log) {
    char name[PATH_BYTES];
    snprintf(name, sizeof name, "%s.state", log);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) give_up(name);
    if (flock(fd, LOCK_EX) != 0 || syscall(SYS_ftruncate, fd, (off_t)STATE_BYTES) != 0) give_up(name);
    void *memory = mmap(NULL, STATE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) give_up(name);
    state = memory;
    if (state->magic != STATE_MAGIC) {
        make_lock();
        state->magic = STATE_MAGIC;
    }
    // The mapping keeps the open file, and the file its lock: closing alone would not release it.
    if (flock(fd, LOCK_UN) != 0) give_up(name);
    close(fd);
}

__attribute__((constructor)) static void start_recording(void) {
    const char *directory = getenv("CRASHREC_ROOT"), *log = getenv("CRASHREC_LOG");
    if (!directory || !log) return;
    root_length = strlen(directory);
    if (root_length >= sizeof root) give_up("CRASHREC_ROOT");
    memcpy(root, directory, root_length + 1);
    struct stat info;
    if (stat(root, &info) != 0) give_up(root);
    root_device = info.st_dev;
    stop_at = number_of("CRASHREC_STOP_AT");
    failing_syncs = getenv("CRASHREC_FAIL_SYNC_AT");
    const char *stop = getenv("CRASHREC_STOP");
    stop_after = stop && strcmp(stop, "after") == 0;
    ignored_syncs = getenv("CRASHREC_IGNORE_SYNC");
    counted_syncs = getenv("CRASHREC_SYNC_PATH");
    int fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) give_up(log);
    log_descriptor = fcntl(fd, F_DUPFD_CLOEXEC, LOG_DESCRIPTOR_MIN);
    if (log_descriptor < 0) give_up(log);
    close(fd);
    map_state(log);
}

bool recording(void) { return state != NULL; }

// After the stop nothing may change the tree any more: who comes here waits for the test to end it.
static void hold_still(void) {
    for (;;) pause();
}

static void stop_here(void) {
    state->stopped = 1;
    kill(getpid(), SIGKILL);
    hold_still();
}

void operation_begin(void) {
    int result = pthread_mutex_lock(&state->lock);
    if (result == EOWNERDEAD) pthread_mutex_consistent(&state->lock);
    else if (result != 0) give_up("lock");
    if (state->stopped) {
        pthread_mutex_unlock(&state->lock);
        hold_still();
    }
    uint64_t number = ++state->count;
    if (number == stop_at && !stop_after) stop_here();
}

// Appends in as many writes as it takes; what is not in the log cannot be judged, so an error ends the run.
static void append(const void *bytes, size_t length) {
    const char *at = bytes;
    while (length > 0) {
        ssize_t done = syscall(SYS_write, log_descriptor, at, length);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) give_up("log");
        at += done;
        length -= (size_t)done;
    }
}

void operation_end(const struct operation *operation) {
    int saved = errno;
    if (operation) {
        const char *path = operation->path ? operation->path : "";
        const char *second = operation->second ? operation->second : "";
        struct entry entry = {
            .magic = ENTRY_MAGIC,
            .kind = operation->kind,
            .number = state->count,
            .file = operation->file,
            .offset = operation->offset,
            .length = operation->length,
            .process = (uint32_t)getpid(),
            .path_length = (uint16_t)strlen(path),
            .second_length = (uint16_t)strlen(second),
        };
        append(&entry, sizeof entry);
        append(path, entry.path_length);
        append(second, entry.second_length);
        size_t left = operation->length;
        for (int piece = 0; piece < operation->pieces && left > 0; piece++) {
            size_t part = operation->data[piece].iov_len < left ? operation->data[piece].iov_len : left;
            append(operation->data[piece].iov_base, part);
            left -= part;
        }
    }
    if (state->count == stop_at && stop_after) stop_here();
    pthread_mutex_unlock(&state->lock);
    errno = saved;
}

// Whether a list of numbers with commas between has this one.
static bool is_listed(const char *list, uint64_t number) {
    while (list && *list) {
        char *end;
        if (strtoull(list, &end, 10) == number) return true;
        list = *end ? end + 1 : end;
    }
    return false;
}

enum sync_fate sync_fate(const char *path) {
    if (!counted_syncs || strstr(path, counted_syncs)) {
        if (is_listed(failing_syncs, ++state->syncs)) return SYNC_FAIL;
    }
    if (ignored_syncs && (strcmp(ignored_syncs, "all") == 0 || strstr(path, ignored_syncs))) return SYNC_IGNORE;
    return SYNC_REALLY;
}

// The name that the kernel has for a descriptor; false where it may not be asked (a sandbox).
static bool descriptor_name(int fd, char name[PATH_BYTES]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, name, (size_t)PATH_BYTES - 1);
    if (length < 0) return false;
    name[length] = 0;
    return true;
}

// Whether an absolute path is below the root; `relative` gets the rest ("" for the root itself).
static bool below_root(const char *path, char relative[PATH_BYTES]) {
    if (strncmp(path, root, root_length) != 0) return false;
    if (path[root_length] == 0) {
        relative[0] = 0;
        return true;
    }
    if (path[root_length] != '/') return false;
    strcpy(relative, path + root_length + 1);
    return true;
}

bool tracked_descriptor(int fd, char path[PATH_BYTES], uint64_t *file, bool *directory) {
    int saved = errno;
    struct stat info;
    bool tracked = false;
    if (fstat(fd, &info) == 0 && info.st_dev == root_device && (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))) {
        char name[PATH_BYTES];
        *file = info.st_ino;
        *directory = S_ISDIR(info.st_mode);
        path[0] = 0;
        // A sandboxed process has no files of its own: what it writes it was handed.
        tracked = !descriptor_name(fd, name) || below_root(name, path);
    }
    errno = saved;
    return tracked;
}

// Removes `//`, `/./` and `/x/..` from an absolute path, in place.
static void normalize(char *path) {
    char *to = path;
    const char *from = path;
    while (*from) {
        while (*from == '/') from++;
        size_t length = strcspn(from, "/");
        if (length == 0) break;
        if (length == 2 && from[0] == '.' && from[1] == '.') {
            while (to > path && *--to != '/') continue;
        } else if (!(length == 1 && from[0] == '.')) {
            *to++ = '/';
            memmove(to, from, length);
            to += length;
        }
        from += length;
    }
    *to = 0;
}

bool tracked_path(int dirfd, const char *path, char relative[PATH_BYTES]) {
    int saved = errno;
    char whole[2 * PATH_BYTES], base[PATH_BYTES] = "";
    int used = 0, fd = -1;
    bool known = path != NULL && strlen(path) < PATH_BYTES;
    if (known && sscanf(path, "/proc/self/fd/%d%n", &fd, &used) == 1 && (path[used] == '/' || path[used] == 0)) {
        known = descriptor_name(fd, base);
        path += used;
    } else if (known && path[0] != '/') {
        known = dirfd == AT_FDCWD ? syscall(SYS_getcwd, base, (size_t)PATH_BYTES) > 0 : descriptor_name(dirfd, base);
    }
    bool tracked = false;
    if (known) {
        snprintf(whole, sizeof whole, "%s/%s", base, path);
        normalize(whole);
        tracked = strlen(whole) < PATH_BYTES && below_root(whole, relative);
    }
    errno = saved;
    return tracked;
}
