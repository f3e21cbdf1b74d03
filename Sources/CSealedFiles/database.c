// The database itself: pages of one size, each sealed where it lies.

#include "files.h"

#include <string.h>

#define CALL(file, method, ...) \
    csealed_inner(file)->pMethods->method(csealed_inner(file), ##__VA_ARGS__)

// Reads and opens the page at `offset`. SQLITE_IOERR_SHORT_READ: the file ends before it.
static int read_page(sealed_file *file, unsigned char *page, sqlite3_int64 offset) {
    int code = CALL(file, xRead, file->stored, PAGE, offset);
    if (code == SQLITE_IOERR_SHORT_READ) {
        sqlite3_int64 size = 0;
        int failure = CALL(file, xFileSize, &size);
        if (failure != SQLITE_OK) return failure;
        // A part of a page is none: it does not open.
        if (size <= offset) return SQLITE_IOERR_SHORT_READ;
    } else if (code != SQLITE_OK) {
        return code;
    }
    const csealed_codec *codec = file->codec;
    int is_bad = codec->open(codec->context, CSEALED_ROLE_PAGE, (uint64_t)(offset / PAGE) + 1,
                             file->stored, PAGE - TRAILER, file->stored + PAGE - TRAILER, page);
    if (is_bad) return SQLITE_IOERR_DATA;
    memset(page + PAGE - TRAILER, 0, TRAILER);
    return SQLITE_OK;
}

static int read_database(sqlite3_file *base, void *out, int count, sqlite3_int64 offset) {
    sealed_file *file = (sealed_file *)base;
    sqlite3_int64 start = offset - offset % PAGE;
    if (count < 0 || offset < 0 || offset + count > start + PAGE) return SQLITE_IOERR_READ;
    int is_whole = offset == start && count == PAGE;
    int code = read_page(file, is_whole ? out : file->page, start);
    if (code == SQLITE_OK) {
        if (!is_whole) memcpy(out, file->page + (offset - start), (size_t)count);
        return SQLITE_OK;
    }
    memset(out, 0, (size_t)count);
    if (code != SQLITE_IOERR_DATA) return code;
    // A look at the header, before SQLite has seen whether the log has the first page: after a power
    // cut within a checkpoint only that one is whole. It takes no header for a new file's, and reads the
    // page again when it knows.
    if (start == 0 && offset + count <= 100) return SQLITE_IOERR_SHORT_READ;
    file->codec->fault(file->codec->context, CSEALED_ROLE_PAGE, (uint64_t)(start / PAGE) + 1);
    return SQLITE_IOERR_DATA;
}

static int write_database(sqlite3_file *base, const void *bytes, int count, sqlite3_int64 offset) {
    sealed_file *file = (sealed_file *)base;
    if (count != PAGE || offset % PAGE != 0) return SQLITE_IOERR_WRITE;
    // Byte 20 of the header: the reserved bytes of each page. With fewer, content would lie there.
    if (offset == 0 && ((const unsigned char *)bytes)[20] != TRAILER) return SQLITE_IOERR_WRITE;
    const csealed_codec *codec = file->codec;
    codec->seal(codec->context, CSEALED_ROLE_PAGE, (uint64_t)(offset / PAGE) + 1, bytes,
                PAGE - TRAILER, file->stored, file->stored + PAGE - TRAILER);
    return CALL(file, xWrite, file->stored, PAGE, offset);
}

static int map_shared(sqlite3_file *file, int region, int size, int extend, void volatile **out) {
    return CALL((sealed_file *)file, xShmMap, region, size, extend, out);
}

// Whoever reads the log anew holds the recovery lock while it does.
static int lock_shared(sqlite3_file *base, int offset, int count, int flags) {
    sealed_file *file = (sealed_file *)base;
    int code = CALL(file, xShmLock, offset, count, flags);
    if (code == SQLITE_OK && offset <= RECOVER_LOCK && RECOVER_LOCK < offset + count) {
        file->recovering = (flags & SQLITE_SHM_LOCK) && (flags & SQLITE_SHM_EXCLUSIVE);
    }
    return code;
}

static void barrier_shared(sqlite3_file *file) {
    sealed_file *sealed = (sealed_file *)file;
    CALL(sealed, xShmBarrier);
}

static int unmap_shared(sqlite3_file *file, int delete_it) {
    return CALL((sealed_file *)file, xShmUnmap, delete_it);
}

const sqlite3_io_methods csealed_database_methods = {
    .iVersion = 2,
    .xClose = csealed_close,
    .xRead = read_database,
    .xWrite = write_database,
    .xTruncate = csealed_truncate,
    .xSync = csealed_sync,
    .xFileSize = csealed_size,
    .xLock = csealed_lock,
    .xUnlock = csealed_unlock,
    .xCheckReservedLock = csealed_is_reserved,
    .xFileControl = csealed_control,
    .xSectorSize = csealed_sector_size,
    .xDeviceCharacteristics = csealed_characteristics,
    .xShmMap = map_shared,
    .xShmLock = lock_shared,
    .xShmBarrier = barrier_shared,
    .xShmUnmap = unmap_shared,
};
