/* SPDX-License-Identifier: ISC */
/*
 * Data processing with registers (Arm ARM C4.1.95, C6.2). Families are written once: a macro gives
 * each of its members a handler whose parts are constants to the compiler.
 */
#include "engine/interp/handlers.h"

#include "engine/interp/alu.h"
#include "engine/soft/soft.h"

/* Register 31 is XZR but where a comment says SP. */
static inline uint64_t reg_n(const struct soft_cpu *c, uint32_t w)
{
    return soft_x(c, a64_Rn(w));
}

static inline uint64_t reg_m(const struct soft_cpu *c, uint32_t w)
{
    return soft_x(c, a64_Rm(w));
}

static inline uint64_t reg_m_shifted(const struct soft_cpu *c, uint32_t w)
{
    return alu_shift(reg_m(c, w), a64_shift(w), a64_imm6(w), a64_sf(w));
}

static inline uint64_t reg_m_extended(const struct soft_cpu *c, uint32_t w)
{
    return alu_extend(reg_m(c, w), a64_option(w), a64_imm3(w));
}

static inline void set_d(struct soft_cpu *c, uint32_t w, uint64_t value)
{
    soft_set_x(c, a64_Rd(w), alu_width(value, a64_sf(w)));
}

/* A handler for Rd = EXPR(n, m), widths cut by set_d. */
#define BINARY(NAME, OPERAND, EXPR)                                                                \
    void interp_##NAME(struct soft_cpu *c, uint32_t w)                                             \
    {                                                                                              \
        uint64_t n = reg_n(c, w), m = OPERAND(c, w);                                               \
                                                                                                   \
        set_d(c, w, EXPR);                                                                         \
    }

/* --- logical (shifted register) --- */

#define BINARY_LOGIC_FLAGS(NAME, OPERAND, EXPR)                                                    \
    void interp_##NAME(struct soft_cpu *c, uint32_t w)                                             \
    {                                                                                              \
        uint64_t n = reg_n(c, w), m = OPERAND(c, w), result = EXPR;                                \
                                                                                                   \
        c->nzcv = alu_logic_flags(result, a64_sf(w));                                              \
        set_d(c, w, result);                                                                       \
    }

BINARY(AND_shift, reg_m_shifted, (n & m))
BINARY(BIC_shift, reg_m_shifted, n & ~m)
BINARY(ORR_shift, reg_m_shifted, n | m)
BINARY(ORN_shift, reg_m_shifted, n | ~m)
BINARY(EOR_shift, reg_m_shifted, n ^ m)
BINARY(EON_shift, reg_m_shifted, n ^ ~m)
BINARY_LOGIC_FLAGS(ANDS_shift, reg_m_shifted, (n & m))
BINARY_LOGIC_FLAGS(BICS_shift, reg_m_shifted, n & ~m)

/* --- add and subtract --- */

/* NZCV and Rd = SUM(n, m), where SOURCE reads Rn. */
#define BINARY_ADD_FLAGS(NAME, SOURCE, OPERAND, SUM)                                               \
    void interp_##NAME(struct soft_cpu *c, uint32_t w)                                             \
    {                                                                                              \
        uint64_t n = SOURCE(c, a64_Rn(w)), m = OPERAND(c, w);                                      \
                                                                                                   \
        soft_set_x(c, a64_Rd(w), SUM);                                                             \
    }

#define ADD_FLAGS(N, M, CARRY) alu_add_flags(N, M, CARRY, a64_sf(w), &c->nzcv)
#define SUB_FLAGS(N, M)        alu_sub_flags(N, M, a64_sf(w), &c->nzcv)

static inline unsigned carry(const struct soft_cpu *c)
{
    return c->nzcv >> 29 & 1;
}

BINARY(ADD_shift, reg_m_shifted, n + m)
BINARY(SUB_shift, reg_m_shifted, n - m)
BINARY(ADC, reg_m, n + m + carry(c))
BINARY(SBC, reg_m, n + ~m + carry(c))
BINARY_ADD_FLAGS(ADDS_shift, soft_x, reg_m_shifted, ADD_FLAGS(n, m, 0))
BINARY_ADD_FLAGS(SUBS_shift, soft_x, reg_m_shifted, SUB_FLAGS(n, m))
BINARY_ADD_FLAGS(ADCS, soft_x, reg_m, ADD_FLAGS(n, m, carry(c)))
BINARY_ADD_FLAGS(SBCS, soft_x, reg_m, ADD_FLAGS(n, ~m, carry(c)))

/* Extended register: Rn is SP, and so is Rd when no flags are set. */
BINARY_ADD_FLAGS(ADDS_ext, soft_xsp, reg_m_extended, ADD_FLAGS(n, m, 0))
BINARY_ADD_FLAGS(SUBS_ext, soft_xsp, reg_m_extended, SUB_FLAGS(n, m))

void interp_ADD_ext(struct soft_cpu *c, uint32_t w)
{
    uint64_t sum = soft_xsp(c, a64_Rn(w)) + reg_m_extended(c, w);

    soft_set_xsp(c, a64_Rd(w), alu_width(sum, a64_sf(w)));
}

void interp_SUB_ext(struct soft_cpu *c, uint32_t w)
{
    uint64_t difference = soft_xsp(c, a64_Rn(w)) - reg_m_extended(c, w);

    soft_set_xsp(c, a64_Rd(w), alu_width(difference, a64_sf(w)));
}

/* --- conditional compare and select --- */

/* NZCV = SUM(n, m) if the condition holds, else the immediate. */
#define COMPARE_IF(NAME, OPERAND, SUM)                                                             \
    void interp_##NAME(struct soft_cpu *c, uint32_t w)                                             \
    {                                                                                              \
        uint64_t n = reg_n(c, w), m = OPERAND;                                                     \
                                                                                                   \
        if (alu_condition(c->nzcv, a64_cond(w)))                                                   \
            SUM;                                                                                   \
        else                                                                                       \
            c->nzcv = a64_nzcv(w) << 28;                                                           \
    }

COMPARE_IF(CCMN_reg, reg_m(c, w), ADD_FLAGS(n, m, 0))
COMPARE_IF(CCMN_imm, a64_imm5(w), ADD_FLAGS(n, m, 0))
COMPARE_IF(CCMP_reg, reg_m(c, w), SUB_FLAGS(n, m))
COMPARE_IF(CCMP_imm, a64_imm5(w), SUB_FLAGS(n, m))

BINARY(CSEL, reg_m, alu_condition(c->nzcv, a64_cond(w)) ? n : m)
BINARY(CSINC, reg_m, alu_condition(c->nzcv, a64_cond(w)) ? n : m + 1)
BINARY(CSINV, reg_m, alu_condition(c->nzcv, a64_cond(w)) ? n : ~m)
BINARY(CSNEG, reg_m, alu_condition(c->nzcv, a64_cond(w)) ? n : -m)

/* --- two sources --- */

static inline unsigned shift_count(uint32_t w, uint64_t m)
{
    return m & (a64_sf(w) ? 63 : 31);
}

BINARY(UDIV, reg_m, alu_udiv(n, m, a64_sf(w)))
BINARY(SDIV, reg_m, alu_sdiv(n, m, a64_sf(w)))
BINARY(LSLV, reg_m, alu_shift(n, ALU_LSL, shift_count(w, m), a64_sf(w)))
BINARY(LSRV, reg_m, alu_shift(n, ALU_LSR, shift_count(w, m), a64_sf(w)))
BINARY(ASRV, reg_m, alu_shift(n, ALU_ASR, shift_count(w, m), a64_sf(w)))
BINARY(RORV, reg_m, alu_shift(n, ALU_ROR, shift_count(w, m), a64_sf(w)))
BINARY(CRC32, reg_m, alu_crc32((uint32_t)n, m, 1u << a64_crcsz(w)))
BINARY(CRC32C, reg_m, alu_crc32c((uint32_t)n, m, 1u << a64_crcsz(w)))

/* --- one source --- */

#define UNARY(NAME, EXPR)                                                                          \
    void interp_##NAME(struct soft_cpu *c, uint32_t w)                                             \
    {                                                                                              \
        uint64_t n = reg_n(c, w);                                                                  \
                                                                                                   \
        set_d(c, w, EXPR);                                                                         \
    }

UNARY(RBIT, alu_rbit(n, a64_sf(w)))
UNARY(REV16, alu_rev16(n, a64_sf(w)))
UNARY(REV_w, __builtin_bswap32((uint32_t)n))
UNARY(REV32, alu_rev32(n))
UNARY(REV_x, __builtin_bswap64(n))
UNARY(CLZ, alu_clz(n, a64_sf(w)))
UNARY(CLS, alu_cls(n, a64_sf(w)))

/* --- three sources --- */

#define TERNARY(NAME, EXPR)                                                                        \
    void interp_##NAME(struct soft_cpu *c, uint32_t w)                                             \
    {                                                                                              \
        uint64_t n = reg_n(c, w), m = reg_m(c, w), a = soft_x(c, a64_Ra(w));                       \
                                                                                                   \
        set_d(c, w, EXPR);                                                                         \
    }

/* Signed and unsigned products of the low words. */
static inline uint64_t smull(uint64_t n, uint64_t m)
{
    return (uint64_t)((int64_t)(int32_t)n * (int32_t)m);
}

static inline uint64_t umull(uint64_t n, uint64_t m)
{
    return (uint64_t)(uint32_t)n * (uint32_t)m;
}

TERNARY(MADD, a + n * m)
TERNARY(MSUB, a - n * m)
TERNARY(SMADDL, a + smull(n, m))
TERNARY(SMSUBL, a - smull(n, m))
TERNARY(UMADDL, a + umull(n, m))
TERNARY(UMSUBL, a - umull(n, m))
BINARY(SMULH, reg_m, alu_smulh(n, m))
BINARY(UMULH, reg_m, alu_umulh(n, m))
