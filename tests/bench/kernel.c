/* SPDX-License-Identifier: ISC */
/* Ways into the kernel and out: system calls, the clock, context switches, signals, faults. */

#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "workload.h"

/* The cheapest call that no C library answers by itself. */
static uint64_t run_getpid(void)
{
    uint64_t sum = 0;

    for (long i = 0, count = scaled(2000000); i < count; i++)
        sum += syscall(SYS_getppid) >= 0;
    return sum;
}

static uint64_t run_stat(void)
{
    struct stat status;
    uint64_t sum = 0;

    for (long i = 0, count = scaled(300000); i < count; i++)
        sum += stat("/", &status) == 0;
    return sum;
}

/* No system call: the virtual dynamic shared object reads the counter. */
static uint64_t run_clock(void)
{
    struct timespec now;
    uint64_t sum = 0;

    for (long i = 0, count = scaled(10000000); i < count; i++)
        sum += clock_gettime(CLOCK_MONOTONIC, &now) == 0;
    return sum;
}

static void echo_bytes(int from, int to, long count)
{
    char byte;

    for (long i = 0; i < count; i++) {
        if (read(from, &byte, 1) != 1 || write(to, &byte, 1) != 1)
            _exit(1);
    }
    _exit(0);
}

/* Two processes on one CPU hand a byte to and fro. */
static uint64_t run_pipe(void)
{
    int there[2], back[2];
    cpu_set_t first;
    char byte = 1;
    long count = scaled(100000), done = 0;

    if (pipe(there) || pipe(back))
        return 0;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    sched_setaffinity(0, sizeof(first), &first);
    pid_t child = fork();
    if (child == 0)
        echo_bytes(there[0], back[1], count);
    while (done < count && write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1)
        done++;
    waitpid(child, NULL, 0);
    return (uint64_t)done;
}

static volatile sig_atomic_t signals;
static volatile char *page;

static void count_signal(int number)
{
    (void)number;
    signals++;
}

static uint64_t run_signal(void)
{
    struct sigaction action = {.sa_handler = count_signal};
    pid_t self = getpid();

    signals = 0;
    sigaction(SIGUSR1, &action, NULL);
    for (long i = 0, count = scaled(300000); i < count; i++)
        syscall(SYS_tgkill, self, syscall(SYS_gettid), SIGUSR1);
    return (uint64_t)signals;
}

static void allow_write(int number, siginfo_t *information, void *context)
{
    (void)number;
    (void)information;
    (void)context;
    mprotect((void *)page, 4096, PROT_READ | PROT_WRITE);
    signals++;
}

/* What a garbage collector does: protect a page, and be told of the write. */
static uint64_t run_segv(void)
{
    struct sigaction action = {.sa_sigaction = allow_write, .sa_flags = SA_SIGINFO};

    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    signals = 0;
    sigaction(SIGSEGV, &action, NULL);
    for (long i = 0, count = scaled(50000); i < count; i++) {
        mprotect((void *)page, 4096, PROT_READ);
        page[8] = (char)i;
    }
    return (uint64_t)signals;
}

const struct workload kernel_workloads[] = {
    {"getpid", run_getpid}, {"stat", run_stat}, {"clock", run_clock}, {"pipe", run_pipe},
    {"signal", run_signal}, {"segv", run_segv}, {NULL, NULL},
};
