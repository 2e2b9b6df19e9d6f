/* SPDX-License-Identifier: ISC */
/*
 * What loads and stores share: base registers and offsets.
 *
 * The order within a handler is the Arm ARM's: the FP trap, the SP alignment check, every access,
 * then registers, the base's writeback last. An access that faults, or leaves to emulate a device,
 * thus leaves all registers as they were, and the instruction runs again from its beginning.
 *
 * Where the Arm ARM lets a CPU choose (K1.2), these handlers do what QEMU does: a base that is also
 * loaded gets the writeback's value; one that is also stored is stored as it was before. Of a pair
 * loaded into one general-purpose register the first wins, into one SIMD&FP register the second, of
 * a load-exclusive pair the second.
 */
#ifndef ENGINE_INTERP_LDST_H
#define ENGINE_INTERP_LDST_H

#include "base/bits.h"
#include "engine/interp/alu.h"
#include "engine/interp/handlers.h"
#include "engine/soft/soft.h"

/* The value of Rn, the base: SP must be aligned. */
static inline uint64_t ldst_base(struct soft_cpu *c, uint32_t w)
{
    unsigned n = a64_Rn(w);

    if (n == 31)
        soft_check_sp(c);
    return soft_xsp(c, n);
}

/* The same for an instruction that uses SIMD&FP registers. */
static inline uint64_t ldst_base_fp(struct soft_cpu *c, uint32_t w)
{
    soft_check_fp(c);
    return ldst_base(c, w);
}

static inline void ldst_writeback(struct soft_cpu *c, uint32_t w, uint64_t value)
{
    soft_set_xsp(c, a64_Rn(w), value);
}

static inline uint64_t ldst_imm9(uint32_t w)
{
    return (uint64_t)sign_extend(a64_imm9(w), 9);
}

static inline uint64_t ldst_literal(const struct soft_cpu *c, uint32_t w)
{
    return c->pc + ((uint64_t)sign_extend(a64_imm19(w), 19) << 2);
}

/* A SIMD&FP register's low 1, 2, 4, 8 or all 16 bytes from and to memory. May raise. */
static inline union soft_vreg ldst_load_v(struct soft_cpu *c, uint64_t va, unsigned size)
{
    union soft_vreg v = {.d = {0, 0}};

    if (size == 16)
        soft_load16(c, va, 0, v.d);
    else
        v.d[0] = soft_load(c, va, size, 0);
    return v;
}

static inline void ldst_store_v(struct soft_cpu *c, uint64_t va, unsigned size,
                                const union soft_vreg *v)
{
    if (size == 16)
        soft_store16(c, va, 0, v->d);
    else
        soft_store(c, va, size, 0, v->d[0]);
}

#endif
