/* SPDX-License-Identifier: ISC */
#include "machine/log_limit.h"

#include "base/units.h"

void log_limit_init(struct log_limit *limit)
{
    pthread_mutex_init(&limit->lock, NULL);
    for (size_t i = 0; i < nitems(limit->levels); i++) {
        limit->levels[i].left = LOG_LIMIT_BURST;
        limit->levels[i].second = 0;
        limit->levels[i].left_out = 0;
    }
}

void log_limit_fini(struct log_limit *limit)
{
    pthread_mutex_destroy(&limit->lock);
}

bool log_limit_take(struct log_limit *limit, enum log_level level, uint64_t now_ns,
                    uint64_t *left_out)
{
    uint64_t second = now_ns / NS_PER_SEC;
    bool pass;

    pthread_mutex_lock(&limit->lock);
    if (second > limit->levels[level].second) {
        uint64_t more = second - limit->levels[level].second;

        limit->levels[level].left =
            (unsigned)MIN(limit->levels[level].left + more, (uint64_t)LOG_LIMIT_BURST);
        limit->levels[level].second = second;
    }
    pass = limit->levels[level].left > 0;
    if (pass) {
        limit->levels[level].left--;
        *left_out = limit->levels[level].left_out;
        limit->levels[level].left_out = 0;
    } else {
        limit->levels[level].left_out++;
    }
    pthread_mutex_unlock(&limit->lock);
    return pass;
}
