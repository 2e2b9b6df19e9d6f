/* SPDX-License-Identifier: ISC */
#ifndef SDK_TIME_H
#define SDK_TIME_H

#include <sys/types.h>

typedef enum {
    CLOCK_REALTIME = 0,
#define CLOCK_REALTIME CLOCK_REALTIME
    CLOCK_MONOTONIC_RAW = 4,
#define CLOCK_MONOTONIC_RAW CLOCK_MONOTONIC_RAW
    CLOCK_MONOTONIC = 6,
#define CLOCK_MONOTONIC CLOCK_MONOTONIC
    CLOCK_UPTIME_RAW = 8,
#define CLOCK_UPTIME_RAW CLOCK_UPTIME_RAW
    CLOCK_PROCESS_CPUTIME_ID = 12,
#define CLOCK_PROCESS_CPUTIME_ID CLOCK_PROCESS_CPUTIME_ID
    CLOCK_THREAD_CPUTIME_ID = 16,
#define CLOCK_THREAD_CPUTIME_ID CLOCK_THREAD_CPUTIME_ID
} clockid_t;

struct tm {
    int tm_sec, tm_min, tm_hour, tm_mday, tm_mon, tm_year, tm_wday, tm_yday, tm_isdst;
    long tm_gmtoff;
    char *tm_zone;
};

int clock_gettime(clockid_t clock, struct timespec *now);
int clock_getres(clockid_t clock, struct timespec *resolution);
clock_t clock(void);
double difftime(time_t a, time_t b);
struct tm *gmtime(const time_t *time);
struct tm *gmtime_r(const time_t *time, struct tm *tm);
struct tm *localtime(const time_t *time);
struct tm *localtime_r(const time_t *time, struct tm *tm);
time_t mktime(struct tm *tm);
time_t timegm(struct tm *tm);
int nanosleep(const struct timespec *wait, struct timespec *left);
size_t strftime(char *to, size_t room, const char *format, const struct tm *tm);
time_t time(time_t *now);
void tzset(void);

#endif
