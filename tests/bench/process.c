/* SPDX-License-Identifier: ISC */
/* Address spaces: processes made and ended, programs executed, pages touched for the first time. */

#include <stddef.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workload.h"

static uint64_t reap(pid_t child)
{
    int status;

    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static uint64_t run_fork(void)
{
    uint64_t sum = 0;

    for (long i = 0, count = scaled(2000); i < count; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        sum += reap(child);
    }
    return sum;
}

static uint64_t run_forkexec(void)
{
    uint64_t sum = 0;

    for (long i = 0, count = scaled(600); i < count; i++) {
        pid_t child = fork();
        if (child == 0) {
            execl(own_path(), "bench", "nothing", (char *)NULL);
            _exit(99);
        }
        sum += reap(child);
    }
    return sum;
}

static uint64_t run_pgfault(void)
{
    const size_t size = 4 << 20;
    uint64_t sum = 0;

    for (long round = 0, rounds = scaled(150); round < rounds; round++) {
        char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            return 0;
        madvise(memory, size, MADV_NOHUGEPAGE);
        for (size_t i = 0; i < size; i += 4096)
            memory[i] = 1;
        sum += (uint64_t)memory[4096];
        munmap(memory, size);
    }
    return sum;
}

const struct workload process_workloads[] = {
    {"fork", run_fork},
    {"forkexec", run_forkexec},
    {"pgfault", run_pgfault},
    {NULL, NULL},
};
