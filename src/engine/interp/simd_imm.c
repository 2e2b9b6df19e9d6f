/* SPDX-License-Identifier: ISC */
/*
 * Advanced SIMD modified immediate (DDI 0487 C4.1.97; AdvSIMDExpandImm() in
 * "shared/functions/vector").
 */
#include "engine/interp/simd.h"

static uint8_t imm8(uint32_t w)
{
    return (uint8_t)(a64_abc(w) << 5 | a64_defgh(w));
}

/* Replicate() to 64 bits. */
static uint64_t replicate(uint64_t value, unsigned bits)
{
    for (; bits < 64; bits *= 2)
        value |= value << bits;
    return value;
}

/* AdvSIMDExpandImm() for the encodings that hold an integer, except 64-bit MOVI. */
static uint64_t expand(uint32_t w)
{
    unsigned cmode = a64_cmode(w);
    uint64_t imm = imm8(w);

    if (cmode < 8)
        return replicate(imm << cmode / 2 * 8, 32);
    if (cmode < 12)
        return replicate(imm << (cmode & 2) * 4, 16);
    if (cmode < 14)
        return replicate((cmode & 1) ? imm << 16 | 0xffff : imm << 8 | 0xff, 32);
    return replicate(imm, 8);
}

static void write(struct soft_cpu *c, uint32_t w, uint64_t low, uint64_t high)
{
    simd_write(c, a64_Rd(w), low, a64_Q(w) ? high : 0);
}

FP_HANDLER(MOVI)
{
    write(c, w, expand(w), expand(w));
}

FP_HANDLER(MVNI)
{
    write(c, w, ~expand(w), ~expand(w));
}

FP_HANDLER(ORR_vec_imm)
{
    const union soft_vreg *v = &c->v[a64_Rd(w)];

    write(c, w, v->d[0] | expand(w), v->d[1] | expand(w));
}

FP_HANDLER(BIC_vec_imm)
{
    const union soft_vreg *v = &c->v[a64_Rd(w)];

    write(c, w, v->d[0] & ~expand(w), v->d[1] & ~expand(w));
}

/* Each bit of the immediate becomes a byte; Q chooses one lane, a scalar, or two. */
FP_HANDLER(MOVI_64)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < 8; i++)
        if ((imm8(w) >> i) & 1)
            value |= (uint64_t)0xff << (8 * i);
    write(c, w, value, value);
}

static void fmov(struct soft_cpu *c, uint32_t w, const struct fp_format *f)
{
    uint64_t value = replicate(fp_expand_imm(f, imm8(w)), f->bits);

    write(c, w, value, value);
}

FP_HANDLER(FMOV_vec_imm)
{
    fmov(c, w, &fp_single);
}

FP_HANDLER(FMOV_vec_imm_d)
{
    fmov(c, w, &fp_double);
}

FP_HANDLER(FMOV_vec_imm_h)
{
    fmov(c, w, &fp_half);
}
