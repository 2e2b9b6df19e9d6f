/* SPDX-License-Identifier: ISC */
/*
 * The generic timer (Arm ARM D11): virtual and physical EL1 timers of one vCPU over the machine
 * clock. CNTVOFF is 0: there is no EL2, so both count the same.
 *
 * The clock is looked at once a slice of instructions, when a timer register is touched, and when
 * vcpu_run begins. An output that changed is an exit (EXIT_VTIMER): the interrupt controller is the
 * machine's.
 */
#include "engine/soft/private.h"

#include "arm/regs.h"
#include "base/units.h"
#include "host/clock.h"

#define COUNTER_HZ UINT64_C(24000000)
/* 3 ticks are 125 ns. */
#define TICKS   UINT64_C(3)
#define TICK_NS UINT64_C(125)
_Static_assert(COUNTER_HZ *TICK_NS == TICKS * NS_PER_SEC, "the counter's period");

static enum sysreg_id ctl_id(unsigned timer)
{
    return timer == SOFT_TIMER_VIRT ? SYSREG_CNTV_CTL_EL0 : SYSREG_CNTP_CTL_EL0;
}

static enum sysreg_id cval_id(unsigned timer)
{
    return timer == SOFT_TIMER_VIRT ? SYSREG_CNTV_CVAL_EL0 : SYSREG_CNTP_CVAL_EL0;
}

uint64_t soft_counter(struct soft_cpu *c)
{
    const struct engine_vm_config *config = &c->vm->config;
    uint64_t ns = config->clock_ns ? config->clock_ns(config->clock_ctx) : host_clock_monotonic();

    /* units_scale() by a constant, without its 128 bits: guests read the counter all the time. */
    return ns / TICK_NS * TICKS + ns % TICK_NS * TICKS / TICK_NS;
}

/* The output of a timer at `now`, and the count at which it rises if it is to. */
static bool output(const struct soft_cpu *c, unsigned timer, uint64_t now, uint64_t *next)
{
    uint64_t ctl = c->sysreg[ctl_id(timer)], cval = c->sysreg[cval_id(timer)];

    if (!(ctl & CNT_CTL_ENABLE) || (ctl & CNT_CTL_IMASK))
        return false;
    if (now >= cval)
        return true;
    *next = MIN(*next, cval);
    return false;
}

/* Recomputes timer_next; true when an output differs from what the machine knows. */
static bool update(struct soft_cpu *c, uint64_t now)
{
    struct soft_private *p = c->priv;
    bool changed = false;

    p->timer_next = UINT64_MAX;
    for (unsigned i = 0; i < SOFT_TIMER_COUNT; i++)
        changed |= output(c, i, now, &p->timer_next) != p->timer_level[i];
    return changed;
}

bool soft_timer_update(struct soft_cpu *c)
{
    return update(c, soft_counter(c));
}

void soft_timer_levels(struct soft_cpu *c, bool *virt, bool *phys)
{
    uint64_t now = soft_counter(c), next = UINT64_MAX;

    update(c, now);
    *virt = output(c, SOFT_TIMER_VIRT, now, &next);
    *phys = output(c, SOFT_TIMER_PHYS, now, &next);
}

void soft_timer_poll(struct soft_cpu *c)
{
    uint64_t now = soft_counter(c), next = UINT64_MAX;

    if (!update(c, now))
        return;
    for (unsigned i = 0; i < SOFT_TIMER_COUNT; i++)
        c->priv->timer_level[i] = output(c, i, now, &next);
    c->exit.vtimer.virt = c->priv->timer_level[SOFT_TIMER_VIRT];
    c->exit.vtimer.phys = c->priv->timer_level[SOFT_TIMER_PHYS];
    soft_leave(c, EXIT_VTIMER);
}

uint64_t soft_timer_deadline_ns(struct soft_cpu *c)
{
    uint64_t next = c->priv->timer_next;

    /* Rounded up, so that the counter has reached it then. A deadline beyond what ns can count
     * never comes. */
    if (next > UINT64_MAX / (NS_PER_SEC / COUNTER_HZ + 1))
        return UINT64_MAX;
    return units_scale(next, NS_PER_SEC, COUNTER_HZ) + 1;
}

/* --- registers --- */

uint64_t soft_timer_read(struct soft_cpu *c, unsigned timer, unsigned reg)
{
    uint64_t ctl = c->sysreg[ctl_id(timer)], cval = c->sysreg[cval_id(timer)];

    switch (reg) {
    case SOFT_TIMER_CTL:
        if ((ctl & CNT_CTL_ENABLE) && soft_counter(c) >= cval)
            ctl |= CNT_CTL_ISTATUS;
        return ctl;
    case SOFT_TIMER_CVAL: return cval;
    default: return (uint32_t)(cval - soft_counter(c));
    }
}

void soft_timer_write(struct soft_cpu *c, unsigned timer, unsigned reg, uint64_t value)
{
    switch (reg) {
    case SOFT_TIMER_CTL: c->sysreg[ctl_id(timer)] = value & (CNT_CTL_ENABLE | CNT_CTL_IMASK); break;
    case SOFT_TIMER_CVAL: c->sysreg[cval_id(timer)] = value; break;
    default: c->sysreg[cval_id(timer)] = soft_counter(c) + (uint64_t)sign_extend(value, 32); break;
    }
    if (soft_timer_update(c))
        soft_attention_set(c, SOFT_ATTEND_TIMER);
}

uint64_t soft_instructions(const struct soft_cpu *c)
{
    int32_t left = soft_slice(c);

    if (left < -SOFT_POKE / 2)
        left += SOFT_POKE;
    return c->instructions + (uint64_t)(int64_t)(c->vm->engine->slice - left);
}

void soft_slice_end(struct soft_cpu *c)
{
    c->instructions = soft_instructions(c);
    __atomic_store_n(&c->slice, c->vm->engine->slice, __ATOMIC_RELAXED);
    if (c->priv->timer_next != UINT64_MAX && soft_counter(c) >= c->priv->timer_next)
        soft_timer_poll(c);
    if (c->fpcr) /* FPSR.IXC, which the context depends on, may have been set */
        soft_context_changed(c);
}
