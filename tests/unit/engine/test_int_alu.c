/* SPDX-License-Identifier: ISC */
/*
 * The integer arithmetic of A64 (engine/interp/alu.h) against the Arm ARM's pseudocode, written out
 * bit by bit, and against hand-computed vectors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/interp/alu.h"

/* Operands on which arithmetic likes to go wrong. */
static const uint64_t corner[] = {
    0,
    1,
    2,
    0x7f,
    0x80,
    0xffff,
    0x7fffffff,
    0x80000000,
    0x80000001,
    0xffffffff,
    0x100000000,
    0x123456789abcdef0,
    0x7fffffffffffffff,
    0x8000000000000000,
    0x8000000000000001,
    0xfffffffffffffffe,
    0xffffffffffffffff,
};

/* --- AddWithCarry --- */

/* J1.3's definition: the sum compared with its exact values, in 128 bits. */
static uint64_t ref_add(uint64_t x, uint64_t y, unsigned carry, unsigned bits, uint32_t *nzcv)
{
    unsigned __int128 unsigned_sum =
        (unsigned __int128)(x & bits_mask(bits)) + (y & bits_mask(bits)) + carry;
    __int128 signed_sum = (__int128)sign_extend(x, bits) + sign_extend(y, bits) + carry;
    uint64_t result = (uint64_t)unsigned_sum & bits_mask(bits);

    *nzcv = (uint32_t)(result >> (bits - 1) & 1) << 31 | (uint32_t)(result == 0) << 30 |
            (uint32_t)(unsigned_sum != result) << 29 |
            (uint32_t)(signed_sum != sign_extend(result, bits)) << 28;
    return result;
}

static void add_flags(void **state)
{
    for (size_t i = 0; i < nitems(corner); i++) {
        for (size_t j = 0; j < nitems(corner); j++) {
            for (unsigned carry = 0; carry < 2; carry++) {
                for (unsigned sf = 0; sf < 2; sf++) {
                    uint32_t want_nzcv, nzcv;
                    uint64_t want = ref_add(corner[i], corner[j], carry, sf ? 64 : 32, &want_nzcv);

                    assert_int_equal(alu_add_flags(corner[i], corner[j], carry, sf, &nzcv), want);
                    assert_int_equal(nzcv, want_nzcv);
                    want = ref_add(corner[i], ~corner[j], 1, sf ? 64 : 32, &want_nzcv);
                    assert_int_equal(alu_sub_flags(corner[i], corner[j], sf, &nzcv), want);
                    assert_int_equal(nzcv, want_nzcv);
                }
            }
        }
    }
}

static void logic_flags(void **state)
{
    assert_int_equal(alu_logic_flags(0, true), SOFT_NZCV_Z);
    assert_int_equal(alu_logic_flags(BIT(63), true), SOFT_NZCV_N);
    assert_int_equal(alu_logic_flags(0x80000000, true), 0);
    assert_int_equal(alu_logic_flags(0x80000000, false), SOFT_NZCV_N);
    assert_int_equal(alu_logic_flags(1, false), 0);
}

/* --- ConditionHolds --- */

static bool ref_condition(unsigned nzcv, unsigned cond)
{
    bool n = nzcv & 8, z = nzcv & 4, c = nzcv & 2, v = nzcv & 1, result;

    switch (cond >> 1) {
    case 0: result = z; break;
    case 1: result = c; break;
    case 2: result = n; break;
    case 3: result = v; break;
    case 4: result = c && !z; break;
    case 5: result = n == v; break;
    case 6: result = n == v && !z; break;
    default: result = true; break;
    }
    return (cond & 1) != 0 && cond != 15 ? !result : result;
}

static void conditions(void **state)
{
    for (unsigned cond = 0; cond < 16; cond++) {
        for (unsigned nzcv = 0; nzcv < 16; nzcv++)
            assert_int_equal(alu_condition(nzcv << 28, cond), ref_condition(nzcv, cond));
    }
}

/* --- DecodeBitMasks --- */

/* J1.3's definition with bits in an array. False when the encoding is reserved. */
static bool ref_bitmask(unsigned n, unsigned immr, unsigned imms, unsigned width, uint64_t *mask)
{
    unsigned len = 6, combined = n << 6 | (~imms & 63);

    while (len > 0 && (combined >> len & 1) == 0)
        len--;
    if (len < 1 || (1u << len) > width)
        return false;

    unsigned size = 1u << len, s = imms & (size - 1), r = immr & (size - 1);

    if (s == size - 1)
        return false;
    *mask = 0;
    for (unsigned bit = 0; bit < width; bit++) {
        unsigned in_element = bit % size;
        unsigned before_ror = (in_element + r) % size;

        if (before_ror <= s)
            *mask |= BIT(bit);
    }
    return true;
}

static void bitmasks(void **state)
{
    unsigned valid[2] = {0, 0};

    for (unsigned sf = 0; sf < 2; sf++) {
        for (unsigned encoding = 0; encoding < 8192; encoding++) {
            unsigned n = encoding >> 12, immr = encoding >> 6 & 63, imms = encoding & 63;
            uint64_t want;

            if (!ref_bitmask(n, immr, imms, sf ? 64 : 32, &want))
                continue;
            valid[sf]++;
            assert_int_equal(alu_width(alu_bitmask(n, immr, imms), sf), want);
        }
    }
    /* Elements of 2^k bits have 2^k - 1 lengths and 2^k rotations; the rest of immr is ignored. */
    assert_int_equal(valid[0], 64 * (1 + 3 + 7 + 15 + 31));
    assert_int_equal(valid[1], 64 * (1 + 3 + 7 + 15 + 31 + 63));
    assert_int_equal(alu_bitmask(1, 0, 7), 0xff);
    assert_int_equal(alu_bitmask(0, 1, 0x3c), 0xaaaaaaaaaaaaaaaa);
}

/* --- shifts, extensions, bitfields --- */

static uint64_t ref_shift(uint64_t x, unsigned type, unsigned by, unsigned bits)
{
    uint64_t result = 0;

    for (unsigned i = 0; i < bits; i++) {
        bool bit;

        switch (type) {
        case ALU_LSL: bit = i >= by && (x >> (i - by) & 1) != 0; break;
        case ALU_LSR: bit = i + by < bits && (x >> (i + by) & 1) != 0; break;
        case ALU_ASR: bit = x >> MIN(i + by, bits - 1) & 1; break;
        default: bit = x >> (i + by) % bits & 1; break;
        }
        result |= (uint64_t)bit << i;
    }
    return result;
}

static void shifts(void **state)
{
    for (size_t i = 0; i < nitems(corner); i++) {
        for (unsigned type = ALU_LSL; type <= ALU_ROR; type++) {
            for (unsigned by = 0; by < 64; by++) {
                assert_int_equal(alu_shift(corner[i], type, by, true),
                                 ref_shift(corner[i], type, by, 64));
                if (by < 32)
                    assert_int_equal(alu_shift(corner[i], type, by, false),
                                     ref_shift(corner[i], type, by, 32));
            }
        }
    }
}

static void extensions(void **state)
{
    uint64_t x = 0x8899aabbccddeeff;

    assert_int_equal(alu_extend(x, 0, 0), 0xff);
    assert_int_equal(alu_extend(x, 1, 1), 0xeeff << 1);
    assert_int_equal(alu_extend(x, 2, 4), 0xccddeeff0);
    assert_int_equal(alu_extend(x, 3, 0), x);
    assert_int_equal(alu_extend(x, 4, 0), UINT64_MAX);
    assert_int_equal(alu_extend(x, 5, 2), 0xffffffffffffbbfc);
    assert_int_equal(alu_extend(x, 6, 0), 0xffffffffccddeeff);
    assert_int_equal(alu_extend(x, 7, 3), x << 3);
    assert_int_equal(alu_extend(0x7f, 4, 0), 0x7f);
}

/* The definition of BFM: a copy of bits, with what surrounds them chosen by `fill`. */
enum fill { FILL_ZERO, FILL_SIGN, FILL_OLD };

static uint64_t ref_bfm(uint64_t old, uint64_t x, unsigned r, unsigned s, unsigned bits,
                        enum fill fill)
{
    unsigned from = s >= r ? r : 0, to = s >= r ? 0 : bits - r, length = s - from + 1;
    uint64_t result = 0;

    for (unsigned i = 0; i < bits; i++) {
        bool bit;

        if (i >= to && i < to + length)
            bit = x >> (from + i - to) & 1;
        else if (fill == FILL_OLD)
            bit = old >> i & 1;
        else
            bit = fill == FILL_SIGN && i >= to + length && (x >> s & 1) != 0;
        result |= (uint64_t)bit << i;
    }
    return result;
}

static void bitfields(void **state)
{
    uint64_t old = 0x5aa5c33c0ff0699c;

    for (unsigned sf = 0; sf < 2; sf++) {
        unsigned bits = sf ? 64 : 32;

        for (unsigned r = 0; r < bits; r++) {
            for (unsigned s = 0; s < bits; s++) {
                for (size_t i = 9; i < nitems(corner); i += 2) {
                    uint64_t x = corner[i];

                    assert_int_equal(alu_ubfm(x, r, s, sf), ref_bfm(old, x, r, s, bits, FILL_ZERO));
                    assert_int_equal(alu_sbfm(x, r, s, sf), ref_bfm(old, x, r, s, bits, FILL_SIGN));
                    assert_int_equal(alu_bfm(old, x, r, s, sf),
                                     ref_bfm(old, x, r, s, bits, FILL_OLD));
                }
            }
        }
    }
}

static void extract(void **state)
{
    uint64_t hi = 0x1122334455667788, lo = 0x99aabbccddeeff00;

    assert_int_equal(alu_extr(hi, lo, 0, true), lo);
    assert_int_equal(alu_extr(hi, lo, 16, true), 0x778899aabbccddee);
    assert_int_equal(alu_extr(hi, lo, 63, true), hi << 1 | 1);
    assert_int_equal(alu_extr(hi, lo, 0, false), 0xddeeff00);
    assert_int_equal(alu_extr(hi, lo, 8, false), 0x88ddeeff);
    assert_int_equal(alu_extr(hi, lo, 31, false), 0xaaccef11);
}

/* --- multiplication, division, reversal, counting --- */

static void division(void **state)
{
    assert_int_equal(alu_udiv(7, 0, true), 0);
    assert_int_equal(alu_sdiv(7, 0, true), 0);
    assert_int_equal(alu_udiv(7, BIT(32), false), 0); /* the divisor's low word is zero */
    assert_int_equal(alu_udiv(UINT64_MAX, 10, true), UINT64_MAX / 10);
    assert_int_equal(alu_udiv(UINT64_MAX, 10, false), UINT32_MAX / 10);
    assert_int_equal(alu_sdiv(BIT(63), UINT64_MAX, true), BIT(63));
    assert_int_equal(alu_sdiv(BIT(31), UINT32_MAX, false), BIT(31));
    assert_int_equal(alu_sdiv((uint64_t)-7, 2, true), (uint64_t)-3);
    assert_int_equal(alu_sdiv((uint64_t)-7, 2, false), (uint32_t)-3);
    assert_int_equal(alu_sdiv(7, (uint64_t)-1, true), (uint64_t)-7);
    assert_int_equal(alu_sdiv(BIT(31), UINT64_MAX, true), (uint64_t) - (int64_t)BIT(31));
}

static void high_products(void **state)
{
    assert_int_equal(alu_umulh(UINT64_MAX, UINT64_MAX), UINT64_MAX - 1);
    assert_int_equal(alu_smulh(UINT64_MAX, UINT64_MAX), 0);
    assert_int_equal(alu_smulh(BIT(63), BIT(63)), BIT(62));
    assert_int_equal(alu_smulh(BIT(63), 2), UINT64_MAX);
    assert_int_equal(alu_umulh(BIT(63), 2), 1);
}

static void reversals(void **state)
{
    uint64_t x = 0x0123456789abcdef;

    assert_int_equal(alu_rbit(x, true), 0xf7b3d591e6a2c480);
    assert_int_equal(alu_rbit(x, false), 0xf7b3d591);
    assert_int_equal(alu_rev16(x, true), 0x23016745ab89efcd);
    assert_int_equal(alu_rev16(x, false), 0xab89efcd);
    assert_int_equal(alu_rev32(x), 0x67452301efcdab89);
}

static void counts(void **state)
{
    assert_int_equal(alu_clz(0, true), 64);
    assert_int_equal(alu_clz(BIT(40), false), 32);
    assert_int_equal(alu_clz(BIT(40), true), 23);
    assert_int_equal(alu_clz(1, false), 31);
    assert_int_equal(alu_cls(0, true), 63);
    assert_int_equal(alu_cls(UINT64_MAX, true), 63);
    assert_int_equal(alu_cls(BIT(63), true), 0);
    assert_int_equal(alu_cls(0, false), 31);
    assert_int_equal(alu_cls(0xffffffff, false), 31);
    assert_int_equal(alu_cls(0xffff0000, false), 15);
    assert_int_equal(alu_cls(0xffffffff7fffffff, false), 0);
}

/* --- CRC --- */

/* The check value of every CRC catalogue: that of "123456789", inverted before and after. */
static uint32_t check_value(uint32_t (*crc)(uint32_t, uint64_t, unsigned))
{
    uint32_t value = UINT32_MAX;

    value = crc(value, 0x3837363534333231, 8);
    return ~crc(value, 0x39, 1);
}

static void crc(void **state)
{
    uint32_t by_parts;

    assert_int_equal(check_value(alu_crc32), 0xcbf43926);
    assert_int_equal(check_value(alu_crc32c), 0xe3069283);

    by_parts = alu_crc32c(alu_crc32c(0x1234, 0x8899aabbccddeeff, 2), 0xccdd, 2);
    assert_int_equal(alu_crc32c(0x1234, 0xccddeeff, 4), by_parts);
    assert_int_equal(alu_crc32(0xdeadbeef, 0, 0), 0xdeadbeef);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(add_flags),  cmocka_unit_test(logic_flags),
        cmocka_unit_test(conditions), cmocka_unit_test(bitmasks),
        cmocka_unit_test(shifts),     cmocka_unit_test(extensions),
        cmocka_unit_test(bitfields),  cmocka_unit_test(extract),
        cmocka_unit_test(division),   cmocka_unit_test(high_products),
        cmocka_unit_test(reversals),  cmocka_unit_test(counts),
        cmocka_unit_test(crc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
