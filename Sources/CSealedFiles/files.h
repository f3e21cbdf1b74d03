// What the parts of the VFS share.

#ifndef CSEALEDFILES_FILES_H
#define CSEALEDFILES_FILES_H

#include "CSealedFiles.h"

#include <sqlite3.h>

enum {
    PAGE = CSEALED_PAGE_SIZE,
    TRAILER = CSEALED_TRAILER,
    // Of SQLite's write-ahead log (sqlite.org/fileformat2.html, section 4).
    LOG_HEADER = 32,
    FRAME_HEADER = 24,
    // A frame as SQLite sees it, and as it lies on the disk.
    FRAME = FRAME_HEADER + PAGE,
    STORED_FRAME_HEADER = FRAME_HEADER + TRAILER,
    STORED_FRAME = STORED_FRAME_HEADER + PAGE + TRAILER,
    // A rollback journal's header: its sector, which is the smallest one where a write cannot damage
    // what is beside it (SQLITE_IOCAP_POWERSAFE_OVERWRITE).
    JOURNAL_HEADER = 512,
    // The slot of the shared memory's locks that whoever reads the log anew holds (wal.c).
    RECOVER_LOCK = 2,
};

typedef struct {
    sqlite3_vfs base;
    sqlite3_vfs *below;
    csealed_codec codec;
} sealed_vfs;

// An open file; SQLite's own for Unix lies behind it in memory. Used by one thread at a time, as its
// connection is.
typedef struct sealed_file {
    sqlite3_file base;
    const csealed_codec *codec;
    // Of a log: its database.
    struct sealed_file *database;
    // Of a database: its connection is reading the log anew, up to where it is whole.
    int recovering;
    // Of a temporary file: all of it.
    unsigned char *bytes;
    sqlite3_int64 count;
    sqlite3_int64 capacity;
    // A record as it lies on the disk.
    unsigned char stored[PAGE + TRAILER];
    // A page of which a part was asked for.
    unsigned char page[PAGE];
    // The inner file is aligned as the structure is.
    sqlite3_int64 end[0];
} sealed_file;

static inline sqlite3_file *csealed_inner(sealed_file *file) { return (sqlite3_file *)file->end; }

extern const sqlite3_io_methods csealed_database_methods;
extern const sqlite3_io_methods csealed_log_methods;
extern const sqlite3_io_methods csealed_journal_methods;

void csealed_temporary_init(sealed_file *file);

// What all files on the disk do as SQLite's own do it.
int csealed_close(sqlite3_file *file);
int csealed_truncate(sqlite3_file *file, sqlite3_int64 size);
int csealed_sync(sqlite3_file *file, int flags);
int csealed_size(sqlite3_file *file, sqlite3_int64 *size);
int csealed_lock(sqlite3_file *file, int level);
int csealed_unlock(sqlite3_file *file, int level);
int csealed_is_reserved(sqlite3_file *file, int *result);
int csealed_control(sqlite3_file *file, int operation, void *argument);
int csealed_sector_size(sqlite3_file *file);
int csealed_characteristics(sqlite3_file *file);

#endif
