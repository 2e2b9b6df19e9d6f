/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/units.h"
#include "machine/log_limit.h"

static void test_burst_then_one_a_second(void **state)
{
    struct log_limit limit;
    uint64_t now = 1000 * NS_PER_SEC, left_out;

    log_limit_init(&limit);
    for (int i = 0; i < LOG_LIMIT_BURST; i++) {
        assert_true(log_limit_take(&limit, LOG_WARN, now, &left_out));
        assert_int_equal(left_out, 0);
    }
    for (int i = 0; i < 1000; i++)
        assert_false(log_limit_take(&limit, LOG_WARN, now, &left_out));
    assert_true(log_limit_take(&limit, LOG_ERROR, now, &left_out)); /* another level's */
    now += NS_PER_SEC;
    assert_true(log_limit_take(&limit, LOG_WARN, now, &left_out));
    assert_int_equal(left_out, 1000);
    assert_false(log_limit_take(&limit, LOG_WARN, now, &left_out));
    now -= NS_PER_SEC; /* a reading that another thread made before */
    assert_false(log_limit_take(&limit, LOG_WARN, now, &left_out));
    now += 100000 * NS_PER_SEC; /* it never gathers more than the burst */
    for (int i = 0; i < LOG_LIMIT_BURST; i++)
        assert_true(log_limit_take(&limit, LOG_WARN, now, &left_out));
    assert_false(log_limit_take(&limit, LOG_WARN, now, &left_out));
    log_limit_fini(&limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_burst_then_one_a_second)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
