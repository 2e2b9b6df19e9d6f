/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bits.h"
#include "host/clock.h"
#include "host/loop.h"
#include "host/thread.h"

struct fixture {
    struct host_loop *loop;
    struct host_work *work, *work_b;
    struct host_watch *watch;
    struct host_timer *timer;
    atomic_int runs, events, other;
    int pipe[2];
    char order[8];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    *state = f;
    return pipe(f->pipe) || host_loop_create(&f->loop, "test", NULL);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    host_loop_destroy(f->loop);
    close(f->pipe[0]);
    close(f->pipe[1]);
    free(f);
    return 0;
}

static void count_run(void *ctx)
{
    struct fixture *f = ctx;

    assert_true(host_loop_here(f->loop));
    f->runs++;
}

static void wait_for(atomic_int *value, int least)
{
    while (*value < least)
        sched_yield();
}

static void work_runs_after_every_post(void **state)
{
    struct fixture *f = *state;

    assert_false(host_loop_here(f->loop));
    assert_int_equal(host_work_create(f->loop, count_run, f, &f->work), 0);
    for (int i = 1; i <= 100; i++) {
        host_work_post(f->work);
        host_loop_drain(f->loop);
        assert_int_equal(f->runs, i);
    }
    host_work_post(f->work);
    host_work_destroy(f->work); /* pending or running: either way it is over now */
    host_loop_drain(f->loop);
    assert_in_range(f->runs, 100, 101);
}

static void append(struct fixture *f, char c)
{
    f->order[f->runs++] = c;
}

static void append_a(void *ctx)
{
    append(ctx, 'a');
}

static void append_b(void *ctx)
{
    append(ctx, 'b');
}

static void post_both(void *ctx)
{
    struct fixture *f = ctx;

    host_work_post(f->work);
    host_work_post(f->work_b);
    host_work_post(f->work); /* coalesced */
}

static void works_run_in_order(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(host_work_create(f->loop, append_a, f, &f->work), 0);
    assert_int_equal(host_work_create(f->loop, append_b, f, &f->work_b), 0);
    host_loop_call(f->loop, post_both, f);
    host_loop_drain(f->loop);
    assert_string_equal(f->order, "ab");
    host_work_destroy(f->work_b);
    host_work_destroy(f->work);
}

static void destroy_self(void *ctx)
{
    struct fixture *f = ctx;

    f->runs++;
    host_work_destroy(f->work);
    f->work = NULL;
}

static void work_may_destroy_itself(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(host_work_create(f->loop, destroy_self, f, &f->work), 0);
    host_work_post(f->work);
    host_loop_drain(f->loop);
    assert_int_equal(f->runs, 1);
    assert_null(f->work);
}

static void read_one(void *ctx, unsigned events)
{
    struct fixture *f = ctx;
    char byte;

    assert_int_equal(events, HOST_READABLE);
    if (read(f->pipe[0], &byte, 1) == 0)
        host_watch_want(f->watch, 0); /* end of file: readable for ever */
    else
        f->events++;
    f->runs++;
}

static void watch_is_level_triggered(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(host_watch_create(f->loop, f->pipe[0], HOST_READABLE, read_one, f, &f->watch),
                     0);
    assert_int_equal(write(f->pipe[1], "abc", 3), 3);
    wait_for(&f->events, 3);
    host_watch_want(f->watch, 0);
    host_loop_drain(f->loop);
    assert_int_equal(write(f->pipe[1], "d", 1), 1);
    host_loop_drain(f->loop);
    host_loop_drain(f->loop);
    assert_int_equal(f->events, 3);
    host_watch_want(f->watch, HOST_READABLE);
    wait_for(&f->events, 4);
    close(f->pipe[1]);
    f->pipe[1] = dup(f->pipe[0]);
    wait_for(&f->runs, 5);
    host_watch_destroy(f->watch);
    assert_int_equal(f->events, 4);
}

static void set_flag_slowly(void *ctx, unsigned events)
{
    struct fixture *f = ctx;

    f->runs++;
    for (int i = 0; i < 2000; i++)
        sched_yield();
    f->other++;
}

/* The promise of the header: when the remove function has returned, the callback is over. */
static void removal_waits_for_the_callback(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 20; i++) {
        int before = f->runs;

        assert_int_equal(
            host_watch_create(f->loop, f->pipe[1], HOST_WRITABLE, set_flag_slowly, f, &f->watch),
            0);
        wait_for(&f->runs, before + 1);
        host_watch_destroy(f->watch);
        assert_int_equal(f->runs, f->other);
    }
}

static void watches_are_bounded(void **state)
{
    struct fixture *f = *state;
    struct host_watch *watches[HOST_LOOP_WATCHES], *more;

    for (size_t i = 0; i < nitems(watches); i++)
        assert_int_equal(
            host_watch_create(f->loop, f->pipe[0], HOST_READABLE, read_one, f, &watches[i]), 0);
    assert_int_equal(host_watch_create(f->loop, f->pipe[0], 0, read_one, f, &more), -ENOSPC);
    host_watch_destroy(watches[7]);
    assert_int_equal(
        host_watch_create(f->loop, f->pipe[0], HOST_READABLE, read_one, f, &watches[7]), 0);
    host_loop_drain(f->loop);
    for (size_t i = 0; i < nitems(watches); i++)
        host_watch_destroy(watches[i]);
}

static void timer_expired(void *ctx)
{
    struct fixture *f = ctx;

    f->runs++;
    if (f->runs < 5)
        host_timer_set(f->timer, 0); /* the past: at once, but not before others had their turn */
}

static void timer_expires_once_a_deadline(void **state)
{
    struct fixture *f = *state;
    uint64_t start = host_clock_monotonic(), deadline = start + 2000000;

    assert_int_equal(host_timer_create(f->loop, timer_expired, f, &f->timer), 0);
    f->runs = 10;
    host_timer_set(f->timer, deadline);
    wait_for(&f->runs, 11);
    assert_true(host_clock_monotonic() >= deadline);
    host_loop_drain(f->loop);
    assert_int_equal(f->runs, 11);

    f->runs = 0;
    host_timer_set(f->timer, 1);
    wait_for(&f->runs, 5);
    host_timer_set(f->timer, UINT64_MAX);
    host_loop_drain(f->loop);
    assert_int_equal(f->runs, 5);
    host_timer_destroy(f->timer);
}

static void *post_many(void *arg)
{
    struct fixture *f = arg;

    for (int i = 0; i < 2000; i++) {
        host_work_post(f->work);
        host_loop_call(f->loop, count_run, f);
    }
    return NULL;
}

static void count_other(void *ctx)
{
    struct fixture *f = ctx;

    f->other++;
}

static void many_threads_post(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[3];

    assert_int_equal(host_work_create(f->loop, count_other, f, &f->work), 0);
    for (size_t i = 0; i < nitems(threads); i++)
        assert_int_equal(host_thread_start(&threads[i], "poster", post_many, f), 0);
    for (size_t i = 0; i < nitems(threads); i++)
        pthread_join(threads[i], NULL);
    host_loop_drain(f->loop);
    assert_int_equal(f->runs, 6000);
    assert_in_range(f->other, 1, 6000);
    host_work_destroy(f->work);
}

static void sources_outlive_their_loop(void **state)
{
    struct fixture *f = *state;
    struct host_loop *loop;
    struct host_work *work;
    struct host_timer *timer;
    struct host_watch *watch;

    assert_int_equal(host_loop_create(&loop, "short", NULL), 0);
    assert_int_equal(host_work_create(loop, append_a, f, &work), 0);
    assert_int_equal(host_timer_create(loop, append_a, f, &timer), 0);
    assert_int_equal(host_watch_create(loop, f->pipe[0], HOST_READABLE, read_one, f, &watch), 0);
    host_loop_destroy(loop);
    host_work_post(work);
    host_timer_set(timer, 0);
    host_work_destroy(work);
    host_timer_destroy(timer);
    host_watch_destroy(watch);
    assert_int_equal(f->runs, 0);
}

int main(void)
{
#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        LOOP_TEST(work_runs_after_every_post),     LOOP_TEST(works_run_in_order),
        LOOP_TEST(work_may_destroy_itself),        LOOP_TEST(watch_is_level_triggered),
        LOOP_TEST(removal_waits_for_the_callback), LOOP_TEST(watches_are_bounded),
        LOOP_TEST(timer_expires_once_a_deadline),  LOOP_TEST(many_threads_post),
        LOOP_TEST(sources_outlive_their_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
