// Errors, sockets, descriptors. The calls on files are in Files.c.
#define _GNU_SOURCE
#include "CPosix.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

// A message is expected to bring one descriptor. Room for a few lets us see and close the rest.
enum { DESCRIPTORS_SEEN_MAX = 8 };

const char *cposix_error_text(int code) {
    const char *text = strerrordesc_np(code);
    return text ? text : "Unknown error";
}

const char *cposix_error_name(int code) {
    const char *name = strerrorname_np(code);
    return name ? name : "?";
}

ssize_t cposix_send_descriptor(int socket, int descriptor, const void *bytes, size_t count) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct iovec run = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &run, .msg_iovlen = 1};
    if (descriptor != -1) {
        message.msg_control = control.space;
        message.msg_controllen = sizeof control.space;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    }
    ssize_t sent;
    do {
        sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

ssize_t cposix_receive_descriptor(int socket, void *bytes, size_t capacity, int *descriptor) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * DESCRIPTORS_SEEN_MAX)];
    } control;
    struct iovec run = {.iov_base = bytes, .iov_len = capacity};
    struct msghdr message = {
        .msg_iov = &run,
        .msg_iovlen = 1,
        .msg_control = control.space,
        .msg_controllen = sizeof control.space,
    };
    *descriptor = -1;
    ssize_t received;
    do {
        received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (received < 0 && errno == EINTR);
    if (received < 0) return -errno;

    int found[DESCRIPTORS_SEEN_MAX];
    size_t found_count = 0;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    for (; header != NULL; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count && found_count < DESCRIPTORS_SEEN_MAX; i++) {
            memcpy(&found[found_count++], CMSG_DATA(header) + i * sizeof(int), sizeof(int));
        }
    }
    int error = 0;
    if (message.msg_flags & MSG_TRUNC) error = EMSGSIZE;
    if (found_count > 1 || (message.msg_flags & MSG_CTRUNC)) error = ETOOMANYREFS;
    if (error != 0) {
        for (size_t i = 0; i < found_count; i++) close(found[i]);
        return -error;
    }
    if (found_count == 1) *descriptor = found[0];
    return received;
}

int cposix_peer_pid(int socket) {
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0) return -errno;
    return credentials.pid;
}

// Fills `address` with `path`, or with its name below the directory opened into `*directory`
// where it is too long for an address.
static int make_address(const char *path, struct sockaddr_un *address, int *directory) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    *directory = -1;
    size_t length = strlen(path);
    if (length == 0) return -ENOENT;
    if (length < sizeof address->sun_path) {
        memcpy(address->sun_path, path, length + 1);
        return 0;
    }
    const char *slash = strrchr(path, '/');
    if (slash == NULL || length >= 4096) return -ENAMETOOLONG;
    char parent[4096];
    memcpy(parent, path, (size_t)(slash - path));
    parent[slash - path] = 0;
    *directory = open(slash == path ? "/" : parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*directory < 0) return -errno;
    int written = snprintf(
        address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d%s", *directory, slash);
    if (written < 0 || (size_t)written >= sizeof address->sun_path) {
        close(*directory);
        *directory = -1;
        return -ENAMETOOLONG;
    }
    return 0;
}

static int make_socket(int stream) {
    int type = stream ? SOCK_STREAM : SOCK_SEQPACKET;
    int made = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return made < 0 ? -errno : made;
}

static int bind_and_listen(int made, struct sockaddr_un *address, int backlog, mode_t mode) {
    struct stat there;
    if (lstat(address->sun_path, &there) == 0) {
        if (!S_ISSOCK(there.st_mode)) return -EADDRINUSE;
        if (unlink(address->sun_path) < 0 && errno != ENOENT) return -errno;
    }
    // Before bind: the file is then never there with another mode.
    if (fchmod(made, mode) < 0) return -errno;
    if (bind(made, (struct sockaddr *)address, sizeof *address) < 0) return -errno;
    if (chmod(address->sun_path, mode) < 0) return -errno;
    if (listen(made, backlog) < 0) return -errno;
    return 0;
}

int cposix_unix_listen(const char *path, int stream, int backlog, mode_t mode) {
    struct sockaddr_un address;
    int directory;
    int result = make_address(path, &address, &directory);
    if (result < 0) return result;
    int made = make_socket(stream);
    result = made < 0 ? made : bind_and_listen(made, &address, backlog, mode);
    if (directory >= 0) close(directory);
    if (result < 0 && made >= 0) close(made);
    return result < 0 ? result : made;
}

int cposix_unix_connect(const char *path, int stream) {
    struct sockaddr_un address;
    int directory;
    int result = make_address(path, &address, &directory);
    if (result < 0) return result;
    int made = make_socket(stream);
    result = made;
    if (made >= 0 && connect(made, (struct sockaddr *)&address, sizeof address) < 0) {
        result = -errno;
        close(made);
    }
    if (directory >= 0) close(directory);
    return result;
}

int cposix_socketpair(int stream, int ends[2]) {
    int type = stream ? SOCK_STREAM : SOCK_SEQPACKET;
    return socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0 ? -errno : 0;
}

int cposix_accept(int listener) {
    int accepted;
    do {
        accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    } while (accepted < 0 && (errno == EINTR || errno == ECONNABORTED));
    return accepted < 0 ? -errno : accepted;
}

int cposix_set_nonblocking(int descriptor, int on) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0) return -errno;
    int wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    if (wanted == flags) return 0;
    return fcntl(descriptor, F_SETFL, wanted) < 0 ? -errno : 0;
}

int cposix_set_cloexec(int descriptor, int on) {
    return fcntl(descriptor, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? -errno : 0;
}

int cposix_duplicate(int descriptor) {
    int made = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    return made < 0 ? -errno : made;
}

int cposix_lease_take(int descriptor) {
    if (fcntl(descriptor, F_SETSIG, SIGURG) < 0) return -errno;
    return fcntl(descriptor, F_SETLEASE, F_RDLCK) < 0 ? -errno : 0;
}

int cposix_lease_drop(int descriptor) {
    return fcntl(descriptor, F_SETLEASE, F_UNLCK) < 0 ? -errno : 0;
}

int cposix_lock(int descriptor, int exclusive) {
    return flock(descriptor, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0 ? -errno : 0;
}

int cposix_close_from(int first) {
    return syscall(SYS_close_range, (unsigned)first, ~0u, 0) < 0 ? -errno : 0;
}

int cposix_parent_death_signal(int signal) {
    return prctl(PR_SET_PDEATHSIG, (unsigned long)signal) < 0 ? -errno : 0;
}
