// clusterf-exec - executes a program as a limited, sandboxed child that ends with its parent.
//
// libuv's spawn has no hook between fork and exec, so what must happen there happens here: the
// parent-death signal, limits, LISTEN_PID, sandbox, stray descriptors. Every child of clusterf
// starts through this program. Exit status: 64 for bad usage, 127 where the program does not
// exist, 126 where anything else fails, as a shell does.
#define _GNU_SOURCE
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

// The kernel sends SIGKILL when the parent's *thread* ends. A parent that was gone before the
// request was made is seen by its pid.
static void end_with_parent(pid_t parent) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) fail(126, "cannot set the parent-death signal", NULL);
    if (parent != 0 && getppid() != parent) {
        fprintf(stderr, "error clusterf-exec: the parent %d is gone\n", (int)parent);
        exit(126);
    }
}

static void limit(enum __rlimit_resource resource, const char *name, int64_t value) {
    if (value < 0) return;
    struct rlimit wanted = {.rlim_cur = (rlim_t)value, .rlim_max = (rlim_t)value};
    struct rlimit now;
    // What the system does not allow to exceed is taken as far as it goes.
    if (getrlimit(resource, &now) == 0 && now.rlim_max < wanted.rlim_max) {
        wanted.rlim_cur = wanted.rlim_max = now.rlim_max;
    }
    if (setrlimit(resource, &wanted) < 0) fail(126, "cannot set the limit of", name);
}

// Best effort: lowering one's score needs a privilege.
static void adjust_oom(int64_t value) {
    if (value == INT64_MIN) return;
    char text[32];
    int length = snprintf(text, sizeof text, "%lld", (long long)value);
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file < 0 || write(file, text, (size_t)length) != length) {
        fprintf(stderr, "warning cannot set oom_score_adj value=%s\n", text);
    }
    if (file >= 0) close(file);
}

// Ignored signals and the mask outlive exec, and the parent has its own.
static void reset_signals(void) {
    for (int number = 1; number < NSIG; number++) {
        if (number != SIGKILL && number != SIGSTOP) signal(number, SIG_DFL);
    }
    sigset_t none;
    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) < 0) fail(126, "cannot reset the signal mask", NULL);
}

// A group of its own: Ctrl-C at a terminal reaches the parent alone, which ends its children in
// order. Only a process that leads a session already refuses, and that one has its own.
static void leave_group(void) {
    if (setpgid(0, 0) < 0 && errno != EPERM) fail(126, "cannot leave the process group", NULL);
}

static void set_listen_pid(int count) {
    if (count == 0) {
        // What this process was handed is not its child's.
        unsetenv("LISTEN_PID");
        unsetenv("LISTEN_FDS");
        unsetenv("LISTEN_FDNAMES");
        return;
    }
    char text[16];
    snprintf(text, sizeof text, "%d", (int)getpid());
    if (setenv("LISTEN_PID", text, 1) < 0) fail(126, "cannot set", "LISTEN_PID");
    snprintf(text, sizeof text, "%d", count);
    if (setenv("LISTEN_FDS", text, 1) < 0) fail(126, "cannot set", "LISTEN_FDS");
    for (int i = 3; i < 3 + count; i++) {
        if (fcntl(i, F_SETFD, 0) < 0) fail(126, "a descriptor of --listen-fds is", "not open");
    }
}

static void close_strays(int first) {
    if (syscall(SYS_close_range, (unsigned)first, ~0u, 0) < 0) {
        fail(126, "cannot close stray descriptors", NULL);
    }
}

int main(int argc, char **argv) {
    struct options options;
    options_parse(argc, argv, &options);
    end_with_parent(options.parent);
    leave_group();
    reset_signals();
    close_strays(3 + options.listen_count);
    set_listen_pid(options.listen_count);
    adjust_oom(options.oom_adjust);
    limit(RLIMIT_NOFILE, "descriptors", options.nofile);
    limit(RLIMIT_CORE, "core", options.core);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail(126, "cannot set no_new_privs", NULL);
    if (options.landlock) sandbox_files(&options);
    if (options.deny_inet) sandbox_sockets();
    // Last: what is done here needs memory too.
    limit(RLIMIT_AS, "address space", options.address_space);
    execv(options.program[0], options.program);
    fail(errno == ENOENT ? 127 : 126, "cannot execute", options.program[0]);
}
