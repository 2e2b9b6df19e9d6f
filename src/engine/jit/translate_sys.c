/* SPDX-License-Identifier: ISC */
/*
 * System registers, PSTATE, barriers and SVC (Arm ARM C4.1.94, C5.2, C6.2).
 *
 * A register that is a value and no more is a field of struct soft_cpu, whatever the level; what
 * EL0 may only do if a control says so looks at the control first. The handlers have the rest.
 */
#include "engine/jit/translate.h"

#include "arm/regs.h"
#include "arm/sysreg.h"
#include "base/bits.h"
#include "engine/jit/int.h"
#include "engine/jit/sys.h"

static bool at_el1(const struct translator *t)
{
    return t->r->context & CONTEXT_EL1;
}

static struct ir_insn *sys_op(struct translator *t, enum ir_opcode op, int64_t imm)
{
    struct ir_insn *i = ir_add(t, op);

    i->imm = imm;
    return i;
}

/* --- who may --- */

/* Adds what looks at the control behind `gate`; false when that is the handler's. */
static bool gate(struct translator *t, unsigned gate)
{
    static const struct {
        enum sysreg_id control;
        uint32_t bits;
    } open[] = {
        [SYSREG_GATE_UCT] = {SYSREG_SCTLR_EL1, SCTLR_UCT},
        [SYSREG_GATE_EL0PCTEN] = {SYSREG_CNTKCTL_EL1, CNTKCTL_EL0PCTEN},
        [SYSREG_GATE_EL0VCTEN] = {SYSREG_CNTKCTL_EL1, CNTKCTL_EL0VCTEN},
        [SYSREG_GATE_CNTFRQ] = {SYSREG_CNTKCTL_EL1, CNTKCTL_EL0PCTEN | CNTKCTL_EL0VCTEN},
    };

    if (gate == SYSREG_GATE_PAUTH)
        return t->r->pauth;
    if (gate == SYSREG_GATE_NONE || (gate != SYSREG_GATE_FP && at_el1(t)))
        return true;
    if (gate == SYSREG_GATE_FP)
        return !(t->r->context & CONTEXT_FP_TRAP);
    if (gate >= nitems(open) || !open[gate].bits)
        return false;
    sys_op(t, IR_SYS_GATE, sys_gate(sys_register(open[gate].control), open[gate].bits));
    return true;
}

/* The register that w names, if the handler is not needed to say that it may not. */
static const struct sysreg_info *accessible(struct translator *t, uint32_t w, bool read)
{
    const struct sysreg_info *info = sysreg_lookup(w >> 5 & 0xffff);
    unsigned need =
        read ? (at_el1(t) ? SYSREG_R1 : SYSREG_R0) : (at_el1(t) ? SYSREG_W1 : SYSREG_W0);

    return info && (info->access & need) && gate(t, info->gate) ? info : NULL;
}

/* --- where a register is --- */

struct place {
    int64_t field;
    uint8_t size; /* 0: nowhere */
};

#define PLACE(name)                                                                                \
    ((struct place){offsetof(struct soft_cpu, name), sizeof(((struct soft_cpu *)NULL)->name)})

static struct place special(const struct translator *t, enum sysreg_id id)
{
    switch (id) {
    case SYSREG_SP_EL0:
        return at_el1(t) && !(t->r->context & CONTEXT_SP_EL0) ? PLACE(sp_el[0]) : (struct place){0};
    case SYSREG_DAIF: return PLACE(daif);
    case SYSREG_FPCR: return PLACE(fpcr);
    case SYSREG_MPIDR_EL1:
    case SYSREG_TTBR0_EL1:
    case SYSREG_TTBR1_EL1:
    case SYSREG_TCR_EL1:
    case SYSREG_SCTLR_EL1:
    case SYSREG_MAIR_EL1:
    case SYSREG_CPACR_EL1: return (struct place){sys_register(id), 8};
    case SYSREG_DCZID_EL0:
        return (struct place){at_el1(t) ? sys_register(id) : 0, at_el1(t) ? 8 : 0};
    default: return (struct place){0};
    }
}

static struct place place_of(const struct translator *t, const struct sysreg_info *info)
{
    if (info->kind == SYSREG_STORAGE || info->kind == SYSREG_CONSTANT)
        return (struct place){sys_register(info->id), 8};
    return info->kind == SYSREG_SPECIAL ? special(t, info->id) : (struct place){0};
}

/* --- MRS and MSR --- */

static bool constant(struct translator *t, ir_value dst, int64_t value)
{
    sys_op(t, IR_CONST, value)->dst = dst;
    return true;
}

bool translate_MRS(struct translator *t, uint32_t w)
{
    const struct sysreg_info *info = accessible(t, w, true);
    struct place from;
    struct ir_insn *i;

    if (!info || a64_Rt(w) == 31)
        return false;
    if (info->kind == SYSREG_ZERO)
        return constant(t, ir_dst(a64_Rt(w)), 0);
    if (info->id == SYSREG_CurrentEL)
        return constant(t, ir_dst(a64_Rt(w)), at_el1(t) ? 4 : 0);
    if (info->id == SYSREG_CNTVCT_EL0 || info->id == SYSREG_CNTPCT_EL0) {
        ir_add(t, IR_COUNTER)->dst = ir_dst(a64_Rt(w));
        return true;
    }
    from = place_of(t, info);
    if (!from.size)
        return false;
    i = sys_op(t, IR_SYS_GET, from.field);
    i->size = from.size;
    i->dst = ir_dst(a64_Rt(w));
    return true;
}

/* What a write leaves of `value`. */
static ir_value masked(struct translator *t, const struct sysreg_info *info, ir_value value)
{
    unsigned size = info->writable > UINT32_MAX ? 8 : 4;

    if (info->writable != UINT64_MAX) {
        ir_op_imm(t, IR_AND, size, IR_T, value, int_imm(size, info->writable));
        value = IR_T;
    }
    if (info->fixed) {
        ir_op_imm(t, IR_OR, 8, IR_T, value, (int64_t)info->fixed);
        value = IR_T;
    }
    return value;
}

bool translate_MSR_reg(struct translator *t, uint32_t w)
{
    const struct sysreg_info *info = accessible(t, w, false);
    struct place to;
    struct ir_insn *i;
    ir_value value;

    if (!info)
        return false;
    if (info->id == SYSREG_DAIF) {
        ir_add(t, IR_SET_DAIF)->a = ir_x(a64_Rt(w));
        return true;
    }
    if (info->kind != SYSREG_STORAGE && info->id != SYSREG_SP_EL0)
        return false;
    to = place_of(t, info);
    if (!to.size)
        return false;
    value = masked(t, info, ir_x(a64_Rt(w)));
    i = sys_op(t, IR_SYS_SET, to.field);
    i->size = to.size;
    i->a = value;
    return true;
}

/* --- PSTATE --- */

bool translate_MSR_DAIFSet(struct translator *t, uint32_t w)
{
    if (!at_el1(t))
        return false;
    sys_op(t, IR_MASK, a64_CRm(w) << 6);
    return true;
}

bool translate_MSR_DAIFClr(struct translator *t, uint32_t w)
{
    if (!at_el1(t))
        return false;
    sys_op(t, IR_UNMASK, a64_CRm(w) << 6);
    return true;
}

bool translate_MSR_SSBS(struct translator *t, uint32_t w)
{
    struct ir_insn *i;

    sys_op(t, IR_CONST, a64_CRm(w) & 1)->dst = IR_T;
    i = sys_op(t, IR_SYS_SET, PLACE(ssbs).field);
    i->size = PLACE(ssbs).size;
    i->a = IR_T;
    return true;
}

/* --- barriers --- */

/* The accesses as for DMB (translate_mem_sync.c). */
bool translate_DSB(struct translator *t, uint32_t w)
{
    unsigned accesses = a64_CRm(w) & 3;

    if (accesses != 1 && accesses != 2)
        ir_add(t, IR_FENCE);
    ir_add(t, IR_COMPLETE);
    return true;
}

/* What changes the context ends its region, and what changes code drops it: nothing is left that
 * could still be executed as it was before. */
bool translate_ISB(struct translator *t, uint32_t w)
{
    return true;
}

bool translate_SB(struct translator *t, uint32_t w)
{
    return true;
}

/* --- other levels --- */

static bool with_sp_el1(const struct translator *t)
{
    return at_el1(t) && !(t->r->context & CONTEXT_SP_EL0);
}

bool translate_SVC(struct translator *t, uint32_t w)
{
    return !at_el1(t) && ir_add(t, IR_SVC);
}

bool translate_ERET(struct translator *t, uint32_t w)
{
    return with_sp_el1(t) && ir_add(t, IR_ERET);
}

bool translate_MSR_PAN(struct translator *t, uint32_t w)
{
    return with_sp_el1(t) && ir_add(t, IR_SET_PAN);
}
