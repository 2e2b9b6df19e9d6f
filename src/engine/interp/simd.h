/* SPDX-License-Identifier: ISC */
/*
 * What the Advanced SIMD handlers share: one loop over elements that is described by a shape and
 * calls a function an element.
 *
 * The shape (struct simd_op) says where elements come from and how wide they are; the function says
 * what becomes of one.  Elements are handed over as the pseudocode's Int(Elem[...], unsigned):
 * exact integers, in 128 bits, so that no element function has to think about overflow;
 * floating-point functions get the raw bits.  A function's result is truncated to the destination's
 * element.  Thus an instruction is a line of a table, and its scalar, half-precision, widening or
 * by-element forms are further lines with the same function.
 *
 * arm/a64.isa admits allocated encodings only, so no handler here checks for reserved fields.  The
 * handlers run on the vCPU's own thread, and write FPSR's cumulative bits.
 */
#ifndef ENGINE_INTERP_SIMD_H
#define ENGINE_INTERP_SIMD_H

#include "engine/interp/fp_handler.h"
#include "engine/soft/fp/fp.h"
#include "engine/soft/state.h"

typedef __int128 simd_int;

enum simd_sign { SIMD_SIGNED, SIMD_UNSIGNED };

struct simd_op {
    /* Registers, and the log2 bytes of their elements. */
    unsigned d, n, m;
    unsigned dsize, nsize, msize;
    /* The first element of each: for the upper half of the "2" forms, and for by-element Vm. */
    unsigned dbase, nbase, mbase;
    unsigned mstep;   /* 0: every lane uses element mbase of Vm; 1: its own */
    unsigned count;   /* elements of Vd to compute */
    unsigned nlanes;  /* pairs: elements that Vn contributes before Vm does */
    bool is_unsigned; /* how elements are read */
    int shift;        /* by immediate: the amount, positive whatever the direction */
    unsigned lane;    /* of Vd, that the loop is at */
    /* Floating point only. */
    const struct fp_format *f;
    enum fp_rounding rounding;
    struct fp_env env;
    struct soft_cpu *cpu;
};

/* One element of Vd from one of Vn, or from one of Vn and one of Vm. */
typedef simd_int simd_fn1(struct simd_op *op, simd_int a);
typedef simd_int simd_fn2(struct simd_op *op, simd_int a, simd_int b);

/* Element i, of 1 << size bytes, zero-extended. */
static inline uint64_t simd_get(const union soft_vreg *v, unsigned size, unsigned i)
{
    unsigned byte = i << size;

    return (v->d[byte / 8] >> (byte % 8 * 8)) & bits_mask(8u << size);
}

static inline void simd_set(union soft_vreg *v, unsigned size, unsigned i, uint64_t value)
{
    switch (size) {
    case 0: v->b[i] = (uint8_t)value; break;
    case 1: v->h[i] = (uint16_t)value; break;
    case 2: v->s[i] = (uint32_t)value; break;
    default: v->d[i] = value; break;
    }
}

/* Write Vd whole: a scalar, or a vector of 64 bits, clears what is above it. */
static inline void simd_write(struct soft_cpu *c, unsigned d, uint64_t low, uint64_t high)
{
    c->v[d].d[0] = low;
    c->v[d].d[1] = high;
}

/* Int(): the low 8 << size bits of value as a number. */
static inline simd_int simd_int_of(uint64_t value, unsigned size, bool is_unsigned)
{
    unsigned bits = 8u << size;

    return is_unsigned ? (simd_int)(value & bits_mask(bits)) : (simd_int)sign_extend(value, bits);
}

/* Vd's element before: what accumulating instructions add to. */
static inline simd_int simd_acc(const struct simd_op *op)
{
    return simd_int_of(simd_get(&op->cpu->v[op->d], op->dsize, op->lane), op->dsize,
                       op->is_unsigned);
}

/* Bits of an element of Vd. */
static inline unsigned simd_bits(const struct simd_op *op)
{
    return 8u << op->dsize;
}

/* Comparisons give all ones or zero. */
static inline simd_int simd_mask(bool yes)
{
    return yes ? -1 : 0;
}

/* SatQ() to an element of Vd, setting FPSR.QC. */
simd_int simd_saturate(struct simd_op *op, simd_int value, bool is_unsigned);

/*
 * value * 2^shift, rounded down, or to nearest with ties up if `round`. Correct for any shift of an
 * 8-bit field and values of 65 bits; a result beyond 65 bits keeps its sign and is still too large
 * for every element, and zero when truncated to one.
 */
simd_int simd_shift(simd_int value, int shift, bool round);

/* A carry-less product of two polynomials over {0, 1}. */
unsigned __int128 simd_poly_mul(uint64_t a, uint64_t b);

/*
 * Shapes. All take registers from the encoding; `size` is the log2 bytes of an element as named by
 * the instruction. Advanced SIMD scalar encodings (bit 28) have one lane.
 */

/* As many lanes of one size as the vector has. */
struct simd_op simd_same(struct soft_cpu *c, uint32_t w, unsigned size, enum simd_sign sign);

/* From `size` to twice that; Q selects the upper half of the narrow sources. */
struct simd_op simd_long(struct soft_cpu *c, uint32_t w, unsigned size, enum simd_sign sign);

/* Like simd_long(), but Vn is of the wide size already. */
struct simd_op simd_wide(struct soft_cpu *c, uint32_t w, unsigned size, enum simd_sign sign);

/* From twice `size` to `size`; Q selects the upper half of the destination and keeps the lower. */
struct simd_op simd_narrow(struct soft_cpu *c, uint32_t w, unsigned size, enum simd_sign sign);

/* simd_same() for elements of a floating-point format. */
struct simd_op simd_fp(struct soft_cpu *c, uint32_t w, const struct fp_format *f);

/* Make Vm one element, given by H, L, M and Rm4, in elements of op->msize. */
void simd_by_element(struct simd_op *op, uint32_t w);

/* Formats: by an encoding's sz bit (22), by the log2 bytes of an element, and back. */
const struct fp_format *simd_format_sz(uint32_t w);
const struct fp_format *simd_format_of(unsigned size);
unsigned simd_size_of(const struct fp_format *f);

/*
 * The loops. Vd is written at the end, so that it may be a source too. The pairs are adjacent
 * elements of Vm:Vn. A reduction combines the lanes of Vn as Reduce() does, halves first.
 */
void simd_run1(struct simd_op *op, simd_fn1 *fn);
void simd_run2(struct simd_op *op, simd_fn2 *fn);
void simd_run_pairs(struct simd_op *op, simd_fn2 *fn);
void simd_run_reduce(struct simd_op *op, simd_fn2 *fn);

/*
 * Element functions that several encoding groups share.
 */

/* a + b, a - b and their kin; _acc ones add to (subtract from) Vd. */
simd_fn2 simd_add, simd_sub, simd_mul, simd_mul_add, simd_mul_sub, simd_abs_diff, simd_abs_diff_acc;
simd_fn2 simd_max, simd_min;

/* Saturating doubling multiplies: SQDMULH, SQRDMULH, SQRDMLAH, SQRDMLSH, SQDMULL, SQDMLAL, SQDMLSL.
 */
simd_fn2 simd_sqdmulh, simd_sqrdmulh, simd_sqrdmlah, simd_sqrdmlsh;
simd_fn2 simd_sqdmull, simd_sqdmlal, simd_sqdmlsl;

/* SDOT, UDOT: Vd's 32-bit lane plus the product of four bytes each. */
simd_fn2 simd_dot_signed, simd_dot_unsigned;

/* Floating point, in op->f, by FPCR. */
simd_fn2 simd_fp_add, simd_fp_mul, simd_fp_mulx, simd_fp_mul_add, simd_fp_mul_sub;
simd_fn2 simd_fp_max, simd_fp_min, simd_fp_max_num, simd_fp_min_num;

/* To and from integers of the element's width with op->shift fraction bits; to by op->rounding. */
simd_fn1 simd_fp_to_signed, simd_fp_to_unsigned, simd_fp_from_signed, simd_fp_from_unsigned;

#endif
