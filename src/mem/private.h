/* SPDX-License-Identifier: ISC */
/*
 * What the files of this room share.
 */
#ifndef MEM_PRIVATE_H
#define MEM_PRIVATE_H

#include <pthread.h>

#include "host/map.h"
#include "mem/mem.h"

struct mem {
    struct mem_region regions[MEM_MAX_REGIONS];
    struct host_ram ram[MEM_MAX_REGIONS]; /* what is behind regions[i] */
    size_t count;

    pthread_mutex_t lock; /* over the list of watches and their bits */
    struct mem_watch *watches;
    struct mem_tracker tracker;
};

#endif
