/* SPDX-License-Identifier: ISC */
/* Memory: pointers that each lead to the next, copies, and walks with and without a stride. */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "workload.h"

/* A cache line. */
struct link {
    struct link *next;
    char rest[56];
};

/* Follows one random ring through all of the memory. */
static uint64_t chase(size_t bytes, long steps)
{
    size_t count = bytes / sizeof(struct link);
    struct link *links = aligned_alloc(4096, count * sizeof(*links));
    uint32_t *order = malloc(count * sizeof(*order));

    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    for (size_t i = count - 1; i > 0; i--) {
        size_t j = random64() % (i + 1);
        uint32_t other = order[i];
        order[i] = order[j];
        order[j] = other;
    }
    for (size_t i = 0; i < count; i++)
        links[order[i]].next = &links[order[(i + 1) % count]];

    double start = seconds();
    struct link *link = &links[0];
    for (long i = 0; i < steps; i++)
        link = link->next;
    note("%.2f ns a load", (seconds() - start) / (double)steps * 1e9);

    uint64_t odd = (uint64_t)(link - links) & 1;
    free(order);
    free(links);
    return odd;
}

static uint64_t run_chase32k(void)
{
    return chase(24 << 10, scaled(200000000));
}

static uint64_t run_chase4m(void)
{
    return chase(4 << 20, scaled(20000000));
}

static uint64_t run_chase64m(void)
{
    return chase(64 << 20, scaled(3000000));
}

static uint64_t run_memcpy(void)
{
    const size_t size = 16 << 20;
    char *to = malloc(size), *from = malloc(size);
    long rounds = scaled(200);

    memset(to, 1, size);
    memset(from, 2, size);
    double start = seconds();
    for (long i = 0; i < rounds; i++) {
        memcpy(to, from, size);
        from[i] = (char)i;
    }
    note("%.2f GB/s", (double)rounds * (double)size / (seconds() - start) / 1e9);

    uint64_t checksum = (uint64_t)to[77];
    free(to);
    free(from);
    return checksum;
}

static void *map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        abort();
    memset(memory, 1, size);
    return memory;
}

/* A byte of every page, each in the next cache line: what a TLB is for. */
static uint64_t run_stride(void)
{
    const size_t size = 64 << 20;
    volatile uint8_t *memory = map(size);
    uint64_t sum = 0;
    long accesses = 0;

    double start = seconds();
    for (long round = 0, rounds = scaled(600); round < rounds; round++) {
        for (size_t i = (size_t)(round * 64) & 4095; i < size; i += 4096 + 64) {
            sum += memory[i];
            memory[i] = (uint8_t)sum;
            accesses++;
        }
    }
    note("%.2f ns a load and store", (seconds() - start) / (double)accesses * 1e9);
    munmap((void *)memory, size);
    return sum;
}

static uint64_t run_memseq(void)
{
    const size_t size = 32 << 20;
    uint64_t *memory = map(size);
    uint64_t sum = 0;

    for (long round = 0, rounds = scaled(40); round < rounds; round++) {
        for (size_t i = 0; i < size / sizeof(*memory); i += 4) {
            sum += memory[i] ^ memory[i + 1];
            memory[i + 2] = sum;
            sum += memory[i + 3];
        }
    }
    munmap(memory, size);
    return sum;
}

const struct workload memory_workloads[] = {
    {"chase32k", run_chase32k},
    {"chase4m", run_chase4m},
    {"chase64m", run_chase64m},
    {"memcpy", run_memcpy},
    {"stride", run_stride},
    {"memseq", run_memseq},
    {NULL, NULL},
};
