/* SPDX-License-Identifier: ISC */
/*
 * Drives a fuzz target without libFuzzer: by seeded random inputs, always the same ones, or by
 * files.
 *
 *     fuzz_x [runs [first-seed]]
 *     fuzz_x file...
 *
 * When a sanitizer or the target itself ends the program, the seed at work is named: `fuzz_x 1
 * SEED` repeats it.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuzz.h"

#define MAX_INPUT 4096

static uint64_t seed; /* what the report of a crash names */

void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void name_seed(void)
{
    char line[64];
    int length = snprintf(line, sizeof(line), "seed %llu\n", (unsigned long long)seed);

    if (write(STDERR_FILENO, line, (size_t)length) < 0)
        _exit(1);
}

static void aborted(int signal)
{
    name_seed(); /* and abort() goes on */
}

/* splitmix64: any seed is a good one */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Half of the bytes are zero or all ones: lengths and indexes at the borders find more than noise.
 */
static void run_seed(void)
{
    uint64_t state = seed, size = next_random(&state);
    uint8_t bytes[MAX_INPUT];
    size_t length = (size_t)(size >> 8) % (1 + (size & 3 ? 256 : MAX_INPUT));

    for (size_t i = 0; i < length; i++) {
        uint64_t random = next_random(&state);

        bytes[i] = (uint8_t)(random & 0x300 ? random >> 16 : random & 0x400 ? 0xff : 0);
    }
    LLVMFuzzerTestOneInput(bytes, length);
}

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    static uint8_t bytes[1 << 20];
    size_t length;

    if (!file) {
        perror(path);
        return 1;
    }
    length = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, length);
    return 0;
}

int main(int argc, char **argv)
{
    char *end;
    unsigned long runs = argc > 1 ? strtoul(argv[1], &end, 0) : 1000;

    if (argc > 1 && *end) {
        int failed = 0;

        for (int i = 1; i < argc; i++)
            failed |= run_file(argv[i]);
        return failed;
    }
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(name_seed);
    signal(SIGABRT, aborted);
    seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    for (unsigned long i = 0; i < runs; i++, seed++)
        run_seed();
    return 0;
}
