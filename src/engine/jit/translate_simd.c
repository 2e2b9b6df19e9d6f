/* SPDX-License-Identifier: ISC */
/*
 * Advanced SIMD, integer, to IR (DDI 0487 C4.1.97): the forms that translate_simd.def names. A form
 * reads operands from their fields; what is done with them is the row's operation.
 *
 * A form returns false, having added nothing, for an encoding that is left to the handler.
 */
#include "engine/jit/ir_vec.h"
#include "engine/jit/translate.h"

/* op(Vn) of elements of `size` bytes. */
static struct ir_insn *add(struct translator *t, uint32_t w, enum ir_opcode op, unsigned size,
                           unsigned flags)
{
    struct ir_insn *i = ir_add(t, op);

    i->size = (uint8_t)size;
    i->flags = (uint16_t)flags;
    i->dst = ir_v(a64_Rd(w));
    i->a = ir_v(a64_Rn(w));
    return i;
}

static unsigned size_of(uint32_t w)
{
    return 1u << a64_size(w);
}

/* The row's flags, and whether the vector has 128 bits: in scalar encodings the bit of that name is
 * always 1. */
static unsigned shape_of(uint32_t w, unsigned flags)
{
    return a64_Q(w) && !(flags & IR_SCALAR) ? flags | IR_Q : flags;
}

/* Of the instructions whose names end in 2 where Q is set. */
static unsigned half_of(uint32_t w)
{
    return IR_Q | (a64_Q(w) ? VEC_HIGH : 0);
}

/* --- two and three registers --- */

static bool two(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    add(t, w, op, size_of(w), shape_of(w, flags));
    return true;
}

static bool two_accumulate(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    add(t, w, op, size_of(w), shape_of(w, flags))->c = ir_v(a64_Rd(w));
    return true;
}

/* 0 with Vn. */
static bool from_zero(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    struct ir_insn *i = add(t, w, op, size_of(w), shape_of(w, flags));

    i->b = i->a;
    i->a = IR_NONE;
    return true;
}

/* Scalars of less than 64 bits exist where operations saturate. They are rare. */
static bool three(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    if ((flags & IR_SCALAR) && a64_size(w) != 3)
        return false;
    add(t, w, op, size_of(w), shape_of(w, flags))->b = ir_v(a64_Rm(w));
    return true;
}

static bool accumulate(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    struct ir_insn *i = add(t, w, op, size_of(w), shape_of(w, flags));

    i->b = ir_v(a64_Rm(w));
    i->c = i->dst;
    return true;
}

static bool three_or_move(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    if (a64_Rn(w) == a64_Rm(w))
        return two(t, w, IR_VMOV, flags);
    return three(t, w, op, flags);
}

static bool three_or_zero(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    if (a64_Rn(w) != a64_Rm(w))
        return three(t, w, op, flags);
    add(t, w, IR_VCONST, 8, shape_of(w, flags))->a = IR_NONE;
    return true;
}

/* BSL, BIT and BIF (size 1, 2, 3) differ in which operand chooses: Vd, Vm, the inverse of Vm. */
static bool select_bits(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    struct ir_insn *i = add(t, w, op, 1, shape_of(w, flags));
    ir_value d = i->dst, n = i->a, m = ir_v(a64_Rm(w));

    switch (a64_size(w)) {
    case 1: i->b = m, i->c = d; break;
    case 2: i->b = d, i->c = m; break;
    default: i->a = d, i->b = n, i->c = m; break;
    }
    return true;
}

/* --- wider and narrower --- */

static bool two_narrow(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    struct ir_insn *i = add(t, w, op, size_of(w), flags | half_of(w));

    i->c = a64_Q(w) ? i->dst : IR_NONE;
    return true;
}

static bool two_widen(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    add(t, w, op, size_of(w), flags | half_of(w))->imm = 8 * size_of(w);
    return true;
}

static bool widening(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    add(t, w, op, size_of(w), flags | half_of(w))->b = ir_v(a64_Rm(w));
    return true;
}

static bool widening_accumulate(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    struct ir_insn *i = add(t, w, op, size_of(w), flags | half_of(w));

    i->b = ir_v(a64_Rm(w));
    i->c = i->dst;
    return true;
}

/* PMULL of 64 bits; that of bytes is rare. */
static bool widening_long(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    return a64_size(w) == 3 && widening(t, w, op, flags);
}

static bool narrowing(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    struct ir_insn *i = add(t, w, op, size_of(w), flags | half_of(w));

    i->b = ir_v(a64_Rm(w));
    i->c = a64_Q(w) ? i->dst : IR_NONE;
    return true;
}

/* --- by element --- */

static void set_element(struct ir_insn *i, uint32_t w)
{
    unsigned low = a64_H(w) << 1 | a64_L(w);

    if (i->size == 2) {
        i->b = ir_v(a64_Rm4(w));
        i->imm = low << 1 | a64_M(w);
    } else {
        i->b = ir_v(a64_M(w) << 4 | a64_Rm4(w));
        i->imm = low;
    }
}

static bool element(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    set_element(add(t, w, op, size_of(w), shape_of(w, flags) | VEC_LANE), w);
    return true;
}

static bool element_accumulate(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    struct ir_insn *i = add(t, w, op, size_of(w), shape_of(w, flags) | VEC_LANE);

    set_element(i, w);
    i->c = i->dst;
    return true;
}

static bool element_long(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    set_element(add(t, w, op, size_of(w), flags | half_of(w) | VEC_LANE), w);
    return true;
}

static bool element_long_accumulate(struct translator *t, uint32_t w, enum ir_opcode op,
                                    unsigned flags)
{
    struct ir_insn *i = add(t, w, op, size_of(w), flags | half_of(w) | VEC_LANE);

    set_element(i, w);
    i->c = i->dst;
    return true;
}

/* Both halves of Vn into one. */
static bool pair(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    add(t, w, op, 8, flags | IR_Q);
    return true;
}

/* --- shifts by an immediate: immh:immb is the element's size in bits plus or minus the shift ---
 */

static unsigned shift_size(uint32_t w)
{
    return 1u << (31 - __builtin_clz(a64_immh(w)));
}

static unsigned left(uint32_t w)
{
    return (a64_immh(w) << 3 | a64_immb(w)) - 8 * shift_size(w);
}

static unsigned right(uint32_t w)
{
    return 16 * shift_size(w) - (a64_immh(w) << 3 | a64_immb(w));
}

static struct ir_insn *shift(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags,
                             unsigned amount)
{
    struct ir_insn *i = add(t, w, op, shift_size(w), flags);

    i->imm = amount;
    return i;
}

static void shift_insert(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags,
                         unsigned amount)
{
    struct ir_insn *i = shift(t, w, op, flags, amount);

    i->b = i->a;
    i->a = i->dst;
}

static bool shift_left(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    shift(t, w, op, shape_of(w, flags), left(w));
    return true;
}

static bool shift_left_insert(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    shift_insert(t, w, op, shape_of(w, flags), left(w));
    return true;
}

static bool shift_left_long(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    shift(t, w, op, flags | half_of(w), left(w));
    return true;
}

static bool shift_right(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    shift(t, w, op, shape_of(w, flags), right(w));
    return true;
}

static bool shift_right_accumulate(struct translator *t, uint32_t w, enum ir_opcode op,
                                   unsigned flags)
{
    shift(t, w, op, shape_of(w, flags), right(w))->c = ir_v(a64_Rd(w));
    return true;
}

static bool shift_right_insert(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    shift_insert(t, w, op, shape_of(w, flags), right(w));
    return true;
}

static bool shift_right_narrow(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    struct ir_insn *i = shift(t, w, op, flags | half_of(w), right(w));

    i->c = a64_Q(w) ? i->dst : IR_NONE;
    return true;
}

/* --- immediates --- */

/* `value` in every `bits` bits of 64. */
static uint64_t replicate(uint64_t value, unsigned bits)
{
    for (; bits < 64; bits *= 2)
        value |= value << bits;
    return value;
}

/* MOVI of 64 bits: each bit of the immediate is a byte. */
static uint64_t expand_bits(uint8_t imm)
{
    uint64_t value = 0;

    for (unsigned n = 0; n < 8; n++)
        if (imm >> n & 1)
            value |= UINT64_C(0xff) << 8 * n;
    return value;
}

/* AdvSIMDExpandImm() of what is not floating point, before MVNI's inversion; BIC has its own. */
static uint64_t expand_imm(uint32_t w, bool move_64)
{
    unsigned cmode = a64_cmode(w);
    uint64_t imm = a64_abc(w) << 5 | a64_defgh(w);

    if (cmode < 8)
        return replicate(imm << cmode / 2 * 8, 32);
    if (cmode < 12)
        return replicate(imm << (cmode & 2) * 4, 16);
    if (cmode == 12)
        return replicate(imm << 8 | 0xff, 32);
    if (cmode == 13)
        return replicate(imm << 16 | 0xffff, 32);
    return move_64 ? expand_bits((uint8_t)imm) : replicate(imm, 8);
}

static bool modified_imm(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    bool move = op == IR_VCONST, invert = flags & VEC_MINUS;
    uint64_t value = expand_imm(w, move && !invert && (w >> 29 & 1));
    struct ir_insn *i = add(t, w, IR_VCONST, 8, shape_of(w, 0));

    i->imm = (int64_t)(invert ? ~value : value);
    i->a = IR_NONE;
    if (move)
        return true;
    i->dst = IR_VT;
    i = add(t, w, op, 8, shape_of(w, 0));
    i->a = i->dst;
    i->b = IR_VT;
    return true;
}

/* --- copies, permutations --- */

/* imm5 is index:1:zeros, with as many zeros as the log2 of an element's bytes. */
static bool copy(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    unsigned log2 = (unsigned)__builtin_ctz(a64_imm5(w));
    struct ir_insn *i = add(t, w, op, 1u << log2, shape_of(w, flags));

    i->imm = a64_imm5(w) >> (log2 + 1);
    switch (op) {
    case IR_VDUP: i->a = ir_x(a64_Rn(w)); break;
    case IR_VGET: i->dst = ir_dst(a64_Rd(w)); break;
    case IR_VSET:
        i->b = ir_x(a64_Rn(w));
        i->a = i->dst;
        break;
    case IR_VSET_LANE:
        i->b = i->a;
        i->a = i->dst;
        i->imm |= a64_imm4(w) >> log2 << 4;
        break;
    default: break;
    }
    return true;
}

static bool extract(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    struct ir_insn *i = add(t, w, op, 1, shape_of(w, flags));

    i->b = ir_v(a64_Rm(w));
    i->imm = a64_imm4(w);
    return true;
}

/* REV64, REV32, REV16: the container is 8 bytes, less by bit 29 and by bit 12. */
static bool reverse(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    add(t, w, op, size_of(w), shape_of(w, flags))->imm = w >> 12 & 1 ? 2 : w >> 29 & 1 ? 4 : 8;
    return true;
}

/* A table of several registers is a chain: each gives the bytes that are in it. */
static bool table(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    ir_value rest = flags & VEC_KEEP ? ir_v(a64_Rd(w)) : IR_NONE;

    for (unsigned n = 0; n <= a64_len(w); n++) {
        bool last = n == a64_len(w);
        struct ir_insn *i = add(t, w, op, 1, last ? shape_of(w, flags) : flags | IR_Q);

        i->a = ir_v((a64_Rn(w) + n) % 32);
        i->b = ir_v(a64_Rm(w));
        i->c = rest;
        i->imm = 16 * n;
        if (!last)
            i->dst = rest = IR_VT;
    }
    return true;
}

/* --- cryptography: Vd is an operand --- */

static bool same_block(const struct ir_region *r, unsigned n)
{
    if (n + 1 >= r->guests)
        return false;
    for (unsigned b = 0; b < r->blocks; b++)
        if (r->block[b].first_guest == n + 1)
            return false;
    return true;
}

/* Whether guest instructions n and n + 1 are a round of AES: of one block, on one register. */
static bool aes_round(const struct ir_region *r, unsigned n)
{
    const struct guest_insn *g = &r->guest[n];

    return same_block(r, n) &&
           ((g[0].op == A64_AESE && g[1].op == A64_AESMC) ||
            (g[0].op == A64_AESD && g[1].op == A64_AESIMC)) &&
           a64_Rd(g[0].word) == a64_Rd(g[1].word) && a64_Rn(g[1].word) == a64_Rd(g[1].word);
}

static bool aes_first(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    struct ir_insn *i = add(t, w, op, 4, flags | IR_Q);

    if (aes_round(t->r, t->guest))
        i->flags |= VEC_FUSED;
    i->b = i->a;
    i->a = i->dst;
    return true;
}

static bool aes_second(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    struct ir_insn *i = add(t, w, op, 4, flags | IR_Q);

    if (t->guest > 0 && aes_round(t->r, t->guest - 1))
        i->flags |= VEC_FUSED;
    return true;
}

static bool rounds_two(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    struct ir_insn *i = add(t, w, op, 4, flags | IR_Q);

    i->b = i->a;
    i->a = i->dst;
    return true;
}

/* The function of SHA1C, SHA1P and SHA1M is their opcode. */
static bool rounds(struct translator *t, uint32_t w, enum ir_opcode op, unsigned flags)
{
    struct ir_insn *i = add(t, w, op, 4, flags | IR_Q);

    i->b = i->a;
    i->a = i->dst;
    i->c = ir_v(a64_Rm(w));
    i->imm = w >> 12 & 7;
    return true;
}

#define SIMD(name, form, op, flags)                                                                \
    bool translate_##name(struct translator *t, uint32_t w)                                        \
    {                                                                                              \
        return !(t->r->context & CONTEXT_FP_TRAP) && form(t, w, IR_##op, flags);                   \
    }
#include "engine/jit/translate_simd.def"
