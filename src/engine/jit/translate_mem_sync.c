/* SPDX-License-Identifier: ISC */
/*
 * Loads and stores that order or synchronise, and barriers (Arm ARM C4.1.96, C6.2): see
 * emit_atomic.c for the order, soft/monitor.c for exclusives. Pairs, and minima and maxima of less
 * than a word, are left to the handlers.
 */
#include "engine/jit/translate_mem.h"

#include "engine/soft/exclusive.h"

/* An access of Rn's size in these instructions. */
static struct ir_insn *sync_access(struct translator *t, enum ir_opcode op, uint32_t w)
{
    return mem_access(t, op, 1u << a64_ldsize(w), w, 0);
}

/* --- ordered --- */

bool translate_LDAR(struct translator *t, uint32_t w)
{
    sync_access(t, IR_LOAD_ACQUIRE, w)->dst = ir_dst(a64_Rt(w));
    return true;
}

bool translate_LDAPR(struct translator *t, uint32_t w)
{
    return translate_LDAR(t, w);
}

bool translate_STLR(struct translator *t, uint32_t w)
{
    sync_access(t, IR_STORE_RELEASE, w)->b = ir_x(a64_Rt(w));
    return true;
}

/* Devices run on threads of their own, so barriers are for one vCPU, too. Bits 1:0 of CRm are the
 * accesses: loads before anything (1) and stores before stores (2) are ordered on x86. */
bool translate_DMB(struct translator *t, uint32_t w)
{
    unsigned accesses = a64_CRm(w) & 3;

    if (accesses != 1 && accesses != 2)
        ir_add(t, IR_FENCE);
    return true;
}

/* --- exclusives --- */

/* With other vCPUs a load-exclusive is in line only if its store-exclusive is known. */
bool translate_LDXR(struct translator *t, uint32_t w)
{
    struct ir_insn *i;
    unsigned name = 0;

    if (t->r->smp) {
        name = soft_excl_find_pair(t->r->page, t->r->pa, t->offset);
        if (!name)
            return false;
    }
    i = sync_access(t, IR_LOAD_EXCL, w);
    i->dst = ir_dst(a64_Rt(w));
    i->imm = name;
    return true;
}

bool translate_STXR(struct translator *t, uint32_t w)
{
    unsigned rs = a64_Rs(w);
    struct ir_insn *i;

    if (rs == a64_Rt(w) || mem_base_is(w, rs))
        return false;
    i = sync_access(t, IR_STORE_EXCL, w);
    i->dst = ir_dst(rs);
    i->b = ir_x(a64_Rt(w));
    i->imm = soft_excl_name(t->r->pa + t->offset);
    return true;
}

bool translate_CLREX(struct translator *t, uint32_t w)
{
    ir_add(t, IR_CLEAR_EXCL);
    return true;
}

/* --- FEAT_LSE --- */

static bool atomic(struct translator *t, uint32_t w, enum ir_opcode op)
{
    struct ir_insn *i = sync_access(t, op, w);

    i->b = ir_x(a64_Rs(w));
    i->dst = ir_dst(a64_Rt(w));
    return true;
}

#define ATOMIC(NAME, OP)                                                                           \
    bool translate_##NAME(struct translator *t, uint32_t w)                                        \
    {                                                                                              \
        return atomic(t, w, OP);                                                                   \
    }

ATOMIC(LDADD, IR_ATOMIC_ADD)
ATOMIC(LDCLR, IR_ATOMIC_CLR)
ATOMIC(LDEOR, IR_ATOMIC_EOR)
ATOMIC(LDSET, IR_ATOMIC_SET)
ATOMIC(SWP, IR_ATOMIC_SWAP)

/* x86 compares registers of 4 or 8 bytes whatever is above what was loaded. */
#define ATOMIC_CHOOSE(NAME, OP)                                                                    \
    bool translate_##NAME(struct translator *t, uint32_t w)                                        \
    {                                                                                              \
        return a64_ldsize(w) >= 2 && atomic(t, w, OP);                                             \
    }

ATOMIC_CHOOSE(LDSMAX, IR_ATOMIC_SMAX)
ATOMIC_CHOOSE(LDSMIN, IR_ATOMIC_SMIN)
ATOMIC_CHOOSE(LDUMAX, IR_ATOMIC_UMAX)
ATOMIC_CHOOSE(LDUMIN, IR_ATOMIC_UMIN)

bool translate_CAS(struct translator *t, uint32_t w)
{
    struct ir_insn *i = sync_access(t, IR_ATOMIC_CAS, w);

    i->b = ir_x(a64_Rs(w));
    i->c = ir_x(a64_Rt(w));
    i->dst = ir_dst(a64_Rs(w));
    return true;
}

/* A pair of W registers is left to the handler. */
bool translate_CASP(struct translator *t, uint32_t w)
{
    unsigned rs = a64_Rs(w), rt = a64_Rt(w);
    struct ir_insn *i;

    if (!a64_xpsz(w))
        return false;
    i = mem_access(t, IR_CHECK, 16, w, 0);
    i->dst = IR_T;
    i->flags = MEM_WRITE | MEM_ALIGNED;
    i = ir_add(t, IR_HOST_CASP);
    i->a = IR_T;
    i->b = ir_x(rt);
    i->dst = ir_dst(rs);
    i->c = ir_dst(rs + 1);
    return true;
}

/* --- DC ZVA; other system instructions are for the handler --- */

#define DC_ZVA (3u << 16 | 7u << 12 | 4u << 8 | 1u << 5) /* op1, CRn, CRm, op2 of SYS */

bool translate_SYS(struct translator *t, uint32_t w)
{
    struct ir_insn *i;

    if ((w & 0x7ffe0) != DC_ZVA || a64_Rt(w) == 31)
        return false;
    i = ir_add(t, IR_ZERO_LINE);
    i->a = ir_x(a64_Rt(w));
    return true;
}
