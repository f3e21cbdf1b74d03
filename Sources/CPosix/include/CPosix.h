// Calls of Linux that Swift cannot make itself: control messages, variadic calls, GNU extensions.
//
// Every function returns -errno where it fails and a value >= 0 where it does not. None keeps
// state. Every descriptor made here is CLOEXEC, every socket nonblocking.

#ifndef CPOSIX_H
#define CPOSIX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// MARK: Errors

// The text of an errno, "Unknown error" for a number that is none. Static memory; never NULL.
const char *cposix_error_text(int code);

// The name of an errno as "ENOENT", "?" for a number that is none. Static memory; never NULL.
const char *cposix_error_name(int code);

// MARK: Descriptors over a socket

// Sends `count` bytes (1 or more) and, where `descriptor` is not -1, that descriptor with them.
// Never blocks (-EAGAIN) and never signals (-EPIPE). Returns the bytes sent.
ssize_t cposix_send_descriptor(int socket, int descriptor, const void *bytes, size_t count);

// Receives one message of at most `capacity` bytes and at most one descriptor, which is CLOEXEC
// and stored in `*descriptor` (-1 where none came). Never blocks (-EAGAIN). Returns the byte
// count; 0 is the end of the stream. More than one descriptor is -ETOOMANYREFS, a message cut
// short is -EMSGSIZE; in both cases every descriptor of the message has been closed.
ssize_t cposix_receive_descriptor(int socket, void *bytes, size_t capacity, int *descriptor);

// The process that connected to (or made) the other end, as the kernel noted it then.
int cposix_peer_pid(int socket);

// MARK: Unix sockets; `stream` nonzero is SOCK_STREAM, zero is SOCK_SEQPACKET

// Listens at `path`, whose mode becomes `mode`. A socket that lies there is replaced, any other
// file is -EADDRINUSE. A path longer than the kernel's 107 bytes is reached through its directory.
int cposix_unix_listen(const char *path, int stream, int backlog, mode_t mode);

// Connects to `path`. -EAGAIN is a full backlog.
int cposix_unix_connect(const char *path, int stream);

// Two connected sockets into `ends`.
int cposix_socketpair(int stream, int ends[2]);

// Accepts one connection. -EAGAIN where none waits.
int cposix_accept(int listener);

// MARK: Notifications (sd_notify(3))

// A SOCK_DGRAM socket at an abstract address that the kernel chose; what comes tells its sender.
// The address, with '@' for its first byte and a NUL at the end, into `name` of `capacity` bytes.
int cposix_notify_listen(char *name, size_t capacity);

// Receives one datagram of at most `capacity` bytes, and the process that sent it as the kernel
// says (0 where it does not). Never blocks (-EAGAIN). One cut short is -EMSGSIZE.
ssize_t cposix_notify_receive(int socket, void *bytes, size_t capacity, pid_t *sender);

// MARK: Flags and locks

// Sets or clears O_NONBLOCK.
int cposix_set_nonblocking(int descriptor, int on);

// Sets or clears FD_CLOEXEC.
int cposix_set_cloexec(int descriptor, int on);

// A duplicate that is CLOEXEC.
int cposix_duplicate(int descriptor);

// Takes a read lease: -EAGAIN while anybody has the file open for writing. Its break signal is
// SIGURG, which is ignored by default, as SIGIO would end the process.
int cposix_lease_take(int descriptor);

// Gives the lease back.
int cposix_lease_drop(int descriptor);

// flock without waiting: -EWOULDBLOCK where another holds it.
int cposix_lock(int descriptor, int exclusive);

// Closes every descriptor from `first` on.
int cposix_close_from(int first);

// Sends `signal` to this process when the thread that started it ends; 0 undoes it.
int cposix_parent_death_signal(int signal);

// MARK: Files

// openat, restarted when interrupted; O_CLOEXEC is added.
int cposix_open(int directory, const char *path, int flags, mode_t mode);

// openat2 that follows no symbolic link and never leaves `directory`; O_CLOEXEC is added.
int cposix_open_beneath(int directory, const char *path, int flags, mode_t mode);

// Names the file of `descriptor`, also an unnamed one of O_TMPFILE, `path` in `directory`.
int cposix_link_descriptor(int descriptor, int directory, const char *path);

// renameat2; `exclusive` is RENAME_NOREPLACE: -EEXIST where the new name is taken.
int cposix_rename(
    int from_directory, const char *from, int to_directory, const char *to, int exclusive);

// What fstat or fstatat tells, in fixed sizes; times in nanoseconds since 1970.
struct cposix_status {
    uint64_t device;
    uint64_t inode;
    int64_t size;
    int64_t blocks;
    int64_t modified;
    int64_t changed;
    uint32_t mode;
    uint32_t owner;
    uint32_t links;
};

// The status of an open file.
int cposix_status_of(int descriptor, struct cposix_status *status);

// The status of `path` in `directory`, of the link itself where it is one.
int cposix_status_at(int directory, const char *path, struct cposix_status *status);

// Sets the modification time in nanoseconds since 1970 and leaves the access time.
int cposix_set_modified(int descriptor, int64_t nanoseconds);

// pread that takes only what the page cache has: -EAGAIN instead of waiting for the disk.
ssize_t cposix_read_cached(int descriptor, void *bytes, size_t count, int64_t offset);

// Starts writing a range to the disk and does not wait for it.
int cposix_start_writing(int descriptor, int64_t offset, int64_t count);

// Writes a range to the disk and waits; not its metadata, so it is no fsync.
int cposix_finish_writing(int descriptor, int64_t offset, int64_t count);

// Writes the whole file system of `descriptor` to the disk.
int cposix_sync_filesystem(int descriptor);

// Bytes of the file system of `descriptor`: free for this user, and in all.
int cposix_space(int descriptor, uint64_t *available, uint64_t *total);

// posix_fadvise of the whole file. 0 will need, 1 will not need, 2 sequential.
int cposix_advise(int descriptor, int advice);

// posix_fallocate that leaves the size: reserves the blocks of the first `count` bytes.
int cposix_reserve(int descriptor, int64_t count);

// Makes a hole of `count` bytes of a file, which then read as zeros and take no space.
int cposix_punch(int descriptor, int64_t offset, int64_t count);

// A file in memory that holds `count` bytes, which nobody can change any more (memfd_create, sealed).
int cposix_sealed_memory(const void *bytes, size_t count);

// Opens the directory of `descriptor` for reading its names; the descriptor stays the caller's.
// NULL with the errno in `*error` where that fails.
void *cposix_directory_open(int descriptor, int *error);

// The next name, NULL at the end or (with `*error` nonzero) at a failure. `*kind` is DT_….
const char *cposix_directory_next(void *directory, int *kind, int *error);

// Ends the reading.
void cposix_directory_close(void *directory);

#endif
