// What the parts of the recorder share. See recorder.c.

#ifndef CLUSTERF_CRASH_RECORDER_H
#define CLUSTERF_CRASH_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

// Kinds of operations; materialise.py has the same numbers.
enum kind {
    KIND_CREATE = 1,   // path, file: a name and an empty file came to be (path empty: O_TMPFILE)
    KIND_WRITE = 2,    // file, offset, data
    KIND_TRUNCATE = 3, // file, offset = new size
    KIND_SYNC = 4,     // file or path of a directory: fsync, fdatasync
    KIND_SYNC_ALL = 5, // syncfs, sync
    KIND_RENAME = 6,   // path → second path, file = what moved; offset = renameat2's flags
    KIND_LINK = 7,     // path = the new name, file
    KIND_UNLINK = 8,   // path
    KIND_MAKE_DIRECTORY = 9,
    KIND_REMOVE_DIRECTORY = 10,
    KIND_TIME = 11,        // file, offset = new modification time in ns
    KIND_SYNC_FAILED = 12, // file or path: the injected error
    KIND_NOTHING = 13,     // numbered, but changes no durability (sync_file_range)
    KIND_EXTEND = 14,      // file, offset = size it has at least
    KIND_UNKNOWN = 15,     // what the model cannot follow: the replayer refuses the log
};

struct operation {
    enum kind kind;
    uint64_t file; // inode number
    int64_t offset;
    const char *path;   // below the root, without it; "" when there is none
    const char *second; // likewise
    const struct iovec *data;
    int pieces;
    size_t length; // bytes of data that count
};

enum { PATH_BYTES = 8192 };

// Whether this process records at all.
bool recording(void);

// Whether a descriptor is a file or directory below the root. `path` gets its name without the root.
bool tracked_descriptor(int fd, char path[PATH_BYTES], uint64_t *file, bool *directory);

// Whether a path (relative to `dirfd`) is below the root; `relative` gets it without the root.
bool tracked_path(int dirfd, const char *path, char relative[PATH_BYTES]);

// Takes the one lock under which operations run, and the next number. The process ends here when that
// number is the one to stop before, or waits for its end when another process was stopped.
void operation_begin(void);

// Writes what was done (nothing when `operation` is null, as when it failed), ends the process when this was
// the operation to stop after, and releases the lock. Keeps errno.
void operation_end(const struct operation *operation);

// What a sync of `path` shall do.
enum sync_fate { SYNC_REALLY, SYNC_IGNORE, SYNC_FAIL };
enum sync_fate sync_fate(const char *path);

#endif
