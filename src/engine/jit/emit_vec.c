/* SPDX-License-Identifier: ISC */
/*
 * Vector integer operations: operands, results and the steps that several operations are made of,
 * logic, and arithmetic between elements of one size; see emit_vec.h.
 */
#include "engine/jit/emit_vec.h"

vec_ops vec_add_ops = {X64_PADDB, X64_PADDW, X64_PADDD, X64_PADDQ};
vec_ops vec_sub_ops = {X64_PSUBB, X64_PSUBW, X64_PSUBD, X64_PSUBQ};
vec_ops vec_smax_ops = {X64_PMAXSB, X64_PMAXSW, X64_PMAXSD, X64_VPMAXSQ};
vec_ops vec_smin_ops = {X64_PMINSB, X64_PMINSW, X64_PMINSD, X64_VPMINSQ};
vec_ops vec_umax_ops = {X64_PMAXUB, X64_PMAXUW, X64_PMAXUD, X64_VPMAXUQ};
vec_ops vec_umin_ops = {X64_PMINUB, X64_PMINUW, X64_PMINUD, X64_VPMINUQ};
vec_ops vec_cmpeq_ops = {X64_PCMPEQB, X64_PCMPEQW, X64_PCMPEQD, X64_PCMPEQQ};
vec_ops vec_cmpgt_ops = {X64_PCMPGTB, X64_PCMPGTW, X64_PCMPGTD, X64_PCMPGTQ};

static vec_ops shift_left_ops = {X64_PSLLW_I, X64_PSLLW_I, X64_PSLLD_I, X64_PSLLQ_I};
static vec_ops shift_right_ops = {X64_PSRLW_I, X64_PSRLW_I, X64_PSRLD_I, X64_PSRLQ_I};

uint64_t vec_replicate(uint64_t value, unsigned size)
{
    if (size < 8)
        value &= (UINT64_C(1) << 8 * size) - 1;
    for (; size < 8; size *= 2)
        value |= value << 8 * size;
    return value;
}

struct x64_mem vec_const(struct emit *e, uint64_t half)
{
    return emit_const16(e, half, half);
}

/* --- operands and results --- */

unsigned vec_use(struct emit *e, ir_value v, unsigned scratch)
{
    if (v != IR_NONE)
        return emit_vuse(e, v, scratch);
    x64_vzero(e->as, scratch);
    return scratch;
}

unsigned vec_use_b(struct emit *e, const struct ir_insn *i, unsigned scratch)
{
    unsigned b = vec_use(e, i->b, scratch);

    if (!(i->flags & VEC_LANE))
        return b;
    vec_broadcast(e, scratch, b, i->size, (unsigned)i->imm);
    return scratch;
}

void vec_op3(struct emit *e, enum x64_vop op, unsigned dst, unsigned a, ir_value b,
             unsigned scratch)
{
    if (e->cpu->avx && ir_is_vector(b) && !emit_in_reg(e, b)) /* unaligned, perhaps */
        x64_v3m(e->as, op, dst, a, emit_mem(e, b));
    else
        x64_v3(e->as, op, dst, a, vec_use(e, b, scratch));
}

unsigned vec_target(struct emit *e, const struct ir_insn *i)
{
    return i->c == IR_NONE ? emit_vdef(e, i->dst, X64_XMM13) : X64_XMM13;
}

void vec_store(struct emit *e, const struct ir_insn *i, unsigned r)
{
    unsigned d = emit_vdef(e, i->dst, r);

    if (i->flags & IR_Q)
        x64_vmov(e->as, d, r);
    else
        x64_v2(e->as, X64_MOVQ, d, r);
    emit_vdone(e, i->dst, d);
}

void vec_end(struct emit *e, const struct ir_insn *i, unsigned size, unsigned r)
{
    if (i->c != IR_NONE) {
        vec_ops *ops = i->flags & VEC_MINUS ? &vec_sub_ops : &vec_add_ops;
        unsigned d = emit_vdef(e, i->dst, X64_XMM14);

        x64_v3(e->as, vec_op(*ops, size), d, emit_vuse(e, i->c, X64_XMM14), r);
        r = d;
    }
    vec_store(e, i, r);
}

void vec_store_narrow(struct emit *e, const struct ir_insn *i, unsigned r)
{
    unsigned d = emit_vdef(e, i->dst, X64_XMM13);

    if (i->c == IR_NONE)
        x64_v2(e->as, X64_MOVQ, d, r);
    else
        x64_v3(e->as, X64_PUNPCKLQDQ, d, emit_vuse(e, i->c, X64_XMM13), r);
    emit_vdone(e, i->dst, d);
}

/* --- steps --- */

/* Half of a shuffle's indices: those of element `lane`. */
static uint64_t lane_indices(unsigned size, unsigned lane)
{
    return vec_replicate(UINT64_C(0x0706050403020100) + vec_replicate(lane * size, 1), size);
}

void vec_broadcast(struct emit *e, unsigned to, unsigned from, unsigned size, unsigned lane)
{
    if (size == 8)
        x64_v2i(e->as, X64_PSHUFD, to, from, lane ? 0xee : 0x44);
    else if (size == 4)
        x64_v2i(e->as, X64_PSHUFD, to, from, (uint8_t)(lane * 0x55));
    else if (lane == 0 && e->cpu->avx2)
        x64_v2(e->as, size == 1 ? X64_VPBROADCASTB : X64_VPBROADCASTW, to, from);
    else
        x64_v3m(e->as, X64_PSHUFB, to, from, vec_const(e, lane_indices(size, lane)));
}

uint64_t vec_parts(unsigned size, unsigned skip)
{
    static const uint64_t first[3] = {UINT64_C(0x0e0c0a0806040200), UINT64_C(0x0d0c090805040100),
                                      UINT64_C(0x0b0a090803020100)};

    return first[__builtin_ctz(size)] + vec_replicate(skip, 1);
}

void vec_not(struct emit *e, unsigned to, unsigned from, unsigned ones)
{
    if (e->cpu->avx512) {
        x64_v3i(e->as, X64_VPTERNLOGD, to, from, from, 0x55); /* where src2 is 0 */
        return;
    }
    x64_vones(e->as, ones);
    x64_v3(e->as, X64_PXOR, to, from, ones);
}

void vec_widen(struct emit *e, unsigned to, unsigned from, unsigned size, unsigned flags)
{
    static vec_ops sign = {X64_PMOVSXBW, X64_PMOVSXWD, X64_PMOVSXDQ, X64_VOP_COUNT};
    static vec_ops zero = {X64_PMOVZXBW, X64_PMOVZXWD, X64_PMOVZXDQ, X64_VOP_COUNT};

    if (flags & VEC_HIGH) {
        x64_v2i(e->as, X64_PSHUFD, to, from, 0xee);
        from = to;
    }
    x64_v2(e->as, vec_op(flags & VEC_SIGNED ? sign : zero, size), to, from);
}

void vec_shift_left(struct emit *e, unsigned to, unsigned from, unsigned size, unsigned n)
{
    x64_vshift_i(e->as, vec_op(shift_left_ops, size), to, from, (uint8_t)n);
    if (size == 1 && n > 0)
        x64_v3m(e->as, X64_PAND, to, to, vec_const(e, vec_replicate(0xffu << n, 1)));
}

void vec_shift_right_logical(struct emit *e, unsigned to, unsigned from, unsigned size, unsigned n)
{
    x64_vshift_i(e->as, vec_op(shift_right_ops, size), to, from, (uint8_t)n);
    if (size == 1 && n > 0)
        x64_v3m(e->as, X64_PAND, to, to, vec_const(e, vec_replicate(0xffu >> n, 1)));
}

/* There is no arithmetic shift of bytes: the logical one, and the sign bit at its new place made to
 * count for what is above it. */
static void shift_right_bytes(struct emit *e, unsigned to, unsigned from, unsigned n)
{
    struct x64_mem sign = vec_const(e, vec_replicate(0x80u >> n, 1));

    vec_shift_right_logical(e, to, from, 1, n);
    x64_v3m(e->as, X64_PXOR, to, to, sign);
    x64_v3m(e->as, X64_PSUBB, to, to, sign);
}

/* Before AVX-512 there is none of 64 bits: the sign's copies are shifted in. */
static void shift_right_long(struct emit *e, unsigned to, unsigned from, unsigned n, unsigned tmp)
{
    if (e->cpu->avx512) {
        x64_vshift_i(e->as, X64_VPSRAQ_I, to, from, (uint8_t)n);
        return;
    }
    x64_vzero(e->as, tmp);
    x64_v3(e->as, X64_PCMPGTQ, tmp, tmp, from);
    x64_vshift_i(e->as, X64_PSLLQ_I, tmp, tmp, (uint8_t)(64 - n));
    x64_vshift_i(e->as, X64_PSRLQ_I, to, from, (uint8_t)n);
    x64_v3(e->as, X64_POR, to, to, tmp);
}

static void shift_right_signed(struct emit *e, unsigned to, unsigned from, unsigned size,
                               unsigned n, unsigned tmp)
{
    if (n == 8 * size)
        n--;
    switch (size) {
    case 1: shift_right_bytes(e, to, from, n); break;
    case 2: x64_vshift_i(e->as, X64_PSRAW_I, to, from, (uint8_t)n); break;
    case 4: x64_vshift_i(e->as, X64_PSRAD_I, to, from, (uint8_t)n); break;
    default: shift_right_long(e, to, from, n, tmp); break;
    }
}

/* Rounded: the last bit that is shifted out is added. */
void vec_shift_right(struct emit *e, unsigned to, unsigned from, unsigned size, unsigned n,
                     unsigned flags, unsigned tmp, unsigned tmp2)
{
    if (flags & VEC_ROUND) {
        vec_shift_right_logical(e, tmp2, from, size, n - 1);
        x64_v3m(e->as, X64_PAND, tmp2, tmp2, vec_const(e, vec_replicate(1, size)));
    }
    if (flags & VEC_SIGNED)
        shift_right_signed(e, to, from, size, n, tmp);
    else
        vec_shift_right_logical(e, to, from, size, n);
    if (flags & VEC_ROUND)
        x64_v3(e->as, vec_op(vec_add_ops, size), to, to, tmp2);
}

/* Of pairs of bytes or halfwords, one as its pair's only value: unsigned saturation then does
 * nothing. */
static void unzip_half(struct emit *e, bool odd, unsigned size, unsigned to, unsigned from)
{
    if (odd)
        x64_vshift_i(e->as, vec_op(shift_right_ops, 2 * size), to, from, (uint8_t)(8 * size));
    else
        x64_v3m(e->as, X64_PAND, to, from,
                vec_const(e, vec_replicate((UINT64_C(1) << 8 * size) - 1, 2 * size)));
}

void vec_unzip(struct emit *e, const struct ir_insn *i, bool odd, unsigned to, unsigned tmp,
               unsigned last)
{
    unsigned a = emit_vuse(e, i->a, to), b = i->a == i->b ? a : emit_vuse(e, i->b, tmp);
    bool same = i->a == i->b;

    if (!(i->flags & IR_Q)) { /* both halves in one register */
        x64_v3(e->as, X64_PUNPCKLQDQ, to, a, b);
        a = b = to;
        same = true;
    }
    if (i->size == 8) {
        x64_v3(e->as, odd ? X64_PUNPCKHQDQ : X64_PUNPCKLQDQ, last, a, b);
    } else if (i->size == 4) {
        x64_v3i(e->as, X64_SHUFPS, last, a, b, odd ? 0xdd : 0x88);
    } else {
        unzip_half(e, odd, i->size, to, a);
        if (!same)
            unzip_half(e, odd, i->size, tmp, b);
        x64_v3(e->as, i->size == 1 ? X64_PACKUSWB : X64_PACKUSDW, last, to, same ? to : tmp);
    }
}

void vec_abd(struct emit *e, const struct ir_insn *i, unsigned to, unsigned tmp)
{
    bool sign = i->flags & VEC_SIGNED;
    unsigned a = emit_vuse(e, i->a, X64_XMM13), b = emit_vuse(e, i->b, X64_XMM14);

    x64_v3(e->as, vec_op(sign ? vec_smin_ops : vec_umin_ops, i->size), tmp, a, b);
    x64_v3(e->as, vec_op(sign ? vec_smax_ops : vec_umax_ops, i->size), X64_XMM13, a, b);
    x64_v3(e->as, vec_op(vec_sub_ops, i->size), to, X64_XMM13, tmp);
}

/* --- operations that are one instruction --- */

static void binary(struct emit *e, const struct ir_insn *i, enum x64_vop op)
{
    unsigned a = emit_vuse(e, i->a, X64_XMM13), d = emit_vdef(e, i->dst, X64_XMM13);

    vec_op3(e, op, d, a, i->b, X64_XMM14);
    vec_store(e, i, d);
}

#define BINARY(name, ops)                                                                          \
    void emit_##name(struct emit *e, const struct ir_insn *i)                                      \
    {                                                                                              \
        binary(e, i, vec_op(ops, i->size));                                                        \
    }
BINARY(VADD, vec_add_ops)
BINARY(VSUB, vec_sub_ops)
BINARY(VSMAX, vec_smax_ops)
BINARY(VSMIN, vec_smin_ops)
BINARY(VUMAX, vec_umax_ops)
BINARY(VUMIN, vec_umin_ops)

/* --- logic --- */

void emit_VAND(struct emit *e, const struct ir_insn *i)
{
    binary(e, i, X64_PAND);
}

void emit_VORR(struct emit *e, const struct ir_insn *i)
{
    binary(e, i, X64_POR);
}

void emit_VEOR(struct emit *e, const struct ir_insn *i)
{
    binary(e, i, X64_PXOR);
}

/* The host complements the first operand. */
void emit_VBIC(struct emit *e, const struct ir_insn *i)
{
    unsigned b = emit_vuse(e, i->b, X64_XMM14), d = emit_vdef(e, i->dst, X64_XMM13);

    vec_op3(e, X64_PANDN, d, b, i->a, X64_XMM13);
    vec_store(e, i, d);
}

void emit_VORN(struct emit *e, const struct ir_insn *i)
{
    unsigned d = emit_vdef(e, i->dst, X64_XMM13);

    vec_not(e, X64_XMM14, emit_vuse(e, i->b, X64_XMM14), X64_XMM15);
    x64_v3(e->as, X64_POR, d, X64_XMM14, emit_vuse(e, i->a, X64_XMM13));
    vec_store(e, i, d);
}

void emit_VNOT(struct emit *e, const struct ir_insn *i)
{
    unsigned d = emit_vdef(e, i->dst, X64_XMM13);

    vec_not(e, d, emit_vuse(e, i->a, X64_XMM13), X64_XMM15);
    vec_store(e, i, d);
}

/* VPTERNLOGD by the operand that dst is: its truth table is indexed by dst:src1:src2. */
static bool select_in_place(struct emit *e, const struct ir_insn *i)
{
    enum { C_A_B = 0xca, B_A_C = 0xd8, A_B_C = 0xe4 };
    ir_value first = i->a, second = i->b;
    uint8_t table;

    if (!e->cpu->avx512 || !emit_in_reg(e, i->dst))
        return false;
    if (i->dst == i->c)
        table = C_A_B;
    else if (i->dst == i->b)
        table = B_A_C, second = i->c;
    else if (i->dst == i->a)
        table = A_B_C, first = i->b, second = i->c;
    else
        return false;
    x64_v3i(e->as, X64_VPTERNLOGD, emit_vdef(e, i->dst, X64_XMM13), emit_vuse(e, first, X64_XMM14),
            emit_vuse(e, second, X64_XMM15), table);
    return true;
}

void emit_VSELECT(struct emit *e, const struct ir_insn *i)
{
    unsigned d = emit_vdef(e, i->dst, X64_XMM13);

    if (!select_in_place(e, i)) {
        unsigned b = emit_vuse(e, i->b, X64_XMM14);

        vec_op3(e, X64_PXOR, X64_XMM13, b, i->a, X64_XMM13);
        vec_op3(e, X64_PAND, X64_XMM13, X64_XMM13, i->c, X64_XMM15);
        x64_v3(e->as, X64_PXOR, d, X64_XMM13, b);
    }
    vec_store(e, i, d);
}

/* --- arithmetic --- */

void emit_VNEG(struct emit *e, const struct ir_insn *i)
{
    unsigned d = emit_vdef(e, i->dst, X64_XMM13);

    x64_vzero(e->as, X64_XMM13);
    vec_op3(e, vec_op(vec_sub_ops, i->size), d, X64_XMM13, i->a, X64_XMM14);
    vec_store(e, i, d);
}

void emit_VABS(struct emit *e, const struct ir_insn *i)
{
    static vec_ops ops = {X64_PABSB, X64_PABSW, X64_PABSD, X64_VPABSQ};
    unsigned a = emit_vuse(e, i->a, X64_XMM13), d = emit_vdef(e, i->dst, X64_XMM13);

    if (x64_vop_available(e->cpu, vec_op(ops, i->size))) {
        x64_v2(e->as, vec_op(ops, i->size), d, a);
    } else {
        x64_vzero(e->as, X64_XMM14);
        x64_v3(e->as, X64_PCMPGTQ, X64_XMM14, X64_XMM14, a);
        x64_v3(e->as, X64_PXOR, X64_XMM13, a, X64_XMM14);
        x64_v3(e->as, X64_PSUBQ, d, X64_XMM13, X64_XMM14);
    }
    vec_store(e, i, d);
}

void emit_VABD(struct emit *e, const struct ir_insn *i)
{
    unsigned t = vec_target(e, i);

    vec_abd(e, i, t, X64_XMM15);
    vec_end(e, i, i->size, t);
}

/* The low bytes of two products of words: one as they are, one of the upper bytes. */
static void multiply_bytes(struct emit *e, const struct ir_insn *i, unsigned to)
{
    unsigned a = emit_vuse(e, i->a, X64_XMM13), b = emit_vuse(e, i->b, X64_XMM14);
    uint64_t even = vec_replicate(0x00ff, 2);

    x64_v3(e->as, X64_PMULLW, X64_XMM15, a, b);
    x64_v3m(e->as, X64_PAND, X64_XMM15, X64_XMM15, vec_const(e, even));
    x64_vshift_i(e->as, X64_PSRLW_I, X64_XMM13, a, 8);
    x64_v3m(e->as, X64_PAND, X64_XMM14, b, vec_const(e, ~even));
    x64_v3(e->as, X64_PMULLW, X64_XMM13, X64_XMM13, X64_XMM14);
    x64_v3(e->as, X64_POR, to, X64_XMM15, X64_XMM13);
}

void emit_VMUL(struct emit *e, const struct ir_insn *i)
{
    unsigned t = vec_target(e, i);

    if (i->size == 1)
        multiply_bytes(e, i, t);
    else
        x64_v3(e->as, i->size == 2 ? X64_PMULLW : X64_PMULLD, t, emit_vuse(e, i->a, X64_XMM13),
               vec_use_b(e, i, X64_XMM14));
    vec_end(e, i, i->size, t);
}

/*
 * Without a wider sum: a + b is 2 (a & b) + (a ^ b), and 2 (a | b) - (a ^ b), which rounds up;
 * a - b is (a ^ b) - 2 (~a & b).
 */
void emit_VHADD(struct emit *e, const struct ir_insn *i)
{
    static vec_ops average = {X64_PAVGB, X64_PAVGW, X64_VOP_COUNT, X64_VOP_COUNT};
    unsigned a = emit_vuse(e, i->a, X64_XMM13), b = emit_vuse(e, i->b, X64_XMM14);
    bool round = i->flags & VEC_ROUND, minus = i->flags & VEC_MINUS;
    enum x64_vop add = vec_op(vec_add_ops, i->size), sub = vec_op(vec_sub_ops, i->size);

    if (round && !(i->flags & VEC_SIGNED) && i->size < 4) {
        unsigned d = emit_vdef(e, i->dst, X64_XMM13);

        x64_v3(e->as, vec_op(average, i->size), d, a, b);
        vec_store(e, i, d);
        return;
    }
    x64_v3(e->as, X64_PXOR, X64_XMM15, a, b);
    vec_shift_right(e, X64_XMM15, X64_XMM15, i->size, 1, i->flags & VEC_SIGNED, X64_XMM15, 0);
    x64_v3(e->as, minus ? X64_PANDN : round ? X64_POR : X64_PAND, X64_XMM13, a, b);
    if (minus) {
        x64_v3(e->as, sub, X64_XMM15, X64_XMM15, X64_XMM13);
        vec_store(e, i, X64_XMM15);
    } else {
        x64_v3(e->as, round ? sub : add, X64_XMM13, X64_XMM13, X64_XMM15);
        vec_store(e, i, X64_XMM13);
    }
}
