/* SPDX-License-Identifier: ISC */
#ifndef SDK_SYS_TIME_H
#define SDK_SYS_TIME_H

#include <sys/select.h>
#include <sys/types.h>

#define ITIMER_REAL 0

struct itimerval {
    struct timeval it_interval, it_value;
};

int setitimer(int which, const struct itimerval *value, struct itimerval *before);
int gettimeofday(struct timeval *now, void *zone);
int utimes(const char *path, const struct timeval times[2]);

#endif
