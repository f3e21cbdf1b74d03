// Files that hold nothing to seal, or lie in memory.

#include "files.h"

#include <stdlib.h>
#include <string.h>

#define CALL(file, method, ...) \
    csealed_inner(file)->pMethods->method(csealed_inner(file), ##__VA_ARGS__)

// MARK: A rollback journal

// Written once, when a database is made, before its log is turned on: there are no pages then that
// could be rolled back, only a header with counts. Pages behind it must not be written in the clear, and
// what somebody laid there must not be put into the database: for SQLite the file ends there.
static int is_journal_header(int count, sqlite3_int64 offset) {
    return count >= 0 && offset >= 0 && offset + count <= JOURNAL_HEADER;
}

static int read_journal(sqlite3_file *file, void *out, int count, sqlite3_int64 offset) {
    if (!is_journal_header(count, offset)) {
        if (count > 0) memset(out, 0, (size_t)count);
        return SQLITE_IOERR_SHORT_READ;
    }
    return CALL((sealed_file *)file, xRead, out, count, offset);
}

static int write_journal(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
    if (!is_journal_header(count, offset)) return SQLITE_IOERR_WRITE;
    return CALL((sealed_file *)file, xWrite, bytes, count, offset);
}

static int size_journal(sqlite3_file *file, sqlite3_int64 *size) {
    int code = csealed_size(file, size);
    if (code == SQLITE_OK && *size > JOURNAL_HEADER) *size = JOURNAL_HEADER;
    return code;
}

const sqlite3_io_methods csealed_journal_methods = {
    .iVersion = 1,
    .xClose = csealed_close,
    .xRead = read_journal,
    .xWrite = write_journal,
    .xTruncate = csealed_truncate,
    .xSync = csealed_sync,
    .xFileSize = size_journal,
    .xLock = csealed_lock,
    .xUnlock = csealed_unlock,
    .xCheckReservedLock = csealed_is_reserved,
    .xFileControl = csealed_control,
    .xSectorSize = csealed_sector_size,
    .xDeviceCharacteristics = csealed_characteristics,
};

// MARK: A temporary file

static int close_temporary(sqlite3_file *base) {
    sealed_file *file = (sealed_file *)base;
    free(file->bytes);
    file->bytes = NULL;
    return SQLITE_OK;
}

static int read_temporary(sqlite3_file *base, void *out, int count, sqlite3_int64 offset) {
    sealed_file *file = (sealed_file *)base;
    sqlite3_int64 there = offset < file->count ? file->count - offset : 0;
    if (there >= count) {
        memcpy(out, file->bytes + offset, (size_t)count);
        return SQLITE_OK;
    }
    memset(out, 0, (size_t)count);
    if (there > 0) memcpy(out, file->bytes + offset, (size_t)there);
    return SQLITE_IOERR_SHORT_READ;
}

static int write_temporary(sqlite3_file *base, const void *bytes, int count, sqlite3_int64 offset) {
    sealed_file *file = (sealed_file *)base;
    sqlite3_int64 end = offset + count;
    if (end > CSEALED_TEMPORARY_MAX) return SQLITE_FULL;
    if (end > file->capacity) {
        sqlite3_int64 capacity = file->capacity < PAGE ? PAGE : file->capacity;
        while (capacity < end) capacity *= 2;
        unsigned char *grown = realloc(file->bytes, (size_t)capacity);
        if (grown == NULL) return SQLITE_IOERR_NOMEM;
        file->bytes = grown;
        file->capacity = capacity;
    }
    if (offset > file->count) memset(file->bytes + file->count, 0, (size_t)(offset - file->count));
    memcpy(file->bytes + offset, bytes, (size_t)count);
    if (end > file->count) file->count = end;
    return SQLITE_OK;
}

static int truncate_temporary(sqlite3_file *base, sqlite3_int64 size) {
    sealed_file *file = (sealed_file *)base;
    if (size < file->count) file->count = size;
    return SQLITE_OK;
}

static int size_temporary(sqlite3_file *base, sqlite3_int64 *size) {
    *size = ((sealed_file *)base)->count;
    return SQLITE_OK;
}

// Nobody else has it and it need not last.
static int sync_temporary(sqlite3_file *file, int flags) {
    (void)file;
    (void)flags;
    return SQLITE_OK;
}

static int lock_temporary(sqlite3_file *file, int level) {
    (void)file;
    (void)level;
    return SQLITE_OK;
}

static int is_reserved_temporary(sqlite3_file *file, int *result) {
    (void)file;
    *result = 0;
    return SQLITE_OK;
}

static int control_temporary(sqlite3_file *file, int operation, void *argument) {
    (void)file;
    (void)operation;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int number_temporary(sqlite3_file *file) {
    (void)file;
    return 0;
}

static const sqlite3_io_methods temporary_methods = {
    .iVersion = 1,
    .xClose = close_temporary,
    .xRead = read_temporary,
    .xWrite = write_temporary,
    .xTruncate = truncate_temporary,
    .xSync = sync_temporary,
    .xFileSize = size_temporary,
    .xLock = lock_temporary,
    .xUnlock = lock_temporary,
    .xCheckReservedLock = is_reserved_temporary,
    .xFileControl = control_temporary,
    .xSectorSize = number_temporary,
    .xDeviceCharacteristics = number_temporary,
};

void csealed_temporary_init(sealed_file *file) { file->base.pMethods = &temporary_methods; }
