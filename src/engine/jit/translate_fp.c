/* SPDX-License-Identifier: ISC */
/*
 * From A64 to IR: floating point (translate_fp.def), scalar and vector. Only where FPCR rounds to
 * nearest, and only single and double precision. The rest is left to the handlers, as all is while
 * the instructions trap.
 *
 * FPCR.FZ and DN, which programs built for fast mathematics set, are SOFT_CONTEXT_FLUSH: an
 * operation looks at its operands first (IR_FLOOK), then at its result, and replays where one is a
 * denormal number or a NaN. A tiny result that Arm flushes has raised inexact here but not there;
 * therefore this context is only for an FPSR in which inexact is raised already.
 */
#include "engine/jit/ir_fp.h"
#include "engine/jit/translate.h"
#include "engine/soft/context.h"
#include "engine/soft/fp/fp.h"

/* What a line of translate_fp.def says of its instruction. */
struct fp_line {
    enum ir_opcode op;
    uint16_t flags;
    uint8_t cond;
};

typedef bool fp_form(struct translator *t, uint32_t w, const struct fp_line *line);

/* The line's operation with its operands, elements of `size` bytes. */
static struct ir_insn *add(struct translator *t, const struct fp_line *line, unsigned size,
                           ir_value dst, ir_value a, ir_value b)
{
    struct ir_insn *i = ir_op3(t, line->op, size, dst, a, b);

    i->flags |= line->flags;
    i->cond = line->cond;
    return i;
}

/* Whether the operation depends on FPCR. */
static bool computes(enum ir_opcode op)
{
    switch (op) {
    case IR_FMOV:
    case IR_FABS:
    case IR_FNEG:
    case IR_FCONST:
    case IR_FGET:
    case IR_FSET:
    case IR_FSET_TOP:
    case IR_FCSEL: return false;
    default: return true;
    }
}

/* --- scalars, by ftype: 0 single, 1 double, 3 half precision --- */

static bool is_half(uint32_t w)
{
    return a64_ftype(w) == 3;
}

static unsigned size_of(uint32_t w)
{
    return a64_ftype(w) ? 8 : 4;
}

static bool scalar1(struct translator *t, uint32_t w, const struct fp_line *line)
{
    if (is_half(w))
        return false;
    add(t, line, size_of(w), ir_v(a64_Rd(w)), ir_v(a64_Rn(w)), IR_NONE)->flags |= IR_SCALAR;
    return true;
}

static bool constant(struct translator *t, uint32_t w, const struct fp_line *line)
{
    const struct fp_format *f = a64_ftype(w) ? &fp_double : &fp_single;
    struct ir_insn *i;

    if (is_half(w))
        return false;
    i = add(t, line, size_of(w), ir_v(a64_Rd(w)), IR_NONE, IR_NONE);
    i->flags |= IR_SCALAR;
    i->imm = (int64_t)fp_expand_imm(f, (uint8_t)a64_fpimm8(w));
    return true;
}

static bool to_gp(struct translator *t, uint32_t w, const struct fp_line *line)
{
    if (is_half(w))
        return false;
    add(t, line, size_of(w), ir_dst(a64_Rd(w)), ir_v(a64_Rn(w)), IR_NONE);
    return true;
}

static bool from_gp(struct translator *t, uint32_t w, const struct fp_line *line)
{
    if (is_half(w))
        return false;
    add(t, line, size_of(w), ir_v(a64_Rd(w)), ir_x(a64_Rn(w)), IR_NONE);
    return true;
}

static bool to_gp_top(struct translator *t, uint32_t w, const struct fp_line *line)
{
    add(t, line, 8, ir_dst(a64_Rd(w)), ir_v(a64_Rn(w)), IR_NONE)->imm = 1;
    return true;
}

static bool from_gp_top(struct translator *t, uint32_t w, const struct fp_line *line)
{
    add(t, line, 8, ir_v(a64_Rd(w)), ir_x(a64_Rn(w)), IR_NONE);
    return true;
}

static bool scalar(struct translator *t, uint32_t w, const struct fp_line *line)
{
    if (is_half(w))
        return false;
    add(t, line, size_of(w), ir_v(a64_Rd(w)), ir_v(a64_Rn(w)), ir_v(a64_Rm(w)))->flags |= IR_SCALAR;
    return true;
}

static bool scalar3(struct translator *t, uint32_t w, const struct fp_line *line)
{
    struct ir_insn *i;

    if (is_half(w))
        return false;
    i = add(t, line, size_of(w), ir_v(a64_Rd(w)), ir_v(a64_Rn(w)), ir_v(a64_Rm(w)));
    i->flags |= IR_SCALAR;
    i->c = ir_v(a64_Ra(w));
    return true;
}

static bool compare(struct translator *t, uint32_t w, const struct fp_line *line)
{
    if (is_half(w))
        return false;
    add(t, line, size_of(w), IR_NONE, ir_v(a64_Rn(w)), ir_v(a64_Rm(w)))->flags |= IR_S;
    return true;
}

static bool compare_zero(struct translator *t, uint32_t w, const struct fp_line *line)
{
    if (is_half(w))
        return false;
    add(t, line, size_of(w), IR_NONE, ir_v(a64_Rn(w)), IR_NONE)->flags |= IR_S;
    return true;
}

/* AL and NV both mean always. */
static bool compare_if(struct translator *t, uint32_t w, const struct fp_line *line)
{
    struct ir_insn *i;

    if (is_half(w))
        return false;
    i = add(t, line, size_of(w), IR_NONE, ir_v(a64_Rn(w)), ir_v(a64_Rm(w)));
    i->flags |= IR_S;
    i->cond = (uint8_t)a64_cond(w);
    i->imm = a64_nzcv(w);
    if (i->cond >= 14)
        i->op = IR_FCMP;
    return true;
}

static bool select_fp(struct translator *t, uint32_t w, const struct fp_line *line)
{
    struct ir_insn *i;

    if (is_half(w))
        return false;
    i = add(t, line, size_of(w), ir_v(a64_Rd(w)), ir_v(a64_Rn(w)), ir_v(a64_Rm(w)));
    i->flags |= IR_SCALAR;
    i->cond = (uint8_t)a64_cond(w);
    if (i->cond >= 14) {
        i->op = IR_FMOV;
        i->b = IR_NONE;
    }
    return true;
}

static bool convert(struct translator *t, uint32_t w, const struct fp_line *line)
{
    struct ir_insn *i;

    if (is_half(w) || a64_fopc(w) == 3)
        return false;
    i = add(t, line, size_of(w), ir_v(a64_Rd(w)), ir_v(a64_Rn(w)), IR_NONE);
    i->flags |= IR_SCALAR;
    i->imm = a64_fopc(w) ? 8 : 4;
    return true;
}

/* Between a scalar and a general register that holds a number of `fbits` fraction bits. */
static bool integer(struct translator *t, uint32_t w, const struct fp_line *line, unsigned fbits)
{
    bool from = line->op == IR_ITOF;
    struct ir_insn *i;

    if (is_half(w))
        return false;
    i = add(t, line, a64_sf(w) ? 8 : 4, from ? ir_v(a64_Rd(w)) : ir_dst(a64_Rd(w)),
            from ? ir_x(a64_Rn(w)) : ir_v(a64_Rn(w)), IR_NONE);
    i->imm = size_of(w) | fbits << 8;
    return true;
}

static bool convert_integer(struct translator *t, uint32_t w, const struct fp_line *line)
{
    return integer(t, w, line, 0);
}

static bool convert_fixed(struct translator *t, uint32_t w, const struct fp_line *line)
{
    return integer(t, w, line, 64 - a64_scale(w));
}

/* --- Advanced SIMD, by sz and Q --- */

static unsigned lane_size(uint32_t w)
{
    return a64_sz(w) ? 8 : 4;
}

static uint16_t shape(uint32_t w)
{
    return a64_Q(w) ? IR_Q : 0;
}

static bool vector_constant_of(struct translator *t, uint32_t w, const struct fp_line *line,
                               const struct fp_format *f)
{
    struct ir_insn *i = add(t, line, f->bits / 8, ir_v(a64_Rd(w)), IR_NONE, IR_NONE);

    i->flags |= shape(w);
    i->imm = (int64_t)fp_expand_imm(f, (uint8_t)(a64_abc(w) << 5 | a64_defgh(w)));
    return true;
}

static bool vector_constant(struct translator *t, uint32_t w, const struct fp_line *line)
{
    return vector_constant_of(t, w, line, &fp_single);
}

static bool vector_constant_d(struct translator *t, uint32_t w, const struct fp_line *line)
{
    return vector_constant_of(t, w, line, &fp_double);
}

static bool vector1(struct translator *t, uint32_t w, const struct fp_line *line)
{
    add(t, line, lane_size(w), ir_v(a64_Rd(w)), ir_v(a64_Rn(w)), IR_NONE)->flags |= shape(w);
    return true;
}

static bool vector(struct translator *t, uint32_t w, const struct fp_line *line)
{
    add(t, line, lane_size(w), ir_v(a64_Rd(w)), ir_v(a64_Rn(w)), ir_v(a64_Rm(w)))->flags |=
        shape(w);
    return true;
}

static bool vector_accumulate(struct translator *t, uint32_t w, const struct fp_line *line)
{
    struct ir_insn *i =
        add(t, line, lane_size(w), ir_v(a64_Rd(w)), ir_v(a64_Rn(w)), ir_v(a64_Rm(w)));

    i->flags |= shape(w);
    i->c = i->dst;
    return true;
}

static bool simd_scalar1(struct translator *t, uint32_t w, const struct fp_line *line)
{
    add(t, line, lane_size(w), ir_v(a64_Rd(w)), ir_v(a64_Rn(w)), IR_NONE)->flags |= IR_SCALAR;
    return true;
}

static bool simd_scalar(struct translator *t, uint32_t w, const struct fp_line *line)
{
    add(t, line, lane_size(w), ir_v(a64_Rd(w)), ir_v(a64_Rn(w)), ir_v(a64_Rm(w)))->flags |=
        IR_SCALAR;
    return true;
}

static bool across(struct translator *t, uint32_t w, const struct fp_line *line)
{
    add(t, line, 4, ir_v(a64_Rd(w)), ir_v(a64_Rn(w)), IR_NONE)->flags |= IR_SCALAR;
    return true;
}

/* Element H:L (single) or H (double) of M:Rm; size 0 is half precision. */
static bool element(struct translator *t, uint32_t w, const struct fp_line *line)
{
    bool is_double = a64_size(w) == 3;
    struct ir_insn *i;

    if (a64_size(w) < 2)
        return false;
    i = add(t, line, is_double ? 8 : 4, ir_v(a64_Rd(w)), ir_v(a64_Rn(w)),
            ir_v(a64_M(w) << 4 | a64_Rm4(w)));
    i->flags |= FP_LANE;
    if (!(i->flags & IR_SCALAR))
        i->flags |= shape(w);
    i->imm = is_double ? a64_H(w) : a64_H(w) << 1 | a64_L(w);
    if (i->op == IR_FMADD)
        i->c = i->dst;
    return true;
}

static bool lengthen(struct translator *t, uint32_t w, const struct fp_line *line)
{
    if (!a64_sz(w))
        return false;
    add(t, line, 4, ir_v(a64_Rd(w)), ir_v(a64_Rn(w)), IR_NONE)->flags |=
        IR_Q | (a64_Q(w) ? FP_HIGH : 0);
    return true;
}

static bool narrow(struct translator *t, uint32_t w, const struct fp_line *line)
{
    struct ir_insn *i;

    if (!a64_sz(w))
        return false;
    i = add(t, line, 8, ir_v(a64_Rd(w)), ir_v(a64_Rn(w)), IR_NONE);
    i->op = a64_Q(w) ? IR_FCVTN2 : IR_FCVTN;
    i->flags |= shape(w);
    return true;
}

/* immh:immb is twice the element's bits less the fraction's; immh says the element. */
static bool vector_fixed(struct translator *t, uint32_t w, const struct fp_line *line)
{
    unsigned size = a64_immh(w) & 8 ? 8 : 4;
    struct ir_insn *i;

    if (a64_immh(w) < 4)
        return false;
    i = add(t, line, size, ir_v(a64_Rd(w)), ir_v(a64_Rn(w)), IR_NONE);
    if (!(i->flags & IR_SCALAR))
        i->flags |= shape(w);
    i->imm = (16 * size - (a64_immh(w) << 3 | a64_immb(w))) << 8;
    return true;
}

/* --- flushing to zero --- */

/*
 * The check of i's operands for denormal numbers. Where the lanes are not simply i's own, it looks
 * at all that the registers hold: at worst, a replay was not necessary.
 */
static struct ir_insn check_of(const struct ir_insn *i)
{
    struct ir_insn check = *i;

    check.op = IR_FLOOK;
    check.dst = IR_NONE;
    check.flags &= IR_Q | IR_SCALAR;
    switch (i->op) {
    case IR_FTOI:
        check.size = i->imm & 0xff;
        check.flags = IR_SCALAR;
        break;
    case IR_FCMP:
    case IR_FCCMP: check.flags = IR_SCALAR; break;
    case IR_FMAXV:
    case IR_FMINV:
    case IR_FCVTN:
    case IR_FCVTN2: check.flags = IR_Q; break;
    default:
        if (i->flags & (FP_LANE | FP_PAIRS))
            check.flags = IR_Q;
        break;
    }
    return check;
}

/* Puts the check before the only operation of the instruction. */
static void look_first(struct translator *t, struct ir_insn *i)
{
    struct ir_insn operation = *i;

    if (operation.op == IR_ITOF || operation.op == IR_ITOF_V)
        return;
    *i = check_of(&operation);
    *ir_add(t, IR_FLOOK) = operation;
}

/* --- the table --- */

static bool translate(struct translator *t, uint32_t w, fp_form *form, const struct fp_line *line)
{
    unsigned forbidden = CONTEXT_FP_TRAP | (computes(line->op) ? CONTEXT_FPCR : 0);
    unsigned first = t->r->insns;

    if ((t->r->context & forbidden) || !form(t, w, line))
        return false;
    if ((t->r->context & SOFT_CONTEXT_FLUSH) && computes(line->op) && !t->r->full)
        look_first(t, &t->r->insn[first]);
    return true;
}

#define FP(name, form, op, flags, cond)                                                            \
    bool translate_##name(struct translator *t, uint32_t w)                                        \
    {                                                                                              \
        static const struct fp_line LINE = {IR_##op, flags, cond};                                 \
                                                                                                   \
        return translate(t, w, form, &LINE);                                                       \
    }
#include "engine/jit/translate_fp.def"
#undef FP
