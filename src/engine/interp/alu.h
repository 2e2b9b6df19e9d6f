/* SPDX-License-Identifier: ISC */
/*
 * The integer arithmetic of A64 as functions without side effects: the Arm ARM's shared pseudocode
 * (J1.3) in forms that compile to a few instructions.
 *
 * Every function takes 64-bit operands and `sf`: true for the X form, false for the W form, whose
 * operands are the low 32 bits and whose results are zero-extended. Flags are in the layout of the
 * NZCV register (bits 31:28).
 */
#ifndef ENGINE_INTERP_ALU_H
#define ENGINE_INTERP_ALU_H

#include "base/bits.h"
#include "engine/soft/state.h"

/* Zero-extends a result to the width of the form. */
static inline uint64_t alu_width(uint64_t value, bool sf)
{
    return sf ? value : (uint32_t)value;
}

static inline uint64_t alu_ror(uint64_t value, unsigned by)
{
    return value >> (by & 63) | value << (-by & 63);
}

/*
 * AddWithCarry(). A W form is computed in the upper half of 64 bits, where its four flags are those
 * of a 64-bit addition.
 */
static inline uint64_t alu_add_flags(uint64_t x, uint64_t y, unsigned carry, bool sf,
                                     uint32_t *nzcv)
{
    unsigned up = sf ? 0 : 32;
    uint64_t a = x << up, b = y << up, sum, result;
    bool carry1 = __builtin_add_overflow(a, b, &sum);
    bool carry2 = __builtin_add_overflow(sum, (uint64_t)carry << up, &result);
    uint64_t overflow = (a ^ result) & (b ^ result);

    *nzcv = ((uint32_t)(result >> 32) & SOFT_NZCV_N) | (result == 0 ? SOFT_NZCV_Z : 0) |
            (carry1 || carry2 ? SOFT_NZCV_C : 0) | ((uint32_t)(overflow >> 35) & SOFT_NZCV_V);
    return result >> up;
}

/* AddWithCarry(x, NOT(y), 1), most of all additions: C means that nothing was borrowed. */
static inline uint64_t alu_sub_flags(uint64_t x, uint64_t y, bool sf, uint32_t *nzcv)
{
    unsigned up = sf ? 0 : 32;
    uint64_t a = x << up, b = y << up, result = a - b;
    uint64_t overflow = (a ^ b) & (a ^ result);

    *nzcv = ((uint32_t)(result >> 32) & SOFT_NZCV_N) | (result == 0 ? SOFT_NZCV_Z : 0) |
            (a >= b ? SOFT_NZCV_C : 0) | ((uint32_t)(overflow >> 35) & SOFT_NZCV_V);
    return result >> up;
}

/* N and Z of a logical operation's result, C and V clear. */
static inline uint32_t alu_logic_flags(uint64_t result, bool sf)
{
    uint64_t top = sf ? result : result << 32;

    return ((uint32_t)(top >> 32) & SOFT_NZCV_N) | (top == 0 ? SOFT_NZCV_Z : 0);
}

/* ConditionHolds(): row `cond` has bit n set when the condition holds for NZCV == n. */
static inline bool alu_condition(uint32_t nzcv, unsigned cond)
{
    static const uint16_t holds[16] = {
        0xf0f0, 0x0f0f, /* EQ NE */
        0xcccc, 0x3333, /* CS CC */
        0xff00, 0x00ff, /* MI PL */
        0xaaaa, 0x5555, /* VS VC */
        0x0c0c, 0xf3f3, /* HI LS */
        0xaa55, 0x55aa, /* GE LT */
        0x0a05, 0xf5fa, /* GT LE */
        0xffff, 0xffff, /* AL NV: both always hold */
    };

    return holds[cond] >> (nzcv >> 28) & 1;
}

enum alu_shift { ALU_LSL, ALU_LSR, ALU_ASR, ALU_ROR };

/* ShiftReg(): `by` is less than the width. */
static inline uint64_t alu_shift(uint64_t x, unsigned type, unsigned by, bool sf)
{
    switch (type) {
    case ALU_LSL: return alu_width(x << by, sf);
    case ALU_LSR: return alu_width(x, sf) >> by;
    case ALU_ASR: return alu_width((uint64_t)((sf ? (int64_t)x : (int32_t)x) >> by), sf);
    default: return alu_width(alu_ror(sf ? x : (uint32_t)x * UINT64_C(0x100000001), by), sf);
    }
}

/* ExtendReg(): option is UXTB, UXTH, UXTW, UXTX, SXTB, SXTH, SXTW, SXTX; by is 0 to 4. */
static inline uint64_t alu_extend(uint64_t x, unsigned option, unsigned by)
{
    unsigned up = 64 - (8u << (option & 3));

    x <<= up;
    x = option & 4 ? (uint64_t)((int64_t)x >> up) : x >> up;
    return x << by;
}

/*
 * DecodeBitMasks(), the mask of a logical immediate. The decoder has rejected reserved values, and
 * for W forms a set N. Rotating a periodic pattern by R rotates each of its elements.
 */
static inline uint64_t alu_bitmask(unsigned n, unsigned immr, unsigned imms)
{
    static const uint64_t replicate[7] = {
        [1] = 0x5555555555555555, [2] = 0x1111111111111111, [3] = 0x0101010101010101,
        [4] = 0x0001000100010001, [5] = 0x0000000100000001, [6] = 1,
    };
    unsigned log2_size = 31 - (unsigned)__builtin_clz(n << 6 | (~imms & 63) | 1);
    unsigned levels = (1u << log2_size) - 1;

    return alu_ror(bits_mask((imms & levels) + 1) * replicate[log2_size], immr & levels);
}

/*
 * The bitfield moves: bits imms:0 or imms:immr of x, moved to 0 or to width - immr. Both cases are
 * one shift to the left, which drops what is above the field, and one to the right, whose count
 * wraps around as the two cases ask.
 */
static inline uint64_t alu_ubfm(uint64_t x, unsigned immr, unsigned imms, bool sf)
{
    if (sf)
        return x << (63 - imms) >> ((immr - imms - 1) & 63);
    return (uint32_t)x << (31 - imms) >> ((immr - imms - 1) & 31);
}

static inline uint64_t alu_sbfm(uint64_t x, unsigned immr, unsigned imms, bool sf)
{
    if (sf)
        return (uint64_t)((int64_t)(x << (63 - imms)) >> ((immr - imms - 1) & 63));
    return (uint32_t)((int32_t)((uint32_t)x << (31 - imms)) >> ((immr - imms - 1) & 31));
}

static inline uint64_t alu_bfm(uint64_t old, uint64_t x, unsigned immr, unsigned imms, bool sf)
{
    uint64_t mask = alu_ubfm(UINT64_MAX, immr, imms, sf);

    return alu_width((old & ~mask) | alu_ubfm(x, immr, imms, sf), sf);
}

/* EXTR: the width of bits at lsb of the concatenation hi:lo. */
static inline uint64_t alu_extr(uint64_t hi, uint64_t lo, unsigned lsb, bool sf)
{
    if (!sf)
        return (uint32_t)((hi << 32 | (uint32_t)lo) >> lsb);
    return lsb == 0 ? lo : lo >> lsb | hi << (64 - lsb);
}

/* Division by zero gives zero; the most negative number by -1 gives itself (C6.2: SDIV). */
static inline uint64_t alu_udiv(uint64_t n, uint64_t m, bool sf)
{
    n = alu_width(n, sf);
    m = alu_width(m, sf);
    return m == 0 ? 0 : n / m;
}

static inline uint64_t alu_sdiv(uint64_t n, uint64_t m, bool sf)
{
    int64_t a = sf ? (int64_t)n : (int32_t)n;
    int64_t b = sf ? (int64_t)m : (int32_t)m;

    if (b == 0)
        return 0;
    return alu_width(b == -1 ? -(uint64_t)a : (uint64_t)(a / b), sf);
}

static inline uint64_t alu_umulh(uint64_t n, uint64_t m)
{
    return (uint64_t)((unsigned __int128)n * m >> 64);
}

static inline uint64_t alu_smulh(uint64_t n, uint64_t m)
{
    return (uint64_t)((__int128)(int64_t)n * (int64_t)m >> 64);
}

/* Reverses the bits within groups of 2 * span bits, the classic ladder of swaps. */
static inline uint64_t alu_swap(uint64_t x, unsigned span, uint64_t low)
{
    return (x >> span & low) | (x & low) << span;
}

static inline uint64_t alu_rbit(uint64_t x, bool sf)
{
    x = alu_swap(x, 1, 0x5555555555555555);
    x = alu_swap(x, 2, 0x3333333333333333);
    x = alu_swap(x, 4, 0x0f0f0f0f0f0f0f0f);
    x = __builtin_bswap64(x);
    return sf ? x : x >> 32;
}

static inline uint64_t alu_rev16(uint64_t x, bool sf)
{
    return alu_width(alu_swap(x, 8, 0x00ff00ff00ff00ff), sf);
}

static inline uint64_t alu_rev32(uint64_t x)
{
    return alu_ror(__builtin_bswap64(x), 32);
}

static inline unsigned alu_clz(uint64_t x, bool sf)
{
    uint64_t top = sf ? x : x << 32;

    if (top == 0)
        return sf ? 64 : 32;
    return (unsigned)__builtin_clzll(top);
}

/* How many bits below the sign bit equal it. */
static inline unsigned alu_cls(uint64_t x, bool sf)
{
    int64_t value = sf ? (int64_t)x : (int64_t)(x << 32) >> 32;

    return (unsigned)__builtin_clrsbll(value) - (sf ? 0 : 32);
}

/*
 * CRC32 and CRC32C of `bytes` bytes of data (C6.2): reflected polynomials, no inversions; in
 * int_crc.c.
 */
uint32_t alu_crc32(uint32_t crc, uint64_t data, unsigned bytes);
uint32_t alu_crc32c(uint32_t crc, uint64_t data, unsigned bytes);

#endif
