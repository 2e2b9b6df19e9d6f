/* SPDX-License-Identifier: ISC */
/*
 * The loops over elements, the shapes of the encodings, and the element functions that several
 * encoding groups share (engine/interp/simd.h).
 */
#include "engine/interp/simd.h"

simd_int simd_saturate(struct simd_op *op, simd_int value, bool is_unsigned)
{
    unsigned bits = simd_bits(op);
    simd_int max = ((simd_int)1 << (is_unsigned ? bits : bits - 1)) - 1;
    simd_int min = is_unsigned ? 0 : -max - 1;

    if (value >= min && value <= max)
        return value;
    op->cpu->fpsr |= FPSR_QC;
    return value < min ? min : max;
}

simd_int simd_shift(simd_int value, int shift, bool round)
{
    if (shift >= 64)
        return ((value > 0) - (value < 0)) * ((simd_int)1 << 100);
    if (shift >= 0)
        return value * ((simd_int)1 << shift);
    if (round)
        return shift < -65 ? 0 : (value + ((simd_int)1 << (-shift - 1))) >> -shift;
    return value >> (shift < -127 ? 127 : -shift);
}

unsigned __int128 simd_poly_mul(uint64_t a, uint64_t b)
{
    unsigned __int128 product = 0;

    for (unsigned i = 0; i < 64; i++)
        if ((b >> i) & 1)
            product ^= (unsigned __int128)a << i;
    return product;
}

static bool is_scalar(uint32_t w)
{
    return (w >> 28) & 1;
}

/* Lanes of 8 << size bits in a vector of `bytes`. */
static unsigned lanes(uint32_t w, unsigned bytes, unsigned size)
{
    return is_scalar(w) ? 1 : bytes >> size;
}

/* Q chooses a half where it does not choose the vector's length. */
static unsigned upper(uint32_t w, unsigned count)
{
    return !is_scalar(w) && a64_Q(w) ? count : 0;
}

struct simd_op simd_same(struct soft_cpu *c, uint32_t w, unsigned size, enum simd_sign sign)
{
    unsigned count = lanes(w, a64_Q(w) ? 16 : 8, size);

    return (struct simd_op){
        .d = a64_Rd(w),
        .n = a64_Rn(w),
        .m = a64_Rm(w),
        .dsize = size,
        .nsize = size,
        .msize = size,
        .mstep = 1,
        .count = count,
        .nlanes = is_scalar(w) ? 2 : count,
        .is_unsigned = sign == SIMD_UNSIGNED,
        .env = {c->fpcr, &c->fpsr},
        .cpu = c,
    };
}

struct simd_op simd_long(struct soft_cpu *c, uint32_t w, unsigned size, enum simd_sign sign)
{
    struct simd_op op = simd_same(c, w, size, sign);

    op.dsize = size + 1;
    op.count = lanes(w, 8, size);
    op.nbase = op.mbase = upper(w, op.count);
    return op;
}

struct simd_op simd_wide(struct soft_cpu *c, uint32_t w, unsigned size, enum simd_sign sign)
{
    struct simd_op op = simd_long(c, w, size, sign);

    op.nsize = size + 1;
    op.nbase = 0;
    return op;
}

struct simd_op simd_narrow(struct soft_cpu *c, uint32_t w, unsigned size, enum simd_sign sign)
{
    struct simd_op op = simd_same(c, w, size, sign);

    op.nsize = op.msize = size + 1;
    op.count = lanes(w, 8, size);
    op.dbase = upper(w, op.count);
    return op;
}

struct simd_op simd_fp(struct soft_cpu *c, uint32_t w, const struct fp_format *f)
{
    struct simd_op op = simd_same(c, w, simd_size_of(f), SIMD_UNSIGNED);

    op.f = f;
    return op;
}

void simd_by_element(struct simd_op *op, uint32_t w)
{
    unsigned hlm = a64_H(w) << 2 | a64_L(w) << 1 | a64_M(w);

    /* Narrower lanes need more bits of index, and take M from the register's number. */
    op->mbase = hlm >> (op->msize - 1);
    op->m = op->msize == 1 ? a64_Rm4(w) : a64_M(w) << 4 | a64_Rm4(w);
    op->mstep = 0;
}

const struct fp_format *simd_format_sz(uint32_t w)
{
    return a64_sz(w) ? &fp_double : &fp_single;
}

const struct fp_format *simd_format_of(unsigned size)
{
    return size == 1 ? &fp_half : size == 2 ? &fp_single : &fp_double;
}

unsigned simd_size_of(const struct fp_format *f)
{
    return f->bits == 16 ? 1 : f->bits == 32 ? 2 : 3;
}

static simd_int element(const struct simd_op *op, unsigned reg, unsigned size, unsigned i)
{
    return simd_int_of(simd_get(&op->cpu->v[reg], size, i), size, op->is_unsigned);
}

/* The result to be: zero, but for the lower half that a "2" form leaves alone. */
static union soft_vreg start(const struct simd_op *op)
{
    union soft_vreg r = {.d = {0, 0}};

    if (op->dbase != 0)
        r.d[0] = op->cpu->v[op->d].d[0];
    return r;
}

void simd_run1(struct simd_op *op, simd_fn1 *fn)
{
    union soft_vreg r = start(op);

    for (unsigned e = 0; e < op->count; e++) {
        op->lane = op->dbase + e;

        simd_int a = element(op, op->n, op->nsize, op->nbase + e);

        simd_set(&r, op->dsize, op->lane, (uint64_t)fn(op, a));
    }
    op->cpu->v[op->d] = r;
}

void simd_run2(struct simd_op *op, simd_fn2 *fn)
{
    union soft_vreg r = start(op);

    for (unsigned e = 0; e < op->count; e++) {
        op->lane = op->dbase + e;

        simd_int a = element(op, op->n, op->nsize, op->nbase + e);
        simd_int b = element(op, op->m, op->msize, op->mbase + e * op->mstep);

        simd_set(&r, op->dsize, op->lane, (uint64_t)fn(op, a, b));
    }
    op->cpu->v[op->d] = r;
}

void simd_run_pairs(struct simd_op *op, simd_fn2 *fn)
{
    union soft_vreg r = start(op);

    for (unsigned e = 0; e < op->count; e++) {
        unsigned i = 2 * e, reg = op->n;

        if (i >= op->nlanes) {
            i -= op->nlanes;
            reg = op->m;
        }
        op->lane = e;

        simd_int a = element(op, reg, op->nsize, i), b = element(op, reg, op->nsize, i + 1);

        simd_set(&r, op->dsize, e, (uint64_t)fn(op, a, b));
    }
    op->cpu->v[op->d] = r;
}

static simd_int reduce(struct simd_op *op, simd_fn2 *fn, unsigned first, unsigned count)
{
    if (count == 1)
        return element(op, op->n, op->nsize, first);

    simd_int low = reduce(op, fn, first, count / 2);
    simd_int high = reduce(op, fn, first + count / 2, count / 2);

    return fn(op, low, high);
}

void simd_run_reduce(struct simd_op *op, simd_fn2 *fn)
{
    union soft_vreg r = {.d = {0, 0}};

    simd_set(&r, op->dsize, 0, (uint64_t)reduce(op, fn, 0, op->count));
    op->cpu->v[op->d] = r;
}

simd_int simd_add(struct simd_op *op, simd_int a, simd_int b)
{
    return a + b;
}

simd_int simd_sub(struct simd_op *op, simd_int a, simd_int b)
{
    return a - b;
}

/* A product of 64-bit elements does not exist, so that none overflows. */
simd_int simd_mul(struct simd_op *op, simd_int a, simd_int b)
{
    return a * b;
}

simd_int simd_mul_add(struct simd_op *op, simd_int a, simd_int b)
{
    return simd_acc(op) + a * b;
}

simd_int simd_mul_sub(struct simd_op *op, simd_int a, simd_int b)
{
    return simd_acc(op) - a * b;
}

simd_int simd_abs_diff(struct simd_op *op, simd_int a, simd_int b)
{
    return a > b ? a - b : b - a;
}

simd_int simd_abs_diff_acc(struct simd_op *op, simd_int a, simd_int b)
{
    return simd_acc(op) + simd_abs_diff(op, a, b);
}

simd_int simd_max(struct simd_op *op, simd_int a, simd_int b)
{
    return a > b ? a : b;
}

simd_int simd_min(struct simd_op *op, simd_int a, simd_int b)
{
    return a < b ? a : b;
}

/* The high half of Vd's double-width value plus or minus 2ab, rounded or not. */
static simd_int doubling_high(struct simd_op *op, simd_int acc, simd_int product, bool round)
{
    int bits = (int)simd_bits(op);

    return simd_saturate(op, simd_shift(acc * ((simd_int)1 << bits) + 2 * product, -bits, round),
                         false);
}

simd_int simd_sqdmulh(struct simd_op *op, simd_int a, simd_int b)
{
    return doubling_high(op, 0, a * b, false);
}

simd_int simd_sqrdmulh(struct simd_op *op, simd_int a, simd_int b)
{
    return doubling_high(op, 0, a * b, true);
}

simd_int simd_sqrdmlah(struct simd_op *op, simd_int a, simd_int b)
{
    return doubling_high(op, simd_acc(op), a * b, true);
}

simd_int simd_sqrdmlsh(struct simd_op *op, simd_int a, simd_int b)
{
    return doubling_high(op, simd_acc(op), -(a * b), true);
}

simd_int simd_sqdmull(struct simd_op *op, simd_int a, simd_int b)
{
    return simd_saturate(op, 2 * a * b, false);
}

/* The product saturates before the sum does. */
simd_int simd_sqdmlal(struct simd_op *op, simd_int a, simd_int b)
{
    return simd_saturate(op, simd_acc(op) + simd_sqdmull(op, a, b), false);
}

simd_int simd_sqdmlsl(struct simd_op *op, simd_int a, simd_int b)
{
    return simd_saturate(op, simd_acc(op) - simd_sqdmull(op, a, b), false);
}

static simd_int dot(const struct simd_op *op, simd_int a, simd_int b, bool is_unsigned)
{
    simd_int sum = simd_acc(op);

    for (unsigned i = 0; i < 32; i += 8)
        sum += simd_int_of((uint64_t)a >> i, 0, is_unsigned) *
               simd_int_of((uint64_t)b >> i, 0, is_unsigned);
    return sum;
}

simd_int simd_dot_signed(struct simd_op *op, simd_int a, simd_int b)
{
    return dot(op, a, b, false);
}

simd_int simd_dot_unsigned(struct simd_op *op, simd_int a, simd_int b)
{
    return dot(op, a, b, true);
}

#define FP2(name, fn)                                                                              \
    simd_int simd_fp_##name(struct simd_op *op, simd_int a, simd_int b)                            \
    {                                                                                              \
        return fn(op->f, (uint64_t)a, (uint64_t)b, &op->env);                                      \
    }

FP2(add, fp_add)
FP2(mul, fp_mul)
FP2(mulx, fp_mulx)
FP2(max, fp_max)
FP2(min, fp_min)
FP2(max_num, fp_max_num)
FP2(min_num, fp_min_num)

simd_int simd_fp_mul_add(struct simd_op *op, simd_int a, simd_int b)
{
    return fp_mul_add(op->f, (uint64_t)simd_acc(op), (uint64_t)a, (uint64_t)b, &op->env);
}

simd_int simd_fp_mul_sub(struct simd_op *op, simd_int a, simd_int b)
{
    return simd_fp_mul_add(op, fp_neg(op->f, (uint64_t)a), b);
}

simd_int simd_fp_to_signed(struct simd_op *op, simd_int a)
{
    return fp_to_fixed(op->f, (uint64_t)a, (unsigned)op->shift, false, simd_bits(op), op->rounding,
                       &op->env);
}

simd_int simd_fp_to_unsigned(struct simd_op *op, simd_int a)
{
    return fp_to_fixed(op->f, (uint64_t)a, (unsigned)op->shift, true, simd_bits(op), op->rounding,
                       &op->env);
}

simd_int simd_fp_from_signed(struct simd_op *op, simd_int a)
{
    return fp_from_fixed(op->f, (uint64_t)a, (unsigned)op->shift, false, simd_bits(op), &op->env);
}

simd_int simd_fp_from_unsigned(struct simd_op *op, simd_int a)
{
    return fp_from_fixed(op->f, (uint64_t)a, (unsigned)op->shift, true, simd_bits(op), &op->env);
}
