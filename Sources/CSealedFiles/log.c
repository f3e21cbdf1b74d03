// The write-ahead log: SQLite's frames, each in two sealed records. Offsets that SQLite names are
// translated into those on the disk.

#include "files.h"

#include <string.h>

#define CALL(file, method, ...) \
    csealed_inner(file)->pMethods->method(csealed_inner(file), ##__VA_ARGS__)

// Where a frame lies on the disk.
static sqlite3_int64 stored_offset(sqlite3_int64 frame) {
    return LOG_HEADER + frame * (sqlite3_int64)STORED_FRAME;
}

static int read_record(sealed_file *file, int role, sqlite3_int64 frame, unsigned char *out) {
    int is_header = role == CSEALED_ROLE_FRAME_HEADER;
    int count = is_header ? FRAME_HEADER : PAGE;
    sqlite3_int64 offset = stored_offset(frame) + (is_header ? 0 : STORED_FRAME_HEADER);
    int code = CALL(file, xRead, file->stored, count + TRAILER, offset);
    if (code != SQLITE_OK) return code;
    const csealed_codec *codec = file->codec;
    int is_bad = codec->open(codec->context, role, (uint64_t)frame, file->stored, count,
                             file->stored + count, out);
    return is_bad ? SQLITE_IOERR_DATA : SQLITE_OK;
}

// A frame that a power cut tore, or one of an earlier round of the log that was half overwritten, does
// not open. While the log is read anew that is where it ends, as a wrong checksum is in SQLite's own
// log: zeros are no frame (page number 0). Later on every frame that is asked for is a committed one.
static int not_authentic(sealed_file *file, int role, sqlite3_int64 frame) {
    if (file->database != NULL && file->database->recovering) return SQLITE_OK;
    file->codec->fault(file->codec->context, role, (uint64_t)frame);
    return SQLITE_IOERR_DATA;
}

static int read_log(sqlite3_file *base, void *out, int count, sqlite3_int64 offset) {
    sealed_file *file = (sealed_file *)base;
    if (offset < LOG_HEADER) {
        if (offset < 0 || offset + count > LOG_HEADER) return SQLITE_IOERR_READ;
        return CALL(file, xRead, out, count, offset);
    }
    sqlite3_int64 frame = (offset - LOG_HEADER) / FRAME;
    sqlite3_int64 within = (offset - LOG_HEADER) % FRAME;
    if (count > 0 && within + count <= FRAME_HEADER) {
        // Of the header before a frame that is written anew, SQLite wants the checksum alone.
        unsigned char header[FRAME_HEADER];
        int failure = read_record(file, CSEALED_ROLE_FRAME_HEADER, frame, header);
        memset(out, 0, (size_t)count);
        if (failure == SQLITE_OK) memcpy(out, header + within, (size_t)count);
        return failure == SQLITE_IOERR_DATA
                   ? not_authentic(file, CSEALED_ROLE_FRAME_HEADER, frame)
                   : failure;
    }
    int wants_header = within == 0 && count == FRAME;
    int wants_page = count == (within == 0 ? FRAME : PAGE) && (within == 0 || within == FRAME_HEADER);
    if (!wants_header && !wants_page) return SQLITE_IOERR_READ;
    unsigned char *bytes = out;
    int role = CSEALED_ROLE_FRAME_HEADER;
    int code = SQLITE_OK;
    if (wants_header) code = read_record(file, role, frame, bytes);
    if (code == SQLITE_OK && wants_page) {
        role = CSEALED_ROLE_FRAME;
        code = read_record(file, role, frame, bytes + (wants_header ? FRAME_HEADER : 0));
    }
    if (code == SQLITE_OK) return SQLITE_OK;
    memset(out, 0, (size_t)count);
    return code == SQLITE_IOERR_DATA ? not_authentic(file, role, frame) : code;
}

static int write_log(sqlite3_file *base, const void *bytes, int count, sqlite3_int64 offset) {
    sealed_file *file = (sealed_file *)base;
    if (offset < LOG_HEADER) {
        // Sizes, salts and their checksum.
        if (offset != 0 || count != LOG_HEADER) return SQLITE_IOERR_WRITE;
        return CALL(file, xWrite, bytes, count, offset);
    }
    sqlite3_int64 frame = (offset - LOG_HEADER) / FRAME;
    sqlite3_int64 within = (offset - LOG_HEADER) % FRAME;
    int is_header = within == 0;
    // SQLite writes the header of a frame and its page one after the other.
    if (is_header ? count != FRAME_HEADER : within != FRAME_HEADER || count != PAGE) {
        return SQLITE_IOERR_WRITE;
    }
    const csealed_codec *codec = file->codec;
    codec->seal(codec->context, is_header ? CSEALED_ROLE_FRAME_HEADER : CSEALED_ROLE_FRAME,
                (uint64_t)frame, bytes, count, file->stored, file->stored + count);
    return CALL(file, xWrite, file->stored, count + TRAILER,
                stored_offset(frame) + (is_header ? 0 : STORED_FRAME_HEADER));
}

static int truncate_log(sqlite3_file *base, sqlite3_int64 size) {
    sealed_file *file = (sealed_file *)base;
    if (size <= LOG_HEADER) return CALL(file, xTruncate, size);
    if ((size - LOG_HEADER) % FRAME != 0) return SQLITE_IOERR_TRUNCATE;
    return CALL(file, xTruncate, stored_offset((size - LOG_HEADER) / FRAME));
}

// Whole frames alone: SQLite ignores a part of one as well.
static int log_size(sqlite3_file *base, sqlite3_int64 *size) {
    sealed_file *file = (sealed_file *)base;
    sqlite3_int64 stored = 0;
    int code = CALL(file, xFileSize, &stored);
    if (code != SQLITE_OK) return code;
    *size = stored <= LOG_HEADER
                ? stored
                : LOG_HEADER + (stored - LOG_HEADER) / STORED_FRAME * (sqlite3_int64)FRAME;
    return SQLITE_OK;
}

const sqlite3_io_methods csealed_log_methods = {
    .iVersion = 1,
    .xClose = csealed_close,
    .xRead = read_log,
    .xWrite = write_log,
    .xTruncate = truncate_log,
    .xSync = csealed_sync,
    .xFileSize = log_size,
    .xLock = csealed_lock,
    .xUnlock = csealed_unlock,
    .xCheckReservedLock = csealed_is_reserved,
    .xFileControl = csealed_control,
    .xSectorSize = csealed_sector_size,
    .xDeviceCharacteristics = csealed_characteristics,
};
