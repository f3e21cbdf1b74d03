// The VFS: names and openings. What open files do is in database.c, log.c and plain.c.

#include "files.h"

#include <stdlib.h>
#include <string.h>

static sqlite3_vfs *below(sqlite3_vfs *vfs) { return ((sealed_vfs *)vfs)->below; }

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *out_flags) {
    sealed_file *sealed = (sealed_file *)file;
    memset(sealed, 0, sizeof *sealed);
    sealed->codec = &((sealed_vfs *)vfs)->codec;
    if (name == NULL || (flags & (SQLITE_OPEN_TEMP_DB | SQLITE_OPEN_TEMP_JOURNAL |
                                  SQLITE_OPEN_TRANSIENT_DB | SQLITE_OPEN_SUBJOURNAL))) {
        csealed_temporary_init(sealed);
        if (out_flags) *out_flags = flags;
        return SQLITE_OK;
    }
    const sqlite3_io_methods *methods = NULL;
    if (flags & SQLITE_OPEN_MAIN_DB) {
        methods = &csealed_database_methods;
    } else if (flags & SQLITE_OPEN_WAL) {
        methods = &csealed_log_methods;
        sealed->database = (sealed_file *)sqlite3_database_file_object(name);
    } else if (flags & SQLITE_OPEN_MAIN_JOURNAL) {
        methods = &csealed_journal_methods;
    } else {
        return SQLITE_CANTOPEN;
    }
    int code = below(vfs)->xOpen(below(vfs), name, csealed_inner(sealed), flags, out_flags);
    // Without methods SQLite does not close it.
    if (code == SQLITE_OK) sealed->base.pMethods = methods;
    return code;
}

static int delete_file(sqlite3_vfs *vfs, const char *name, int sync_directory) {
    return below(vfs)->xDelete(below(vfs), name, sync_directory);
}

static int access_file(sqlite3_vfs *vfs, const char *name, int flags, int *result) {
    return below(vfs)->xAccess(below(vfs), name, flags, result);
}

static int full_path(sqlite3_vfs *vfs, const char *name, int count, char *out) {
    return below(vfs)->xFullPathname(below(vfs), name, count, out);
}

static int randomness(sqlite3_vfs *vfs, int count, char *out) {
    return below(vfs)->xRandomness(below(vfs), count, out);
}

static int pause_thread(sqlite3_vfs *vfs, int microseconds) {
    return below(vfs)->xSleep(below(vfs), microseconds);
}

static int current_time(sqlite3_vfs *vfs, double *days) {
    return below(vfs)->xCurrentTime(below(vfs), days);
}

static int last_error(sqlite3_vfs *vfs, int count, char *out) {
    return below(vfs)->xGetLastError(below(vfs), count, out);
}

static int current_time_64(sqlite3_vfs *vfs, sqlite3_int64 *milliseconds) {
    return below(vfs)->xCurrentTimeInt64(below(vfs), milliseconds);
}

int csealed_register(const char *name, const csealed_codec *codec) {
    int code = sqlite3_initialize();
    if (code != SQLITE_OK) return code;
    sqlite3_vfs *unix_vfs = sqlite3_vfs_find("unix");
    if (unix_vfs == NULL || unix_vfs->iVersion < 2) return SQLITE_ERROR;
    sealed_vfs *vfs = calloc(1, sizeof *vfs);
    char *own_name = strdup(name);
    if (vfs == NULL || own_name == NULL) {
        free(vfs);
        free(own_name);
        return SQLITE_NOMEM;
    }
    vfs->below = unix_vfs;
    vfs->codec = *codec;
    vfs->base = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = (int)sizeof(sealed_file) + unix_vfs->szOsFile,
        .mxPathname = unix_vfs->mxPathname,
        .zName = own_name,
        .xOpen = open_file,
        .xDelete = delete_file,
        .xAccess = access_file,
        .xFullPathname = full_path,
        .xRandomness = randomness,
        .xSleep = pause_thread,
        .xCurrentTime = current_time,
        .xGetLastError = last_error,
        .xCurrentTimeInt64 = current_time_64,
    };
    code = sqlite3_vfs_register(&vfs->base, 0);
    if (code != SQLITE_OK) {
        free(own_name);
        free(vfs);
    }
    return code;
}
