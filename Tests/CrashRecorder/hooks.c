// The functions of the C library that the recorder stands in for. Each makes the system call itself, under the
// recorder's lock when it concerns the recorded tree. There is no dlsym: nothing here depends on load order.

#define _GNU_SOURCE
#include "recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static uint64_t inode_at(int dirfd, const char *path) {
    struct stat info;
    return fstatat(dirfd, path, &info, AT_SYMLINK_NOFOLLOW) == 0 ? info.st_ino : 0;
}

static int sync_descriptor(int fd, long number);

// Writes.

enum { AT_POSITION = -1 };

static ssize_t call_write(int fd, const struct iovec *data, int pieces, off_t offset) {
    if (offset == AT_POSITION) return syscall(SYS_writev, fd, data, pieces);
    return syscall(SYS_pwritev, fd, data, pieces, offset, 0L);
}

static ssize_t write_pieces(int fd, const struct iovec *data, int pieces, off_t offset) {
    char path[PATH_BYTES];
    uint64_t file;
    bool directory;
    if (!recording() || !tracked_descriptor(fd, path, &file, &directory)) return call_write(fd, data, pieces, offset);
    operation_begin();
    ssize_t done = call_write(fd, data, pieces, offset);
    int64_t start = offset;
    struct stat info;
    if (done >= 0 && offset == AT_POSITION) start = syscall(SYS_lseek, fd, 0L, SEEK_CUR) - done;
    // Linux appends with O_APPEND, whatever offset pwrite names.
    else if (done >= 0 && (fcntl(fd, F_GETFL) & O_APPEND) && fstat(fd, &info) == 0) start = info.st_size - done;
    struct operation operation = {
        .kind = KIND_WRITE, .file = file, .offset = start, .path = path,
        .data = data, .pieces = pieces, .length = done > 0 ? (size_t)done : 0,
    };
    operation_end(done > 0 ? &operation : NULL);
    // LMDB writes its root so: durable as the call returns.
    if (done > 0 && (fcntl(fd, F_GETFL) & O_DSYNC) && sync_descriptor(fd, SYS_fdatasync) < 0) return -1;
    return done;
}

EXPORT ssize_t write(int fd, const void *bytes, size_t length) {
    struct iovec data = {(void *)bytes, length};
    if (!recording()) return syscall(SYS_write, fd, bytes, length);
    return write_pieces(fd, &data, 1, AT_POSITION);
}

EXPORT ssize_t writev(int fd, const struct iovec *data, int pieces) {
    return write_pieces(fd, data, pieces, AT_POSITION);
}

EXPORT ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
    struct iovec data = {(void *)bytes, length};
    if (offset < 0) return syscall(SYS_pwrite64, fd, bytes, length, offset);
    return write_pieces(fd, &data, 1, offset);
}

EXPORT ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    return pwrite64(fd, bytes, length, offset);
}

EXPORT ssize_t pwritev64(int fd, const struct iovec *data, int pieces, off64_t offset) {
    if (offset < 0) return syscall(SYS_pwritev, fd, data, pieces, offset, 0L);
    return write_pieces(fd, data, pieces, offset);
}

EXPORT ssize_t pwritev(int fd, const struct iovec *data, int pieces, off_t offset) {
    return pwritev64(fd, data, pieces, offset);
}

EXPORT ssize_t pwritev64v2(int fd, const struct iovec *data, int pieces, off64_t offset, int flags) {
    // RWF_DSYNC and its like would be a sync that the log does not know.
    if (flags != 0) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return write_pieces(fd, data, pieces, offset);
}

EXPORT ssize_t pwritev2(int fd, const struct iovec *data, int pieces, off_t offset, int flags) {
    return pwritev64v2(fd, data, pieces, offset, flags);
}

// Copies inside of the kernel become reads and recorded writes.
static ssize_t copy_by_hand(int in, off_t *in_offset, int out, off_t *out_offset, size_t length) {
    enum { COPY_BYTES = 1 << 20 };
    size_t part = length < COPY_BYTES ? length : COPY_BYTES;
    char *bytes = malloc(part ? part : 1);
    if (!bytes) {
        errno = ENOMEM;
        return -1;
    }
    ssize_t got = in_offset ? pread(in, bytes, part, *in_offset) : read(in, bytes, part);
    ssize_t done = got;
    if (got > 0) done = out_offset ? pwrite64(out, bytes, (size_t)got, *out_offset) : write(out, bytes, (size_t)got);
    if (done > 0 && in_offset) *in_offset += done;
    if (done > 0 && out_offset) *out_offset += done;
    int saved = errno;
    free(bytes);
    errno = saved;
    return done;
}

EXPORT ssize_t sendfile64(int out, int in, off64_t *offset, size_t length) {
    char path[PATH_BYTES];
    uint64_t file;
    bool directory;
    if (!recording() || !tracked_descriptor(out, path, &file, &directory)) {
        return syscall(SYS_sendfile, out, in, offset, length);
    }
    return copy_by_hand(in, offset, out, NULL, length);
}

EXPORT ssize_t sendfile(int out, int in, off_t *offset, size_t length) { return sendfile64(out, in, offset, length); }

EXPORT ssize_t copy_file_range(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t length, unsigned flags) {
    char path[PATH_BYTES];
    uint64_t file;
    bool directory;
    if (!recording() || !tracked_descriptor(out, path, &file, &directory)) {
        return syscall(SYS_copy_file_range, in, in_offset, out, out_offset, length, flags);
    }
    return copy_by_hand(in, in_offset, out, out_offset, length);
}

EXPORT ssize_t splice(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t length, unsigned flags) {
    char path[PATH_BYTES];
    uint64_t file;
    bool directory;
    if (!recording() || !tracked_descriptor(out, path, &file, &directory)) {
        return syscall(SYS_splice, in, in_offset, out, out_offset, length, flags);
    }
    return copy_by_hand(in, in_offset, out, out_offset, length);
}

static bool ends_in(const char *path, const char *end) {
    size_t length = strlen(path), wanted = strlen(end);
    return length >= wanted && strcmp(path + length - wanted, end) == 0;
}

// Shared writable mappings change a file behind the recorder's back; SQLite's -shm and LMDB's table of readers
// are rebuilt and may.
EXPORT void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset) {
    void *memory = (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
    char path[PATH_BYTES];
    uint64_t file;
    bool directory;
    if (recording() && memory != MAP_FAILED && fd >= 0 && (flags & MAP_SHARED) && (protection & PROT_WRITE)
        && tracked_descriptor(fd, path, &file, &directory)) {
        if (!ends_in(path, "-shm") && !ends_in(path, "/lock.mdb")) {
            operation_begin();
            struct operation operation = {.kind = KIND_UNKNOWN, .file = file, .path = path};
            operation_end(&operation);
        }
    }
    return memory;
}

EXPORT void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    return mmap64(address, length, protection, flags, fd, offset);
}

// Syncs.

static int sync_descriptor(int fd, long number) {
    char path[PATH_BYTES];
    uint64_t file;
    bool directory;
    if (!recording() || !tracked_descriptor(fd, path, &file, &directory)) return (int)syscall(number, fd);
    operation_begin();
    bool everything = number == SYS_syncfs;
    struct operation operation = {.kind = everything ? KIND_SYNC_ALL : KIND_SYNC, .file = file, .path = path};
    // A directory is known by its path, a file by its number.
    if (directory) operation.file = 0;
    int result = 0;
    switch (sync_fate(path)) {
    case SYNC_REALLY:
        result = (int)syscall(number, fd);
        operation_end(result == 0 ? &operation : NULL);
        break;
    case SYNC_IGNORE:
        operation_end(NULL);
        break;
    case SYNC_FAIL:
        operation.kind = KIND_SYNC_FAILED;
        errno = EIO;
        result = -1;
        operation_end(&operation);
        break;
    }
    return result;
}

EXPORT int fsync(int fd) { return sync_descriptor(fd, SYS_fsync); }

EXPORT int fdatasync(int fd) { return sync_descriptor(fd, SYS_fdatasync); }

EXPORT int syncfs(int fd) { return sync_descriptor(fd, SYS_syncfs); }

EXPORT void sync(void) {
    if (!recording()) {
        syscall(SYS_sync);
        return;
    }
    operation_begin();
    syscall(SYS_sync);
    struct operation operation = {.kind = KIND_SYNC_ALL};
    operation_end(sync_fate("") == SYNC_REALLY ? &operation : NULL);
}

// Starts write-out and promises nothing.
EXPORT int sync_file_range(int fd, off64_t offset, off64_t length, unsigned flags) {
    char path[PATH_BYTES];
    uint64_t file;
    bool directory;
    bool tracked = recording() && tracked_descriptor(fd, path, &file, &directory);
    if (!tracked) return (int)syscall(SYS_sync_file_range, fd, offset, length, flags);
    operation_begin();
    int result = (int)syscall(SYS_sync_file_range, fd, offset, length, flags);
    struct operation operation = {.kind = KIND_NOTHING, .file = file, .path = path};
    operation_end(&operation);
    return result;
}

// Opening.

static int open_tracked(int dirfd, const char *path, const char *relative, int flags, mode_t mode) {
    operation_begin();
    bool temporary = (flags & O_TMPFILE) == O_TMPFILE;
    bool existed = !temporary && faccessat(dirfd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    int fd = (int)syscall(SYS_openat, dirfd, path, flags | O_LARGEFILE, mode);
    struct stat info;
    struct operation operation = {.path = relative};
    bool changed = false;
    if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
        operation.file = info.st_ino;
        if (temporary || !existed) {
            operation.kind = KIND_CREATE;
            if (temporary) operation.path = "";
            changed = true;
        } else if (flags & O_TRUNC) {
            operation.kind = KIND_TRUNCATE;
            changed = true;
        }
    }
    operation_end(changed ? &operation : NULL);
    return fd;
}

static int open_at(int dirfd, const char *path, int flags, mode_t mode) {
    char relative[PATH_BYTES];
    bool changing = (flags & (O_CREAT | O_TRUNC)) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
    if (recording() && changing && tracked_path(dirfd, path, relative)) {
        return open_tracked(dirfd, path, relative, flags, mode);
    }
    return (int)syscall(SYS_openat, dirfd, path, flags | O_LARGEFILE, mode);
}

#define MODE_AFTER(last, flags, mode)                                                                                  \
    mode_t mode = 0;                                                                                                   \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {                                                                           \
        va_list rest;                                                                                                  \
        va_start(rest, last);                                                                                          \
        mode = va_arg(rest, mode_t);                                                                                   \
        va_end(rest);                                                                                                  \
    }

EXPORT int open(const char *path, int flags, ...) {
    MODE_AFTER(flags, flags, mode)
    return open_at(AT_FDCWD, path, flags, mode);
}

EXPORT int open64(const char *path, int flags, ...) {
    MODE_AFTER(flags, flags, mode)
    return open_at(AT_FDCWD, path, flags, mode);
}

EXPORT int openat(int dirfd, const char *path, int flags, ...) {
    MODE_AFTER(flags, flags, mode)
    return open_at(dirfd, path, flags, mode);
}

EXPORT int openat64(int dirfd, const char *path, int flags, ...) {
    MODE_AFTER(flags, flags, mode)
    return open_at(dirfd, path, flags, mode);
}

EXPORT int __open_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
EXPORT int __open64_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
EXPORT int __openat_2(int dirfd, const char *path, int flags) { return open_at(dirfd, path, flags, 0); }
EXPORT int __openat64_2(int dirfd, const char *path, int flags) { return open_at(dirfd, path, flags, 0); }

EXPORT int creat(const char *path, mode_t mode) {
    return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

EXPORT int creat64(const char *path, mode_t mode) { return creat(path, mode); }

// Names.

EXPORT int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    char source[PATH_BYTES], target[PATH_BYTES];
    bool tracked = recording() && tracked_path(from_dir, from, source);
    if (!tracked || !tracked_path(to_dir, to, target)) {
        return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    }
    operation_begin();
    uint64_t file = inode_at(from_dir, from);
    int result = (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    struct operation operation = {
        .kind = KIND_RENAME, .file = file, .path = source, .second = target, .offset = flags,
    };
    operation_end(result == 0 ? &operation : NULL);
    return result;
}

EXPORT int renameat(int from_dir, const char *from, int to_dir, const char *to) {
    return renameat2(from_dir, from, to_dir, to, 0);
}

EXPORT int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

EXPORT int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    char target[PATH_BYTES];
    if (!recording() || !tracked_path(to_dir, to, target)) {
        return (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
    }
    operation_begin();
    int result = (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
    int saved = errno;
    struct operation operation = {.kind = KIND_LINK, .path = target, .file = inode_at(to_dir, to)};
    errno = saved;
    operation_end(result == 0 ? &operation : NULL);
    return result;
}

EXPORT int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

EXPORT int unlinkat(int dirfd, const char *path, int flags) {
    char relative[PATH_BYTES];
    if (!recording() || !tracked_path(dirfd, path, relative)) return (int)syscall(SYS_unlinkat, dirfd, path, flags);
    operation_begin();
    int result = (int)syscall(SYS_unlinkat, dirfd, path, flags);
    struct operation operation = {
        .kind = flags & AT_REMOVEDIR ? KIND_REMOVE_DIRECTORY : KIND_UNLINK, .path = relative,
    };
    operation_end(result == 0 ? &operation : NULL);
    return result;
}

EXPORT int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
EXPORT int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

EXPORT int remove(const char *path) {
    int result = unlinkat(AT_FDCWD, path, 0);
    return result != 0 && errno == EISDIR ? rmdir(path) : result;
}

EXPORT int mkdirat(int dirfd, const char *path, mode_t mode) {
    char relative[PATH_BYTES];
    if (!recording() || !tracked_path(dirfd, path, relative)) return (int)syscall(SYS_mkdirat, dirfd, path, mode);
    operation_begin();
    int result = (int)syscall(SYS_mkdirat, dirfd, path, mode);
    struct operation operation = {.kind = KIND_MAKE_DIRECTORY, .path = relative};
    operation_end(result == 0 ? &operation : NULL);
    return result;
}

EXPORT int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

EXPORT int symlinkat(const char *content, int dirfd, const char *path) {
    char relative[PATH_BYTES];
    if (!recording() || !tracked_path(dirfd, path, relative)) return (int)syscall(SYS_symlinkat, content, dirfd, path);
    operation_begin();
    int result = (int)syscall(SYS_symlinkat, content, dirfd, path);
    struct operation operation = {.kind = KIND_UNKNOWN, .path = relative};
    operation_end(&operation);
    return result;
}

EXPORT int symlink(const char *content, const char *path) { return symlinkat(content, AT_FDCWD, path); }

// Sizes and times.

EXPORT int ftruncate64(int fd, off64_t size) {
    char path[PATH_BYTES];
    uint64_t file;
    bool directory;
    if (!recording() || !tracked_descriptor(fd, path, &file, &directory)) return (int)syscall(SYS_ftruncate, fd, size);
    operation_begin();
    int result = (int)syscall(SYS_ftruncate, fd, size);
    struct operation operation = {.kind = KIND_TRUNCATE, .file = file, .path = path, .offset = size};
    operation_end(result == 0 ? &operation : NULL);
    return result;
}

EXPORT int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

EXPORT int truncate64(const char *path, off64_t size) {
    char relative[PATH_BYTES];
    if (!recording() || !tracked_path(AT_FDCWD, path, relative)) return (int)syscall(SYS_truncate, path, size);
    operation_begin();
    int result = (int)syscall(SYS_truncate, path, size);
    struct operation operation = {
        .kind = KIND_TRUNCATE, .file = inode_at(AT_FDCWD, path), .path = relative, .offset = size,
    };
    operation_end(result == 0 ? &operation : NULL);
    return result;
}

EXPORT int truncate(const char *path, off_t size) { return truncate64(path, size); }

// A hole is what writing zeros would be.
static int punch(int fd, off64_t offset, off64_t length) {
    static const char zeros[1 << 16];
    while (length > 0) {
        size_t part = length < (off64_t)sizeof zeros ? (size_t)length : sizeof zeros;
        ssize_t done = pwrite64(fd, zeros, part, offset);
        if (done < 0) return -1;
        offset += done;
        length -= done;
    }
    return 0;
}

EXPORT int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
    char path[PATH_BYTES];
    uint64_t file;
    bool directory;
    bool tracked = recording() && tracked_descriptor(fd, path, &file, &directory);
    if (!tracked) return (int)syscall(SYS_fallocate, fd, mode, offset, length);
    if (mode == (FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) return punch(fd, offset, length);
    operation_begin();
    int result = (int)syscall(SYS_fallocate, fd, mode, offset, length);
    struct operation operation = {.kind = KIND_EXTEND, .file = file, .path = path, .offset = offset + length};
    if (mode & FALLOC_FL_KEEP_SIZE) operation.kind = mode == FALLOC_FL_KEEP_SIZE ? KIND_NOTHING : KIND_UNKNOWN;
    else if (mode != 0) operation.kind = KIND_UNKNOWN;
    operation_end(result == 0 ? &operation : NULL);
    return result;
}

EXPORT int fallocate(int fd, int mode, off_t offset, off_t length) { return fallocate64(fd, mode, offset, length); }

EXPORT int posix_fallocate64(int fd, off64_t offset, off64_t length) {
    int saved = errno;
    int result = fallocate64(fd, 0, offset, length) == 0 ? 0 : errno;
    errno = saved;
    return result;
}

EXPORT int posix_fallocate(int fd, off_t offset, off_t length) { return posix_fallocate64(fd, offset, length); }

static int64_t nanoseconds(const struct timespec times[2]) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (times && times[1].tv_nsec != UTIME_NOW) now = times[1];
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

EXPORT int futimens(int fd, const struct timespec times[2]) {
    char path[PATH_BYTES];
    uint64_t file;
    bool directory;
    bool tracked = recording() && tracked_descriptor(fd, path, &file, &directory) && !directory;
    if (!tracked || (times && times[1].tv_nsec == UTIME_OMIT)) {
        return (int)syscall(SYS_utimensat, fd, NULL, times, 0);
    }
    operation_begin();
    int result = (int)syscall(SYS_utimensat, fd, NULL, times, 0);
    struct operation operation = {.kind = KIND_TIME, .file = file, .path = path, .offset = nanoseconds(times)};
    operation_end(result == 0 ? &operation : NULL);
    return result;
}

EXPORT int utimensat(int dirfd, const char *path, const struct timespec times[2], int flags) {
    char relative[PATH_BYTES];
    bool tracked = recording() && tracked_path(dirfd, path, relative);
    if (!tracked || (times && times[1].tv_nsec == UTIME_OMIT)) {
        return (int)syscall(SYS_utimensat, dirfd, path, times, flags);
    }
    operation_begin();
    int result = (int)syscall(SYS_utimensat, dirfd, path, times, flags);
    struct operation operation = {
        .kind = KIND_TIME, .file = inode_at(dirfd, path), .path = relative, .offset = nanoseconds(times),
    };
    operation_end(result == 0 ? &operation : NULL);
    return result;
}
