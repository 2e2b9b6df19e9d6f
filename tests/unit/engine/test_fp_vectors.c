/* SPDX-License-Identifier: ISC */
/*
 * engine/soft/fp where Arm's choices are its own: NaNs, flushing, tininess, half precision,
 * saturating conversions and estimates. The expected values follow from the pseudocode (DDI 0487
 * "shared/functions/float").
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/soft/fp/fp.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define RP (1u << 22)
#define RM (2u << 22)
#define RZ (3u << 22)

#define H &fp_half
#define S &fp_single
#define D &fp_double

typedef uint64_t binary(const struct fp_format *f, uint64_t a, uint64_t b, struct fp_env *env);
typedef uint64_t unary(const struct fp_format *f, uint64_t a, struct fp_env *env);

struct two {
    binary *fn;
    const struct fp_format *f;
    uint32_t fpcr;
    uint64_t a, b, result;
    uint32_t fpsr;
};

static const struct two twos[] = {
    /* A signalling NaN comes before a quiet one, the first operand before the second. */
    {fp_add, S, 0, 0x7fc00001, 0x7f800002, 0x7fc00002, FPSR_IOC},
    {fp_add, S, 0, 0xffc00001, 0x7fc00002, 0xffc00001, 0},
    {fp_add, S, FPCR_DN, 0xffc00001, 0x7fc00002, 0x7fc00000, 0},
    {fp_sub, D, 0, 0x3ff0000000000000, 0xfff8000000000005, 0xfff8000000000005, 0},
    /* Invalid operations give the default NaN, which is positive. */
    {fp_sub, S, 0, 0x7f800000, 0x7f800000, 0x7fc00000, FPSR_IOC},
    {fp_mul, D, 0, 0xfff0000000000000, 0, 0x7ff8000000000000, FPSR_IOC},
    {fp_mulx, D, 0, 0xfff0000000000000, 0, 0xc000000000000000, 0},
    {fp_div, S, 0, 0x80000000, 0, 0x7fc00000, FPSR_IOC},
    {fp_div, S, 0, 0xbf800000, 0, 0xff800000, FPSR_DZC},
    /* An exact zero is negative when rounding down only. */
    {fp_sub, S, 0, 0x3f800000, 0x3f800000, 0, 0},
    {fp_sub, S, RM, 0x3f800000, 0x3f800000, 0x80000000, 0},
    {fp_add, S, RM, 0, 0x80000000, 0x80000000, 0},
    /* Flushing: operands raise IDC, results UFC and nothing else; half precision raises no IDC. */
    {fp_add, S, FPCR_FZ, 0x00000001, 0, 0, FPSR_IDC},
    {fp_add, S, FPCR_FZ, 0x00000001, 0x7fc00000, 0x7fc00000, FPSR_IDC},
    {fp_mul, S, FPCR_FZ, 0x80800000, 0x3f000000, 0x80000000, FPSR_UFC},
    {fp_add, H, FPCR_FZ, 0x0001, 0x0001, 0x0002, 0},
    {fp_add, H, FPCR_FZ16, 0x0001, 0x0001, 0, 0},
    {fp_mul, H, FPCR_FZ16, 0x0400, 0x3800, 0, FPSR_UFC},
    /* Tininess is detected before rounding: this rounds up to the smallest normal number. */
    {fp_mul, S, 0, 0x00ffffff, 0x3f000000, 0x00800000, FPSR_UFC | FPSR_IXC},
    {fp_mul, S, 0, 0x00000001, 0x3f000000, 0, FPSR_UFC | FPSR_IXC},
    {fp_mul, S, RP, 0x00000001, 0x3f000000, 1, FPSR_UFC | FPSR_IXC},
    {fp_mul, S, 0, 0x00000002, 0x3f000000, 1, 0},
    /* Overflow goes where rounding does. */
    {fp_add, H, 0, 0x7bff, 0x7bff, 0x7c00, FPSR_OFC | FPSR_IXC},
    {fp_add, H, RZ, 0xfbff, 0xfbff, 0xfbff, FPSR_OFC | FPSR_IXC},
    {fp_add, H, RP, 0xfbff, 0xfbff, 0xfbff, FPSR_OFC | FPSR_IXC},
    /* Half precision: 1/3, and ties to even in the eleventh bit. */
    {fp_div, H, 0, 0x3c00, 0x4200, 0x3555, FPSR_IXC},
    {fp_add, H, 0, 0x6800, 0x3c00, 0x6800, FPSR_IXC},
    {fp_add, H, 0, 0x6801, 0x3c00, 0x6802, FPSR_IXC},
    /* Maxima: +0 is above -0; the Num forms prefer a number to a quiet NaN, not to a signalling
       one. */
    {fp_max, S, 0, 0x80000000, 0, 0, 0},
    {fp_min, S, 0, 0, 0x80000000, 0x80000000, 0},
    {fp_max, S, 0, 0x3f800000, 0x7fc00000, 0x7fc00000, 0},
    {fp_max_num, S, 0, 0x3f800000, 0x7fc00000, 0x3f800000, 0},
    {fp_min_num, S, 0, 0xffc00000, 0x3f800000, 0x3f800000, 0},
    {fp_max_num, S, 0, 0x3f800000, 0x7f800001, 0x7fc00001, FPSR_IOC},
    {fp_max_num, S, 0, 0x7fc00001, 0x7fc00002, 0x7fc00001, 0},
    {fp_max, S, FPCR_FZ, 0x00000001, 0x80000001, 0, FPSR_IDC},
    /* Steps: 2 - ab and (3 - ab)/2; infinity times zero counts as zero; the first NaN is negated.
     */
    {fp_recip_step, S, 0, 0x3f800000, 0x3f800000, 0x3f800000, 0},
    {fp_recip_step, S, 0, 0x7f800000, 0, 0x40000000, 0},
    {fp_recip_step, S, 0, 0x7fc00003, 0, 0xffc00003, 0},
    {fp_recip_step, S, 0, 0x7f800000, 0x3f800000, 0xff800000, 0},
    {fp_rsqrt_step, S, 0, 0x3f800000, 0x3f800000, 0x3f800000, 0},
    {fp_rsqrt_step, S, 0, 0, 0xff800000, 0x3fc00000, 0},
};

static const struct one {
    unary *fn;
    const struct fp_format *f;
    uint32_t fpcr;
    uint64_t a, result;
    uint32_t fpsr;
} ones[] = {
    {fp_sqrt, D, 0, 0x4000000000000000, 0x3ff6a09e667f3bcd, FPSR_IXC},
    {fp_sqrt, D, 0, 0x4022000000000000, 0x4008000000000000, 0},
    {fp_sqrt, H, 0, 0x4000, 0x3da8, FPSR_IXC},
    {fp_sqrt, S, 0, 0x80000000, 0x80000000, 0},
    {fp_sqrt, S, 0, 0xbf800000, 0x7fc00000, FPSR_IOC},
    {fp_sqrt, S, 0, 0x00000001, 0x1a3504f3, FPSR_IXC},
    {fp_recip_estimate, S, 0, 0x3f800000, 0x3f7f8000, 0},
    {fp_recip_estimate, S, 0, 0x80000000, 0xff800000, FPSR_DZC},
    {fp_recip_estimate, S, 0, 0x00100000, 0x7f800000, FPSR_OFC | FPSR_IXC},
    {fp_recip_estimate, S, RZ, 0x00100000, 0x7f7fffff, FPSR_OFC | FPSR_IXC},
    {fp_recip_estimate, S, 0, 0x7f000000, 0x003fe000, 0},
    {fp_recip_estimate, S, FPCR_FZ, 0x7f000000, 0, FPSR_UFC},
    {fp_recip_estimate, S, 0, 0xff800000, 0x80000000, 0},
    {fp_rsqrt_estimate, S, 0, 0x3f800000, 0x3f7f8000, 0},
    {fp_rsqrt_estimate, S, 0, 0x40800000, 0x3eff8000, 0},
    {fp_rsqrt_estimate, S, 0, 0xbf800000, 0x7fc00000, FPSR_IOC},
    {fp_rsqrt_estimate, S, 0, 0x80000000, 0xff800000, FPSR_DZC},
    {fp_recpx, S, 0, 0x3f800000, 0x40000000, 0},
    {fp_recpx, S, 0, 0x80000001, 0xff000000, 0},
    {fp_recpx, S, 0, 0x7f800000, 0, 0},
};

static void test_two(void **state)
{
    for (size_t i = 0; i < COUNT(twos); i++) {
        const struct two *t = &twos[i];
        uint32_t fpsr = 0;
        struct fp_env env = {t->fpcr, &fpsr};
        uint64_t r = t->fn(t->f, t->a, t->b, &env);

        if (r != t->result || fpsr != t->fpsr)
            fail_msg("row %zu: %#jx flags %#x, not %#jx flags %#x", i, (uintmax_t)r, fpsr,
                     (uintmax_t)t->result, t->fpsr);
    }
}

static void test_one(void **state)
{
    for (size_t i = 0; i < COUNT(ones); i++) {
        const struct one *t = &ones[i];
        uint32_t fpsr = 0;
        struct fp_env env = {t->fpcr, &fpsr};
        uint64_t r = t->fn(t->f, t->a, &env);

        if (r != t->result || fpsr != t->fpsr)
            fail_msg("row %zu: %#jx flags %#x, not %#jx flags %#x", i, (uintmax_t)r, fpsr,
                     (uintmax_t)t->result, t->fpsr);
    }
}

static void test_mul_add(void **state)
{
    static const struct {
        const struct fp_format *f;
        uint32_t fpcr;
        uint64_t addend, a, b, result;
        uint32_t fpsr;
    } rows[] = {
        /* A quiet addend yields to the invalid product, a signalling one does not. */
        {S, 0, 0xffc00001, 0x7f800000, 0, 0x7fc00000, FPSR_IOC},
        {S, 0, 0xff800001, 0x7f800000, 0, 0xffc00001, FPSR_IOC},
        {S, 0, 0x7fc00001, 0x7fc00002, 0x7fc00003, 0x7fc00001, 0},
        {S, 0, 0x7fc00001, 0x7fc00002, 0x7f800003, 0x7fc00003, FPSR_IOC},
        {S, 0, 0xff800000, 0x7f800000, 0x3f800000, 0x7fc00000, FPSR_IOC},
        /* One rounding: (1 + 2^-23)^2 - (1 + 2^-22) is 2^-46. */
        {S, 0, 0xbf800002, 0x3f800001, 0x3f800001, 0x28800000, 0},
        {D, RM, 0xbff0000000000000, 0x3ff0000000000000, 0x3ff0000000000000, 0x8000000000000000, 0},
        /* The addend is far below, and still decides a tie. */
        {H, 0, 0x0001, 0x3c01, 0x3e00, 0x3e02, FPSR_IXC},
        {H, 0, 0x8001, 0x3c01, 0x3e00, 0x3e01, FPSR_IXC},
        {H, FPCR_FZ16, 0x8001, 0x3c01, 0x3e00, 0x3e02, FPSR_IXC},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        uint32_t fpsr = 0;
        struct fp_env env = {rows[i].fpcr, &fpsr};
        uint64_t r = fp_mul_add(rows[i].f, rows[i].addend, rows[i].a, rows[i].b, &env);

        if (r != rows[i].result || fpsr != rows[i].fpsr)
            fail_msg("row %zu: %#jx flags %#x, not %#jx flags %#x", i, (uintmax_t)r, fpsr,
                     (uintmax_t)rows[i].result, rows[i].fpsr);
    }
}

static void test_convert(void **state)
{
    static const struct {
        const struct fp_format *to, *from;
        uint32_t fpcr;
        enum fp_rounding mode;
        uint64_t a, result;
        uint32_t fpsr;
    } rows[] = {
        {S, H, 0, FP_ROUND_TIEEVEN, 0x0001, 0x33800000, 0},
        {H, S, 0, FP_ROUND_TIEEVEN, 0x33800000, 0x0001, 0},
        {H, S, 0, FP_ROUND_TIEEVEN, 0x33000000, 0x0000, FPSR_UFC | FPSR_IXC},
        {H, S, 0, FP_ROUND_TIEEVEN, 0x33000001, 0x0001, FPSR_UFC | FPSR_IXC},
        {H, D, 0, FP_ROUND_TIEEVEN, 0x40effe0000000000, 0x7c00, FPSR_OFC | FPSR_IXC},
        {D, S, 0, FP_ROUND_TIEEVEN, 0xffc00001, 0xfff8000020000000, 0},
        {S, D, 0, FP_ROUND_TIEEVEN, 0x7ff4000000000001, 0x7fe00000, FPSR_IOC},
        {S, D, FPCR_DN, FP_ROUND_TIEEVEN, 0xfff8000020000000, 0x7fc00000, 0},
        /* To odd, for two-step rounding. */
        {S, D, 0, FP_ROUND_ODD, 0x3ff0000010000000, 0x3f800001, FPSR_IXC},
        {S, D, 0, FP_ROUND_ODD, 0x7fefffffffffffff, 0x7f7fffff, FPSR_OFC | FPSR_IXC},
        {S, D, 0, FP_ROUND_ODD, 0x0000000000000001, 0x00000001, FPSR_UFC | FPSR_IXC},
        /* FZ flushes a single, and FZ16 nothing in a conversion. */
        {D, S, FPCR_FZ, FP_ROUND_TIEEVEN, 0x00000001, 0, FPSR_IDC},
        {S, H, FPCR_FZ16 | FPCR_FZ, FP_ROUND_TIEEVEN, 0x0001, 0x33800000, 0},
        {H, S, FPCR_FZ16 | FPCR_FZ, FP_ROUND_TIEEVEN, 0x33800000, 0x0001, 0},
        /* The alternative half precision has numbers where the other has infinities and NaNs. */
        {S, H, FPCR_AHP, FP_ROUND_TIEEVEN, 0x7c00, 0x47800000, 0},
        {S, H, FPCR_AHP, FP_ROUND_TIEEVEN, 0xffff, 0xc7ffe000, 0},
        {H, S, FPCR_AHP, FP_ROUND_TIEEVEN, 0x47ffe000, 0x7fff, 0},
        {H, S, FPCR_AHP, FP_ROUND_TIEEVEN, 0x48000000, 0x7fff, FPSR_IOC},
        {H, S, FPCR_AHP, FP_ROUND_TIEEVEN, 0xff800000, 0xffff, FPSR_IOC},
        {H, S, FPCR_AHP, FP_ROUND_TIEEVEN, 0xffc00000, 0x8000, FPSR_IOC},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        uint32_t fpsr = 0;
        struct fp_env env = {rows[i].fpcr, &fpsr};
        uint64_t r = fp_convert(rows[i].to, rows[i].from, rows[i].a, rows[i].mode, &env);

        if (r != rows[i].result || fpsr != rows[i].fpsr)
            fail_msg("row %zu: %#jx flags %#x, not %#jx flags %#x", i, (uintmax_t)r, fpsr,
                     (uintmax_t)rows[i].result, rows[i].fpsr);
    }
}

static void test_to_fixed(void **state)
{
    static const struct {
        const struct fp_format *f;
        uint64_t a;
        unsigned fbits;
        bool is_unsigned;
        unsigned width;
        enum fp_rounding mode;
        uint64_t result;
        uint32_t fpsr;
    } rows[] = {
        {S, 0xbf000000, 0, true, 32, FP_ROUND_ZERO, 0, FPSR_IXC},
        {S, 0xbf800000, 0, true, 32, FP_ROUND_ZERO, 0, FPSR_IOC},
        {S, 0x40200000, 0, false, 32, FP_ROUND_TIEEVEN, 2, FPSR_IXC},
        {S, 0x40200000, 0, false, 32, FP_ROUND_TIEAWAY, 3, FPSR_IXC},
        {S, 0xc0200000, 0, false, 32, FP_ROUND_TIEAWAY, 0xfffffffd, FPSR_IXC},
        {S, 0xbe800000, 0, false, 32, FP_ROUND_NEGINF, 0xffffffff, FPSR_IXC},
        {S, 0xbe800000, 0, false, 32, FP_ROUND_POSINF, 0, FPSR_IXC},
        {S, 0xcf000000, 0, false, 32, FP_ROUND_ZERO, 0x80000000, 0},
        {S, 0x4f000000, 0, false, 32, FP_ROUND_ZERO, 0x7fffffff, FPSR_IOC},
        {S, 0x7fc00000, 0, false, 32, FP_ROUND_ZERO, 0, FPSR_IOC},
        {S, 0xff800000, 0, false, 64, FP_ROUND_ZERO, 0x8000000000000000, FPSR_IOC},
        {D, 0x43efffffffffffff, 0, true, 64, FP_ROUND_ZERO, 0xfffffffffffff800, 0},
        {D, 0x43f0000000000000, 0, true, 64, FP_ROUND_ZERO, UINT64_MAX, FPSR_IOC},
        {D, 0x3ff8000000000000, 32, false, 64, FP_ROUND_ZERO, 0x180000000, 0},
        {H, 0x3c00, 15, false, 16, FP_ROUND_ZERO, 0x7fff, FPSR_IOC},
        {H, 0xbc00, 15, false, 16, FP_ROUND_ZERO, 0x8000, 0},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        uint32_t fpsr = 0;
        struct fp_env env = {0, &fpsr};
        uint64_t r = fp_to_fixed(rows[i].f, rows[i].a, rows[i].fbits, rows[i].is_unsigned,
                                 rows[i].width, rows[i].mode, &env);

        if (r != rows[i].result || fpsr != rows[i].fpsr)
            fail_msg("row %zu: %#jx flags %#x, not %#jx flags %#x", i, (uintmax_t)r, fpsr,
                     (uintmax_t)rows[i].result, rows[i].fpsr);
    }
}

static void test_from_fixed(void **state)
{
    uint32_t fpsr = 0;
    struct fp_env env = {0, &fpsr};

    assert_int_equal(fp_from_fixed(S, 0xffffffff, 0, false, 32, &env), 0xbf800000);
    assert_int_equal(fp_from_fixed(S, 0x1ffffffff, 0, false, 32, &env), 0xbf800000);
    assert_int_equal(fp_from_fixed(D, 0xffffffff, 32, true, 32, &env), 0x3fefffffffe00000);
    assert_int_equal(fp_from_fixed(H, 0x8000, 0, false, 16, &env), 0xf800);
    assert_int_equal(fpsr, 0);
    assert_int_equal(fp_from_fixed(S, 0xffffffff, 0, true, 32, &env), 0x4f800000);
    assert_int_equal(fpsr, FPSR_IXC);
    assert_int_equal(fp_from_fixed(H, 65520, 0, true, 32, &env), 0x7c00);
    assert_int_equal(fpsr, FPSR_IXC | FPSR_OFC);
}

static void test_compare(void **state)
{
    uint32_t fpsr = 0;
    struct fp_env env = {0, &fpsr};

    assert_int_equal(fp_compare(S, 0, 0x80000000, true, &env), FP_EQUAL);
    assert_int_equal(fp_compare(S, 0xff800000, 0xff7fffff, true, &env), FP_LESS);
    assert_int_equal(fp_compare(S, 0x00000001, 0, true, &env), FP_GREATER);
    assert_int_equal(fp_compare(S, 0x7fc00000, 0, false, &env), FP_UNORDERED);
    assert_false(fp_compare_eq(S, 0x7fc00000, 0x7fc00000, &env));
    assert_int_equal(fpsr, 0);
    assert_false(fp_compare_ge(S, 0x7fc00000, 0, &env));
    assert_int_equal(fpsr, FPSR_IOC);
    fpsr = 0;
    assert_int_equal(fp_compare(S, 0x7fc00000, 0, true, &env), FP_UNORDERED);
    assert_int_equal(fpsr, FPSR_IOC);
    fpsr = 0;
    env.fpcr = FPCR_FZ;
    assert_int_equal(fp_compare(S, 0x00000001, 0x80000001, true, &env), FP_EQUAL);
    assert_int_equal(fpsr, FPSR_IDC);
}

/* RecipEstimate() and RecipSqrtEstimate() against their defining equations, for every table entry.
 */
static void test_estimates(void **state)
{
    for (uint32_t a = 256; a < 512; a++)
        assert_int_equal(fp_unsigned_recip_estimate(a << 23) >> 23,
                         ((1u << 19) / (a * 2 + 1) + 1) / 2);
    for (uint32_t a = 128; a < 512; a++) {
        uint32_t x = a < 256 ? a * 2 + 1 : (a / 2 * 2 + 1) * 2, b = 512;

        while (x * (b + 1) * (b + 1) < 1u << 28)
            b++;
        assert_int_equal(fp_unsigned_rsqrt_estimate(a << 23) >> 23, (b + 1) / 2);
    }
    assert_int_equal(fp_unsigned_recip_estimate(0x7fffffff), 0xffffffff);
    assert_int_equal(fp_unsigned_rsqrt_estimate(0x3fffffff), 0xffffffff);
}

static void test_round_int(void **state)
{
    uint32_t fpsr = 0;
    struct fp_env env = {0, &fpsr};

    assert_int_equal(fp_round_int(S, 0xbe800000, FP_ROUND_TIEEVEN, false, &env), 0x80000000);
    assert_int_equal(fp_round_int(S, 0x3fc00000, FP_ROUND_TIEEVEN, false, &env), 0x40000000);
    assert_int_equal(fp_round_int(S, 0x40200000, FP_ROUND_TIEAWAY, false, &env), 0x40400000);
    assert_int_equal(fp_round_int(D, 0x4330000000000001, FP_ROUND_ZERO, true, &env),
                     0x4330000000000001);
    assert_int_equal(fpsr, 0);
    assert_int_equal(fp_round_int(H, 0x3801, FP_ROUND_POSINF, true, &env), 0x3c00);
    assert_int_equal(fpsr, FPSR_IXC);
}

static void test_immediate(void **state)
{
    assert_int_equal(fp_expand_imm(S, 0x70), 0x3f800000);
    assert_int_equal(fp_expand_imm(D, 0x70), 0x3ff0000000000000);
    assert_int_equal(fp_expand_imm(H, 0x70), 0x3c00);
    assert_int_equal(fp_expand_imm(S, 0x80), 0xc0000000);
    assert_int_equal(fp_expand_imm(D, 0x3f), 0x403f000000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two),       cmocka_unit_test(test_one),
        cmocka_unit_test(test_mul_add),   cmocka_unit_test(test_convert),
        cmocka_unit_test(test_to_fixed),  cmocka_unit_test(test_from_fixed),
        cmocka_unit_test(test_compare),   cmocka_unit_test(test_estimates),
        cmocka_unit_test(test_round_int), cmocka_unit_test(test_immediate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
