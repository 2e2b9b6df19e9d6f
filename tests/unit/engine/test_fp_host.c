/* SPDX-License-Identifier: ISC */
/*
 * engine/soft/fp against the host's own arithmetic, where the two agree: single and double
 * precision, the four IEEE rounding directions, no flushing. Compared are every result that is not
 * a NaN, that NaNs are NaNs, and the flags but underflow (hosts may detect tininess after
 * rounding).
 */
#include <fenv.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/soft/fp/fp.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const int host_mode[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};

enum op { ADD, SUB, MUL, DIV, SQRT, FMA, RINT, OPS };

static const char *const op_name[OPS] = {"add", "sub", "mul", "div", "sqrt", "fma", "rint"};

static uint64_t random64(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state * 0x2545f4914f6cdd1dull;
}

/* Fractions at the edges of rounding; exponents at the edges of the format and around one. */
static uint64_t interesting(const struct fp_format *f, uint64_t *state)
{
    uint64_t r = random64(state), frac_mask = (1ull << f->frac) - 1, frac;
    uint64_t exp_max = 2u * (unsigned)f->bias + 1, exp;

    switch (r & 7) {
    case 0: frac = 0; break;
    case 1: frac = frac_mask; break;
    case 2: frac = 1; break;
    case 3: frac = 1ull << (r >> 8) % f->frac; break;
    case 4: frac = frac_mask << (r >> 8) % f->frac; break;
    default: frac = random64(state); break;
    }
    switch ((r >> 3) & 7) {
    case 0: exp = 0; break;
    case 1: exp = exp_max - (r >> 16) % 3; break;
    case 2: exp = 1 + (r >> 16) % f->frac; break;
    case 3: exp = (uint64_t)f->bias / 2 + (r >> 16) % 4; break;
    case 4: exp = random64(state) % (exp_max + 1); break;
    default: exp = (uint64_t)f->bias - 60 + (r >> 16) % 128; break;
    }
    return (r >> 63) << (f->bits - 1) | exp << f->frac | (frac & frac_mask);
}

static uint64_t host64(enum op op, uint64_t a, uint64_t b, uint64_t c)
{
    volatile double x, y, z, r = 0;

    memcpy((void *)&x, &a, 8);
    memcpy((void *)&y, &b, 8);
    memcpy((void *)&z, &c, 8);
    feclearexcept(FE_ALL_EXCEPT);
    switch (op) {
    case ADD: r = x + y; break;
    case SUB: r = x - y; break;
    case MUL: r = x * y; break;
    case DIV: r = x / y; break;
    case SQRT: r = sqrt(x); break;
    case FMA: r = fma(x, y, z); break;
    case RINT: r = rint(x); break;
    default: break;
    }
    memcpy(&a, (void *)&r, 8);
    return a;
}

static uint64_t host32(enum op op, uint64_t a, uint64_t b, uint64_t c)
{
    volatile float x, y, z, r = 0;

    memcpy((void *)&x, &a, 4);
    memcpy((void *)&y, &b, 4);
    memcpy((void *)&z, &c, 4);
    feclearexcept(FE_ALL_EXCEPT);
    switch (op) {
    case ADD: r = x + y; break;
    case SUB: r = x - y; break;
    case MUL: r = x * y; break;
    case DIV: r = x / y; break;
    case SQRT: r = sqrtf(x); break;
    case FMA: r = fmaf(x, y, z); break;
    case RINT: r = rintf(x); break;
    default: break;
    }
    a = 0;
    memcpy(&a, (void *)&r, 4);
    return a;
}

static uint64_t ours(enum op op, const struct fp_format *f, uint64_t a, uint64_t b, uint64_t c,
                     struct fp_env *env)
{
    switch (op) {
    case ADD: return fp_add(f, a, b, env);
    case SUB: return fp_sub(f, a, b, env);
    case MUL: return fp_mul(f, a, b, env);
    case DIV: return fp_div(f, a, b, env);
    case SQRT: return fp_sqrt(f, a, env);
    case FMA: return fp_mul_add(f, c, a, b, env);
    case RINT: return fp_round_int(f, a, fp_rounding(env), true, env);
    default: return 0;
    }
}

/* The flags that both sides define alike. */
static uint32_t host_flags(void)
{
    int e = fetestexcept(FE_ALL_EXCEPT);

    return (e & FE_INVALID ? FPSR_IOC : 0) | (e & FE_DIVBYZERO ? FPSR_DZC : 0) |
           (e & FE_OVERFLOW ? FPSR_OFC : 0) | (e & FE_INEXACT ? FPSR_IXC : 0);
}

static bool is_nan(const struct fp_format *f, uint64_t a)
{
    return fp_abs(f, a) > fp_infinity(f, false);
}

static bool same(const struct fp_format *f, uint64_t a, uint64_t b)
{
    return a == b || (is_nan(f, a) && is_nan(f, b));
}

static void compare_ops(const struct fp_format *f, unsigned rounds, uint64_t seed)
{
    for (unsigned i = 0; i < rounds; i++) {
        uint64_t a = interesting(f, &seed), b = interesting(f, &seed), c = interesting(f, &seed);
        unsigned mode = i & 3;
        enum op op = (enum op)(i / 4 % OPS);
        uint32_t fpsr = 0;
        struct fp_env env = {mode << 22, &fpsr};
        uint64_t got = ours(op, f, a, b, c, &env);

        fesetround(host_mode[mode]);

        uint64_t want = f->bits == 64 ? host64(op, a, b, c) : host32(op, a, b, c);
        uint32_t flags = host_flags();
        /* 0 * inf + NaN: IEEE leaves IOC open, Arm's choice is in test_fp_vectors. */
        bool open = op == FMA && is_nan(f, c);

        fesetround(FE_TONEAREST);
        if (!same(f, got, want) || (!open && (fpsr & ~FPSR_UFC) != flags))
            fail_msg("%s/%d mode %u of %#jx %#jx %#jx: got %#jx flags %#x, host %#jx flags %#x",
                     op_name[op], f->bits, mode, (uintmax_t)a, (uintmax_t)b, (uintmax_t)c,
                     (uintmax_t)got, fpsr, (uintmax_t)want, flags);
    }
}

static void test_single(void **state)
{
    compare_ops(&fp_single, 600000, 0x1234567);
}

static void test_double(void **state)
{
    compare_ops(&fp_double, 600000, 0x7654321);
}

static void test_convert(void **state)
{
    uint64_t seed = 99;

    for (unsigned i = 0; i < 200000; i++) {
        uint64_t a = interesting(&fp_double, &seed), s = interesting(&fp_single, &seed);
        unsigned mode = i & 3;
        uint32_t fpsr = 0, want32;
        struct fp_env env = {mode << 22, &fpsr};
        volatile double d;
        volatile float f;
        uint64_t want;

        memcpy((void *)&d, &a, 8);
        fesetround(host_mode[mode]);
        feclearexcept(FE_ALL_EXCEPT);
        f = (float)d;

        uint32_t flags = host_flags();

        memcpy(&want32, (void *)&f, 4);
        assert_true(same(&fp_single, fp_convert(&fp_single, &fp_double, a, fp_rounding(&env), &env),
                         want32));
        assert_int_equal(fpsr & ~FPSR_UFC, flags);

        memcpy((void *)&f, &s, 4);
        d = f;
        memcpy(&want, (void *)&d, 8);
        fesetround(FE_TONEAREST);
        assert_true(
            same(&fp_double, fp_convert(&fp_double, &fp_single, s, fp_rounding(&env), &env), want));
    }
}

static void test_integers(void **state)
{
    uint64_t seed = 4711;

    for (unsigned i = 0; i < 200000; i++) {
        uint64_t a = random64(&seed) >> (i % 64), want;
        unsigned mode = i & 3;
        uint32_t fpsr = 0, want32;
        struct fp_env env = {mode << 22, &fpsr};
        volatile int64_t v = (int64_t)a;
        volatile double d;
        volatile float f;

        fesetround(host_mode[mode]);
        feclearexcept(FE_ALL_EXCEPT);
        d = (double)v;
        f = (float)v;

        uint32_t flags = host_flags();

        memcpy(&want, (void *)&d, 8);
        memcpy(&want32, (void *)&f, 4);
        assert_int_equal(fp_from_fixed(&fp_double, a, 0, false, 64, &env), want);
        assert_int_equal(fp_from_fixed(&fp_single, a, 0, false, 64, &env), want32);
        assert_int_equal(fpsr, flags);

        /* And back, by the current direction. */
        a = interesting(&fp_double, &seed);
        memcpy((void *)&d, &a, 8);
        fpsr = 0;
        if (fabs(d) < 0x1p62) {
            feclearexcept(FE_ALL_EXCEPT);
            v = llrint(d);
            flags = host_flags();
            assert_int_equal(fp_to_fixed(&fp_double, a, 0, false, 64, fp_rounding(&env), &env), v);
            assert_int_equal(fpsr, flags);
        }
        fesetround(FE_TONEAREST);
    }
}

static void test_compare(void **state)
{
    uint64_t seed = 31337;

    for (unsigned i = 0; i < 200000; i++) {
        uint64_t a = interesting(&fp_double, &seed), b = interesting(&fp_double, &seed);
        uint32_t fpsr = 0;
        struct fp_env env = {0, &fpsr};
        volatile double x, y;

        if (i % 8 == 0)
            b = a;
        memcpy((void *)&x, &a, 8);
        memcpy((void *)&y, &b, 8);
        assert_int_equal(fp_compare_eq(&fp_double, a, b, &env), x == y);
        assert_int_equal(fp_compare_gt(&fp_double, a, b, &env), x > y);
        assert_int_equal(fp_compare_ge(&fp_double, a, b, &env), x >= y);
        if (x == x && y == y) {
            assert_true(fp_max(&fp_double, a, b, &env) == (x > y ? a : b) || x == y);
            assert_true(fp_min(&fp_double, a, b, &env) == (x < y ? a : b) || x == y);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single),  cmocka_unit_test(test_double),
        cmocka_unit_test(test_convert), cmocka_unit_test(test_integers),
        cmocka_unit_test(test_compare),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
