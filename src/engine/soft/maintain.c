/* SPDX-License-Identifier: ISC */
/*
 * TLB and instruction cache maintenance that reaches other vCPUs (Arm ARM D8.14, B2.7.4).
 *
 * A vCPU's TLB and decoded code are its own: whoever invalidates posts a request to the owner's
 * mailbox, and the owner carries it out between two instructions. DSB waits until every vCPU that
 * was asked has done so, and carries out requests to itself meanwhile, so two vCPUs in DSB never
 * wait for each other for ever.
 *
 * A vCPU that is not inside vcpu_run counts as having done it: `running` is set before it looks
 * into its mailbox, and whoever waits looks at `running` after posting (both sequentially
 * consistent), so either it is seen running or it sees the request.
 */
#include "engine/soft/private.h"

#include <sched.h>

void soft_request_apply(struct soft_cpu *c, const struct soft_request *r)
{
    switch (r->kind) {
    case SOFT_FLUSH_ALL: soft_tlb_flush(c); break;
    case SOFT_FLUSH_ASID: soft_tlb_flush_asid(c, r->asid); break;
    case SOFT_FLUSH_VA: soft_tlb_flush_va(c, r->arg, r->asid); break;
    case SOFT_REARM: soft_tlb_rearm(c, r->arg, r->len); break;
    case SOFT_DROP_CODE:
        c->vm->engine->drop_code(c, r->arg, r->len);
        soft_code_moved(c);
        break;
    }
}

uint64_t soft_request_post(struct soft_cpu *to, const struct soft_request *r)
{
    struct soft_mailbox *m = &to->priv->mailbox;
    uint64_t number;

    pthread_mutex_lock(&m->lock);
    if (m->count < SOFT_MAILBOX)
        m->request[m->count] = *r;
    if (m->count <= SOFT_MAILBOX)
        m->count++;
    number = atomic_fetch_add(&m->posted, 1) + 1;
    pthread_mutex_unlock(&m->lock);
    soft_attention_set(to, SOFT_ATTEND_MAINTAIN);
    return number;
}

void soft_request_broadcast(struct soft_cpu *c, const struct soft_request *r)
{
    unsigned cpus = atomic_load(&c->vm->cpus);

    for (unsigned i = 0; i < cpus; i++) {
        struct soft_cpu *other = atomic_load(&c->vm->cpu[i]);

        if (!other || other == c)
            continue;
        c->priv->waits[i] = soft_request_post(other, r);
        c->posted = true;
    }
}

void soft_request_drop_code(struct soft_cpu *c, uint64_t pa, uint64_t len)
{
    struct soft_request *g = &c->priv->gathered;

    c->posted = true;
    if (g->len && g->arg + g->len == pa) {
        g->len += len;
        return;
    }
    if (g->len)
        soft_request_broadcast(c, g);
    *g = (struct soft_request){.kind = SOFT_DROP_CODE, .arg = pa, .len = len};
}

void soft_request_drain(struct soft_cpu *c)
{
    static const struct soft_request everything[] = {{.kind = SOFT_FLUSH_ALL},
                                                     {.kind = SOFT_DROP_CODE, .len = UINT64_MAX}};
    struct soft_mailbox *m = &c->priv->mailbox;
    struct soft_request taken[SOFT_MAILBOX];
    unsigned count;
    uint64_t number;

    soft_attention_clear(c, SOFT_ATTEND_MAINTAIN);
    pthread_mutex_lock(&m->lock);
    count = m->count;
    for (unsigned i = 0; i < MIN(count, SOFT_MAILBOX); i++)
        taken[i] = m->request[i];
    m->count = 0;
    number = atomic_load(&m->posted);
    pthread_mutex_unlock(&m->lock);

    if (count > SOFT_MAILBOX)
        for (unsigned i = 0; i < nitems(everything); i++)
            soft_request_apply(c, &everything[i]);
    else
        for (unsigned i = 0; i < count; i++)
            soft_request_apply(c, &taken[i]);
    atomic_store(&m->done, number);
}

static bool is_done(const struct soft_cpu *other, uint64_t number)
{
    return atomic_load(&other->priv->mailbox.done) >= number || !atomic_load(&other->priv->running);
}

void soft_request_wait(struct soft_cpu *c)
{
    unsigned cpus = atomic_load(&c->vm->cpus);

    if (!c->posted)
        return;
    if (c->priv->gathered.len)
        soft_request_broadcast(c, &c->priv->gathered);
    c->priv->gathered.len = 0;
    for (unsigned i = 0; i < cpus; i++) {
        struct soft_cpu *other = atomic_load(&c->vm->cpu[i]);

        if (!other || other == c)
            continue;
        for (unsigned spins = 0; !is_done(other, c->priv->waits[i]); spins++) {
            if (atomic_load(&c->attention) & SOFT_ATTEND_MAINTAIN)
                soft_request_drain(c);
            if (atomic_load(&c->attention) & SOFT_ATTEND_PARK)
                soft_section_park(c);
            if (spins > 64)
                sched_yield();
        }
        c->priv->waits[i] = 0;
    }
    c->posted = false;
}

/* The vCPUs that do not run now look into their mailboxes first when they do. */
void soft_rearm(void *ctx, uint64_t ipa, uint64_t len, bool all)
{
    const struct soft_request request = {
        .kind = all ? SOFT_FLUSH_ALL : SOFT_REARM, .arg = ipa, .len = len};
    struct soft_vm *vm = ctx;
    uint64_t waits[ENGINE_MAX_VCPUS];
    unsigned cpus;

    pthread_mutex_lock(&vm->rearm_lock);
    cpus = atomic_load(&vm->cpus);
    for (unsigned i = 0; i < cpus; i++) {
        struct soft_cpu *cpu = atomic_load(&vm->cpu[i]);

        waits[i] = cpu ? soft_request_post(cpu, &request) : 0;
    }
    for (unsigned i = 0; i < cpus; i++) {
        struct soft_cpu *cpu = atomic_load(&vm->cpu[i]);

        for (unsigned spins = 0; cpu && !is_done(cpu, waits[i]); spins++)
            if (spins > 64)
                sched_yield();
    }
    pthread_mutex_unlock(&vm->rearm_lock);
}
