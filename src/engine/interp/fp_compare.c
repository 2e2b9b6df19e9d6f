/* SPDX-License-Identifier: ISC */
/*
 * Scalar floating-point compare, conditional compare and select (DDI 0487 C4.1.97; pseudocode in
 * C7.2).
 */
#include "engine/interp/fp_scalar.h"

#include "engine/interp/alu.h"

/* NZCV of Vn against b; `signal`: a quiet NaN is an invalid operation too. */
static uint32_t compare(struct soft_cpu *c, uint32_t w, uint64_t b, bool signal)
{
    const struct fp_format *f = fp_ftype(w);
    struct fp_env env = fp_env_of(c);

    return fp_compare(f, fp_read(c, a64_Rn(w), f->bits), b, signal, &env) << 28;
}

static uint64_t second(const struct soft_cpu *c, uint32_t w)
{
    return fp_read(c, a64_Rm(w), fp_ftype(w)->bits);
}

FP_HANDLER(FCMP)
{
    c->nzcv = compare(c, w, second(c, w), false);
}

FP_HANDLER(FCMP_zero)
{
    c->nzcv = compare(c, w, 0, false);
}

FP_HANDLER(FCMPE)
{
    c->nzcv = compare(c, w, second(c, w), true);
}

FP_HANDLER(FCMPE_zero)
{
    c->nzcv = compare(c, w, 0, true);
}

/* The operands are not even looked at where the condition fails. */
static void conditional(struct soft_cpu *c, uint32_t w, bool signal)
{
    if (alu_condition(c->nzcv, a64_cond(w)))
        c->nzcv = compare(c, w, second(c, w), signal);
    else
        c->nzcv = (uint32_t)a64_nzcv(w) << 28;
}

FP_HANDLER(FCCMP)
{
    conditional(c, w, false);
}

FP_HANDLER(FCCMPE)
{
    conditional(c, w, true);
}

FP_HANDLER(FCSEL)
{
    unsigned from = alu_condition(c->nzcv, a64_cond(w)) ? a64_Rn(w) : a64_Rm(w);

    fp_write(c, a64_Rd(w), fp_read(c, from, fp_ftype(w)->bits));
}
