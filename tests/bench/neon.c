/* SPDX-License-Identifier: ISC */
/* Vectors of floats: loops that the compiler turns into NEON. */

#include <stddef.h>

#include "workload.h"

__attribute__((optimize("O3", "fast-math"))) static NOT_INLINED float dot(const float *x,
                                                                          const float *y, int n)
{
    float sum = 0;

    for (int i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

__attribute__((optimize("O3"))) static NOT_INLINED void add_multiple(float *restrict y, float a,
                                                                     const float *restrict x, int n)
{
    for (int i = 0; i < n; i++)
        y[i] += a * x[i];
}

static uint64_t run_neonf32(void)
{
    enum { LENGTH = 4096 };
    static float x[LENGTH], y[LENGTH];
    float sum = 0;

    for (int i = 0; i < LENGTH; i++) {
        x[i] = (float)(random64() & 0xff) / 256.0f;
        y[i] = 1;
    }
    for (long i = 0, rounds = scaled(150000); i < rounds; i++) {
        add_multiple(y, i & 1 ? 0.001f : -0.001f, x, LENGTH);
        sum += dot(x, y, LENGTH) * 1e-6f;
    }
    return (uint64_t)sum;
}

const struct workload neon_workloads[] = {
    {"neonf32", run_neonf32},
    {NULL, NULL},
};
