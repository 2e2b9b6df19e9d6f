/* SPDX-License-Identifier: ISC */
/*
 * SYS instructions: cache and TLB maintenance, address translation (Arm ARM C5.3 to C5.5, D8.14),
 * and barriers, which complete them.
 *
 * Data caches do not exist here, so their maintenance only faults where it must. Instruction caches
 * do: decoded code.
 */
#include "engine/soft/private.h"

#include <sched.h>
#include <string.h>

#include "arm/esr.h"
#include "arm/regs.h"

#define CACHE_LINE 64 /* CTR_EL0 and DCZID_EL0 say so */

/* --- cache maintenance by address --- */

/* Translates va as a load would; faults are those of cache maintenance. EL0 needs read permission,
 * EL1 none (D7.5.9.4). */
static uint64_t translate_line(struct soft_cpu *c, uint64_t va)
{
    const struct soft_tlb_entry *e = soft_tlb_slot(c->dtlb, va);
    struct soft_walk w;

    if (e->tag[SOFT_READ] == (va & SOFT_PAGE_MASK))
        return (e->pa & SOFT_PAGE_MASK) | (va & ~SOFT_PAGE_MASK);
    soft_walk(c, va, c->el, false, &w);
    if (!w.faulted && !w.read[c->el])
        soft_walk_fails(&w, ESR_FSC_PERMISSION + w.level);
    if (w.faulted)
        soft_raise_data_abort(c, va, w.fault, true, true);
    return w.pa;
}

static void dc_zva(struct soft_cpu *c, uint64_t va)
{
    uint64_t block = align_down(va, CACHE_LINE);
    struct soft_ref ref;

    soft_translate(c, va, 1, SOFT_WRITE, 0, &ref);
    if (ref.device)
        soft_raise_data_abort(c, va, ESR_FSC_ALIGNMENT, true, false);
    for (unsigned i = 0; i < CACHE_LINE; i += 8)
        soft_store(c, block + i, 8, 0, 0);
}

static void ic_ivau(struct soft_cpu *c, uint64_t va)
{
    uint64_t line = align_down(translate_line(c, va), CACHE_LINE);

    soft_request_apply(
        c, &(struct soft_request){.kind = SOFT_DROP_CODE, .arg = line, .len = CACHE_LINE});
    soft_request_drop_code(c, line, CACHE_LINE);
}

static void ic_all(struct soft_cpu *c, bool broadcast)
{
    const struct soft_request r = {.kind = SOFT_DROP_CODE, .len = UINT64_MAX};

    soft_request_apply(c, &r);
    if (broadcast)
        soft_request_broadcast(c, &r);
}

/* --- address translation (C5.4, D19.2.105) --- */

static void at(struct soft_cpu *c, uint64_t va, unsigned el, bool write, bool pan)
{
    struct soft_walk w;

    soft_walk(c, va, el, false, &w);
    if (w.faulted && w.fault >= ESR_FSC_EXTERNAL_WALK && w.fault < ESR_FSC_EXTERNAL_WALK + 4)
        soft_raise_data_abort(c, va, w.fault, true, true);
    if (!w.faulted && (!(write ? w.write[el] : w.read[el]) || (pan && w.user)))
        soft_walk_fails(&w, ESR_FSC_PERMISSION + w.level);
    if (w.faulted) {
        c->sysreg[SYSREG_PAR_EL1] = PAR_F | (uint64_t)w.fault << PAR_FST_SHIFT | PAR_RES1;
        return;
    }
    /* Device and Normal Non-cacheable memory is reported as Outer Shareable. */
    if (soft_attr_is_device(w.attr) || w.attr == 0x44)
        w.sh = 2;
    c->sysreg[SYSREG_PAR_EL1] = (w.pa & PAR_PA) | (uint64_t)w.sh << PAR_SH_SHIFT | BIT(9) |
                                PAR_RES1 | (uint64_t)w.attr << PAR_ATTR_SHIFT;
}

/* --- TLB maintenance --- */

/* The operand (D8.14.5): ASID in bits 63:48, VA[55:12] in bits 43:0. */
static void tlbi(struct soft_cpu *c, enum soft_request_kind kind, bool all_asids, uint64_t value,
                 bool broadcast)
{
    uint64_t asids = bits_mask(c->sysreg[SYSREG_TCR_EL1] & TCR_AS ? c->vm->asid_bits : 8);
    const struct soft_request r = {
        .kind = kind,
        .asid = all_asids ? SOFT_ASID_ANY : (uint32_t)(value >> 48 & asids),
        .arg = (uint64_t)sign_extend(value << 12, 56),
    };

    soft_request_apply(c, &r);
    if (broadcast)
        soft_request_broadcast(c, &r);
}

void soft_sys(struct soft_cpu *c, uint32_t key, unsigned rt, uint64_t value)
{
    const struct sysop_info *op = sysop_lookup(key);

    if (!op || c->el < op->level)
        soft_undefined(c);
    soft_check_gate(c, op->gate, key, rt, false);
    switch (op->id) {
    case SYSOP_IC_IALLUIS: ic_all(c, true); break;
    case SYSOP_IC_IALLU: ic_all(c, false); break;
    case SYSOP_IC_IVAU: ic_ivau(c, value); break;
    case SYSOP_DC_ISW:
    case SYSOP_DC_CSW:
    case SYSOP_DC_CISW: break;
    case SYSOP_DC_IVAC:
    case SYSOP_DC_CVAC:
    case SYSOP_DC_CVAU:
    case SYSOP_DC_CVAP:
    case SYSOP_DC_CIVAC: translate_line(c, value); break;
    case SYSOP_DC_ZVA: dc_zva(c, value); break;
    case SYSOP_AT_S1E1R: at(c, value, 1, false, false); break;
    case SYSOP_AT_S1E1W: at(c, value, 1, true, false); break;
    case SYSOP_AT_S1E0R: at(c, value, 0, false, false); break;
    case SYSOP_AT_S1E0W: at(c, value, 0, true, false); break;
    case SYSOP_AT_S1E1RP: at(c, value, 1, false, c->pan); break;
    case SYSOP_AT_S1E1WP: at(c, value, 1, true, c->pan); break;
    case SYSOP_TLBI_VMALLE1IS: tlbi(c, SOFT_FLUSH_ALL, true, 0, true); break;
    case SYSOP_TLBI_VMALLE1: tlbi(c, SOFT_FLUSH_ALL, true, 0, false); break;
    case SYSOP_TLBI_ASIDE1IS: tlbi(c, SOFT_FLUSH_ASID, false, value, true); break;
    case SYSOP_TLBI_ASIDE1: tlbi(c, SOFT_FLUSH_ASID, false, value, false); break;
    case SYSOP_TLBI_VAE1IS:
    case SYSOP_TLBI_VALE1IS: tlbi(c, SOFT_FLUSH_VA, false, value, true); break;
    case SYSOP_TLBI_VAAE1IS:
    case SYSOP_TLBI_VAALE1IS: tlbi(c, SOFT_FLUSH_VA, true, value, true); break;
    case SYSOP_TLBI_VAE1:
    case SYSOP_TLBI_VALE1: tlbi(c, SOFT_FLUSH_VA, false, value, false); break;
    case SYSOP_TLBI_VAAE1:
    case SYSOP_TLBI_VAALE1: tlbi(c, SOFT_FLUSH_VA, true, value, false); break;
    default: soft_undefined(c);
    }
}

/* --- barriers --- */

void soft_dmb(struct soft_cpu *c)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void soft_dsb(struct soft_cpu *c)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    soft_request_wait(c);
}

void soft_isb(struct soft_cpu *c)
{
    soft_code_moved(c);
}

/* --- waiting (D1.6) --- */

void soft_wfi(struct soft_cpu *c)
{
    const uint32_t no_wait = SOFT_ATTEND_KICK | SOFT_ATTEND_DEBUG;

    if (c->el == 0 && !(c->sysreg[SYSREG_SCTLR_EL1] & SCTLR_NTWI))
        soft_raise(c, esr_wfx(false));
    if ((c->held & SOFT_INTERRUPTS) || (atomic_load(&c->attention) & no_wait))
        return;
    if (soft_timer_update(c)) {
        soft_attention_set(c, SOFT_ATTEND_TIMER);
        return;
    }
    c->pc += 4;
    c->exit.wfi.deadline_ns = soft_timer_deadline_ns(c);
    soft_leave(c, EXIT_WFI);
}

/* WFE may complete at any time: it gives the host's processor to another thread and goes on. */
void soft_wfe(struct soft_cpu *c)
{
    if (c->event) {
        c->event = false;
        return;
    }
    if (c->el == 0 && !(c->sysreg[SYSREG_SCTLR_EL1] & SCTLR_NTWE))
        soft_raise(c, esr_wfx(true));
    sched_yield();
}

void soft_yield(struct soft_cpu *c)
{
    sched_yield();
}

void soft_sev(struct soft_cpu *c, bool local)
{
    c->event = true;
}
