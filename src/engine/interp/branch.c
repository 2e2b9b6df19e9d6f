/* SPDX-License-Identifier: ISC */
/* Branches (Arm ARM C4.1.94, C6.2). */
#include "engine/interp/handlers.h"

#include "engine/interp/alu.h"
#include "engine/soft/pauth.h"
#include "engine/soft/soft.h"

/* BranchTo() a register's value. Direct branches cannot reach the tag. */
static inline void branch_to_reg(struct soft_cpu *c, uint64_t target)
{
    soft_branch(c, pauth_branch_address(c, target));
}

static inline void branch_by(struct soft_cpu *c, uint32_t words, unsigned width)
{
    soft_branch(c, c->pc + ((uint64_t)sign_extend(words, width) << 2));
}

void interp_B(struct soft_cpu *c, uint32_t w)
{
    branch_by(c, a64_imm26(w), 26);
}

void interp_BL(struct soft_cpu *c, uint32_t w)
{
    c->x[30] = c->pc + 4;
    branch_by(c, a64_imm26(w), 26);
}

void interp_B_cond(struct soft_cpu *c, uint32_t w)
{
    if (alu_condition(c->nzcv, a64_bcond(w)))
        branch_by(c, a64_imm19(w), 19);
}

void interp_CBZ(struct soft_cpu *c, uint32_t w)
{
    if (alu_width(soft_x(c, a64_Rt(w)), a64_sf(w)) == 0)
        branch_by(c, a64_imm19(w), 19);
}

void interp_CBNZ(struct soft_cpu *c, uint32_t w)
{
    if (alu_width(soft_x(c, a64_Rt(w)), a64_sf(w)) != 0)
        branch_by(c, a64_imm19(w), 19);
}

static inline bool tested_bit(const struct soft_cpu *c, uint32_t w)
{
    return soft_x(c, a64_Rt(w)) >> (a64_b5(w) << 5 | a64_b40(w)) & 1;
}

void interp_TBZ(struct soft_cpu *c, uint32_t w)
{
    if (!tested_bit(c, w))
        branch_by(c, a64_imm14(w), 14);
}

void interp_TBNZ(struct soft_cpu *c, uint32_t w)
{
    if (tested_bit(c, w))
        branch_by(c, a64_imm14(w), 14);
}

void interp_BR(struct soft_cpu *c, uint32_t w)
{
    branch_to_reg(c, soft_x(c, a64_Rn(w)));
}

void interp_BLR(struct soft_cpu *c, uint32_t w)
{
    uint64_t target = soft_x(c, a64_Rn(w)); /* BLR X30 is allowed */

    c->x[30] = c->pc + 4;
    branch_to_reg(c, target);
}

void interp_RET(struct soft_cpu *c, uint32_t w)
{
    branch_to_reg(c, soft_x(c, a64_Rn(w)));
}

void interp_ERET(struct soft_cpu *c, uint32_t w)
{
    if (c->el == 0)
        soft_undefined(c);
    soft_eret(c, c->sysreg[SYSREG_ELR_EL1]);
}

/* --- with authentication: X by key IA or IB and a modifier --- */

static inline uint64_t authentic(const struct soft_cpu *c, uint32_t w, uint64_t ptr,
                                 uint64_t modifier)
{
    return pauth_authenticate(c, ptr, modifier, a64_keyB(w) ? PAUTH_IB : PAUTH_IA);
}

void interp_BRAAZ(struct soft_cpu *c, uint32_t w)
{
    branch_to_reg(c, authentic(c, w, soft_x(c, a64_Rn(w)), 0));
}

void interp_BRAA(struct soft_cpu *c, uint32_t w)
{
    branch_to_reg(c, authentic(c, w, soft_x(c, a64_Rn(w)), soft_xsp(c, a64_Rd(w))));
}

void interp_BLRAAZ(struct soft_cpu *c, uint32_t w)
{
    uint64_t target = authentic(c, w, soft_x(c, a64_Rn(w)), 0);

    c->x[30] = c->pc + 4;
    branch_to_reg(c, target);
}

void interp_BLRAA(struct soft_cpu *c, uint32_t w)
{
    uint64_t target = authentic(c, w, soft_x(c, a64_Rn(w)), soft_xsp(c, a64_Rd(w)));

    c->x[30] = c->pc + 4;
    branch_to_reg(c, target);
}

void interp_RETAA(struct soft_cpu *c, uint32_t w)
{
    branch_to_reg(c, authentic(c, w, c->x[30], c->x[31]));
}

void interp_ERETAA(struct soft_cpu *c, uint32_t w)
{
    if (c->el == 0)
        soft_undefined(c);
    soft_eret(c, authentic(c, w, c->sysreg[SYSREG_ELR_EL1], c->x[31]));
}
