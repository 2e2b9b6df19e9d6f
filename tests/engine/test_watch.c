/* SPDX-License-Identifier: ISC */
/*
 * Watched pages (mem/watch.c): a vCPU's stores of every kind are noticed, and none is lost while
 * another thread collects.
 */
#include "rig.h"

#include <pthread.h>
#include <string.h>

#define X(n)  ((enum vcpu_reg)(n))
#define PAGE  UINT64_C(4096)
#define PAGES 16

/* A watch on all of RAM that has been emptied. */
static struct mem_watch *watch_all(struct rig *rig)
{
    struct mem_watch *watch;

    assert_int_equal(mem_watch_create(rig->mem, &watch), 0);
    mem_watch_add(watch, RAM, RAM_LEN);
    mem_watch_start(watch);
    mem_watch_take(watch);
    mem_watch_forget(watch, RAM, RAM_LEN);
    return watch;
}

/* The one page that was written, and forgotten now; 0 when there is none, 1 when there are more. */
static uint64_t only_page(struct mem_watch *watch)
{
    uint64_t found = 0;

    mem_watch_take(watch);
    for (uint64_t page = RAM; page < RAM + RAM_LEN; page += PAGE)
        if (mem_watch_written(watch, page, PAGE))
            found = found ? 1 : page;
    mem_watch_forget(watch, RAM, RAM_LEN);
    return found;
}

static void stores_are_noticed(void **state)
{
    static const uint32_t stores[] = {STR, STRB, STP, STR_Q, LDADD, DC_ZVA};
    struct rig *rig = rig_create(ENGINE_CPU_ATOLL);
    struct mem_watch *watch;

    rig_mmu_on(rig);
    rig_set(rig, X(1), DATA);
    for (size_t i = 0; i < nitems(stores); i++) {
        rig_code(rig, 3, LDR, stores[i], LDR);
        rig_run_to_end(rig); /* the TLB knows the page before somebody watches it */
        watch = watch_all(rig);
        for (unsigned again = 0; again < 3; again++) {
            rig_set(rig, VCPU_PC, CODE);
            rig_run_to_end(rig);
            assert_int_equal(only_page(watch), DATA);
        }
        rig_code(rig, 1, LDR);
        mem_watch_take(watch);
        mem_watch_forget(watch, RAM, RAM_LEN);
        rig_run_to_end(rig); /* a load is not a store */
        assert_int_equal(only_page(watch), 0);
        mem_watch_destroy(watch);
    }
    rig_destroy(rig);
}

static void exclusive_stores_are_noticed(void **state)
{
    struct rig *rig = rig_create(ENGINE_CPU_ATOLL);
    struct mem_watch *watch;

    rig_mmu_on(rig);
    rig_set(rig, X(1), DATA);
    rig_code(rig, 2, LDXR, STXR);
    watch = watch_all(rig);
    for (unsigned again = 0; again < 3; again++) {
        rig_set(rig, VCPU_PC, CODE);
        rig_run_to_end(rig);
        assert_int_equal(rig_get(rig, X(3)), 0);
        assert_int_equal(only_page(watch), DATA);
    }
    mem_watch_destroy(watch);
    rig_destroy(rig);
}

static void an_access_across_pages_marks_both(void **state)
{
    struct rig *rig = rig_create(ENGINE_CPU_ATOLL);
    struct mem_watch *watch;

    rig_mmu_on(rig);
    rig_code(rig, 1, STR);
    rig_set(rig, X(1), DATA + PAGE - 4);
    watch = watch_all(rig);
    rig_run_to_end(rig);
    mem_watch_take(watch);
    assert_true(mem_watch_written(watch, DATA, 1));
    assert_true(mem_watch_written(watch, DATA + PAGE, 1));
    assert_false(mem_watch_written(watch, DATA + 2 * PAGE, 1));
    mem_watch_destroy(watch);
    rig_destroy(rig);
}

/* A thread that copies what was written, over and over. */
struct copier {
    struct rig *rig;
    struct mem_watch *watch;
    uint64_t copy[PAGES];
    _Atomic unsigned rounds;
    _Atomic bool over;
    bool backwards; /* a copy was older than the one before */
};

static void copy_written(struct copier *c)
{
    mem_watch_take(c->watch);
    for (unsigned i = 0; i < PAGES; i++) {
        uint64_t before = c->copy[i];

        if (!mem_watch_written(c->watch, DATA + i * PAGE, PAGE))
            continue;
        mem_watch_forget(c->watch, DATA + i * PAGE, PAGE);
        mem_load(c->rig->mem, DATA + i * PAGE, 8, &c->copy[i]);
        c->backwards |= c->copy[i] < before;
    }
}

static void *copy_all_the_time(void *arg)
{
    struct copier *c = arg;

    while (!atomic_load(&c->over)) {
        copy_written(c);
        atomic_fetch_add(&c->rounds, 1);
    }
    return NULL;
}

/* Stores a growing number to one page after another. */
static const uint32_t writer[] = {
    0x91000400, /* add x0, x0, #1 */
    0x92400c02, /* and x2, x0, #15 */
    0xd374cc42, /* lsl x2, x2, #12 */
    0x8b020023, /* add x3, x1, x2 */
    0xf9000060, /* str x0, [x3] */
    0xf10004c6, /* subs x6, x6, #1 */
    0x54ffff41, /* b.ne the first */
};

/* At the end of any burst of stores, one more look makes the copy equal. */
static void no_store_is_lost(void **state)
{
    struct copier c = {.rig = rig_create(ENGINE_CPU_ATOLL)};
    pthread_t thread;

    rig_mmu_on(c.rig);
    rig_set(c.rig, X(0), 0);
    rig_set(c.rig, X(1), DATA);
    for (unsigned burst = 0; burst < 20; burst++) {
        unsigned from;

        c.watch = watch_all(c.rig);
        for (unsigned i = 0; i < PAGES; i++)
            c.copy[i] = rig_peek(c.rig, DATA + i * PAGE);
        from = atomic_load(&c.rounds);
        atomic_store(&c.over, false);
        assert_int_equal(pthread_create(&thread, NULL, copy_all_the_time, &c), 0);
        do {
            rig_code(c.rig, 7, writer[0], writer[1], writer[2], writer[3], writer[4], writer[5],
                     writer[6]);
            rig_set(c.rig, X(6), 5000);
            rig_run_to_end(c.rig);
        } while (atomic_load(&c.rounds) - from < 20);
        atomic_store(&c.over, true);
        pthread_join(thread, NULL);
        copy_written(&c);
        for (unsigned i = 0; i < PAGES; i++)
            assert_int_equal(c.copy[i], rig_peek(c.rig, DATA + i * PAGE));
        assert_false(c.backwards);
        mem_watch_destroy(c.watch);
    }
    rig_destroy(c.rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores_are_noticed),
        cmocka_unit_test(exclusive_stores_are_noticed),
        cmocka_unit_test(an_access_across_pages_marks_both),
        cmocka_unit_test(no_store_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
