/* SPDX-License-Identifier: ISC */
/*
 * MRS, MSR and MSR (immediate) (Arm ARM C5.2, D19). What a register is comes from arm/sysregs.def;
 * here is what the special ones do.
 */
#include "engine/soft/private.h"

#include "arm/cpuid.h"
#include "arm/esr.h"
#include "arm/regs.h"
#include "engine/soft/pauth.h"

/* --- who may --- */

static bool gate_traps(const struct soft_cpu *c, enum sysreg_gate gate)
{
    uint64_t sctlr = c->sysreg[SYSREG_SCTLR_EL1], cntkctl = c->sysreg[SYSREG_CNTKCTL_EL1];

    switch (gate) {
    case SYSREG_GATE_NONE:
    case SYSREG_GATE_FP:
    case SYSREG_GATE_PAUTH: return false;
    case SYSREG_GATE_UCT: return !(sctlr & SCTLR_UCT);
    case SYSREG_GATE_UCI: return !(sctlr & SCTLR_UCI);
    case SYSREG_GATE_DZE: return !(sctlr & SCTLR_DZE);
    case SYSREG_GATE_UMA: return !(sctlr & SCTLR_UMA);
    case SYSREG_GATE_CNTFRQ: return !(cntkctl & (CNTKCTL_EL0PCTEN | CNTKCTL_EL0VCTEN));
    case SYSREG_GATE_EL0PCTEN: return !(cntkctl & CNTKCTL_EL0PCTEN);
    case SYSREG_GATE_EL0VCTEN: return !(cntkctl & CNTKCTL_EL0VCTEN);
    case SYSREG_GATE_EL0PTEN: return !(cntkctl & CNTKCTL_EL0PTEN);
    case SYSREG_GATE_EL0VTEN: return !(cntkctl & CNTKCTL_EL0VTEN);
    case SYSREG_GATE_TDCC: return c->sysreg[SYSREG_MDSCR_EL1] & MDSCR_TDCC;
    }
    return false;
}

void soft_check_gate(struct soft_cpu *c, unsigned gate, uint32_t key, unsigned rt, bool read)
{
    if (gate == SYSREG_GATE_FP)
        soft_check_fp(c);
    else if (gate == SYSREG_GATE_PAUTH && !cpuid_has_pauth(c->vm->cpuid))
        soft_undefined(c);
    else if (c->el == 0 && gate_traps(c, gate))
        soft_raise_sys_trap(c, key, rt, read);
}

static const struct sysreg_info *check_access(struct soft_cpu *c, uint32_t key, unsigned rt,
                                              bool read)
{
    const struct sysreg_info *info = sysreg_lookup(key);
    unsigned need = read ? (c->el ? SYSREG_R1 : SYSREG_R0) : (c->el ? SYSREG_W1 : SYSREG_W0);

    if (!info || !(info->access & need))
        soft_undefined(c);
    soft_check_gate(c, info->gate, key, rt, read);
    return info;
}

/* --- special registers --- */

/* An engine may keep the cumulative flags of FPSR elsewhere. */
static void sync_fpsr(struct soft_cpu *c)
{
    if (c->vm->engine->sync)
        c->vm->engine->sync(c);
}

static uint64_t read_special(struct soft_cpu *c, enum sysreg_id id)
{
    switch (id) {
    case SYSREG_CCSIDR_EL1: return cpuid_ccsidr(c->vm->cpuid, c->sysreg[SYSREG_CSSELR_EL1]);
    case SYSREG_DCZID_EL0:
        return c->sysreg[id] | (c->el == 0 && gate_traps(c, SYSREG_GATE_DZE) ? BIT(4) : 0);
    case SYSREG_SP_EL0: return c->el && c->spsel ? c->sp_el[0] : c->x[31];
    case SYSREG_SPSel: return c->spsel;
    case SYSREG_CurrentEL: return (uint64_t)c->el << 2;
    case SYSREG_PAN: return c->pan ? PSTATE_PAN : 0;
    case SYSREG_UAO: return c->uao ? PSTATE_UAO : 0;
    case SYSREG_NZCV: return c->nzcv;
    case SYSREG_DAIF: return c->daif;
    case SYSREG_SSBS: return c->ssbs ? PSTATE_SSBS : 0;
    case SYSREG_FPCR: return c->fpcr;
    case SYSREG_FPSR: sync_fpsr(c); return c->fpsr;
    case SYSREG_ISR_EL1: return c->held & SOFT_INTERRUPTS;
    case SYSREG_CNTPCT_EL0:
    case SYSREG_CNTVCT_EL0: return soft_counter(c);
    case SYSREG_CNTV_CTL_EL0: return soft_timer_read(c, SOFT_TIMER_VIRT, SOFT_TIMER_CTL);
    case SYSREG_CNTV_CVAL_EL0: return soft_timer_read(c, SOFT_TIMER_VIRT, SOFT_TIMER_CVAL);
    case SYSREG_CNTV_TVAL_EL0: return soft_timer_read(c, SOFT_TIMER_VIRT, SOFT_TIMER_TVAL);
    case SYSREG_CNTP_CTL_EL0: return soft_timer_read(c, SOFT_TIMER_PHYS, SOFT_TIMER_CTL);
    case SYSREG_CNTP_CVAL_EL0: return soft_timer_read(c, SOFT_TIMER_PHYS, SOFT_TIMER_CVAL);
    case SYSREG_CNTP_TVAL_EL0: return soft_timer_read(c, SOFT_TIMER_PHYS, SOFT_TIMER_TVAL);
    case SYSREG_DBGCLAIMSET_EL1: return 0xff;
    default: return c->sysreg[id];
    }
}

/* Registers that translations depend on: a TLB may hold what they said, this one never does. */
static void write_translation(struct soft_cpu *c, enum sysreg_id id, uint64_t value)
{
    value = pauth_control(c, id, value);
    if (c->sysreg[id] == value)
        return;
    c->sysreg[id] = value;
    pauth_update(c);
    soft_tlb_flush(c);
    soft_tlb_switch(c);
    soft_context_changed(c);
}

static void write_ttbr(struct soft_cpu *c, enum sysreg_id id, uint64_t value)
{
    c->sysreg[id] = value;
    soft_tlb_switch(c);
}

static void write_sp_el0(struct soft_cpu *c, uint64_t value)
{
    if (c->el && c->spsel)
        c->sp_el[0] = value;
    else
        c->x[31] = value;
}

/* `value` is masked already. */
static void write_special(struct soft_cpu *c, enum sysreg_id id, uint64_t value)
{
    switch (id) {
    case SYSREG_TTBR0_EL1:
    case SYSREG_TTBR1_EL1: write_ttbr(c, id, value); break;
    case SYSREG_TCR_EL1:
    case SYSREG_SCTLR_EL1:
    case SYSREG_MAIR_EL1: write_translation(c, id, value); break;
    case SYSREG_CPACR_EL1:
        c->sysreg[id] = value;
        soft_context_changed(c);
        break;
    case SYSREG_SP_EL0: write_sp_el0(c, value); break;
    case SYSREG_SPSel: soft_set_spsel(c, value & 1); break;
    case SYSREG_PAN:
        c->pan = !!value;
        soft_level_changed(c);
        break;
    case SYSREG_UAO:
        c->uao = !!value;
        soft_level_changed(c);
        break;
    case SYSREG_NZCV: c->nzcv = (uint32_t)value; break;
    case SYSREG_DAIF: soft_set_daif(c, (uint32_t)value); break;
    case SYSREG_SSBS: c->ssbs = !!value; break;
    case SYSREG_FPCR:
        c->fpcr = (uint32_t)value;
        soft_context_changed(c);
        break;
    case SYSREG_FPSR:
        sync_fpsr(c);
        c->fpsr = (uint32_t)value;
        if (c->fpcr)
            soft_context_changed(c);
        break;
    case SYSREG_CNTV_CTL_EL0: soft_timer_write(c, SOFT_TIMER_VIRT, SOFT_TIMER_CTL, value); break;
    case SYSREG_CNTV_CVAL_EL0: soft_timer_write(c, SOFT_TIMER_VIRT, SOFT_TIMER_CVAL, value); break;
    case SYSREG_CNTV_TVAL_EL0: soft_timer_write(c, SOFT_TIMER_VIRT, SOFT_TIMER_TVAL, value); break;
    case SYSREG_CNTP_CTL_EL0: soft_timer_write(c, SOFT_TIMER_PHYS, SOFT_TIMER_CTL, value); break;
    case SYSREG_CNTP_CVAL_EL0: soft_timer_write(c, SOFT_TIMER_PHYS, SOFT_TIMER_CVAL, value); break;
    case SYSREG_CNTP_TVAL_EL0: soft_timer_write(c, SOFT_TIMER_PHYS, SOFT_TIMER_TVAL, value); break;
    case SYSREG_OSLAR_EL1:
        c->sysreg[SYSREG_OSLSR_EL1] &= ~OSLSR_OSLK;
        c->sysreg[SYSREG_OSLSR_EL1] |= value & 1 ? OSLSR_OSLK : 0;
        soft_debug_changed(c);
        break;
    case SYSREG_DBGCLAIMSET_EL1: c->sysreg[SYSREG_DBGCLAIMCLR_EL1] |= value; break;
    case SYSREG_DBGCLAIMCLR_EL1: c->sysreg[SYSREG_DBGCLAIMCLR_EL1] &= ~value; break;
    default: /* MDSCR_EL1, breakpoints and watchpoints */
        c->sysreg[id] = value;
        soft_debug_written(c);
        break;
    }
}

/* --- instructions --- */

static _Noreturn void leave_to_machine(struct soft_cpu *c, uint32_t key, unsigned rt, bool write,
                                       uint64_t value)
{
    c->exit.sysreg.key = key;
    c->exit.sysreg.write = write;
    c->exit.sysreg.value = value;
    c->exit.sysreg.undefined = false;
    c->priv->pending = SOFT_PENDING_SYSREG;
    c->priv->pending_rt = (uint8_t)rt;
    soft_leave(c, EXIT_SYSREG);
}

static bool leaves(const struct soft_cpu *c, enum sysreg_id id)
{
    return c->vm->config.ptimer_traps &&
           (id == SYSREG_CNTP_CTL_EL0 || id == SYSREG_CNTP_CVAL_EL0 || id == SYSREG_CNTP_TVAL_EL0);
}

uint64_t soft_mrs(struct soft_cpu *c, uint32_t key, unsigned rt)
{
    const struct sysreg_info *info = check_access(c, key, rt, true);

    switch (info->kind) {
    case SYSREG_STORAGE:
    case SYSREG_CONSTANT: return c->sysreg[info->id];
    case SYSREG_ZERO: return 0;
    case SYSREG_GIC: leave_to_machine(c, key, rt, false, 0);
    default:
        if (info->id == SYSREG_SP_EL0 && c->spsel == 0)
            soft_undefined(c);
        if (leaves(c, info->id))
            leave_to_machine(c, key, rt, false, 0);
        return read_special(c, info->id);
    }
}

void soft_msr(struct soft_cpu *c, uint32_t key, unsigned rt, uint64_t value)
{
    const struct sysreg_info *info = check_access(c, key, rt, false);
    uint64_t masked = (value & info->writable) | info->fixed;

    switch (info->kind) {
    case SYSREG_STORAGE: c->sysreg[info->id] = masked; break;
    case SYSREG_CONSTANT:
    case SYSREG_ZERO: break;
    case SYSREG_GIC: leave_to_machine(c, key, rt, true, value);
    default:
        if (info->id == SYSREG_SP_EL0 && c->spsel == 0)
            soft_undefined(c);
        if (leaves(c, info->id))
            leave_to_machine(c, key, rt, true, value);
        write_special(c, info->id, masked);
        break;
    }
}

#define OP(op1, op2) ((op1) << 3 | (op2))

void soft_msr_imm(struct soft_cpu *c, unsigned op1, unsigned op2, unsigned imm)
{
    unsigned op = OP(op1, op2);

    if (op == OP(3, 6) || op == OP(3, 7)) {
        soft_check_gate(c, SYSREG_GATE_UMA, SYSREG_KEY(0, op1, 4, imm, op2), 31, false);
        soft_set_daif(c, op == OP(3, 6) ? c->daif | imm << 6 : c->daif & ~(imm << 6));
        return;
    }
    if (op == OP(3, 1)) {
        c->ssbs = imm & 1;
        return;
    }
    if (c->el == 0)
        soft_undefined(c);
    switch (op) {
    case OP(0, 3):
        c->uao = imm & 1;
        soft_level_changed(c);
        break;
    case OP(0, 4):
        c->pan = imm & 1;
        soft_level_changed(c);
        break;
    case OP(0, 5): soft_set_spsel(c, imm & 1); break;
    default: soft_undefined(c);
    }
}

/* --- raw access --- */

uint64_t soft_sysreg_raw_get(struct soft_cpu *c, enum sysreg_id id)
{
    return sysreg_info(id)->kind == SYSREG_SPECIAL ? read_special(c, id) : c->sysreg[id];
}

void soft_sysreg_raw_set(struct soft_cpu *c, enum sysreg_id id, uint64_t value)
{
    const struct sysreg_info *info = sysreg_info(id);
    uint64_t masked = (value & info->writable) | info->fixed;

    if (info->kind == SYSREG_STORAGE || info->kind == SYSREG_CONSTANT)
        c->sysreg[id] = info->kind == SYSREG_STORAGE ? masked : value;
    else if (info->kind == SYSREG_SPECIAL && info->writable)
        write_special(c, id, masked);
}

void soft_sysreg_reset(struct soft_cpu *c)
{
    for (unsigned i = 0; i < SYSREG_COUNT; i++) {
        const struct sysreg_info *info = sysreg_info(i);

        c->sysreg[i] = info->kind == SYSREG_CONSTANT ? cpuid_value(c->vm->cpuid, i) : info->reset;
    }
    c->sysreg[SYSREG_MPIDR_EL1] = cpuid_mpidr(c->index);
    c->sysreg[SYSREG_DCZID_EL0] = cpuid_value(c->vm->cpuid, SYSREG_DCZID_EL0);
    c->sysreg[SYSREG_CNTFRQ_EL0] = 24000000;
}
