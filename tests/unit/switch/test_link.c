/* SPDX-License-Identifier: ISC */
/* A link's behaviour against a virtual clock: what is measured is what was told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/units.h"
#include "switch/client.h"

#define FRAMES 100000
#define LENGTH 1000

/* What came out of a link that got FRAMES frames, `gap` ns apart. */
struct seen {
    unsigned count, disorder, wrong;
    uint64_t first_delay, least_delay, most_delay, last_time, bytes;
    uint64_t hash;
};

static void take(struct link *link, uint64_t now, uint64_t gap, struct seen *seen, uint32_t *last)
{
    const void *frame;
    size_t length;
    uint32_t tag;

    while (link_deadline(link) <= now) {
        uint64_t time = link_deadline(link), delay;

        assert_true(link_take(link, now, &frame, &length, &tag));
        delay = time - tag * gap;
        if (seen->count++ == 0)
            seen->first_delay = seen->least_delay = delay;
        seen->least_delay = MIN(seen->least_delay, delay);
        seen->most_delay = MAX(seen->most_delay, delay);
        seen->disorder += tag < *last;
        *last = MAX(tag, *last);
        seen->bytes += length;
        seen->last_time = time;
        seen->hash = (seen->hash ^ tag ^ time) * UINT64_C(0x100000001b3);
        for (size_t i = 0; i < length; i++) {
            if (((const uint8_t *)frame)[i] != 0x5a) {
                seen->wrong++;
                break;
            }
        }
    }
}

static struct seen run(const struct link_settings *settings, uint64_t gap, unsigned frames)
{
    struct link *link = link_create();
    struct seen seen = {0};
    uint8_t frame[LENGTH];
    uint32_t last = 0;

    assert_non_null(link);
    memset(frame, 0x5a, sizeof(frame));
    assert_int_equal(link_settings_check(settings, NULL), 0);
    link_set(link, settings);
    for (uint32_t i = 0; i < frames; i++) {
        take(link, i * gap, gap, &seen, &last);
        link_submit(link, i * gap, frame, sizeof(frame), i);
    }
    take(link, UINT64_MAX - 1, gap, &seen, &last);
    assert_true(link_counters(link)->frames == seen.count);
    link_destroy(link);
    return seen;
}

static void test_delay(void **state)
{
    const struct link_settings settings = {.delay_ns = 50 * NS_PER_MSEC};
    struct seen seen = run(&settings, NS_PER_MSEC, 1000);

    assert_int_equal(seen.count, 1000);
    assert_true(seen.least_delay == 50 * NS_PER_MSEC && seen.most_delay == 50 * NS_PER_MSEC);
}

static void test_jitter_keeps_order(void **state)
{
    const struct link_settings settings = {.delay_ns = 50 * NS_PER_MSEC,
                                           .jitter_ns = 10 * NS_PER_MSEC};
    struct seen seen = run(&settings, 20 * NS_PER_MSEC, 10000);

    assert_int_equal(seen.count, 10000);
    assert_int_equal(seen.disorder, 0);
    assert_in_range(seen.least_delay, 40 * NS_PER_MSEC, 41 * NS_PER_MSEC);
    assert_in_range(seen.most_delay, 59 * NS_PER_MSEC, 60 * NS_PER_MSEC);
}

/* Within three standard deviations of the binomial distribution. */
static void assert_share(unsigned count, double share)
{
    double expected = FRAMES * share, deviation = sqrt(FRAMES * share * (1 - share));

    assert_true(fabs(count - expected) < 3 * deviation);
}

static void test_loss(void **state)
{
    const struct link_settings settings = {.loss = 0.01};

    assert_share(FRAMES - run(&settings, NS_PER_USEC, FRAMES).count, 0.01);
}

static void test_duplicate(void **state)
{
    const struct link_settings settings = {.duplicate = 0.02};

    assert_share(run(&settings, NS_PER_USEC, FRAMES).count - FRAMES, 0.02);
}

static void test_corrupt(void **state)
{
    const struct link_settings settings = {.corrupt = 0.05};
    struct seen seen = run(&settings, NS_PER_USEC, FRAMES);

    assert_int_equal(seen.count, FRAMES);
    assert_share(seen.wrong, 0.05);
}

static void test_reorder(void **state)
{
    const struct link_settings settings = {.reorder = 0.03};
    struct seen seen = run(&settings, NS_PER_MSEC, FRAMES);

    assert_int_equal(seen.count, FRAMES);
    assert_share(seen.disorder, 0.03);
}

static void test_rate(void **state)
{
    const struct link_settings settings = {.rate_bps = 10000000, .queue_bytes = 100 * LENGTH};
    struct seen seen = run(&settings, 100 * NS_PER_USEC, FRAMES); /* eight times as much */
    double rate = (double)seen.bytes * 8 * NS_PER_SEC / (double)seen.last_time;

    assert_true(fabs(rate - 1e7) < 1e7 * 0.001);
    assert_in_range(seen.most_delay, 80 * NS_PER_MSEC, 82 * NS_PER_MSEC); /* the queue's length */
}

static void test_rate_below(void **state)
{
    const struct link_settings settings = {.rate_bps = 10000000};
    struct seen seen = run(&settings, NS_PER_MSEC, 1000);

    assert_int_equal(seen.count, 1000);
    assert_true(seen.most_delay == 800 * NS_PER_USEC);
}

static void test_down(void **state)
{
    const struct link_settings settings = {.down = true};

    assert_int_equal(run(&settings, NS_PER_MSEC, 100).count, 0);
}

static void test_seed_repeats(void **state)
{
    struct link_settings settings = {.delay_ns = 5 * NS_PER_MSEC,
                                     .jitter_ns = 5 * NS_PER_MSEC,
                                     .loss = 0.1,
                                     .reorder = 0.1,
                                     .duplicate = 0.1,
                                     .seed = 7};
    uint64_t first = run(&settings, NS_PER_MSEC, 1000).hash;

    assert_true(run(&settings, NS_PER_MSEC, 1000).hash == first);
    settings.seed = 8;
    assert_true(run(&settings, NS_PER_MSEC, 1000).hash != first);
}

/* The frames that a link of this salt lets through, the n-th as bit n. */
static uint64_t passed_by(uint64_t salt)
{
    const struct link_settings settings = {.loss = 0.5, .seed = 7};
    struct link *link = link_create();
    uint64_t passed = 0;
    uint8_t frame[LENGTH] = {0};
    const void *got;
    size_t length;
    uint32_t tag;

    link_distinguish(link, salt);
    link_set(link, &settings);
    for (uint32_t i = 0; i < 64; i++) {
        link_submit(link, i, frame, sizeof(frame), i);
        while (link_take(link, i, &got, &length, &tag))
            passed |= UINT64_C(1) << tag;
    }
    link_destroy(link);
    return passed;
}

/* Two links of one seed do not lose the same frames, each the same ones every time. */
static void test_links_are_distinct(void **state)
{
    assert_true(passed_by(1) == passed_by(1));
    assert_true(passed_by(1) != passed_by(2));
}

/* One setting's luck is not another's: the same frames are lost whatever else is set. */
static void test_luck_is_apart(void **state)
{
    struct link_settings settings = {.loss = 0.1, .seed = 3};
    unsigned count = run(&settings, NS_PER_MSEC, 1000).count;

    settings.corrupt = 0.5;
    settings.delay_ns = NS_PER_MSEC;
    assert_int_equal(run(&settings, NS_PER_MSEC, 1000).count, count);
}

static void test_bounded(void **state)
{
    const struct link_settings settings = {.delay_ns = LINK_DELAY_MAX};
    struct link *link = link_create();
    uint8_t frame[LENGTH] = {0};

    link_set(link, &settings);
    for (uint32_t i = 0; i < 3 * LINK_QUEUE_FRAMES; i++)
        link_submit(link, 0, frame, sizeof(frame), i);
    assert_true(link_counters(link)->queue_full >= 2 * LINK_QUEUE_FRAMES);
    link_destroy(link);
}

static void test_words(void **state)
{
    struct link_settings s = {0};
    struct error err;

    assert_int_equal(switch_link_parse("delay=50ms", &s, NULL), 0);
    assert_int_equal(switch_link_parse("jitter=1.5ms", &s, NULL), 0);
    assert_int_equal(switch_link_parse("loss=1%", &s, NULL), 0);
    assert_int_equal(switch_link_parse("rate=10M", &s, NULL), 0);
    assert_int_equal(switch_link_parse("queue=100K", &s, NULL), 0);
    assert_int_equal(switch_link_parse("corrupt=0.25", &s, NULL), 0);
    assert_int_equal(switch_link_parse("seed=7", &s, NULL), 0);
    assert_int_equal(switch_link_parse("down", &s, NULL), 0);
    assert_true(s.delay_ns == 50 * NS_PER_MSEC && s.jitter_ns == 1500 * NS_PER_USEC);
    assert_true(s.loss > 0.0099 && s.loss < 0.0101 && s.corrupt == 0.25);
    assert_true(s.rate_bps == 10000000 && s.queue_bytes == 100 << 10 && s.seed == 7 && s.down);
    assert_int_equal(switch_link_parse("clear", &s, NULL), 0);
    assert_true(!s.delay_ns && !s.down);
    assert_int_equal(switch_link_parse("delay=50", &s, &err), -EINVAL);
    assert_non_null(strstr(err.text, "50ms"));
    assert_int_equal(switch_link_parse("loss=-1%", &s, NULL), -EINVAL);
    assert_int_equal(switch_link_parse("loss=nan%", &s, NULL), -EINVAL);
    assert_int_equal(switch_link_parse("speed=1", &s, NULL), -EINVAL);
    s.jitter_ns = 1;
    assert_int_equal(link_settings_check(&s, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delay),         cmocka_unit_test(test_jitter_keeps_order),
        cmocka_unit_test(test_loss),          cmocka_unit_test(test_duplicate),
        cmocka_unit_test(test_corrupt),       cmocka_unit_test(test_reorder),
        cmocka_unit_test(test_rate),          cmocka_unit_test(test_rate_below),
        cmocka_unit_test(test_down),          cmocka_unit_test(test_seed_repeats),
        cmocka_unit_test(test_luck_is_apart), cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_words),         cmocka_unit_test(test_links_are_distinct),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
