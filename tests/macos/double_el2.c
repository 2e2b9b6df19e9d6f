/* SPDX-License-Identifier: ISC */
/*
 * EL2 for guests: part of the double on macOS 15, where an M3 or later has it. See double.h.
 *
 * The engine below ends at EL1. A vCPU at EL2 is at EL1 there, which is what an operating system at
 * EL2 with HCR_EL2.E2H sees as well: by the names of EL1's registers it has those of EL2 (Arm ARM
 * D8.9, "Virtualization Host Extensions"). The bank of the other level is kept here and changes
 * places when the level changes. No guest of the guest runs, nor is EL2 without E2H more than its
 * registers.
 */
#include "double_private.h"

#include <string.h>

#include "arm/regs.h"

#define EL2(crn, crm, op2) SYSREG_KEY(3, 4, crn, crm, op2)
#define EL1(crn, crm, op2) SYSREG_KEY(3, 0, crn, crm, op2)

#define SCTLR_RESET UINT64_C(0x30c50830) /* what is RES1 without E2H */
#define HCR_E2H     REG_BIT(34)

enum { BANK_SCTLR, ONLY_HCR = 0 };

static const struct {
    hv_sys_reg_t el2, el1;
} banked[DOUBLE_BANKED] = {
    [BANK_SCTLR] = {EL2(1, 0, 0), EL1(1, 0, 0)},
    {EL2(2, 0, 0), EL1(2, 0, 0)},                           /* TTBR0 */
    {EL2(2, 0, 1), EL1(2, 0, 1)},                           /* TTBR1 */
    {EL2(2, 0, 2), EL1(2, 0, 2)},                           /* TCR */
    {EL2(4, 0, 0), EL1(4, 0, 0)},                           /* SPSR */
    {EL2(4, 0, 1), EL1(4, 0, 1)},                           /* ELR */
    {EL2(5, 2, 0), EL1(5, 2, 0)},                           /* ESR */
    {EL2(6, 0, 0), EL1(6, 0, 0)},                           /* FAR */
    {EL2(10, 2, 0), EL1(10, 2, 0)},                         /* MAIR */
    {EL2(12, 0, 0), EL1(12, 0, 0)},                         /* VBAR */
    {SYSREG_KEY(3, 6, 4, 1, 0), SYSREG_KEY(3, 4, 4, 1, 0)}, /* SP */
};

static const hv_sys_reg_t only[DOUBLE_EL2_ONLY] = {
    [ONLY_HCR] = EL2(1, 1, 0),
    EL2(0, 0, 0),  /* VPIDR_EL2 */
    EL2(0, 0, 5),  /* VMPIDR_EL2 */
    EL2(1, 1, 1),  /* MDCR_EL2 */
    EL2(1, 1, 2),  /* CPTR_EL2 */
    EL2(2, 1, 0),  /* VTTBR_EL2 */
    EL2(2, 1, 2),  /* VTCR_EL2 */
    EL2(6, 0, 4),  /* HPFAR_EL2 */
    EL2(13, 0, 2), /* TPIDR_EL2 */
    EL2(14, 0, 3), /* CNTVOFF_EL2 */
    EL2(14, 1, 0), /* CNTHCTL_EL2 */
    EL2(14, 2, 1), /* CNTHP_CTL_EL2 */
};

static void created(struct double_cpu *cpu)
{
    cpu->bank[BANK_SCTLR] = SCTLR_RESET;
    cpu->only[ONLY_HCR] = HCR_E2H;
}

static uint64_t *kept(struct double_cpu *cpu, hv_sys_reg_t *reg)
{
    for (size_t i = 0; i < nitems(only); i++)
        if (only[i] == *reg)
            return &cpu->only[i];
    for (size_t i = 0; i < nitems(banked); i++) {
        if (*reg == (cpu->at_el2 ? banked[i].el1 : banked[i].el2))
            return &cpu->bank[i];
        if (*reg == banked[i].el2)
            *reg = banked[i].el1;
    }
    return NULL;
}

static void change_places(struct double_cpu *cpu)
{
    for (size_t i = 0; i < nitems(banked); i++) {
        uint64_t value = 0;

        double_get_sysreg(cpu, banked[i].el1, &value);
        double_set_sysreg(cpu, banked[i].el1, cpu->bank[i]);
        cpu->bank[i] = value;
    }
    cpu->at_el2 = !cpu->at_el2;
}

static uint64_t below(struct double_cpu *cpu, uint64_t pstate)
{
    unsigned el = pstate >> 2 & 3;

    if (el && cpu->at_el2 != (el == 2))
        change_places(cpu);
    return el == 2 ? (pstate & ~PSTATE_EL) | PSTATE_EL1T : pstate;
}

static uint64_t above(struct double_cpu *cpu, uint64_t pstate)
{
    return cpu->at_el2 && pstate & PSTATE_EL ? (pstate & ~PSTATE_EL) | 2 << 2 : pstate;
}

static const struct double_el2 el2 = {created, kept, below, above};

hv_return_t hv_vm_config_get_el2_supported(bool *supported)
{
    *supported = !double_vm.without_el2;
    return HV_SUCCESS;
}

hv_return_t hv_vm_config_set_el2_enabled(hv_vm_config_t config, bool enabled)
{
    if (enabled && double_vm.without_el2)
        return HV_UNSUPPORTED;
    config->el2 = enabled ? &el2 : NULL;
    return HV_SUCCESS;
}
