// A preload library that shifts the wall clock of a process, for tests. It adds what CLOCKSHIFT_FILE holds, a signed
// 64-bit number of nanoseconds in the machine's byte order, to CLOCK_REALTIME and what is read from it; the file is
// mapped, so that a change of it is a jump of the clock at once. Monotonic clocks, timers and file times stay true.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define VISIBLE __attribute__((visibility("default")))
static const int64_t second = 1000000000;

static const _Atomic int64_t *shift;

__attribute__((constructor)) static void map_shift(void) {
    const char *path = getenv("CLOCKSHIFT_FILE");
    if (path == NULL) return;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    // A test whose clock does not jump would prove nothing: rather none at all.
    if (file < 0) {
        perror("clockshift: cannot open CLOCKSHIFT_FILE");
        _exit(125);
    }
    void *place = mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, file, 0);
    if (place == MAP_FAILED) {
        perror("clockshift: cannot map CLOCKSHIFT_FILE");
        _exit(125);
    }
    close(file);
    shift = place;
}

static int64_t shift_now(void) {
    return shift == NULL ? 0 : atomic_load_explicit(shift, memory_order_relaxed);
}

static void add(struct timespec *time, int64_t nanoseconds) {
    int64_t sum = (int64_t)time->tv_sec * second + time->tv_nsec + nanoseconds;
    // Before 1970 nothing is asked.
    if (sum < 0) sum = 0;
    time->tv_sec = (time_t)(sum / second);
    time->tv_nsec = (long)(sum % second);
}

VISIBLE int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*_Atomic real)(clockid_t, struct timespec *);
    int (*function)(clockid_t, struct timespec *) = atomic_load_explicit(&real, memory_order_relaxed);
    if (function == NULL) {
        function = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
        atomic_store_explicit(&real, function, memory_order_relaxed);
    }
    int result = function(clock, time);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) add(time, shift_now());
    return result;
}

VISIBLE int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

VISIBLE time_t time(time_t *place) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
    if (place != NULL) *place = now.tv_sec;
    return now.tv_sec;
}
