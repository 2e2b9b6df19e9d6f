/* SPDX-License-Identifier: ISC */
/* Watched pages: who writes is noticed, once for each who looks, and engines are asked in time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/units.h"
#include "mem/mem.h"

#define BASE 0x70000000u
#define SIZE (4 * MIB)
#define PAGE 4096

struct fixture {
    struct mem *mem;
    struct mem_watch *watch;
    unsigned rearmed, armed; /* calls with and without `all` */
    uint64_t ipa, len;       /* of the last */
    unsigned collected, unwatched;
    bool still_watched; /* something, at the last unwatch */
};

static void note_rearm(void *ctx, uint64_t ipa, uint64_t len, bool all)
{
    struct fixture *f = ctx;

    f->armed += all;
    f->rearmed += !all;
    f->ipa = ipa;
    f->len = len;
}

static int setup(void **state)
{
    static struct fixture f;

    f = (struct fixture){0};
    assert_int_equal(mem_create(&f.mem), 0);
    assert_int_equal(mem_add_ram(f.mem, BASE, SIZE, NULL), 0);
    mem_set_tracker(f.mem, &(struct mem_tracker){.rearm = note_rearm, .ctx = &f});
    assert_int_equal(mem_watch_create(f.mem, &f.watch), 0);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    mem_watch_destroy(f->watch);
    mem_destroy(f->mem);
    return 0;
}

static unsigned count_written(const struct mem_watch *watch)
{
    unsigned count = 0;

    for (uint64_t at = BASE; at < BASE + SIZE; at += PAGE)
        count += mem_watch_written(watch, at, 1);
    return count;
}

static void starts_with_everything_written(void **state)
{
    struct fixture *f = *state;

    mem_watch_add(f->watch, BASE + 0x10800, 0x1000); /* touches two pages */
    mem_watch_add(f->watch, BASE + SIZE - 1, 1);
    mem_watch_start(f->watch);
    assert_int_equal(f->armed, 1);
    assert_true(mem_watch_take(f->watch));
    assert_int_equal(f->rearmed, 0); /* nobody has marked anything */
    assert_int_equal(count_written(f->watch), 3);
    assert_true(mem_watch_written(f->watch, BASE + 0x10000, 1));
    assert_true(mem_watch_written(f->watch, BASE, SIZE));
    assert_false(mem_watch_written(f->watch, BASE, 0x10000));
    assert_false(mem_watch_take(f->watch));
}

static void forgets_whole_pages(void **state)
{
    struct fixture *f = *state;

    mem_watch_add(f->watch, BASE, 64 * KIB);
    mem_watch_start(f->watch);
    mem_watch_take(f->watch);
    mem_watch_forget(f->watch, BASE + 1, 2 * PAGE); /* page 1 alone is within */
    assert_int_equal(count_written(f->watch), 15);
    assert_false(mem_watch_written(f->watch, BASE + PAGE, PAGE));
    mem_watch_forget(f->watch, BASE + 8 * PAGE + 1, PAGE - 1); /* none is */
    assert_int_equal(count_written(f->watch), 15);
    mem_watch_forget(f->watch, BASE, SIZE);
    assert_int_equal(count_written(f->watch), 0);
    mem_watch_forget(f->watch, BASE, SIZE + 1); /* no RAM: nothing to forget */
    assert_true(mem_watch_written(f->watch, BASE, SIZE + 1));
    mem_fill(f->mem, BASE + 3, 1, 3 * PAGE);
    assert_true(mem_watch_take(f->watch));
    mem_watch_forget_all(f->watch);
    assert_int_equal(count_written(f->watch), 0);
}

static void notices_all_writers(void **state)
{
    struct fixture *f = *state;
    uint64_t value;

    mem_watch_add(f->watch, BASE, SIZE);
    mem_watch_start(f->watch);
    mem_watch_take(f->watch);
    mem_watch_forget(f->watch, BASE, SIZE);

    assert_int_equal(mem_write(f->mem, BASE + 0x1fff, "ab", 2), 0); /* pages 1 and 2 */
    assert_int_equal(mem_store(f->mem, BASE + 0x40000, 4, 1), 0);   /* page 64 */
    assert_int_equal(mem_load(f->mem, BASE + 0x50000, 4, &value), 0);
    assert_int_equal(mem_fill(f->mem, BASE + SIZE - 1, 1, 1), 0); /* the last page */
    mem_mark_dirty(f->mem, BASE + 0x5000, 0);
    mem_mark_dirty(f->mem, BASE + SIZE, 1);
    assert_int_equal(count_written(f->watch), 0); /* not before it is asked */
    assert_true(mem_watch_take(f->watch));
    assert_int_equal(f->rearmed, 1);
    assert_true(f->ipa <= BASE + PAGE && f->ipa + f->len >= BASE + SIZE);
    assert_int_equal(count_written(f->watch), 4);
    assert_true(mem_watch_written(f->watch, BASE + 0x1000, 2 * PAGE));
    assert_true(mem_watch_written(f->watch, BASE + 0x40000, 1));
    assert_true(mem_watch_written(f->watch, BASE + SIZE - PAGE, PAGE));
    assert_false(mem_watch_take(f->watch));
    assert_int_equal(f->rearmed, 1);
    mem_clear(f->mem);
    assert_true(mem_watch_take(f->watch));
    assert_int_equal(count_written(f->watch), SIZE / PAGE);
}

/* Two watches overlap: what one takes, the other is told of as well. */
static void every_watch_is_told(void **state)
{
    struct fixture *f = *state;
    struct mem_watch *other;

    assert_int_equal(mem_watch_create(f->mem, &other), 0);
    mem_watch_add(f->watch, BASE, 16 * PAGE);
    mem_watch_start(f->watch);
    mem_watch_add(other, BASE + 8 * PAGE, 16 * PAGE);
    mem_watch_start(other);
    mem_watch_take(f->watch);
    mem_watch_take(other);
    mem_watch_forget(f->watch, BASE, SIZE);
    mem_watch_forget(other, BASE, SIZE);

    mem_fill(f->mem, BASE + 4 * PAGE, 1, 16 * PAGE);
    assert_true(mem_watch_take(f->watch));
    assert_int_equal(count_written(f->watch), 12);
    assert_true(mem_watch_take(other));
    assert_int_equal(count_written(other), 12);
    assert_false(mem_watch_written(other, BASE, 8 * PAGE));
    assert_false(mem_watch_take(f->watch));
    mem_watch_destroy(other);
}

static void says_what_is_watched(void **state)
{
    struct fixture *f = *state;
    const struct mem_region *region = mem_find(f->mem, BASE, 1);
    struct mem_watch *other;

    mem_watch_add(f->watch, BASE, 2 * PAGE);
    assert_false(mem_page_watched(region, BASE)); /* not yet */
    mem_watch_start(f->watch);
    assert_int_equal(mem_watch_create(f->mem, &other), 0);
    mem_watch_add(other, BASE + PAGE, 2 * PAGE);
    mem_watch_start(other);
    assert_true(mem_page_watched(region, BASE) && mem_page_watched(region, BASE + 2 * PAGE + 17));
    assert_false(mem_page_watched(region, BASE + 3 * PAGE));
    mem_watch_add(other, BASE + 127 * PAGE, PAGE);
    mem_watch_start(other);
    assert_true(mem_range_watched(region, BASE, SIZE));
    assert_true(mem_range_watched(region, BASE + 3 * PAGE - 1, 1));
    assert_false(mem_range_watched(region, BASE + 3 * PAGE, 124 * PAGE));
    assert_true(mem_range_watched(region, BASE + 3 * PAGE, 124 * PAGE + 1));
    assert_false(mem_range_watched(region, BASE + 128 * PAGE, SIZE - 128 * PAGE));
    assert_false(mem_range_watched(region, BASE, 0));
    mem_watch_destroy(other);
    assert_true(mem_page_watched(region, BASE + PAGE));
    assert_false(mem_page_watched(region, BASE + 2 * PAGE));
    assert_false(mem_range_watched(region, BASE + 2 * PAGE, SIZE - 2 * PAGE));
}

/* An engine whose hardware knows what was written (struct fixture: what it was asked for). */

static void mark_on_collect(void *ctx, uint64_t ipa, uint64_t len)
{
    struct fixture *f = ctx;

    f->collected++;
    f->ipa = ipa;
    f->len = len;
    mem_mark_dirty(f->mem, BASE + 70 * PAGE, 1);
    mem_mark_dirty(f->mem, BASE + 90 * PAGE, 1);
}

static void note_unwatch(void *ctx)
{
    struct fixture *f = ctx;

    f->still_watched = mem_range_watched(mem_find(f->mem, BASE, 1), BASE, SIZE);
    f->unwatched++;
}

static void engines_are_asked_what_was_written(void **state)
{
    struct fixture *f = *state;
    struct mem_watch *other;

    mem_set_tracker(f->mem, &(struct mem_tracker){.rearm = note_rearm,
                                                  .collect = mark_on_collect,
                                                  .unwatch = note_unwatch,
                                                  .ctx = f});
    mem_watch_take(f->watch);
    assert_int_equal(f->collected, 0); /* it watches nothing */
    mem_watch_add(f->watch, BASE + 65 * PAGE, 10 * PAGE);
    mem_watch_start(f->watch);
    assert_int_equal(mem_watch_create(f->mem, &other), 0);
    mem_watch_add(other, BASE + 80 * PAGE, 20 * PAGE);
    mem_watch_start(other);
    mem_watch_forget_all(f->watch);
    mem_watch_forget_all(other);
    assert_true(mem_watch_take(f->watch));
    assert_int_equal(f->collected, 1);
    assert_int_equal(count_written(f->watch), 1);
    assert_true(mem_watch_written(f->watch, BASE + 70 * PAGE, 1));
    assert_int_equal(f->rearmed, 1);
    assert_true(mem_watch_take(other)); /* what was collected for it as well */
    assert_int_equal(count_written(other), 1);
    mem_watch_destroy(other);
    assert_int_equal(f->unwatched, 1);
    assert_true(f->still_watched);
    mem_watch_destroy(f->watch);
    f->watch = NULL;
    assert_int_equal(f->unwatched, 2);
    assert_false(f->still_watched);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(starts_with_everything_written, setup, teardown),
        cmocka_unit_test_setup_teardown(forgets_whole_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(notices_all_writers, setup, teardown),
        cmocka_unit_test_setup_teardown(every_watch_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(says_what_is_watched, setup, teardown),
        cmocka_unit_test_setup_teardown(engines_are_asked_what_was_written, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
