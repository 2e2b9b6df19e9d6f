/* SPDX-License-Identifier: ISC */
/*
 * The generic timer's counter by the host's time stamp counter (SDM 3B, 18.17); see counter.h.
 *
 * The machine's clock, which the timers go by, is asked every 50 us at least. In between the
 * counter goes on at the rate that was measured, a little less: what is read that way is never
 * ahead of the clock, and behind it by no more than it takes to ask it. So it never goes back on a
 * vCPU, and between vCPUs not by as much as they need to tell each other.
 */
#include "engine/jit/counter.h"

#include <cpuid.h>
#include <x86intrin.h>

#include "base/bits.h"
#include "base/units.h"
#include "engine/jit/jit.h"
#include "engine/soft/private.h"

#define HZ         UINT64_C(24000000)
#define WINDOW_NS  UINT64_C(50000)
#define MEASURE_NS (20 * NS_PER_MSEC) /* a rate over that time is good to some millionths */
#define SLOWER     100000             /* by this part of it, to be safe */

static bool is_invariant(void)
{
    unsigned a, b, c, d;

    return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & 1u << 8);
}

void counter_init(struct counter *m, const struct engine_vm_config *config)
{
    *m = (struct counter){.usable = config->clock_steady && config->clock_ns && is_invariant()};
}

/* Between two reads of the host's counter nothing else may have run: then they are close. */
static bool sample(struct soft_cpu *c, uint64_t *tsc, uint64_t *ns)
{
    const struct engine_vm_config *config = &c->vm->config;
    uint64_t before = __rdtsc();
    unsigned aux;

    *ns = config->clock_ns(config->clock_ctx);
    *tsc = __rdtscp(&aux);
    return *tsc - before < 1000;
}

/* Measures the rate anew when enough time has gone by. One that is not what it was is not believed:
 * the machine was stopped meanwhile, or the host slept. */
static void measure(struct counter *m, uint64_t tsc, uint64_t ns)
{
    unsigned __int128 counts = (unsigned __int128)(ns - m->ns) * HZ << 32;
    uint64_t rate;

    if (m->tsc == 0 || tsc <= m->tsc || ns < m->ns) {
        *m = (struct counter){.usable = true, .tsc = tsc, .ns = ns};
        return;
    }
    if (ns - m->ns < MEASURE_NS)
        return;
    rate = (uint64_t)(counts / NS_PER_SEC / (tsc - m->tsc));
    rate -= rate / SLOWER;
    *m = (struct counter){.usable = true,
                          .tsc = tsc,
                          .ns = ns,
                          .rate = rate,
                          .agreed =
                              rate <= m->rate + m->rate / 1000 && rate >= m->rate - m->rate / 1000};
}

/* The counter at `tsc` as it has been read so far must not be undercut. */
static void not_before(struct soft_ticks *t, const struct soft_ticks *old)
{
    uint64_t ticks = t->start - old->start, fraction = old->fraction + ticks * old->rate;
    uint64_t count = old->count + (fraction >> 32);

    if (old->window == 0 || ticks >= 2 * old->window)
        return;
    fraction &= UINT32_MAX;
    if (count > t->count || (count == t->count && fraction > t->fraction)) {
        t->count = count;
        t->fraction = fraction;
    }
}

static struct soft_ticks ticks_at(const struct counter *m, uint64_t tsc, uint64_t ns)
{
    unsigned __int128 counts = (unsigned __int128)ns * HZ;
    uint64_t left = (uint64_t)(counts % NS_PER_SEC);
    uint64_t rate = m->agreed ? m->rate : 0;

    return (struct soft_ticks){
        .start = tsc,
        .rate = rate,
        .window = rate ? (WINDOW_NS * HZ / NS_PER_SEC << 32) / rate : 0,
        .fraction = (left << 32) / NS_PER_SEC,
        .count = (uint64_t)(counts / NS_PER_SEC),
    };
}

void counter_read(struct soft_cpu *c, uint64_t rt)
{
    struct counter *m = jit_counter(c);
    struct soft_ticks old = c->ticks;
    uint64_t tsc, ns;

    c->ticks.window = 0;
    if (!m->usable || !sample(c, &tsc, &ns)) {
        soft_set_x(c, (unsigned)rt, soft_counter(c));
        return;
    }
    measure(m, tsc, ns);
    c->ticks = ticks_at(m, tsc, ns);
    not_before(&c->ticks, &old);
    soft_set_x(c, (unsigned)rt, c->ticks.count);
}
