/* SPDX-License-Identifier: ISC */
/*
 * Advanced SIMD permute, extract and table lookup (DDI 0487 C4.1.97; pseudocode in C7.2).
 */
#include "engine/interp/simd.h"

/* Bytes of the vectors that Q chooses. */
static unsigned vector_bytes(uint32_t w)
{
    return a64_Q(w) ? 16 : 8;
}

/* Element e of the result is element pick(e, part, count) of Vm:Vn, of which each has `count`. */
typedef unsigned pick_fn(unsigned e, unsigned part, unsigned count);

static void permute(struct soft_cpu *c, uint32_t w, unsigned part, pick_fn *pick)
{
    unsigned size = a64_size(w), count = vector_bytes(w) >> size;
    union soft_vreg r = {.d = {0, 0}};

    for (unsigned e = 0; e < count; e++) {
        unsigned i = pick(e, part, count);
        unsigned reg = i < count ? a64_Rn(w) : a64_Rm(w);

        simd_set(&r, size, e, simd_get(&c->v[reg], size, i & (count - 1)));
    }
    c->v[a64_Rd(w)] = r;
}

static unsigned unzip(unsigned e, unsigned part, unsigned count)
{
    return 2 * e + part;
}

static unsigned transpose(unsigned e, unsigned part, unsigned count)
{
    return (e & ~1u) + part + (e & 1) * count;
}

static unsigned zip(unsigned e, unsigned part, unsigned count)
{
    return part * count / 2 + e / 2 + (e & 1) * count;
}

FP_HANDLER(UZP1)
{
    permute(c, w, 0, unzip);
}

FP_HANDLER(UZP2)
{
    permute(c, w, 1, unzip);
}

FP_HANDLER(TRN1)
{
    permute(c, w, 0, transpose);
}

FP_HANDLER(TRN2)
{
    permute(c, w, 1, transpose);
}

FP_HANDLER(ZIP1)
{
    permute(c, w, 0, zip);
}

FP_HANDLER(ZIP2)
{
    permute(c, w, 1, zip);
}

/* Bytes from the middle of Vm:Vn. */
FP_HANDLER(EXT)
{
    unsigned bytes = vector_bytes(w);
    union soft_vreg r = {.d = {0, 0}};

    for (unsigned e = 0; e < bytes; e++) {
        unsigned i = a64_imm4(w) + e;

        r.b[e] = i < bytes ? c->v[a64_Rn(w)].b[i] : c->v[a64_Rm(w)].b[i - bytes];
    }
    c->v[a64_Rd(w)] = r;
}

/* The table is len + 1 consecutive registers, V31 being followed by V0; `r` has what else is left.
 */
static void table_lookup(struct soft_cpu *c, uint32_t w, union soft_vreg r)
{
    for (unsigned e = 0; e < vector_bytes(w); e++) {
        unsigned i = c->v[a64_Rm(w)].b[e];

        if (i < 16 * (a64_len(w) + 1))
            r.b[e] = c->v[(a64_Rn(w) + i / 16) & 31].b[i % 16];
    }
    simd_write(c, a64_Rd(w), r.d[0], a64_Q(w) ? r.d[1] : 0);
}

FP_HANDLER(TBL)
{
    table_lookup(c, w, (union soft_vreg){.d = {0, 0}});
}

FP_HANDLER(TBX)
{
    table_lookup(c, w, c->v[a64_Rd(w)]);
}
