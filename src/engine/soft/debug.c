/* SPDX-License-Identifier: ISC */
/*
 * Self-hosted debug (Arm ARM D2): breakpoints, watchpoints, software step; and what vcpu_debug asks
 * for.
 *
 * While anything here could happen, SOFT_ATTEND_DEBUG makes the dispatcher call soft_debug_before
 * and _after around each instruction; otherwise debug costs nothing. Watchpoints cost nothing while
 * none is armed: arming one keeps pages off the fast path of the TLB.
 */
#include "engine/soft/private.h"

#include "arm/esr.h"
#include "arm/regs.h"

#define BREAKPOINTS 6
#define WATCHPOINTS 4
/* Breakpoints from this on can match CONTEXTIDR_EL1: ID_AA64DFR0_EL1.CTX_CMPs. */
#define CONTEXT_AWARE 4
/* Addresses are compared from bit `low` up to bit 48. */
#define ADDRESS_BITS(low) (bits_mask(49) & ~bits_mask(low))

#define BT_ADDRESS        0
#define BT_ADDRESS_LINKED 1
#define BT_CONTEXT        2
#define BT_CONTEXT_LINKED 3

static bool generated_at(const struct soft_cpu *c, unsigned el, bool masked)
{
    if (c->sysreg[SYSREG_OSLSR_EL1] & OSLSR_OSLK)
        return false;
    return el == 0 || ((c->sysreg[SYSREG_MDSCR_EL1] & MDSCR_KDE) && !masked);
}

static bool generated(const struct soft_cpu *c)
{
    return generated_at(c, c->el, c->daif & PSTATE_D);
}

bool soft_debug_step_on_return(const struct soft_cpu *c, unsigned el, bool masked)
{
    return (c->sysreg[SYSREG_MDSCR_EL1] & MDSCR_SS) && !generated(c) && generated_at(c, el, masked);
}

static bool any_enabled(const struct soft_cpu *c, enum sysreg_id first, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (c->sysreg[first + i] & 1)
            return true;
    return false;
}

void soft_debug_changed(struct soft_cpu *c)
{
    uint64_t mdscr = c->sysreg[SYSREG_MDSCR_EL1];
    bool watching = (mdscr & MDSCR_MDE) && any_enabled(c, SYSREG_DBGWCR0_EL1, WATCHPOINTS);
    const struct vcpu_debug *host = &c->priv->debug;
    bool look = c->il || host->step || host->breakpoints;
    uint32_t now = atomic_load_explicit(&c->attention, memory_order_relaxed);

    c->held &= ~(uint32_t)PSTATE_D;
    if ((mdscr & (MDSCR_SS | MDSCR_MDE)) || host->step || host->breakpoints)
        c->held |= PSTATE_D;
    if ((mdscr & (MDSCR_SS | MDSCR_MDE)) && generated(c))
        look |= (mdscr & MDSCR_SS) || any_enabled(c, SYSREG_DBGBCR0_EL1, BREAKPOINTS);
    if (look && !(now & SOFT_ATTEND_DEBUG))
        soft_attention_set(c, SOFT_ATTEND_DEBUG);
    else if (!look && (now & SOFT_ATTEND_DEBUG))
        soft_attention_clear(c, SOFT_ATTEND_DEBUG);
    c->priv->watching = watching;
}

/* The TLB knows which pages are watched. */
void soft_debug_written(struct soft_cpu *c)
{
    bool watched = c->priv->watching;

    soft_debug_changed(c);
    if (watched || c->priv->watching)
        soft_tlb_flush(c);
}

/* --- matching (D2.8, D2.9) --- */

/* PMC or PAC: bit 0 for EL1, bit 1 for EL0. SSC = 2 is for Secure state only. */
static bool level_matches(uint64_t control, unsigned el)
{
    uint64_t levels = bits_get(control, 2, 1);

    return bits_get(control, 15, 14) != 2 && (el == 0 ? levels & 2 : levels & 1);
}

/* The context breakpoint that a linked one names. */
static bool linked_matches(const struct soft_cpu *c, uint64_t control)
{
    unsigned n = (unsigned)bits_get(control, 19, 16);
    uint64_t link;

    if (n < CONTEXT_AWARE || n >= BREAKPOINTS)
        return false;
    link = c->sysreg[SYSREG_DBGBCR0_EL1 + n];
    return (link & DBGBCR_E) && bits_get(link, 23, 20) == BT_CONTEXT_LINKED &&
           (uint32_t)c->sysreg[SYSREG_DBGBVR0_EL1 + n] ==
               (uint32_t)c->sysreg[SYSREG_CONTEXTIDR_EL1];
}

static bool breakpoint_matches(const struct soft_cpu *c, unsigned n)
{
    uint64_t control = c->sysreg[SYSREG_DBGBCR0_EL1 + n], value = c->sysreg[SYSREG_DBGBVR0_EL1 + n];
    bool here = ((value ^ c->pc) & ADDRESS_BITS(2)) == 0;

    if (!(control & DBGBCR_E) || !level_matches(control, c->el))
        return false;
    switch (bits_get(control, 23, 20)) {
    case BT_ADDRESS: return here;
    case BT_ADDRESS_LINKED: return here && linked_matches(c, control);
    case BT_CONTEXT:
        return n >= CONTEXT_AWARE && (uint32_t)value == (uint32_t)c->sysreg[SYSREG_CONTEXTIDR_EL1];
    default: return false;
    }
}

static bool watchpoint_matches(const struct soft_cpu *c, unsigned n, uint64_t va, unsigned size,
                               bool write, unsigned el, uint64_t *at)
{
    uint64_t control = c->sysreg[SYSREG_DBGWCR0_EL1 + n];
    uint64_t base = c->sysreg[SYSREG_DBGWVR0_EL1 + n] & ADDRESS_BITS(2);
    unsigned bas = (unsigned)bits_get(control, 12, 5), mask = (unsigned)bits_get(control, 28, 24);
    uint64_t start = va & bits_mask(49);

    if (!(control & DBGWCR_E) || !level_matches(control, el) ||
        !(control & (write ? BIT(4) : BIT(3))))
        return false;
    if ((control & BIT(20)) && !linked_matches(c, control))
        return false;
    if (mask > 2) {
        base &= ~bits_mask(mask);
        *at = MAX(start, base) - start + va;
        return start < base + BIT(mask) && base < start + size;
    }
    for (unsigned i = 0; i < 8; i++) {
        uint64_t byte = base + i;

        if ((bas >> i & 1) && byte >= start && byte < start + size) {
            *at = byte - start + va;
            return true;
        }
    }
    return false;
}

bool soft_debug_watches_page(const struct soft_cpu *c, uint64_t va)
{
    for (unsigned i = 0; i < WATCHPOINTS; i++) {
        uint64_t control = c->sysreg[SYSREG_DBGWCR0_EL1 + i];
        unsigned bits = MAX((unsigned)bits_get(control, 28, 24), SOFT_PAGE_SHIFT);

        if ((control & DBGWCR_E) &&
            ((c->sysreg[SYSREG_DBGWVR0_EL1 + i] ^ va) & ADDRESS_BITS(bits)) == 0)
            return true;
    }
    return false;
}

void soft_debug_watch(struct soft_cpu *c, uint64_t va, unsigned size, bool write, bool maintenance,
                      unsigned el)
{
    uint64_t at;

    if (!generated(c))
        return;
    for (unsigned i = 0; i < WATCHPOINTS; i++)
        if (watchpoint_matches(c, i, va, size, write, el, &at))
            soft_raise_abort(c, at,
                             esr_make(c->el ? ESR_EC_WATCHPOINT : ESR_EC_WATCHPOINT_LOWER,
                                      ESR_FSC_DEBUG | (write ? ESR_DABT_WNR : 0) |
                                          (maintenance ? ESR_DABT_CM : 0)));
}

/* --- around each instruction --- */

static _Noreturn void leave_to_debugger(struct soft_cpu *c, uint32_t esr)
{
    c->exit.debug.pc = c->pc;
    c->exit.debug.address = c->pc;
    c->exit.debug.esr = esr;
    /* After a step that completed an access to a device: its answers are used up. */
    c->priv->replay.count = c->priv->replay.next = 0;
    soft_leave(c, EXIT_DEBUG);
}

/* Breakpoints of vcpu_debug, but for the instruction at which this vcpu_run began. */
static void host_breakpoints(struct soft_cpu *c)
{
    const struct vcpu_debug *host = &c->priv->debug;

    if (!c->priv->debug_first)
        for (unsigned i = 0; i < host->breakpoints && i < nitems(host->breakpoint); i++)
            if (host->breakpoint[i] == c->pc)
                leave_to_debugger(c, esr_make(ESR_EC_BREAKPOINT, ESR_FSC_DEBUG));
    c->priv->debug_first = false;
}

static bool stepping(const struct soft_cpu *c)
{
    return (c->sysreg[SYSREG_MDSCR_EL1] & MDSCR_SS) && generated(c);
}

/* A step is due when PSTATE.SS is 0 (active-pending). The syndrome is valid if an instruction was
 * stepped (D2.12.6). */
static _Noreturn void raise_step(struct soft_cpu *c)
{
    uint32_t esr = esr_step(c->el == 1, c->priv->step_excl);

    if (!c->priv->step_done)
        esr &= ~(UINT32_C(1) << 24);
    soft_raise(c, esr);
}

void soft_debug_before(struct soft_cpu *c)
{
    host_breakpoints(c);
    if (stepping(c) && !c->ss)
        raise_step(c);
    c->priv->stepping = stepping(c);
    c->priv->step_done = false;
    if (c->pc & 3)
        soft_raise_pc_alignment(c);
    soft_fetch(c, c->pc);
    if ((c->sysreg[SYSREG_MDSCR_EL1] & MDSCR_MDE) && generated(c))
        for (unsigned i = 0; i < BREAKPOINTS; i++)
            if (breakpoint_matches(c, i))
                soft_raise(c, esr_make(c->el ? ESR_EC_BREAKPOINT : ESR_EC_BREAKPOINT_LOWER,
                                       ESR_FSC_DEBUG));
    if (c->il)
        soft_raise_illegal_state(c);
}

/* LDXR, LDXP and their acquiring forms (C4.1.96). CASP is LDXP's encoding in the smaller sizes. */
static bool is_load_exclusive(uint32_t word)
{
    bool pair = word & BIT(21), wide = word & BIT(31);

    return (word & 0x3fc00000) == 0x08400000 && (wide || !pair);
}

/* The ERET that begins a step is not what is stepped (D2.12.4). */
void soft_debug_after(struct soft_cpu *c, uint32_t word)
{
    if (c->priv->stepping && stepping(c) && c->ss) {
        c->ss = 0;
        c->priv->step_done = true;
        c->priv->step_excl = is_load_exclusive(word);
    }
    if (c->priv->debug.step)
        leave_to_debugger(c, esr_make(ESR_EC_STEP, ESR_FSC_DEBUG));
}
