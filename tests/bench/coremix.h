/* SPDX-License-Identifier: ISC */
/* A mix in the manner of CoreMark: linked lists, an integer matrix, a state machine, CRC-16. */

#ifndef BENCH_COREMIX_H
#define BENCH_COREMIX_H

#include <stdint.h>

uint64_t coremix(void);

#endif
