/* SPDX-License-Identifier: ISC */
/* SHA-256's compression function in plain C, for the integer and the multi-threaded workloads. */

#ifndef BENCH_SHA256_H
#define BENCH_SHA256_H

#include <stdint.h>

/* Digests so many blocks that a counter makes; returns the first 64 bits of the state. */
uint64_t sha256_blocks(long blocks);

#endif
