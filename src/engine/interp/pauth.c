/* SPDX-License-Identifier: ISC */
/* Pointer authentication but for branches and loads (Arm ARM C6.2; engine/soft/pauth.h). */
#include "engine/soft/pauth.h"

#include "engine/interp/handlers.h"
#include "engine/soft/soft.h"

static inline uint64_t apply(const struct soft_cpu *c, bool authenticate, uint64_t ptr,
                             uint64_t modifier, enum pauth_key key)
{
    return authenticate ? pauth_authenticate(c, ptr, modifier, key)
                        : pauth_sign(c, ptr, modifier, key);
}

/* The fields of pacop and of the hints' op2: see arm/a64.isa. */
void interp_PAC(struct soft_cpu *c, uint32_t w)
{
    unsigned op = a64_pacop(w);
    uint64_t modifier = op & 8 ? 0 : soft_xsp(c, a64_Rn(w));

    soft_set_x(c, a64_Rd(w), apply(c, op & 4, soft_x(c, a64_Rd(w)), modifier, op & 3));
}

static inline enum pauth_key hint_key(uint32_t w)
{
    return a64_op2(w) & 2 ? PAUTH_IB : PAUTH_IA;
}

void interp_PAC_x17(struct soft_cpu *c, uint32_t w)
{
    c->x[17] = apply(c, a64_op2(w) & 4, c->x[17], c->x[16], hint_key(w));
}

void interp_PAC_x30(struct soft_cpu *c, uint32_t w)
{
    uint64_t modifier = a64_op2(w) & 1 ? c->x[31] : 0;

    c->x[30] = apply(c, a64_op2(w) & 4, c->x[30], modifier, hint_key(w));
}

void interp_XPAC(struct soft_cpu *c, uint32_t w)
{
    soft_set_x(c, a64_Rd(w), pauth_strip(c, soft_x(c, a64_Rd(w)), a64_keyB(w)));
}

void interp_XPACLRI(struct soft_cpu *c, uint32_t w)
{
    c->x[30] = pauth_strip(c, c->x[30], false);
}

void interp_PACGA(struct soft_cpu *c, uint32_t w)
{
    uint64_t modifier = soft_xsp(c, a64_Rm(w));

    soft_set_x(c, a64_Rd(w), pauth_generic(c, soft_x(c, a64_Rn(w)), modifier));
}
