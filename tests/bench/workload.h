/* SPDX-License-Identifier: ISC */
/*
 * What a workload of the benchmark is, and what all of them share. Every workload does a fixed
 * amount of work, which the scale multiplies, and returns a checksum of its results: the same on
 * every correct machine.
 */

#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include <stdint.h>

struct workload {
    const char *name; /* NULL ends a table */
    uint64_t (*run)(void);
};

/* One table a class, one file a table. */
extern const struct workload integer_workloads[];
extern const struct workload atomic_workloads[];
extern const struct workload string_workloads[];
extern const struct workload fp_workloads[];
extern const struct workload neon_workloads[];
extern const struct workload memory_workloads[];
extern const struct workload kernel_workloads[];
extern const struct workload process_workloads[];
extern const struct workload code_workloads[];
extern const struct workload thread_workloads[];
extern const struct workload device_workloads[];

/* Work that has a function of its own keeps it, whatever the compiler would like. */
#define NOT_INLINED __attribute__((noinline))

/* count times the scale, at least 1. */
long scaled(long count);

/* The next number of a xorshift generator that every workload starts from the same state. */
uint64_t random64(void);
void random_restart(void);

/* Guest's monotonic time. */
double seconds(void);

/* A remark for the workload's line of results: a rate, or why it could not run. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The path of this program, for the workload that executes it. */
const char *own_path(void);

#endif
