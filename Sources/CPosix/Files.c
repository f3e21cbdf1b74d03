// The calls on files.
#define _GNU_SOURCE
#include "CPosix.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

int cposix_open(int directory, const char *path, int flags, mode_t mode) {
    int opened;
    do {
        opened = openat(directory, path, flags | O_CLOEXEC, mode);
    } while (opened < 0 && errno == EINTR);
    return opened < 0 ? -errno : opened;
}

int cposix_open_beneath(int directory, const char *path, int flags, mode_t mode) {
    struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC),
        .mode = mode,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long opened;
    do {
        // EAGAIN: a rename crossed the look-up; the kernel asks to try again.
        opened = syscall(SYS_openat2, directory, path, &how, sizeof how);
    } while (opened < 0 && (errno == EINTR || errno == EAGAIN));
    return opened < 0 ? -errno : (int)opened;
}

int cposix_link_descriptor(int descriptor, int directory, const char *path) {
    // AT_EMPTY_PATH needs a capability; the way by /proc does not.
    char source[64];
    snprintf(source, sizeof source, "/proc/self/fd/%d", descriptor);
    int linked = linkat(AT_FDCWD, source, directory, path, AT_SYMLINK_FOLLOW);
    return linked < 0 ? -errno : 0;
}

int cposix_rename(
    int from_directory, const char *from, int to_directory, const char *to, int exclusive) {
    unsigned flags = exclusive ? RENAME_NOREPLACE : 0;
    return renameat2(from_directory, from, to_directory, to, flags) < 0 ? -errno : 0;
}

static int64_t nanoseconds_of(struct timespec time) {
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void fill_status(const struct stat *from, struct cposix_status *status) {
    status->device = from->st_dev;
    status->inode = from->st_ino;
    status->size = from->st_size;
    status->blocks = from->st_blocks;
    status->modified = nanoseconds_of(from->st_mtim);
    status->changed = nanoseconds_of(from->st_ctim);
    status->mode = from->st_mode;
    status->owner = from->st_uid;
    status->links = (uint32_t)from->st_nlink;
}

int cposix_status_of(int descriptor, struct cposix_status *status) {
    struct stat found;
    if (fstat(descriptor, &found) < 0) return -errno;
    fill_status(&found, status);
    return 0;
}

int cposix_status_at(int directory, const char *path, struct cposix_status *status) {
    struct stat found;
    if (fstatat(directory, path, &found, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
    fill_status(&found, status);
    return 0;
}

int cposix_set_modified(int descriptor, int64_t nanoseconds) {
    int64_t seconds = nanoseconds / 1000000000;
    int64_t rest = nanoseconds % 1000000000;
    if (rest < 0) {
        rest += 1000000000;
        seconds -= 1;
    }
    struct timespec times[2] = {
        {.tv_sec = 0, .tv_nsec = UTIME_OMIT},
        {.tv_sec = seconds, .tv_nsec = rest},
    };
    return futimens(descriptor, times) < 0 ? -errno : 0;
}

ssize_t cposix_read_cached(int descriptor, void *bytes, size_t count, int64_t offset) {
    struct iovec run = {.iov_base = bytes, .iov_len = count};
    ssize_t taken;
    do {
        taken = preadv2(descriptor, &run, 1, offset, RWF_NOWAIT);
    } while (taken < 0 && errno == EINTR);
    return taken < 0 ? -errno : taken;
}

int cposix_start_writing(int descriptor, int64_t offset, int64_t count) {
    return sync_file_range(descriptor, offset, count, SYNC_FILE_RANGE_WRITE) < 0 ? -errno : 0;
}

int cposix_finish_writing(int descriptor, int64_t offset, int64_t count) {
    unsigned flags = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE
        | SYNC_FILE_RANGE_WAIT_AFTER;
    return sync_file_range(descriptor, offset, count, flags) < 0 ? -errno : 0;
}

int cposix_sync_filesystem(int descriptor) {
    return syncfs(descriptor) < 0 ? -errno : 0;
}

int cposix_space(int descriptor, uint64_t *available, uint64_t *total) {
    struct statvfs space;
    if (fstatvfs(descriptor, &space) < 0) return -errno;
    *available = (uint64_t)space.f_bavail * space.f_frsize;
    *total = (uint64_t)space.f_blocks * space.f_frsize;
    return 0;
}

int cposix_advise(int descriptor, int advice) {
    static const int known[] = {POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED, POSIX_FADV_SEQUENTIAL};
    if (advice < 0 || advice > 2) return -EINVAL;
    return -posix_fadvise(descriptor, 0, 0, known[advice]);
}

int cposix_reserve(int descriptor, int64_t count) {
    return fallocate(descriptor, FALLOC_FL_KEEP_SIZE, 0, count) < 0 ? -errno : 0;
}

int cposix_punch(int descriptor, int64_t offset, int64_t count) {
    int mode = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;
    return fallocate(descriptor, mode, offset, count) < 0 ? -errno : 0;
}

int cposix_sealed_memory(const void *bytes, size_t count) {
    int memory = memfd_create("content", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memory < 0) return -errno;
    size_t done = 0;
    while (done < count) {
        ssize_t written = pwrite(memory, (const char *)bytes + done, count - done, (off_t)done);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) break;
        done += (size_t)written;
    }
    int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    if (done < count || fcntl(memory, F_ADD_SEALS, seals) < 0) {
        int error = errno;
        close(memory);
        return -error;
    }
    return memory;
}

void *cposix_directory_open(int descriptor, int *error) {
    // Opened again, as fdopendir would share (and move) the caller's read position.
    int own = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = own < 0 ? NULL : fdopendir(own);
    *error = directory == NULL ? errno : 0;
    if (directory == NULL && own >= 0) close(own);
    return directory;
}

const char *cposix_directory_next(void *directory, int *kind, int *error) {
    struct dirent *entry;
    do {
        errno = 0;
        entry = readdir(directory);
    } while (entry != NULL && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
    *error = entry == NULL ? errno : 0;
    if (entry == NULL) return NULL;
    *kind = entry->d_type;
    return entry->d_name;
}

void cposix_directory_close(void *directory) {
    closedir(directory);
}
