// What all files on the disk do as SQLite's own do it.

#include "files.h"

#define INNER(file) csealed_inner((sealed_file *)(file))
#define CALL(file, method, ...) INNER(file)->pMethods->method(INNER(file), ##__VA_ARGS__)

int csealed_close(sqlite3_file *file) { return CALL(file, xClose); }

int csealed_truncate(sqlite3_file *file, sqlite3_int64 size) {
    return CALL(file, xTruncate, size);
}

int csealed_sync(sqlite3_file *file, int flags) { return CALL(file, xSync, flags); }

int csealed_size(sqlite3_file *file, sqlite3_int64 *size) { return CALL(file, xFileSize, size); }

int csealed_lock(sqlite3_file *file, int level) { return CALL(file, xLock, level); }

int csealed_unlock(sqlite3_file *file, int level) { return CALL(file, xUnlock, level); }

int csealed_is_reserved(sqlite3_file *file, int *result) {
    return CALL(file, xCheckReservedLock, result);
}

int csealed_control(sqlite3_file *file, int operation, void *argument) {
    switch (operation) {
    case SQLITE_FCNTL_SIZE_HINT:
    case SQLITE_FCNTL_CHUNK_SIZE:
        // Zeros at a file's end are no sealed pages, and sizes here are not those below.
        return SQLITE_OK;
    case SQLITE_FCNTL_MMAP_SIZE:
        // A mapped page would be a sealed one.
        *(sqlite3_int64 *)argument = 0;
        return SQLITE_OK;
    default:
        return CALL(file, xFileControl, operation, argument);
    }
}

int csealed_sector_size(sqlite3_file *file) { return CALL(file, xSectorSize); }

// A write harms nothing beside it, as SQLite takes it to be on Unix anyway: without that it would fill
// the log up to a sector's end, and write pages in two parts. Nothing is atomic: records are larger
// than what SQLite asks to write.
int csealed_characteristics(sqlite3_file *file) {
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}
