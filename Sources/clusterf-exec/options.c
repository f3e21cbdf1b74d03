#define _GNU_SOURCE
#include "options.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static const char usage[] =
    "usage: clusterf-exec [OPTIONS] -- PROGRAM [ARGUMENTS]\n"
    "Executes PROGRAM as a child that is limited, sandboxed and ends with its parent.\n"
    "  --parent PID         end if the parent is not (or no longer) this process\n"
    "  --nofile N           limit of open descriptors\n"
    "  --core N             limit of a core file, in bytes\n"
    "  --address-space N    limit of the address space, in bytes\n"
    "  --oom-adjust N       -1000 to 1000, added to the score for the out-of-memory killer\n"
    "  --listen-fds N       keep descriptors 3 to 2+N and set LISTEN_PID; all others are closed\n"
    "  --landlock           no file access but what a program needs to start and what follows\n"
    "  --landlock-names     allow reading what resolves host names (implies --landlock)\n"
    "  --landlock-rw DIR    allow reading and writing below DIR (implies --landlock)\n"
    "  --landlock-ro DIR    allow reading below DIR (implies --landlock)\n"
    "  --deny-inet          no sockets but Unix ones\n";

static _Noreturn void misused(const char *what, const char *which) {
    fprintf(stderr, "error clusterf-exec: %s%s%s\n%s", what, which ? " " : "", which ? which : "", usage);
    exit(EX_USAGE);
}

static int64_t number(const char *option, const char *text, int64_t min, int64_t max) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || *text == 0 || *end != 0 || value < min || value > max) {
        misused("not a number in range:", option);
    }
    return value;
}

static void add_directory(const char **list, int *count, const char *option, const char *path) {
    if (*count == DIRECTORIES_MAX) misused("too often:", option);
    if (path[0] != '/') misused("not an absolute path:", path);
    list[(*count)++] = path;
}

// Takes an option that has a value; false where it is none of them.
static bool take_valued(struct options *options, const char *option, const char *value) {
    if (strcmp(option, "--parent") == 0) {
        options->parent = (pid_t)number(option, value, 1, INT_MAX);
    } else if (strcmp(option, "--nofile") == 0) {
        options->nofile = number(option, value, 3, INT_MAX);
    } else if (strcmp(option, "--core") == 0) {
        options->core = number(option, value, 0, INT64_MAX);
    } else if (strcmp(option, "--address-space") == 0) {
        options->address_space = number(option, value, 1, INT64_MAX);
    } else if (strcmp(option, "--oom-adjust") == 0) {
        options->oom_adjust = number(option, value, -1000, 1000);
    } else if (strcmp(option, "--listen-fds") == 0) {
        options->listen_count = (int)number(option, value, 0, 1024);
    } else if (strcmp(option, "--landlock-rw") == 0) {
        add_directory(options->read_write, &options->read_write_count, option, value);
        options->landlock = true;
    } else if (strcmp(option, "--landlock-ro") == 0) {
        add_directory(options->read_only, &options->read_only_count, option, value);
        options->landlock = true;
    } else {
        return false;
    }
    return true;
}

void options_parse(int argc, char **argv, struct options *options) {
    memset(options, 0, sizeof *options);
    options->nofile = options->core = options->address_space = -1;
    options->oom_adjust = INT64_MIN;
    for (int i = 1; i < argc; i++) {
        const char *option = argv[i];
        if (strcmp(option, "--") == 0) {
            options->program = argv + i + 1;
            break;
        } else if (strcmp(option, "--help") == 0) {
            fputs(usage, stdout);
            exit(EX_OK);
        } else if (strcmp(option, "--landlock") == 0) {
            options->landlock = true;
        } else if (strcmp(option, "--landlock-names") == 0) {
            options->landlock = options->landlock_names = true;
        } else if (strcmp(option, "--deny-inet") == 0) {
            options->deny_inet = true;
        } else if (strncmp(option, "--", 2) != 0) {
            misused("-- must stand before the program:", option);
        } else if (i + 1 == argc || strcmp(argv[i + 1], "--") == 0) {
            misused("no value, or no such option:", option);
        } else if (!take_valued(options, option, argv[i + 1])) {
            misused("no such option:", option);
        } else {
            i++;
        }
    }
    if (options->program == NULL || options->program[0] == NULL) misused("no program", NULL);
    if (strchr(options->program[0], '/') == NULL) misused("not a path:", options->program[0]);
}

void fail(int status, const char *what, const char *which) {
    int code = errno;
    fprintf(stderr, "error clusterf-exec: %s%s%s: %s\n", what, which ? " " : "", which ? which : "",
        strerror(code));
    exit(status);
}
