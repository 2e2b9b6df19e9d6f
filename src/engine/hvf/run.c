/* SPDX-License-Identifier: ISC */
/*
 * vcpu_run: from one exit that machine/ has to see to the next. What the engine can answer alone
 * stays in this loop.
 */
#include "engine/hvf/private.h"

#include <stdio.h>
#include <string.h>

#include "arm/esr.h"

void hvf_advance(struct vcpu *v)
{
    hvf_set(v, HV_REG_PC, hvf_get(v, HV_REG_PC) + 4);
    hvf_set(v, HV_REG_CPSR, hvf_get(v, HV_REG_CPSR) & ~PSTATE_SS);
}

void hvf_vcpu_kick(struct vcpu *v)
{
    atomic_store(&v->kicked, true);
    hv_vcpus_exit(&v->id, 1);
    hvf_wake_kicked(v->vm);
}

void hvf_vcpu_irq(struct vcpu *v, bool irq, bool fiq)
{
    v->irq = irq;
    v->fiq = fiq;
}

void hvf_vcpu_stats(struct vcpu *v, struct vcpu_stats *stats)
{
    *stats = v->stats;
}

/* --- exits --- */

static bool leave(struct vcpu *v, enum exit_kind kind)
{
    v->exit.kind = kind;
    return true;
}

static bool leave_fault(struct vcpu *v, const char *text)
{
    snprintf(v->exit.fault.text, sizeof(v->exit.fault.text), "%s", text);
    v->exit.fault.pc = hvf_get(v, HV_REG_PC);
    return leave(v, EXIT_FAULT);
}

static bool leave_vtimer(struct vcpu *v)
{
    v->exit.vtimer.virt = v->virt;
    v->exit.vtimer.phys = v->phys;
    return leave(v, EXIT_VTIMER);
}

/* Immediates other than 0 are no calls of SMCCC: without EL2 and EL3 they are UNDEFINED. After HVC
 * the framework has PC past the instruction, after SMC at it. With an EL2 of the guest's own HVC
 * goes there. */
static bool exit_smccc(struct vcpu *v, uint32_t esr, bool smc)
{
    if (esr & 0xffff) {
        if (!smc)
            hvf_set(v, HV_REG_PC, hvf_get(v, HV_REG_PC) - 4);
        hvf_inject_undefined(v);
        return false;
    }
    if (smc)
        hvf_advance(v);
    v->exit.smccc.smc = smc;
    for (unsigned i = 0; i < nitems(v->exit.smccc.x); i++)
        v->exit.smccc.x[i] = hvf_x(v, i);
    v->pending = HVF_PENDING_SMCCC;
    return leave(v, EXIT_SMCCC);
}

static bool exit_wfx(struct vcpu *v, uint32_t esr)
{
    bool virt, phys;

    hvf_advance(v);
    if (esr & 1) /* WFE, which may end at any time */
        return false;
    if (v->vm->gic) {
        hvf_wait(v);
        return false;
    }
    hvf_vcpu_vtimer(v, &virt, &phys, &v->exit.wfi.deadline_ns);
    if (virt || phys)
        v->exit.wfi.deadline_ns = 0;
    return leave(v, EXIT_WFI);
}

static bool exit_exception(struct vcpu *v)
{
    uint32_t esr = (uint32_t)v->why->exception.syndrome;

    switch (esr_ec(esr)) {
    case ESR_EC_WFX: return exit_wfx(v, esr);
    case ESR_EC_HVC64: return exit_smccc(v, esr, false);
    case ESR_EC_SMC64: return exit_smccc(v, esr, true);
    case ESR_EC_SYS64: return hvf_trap(v, esr);
    case ESR_EC_IABT_LOWER:
    case ESR_EC_DABT_LOWER: return hvf_abort(v, esr);
    case ESR_EC_BREAKPOINT_LOWER:
    case ESR_EC_STEP_LOWER:
    case ESR_EC_WATCHPOINT_LOWER:
    case ESR_EC_BRK64: return hvf_debug_exception(v, esr);
    default: break;
    }
    snprintf(v->exit.fault.text, sizeof(v->exit.fault.text),
             "an exception of class 0x%02x (syndrome 0x%08x)", esr_ec(esr), esr);
    v->exit.fault.pc = hvf_get(v, HV_REG_PC);
    return leave(v, EXIT_FAULT);
}

static bool translate(struct vcpu *v)
{
    switch (v->why->reason) {
    case HV_EXIT_REASON_CANCELED:
        return atomic_exchange(&v->kicked, false) && leave(v, EXIT_KICKED);
    case HV_EXIT_REASON_EXCEPTION: return exit_exception(v);
    case HV_EXIT_REASON_VTIMER_ACTIVATED:
        v->vtimer_masked = true; /* the framework did */
        v->virt = true;
        return leave_vtimer(v);
    default: return leave_fault(v, "the framework does not know why it stopped");
    }
}

/* --- completion --- */

bool hvf_complete(struct vcpu *v)
{
    uint8_t pending = v->pending;

    v->pending = HVF_PENDING_NONE;
    switch (pending) {
    case HVF_PENDING_MMIO: return hvf_mmio_complete(v);
    case HVF_PENDING_SYSREG: hvf_trap_complete(v); break;
    case HVF_PENDING_SMCCC:
        for (unsigned i = 0; i < 4; i++)
            hvf_set_x(v, i, v->exit.smccc.x[i]);
        break;
    default: break;
    }
    return false;
}

/* --- the loop --- */

/* Returns whether there is an exit before the guest runs at all. */
static bool enter(struct vcpu *v)
{
    if (atomic_exchange(&v->kicked, false))
        return leave(v, EXIT_KICKED);
    if (hvf_timer_enter(v))
        return leave_vtimer(v);
    hvf_inject_serror(v);
    hvf_debug_enter(v);
    if (v->vm->gic) {
        hvf_wait_enter(v);
    } else {
        hv_vcpu_set_pending_interrupt(v->id, HV_INTERRUPT_TYPE_IRQ, v->irq);
        hv_vcpu_set_pending_interrupt(v->id, HV_INTERRUPT_TYPE_FIQ, v->fiq);
    }
    return false;
}

/* What it was that the engine has answered itself: an exit all the same. */
static enum exit_kind answered(const struct vcpu *v)
{
    if (v->why->reason == HV_EXIT_REASON_CANCELED)
        return EXIT_KICKED;
    if (v->why->reason == HV_EXIT_REASON_VTIMER_ACTIVATED)
        return EXIT_VTIMER;
    switch (esr_ec((uint32_t)v->why->exception.syndrome)) {
    case ESR_EC_WFX: return EXIT_WFI;
    case ESR_EC_HVC64:
    case ESR_EC_SMC64: return EXIT_SMCCC;
    case ESR_EC_SYS64: return EXIT_SYSREG;
    case ESR_EC_IABT_LOWER:
    case ESR_EC_DABT_LOWER: return EXIT_MMIO;
    default: return EXIT_DEBUG;
    }
}

static bool run(struct vcpu *v)
{
    hv_return_t ret;
    enum exit_kind kind;

    if (enter(v))
        return true;
    ret = hv_vcpu_run(v->id);
    if (ret != HV_SUCCESS)
        return leave_fault(v, hvf_reason(ret));
    if (translate(v))
        return true;
    kind = answered(v);
    v->stats.exits[kind]++;
    if (kind != EXIT_WFI)
        v->nap = 0;
    return false;
}

int hvf_vcpu_run(struct vcpu *v, struct vcpu_exit **exit)
{
    if (!hvf_complete(v))
        while (!run(v))
            ;
    v->stats.exits[v->exit.kind]++;
    v->nap = 0;
    *exit = &v->exit;
    return 0;
}
