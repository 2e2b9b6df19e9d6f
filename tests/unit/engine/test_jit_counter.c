/* SPDX-License-Identifier: ISC */
/* The counter by the host's time stamp counter: never ahead of the machine's clock, never back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <x86intrin.h>

#include "base/units.h"
#include "engine/jit/counter.h"
#include "engine/jit/jit.h"
#include "engine/soft/private.h"
#include "host/clock.h"

#define HZ UINT64_C(24000000)

static struct counter counter;

struct counter *jit_counter(struct soft_cpu *c)
{
    return &counter;
}

static uint64_t offset;

static uint64_t clock_ns(void *ctx)
{
    return host_clock_monotonic() + offset;
}

static uint64_t ticks_now(void)
{
    return (uint64_t)((unsigned __int128)clock_ns(NULL) * HZ / NS_PER_SEC);
}

/* engine/soft's, by the clock alone. */
uint64_t soft_counter(struct soft_cpu *c)
{
    return ticks_now();
}

/* As emit_COUNTER has it. */
static uint64_t read_counter(struct soft_cpu *c, unsigned *quick)
{
    uint64_t ticks;

    _mm_lfence();
    ticks = __rdtsc() - c->ticks.start;
    if (ticks >= c->ticks.window) {
        counter_read(c, 0);
        return c->x[0];
    }
    ++*quick;
    return c->ticks.count + ((c->ticks.fraction + ticks * c->ticks.rate) >> 32);
}

static void run_for(struct soft_cpu *c, uint64_t ns, unsigned *quick)
{
    uint64_t end = host_clock_monotonic() + ns, last = 0;

    while (host_clock_monotonic() < end) {
        uint64_t now = read_counter(c, quick);

        assert_true(now >= last);
        assert_true(now <= ticks_now());
        last = now;
    }
}

static void never_back_never_ahead(void **state)
{
    struct soft_vm vm = {.config = {.clock_ns = clock_ns, .clock_steady = true}};
    struct soft_cpu c = {.vm = &vm};
    unsigned quick = 0;

    offset = 0;
    counter_init(&counter, &vm.config);
    for (unsigned i = 0; i < 100 && counter.usable && !quick; i++)
        run_for(&c, 100 * NS_PER_MSEC, &quick);
    assert_true(!counter.usable || quick > 0);
    /* The machine stood still, and was set back: vcpu_run begins anew. */
    offset = -(uint64_t)(20 * NS_PER_MSEC);
    c.ticks.window = 0;
    run_for(&c, 100 * NS_PER_MSEC, &quick);
}

static void not_of_a_clock_of_its_own(void **state)
{
    struct soft_vm vm = {.config = {.clock_ns = clock_ns}};
    struct soft_cpu c = {.vm = &vm};
    unsigned quick = 0;

    counter_init(&counter, &vm.config);
    run_for(&c, 50 * NS_PER_MSEC, &quick);
    assert_int_equal(quick, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_back_never_ahead),
        cmocka_unit_test(not_of_a_clock_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
