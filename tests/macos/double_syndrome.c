/* SPDX-License-Identifier: ISC */
/*
 * What the processor says of an abort (Arm ARM D19.2.37, "ISS encoding for an exception from a Data
 * Abort"): ISV is 1 for loads and stores of one general-purpose register without writeback that are
 * no exclusives, and only then are there SAS, SSE, SRT, SF and AR. And what the instruction
 * changes, by which whoever emulates it is checked.
 */
#include "double_private.h"

#include "arm/esr.h"
#include "arm/regs.h"

uint32_t double_word(struct double_cpu *cpu)
{
    uint64_t ipa, word;

    if (double_vm.ops->vcpu_translate(cpu->under, double_get(cpu, VCPU_PC), &ipa) ||
        mem_load(double_vm.config.mem, ipa, 4, &word))
        return 0;
    return (uint32_t)word;
}

/* Load/store of a register: unsigned immediate, unscaled, unprivileged, register offset (C4.1.94).
 */
static bool is_plain(uint32_t w)
{
    unsigned form = w >> 10 & 3;

    if ((w & 0x3f000000) == 0x39000000)
        return true;
    if ((w & 0x3f200000) == 0x38000000)
        return form == 0 || form == 2;
    return (w & 0x3f200000) == 0x38200000 && form == 2;
}

static bool is_ordered(uint32_t w)
{
    return (w & 0x3fa07c00) == 0x08807c00 || /* LDAR, STLR, LDLAR, STLLR */
           (w & 0x3ffffc00) == 0x38bfc000;   /* LDAPR */
}

/* Sign extension and the width of the register, of is_plain's opc. */
static uint32_t plain_fields(uint32_t w)
{
    unsigned size = w >> 30, opc = w >> 22 & 3;
    bool sign = opc >= 2, wide = size == 3 || opc == 2;

    return ESR_DABT_ISV | ESR_DABT_SAS(size) | ESR_DABT_SRT(w & 31) | (sign ? ESR_DABT_SSE : 0) |
           (wide ? ESR_DABT_SF : 0);
}

static uint32_t ordered_fields(uint32_t w)
{
    unsigned size = w >> 30;

    return ESR_DABT_ISV | ESR_DABT_SAS(size) | ESR_DABT_SRT(w & 31) | ESR_DABT_AR |
           (size == 3 ? ESR_DABT_SF : 0);
}

/* --- what it changes --- */

static bool is_pair(uint32_t w)
{
    return (w & 0x3a000000) == 0x28000000;
}

static bool is_vector(uint32_t w)
{
    return w & BIT(26);
}

/* Pre- and post-index of the classes above. */
static bool index_offset(uint32_t w, int64_t *offset)
{
    if (is_pair(w) && (w >> 23 & 1)) {
        unsigned scale = is_vector(w) ? 2 + (w >> 30) : w >> 30 & 2 ? 3 : 2;

        *offset = sign_extend(w >> 15 & 0x7f, 7) * (INT64_C(1) << scale);
        return true;
    }
    if ((w & 0x3b200000) == 0x38000000 && (w & 0x400)) {
        *offset = sign_extend(w >> 12 & 0x1ff, 9);
        return true;
    }
    return false;
}

/* Of one register of either file, in any form (C4.1.94). */
static bool is_single(uint32_t w)
{
    return (w & 0x3b000000) == 0x39000000 || (w & 0x3b200000) == 0x38000000 ||
           (w & 0x3b200c00) == 0x38200800;
}

/* Load or store, of the classes below; what is no load changes no register but its base. */
static bool is_load(uint32_t w)
{
    if (is_pair(w) || (w & 0x3f000000) == 0x08000000)
        return w >> 22 & 1;
    return w >> 22 & 3;
}

static void expect_changes(struct double_cpu *cpu, uint32_t w)
{
    unsigned rn = w >> 5 & 31;
    int64_t offset;

    cpu->after_changes = UINT32_MAX;
    cpu->after_writeback = false;
    if (!is_single(w) && !is_ordered(w) && !is_pair(w))
        return; /* structures, exclusives, atomics: not followed */
    cpu->after_changes = 0;
    if (is_load(w) && !is_vector(w))
        cpu->after_changes = UINT32_C(1) << (w & 31) | (is_pair(w) ? 1u << (w >> 10 & 31) : 0);
    if (index_offset(w, &offset)) {
        cpu->after_changes |= UINT32_C(1) << rn;
        cpu->after_writeback = rn != 31;
        cpu->after_base = rn;
        cpu->after_value = double_get(cpu, rn) + (uint64_t)offset;
    }
}

uint32_t double_abort_syndrome(struct double_cpu *cpu, const struct vcpu_exit *exit)
{
    uint32_t w = double_word(cpu);
    bool ram = mem_is_ram(double_vm.config.mem, exit->mmio.ipa, 1);
    uint32_t esr = esr_data_abort(false, (ram ? ESR_FSC_PERMISSION : ESR_FSC_TRANSLATION) | 3,
                                  exit->mmio.write);

    expect_changes(cpu, w);
    if (is_plain(w))
        return esr | plain_fields(w);
    return is_ordered(w) ? esr | ordered_fields(w) : esr;
}

/* --- what became of it --- */

static void check_abort(struct double_cpu *cpu)
{
    for (unsigned i = 0; i < 31; i++)
        if (!(cpu->after_changes & UINT32_C(1) << i) && double_get(cpu, i) != cpu->after_x[i])
            double_broken("after a data abort a register changed that the instruction does not "
                          "load: without ISV the syndrome names none");
    if (cpu->after_writeback && double_get(cpu, cpu->after_base) != cpu->after_value)
        double_broken("after a data abort the base register was not written back");
}

void double_check_after(struct double_cpu *cpu)
{
    uint64_t pc = double_get(cpu, VCPU_PC);

    switch (cpu->after) {
    case AFTER_HVC:
        if (pc == cpu->after_pc + 4)
            double_broken("PC is past an HVC already and was moved again");
        if (pc == cpu->after_pc - 4)
            double_broken("PC was moved back to an HVC");
        break;
    case AFTER_SMC:
        if (pc == cpu->after_pc)
            double_broken("PC is still at the SMC: it has to be moved past it");
        break;
    case AFTER_WFX:
        if (pc == cpu->after_pc)
            double_broken("PC is still at the WFI: it has to be moved past it");
        break;
    case AFTER_ABORT:
        if (pc == cpu->after_pc + 4)
            check_abort(cpu);
        break;
    default: break;
    }
}
