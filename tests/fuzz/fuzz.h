/* SPDX-License-Identifier: ISC */
/*
 * A fuzz target, as libFuzzer calls it, and a reader that takes its input apart. Past the end of
 * the input all numbers are zero.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

struct fuzz_input {
    const uint8_t *at, *end;
};

static inline uint64_t fuzz_take(struct fuzz_input *input, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes && input->at < input->end; i++)
        value |= (uint64_t)*input->at++ << (8 * i);
    return value;
}

#endif
