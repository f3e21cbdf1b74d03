// Landlock for files, seccomp for sockets. Both bind this thread and everything it executes.
#define _GNU_SOURCE
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Rights that the headers of the oldest supported system lack, by the ABI that brought them.
#define ACCESS_TRUNCATE (1ULL << 14)   // ABI 3
#define ACCESS_IOCTL_DEV (1ULL << 15)  // ABI 5

#define RIGHTS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RIGHTS_EXECUTE (LANDLOCK_ACCESS_FS_EXECUTE | RIGHTS_READ)
#define RIGHTS_WRITE                                                                          \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR                            \
        | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR                        \
        | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK                          \
        | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM)
// Never allowed anywhere, so only handled.
#define RIGHTS_DEVICES (LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK)
// All that can be said of a file; the others are about directories.
#define RIGHTS_OF_FILES                                                                       \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE \
        | ACCESS_TRUNCATE | ACCESS_IOCTL_DEV)

struct ruleset {
    int descriptor;
    uint64_t handled;
};

static uint64_t handled_rights(long abi) {
    uint64_t rights = RIGHTS_EXECUTE | RIGHTS_WRITE | RIGHTS_DEVICES;
    if (abi >= 2) rights |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3) rights |= ACCESS_TRUNCATE;
    if (abi >= 5) rights |= ACCESS_IOCTL_DEV;
    return rights;
}

static void allow(const struct ruleset *rules, const char *path, uint64_t rights, bool required) {
    int place = open(path, O_PATH | O_CLOEXEC);
    if (place < 0) {
        if (required) fail(126, "landlock: cannot open", path);
        return;
    }
    struct stat status;
    if (fstat(place, &status) < 0) fail(126, "landlock: cannot stat", path);
    if (!S_ISDIR(status.st_mode)) rights &= RIGHTS_OF_FILES;
    struct landlock_path_beneath_attr rule = {
        .allowed_access = rights & rules->handled,
        .parent_fd = place,
    };
    if (syscall(SYS_landlock_add_rule, rules->descriptor, LANDLOCK_RULE_PATH_BENEATH, &rule, 0)) {
        fail(126, "landlock: cannot allow", path);
    }
    close(place);
}

// The program's own directory: its libraries lie there, and its siblings that it executes.
static void allow_directory_of(const struct ruleset *rules, const char *program) {
    char real[PATH_MAX];
    if (realpath(program, real) == NULL) fail(errno == ENOENT ? 127 : 126, "cannot find", program);
    char *slash = strrchr(real, '/');
    if (slash == real) slash++;
    *slash = 0;
    allow(rules, real, RIGHTS_EXECUTE, true);
}

void sandbox_files(const struct options *options) {
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) {
        fprintf(stderr, "warning this kernel has no Landlock: files are not fenced error=%s\n",
            strerror(errno));
        return;
    }
    struct ruleset rules = {.handled = handled_rights(abi)};
    struct landlock_ruleset_attr attributes = {.handled_access_fs = rules.handled};
    rules.descriptor = (int)syscall(
        SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    if (rules.descriptor < 0) fail(126, "landlock: cannot make rules", NULL);

    // What the dynamic linker and the run-time libraries read.
    static const char *const system[] = {"/usr", "/lib", "/lib64", "/etc/ld.so.cache"};
    for (size_t i = 0; i < sizeof system / sizeof *system; i++) {
        allow(&rules, system[i], RIGHTS_EXECUTE, false);
    }
    allow(&rules, "/dev/null", RIGHTS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE, false);
    allow(&rules, "/dev/urandom", RIGHTS_READ, false);
    allow_directory_of(&rules, options->program[0]);
    if (options->landlock_names) {
        // What getaddrinfo(3) reads; each is missing on some machine.
        static const char *const names[] = {
            "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/gai.conf",
            "/etc/host.conf", "/etc/services",
        };
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            allow(&rules, names[i], RIGHTS_READ, false);
        }
    }
    for (int i = 0; i < options->read_only_count; i++) {
        allow(&rules, options->read_only[i], RIGHTS_READ, true);
    }
    uint64_t everything = RIGHTS_READ | RIGHTS_WRITE | LANDLOCK_ACCESS_FS_REFER | ACCESS_TRUNCATE;
    for (int i = 0; i < options->read_write_count; i++) {
        allow(&rules, options->read_write[i], everything, true);
    }
    if (syscall(SYS_landlock_restrict_self, rules.descriptor, 0)) {
        fail(126, "landlock: cannot restrict", NULL);
    }
    close(rules.descriptor);
}

#if defined(__x86_64__)
#define THIS_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "the seccomp filter knows x86_64 and aarch64"
#endif

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define JUMP_IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define JUMP_IF_AT_LEAST(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, value, yes, no)
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, action)
#define DENY RETURN(SECCOMP_RET_ERRNO | EACCES)
// The 32-bit calls of x86_64 (x32) have this bit; they would reach the same sockets.
#define X32_BIT 0x40000000u

void sandbox_sockets(void) {
    struct sock_filter filter[] = {
        LOAD(arch),
        // Another architecture's calls (32-bit programs) have other numbers: refused altogether.
        JUMP_IF_EQUAL(THIS_ARCHITECTURE, 1, 0),
        RETURN(SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
#if defined(__x86_64__)
        JUMP_IF_AT_LEAST(X32_BIT, 0, 1),
        DENY,
#endif
        // io_uring makes sockets without a system call.
        JUMP_IF_EQUAL(SYS_io_uring_setup, 0, 1),
        DENY,
        JUMP_IF_EQUAL(SYS_socket, 1, 0),
        RETURN(SECCOMP_RET_ALLOW),
        LOAD(args[0]),
        JUMP_IF_EQUAL(AF_INET, 4, 0),
        JUMP_IF_EQUAL(AF_INET6, 3, 0),
        JUMP_IF_EQUAL(AF_PACKET, 2, 0),
        JUMP_IF_EQUAL(AF_NETLINK, 1, 0),
        RETURN(SECCOMP_RET_ALLOW),
        DENY,
    };
    struct sock_fprog program = {
        .len = sizeof filter / sizeof *filter,
        .filter = filter,
    };
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0) {
        fail(126, "cannot deny sockets (seccomp)", NULL);
    }
}
