/* SPDX-License-Identifier: ISC */
/*
 * Advanced SIMD copy: between elements, and between elements and general registers (DDI 0487
 * C4.1.97; pseudocode in C7.2).
 */
#include "engine/interp/simd.h"

/* imm5 is index:1:zeros, where the number of zeros is the log2 of an element's bytes. */
static unsigned size_of(uint32_t w)
{
    return (unsigned)__builtin_ctz(a64_imm5(w));
}

static unsigned index_of(uint32_t w)
{
    return a64_imm5(w) >> (size_of(w) + 1);
}

static uint64_t indexed(const struct soft_cpu *c, uint32_t w)
{
    return simd_get(&c->v[a64_Rn(w)], size_of(w), index_of(w));
}

static void duplicate(struct soft_cpu *c, uint32_t w, uint64_t value)
{
    union soft_vreg r = {.d = {0, 0}};

    for (unsigned e = 0; e < (a64_Q(w) ? 16u : 8u) >> size_of(w); e++)
        simd_set(&r, size_of(w), e, value);
    c->v[a64_Rd(w)] = r;
}

FP_HANDLER(DUP_elem_scalar)
{
    simd_write(c, a64_Rd(w), indexed(c, w), 0);
}

FP_HANDLER(DUP_elem)
{
    duplicate(c, w, indexed(c, w));
}

FP_HANDLER(DUP_gen)
{
    duplicate(c, w, soft_x(c, a64_Rn(w)));
}

FP_HANDLER(SMOV)
{
    uint64_t value = (uint64_t)sign_extend(indexed(c, w), 8u << size_of(w));

    soft_set_x(c, a64_Rd(w), a64_Q(w) ? value : (uint32_t)value);
}

FP_HANDLER(UMOV)
{
    soft_set_x(c, a64_Rd(w), indexed(c, w));
}

FP_HANDLER(INS_gen)
{
    simd_set(&c->v[a64_Rd(w)], size_of(w), index_of(w), soft_x(c, a64_Rn(w)));
}

FP_HANDLER(INS_elem)
{
    unsigned size = size_of(w);
    uint64_t value = simd_get(&c->v[a64_Rn(w)], size, a64_imm4(w) >> size);

    simd_set(&c->v[a64_Rd(w)], size, index_of(w), value);
}
