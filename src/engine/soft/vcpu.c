/* SPDX-License-Identifier: ISC */
/*
 * The vCPU verbs of engine.h for the soft engines: creation, the way in and out of vcpu_run,
 * registers.
 */
#include "engine/soft/private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arm/regs.h"
#include "engine/soft/pauth.h"

/* --- creation --- */

int soft_vcpu_create(struct engine_vm *e, unsigned index, struct vcpu **out, struct error *err)
{
    struct soft_vm *vm = &e->soft;
    struct vcpu *v;
    unsigned cpus;

    if (index >= ENGINE_MAX_VCPUS || atomic_load(&vm->cpu[index]))
        return error_set(err, EINVAL, "engine: CPU %u is out of range or exists already", index);
    v = calloc(1, sizeof(*v));
    if (!v)
        return error_set(err, ENOMEM, "no memory for CPU %u", index);
    v->cpu.index = index;
    v->cpu.vm = vm;
    v->cpu.tlb = &v->tlb;
    v->cpu.priv = &v->priv;
    soft_tlb_init(&v->tlb);
    pthread_mutex_init(&v->priv.mailbox.lock, NULL);
    if (vm->engine->create(&v->cpu)) {
        pthread_mutex_destroy(&v->priv.mailbox.lock);
        free(v);
        return error_set(err, ENOMEM, "no memory for the instruction cache of CPU %u", index);
    }
    soft_vcpu_reset(v);
    atomic_store(&vm->cpu[index], &v->cpu);
    cpus = atomic_load(&vm->cpus);
    while (cpus <= index && !atomic_compare_exchange_weak(&vm->cpus, &cpus, index + 1))
        ;
    /* What was translated for one vCPU alone does without LOCK. */
    soft_request_broadcast(&v->cpu,
                           &(struct soft_request){.kind = SOFT_DROP_CODE, .len = UINT64_MAX});
    *out = v;
    return 0;
}

void soft_vcpu_destroy(struct vcpu *v)
{
    if (!v)
        return;
    soft_section_lock(&v->cpu);
    pthread_mutex_lock(&v->cpu.vm->rearm_lock);
    atomic_store(&v->cpu.vm->cpu[v->cpu.index], NULL);
    pthread_mutex_unlock(&v->cpu.vm->rearm_lock);
    soft_section_unlock(&v->cpu);
    v->cpu.vm->engine->destroy(&v->cpu);
    pthread_mutex_destroy(&v->priv.mailbox.lock);
    free(v);
}

void soft_vcpu_reset(struct vcpu *v)
{
    struct soft_cpu *c = &v->cpu;

    memset(c->x, 0, sizeof(c->x));
    memset(c->v, 0, sizeof(c->v));
    memset(c->sp_el, 0, sizeof(c->sp_el));
    c->pc = c->next_pc = 0;
    c->nzcv = c->fpcr = c->fpsr = 0;
    c->el = c->spsel = 1;
    c->daif = PSTATE_DAIF;
    c->pan = c->uao = c->ssbs = c->ss = c->il = 0;
    c->excl_valid = c->event = false;
    __atomic_store_n(&c->slice, c->vm->engine->slice, __ATOMIC_RELAXED);
    memset(&v->priv.replay, 0, sizeof(v->priv.replay));
    memset(&v->priv.timer_level, 0, sizeof(v->priv.timer_level));
    v->priv.pending = SOFT_PENDING_NONE;
    c->held &= ~SOFT_INTERRUPTS;
    v->priv.timer_next = UINT64_MAX;
    soft_sysreg_reset(c);
    pauth_update(c);
    soft_tlb_flush(c);
    soft_tlb_switch(c);
    c->vm->engine->drop_code(c, 0, UINT64_MAX);
    soft_context_changed(c);
    soft_interrupts_changed(c);
}

/* --- running --- */

_Noreturn void soft_leave(struct soft_cpu *c, enum exit_kind kind)
{
    c->exit.kind = kind;
    c->priv->stats.exits[kind]++;
    c->priv->leaving = true;
    soft_unwind(c);
}

void soft_attend(struct soft_cpu *c)
{
    uint32_t what = atomic_load(&c->attention);

    if (what & SOFT_ATTEND_PARK)
        soft_section_park(c);
    if (what & SOFT_ATTEND_MAINTAIN)
        soft_request_drain(c);
    if (what & SOFT_ATTEND_KICK) {
        soft_attention_clear(c, SOFT_ATTEND_KICK);
        soft_leave(c, EXIT_KICKED);
    }
    if (what & SOFT_ATTEND_TIMER) {
        soft_attention_clear(c, SOFT_ATTEND_TIMER);
        soft_timer_poll(c);
    }
    if (what & SOFT_ATTEND_INTERRUPT)
        soft_take_interrupt(c);
    if (what & SOFT_ATTEND_SECTION)
        soft_section_run(c);
}

/* Executes again the instruction that left for an MMIO access, with the machine's answer in its
 * log. */
static void complete_mmio(struct soft_cpu *c)
{
    struct soft_replay *r = &c->priv->replay;

    r->value[r->count] = c->exit.mmio.value;
    r->abort[r->count] = c->exit.mmio.abort == EXIT_ABORT_SYNC;
    r->count++;
    r->next = 0;
    if (c->exit.mmio.abort == EXIT_ABORT_SERROR)
        c->held |= PSTATE_A;
    c->vm->engine->step(c);
    r->count = r->next = 0;
    soft_interrupts_changed(c);
}

static void complete_sysreg(struct soft_cpu *c)
{
    if (c->exit.sysreg.undefined)
        soft_undefined(c);
    if (!c->exit.sysreg.write)
        soft_set_x(c, c->priv->pending_rt, c->exit.sysreg.value);
    c->pc += 4;
    c->ss = 0;
}

/* Completes what the last exit left open. May raise, may leave again. */
static void complete(struct soft_cpu *c)
{
    enum soft_pending pending = c->priv->pending;

    c->priv->pending = SOFT_PENDING_NONE;
    switch (pending) {
    case SOFT_PENDING_NONE: break;
    case SOFT_PENDING_MMIO: complete_mmio(c); break;
    case SOFT_PENDING_SYSREG: complete_sysreg(c); break;
    case SOFT_PENDING_SMCCC:
        for (unsigned i = 0; i < 4; i++)
            c->x[i] = c->exit.smccc.x[i];
        break;
    }
}

static void enter(struct soft_cpu *c)
{
    soft_request_drain(c);
    soft_attention_set(c, SOFT_ATTEND_TIMER);
    complete(c);
}

/* Exceptions and exits come back to the setjmp here. */
static void run(struct soft_cpu *c)
{
    if (sigsetjmp(c->unwind, 0) == 0)
        enter(c);
    else
        soft_section_end(c);
    while (!c->priv->leaving)
        c->vm->engine->loop(c);
    if (c->vm->engine->sync)
        c->vm->engine->sync(c);
}

int soft_vcpu_run(struct vcpu *v, struct vcpu_exit **exit)
{
    v->priv.leaving = false;
    v->priv.debug_first = true;
    v->cpu.ticks.window = 0; /* the machine's clock may have stood still */
    soft_code_moved(&v->cpu);
    atomic_store(&v->priv.running, true);
    soft_section_park(&v->cpu);
    run(&v->cpu);
    atomic_store(&v->priv.running, false);
    *exit = &v->cpu.exit;
    return 0;
}

void soft_vcpu_kick(struct vcpu *v)
{
    soft_attention_set(&v->cpu, SOFT_ATTEND_KICK);
}

void soft_vcpu_irq(struct vcpu *v, bool irq, bool fiq)
{
    struct soft_cpu *c = &v->cpu;

    c->held &= ~(uint32_t)(PSTATE_I | PSTATE_F);
    c->held |= (irq ? PSTATE_I : 0) | (fiq ? PSTATE_F : 0);
    soft_interrupts_changed(c);
}

void soft_vcpu_vtimer(struct vcpu *v, bool *virt, bool *phys, uint64_t *deadline_ns)
{
    soft_timer_levels(&v->cpu, virt, phys);
    *deadline_ns = soft_timer_deadline_ns(&v->cpu);
}

void soft_vcpu_stats(struct vcpu *v, struct vcpu_stats *stats)
{
    *stats = v->priv.stats;
    stats->instructions = soft_instructions(&v->cpu);
    if (v->cpu.vm->engine->stats)
        v->cpu.vm->engine->stats(&v->cpu, stats);
}

int soft_vcpu_debug(struct vcpu *v, const struct vcpu_debug *debug)
{
    if (debug->breakpoints > nitems(debug->breakpoint))
        return -EINVAL;
    v->priv.debug = *debug;
    soft_debug_changed(&v->cpu);
    return 0;
}

/* --- registers --- */

int soft_vcpu_get(struct vcpu *v, enum vcpu_reg reg, uint64_t *value)
{
    const struct soft_cpu *c = &v->cpu;

    if (reg <= VCPU_SP) {
        *value = c->x[reg];
        return 0;
    }
    switch (reg) {
    case VCPU_PC: *value = c->pc; return 0;
    case VCPU_PSTATE: *value = soft_pstate_get(c); return 0;
    case VCPU_FPCR: *value = c->fpcr; return 0;
    case VCPU_FPSR: *value = c->fpsr; return 0;
    default: return -EINVAL;
    }
}

int soft_vcpu_set(struct vcpu *v, enum vcpu_reg reg, uint64_t value)
{
    struct soft_cpu *c = &v->cpu;

    if (reg <= VCPU_SP) {
        c->x[reg] = value;
        return 0;
    }
    switch (reg) {
    case VCPU_PC: c->pc = value; return 0;
    case VCPU_PSTATE:
        if ((value & PSTATE_MODE) != PSTATE_EL0T && (value & PSTATE_MODE) != PSTATE_EL1T &&
            (value & PSTATE_MODE) != PSTATE_EL1H)
            return -EINVAL;
        soft_pstate_set(c, (uint32_t)value);
        return 0;
    case VCPU_FPCR: soft_sysreg_raw_set(c, SYSREG_FPCR, value); return 0;
    case VCPU_FPSR: soft_sysreg_raw_set(c, SYSREG_FPSR, value); return 0;
    default: return -EINVAL;
    }
}

int soft_vcpu_get_v(struct vcpu *v, unsigned index, uint64_t value[2])
{
    if (index >= nitems(v->cpu.v))
        return -EINVAL;
    memcpy(value, v->cpu.v[index].d, 16);
    return 0;
}

int soft_vcpu_set_v(struct vcpu *v, unsigned index, const uint64_t value[2])
{
    if (index >= nitems(v->cpu.v))
        return -EINVAL;
    memcpy(v->cpu.v[index].d, value, 16);
    return 0;
}

int soft_vcpu_sysreg_get(struct vcpu *v, uint32_t key, uint64_t *value)
{
    const struct sysreg_info *info = sysreg_lookup(key);

    if (!info || info->kind == SYSREG_GIC)
        return -ENOENT;
    *value = soft_sysreg_raw_get(&v->cpu, info->id);
    return 0;
}

int soft_vcpu_sysreg_set(struct vcpu *v, uint32_t key, uint64_t value)
{
    const struct sysreg_info *info = sysreg_lookup(key);

    if (!info || info->kind == SYSREG_GIC)
        return -ENOENT;
    soft_sysreg_raw_set(&v->cpu, info->id, value);
    return 0;
}

int soft_vcpu_translate(struct vcpu *v, uint64_t va, uint64_t *ipa)
{
    struct soft_walk w;

    soft_walk(&v->cpu, va, v->cpu.el, false, &w);
    if (w.faulted || !w.read[v->cpu.el])
        return -EFAULT;
    *ipa = w.pa;
    return 0;
}
