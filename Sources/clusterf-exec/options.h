// What clusterf-exec was asked to do.

#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// Directories of one kind that may be named: a worker needs a handful.
enum { DIRECTORIES_MAX = 32 };

struct options {
    pid_t parent;             // 0: whoever is
    int64_t nofile;           // -1: as inherited
    int64_t core;             // -1: as inherited
    int64_t address_space;    // -1: as inherited
    int64_t oom_adjust;       // INT64_MIN: as inherited
    int listen_count;
    bool landlock;
    bool landlock_names;      // what name resolution reads stays readable
    bool deny_inet;
    const char *read_write[DIRECTORIES_MAX];
    int read_write_count;
    const char *read_only[DIRECTORIES_MAX];
    int read_only_count;
    char **program;           // argv of what is executed
};

// Reads the arguments; says what is wrong and exits with 64 where something is.
void options_parse(int argc, char **argv, struct options *options);

// Restricts this process and its children to the directories of the options, the program and what
// a dynamic linker reads. Warns and goes on where the kernel cannot; exits with 126 where it could.
void sandbox_files(const struct options *options);

// Lets socket() fail with EACCES for the Internet, packet and netlink families. Exits with 126
// where the kernel refuses.
void sandbox_sockets(void);

// Says `what` with the errno on stderr and exits.
_Noreturn void fail(int status, const char *what, const char *which);

#endif
