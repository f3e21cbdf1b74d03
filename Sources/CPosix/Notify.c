// Notifications of readiness (sd_notify(3)), on the side that listens.
#define _GNU_SOURCE
#include "CPosix.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int listen_at(int socket, char *name, size_t capacity) {
    int on = 1;
    if (setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0) return -errno;
    struct sockaddr_un address;
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    // An address that is nothing but its family: the kernel finds a free abstract name.
    if (bind(socket, (struct sockaddr *)&address, sizeof address.sun_family) < 0) return -errno;
    socklen_t length = sizeof address;
    if (getsockname(socket, (struct sockaddr *)&address, &length) < 0) return -errno;
    size_t count = length - offsetof(struct sockaddr_un, sun_path);
    if (count < 2 || count >= capacity) return -ENAMETOOLONG;
    memcpy(name, address.sun_path, count);
    name[0] = '@';
    name[count] = 0;
    return 0;
}

int cposix_notify_listen(char *name, size_t capacity) {
    int made = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made < 0) return -errno;
    int failure = listen_at(made, name, capacity);
    if (failure < 0) {
        close(made);
        return failure;
    }
    return made;
}

// Descriptors that a datagram brought are nobody's business here.
static void close_rights(const struct cmsghdr *header) {
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
        int descriptor;
        memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
        close(descriptor);
    }
}

ssize_t cposix_notify_receive(int socket, void *bytes, size_t capacity, pid_t *sender) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int) * 8)];
    } control;
    struct iovec run = {.iov_base = bytes, .iov_len = capacity};
    struct msghdr message = {
        .msg_iov = &run,
        .msg_iovlen = 1,
        .msg_control = control.space,
        .msg_controllen = sizeof control.space,
    };
    *sender = 0;
    ssize_t received;
    do {
        received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (received < 0 && errno == EINTR);
    if (received < 0) return -errno;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    for (; header != NULL; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET) continue;
        if (header->cmsg_type == SCM_RIGHTS) close_rights(header);
        if (header->cmsg_type == SCM_CREDENTIALS) {
            struct ucred credentials;
            memcpy(&credentials, CMSG_DATA(header), sizeof credentials);
            *sender = credentials.pid;
        }
    }
    return message.msg_flags & MSG_TRUNC ? -EMSGSIZE : received;
}
