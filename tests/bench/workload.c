/* SPDX-License-Identifier: ISC */
/*
 * The benchmark's program in the guest: `bench NAME[,NAME...] [SCALE]` runs workloads by name or by
 * class, `bench list` names them. The harness outside recognises its lines:
 *
 *   START name
 *   BENCH name seconds checksum remark
 */

#include "workload.h"

#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct {
    const char *name;
    const struct workload *workloads;
} classes[] = {
    {"integer", integer_workloads}, {"atomics", atomic_workloads},  {"strings", string_workloads},
    {"fp", fp_workloads},           {"neon", neon_workloads},       {"memory", memory_workloads},
    {"kernel", kernel_workloads},   {"process", process_workloads}, {"code", code_workloads},
    {"threads", thread_workloads},  {"devices", device_workloads},
};
enum { CLASSES = sizeof(classes) / sizeof(classes[0]) };

static double scale = 1.0;
static uint64_t random_state;
static char remark[128];
static char path[PATH_MAX];

long scaled(long count)
{
    long result = (long)((double)count * scale);

    return result < 1 ? 1 : result;
}

uint64_t random64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

void random_restart(void)
{
    random_state = 0x9E3779B97F4A7C15;
}

double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void note(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(remark, sizeof(remark), format, arguments);
    va_end(arguments);
}

const char *own_path(void)
{
    return path;
}

static void run(const struct workload *workload)
{
    random_restart();
    remark[0] = '\0';
    printf("START %s\n", workload->name);
    fflush(stdout);
    double start = seconds();
    uint64_t checksum = workload->run();
    double took = seconds() - start;
    printf("BENCH %s %.4f %016llx %s\n", workload->name, took, (unsigned long long)checksum,
           remark);
    fflush(stdout);
}

/* Runs the workload of this name, or all of the class of this name. */
static bool run_named(const char *name)
{
    bool found = false;

    for (int i = 0; i < CLASSES; i++) {
        bool whole = strcmp(name, classes[i].name) == 0;
        for (const struct workload *w = classes[i].workloads; w->name; w++) {
            if (whole || strcmp(name, w->name) == 0) {
                run(w);
                found = true;
            }
        }
    }
    return found;
}

static void list(void)
{
    for (int i = 0; i < CLASSES; i++) {
        for (const struct workload *w = classes[i].workloads; w->name; w++)
            printf("%s %s\n", classes[i].name, w->name);
    }
}

int main(int count, char **arguments)
{
    if (count < 2) {
        fprintf(stderr, "usage: bench list | NAME[,NAME...] [SCALE]\n");
        return 2;
    }
    /* What the workload forkexec executes. */
    if (strcmp(arguments[1], "nothing") == 0)
        return 0;
    if (strcmp(arguments[1], "list") == 0) {
        list();
        return 0;
    }
    if (count > 2)
        scale = atof(arguments[2]);
    if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
        perror("bench: /proc/self/exe");

    int status = 0;
    for (char *name = strtok(arguments[1], ","); name; name = strtok(NULL, ",")) {
        if (!run_named(name)) {
            printf("bench: no workload is called '%s'\n", name);
            status = 1;
        }
    }
    return status;
}
