/* SPDX-License-Identifier: ISC */
/* The counter, which guests see less an offset, and its period. */
#ifndef TESTS_MACH_TIME_H
#define TESTS_MACH_TIME_H

#include <stdint.h>

typedef struct mach_timebase_info {
    uint32_t numer, denom; /* nanoseconds a tick */
} mach_timebase_info_data_t;

int mach_timebase_info(mach_timebase_info_data_t *info);
uint64_t mach_absolute_time(void);

#endif
