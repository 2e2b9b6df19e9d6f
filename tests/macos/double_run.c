/* SPDX-License-Identifier: ISC */
/* The double's hv_vcpu_run: exits of the engine below become those of the framework. */
#include "double_private.h"

#include <stdio.h>

#include "arm/esr.h"
#include "arm/regs.h"

/* --- what the processor does of its own --- */

bool double_virt_output(struct double_cpu *cpu)
{
    uint64_t deadline;
    bool virt, phys;

    double_vm.ops->vcpu_vtimer(cpu->under, &virt, &phys, &deadline);
    return virt;
}

static bool exception(struct double_cpu *cpu, uint32_t syndrome, uint64_t va, uint64_t ipa)
{
    cpu->exit.reason = HV_EXIT_REASON_EXCEPTION;
    cpu->exit.exception = (hv_vcpu_exit_exception_t){syndrome, va, ipa};
    return true;
}

static void remember(struct double_cpu *cpu, enum double_after after)
{
    cpu->after = after;
    cpu->after_pc = double_get(cpu, VCPU_PC);
    for (unsigned i = 0; i < 31; i++)
        cpu->after_x[i] = double_get(cpu, i);
}

static bool exit_mmio(struct double_cpu *cpu, struct vcpu_exit *exit)
{
    uint32_t syndrome;

    if (exit->mmio.fetch)
        syndrome = esr_instruction_abort(false, ESR_FSC_TRANSLATION | 3);
    else
        syndrome = double_abort_syndrome(cpu, exit);
    remember(cpu, AFTER_ABORT);
    double_abandon(cpu->under);
    return exception(cpu, syndrome, exit->mmio.va, exit->mmio.ipa);
}

/* The engine below is past the instruction already; after an SMC the framework is not. */
static bool exit_smccc(struct double_cpu *cpu, const struct vcpu_exit *exit)
{
    bool smc = exit->smccc.smc;

    double_abandon(cpu->under);
    if (smc)
        double_vm.ops->vcpu_set(cpu->under, VCPU_PC, double_get(cpu, VCPU_PC) - 4);
    remember(cpu, smc ? AFTER_SMC : AFTER_HVC);
    return exception(cpu, esr_imm(smc ? ESR_EC_SMC64 : ESR_EC_HVC64, 0), 0, 0);
}

static bool exit_sysreg(struct double_cpu *cpu, const struct vcpu_exit *exit)
{
    unsigned rt = double_sysreg_rt(cpu->under);

    double_abandon(cpu->under);
    remember(cpu, AFTER_NOTHING);
    return exception(cpu, esr_sysreg(exit->sysreg.key, rt, !exit->sysreg.write), 0, 0);
}

static bool exit_wfi(struct double_cpu *cpu)
{
    double_vm.ops->vcpu_set(cpu->under, VCPU_PC, double_get(cpu, VCPU_PC) - 4);
    remember(cpu, AFTER_WFX);
    return exception(cpu, esr_wfx(false), 0, 0);
}

static bool exit_vtimer(struct double_cpu *cpu, const struct vcpu_exit *exit)
{
    if (double_gic) {
        double_gic->timers(cpu, exit->vtimer.virt, exit->vtimer.phys);
        return false;
    }
    if (!exit->vtimer.virt || cpu->vtimer_masked)
        return false;
    cpu->vtimer_masked = true;
    cpu->exit.reason = HV_EXIT_REASON_VTIMER_ACTIVATED;
    return true;
}

static bool exit_debug(struct double_cpu *cpu, const struct vcpu_exit *exit)
{
    bool step = esr_ec(exit->debug.esr) == ESR_EC_STEP;

    cpu->step = false;
    return exception(
        cpu, step ? esr_step(false, false) : esr_make(ESR_EC_BREAKPOINT_LOWER, ESR_FSC_DEBUG),
        exit->debug.address, 0);
}

static bool exit_kicked(struct double_cpu *cpu)
{
    cpu->exit.reason = HV_EXIT_REASON_CANCELED;
    return atomic_exchange(&cpu->exit_requested, false);
}

static bool exit_unknown(struct double_cpu *cpu, const struct vcpu_exit *exit)
{
    fprintf(stderr, "Hypervisor.framework's double: %s\n",
            exit->kind == EXIT_FAULT ? exit->fault.text : "an exit that it does not know");
    cpu->exit.reason = HV_EXIT_REASON_UNKNOWN;
    return true;
}

/* Whether the framework has an exit for it; otherwise it is done with. */
static bool translate(struct double_cpu *cpu, struct vcpu_exit *exit)
{
    if (double_gic && double_gic->answer(cpu, exit))
        return false;
    switch (exit->kind) {
    case EXIT_MMIO: return exit_mmio(cpu, exit);
    case EXIT_SMCCC: return exit_smccc(cpu, exit);
    case EXIT_SYSREG: return exit_sysreg(cpu, exit);
    case EXIT_WFI: return exit_wfi(cpu);
    case EXIT_VTIMER: return exit_vtimer(cpu, exit);
    case EXIT_DEBUG: return exit_debug(cpu, exit);
    case EXIT_KICKED: return exit_kicked(cpu);
    default: return exit_unknown(cpu, exit);
    }
}

/* --- rules at the entry --- */

#define STORM 1000

static bool check_vtimer(struct double_cpu *cpu)
{
    bool high = double_virt_output(cpu);

    if (cpu->vtimer_masked && !high)
        double_broken("the virtual timer is left masked after its output went low: the guest "
                      "would never have its interrupt again");
    if (cpu->vtimer_masked || !high) {
        cpu->vtimer_storm = 0;
        return false;
    }
    if (++cpu->vtimer_storm == STORM)
        double_broken("the virtual timer is unmasked while its output is high: it exits for ever");
    cpu->vtimer_masked = true;
    cpu->exit.reason = HV_EXIT_REASON_VTIMER_ACTIVATED;
    return true;
}

static bool at_breakpoint(struct double_cpu *cpu, uint64_t pc)
{
    for (unsigned i = 0; i < DOUBLE_BREAKPOINTS; i++)
        if ((cpu->bcr[i] & DBGBCR_E) && cpu->bvr[i] == pc)
            return true;
    return false;
}

/* What the processor's debug registers, which are the engine's, make the engine below do. */
static bool set_debug(struct double_cpu *cpu)
{
    struct vcpu_debug debug = {0};

    if (cpu->trap_debug) {
        debug.step = (cpu->mdscr & MDSCR_SS) && cpu->step;
        for (unsigned i = 0; i < DOUBLE_BREAKPOINTS && cpu->mdscr & MDSCR_MDE; i++)
            if (cpu->bcr[i] & DBGBCR_E)
                debug.breakpoint[debug.breakpoints++] = cpu->bvr[i];
    }
    double_vm.ops->vcpu_debug(cpu->under, &debug);
    if (debug.breakpoints && at_breakpoint(cpu, double_get(cpu, VCPU_PC)))
        return exception(cpu, esr_make(ESR_EC_BREAKPOINT_LOWER, ESR_FSC_DEBUG), 0, 0);
    return false;
}

static bool enter(struct double_cpu *cpu)
{
    double_check_after(cpu);
    cpu->after = AFTER_NOTHING;
    if (double_gic && !cpu->mpidr_set)
        double_broken("with hv_gic each vCPU's MPIDR_EL1 is set before it runs");
    return (!double_gic && check_vtimer(cpu)) || set_debug(cpu);
}

static int run_below(struct double_cpu *cpu, struct vcpu_exit **exit)
{
    bool irq = cpu->pending[HV_INTERRUPT_TYPE_IRQ], fiq = cpu->pending[HV_INTERRUPT_TYPE_FIQ];

    if (double_gic)
        double_gic->outputs(cpu, &irq, &fiq);
    double_vm.ops->vcpu_irq(cpu->under, irq, fiq);
    return double_vm.ops->vcpu_run(cpu->under, exit);
}

hv_return_t hv_vcpu_run(hv_vcpu_t id)
{
    struct double_cpu *cpu = double_cpu(id, __func__);
    struct vcpu_exit *exit;

    if (!cpu)
        return HV_BAD_ARGUMENT;
    if (!enter(cpu))
        do {
            if (run_below(cpu, &exit))
                return HV_ERROR;
        } while (!translate(cpu, exit));
    cpu->pending[HV_INTERRUPT_TYPE_IRQ] = cpu->pending[HV_INTERRUPT_TYPE_FIQ] = false;
    return HV_SUCCESS;
}
