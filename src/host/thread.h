/* SPDX-License-Identifier: ISC */
/*
 * Threads by name. Locks and conditions are POSIX's own (pthread_mutex_t, pthread_cond_t) and
 * atomics are C11's: every host that Atoll runs on has both.
 */
#ifndef HOST_THREAD_H
#define HOST_THREAD_H

#include <pthread.h>
#include <stdint.h>

/*
 * Starts a thread that runs body(arg), with every signal blocked but those of its own faults
 * (signals belong to the program's main thread) and `name` (15 bytes at most are shown) for
 * debuggers. Returns 0 or -errno; join it with pthread_join.
 */
int host_thread_start(pthread_t *thread, const char *name, void *(*body)(void *), void *arg);

/* Initialises a condition whose timed waits use host_clock_monotonic's clock. Returns 0 or -errno.
 */
int host_cond_init(pthread_cond_t *cond);

/* pthread_cond_timedwait until host_clock_monotonic() reaches `deadline_ns` (UINT64_MAX: for ever).
 * Returns 0 or -ETIMEDOUT. */
int host_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t deadline_ns);

/* How many processors the host has: at least 1. Any thread. */
unsigned host_processors(void);

/* What a loop that waits for another thread's store does each time: lets the processor's other
 * hardware thread run. */
static inline void host_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
