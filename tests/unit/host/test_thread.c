/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/units.h"
#include "host/clock.h"
#include "host/thread.h"

struct seen {
    char name[16];
    sigset_t blocked;
};

static void *look(void *arg)
{
    struct seen *seen = arg;

    pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
    pthread_sigmask(SIG_BLOCK, NULL, &seen->blocked);
    return &seen->blocked;
}

static void thread_has_its_name_and_no_signals(void **state)
{
    struct seen seen;
    sigset_t before, after;
    pthread_t thread;
    void *ret;

    pthread_sigmask(SIG_BLOCK, NULL, &before);
    assert_int_equal(host_thread_start(&thread, "a-name-that-is-too-long", look, &seen), 0);
    assert_int_equal(pthread_join(thread, &ret), 0);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    assert_ptr_equal(ret, &seen.blocked);
    assert_string_equal(seen.name, "a-name-that-is-");
    assert_true(sigismember(&seen.blocked, SIGINT));
    assert_true(sigismember(&seen.blocked, SIGPIPE));
    assert_false(sigismember(&seen.blocked, SIGSEGV));
    assert_int_equal(sigismember(&before, SIGINT), sigismember(&after, SIGINT));
}

static void cond_times_out_by_our_clock(void **state)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    uint64_t deadline = host_clock_monotonic() + 3 * NS_PER_MSEC;
    pthread_cond_t cond;

    assert_int_equal(host_cond_init(&cond), 0);
    pthread_mutex_lock(&lock);
    while (host_cond_wait_until(&cond, &lock, deadline) == 0)
        ;
    assert_true(host_clock_monotonic() >= deadline);
    assert_int_equal(host_cond_wait_until(&cond, &lock, 0), -ETIMEDOUT);
    pthread_mutex_unlock(&lock);
    pthread_cond_destroy(&cond);
}

static void clocks_go_on(void **state)
{
    uint64_t first = host_clock_monotonic();

    assert_true(host_clock_monotonic() >= first);
    assert_true(host_clock_realtime() > UINT64_C(1700000000) * NS_PER_SEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thread_has_its_name_and_no_signals),
        cmocka_unit_test(cond_times_out_by_our_clock),
        cmocka_unit_test(clocks_go_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
