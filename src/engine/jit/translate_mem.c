/* SPDX-License-Identifier: ISC */
/*
 * Loads and stores of one register, and of two (Arm ARM C4.1.96, C6.2, C7.2). What is CONSTRAINED
 * UNPREDICTABLE (interp/ldst.h says what it does) is left to the handlers.
 */
#include "engine/jit/translate_mem.h"

/* What is done to a register, by operation; FP and SIMD from the third on. */
enum kind { LOAD, LOAD_SIGNED, STORE, VLOAD, VSTORE };

static bool is_fp(enum kind kind)
{
    return kind >= VLOAD;
}

/* How the address is formed. */
enum mode { UNSCALED, UNPRIVILEGED, SCALED, INDEXED, PRE, POST };

/* --- one register --- */

/* The access itself of register Rt, its address yet to be filled in. */
static struct ir_insn *single_access(struct translator *t, uint32_t w, enum kind kind,
                                     unsigned scale)
{
    static const uint16_t op[] = {IR_LOAD_X, IR_LOAD_X, IR_STORE_X, IR_LOAD_V, IR_STORE_V};
    struct ir_insn *i = ir_add(t, op[kind]);
    unsigned rt = a64_Rt(w);

    i->size = (uint8_t)(1u << scale);
    switch (kind) {
    case LOAD_SIGNED:
        i->flags = a64_sx32(w) ? MEM_SIGNED32 : MEM_SIGNED;
        i->dst = ir_dst(rt);
        break;
    case LOAD: i->dst = ir_dst(rt); break;
    case STORE: i->b = ir_x(rt); break;
    case VLOAD: i->dst = ir_v(rt); break;
    case VSTORE: i->b = ir_v(rt); break;
    }
    return i;
}

static void add_index(struct ir_insn *i, uint32_t w, unsigned scale)
{
    unsigned option = a64_option(w);

    if (a64_Rm(w) == 31)
        return;
    i->c = ir_x(a64_Rm(w));
    if (!(option & 1))
        i->flags |= option & 4 ? MEM_SXTW : MEM_UXTW;
    if (a64_S(w))
        i->flags |= (uint16_t)(scale << MEM_SHIFT);
}

static bool single(struct translator *t, uint32_t w, enum kind kind, enum mode mode)
{
    unsigned scale = a64_ldsize(w) | (is_fp(kind) ? a64_opc1(w) << 2 : 0);
    int64_t imm9 = sign_extend(a64_imm9(w), 9);
    struct ir_insn *i;

    if (is_fp(kind) && mem_fp_traps(t))
        return false;
    if ((mode == PRE || mode == POST) && !is_fp(kind) && mem_base_is(w, a64_Rt(w)))
        return false;
    i = single_access(t, w, kind, scale);
    i->a = ir_xsp(a64_Rn(w));
    if (mode == UNPRIVILEGED && (t->r->context & CONTEXT_EL1)) /* EL0 has no others */
        i->flags |= MEM_UNPRIV;
    switch (mode) {
    case SCALED: i->imm = (int64_t)a64_imm12(w) << scale; break;
    case INDEXED: add_index(i, w, scale); break;
    case UNPRIVILEGED:
    case UNSCALED:
    case PRE: i->imm = imm9; break;
    case POST: break;
    }
    if (mode == PRE || mode == POST)
        mem_writeback(t, w, imm9);
    return true;
}

#define SINGLE(NAME, KIND, MODE)                                                                   \
    bool translate_##NAME(struct translator *t, uint32_t w)                                        \
    {                                                                                              \
        return single(t, w, KIND, MODE);                                                           \
    }

SINGLE(STUR, STORE, UNSCALED)
SINGLE(LDUR, LOAD, UNSCALED)
SINGLE(LDURS, LOAD_SIGNED, UNSCALED)
SINGLE(STUR_fp, VSTORE, UNSCALED)
SINGLE(LDUR_fp, VLOAD, UNSCALED)

SINGLE(STTR, STORE, UNPRIVILEGED)
SINGLE(LDTR, LOAD, UNPRIVILEGED)
SINGLE(LDTRS, LOAD_SIGNED, UNPRIVILEGED)

SINGLE(STR_imm_uoff, STORE, SCALED)
SINGLE(LDR_imm_uoff, LOAD, SCALED)
SINGLE(LDRS_imm_uoff, LOAD_SIGNED, SCALED)
SINGLE(STR_fp_imm_uoff, VSTORE, SCALED)
SINGLE(LDR_fp_imm_uoff, VLOAD, SCALED)

SINGLE(STR_reg, STORE, INDEXED)
SINGLE(LDR_reg, LOAD, INDEXED)
SINGLE(LDRS_reg, LOAD_SIGNED, INDEXED)
SINGLE(STR_fp_reg, VSTORE, INDEXED)
SINGLE(LDR_fp_reg, VLOAD, INDEXED)

SINGLE(STR_imm_pre, STORE, PRE)
SINGLE(LDR_imm_pre, LOAD, PRE)
SINGLE(LDRS_imm_pre, LOAD_SIGNED, PRE)
SINGLE(STR_fp_imm_pre, VSTORE, PRE)
SINGLE(LDR_fp_imm_pre, VLOAD, PRE)

SINGLE(STR_imm_post, STORE, POST)
SINGLE(LDR_imm_post, LOAD, POST)
SINGLE(LDRS_imm_post, LOAD_SIGNED, POST)
SINGLE(STR_fp_imm_post, VSTORE, POST)
SINGLE(LDR_fp_imm_post, VLOAD, POST)

/* --- literals --- */

static bool literal(struct translator *t, uint32_t w, enum ir_opcode op, unsigned size,
                    ir_value dst, unsigned flags)
{
    struct ir_insn *i = ir_add(t, op);

    i->size = (uint8_t)size;
    i->dst = dst;
    i->flags = (uint16_t)flags;
    i->imm = t->offset + sign_extend(a64_imm19(w), 19) * 4;
    return true;
}

bool translate_LDR_lit(struct translator *t, uint32_t w)
{
    return literal(t, w, IR_LOAD_X, 4u << a64_litx(w), ir_dst(a64_Rt(w)), 0);
}

bool translate_LDRSW_lit(struct translator *t, uint32_t w)
{
    return literal(t, w, IR_LOAD_X, 4, ir_dst(a64_Rt(w)), MEM_SIGNED);
}

bool translate_LDR_fp_lit(struct translator *t, uint32_t w)
{
    return !mem_fp_traps(t) && literal(t, w, IR_LOAD_V, 4u << a64_pairsz(w), ir_v(a64_Rt(w)), 0);
}

/* --- prefetches: hints, which check nothing --- */

#define NOTHING(NAME)                                                                              \
    bool translate_##NAME(struct translator *t, uint32_t w)                                        \
    {                                                                                              \
        return true;                                                                               \
    }

NOTHING(PRFUM)
NOTHING(PRFM_reg)
NOTHING(PRFM_imm_uoff)
NOTHING(PRFM_lit)

/* --- two registers --- */

static void pair_registers(struct ir_insn *i, uint32_t w, enum kind kind)
{
    unsigned rt = a64_Rt(w), rt2 = a64_Rt2(w);

    switch (kind) {
    case LOAD_SIGNED:
    case LOAD:
        i->flags = kind == LOAD_SIGNED ? MEM_SIGNED : 0;
        i->dst = ir_dst(rt);
        i->c = ir_dst(rt2);
        break;
    case STORE:
        i->b = ir_x(rt);
        i->c = ir_x(rt2);
        break;
    case VLOAD:
        i->dst = ir_v(rt);
        i->c = ir_v(rt2);
        break;
    case VSTORE:
        i->b = ir_v(rt);
        i->c = ir_v(rt2);
        break;
    }
}

static bool pair(struct translator *t, uint32_t w, enum kind kind, enum mode mode)
{
    static const uint16_t op[] = {IR_LOAD_X2, IR_LOAD_X2, IR_STORE_X2, IR_LOAD_V2, IR_STORE_V2};
    unsigned size = kind == LOAD_SIGNED ? 4 : 4u << (is_fp(kind) ? a64_pairsz(w) : a64_pairx(w));
    int64_t imm = sign_extend(a64_imm7(w), 7) * size;
    bool writes_base = mode == PRE || mode == POST;

    if (is_fp(kind) && mem_fp_traps(t))
        return false;
    if (kind != STORE && kind != VSTORE && a64_Rt(w) == a64_Rt2(w))
        return false;
    if (!is_fp(kind) && writes_base && (mem_base_is(w, a64_Rt(w)) || mem_base_is(w, a64_Rt2(w))))
        return false;
    pair_registers(mem_access(t, op[kind], size, w, mode == POST ? 0 : imm), w, kind);
    if (writes_base)
        mem_writeback(t, w, imm);
    return true;
}

#define PAIR(NAME, KIND, MODE)                                                                     \
    bool translate_##NAME(struct translator *t, uint32_t w)                                        \
    {                                                                                              \
        return pair(t, w, KIND, MODE);                                                             \
    }

PAIR(STNP, STORE, SCALED)
PAIR(LDNP, LOAD, SCALED)
PAIR(STNP_fp, VSTORE, SCALED)
PAIR(LDNP_fp, VLOAD, SCALED)

PAIR(STP_off, STORE, SCALED)
PAIR(LDP_off, LOAD, SCALED)
PAIR(LDPSW_off, LOAD_SIGNED, SCALED)
PAIR(STP_fp_off, VSTORE, SCALED)
PAIR(LDP_fp_off, VLOAD, SCALED)

PAIR(STP_post, STORE, POST)
PAIR(LDP_post, LOAD, POST)
PAIR(LDPSW_post, LOAD_SIGNED, POST)
PAIR(STP_fp_post, VSTORE, POST)
PAIR(LDP_fp_post, VLOAD, POST)

PAIR(STP_pre, STORE, PRE)
PAIR(LDP_pre, LOAD, PRE)
PAIR(LDPSW_pre, LOAD_SIGNED, PRE)
PAIR(STP_fp_pre, VSTORE, PRE)
PAIR(LDP_fp_pre, VLOAD, PRE)
