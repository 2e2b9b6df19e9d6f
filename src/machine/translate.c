/* SPDX-License-Identifier: ISC */
/*
 * A CPU's virtual addresses seen from the host: its registers, fetched from the engine, given to
 * the walk of arm/walk.c, with descriptors read from RAM alone.
 */
#include <errno.h>

#include "arm/regs.h"
#include "arm/sysreg.h"
#include "machine/machine.h"

bool machine_read_descriptor(void *ctx, uint64_t pa, uint64_t *value)
{
    const struct machine *m = ctx;

    return mem_load(m->mem, pa, sizeof(*value), value) == 0;
}

int cpu_walk_regs(struct cpu *cpu, struct arm_walk_regs *regs)
{
    const struct engine_ops *engine = cpu->machine->engine;
    const struct {
        enum sysreg_id id;
        uint64_t *to;
    } fetch[] = {
        {SYSREG_SCTLR_EL1, &regs->sctlr},   {SYSREG_TCR_EL1, &regs->tcr},
        {SYSREG_TTBR0_EL1, &regs->ttbr[0]}, {SYSREG_TTBR1_EL1, &regs->ttbr[1]},
        {SYSREG_MAIR_EL1, &regs->mair},     {SYSREG_ID_AA64MMFR0_EL1, &regs->mmfr0},
    };
    uint64_t pstate;

    for (size_t i = 0; i < nitems(fetch); i++)
        if (engine->vcpu_sysreg_get(cpu->vcpu, sysreg_info(fetch[i].id)->key, fetch[i].to))
            return -EIO;
    if (engine->vcpu_get(cpu->vcpu, VCPU_PSTATE, &pstate))
        return -EIO;
    regs->el = pstate & PSTATE_EL1T ? 1 : 0;
    regs->pan = pstate & PSTATE_PAN;
    return 0;
}

int cpu_translate(struct cpu *cpu, uint64_t va, bool write, struct arm_walk *walk)
{
    const struct arm_walk_memory memory = {machine_read_descriptor, cpu->machine};
    struct arm_walk_regs regs;
    int ret = cpu_walk_regs(cpu, &regs);

    if (ret)
        return ret;
    return arm_walk(&regs, &memory, va, write ? ARM_WALK_WRITE : ARM_WALK_READ, walk) ? 0 : -EFAULT;
}
