/* SPDX-License-Identifier: ISC */
/*
 * The debugger's steps and breakpoints (Arm ARM D2), by the processor's own: while a debugger wants
 * any, debug exceptions come to the engine, MDSCR_EL1 and the breakpoint registers are the
 * engine's, and the guest's accesses to them trap and find its own values here.
 */
#include <errno.h>
#include <string.h>

#include "arm/esr.h"
#include "engine/hvf/private.h"

#define BREAKPOINTS 16
/* DBGBCR<n>_EL1: EL0 and EL1, every byte of the address, on. */
#define BCR_ANYWHERE (UINT64_C(0xf) << 5 | UINT64_C(3) << 1 | DBGBCR_E)

static uint32_t bvr_key(unsigned n)
{
    return SYSREG_KEY(2, 0, 0, n, 4);
}

static uint32_t bcr_key(unsigned n)
{
    return SYSREG_KEY(2, 0, 0, n, 5);
}

static uint64_t raw_get(struct vcpu *v, uint32_t key)
{
    uint64_t value = 0;

    hv_vcpu_get_sys_reg(v->id, (hv_sys_reg_t)key, &value);
    return value;
}

static void raw_set(struct vcpu *v, uint32_t key, uint64_t value)
{
    hv_vcpu_set_sys_reg(v->id, (hv_sys_reg_t)key, value);
}

static unsigned breakpoints(struct vcpu *v)
{
    return (unsigned)bits_get(v->vm->id[SYSREG_ID_AA64DFR0_EL1], 15, 12) + 1;
}

uint64_t *hvf_debug_shadow(struct vcpu *v, enum sysreg_id id)
{
    uint32_t key = sysreg_info(id)->key;
    unsigned n = key >> 3 & 15;

    if (!v->debugging)
        return NULL;
    if (id == SYSREG_MDSCR_EL1)
        return &v->guest_mdscr;
    if (key == bvr_key(n))
        return &v->guest_bvr[n];
    return key == bcr_key(n) ? &v->guest_bcr[n] : NULL;
}

static void begin(struct vcpu *v)
{
    if (v->debugging)
        return;
    v->guest_mdscr = raw_get(v, sysreg_info(SYSREG_MDSCR_EL1)->key);
    for (unsigned n = 0; n < breakpoints(v); n++) {
        v->guest_bvr[n] = raw_get(v, bvr_key(n));
        v->guest_bcr[n] = raw_get(v, bcr_key(n));
    }
    hv_vcpu_set_trap_debug_exceptions(v->id, true);
    hv_vcpu_set_trap_debug_reg_accesses(v->id, true);
    v->debugging = true;
}

static void end(struct vcpu *v)
{
    if (!v->debugging)
        return;
    hv_vcpu_set_trap_debug_exceptions(v->id, false);
    hv_vcpu_set_trap_debug_reg_accesses(v->id, false);
    raw_set(v, sysreg_info(SYSREG_MDSCR_EL1)->key, v->guest_mdscr);
    for (unsigned n = 0; n < breakpoints(v); n++) {
        raw_set(v, bvr_key(n), v->guest_bvr[n]);
        raw_set(v, bcr_key(n), v->guest_bcr[n]);
    }
    hvf_set(v, HV_REG_CPSR, hvf_get(v, HV_REG_CPSR) & ~PSTATE_SS);
    v->debugging = false;
}

int hvf_vcpu_debug(struct vcpu *v, const struct vcpu_debug *debug)
{
    unsigned count = breakpoints(v);

    if (debug->breakpoints > nitems(debug->breakpoint) || debug->breakpoints > count)
        return -EINVAL;
    v->debug = *debug;
    if (!debug->step && !debug->breakpoints) {
        end(v);
        return 0;
    }
    begin(v);
    for (unsigned n = 0; n < count; n++) {
        bool used = n < debug->breakpoints;

        raw_set(v, bvr_key(n), used ? debug->breakpoint[n] : 0);
        raw_set(v, bcr_key(n), used ? BCR_ANYWHERE : 0);
    }
    return 0;
}

/* A breakpoint where the vCPU stands would fire before anything ran: the first instruction is
 * stepped with breakpoints off (hvf_debug_exception goes on from there). */
static bool at_breakpoint(struct vcpu *v)
{
    uint64_t pc = hvf_get(v, HV_REG_PC);

    for (unsigned n = 0; n < v->debug.breakpoints; n++)
        if (v->debug.breakpoint[n] == pc)
            return true;
    return false;
}

void hvf_debug_enter(struct vcpu *v)
{
    bool step;

    if (!v->debugging)
        return;
    step = v->debug.step || at_breakpoint(v);
    raw_set(v, sysreg_info(SYSREG_MDSCR_EL1)->key,
            MDSCR_KDE | (step               ? MDSCR_SS
                         : at_breakpoint(v) ? 0
                                            : MDSCR_MDE));
    if (step)
        hvf_set(v, HV_REG_CPSR, hvf_get(v, HV_REG_CPSR) | PSTATE_SS);
}

bool hvf_debug_exception(struct vcpu *v, uint32_t esr)
{
    if (esr_ec(esr) == ESR_EC_STEP_LOWER && !v->debug.step) {
        hvf_set(v, HV_REG_CPSR, hvf_get(v, HV_REG_CPSR) & ~PSTATE_SS);
        if (!at_breakpoint(v))
            return false; /* past the breakpoint that it began at */
        esr = esr_make(ESR_EC_BREAKPOINT_LOWER, ESR_FSC_DEBUG);
    }
    v->exit.kind = EXIT_DEBUG;
    v->exit.debug.pc = hvf_get(v, HV_REG_PC);
    v->exit.debug.address = v->exit.debug.pc;
    v->exit.debug.esr = esr;
    return true;
}
