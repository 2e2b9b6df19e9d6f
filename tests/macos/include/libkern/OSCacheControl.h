/* SPDX-License-Identifier: ISC */
/* After code was written: clean the data cache, drop the instruction cache. */
#ifndef TESTS_OS_CACHE_CONTROL_H
#define TESTS_OS_CACHE_CONTROL_H

#include <stddef.h>

void sys_icache_invalidate(void *start, size_t length);

#endif
