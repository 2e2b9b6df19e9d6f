/* SPDX-License-Identifier: ISC */
/*
 * An event loop on a thread of its own: descriptors, timers, and work posted from other threads.
 *
 * Devices do their queue work on a loop, so that a vCPU never waits for the host's files and
 * sockets. All callbacks of one loop run on its thread, one at a time. Whoever removes a source
 * from another thread may rely on it: when the remove function has returned, the callback is not
 * running and will not run again.
 */
#ifndef HOST_LOOP_H
#define HOST_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct host_loop;

/* Creates a loop and starts its thread, called `name`. Returns 0 or -errno. */
int host_loop_create(struct host_loop **loop, const char *name, struct error *err);

/* Stops the thread after the callback that runs now, and frees the loop. Sources still there never
 * run again; they stay their owners', who may still destroy them (and nothing else). Not from the
 * loop's own thread. */
void host_loop_destroy(struct host_loop *loop);

/* Whether the caller runs on the loop's thread. */
bool host_loop_here(const struct host_loop *loop);

/* Something that can be woken: `run(ctx)` runs on the loop once or more after each host_work_post.
 */
struct host_work;
int host_work_create(struct host_loop *loop, void (*run)(void *ctx), void *ctx,
                     struct host_work **work);
void host_work_post(struct host_work *work); /* any thread; never blocks; coalesces */
void host_work_destroy(struct host_work *work);

/* Runs `run(ctx)` on the loop's thread and returns when it is done (directly if called there). Any
 * thread that holds no lock which the loop's callbacks take. */
void host_loop_call(struct host_loop *loop, void (*run)(void *ctx), void *ctx);

/* Waits until everything posted before this call has run. Not from the loop's own thread, nor with
 * a lock held that its callbacks take. */
void host_loop_drain(struct host_loop *loop);

#define HOST_LOOP_WATCHES 256 /* at most in one loop */

#define HOST_READABLE 1u
#define HOST_WRITABLE 2u

/* A watched descriptor: `ready(ctx, events)` runs while the descriptor is ready for what is wanted
 * (level- triggered; hang-ups and errors count as readable and writable). The descriptor stays the
 * caller's. */
struct host_watch;

/* -ENOSPC: the loop has HOST_LOOP_WATCHES already. */
int host_watch_create(struct host_loop *loop, int fd, unsigned wanted,
                      void (*ready)(void *ctx, unsigned events), void *ctx,
                      struct host_watch **watch);
void host_watch_want(struct host_watch *watch, unsigned wanted); /* any thread */
void host_watch_destroy(struct host_watch *watch);

/* A one-shot timer: `expired(ctx)` runs once host_clock_monotonic() reaches the deadline. */
struct host_timer;
int host_timer_create(struct host_loop *loop, void (*expired)(void *ctx), void *ctx,
                      struct host_timer **timer);
void host_timer_set(struct host_timer *timer,
                    uint64_t deadline_ns); /* UINT64_MAX disarms; any thread */
void host_timer_destroy(struct host_timer *timer);

#endif
