/* SPDX-License-Identifier: ISC */
/*
 * Exclusive sections: one vCPU runs a few instructions while all others of its VM stand still
 * between two of theirs (what for: monitor.c).
 *
 * `section_owner` is the lock and the request in one. Whoever takes it asks all others to look up,
 * and waits until each is parked or outside of vcpu_run; who enters vcpu_run, or ends parking,
 * looks at the owner after it has said so (`running`, `parked`). All of these are sequentially
 * consistent, so either the owner sees the vCPU running and waits for it, or the vCPU sees the
 * owner and parks.
 *
 * Nobody waits in a circle: a vCPU that waits for a section of its own, or in a DSB for others'
 * maintenance, parks meanwhile; one that is parked carries out maintenance; and an owner that
 * leaves vcpu_run, or takes an exception, ends its section on the way.
 */
#include "engine/soft/private.h"

#include <sched.h>

/* Instructions that a section lasts at most: a store-exclusive further away fails. Some ten
 * microseconds. */
#define SECTION_INSNS 1024

void soft_section_park(struct soft_cpu *c)
{
    struct soft_vm *vm = c->vm;
    struct soft_cpu *owner;

    soft_attention_clear(c, SOFT_ATTEND_PARK);
    while ((owner = atomic_load(&vm->section_owner)) && owner != c) {
        atomic_store(&c->priv->parked, true);
        while (atomic_load(&vm->section_owner)) {
            if (atomic_load(&c->attention) & SOFT_ATTEND_MAINTAIN)
                soft_request_drain(c);
            sched_yield();
        }
        atomic_store(&c->priv->parked, false);
    }
}

void soft_section_lock(struct soft_cpu *c)
{
    struct soft_cpu *none = NULL;

    while (!atomic_compare_exchange_strong(&c->vm->section_owner, &none, c)) {
        none = NULL;
        soft_section_park(c);
    }
}

void soft_section_unlock(struct soft_cpu *c)
{
    atomic_store(&c->vm->section_owner, NULL);
}

static bool stands_still(const struct soft_cpu *other)
{
    return atomic_load(&other->priv->parked) || !atomic_load(&other->priv->running);
}

static void begin(struct soft_cpu *c)
{
    unsigned cpus;

    soft_section_lock(c);
    cpus = atomic_load(&c->vm->cpus);
    for (unsigned i = 0; i < cpus; i++) {
        struct soft_cpu *other = atomic_load(&c->vm->cpu[i]);

        if (other && other != c && !stands_still(other))
            soft_attention_set(other, SOFT_ATTEND_PARK);
    }
    for (unsigned i = 0; i < cpus; i++) {
        struct soft_cpu *other = atomic_load(&c->vm->cpu[i]);

        while (other && other != c && !stands_still(other)) {
            if (atomic_load(&c->attention) & SOFT_ATTEND_MAINTAIN)
                soft_request_drain(c);
            sched_yield();
        }
    }
}

void soft_section_end(struct soft_cpu *c)
{
    if (!soft_section_is_mine(c))
        return;
    soft_clear_excl(c);
    soft_section_unlock(c);
}

_Noreturn void soft_section_request(struct soft_cpu *c)
{
    c->priv->section_pc = c->pc;
    soft_attention_set(c, SOFT_ATTEND_SECTION);
    soft_unwind(c);
}

void soft_section_run(struct soft_cpu *c)
{
    soft_attention_clear(c, SOFT_ATTEND_SECTION);
    if (c->pc != c->priv->section_pc)
        return;
    begin(c);
    for (unsigned i = 0; i < SECTION_INSNS; i++) {
        c->vm->engine->step(c);
        if (!c->excl_valid)
            break;
    }
    soft_section_end(c);
}
