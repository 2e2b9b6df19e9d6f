/* SPDX-License-Identifier: ISC */
/*
 * The event loop by poll(2), which every POSIX host has; a machine has a few dozen descriptors at
 * most.
 *
 * One lock guards everything and is never held while a callback runs. `running` names the source
 * whose callback runs now: whoever removes that source from another thread unlinks it first and
 * then waits on `idle` until it is no longer running. After a callback the loop looks at its lists
 * afresh and never at the source, because the callback may have freed it.
 *
 * The pipe wakes the thread out of poll; it is written only when the thread polls (`polling`) and
 * only once
 * (`woken`), so a post to a busy loop costs no system call.
 */
#include "host/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "host/clock.h"
#include "host/private.h"
#include "host/thread.h"

/* What works, watches and timers share: a place in one of the loop's lists. */
struct source {
    struct host_loop *loop; /* NULL once the loop is gone */
    struct source *prev, *next;
    void *ctx;
};

struct host_work {
    struct source source; /* in loop->works */
    void (*run)(void *ctx);
    struct host_work *next_pending;
    bool pending;
};

struct host_watch {
    struct source source; /* in loop->watches */
    void (*ready)(void *ctx, unsigned events);
    int fd;
    unsigned wanted;
};

struct host_timer {
    struct source source; /* in loop->timers */
    void (*expired)(void *ctx);
    uint64_t deadline;
    uint64_t round; /* the last round it ran in: it runs once a round, even if it sets itself to the
                       past */
};

struct host_loop {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t idle;                             /* a callback has returned */
    struct source works, watches, timers;            /* heads of circular lists */
    struct host_work *pending_first, **pending_last; /* first in, first out */
    size_t pending_count;
    size_t watch_count;
    const struct source *running;
    uint64_t round;
    int wake[2];
    bool polling, woken, stop;

    /* The set being polled, the loop's thread's own but for `polled`; slot 0 is the pipe. */
    struct pollfd fds[HOST_LOOP_WATCHES + 1];
    struct host_watch *polled[HOST_LOOP_WATCHES + 1]; /* NULL: removed since */
};

/* --- lists; the lock is held --- */

static void list_init(struct source *head)
{
    head->prev = head->next = head;
}

static void list_add(struct source *head, struct source *source)
{
    source->prev = head->prev;
    source->next = head;
    head->prev->next = source;
    head->prev = source;
}

static void list_remove(struct source *source)
{
    source->prev->next = source->next;
    source->next->prev = source->prev;
    source->prev = source->next = source;
}

static void loop_wake(struct host_loop *loop)
{
    if (!loop->polling || loop->woken)
        return;
    loop->woken = true;
    while (write(loop->wake[1], "", 1) < 0 && errno == EINTR)
        ;
}

static void pending_add(struct host_loop *loop, struct host_work *work)
{
    if (work->pending)
        return;
    work->pending = true;
    work->next_pending = NULL;
    *loop->pending_last = work;
    loop->pending_last = &work->next_pending;
    loop->pending_count++;
    loop_wake(loop);
}

static struct host_work *pending_take(struct host_loop *loop)
{
    struct host_work *work = loop->pending_first;

    loop->pending_first = work->next_pending;
    if (!loop->pending_first)
        loop->pending_last = &loop->pending_first;
    loop->pending_count--;
    work->pending = false;
    return work;
}

static void pending_remove(struct host_loop *loop, struct host_work *work)
{
    struct host_work **at = &loop->pending_first;

    if (!work->pending)
        return;
    while (*at != work)
        at = &(*at)->next_pending;
    *at = work->next_pending;
    if (!*at)
        loop->pending_last = at;
    loop->pending_count--;
    work->pending = false;
}

/* --- the loop's thread --- */

static void callback_begin(struct host_loop *loop, const struct source *source)
{
    loop->running = source;
    pthread_mutex_unlock(&loop->lock);
}

static void callback_end(struct host_loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    loop->running = NULL;
    pthread_cond_broadcast(&loop->idle);
}

/* Runs what is pending now; what is posted meanwhile waits for the next round, so that no source
 * starves. */
static void run_works(struct host_loop *loop)
{
    for (size_t n = loop->pending_count; n && loop->pending_first && !loop->stop; n--) {
        struct host_work *work = pending_take(loop);
        void (*run)(void *) = work->run;
        void *ctx = work->source.ctx;

        callback_begin(loop, &work->source);
        run(ctx);
        callback_end(loop);
    }
}

static struct host_timer *timer_due(struct host_loop *loop, uint64_t now)
{
    for (struct source *at = loop->timers.next; at != &loop->timers; at = at->next) {
        struct host_timer *timer = container_of(at, struct host_timer, source);

        if (timer->deadline <= now && timer->round != loop->round)
            return timer;
    }
    return NULL;
}

static void run_timers(struct host_loop *loop)
{
    uint64_t now = host_clock_monotonic();
    struct host_timer *timer;

    loop->round++;
    while (!loop->stop && (timer = timer_due(loop, now)) != NULL) {
        void (*expired)(void *) = timer->expired;
        void *ctx = timer->source.ctx;

        timer->deadline = UINT64_MAX;
        timer->round = loop->round;
        callback_begin(loop, &timer->source);
        expired(ctx);
        callback_end(loop);
    }
}

static unsigned events_of(short revents)
{
    unsigned events = 0;

    if (revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL))
        events |= HOST_READABLE;
    if (revents & (POLLOUT | POLLHUP | POLLERR | POLLNVAL))
        events |= HOST_WRITABLE;
    return events;
}

static void run_watches(struct host_loop *loop, unsigned count)
{
    for (unsigned i = 1; i < count && !loop->stop; i++) {
        struct host_watch *watch = loop->polled[i];
        unsigned events;
        void (*ready)(void *, unsigned);
        void *ctx;

        /* A callback before this one may have removed the watch or changed what it wants. */
        if (!watch || (events = events_of(loop->fds[i].revents) & watch->wanted) == 0)
            continue;
        ready = watch->ready;
        ctx = watch->source.ctx;
        callback_begin(loop, &watch->source);
        ready(ctx, events);
        callback_end(loop);
    }
}

/* Fills the poll set; a watch that wants nothing is left out, or its hang-up would wake us for
 * ever. */
static unsigned poll_set(struct host_loop *loop)
{
    unsigned count = 1;

    loop->fds[0] = (struct pollfd){.fd = loop->wake[0], .events = POLLIN};
    loop->polled[0] = NULL;
    for (struct source *at = loop->watches.next; at != &loop->watches; at = at->next) {
        struct host_watch *watch = container_of(at, struct host_watch, source);
        short events = (short)((watch->wanted & HOST_READABLE ? POLLIN : 0) |
                               (watch->wanted & HOST_WRITABLE ? POLLOUT : 0));

        if (!events)
            continue;
        loop->fds[count] = (struct pollfd){.fd = watch->fd, .events = events};
        loop->polled[count++] = watch;
    }
    return count;
}

static uint64_t poll_timeout(struct host_loop *loop)
{
    uint64_t first = UINT64_MAX, now;

    if (loop->pending_first)
        return 0;
    for (struct source *at = loop->timers.next; at != &loop->timers; at = at->next)
        first = MIN(first, container_of(at, struct host_timer, source)->deadline);
    if (first == UINT64_MAX)
        return UINT64_MAX;
    now = host_clock_monotonic();
    return first > now ? first - now : 0;
}

static void loop_round(struct host_loop *loop)
{
    unsigned count = poll_set(loop);
    uint64_t timeout = poll_timeout(loop);
    char drop[8];
    int ready;

    loop->polling = true;
    pthread_mutex_unlock(&loop->lock);
    ready = host_poll(loop->fds, count, timeout);
    pthread_mutex_lock(&loop->lock);
    loop->polling = false;
    if (loop->woken) {
        loop->woken = false;
        while (read(loop->wake[0], drop, sizeof(drop)) < 0 && errno == EINTR)
            ;
    }
    run_works(loop);
    run_timers(loop);
    if (ready > 0)
        run_watches(loop, count);
}

static void *loop_main(void *arg)
{
    struct host_loop *loop = arg;

    pthread_mutex_lock(&loop->lock);
    while (!loop->stop)
        loop_round(loop);
    pthread_mutex_unlock(&loop->lock);
    return NULL;
}

/* --- life --- */

static int wake_open(int wake[2])
{
    int ret;

    if (pipe(wake))
        return -errno;
    for (int i = 0; i < 2; i++) {
        if (fcntl(wake[i], F_SETFD, FD_CLOEXEC) || fcntl(wake[i], F_SETFL, O_NONBLOCK)) {
            ret = -errno;
            close(wake[0]);
            close(wake[1]);
            return ret;
        }
    }
    return 0;
}

static void loop_free(struct host_loop *loop)
{
    close(loop->wake[0]);
    close(loop->wake[1]);
    pthread_cond_destroy(&loop->idle);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

int host_loop_create(struct host_loop **out, const char *name, struct error *err)
{
    struct host_loop *loop = calloc(1, sizeof(*loop));
    int ret;

    if (!loop)
        return error_set(err, ENOMEM, "%s: out of memory", name);
    ret = wake_open(loop->wake);
    if (ret) {
        free(loop);
        return error_set(err, -ret, "%s: cannot make a pipe: %s", name, strerror(-ret));
    }
    pthread_mutex_init(&loop->lock, NULL);
    host_cond_init(&loop->idle);
    list_init(&loop->works);
    list_init(&loop->watches);
    list_init(&loop->timers);
    loop->pending_last = &loop->pending_first;
    /* The lock makes host_loop_here's loop->thread visible to the new thread before its first
     * callback. */
    pthread_mutex_lock(&loop->lock);
    ret = host_thread_start(&loop->thread, name, loop_main, loop);
    pthread_mutex_unlock(&loop->lock);
    if (ret) {
        loop_free(loop);
        return error_set(err, -ret, "%s: cannot start a thread: %s", name, strerror(-ret));
    }
    *out = loop;
    return 0;
}

static void list_orphan(struct source *head)
{
    while (head->next != head) {
        struct source *source = head->next;

        list_remove(source);
        source->loop = NULL;
    }
}

void host_loop_destroy(struct host_loop *loop)
{
    if (!loop)
        return;
    pthread_mutex_lock(&loop->lock);
    loop->stop = true;
    loop_wake(loop);
    pthread_mutex_unlock(&loop->lock);
    pthread_join(loop->thread, NULL);
    list_orphan(&loop->works);
    list_orphan(&loop->watches);
    list_orphan(&loop->timers);
    loop_free(loop);
}

bool host_loop_here(const struct host_loop *loop)
{
    return pthread_equal(pthread_self(), loop->thread) != 0;
}

/* --- sources --- */

static void source_add(struct host_loop *loop, struct source *head, struct source *source,
                       void *ctx)
{
    source->loop = loop;
    source->ctx = ctx;
    pthread_mutex_lock(&loop->lock);
    list_add(head, source);
    loop_wake(loop);
    pthread_mutex_unlock(&loop->lock);
}

/* Unlinks a source and waits until its callback, if it runs on another thread, has returned. Lock
 * held. */
static void source_remove(struct source *source)
{
    struct host_loop *loop = source->loop;

    list_remove(source);
    while (loop->running == source && !host_loop_here(loop))
        pthread_cond_wait(&loop->idle, &loop->lock);
}

int host_work_create(struct host_loop *loop, void (*run)(void *ctx), void *ctx,
                     struct host_work **out)
{
    struct host_work *work = calloc(1, sizeof(*work));

    if (!work)
        return -ENOMEM;
    work->run = run;
    source_add(loop, &loop->works, &work->source, ctx);
    *out = work;
    return 0;
}

void host_work_post(struct host_work *work)
{
    struct host_loop *loop = work->source.loop;

    if (!loop)
        return;
    pthread_mutex_lock(&loop->lock);
    pending_add(loop, work);
    pthread_mutex_unlock(&loop->lock);
}

void host_work_destroy(struct host_work *work)
{
    struct host_loop *loop;

    if (!work)
        return;
    loop = work->source.loop;
    if (loop) {
        pthread_mutex_lock(&loop->lock);
        pending_remove(loop, work);
        source_remove(&work->source);
        pending_remove(loop, work); /* it may have posted itself while we waited for it */
        pthread_mutex_unlock(&loop->lock);
    }
    free(work);
}

struct call {
    void (*run)(void *ctx);
    void *ctx;
};

static void call_run(void *arg)
{
    struct call *call = arg;

    if (call->run)
        call->run(call->ctx);
}

void host_loop_call(struct host_loop *loop, void (*run)(void *ctx), void *ctx)
{
    struct host_work work = {.run = call_run};
    struct call call = {.run = run, .ctx = ctx};

    if (host_loop_here(loop)) {
        call_run(&call);
        return;
    }
    work.source.loop = loop;
    work.source.ctx = &call;
    pthread_mutex_lock(&loop->lock);
    pending_add(loop, &work);
    while (work.pending || loop->running == &work.source)
        pthread_cond_wait(&loop->idle, &loop->lock);
    pthread_mutex_unlock(&loop->lock);
}

void host_loop_drain(struct host_loop *loop)
{
    if (!host_loop_here(loop))
        host_loop_call(loop, NULL, NULL); /* works run in the order they were posted in */
}

int host_watch_create(struct host_loop *loop, int fd, unsigned wanted,
                      void (*ready)(void *ctx, unsigned events), void *ctx, struct host_watch **out)
{
    struct host_watch *watch = calloc(1, sizeof(*watch));
    bool full;

    if (!watch)
        return -ENOMEM;
    watch->ready = ready;
    watch->fd = fd;
    watch->wanted = wanted;
    pthread_mutex_lock(&loop->lock);
    full = loop->watch_count == HOST_LOOP_WATCHES;
    if (!full)
        loop->watch_count++;
    pthread_mutex_unlock(&loop->lock);
    if (full) {
        free(watch);
        return -ENOSPC;
    }
    source_add(loop, &loop->watches, &watch->source, ctx);
    *out = watch;
    return 0;
}

void host_watch_want(struct host_watch *watch, unsigned wanted)
{
    struct host_loop *loop = watch->source.loop;

    if (!loop)
        return;
    pthread_mutex_lock(&loop->lock);
    if (watch->wanted != wanted) {
        watch->wanted = wanted;
        loop_wake(loop);
    }
    pthread_mutex_unlock(&loop->lock);
}

void host_watch_destroy(struct host_watch *watch)
{
    struct host_loop *loop;

    if (!watch)
        return;
    loop = watch->source.loop;
    if (loop) {
        pthread_mutex_lock(&loop->lock);
        for (size_t i = 0; i < nitems(loop->polled); i++)
            if (loop->polled[i] == watch)
                loop->polled[i] = NULL;
        loop->watch_count--;
        loop_wake(loop); /* poll holds the file open until it returns */
        source_remove(&watch->source);
        pthread_mutex_unlock(&loop->lock);
    }
    free(watch);
}

int host_timer_create(struct host_loop *loop, void (*expired)(void *ctx), void *ctx,
                      struct host_timer **out)
{
    struct host_timer *timer = calloc(1, sizeof(*timer));

    if (!timer)
        return -ENOMEM;
    timer->expired = expired;
    timer->deadline = UINT64_MAX;
    source_add(loop, &loop->timers, &timer->source, ctx);
    *out = timer;
    return 0;
}

void host_timer_set(struct host_timer *timer, uint64_t deadline_ns)
{
    struct host_loop *loop = timer->source.loop;

    if (!loop)
        return;
    pthread_mutex_lock(&loop->lock);
    if (deadline_ns < timer->deadline)
        loop_wake(loop);
    timer->deadline = deadline_ns;
    pthread_mutex_unlock(&loop->lock);
}

void host_timer_destroy(struct host_timer *timer)
{
    struct host_loop *loop;

    if (!timer)
        return;
    loop = timer->source.loop;
    if (loop) {
        pthread_mutex_lock(&loop->lock);
        source_remove(&timer->source);
        pthread_mutex_unlock(&loop->lock);
    }
    free(timer);
}
