// Files of SQLite whose pages are sealed: a VFS (sqlite.org/vfs.html) above SQLite's own for Unix.
//
// What SQLite sees is a database of 4096 byte pages with CSEALED_TRAILER reserved bytes each, and its
// write-ahead log. What lies on the disk:
//
//   database   each page: 4096 - 44 sealed bytes, the trailer where SQLite has its reserved bytes
//   log        the header of 32 bytes as SQLite wrote it (sizes, salts and their checksum), then frames:
//              header 24 sealed, trailer 44, page 4096 sealed, trailer 44
//   journal    only its header of 512 bytes, which holds counts; a database in WAL mode writes no more
//   temporary  in memory, never on the disk

#ifndef CSEALEDFILES_H
#define CSEALEDFILES_H

#include <stdint.h>

enum {
    CSEALED_PAGE_SIZE = 4096,
    // Bytes that stand with each sealed record.
    CSEALED_TRAILER = 44,
    // Bytes of a temporary file, all of them in memory: a statement's journal is of one transaction.
    CSEALED_TEMPORARY_MAX = 256 << 20,
};

// What a record is. Its number counts from 1 for pages and from 0 for frames.
enum {
    CSEALED_ROLE_PAGE = 1,
    CSEALED_ROLE_FRAME_HEADER = 2,
    CSEALED_ROLE_FRAME = 3,
};

// How records are sealed. Called on the threads of the connections, several at a time.
typedef struct {
    void *context;
    // Seals `count` bytes at `plain` into `sealed`, and writes CSEALED_TRAILER bytes to `trailer`.
    void (*seal)(void *context, int role, uint64_t number, const void *plain, int count, void *sealed,
                 void *trailer);
    // Opens into `plain`. 0 where it is authentic.
    int (*open)(void *context, int role, uint64_t number, const void *sealed, int count,
                const void *trailer, void *plain);
    // A record that has to be good is not. SQLite gets SQLITE_IOERR_DATA afterwards.
    void (*fault)(void *context, int role, uint64_t number);
} csealed_codec;

// Makes a VFS of this name, which stays until the process ends; `codec` is copied. Returns an SQLite
// result code.
int csealed_register(const char *name, const csealed_codec *codec);

#endif
