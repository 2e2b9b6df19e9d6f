/* SPDX-License-Identifier: ISC */
/* Data processing with immediates (Arm ARM C4.1.93, C6.2). */
#include "engine/interp/handlers.h"

#include "engine/interp/alu.h"
#include "engine/soft/soft.h"

/* --- PC-relative addresses --- */

static int64_t adr_offset(uint32_t w)
{
    return sign_extend(a64_immhi(w) << 2 | a64_immlo(w), 21);
}

void interp_ADR(struct soft_cpu *c, uint32_t w)
{
    soft_set_x(c, a64_Rd(w), c->pc + (uint64_t)adr_offset(w));
}

void interp_ADRP(struct soft_cpu *c, uint32_t w)
{
    soft_set_x(c, a64_Rd(w), (c->pc & ~UINT64_C(0xfff)) + ((uint64_t)adr_offset(w) << 12));
}

/* --- add and subtract: Rn is SP, and so is Rd when no flags are set --- */

static inline uint64_t addsub_imm(uint32_t w)
{
    return (uint64_t)a64_imm12(w) << (a64_sh(w) ? 12 : 0);
}

void interp_ADD_imm(struct soft_cpu *c, uint32_t w)
{
    uint64_t sum = soft_xsp(c, a64_Rn(w)) + addsub_imm(w);

    soft_set_xsp(c, a64_Rd(w), alu_width(sum, a64_sf(w)));
}

void interp_SUB_imm(struct soft_cpu *c, uint32_t w)
{
    uint64_t difference = soft_xsp(c, a64_Rn(w)) - addsub_imm(w);

    soft_set_xsp(c, a64_Rd(w), alu_width(difference, a64_sf(w)));
}

void interp_ADDS_imm(struct soft_cpu *c, uint32_t w)
{
    uint64_t n = soft_xsp(c, a64_Rn(w));

    soft_set_x(c, a64_Rd(w), alu_add_flags(n, addsub_imm(w), 0, a64_sf(w), &c->nzcv));
}

void interp_SUBS_imm(struct soft_cpu *c, uint32_t w)
{
    uint64_t n = soft_xsp(c, a64_Rn(w));

    soft_set_x(c, a64_Rd(w), alu_sub_flags(n, addsub_imm(w), a64_sf(w), &c->nzcv));
}

/* --- logical: Rd is SP when no flags are set --- */

static inline uint64_t logical_imm(uint32_t w)
{
    return alu_bitmask(a64_N(w), a64_immr(w), a64_imms(w));
}

void interp_AND_imm(struct soft_cpu *c, uint32_t w)
{
    soft_set_xsp(c, a64_Rd(w), alu_width(soft_x(c, a64_Rn(w)) & logical_imm(w), a64_sf(w)));
}

void interp_ORR_imm(struct soft_cpu *c, uint32_t w)
{
    soft_set_xsp(c, a64_Rd(w), alu_width(soft_x(c, a64_Rn(w)) | logical_imm(w), a64_sf(w)));
}

void interp_EOR_imm(struct soft_cpu *c, uint32_t w)
{
    soft_set_xsp(c, a64_Rd(w), alu_width(soft_x(c, a64_Rn(w)) ^ logical_imm(w), a64_sf(w)));
}

void interp_ANDS_imm(struct soft_cpu *c, uint32_t w)
{
    uint64_t result = alu_width(soft_x(c, a64_Rn(w)) & logical_imm(w), a64_sf(w));

    c->nzcv = alu_logic_flags(result, a64_sf(w));
    soft_set_x(c, a64_Rd(w), result);
}

/* --- move wide --- */

void interp_MOVN(struct soft_cpu *c, uint32_t w)
{
    uint64_t imm = (uint64_t)a64_imm16(w) << (16 * a64_hw(w));

    soft_set_x(c, a64_Rd(w), alu_width(~imm, a64_sf(w)));
}

void interp_MOVZ(struct soft_cpu *c, uint32_t w)
{
    soft_set_x(c, a64_Rd(w), (uint64_t)a64_imm16(w) << (16 * a64_hw(w)));
}

void interp_MOVK(struct soft_cpu *c, uint32_t w)
{
    unsigned at = 16 * a64_hw(w);
    uint64_t kept = soft_x(c, a64_Rd(w)) & ~(UINT64_C(0xffff) << at);

    soft_set_x(c, a64_Rd(w), alu_width(kept | (uint64_t)a64_imm16(w) << at, a64_sf(w)));
}

/* --- bitfields and extract --- */

void interp_SBFM(struct soft_cpu *c, uint32_t w)
{
    uint64_t n = soft_x(c, a64_Rn(w));

    soft_set_x(c, a64_Rd(w), alu_sbfm(n, a64_immr(w), a64_imms(w), a64_sf(w)));
}

void interp_UBFM(struct soft_cpu *c, uint32_t w)
{
    uint64_t n = soft_x(c, a64_Rn(w));

    soft_set_x(c, a64_Rd(w), alu_ubfm(n, a64_immr(w), a64_imms(w), a64_sf(w)));
}

void interp_BFM(struct soft_cpu *c, uint32_t w)
{
    uint64_t d = soft_x(c, a64_Rd(w)), n = soft_x(c, a64_Rn(w));

    soft_set_x(c, a64_Rd(w), alu_bfm(d, n, a64_immr(w), a64_imms(w), a64_sf(w)));
}

void interp_EXTR(struct soft_cpu *c, uint32_t w)
{
    uint64_t n = soft_x(c, a64_Rn(w)), m = soft_x(c, a64_Rm(w));

    soft_set_x(c, a64_Rd(w), alu_extr(n, m, a64_imms(w), a64_sf(w)));
}
