/* SPDX-License-Identifier: ISC */
/*
 * What the scalar floating-point handlers share: formats by ftype, and reading and writing scalars.
 * They run on the vCPU's own thread.
 */
#ifndef ENGINE_INTERP_FP_SCALAR_H
#define ENGINE_INTERP_FP_SCALAR_H

#include "engine/interp/fp_handler.h"
#include "engine/soft/fp/fp.h"
#include "engine/soft/state.h"

/* A field coded as ftype: 0 single, 1 double, 3 half precision. */
static inline const struct fp_format *fp_type(unsigned type)
{
    return type == 0 ? &fp_single : type == 1 ? &fp_double : &fp_half;
}

static inline const struct fp_format *fp_ftype(uint32_t w)
{
    return fp_type(a64_ftype(w));
}

static inline struct fp_env fp_env_of(struct soft_cpu *c)
{
    return (struct fp_env){c->fpcr, &c->fpsr};
}

/* The low `bits` of Vn. */
static inline uint64_t fp_read(const struct soft_cpu *c, unsigned n, unsigned bits)
{
    return c->v[n].d[0] & bits_mask(bits);
}

/* A scalar clears what is above it; value has no bits above its format. */
static inline void fp_write(struct soft_cpu *c, unsigned d, uint64_t value)
{
    c->v[d].d[0] = value;
    c->v[d].d[1] = 0;
}

#endif
