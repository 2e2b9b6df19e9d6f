/* SPDX-License-Identifier: ISC */
/*
 * Data processing with registers (Arm ARM C4.1.95, C6.2), in IR. Families are written once: a macro
 * gives each of its members a function whose parts are constants to the compiler.
 */
#include "engine/jit/translate.h"

#include "engine/jit/int.h"

static unsigned size_of(uint32_t w)
{
    return a64_sf(w) ? 8 : 4;
}

/* Rn, Rm and Rd are never SP but where a comment says so. An instruction without a result is
 * nothing. */
static ir_value reg_n(uint32_t w)
{
    return ir_x(a64_Rn(w));
}

static ir_value reg_m(uint32_t w)
{
    return ir_x(a64_Rm(w));
}

static ir_value reg_d(uint32_t w)
{
    return ir_dst(a64_Rd(w));
}

static bool no_result(uint32_t w)
{
    return a64_Rd(w) == 31;
}

/* --- operands --- */

/* ShiftReg(): Rm itself, or a temporary. */
static ir_value shifted(struct translator *t, uint32_t w)
{
    static const uint16_t shift[4] = {IR_SHL, IR_SHR, IR_SAR, IR_ROR};
    ir_value m = reg_m(w);

    if (a64_imm6(w) == 0 || m == IR_ZERO)
        return m;
    ir_op_imm(t, (enum ir_opcode)shift[a64_shift(w)], size_of(w), IR_T, m, a64_imm6(w));
    return IR_T;
}

/* ExtendReg(), but for what *scale says is still to be shifted to the left: 0 to max_scale. */
static ir_value extended(struct translator *t, uint32_t w, unsigned max_scale, unsigned *scale)
{
    unsigned width = 8u << (a64_option(w) & 3), by = a64_imm3(w);
    bool is_signed = a64_option(w) & 4;
    ir_value m = reg_m(w);
    struct ir_insn *i;

    *scale = by <= max_scale ? by : 0;
    by -= *scale;
    if (m == IR_ZERO)
        return m;
    if (width >= 8 * size_of(w)) {
        if (by == 0)
            return m;
        ir_op_imm(t, IR_SHL, size_of(w), IR_T, m, by);
        return IR_T;
    }
    if (by == 0)
        i = ir_op3(t, is_signed ? IR_SBFX : IR_UBFX, size_of(w), IR_T, m, IR_NONE);
    else
        i = ir_op3(t, is_signed ? IR_SBFIZ : IR_UBFIZ, size_of(w), IR_T, m, IR_NONE);
    i->imm = int_field(by, width);
    return IR_T;
}

/* --- logical (shifted register) --- */

static struct ir_insn *logic(struct translator *t, uint32_t w, enum ir_opcode op)
{
    ir_value m = shifted(t, w);

    return ir_op3(t, op, size_of(w), reg_d(w), reg_n(w), m);
}

#define LOGIC(NAME, OP)                                                                            \
    bool translate_##NAME(struct translator *t, uint32_t w)                                        \
    {                                                                                              \
        if (!no_result(w))                                                                         \
            logic(t, w, OP);                                                                       \
        return true;                                                                               \
    }

#define LOGIC_FLAGS(NAME, OP)                                                                      \
    bool translate_##NAME(struct translator *t, uint32_t w)                                        \
    {                                                                                              \
        logic(t, w, OP)->flags |= IR_S;                                                            \
        return true;                                                                               \
    }

/* With the inverse of Rm; XZR with it is MVN. */
static bool logic_not(struct translator *t, uint32_t w, enum ir_opcode op)
{
    ir_value m, inverse = reg_n(w) == IR_ZERO ? reg_d(w) : IR_T;

    if (no_result(w))
        return true;
    m = shifted(t, w);
    ir_op3(t, IR_NOT, size_of(w), inverse, m, IR_NONE);
    if (inverse == IR_T)
        ir_op3(t, op, size_of(w), reg_d(w), reg_n(w), inverse);
    return true;
}

#define LOGIC_NOT(NAME, OP)                                                                        \
    bool translate_##NAME(struct translator *t, uint32_t w)                                        \
    {                                                                                              \
        return logic_not(t, w, OP);                                                                \
    }

LOGIC(AND_shift, IR_AND)
LOGIC(BIC_shift, IR_ANDN)
LOGIC(ORR_shift, IR_OR)
LOGIC(EOR_shift, IR_XOR)
LOGIC_NOT(ORN_shift, IR_OR)
LOGIC_NOT(EON_shift, IR_XOR)
LOGIC_FLAGS(ANDS_shift, IR_AND)
LOGIC_FLAGS(BICS_shift, IR_ANDN)

/* --- add and subtract --- */

enum { LEA_SCALE = 3 }; /* shifts to the left that LEA can do */

static void lea(struct translator *t, uint32_t w, ir_value d, ir_value a, ir_value b,
                unsigned scale)
{
    ir_op3(t, IR_LEA, size_of(w), d, a, b)->imm = scale;
}

bool translate_ADD_shift(struct translator *t, uint32_t w)
{
    bool scales = a64_shift(w) == 0 && a64_imm6(w) <= LEA_SCALE;
    ir_value m;

    if (no_result(w))
        return true;
    m = scales ? reg_m(w) : shifted(t, w);
    lea(t, w, reg_d(w), reg_n(w), m, scales ? a64_imm6(w) : 0);
    return true;
}

LOGIC(SUB_shift, IR_SUB)
LOGIC_FLAGS(ADDS_shift, IR_ADD)
LOGIC_FLAGS(SUBS_shift, IR_SUB)

/* Extended register: Rn is SP, and so is Rd when no flags are set. */
bool translate_ADD_ext(struct translator *t, uint32_t w)
{
    unsigned scale;
    ir_value m = extended(t, w, LEA_SCALE, &scale);

    lea(t, w, ir_xsp(a64_Rd(w)), ir_xsp(a64_Rn(w)), m, scale);
    return true;
}

static struct ir_insn *addsub_extended(struct translator *t, uint32_t w, enum ir_opcode op,
                                       ir_value d)
{
    unsigned scale;
    ir_value m = extended(t, w, 0, &scale);

    return ir_op3(t, op, size_of(w), d, ir_xsp(a64_Rn(w)), m);
}

bool translate_SUB_ext(struct translator *t, uint32_t w)
{
    addsub_extended(t, w, IR_SUB, ir_xsp(a64_Rd(w)));
    return true;
}

bool translate_ADDS_ext(struct translator *t, uint32_t w)
{
    addsub_extended(t, w, IR_ADD, reg_d(w))->flags |= IR_S;
    return true;
}

bool translate_SUBS_ext(struct translator *t, uint32_t w)
{
    addsub_extended(t, w, IR_SUB, reg_d(w))->flags |= IR_S;
    return true;
}

/* --- two sources --- */

#define BINARY(NAME, OP)                                                                           \
    bool translate_##NAME(struct translator *t, uint32_t w)                                        \
    {                                                                                              \
        if (!no_result(w))                                                                         \
            ir_op3(t, OP, size_of(w), reg_d(w), reg_n(w), reg_m(w));                               \
        return true;                                                                               \
    }

#define BINARY_FLAGS(NAME, OP)                                                                     \
    bool translate_##NAME(struct translator *t, uint32_t w)                                        \
    {                                                                                              \
        ir_op3(t, OP, size_of(w), reg_d(w), reg_n(w), reg_m(w))->flags |= IR_S;                    \
        return true;                                                                               \
    }

BINARY(ADC, IR_ADC)
BINARY(SBC, IR_SBC)
BINARY_FLAGS(ADCS, IR_ADC)
BINARY_FLAGS(SBCS, IR_SBC)
BINARY(UDIV, IR_UDIV)
BINARY(SDIV, IR_SDIV)
BINARY(LSLV, IR_SHL)
BINARY(LSRV, IR_SHR)
BINARY(ASRV, IR_SAR)
BINARY(RORV, IR_ROR)
BINARY(SMULH, IR_SMULH)
BINARY(UMULH, IR_UMULH)

#define CHECKSUM(NAME)                                                                             \
    bool translate_##NAME(struct translator *t, uint32_t w)                                        \
    {                                                                                              \
        if (!no_result(w))                                                                         \
            ir_op3(t, IR_##NAME, 4, reg_d(w), reg_n(w), reg_m(w))->imm = 1 << a64_crcsz(w);        \
        return true;                                                                               \
    }

CHECKSUM(CRC32)
CHECKSUM(CRC32C)

/* --- one source --- */

#define UNARY(NAME, OP)                                                                            \
    bool translate_##NAME(struct translator *t, uint32_t w)                                        \
    {                                                                                              \
        if (!no_result(w))                                                                         \
            ir_op3(t, OP, size_of(w), reg_d(w), reg_n(w), IR_NONE);                                \
        return true;                                                                               \
    }

UNARY(RBIT, IR_RBIT)
UNARY(REV16, IR_REV16)
UNARY(REV_w, IR_BSWAP)
UNARY(REV_x, IR_BSWAP)
UNARY(CLZ, IR_CLZ)
UNARY(CLS, IR_CLS)

bool translate_REV32(struct translator *t, uint32_t w)
{
    if (no_result(w))
        return true;
    ir_op3(t, IR_BSWAP, 8, IR_T, reg_n(w), IR_NONE);
    ir_op_imm(t, IR_ROR, 8, reg_d(w), IR_T, 32);
    return true;
}

/* --- three sources --- */

/* Rd = Ra + the product, or Ra - it. */
static bool multiply(struct translator *t, uint32_t w, enum ir_opcode op, bool subtract)
{
    ir_value a = ir_x(a64_Ra(w)), d = reg_d(w), product = a == IR_ZERO && !subtract ? d : IR_T;

    if (no_result(w))
        return true;
    ir_op3(t, op, size_of(w), product, reg_n(w), reg_m(w));
    if (subtract)
        ir_op3(t, IR_SUB, size_of(w), d, a, product);
    else if (product != d)
        lea(t, w, d, a, product, 0);
    return true;
}

#define TERNARY(NAME, OP, SUBTRACT)                                                                \
    bool translate_##NAME(struct translator *t, uint32_t w)                                        \
    {                                                                                              \
        return multiply(t, w, OP, SUBTRACT);                                                       \
    }

TERNARY(MADD, IR_MUL, false)
TERNARY(MSUB, IR_MUL, true)
TERNARY(SMADDL, IR_SMULL, false)
TERNARY(SMSUBL, IR_SMULL, true)
TERNARY(UMADDL, IR_UMULL, false)
TERNARY(UMSUBL, IR_UMULL, true)

/* --- conditional compare and select --- */

/* Conditions from COND_AL up always hold. */
enum { COND_AL = 14 };

static struct ir_insn *compare_if(struct translator *t, uint32_t w, bool add)
{
    bool always = a64_cond(w) >= COND_AL;
    enum ir_opcode op =
        add ? (always ? IR_ADD : IR_COMPARE_ADD_IF) : (always ? IR_SUB : IR_COMPARE_IF);
    struct ir_insn *i = ir_op3(t, op, size_of(w), IR_NONE, reg_n(w), reg_m(w));

    i->flags = IR_S;
    if (!always) {
        i->flags |= (uint16_t)(a64_nzcv(w) << INT_NZCV);
        i->cond = (uint8_t)a64_cond(w);
    }
    return i;
}

#define COMPARE_IF(NAME, ADD)                                                                      \
    bool translate_##NAME##_reg(struct translator *t, uint32_t w)                                  \
    {                                                                                              \
        compare_if(t, w, ADD);                                                                     \
        return true;                                                                               \
    }                                                                                              \
    bool translate_##NAME##_imm(struct translator *t, uint32_t w)                                  \
    {                                                                                              \
        struct ir_insn *i = compare_if(t, w, ADD);                                                 \
                                                                                                   \
        i->b = IR_IMM;                                                                             \
        i->imm = a64_imm5(w);                                                                      \
        return true;                                                                               \
    }

COMPARE_IF(CCMN, true)
COMPARE_IF(CCMP, false)

static bool choose(struct translator *t, uint32_t w, enum ir_opcode op)
{
    ir_value d = reg_d(w), n = reg_n(w), m = reg_m(w);
    struct ir_insn *i;

    if (d == IR_NONE)
        return true;
    if (a64_cond(w) >= COND_AL || (op == IR_SELECT && n == m)) {
        ir_op3(t, IR_MOV, size_of(w), d, n, IR_NONE);
        return true;
    }
    i = ir_op3(t, op, size_of(w), d, n, m);
    i->cond = (uint8_t)a64_cond(w);
    if (n == IR_ZERO && m == IR_ZERO && (op == IR_SELECT_INC || op == IR_SELECT_NOT)) {
        i->op = op == IR_SELECT_INC ? IR_SET : IR_SET_MASK;
        i->cond ^= 1;
        i->a = i->b = IR_NONE;
    }
    return true;
}

#define SELECT(NAME, OP)                                                                           \
    bool translate_##NAME(struct translator *t, uint32_t w)                                        \
    {                                                                                              \
        return choose(t, w, OP);                                                                   \
    }

SELECT(CSEL, IR_SELECT)
SELECT(CSINC, IR_SELECT_INC)
SELECT(CSINV, IR_SELECT_NOT)
SELECT(CSNEG, IR_SELECT_NEG)
