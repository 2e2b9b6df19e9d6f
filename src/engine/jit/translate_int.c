/* SPDX-License-Identifier: ISC */
/* Data processing with immediates (Arm ARM C4.1.93, C6.2), in IR. */
#include "engine/jit/translate.h"

#include "base/bits.h"
#include "engine/interp/alu.h"
#include "engine/jit/int.h"

static unsigned size_of(uint32_t w)
{
    return a64_sf(w) ? 8 : 4;
}

static bool constant(struct translator *t, ir_value dst, uint64_t value)
{
    struct ir_insn *i;

    if (dst == IR_NONE)
        return true;
    i = ir_add(t, IR_CONST);
    i->dst = dst;
    i->imm = (int64_t)value;
    return true;
}

/* --- PC-relative addresses --- */

static bool pcrel(struct translator *t, uint32_t w, int64_t from_page)
{
    struct ir_insn *i;

    if (a64_Rd(w) == 31)
        return true;
    i = ir_add(t, IR_PCREL);
    i->dst = ir_dst(a64_Rd(w));
    i->imm = from_page;
    return true;
}

static int64_t adr_offset(uint32_t w)
{
    return sign_extend(a64_immhi(w) << 2 | a64_immlo(w), 21);
}

bool translate_ADR(struct translator *t, uint32_t w)
{
    return pcrel(t, w, t->offset + adr_offset(w));
}

bool translate_ADRP(struct translator *t, uint32_t w)
{
    return pcrel(t, w, adr_offset(w) * 4096);
}

/* --- add and subtract: Rn is SP, and so is Rd when no flags are set --- */

static int64_t addsub_imm(uint32_t w)
{
    return (int64_t)a64_imm12(w) << (a64_sh(w) ? 12 : 0);
}

static bool add_imm(struct translator *t, uint32_t w, int64_t imm)
{
    if (imm == 0)
        ir_op3(t, IR_MOV, size_of(w), ir_xsp(a64_Rd(w)), ir_xsp(a64_Rn(w)), IR_NONE);
    else
        ir_op_imm(t, IR_LEA, size_of(w), ir_xsp(a64_Rd(w)), ir_xsp(a64_Rn(w)), imm);
    return true;
}

static bool addsub_flags_imm(struct translator *t, uint32_t w, enum ir_opcode op, int64_t imm)
{
    ir_op_imm(t, op, size_of(w), ir_dst(a64_Rd(w)), ir_xsp(a64_Rn(w)), imm)->flags |= IR_S;
    return true;
}

bool translate_ADD_imm(struct translator *t, uint32_t w)
{
    return add_imm(t, w, addsub_imm(w));
}

bool translate_SUB_imm(struct translator *t, uint32_t w)
{
    return add_imm(t, w, -addsub_imm(w));
}

/* Adding a positive number has the flags of subtracting its negation, which the host can do without
 * a place for the result. */
bool translate_ADDS_imm(struct translator *t, uint32_t w)
{
    int64_t imm = addsub_imm(w);

    if (a64_Rd(w) == 31 && imm != 0)
        return addsub_flags_imm(t, w, IR_SUB, -imm);
    return addsub_flags_imm(t, w, IR_ADD, imm);
}

bool translate_SUBS_imm(struct translator *t, uint32_t w)
{
    return addsub_flags_imm(t, w, IR_SUB, addsub_imm(w));
}

/* --- logical: Rd is SP when no flags are set --- */

static int64_t logical_imm(uint32_t w)
{
    return int_imm(size_of(w), alu_bitmask(a64_N(w), a64_immr(w), a64_imms(w)));
}

static bool logical(struct translator *t, uint32_t w, enum ir_opcode op)
{
    ir_op_imm(t, op, size_of(w), ir_xsp(a64_Rd(w)), ir_x(a64_Rn(w)), logical_imm(w));
    return true;
}

bool translate_AND_imm(struct translator *t, uint32_t w)
{
    return logical(t, w, IR_AND);
}

bool translate_ORR_imm(struct translator *t, uint32_t w)
{
    if (a64_Rn(w) == 31)
        return constant(t, ir_xsp(a64_Rd(w)), alu_width((uint64_t)logical_imm(w), a64_sf(w)));
    return logical(t, w, IR_OR);
}

bool translate_EOR_imm(struct translator *t, uint32_t w)
{
    return logical(t, w, IR_XOR);
}

bool translate_ANDS_imm(struct translator *t, uint32_t w)
{
    ir_op_imm(t, IR_AND, size_of(w), ir_dst(a64_Rd(w)), ir_x(a64_Rn(w)), logical_imm(w))->flags |=
        IR_S;
    return true;
}

/* --- move wide --- */

bool translate_MOVN(struct translator *t, uint32_t w)
{
    uint64_t imm = (uint64_t)a64_imm16(w) << (16 * a64_hw(w));

    return constant(t, ir_dst(a64_Rd(w)), alu_width(~imm, a64_sf(w)));
}

bool translate_MOVZ(struct translator *t, uint32_t w)
{
    return constant(t, ir_dst(a64_Rd(w)), (uint64_t)a64_imm16(w) << (16 * a64_hw(w)));
}

/* Mostly what is replaced is a constant: pass_fold makes one of a chain. */
bool translate_MOVK(struct translator *t, uint32_t w)
{
    unsigned at = 16 * a64_hw(w), size = size_of(w);
    ir_value d = ir_dst(a64_Rd(w));

    if (d == IR_NONE)
        return true;
    ir_op_imm(t, IR_AND, size, d, d, int_imm(size, ~(UINT64_C(0xffff) << at)));
    ir_op_imm(t, IR_OR, size, d, d, int_imm(size, (uint64_t)a64_imm16(w) << at));
    return true;
}

/* --- bitfields and extract --- */

/* The operations of one bitfield move, by what its fields make of it. */
struct bitfield_ops {
    enum ir_opcode extract; /* bits imms:immr, to 0 */
    enum ir_opcode insert;  /* bits imms:0, to width - immr */
    enum ir_opcode shift;   /* extract, where the field ends at the top */
};

static bool bitfield(struct translator *t, uint32_t w, const struct bitfield_ops *ops)
{
    unsigned immr = a64_immr(w), imms = a64_imms(w), width = a64_sf(w) ? 64 : 32;
    ir_value d = ir_dst(a64_Rd(w)), n = ir_x(a64_Rn(w));
    struct ir_insn *i;

    if (d == IR_NONE)
        return true;
    if (imms + 1 == immr && ops->shift != IR_OPCODES) {
        ir_op_imm(t, IR_SHL, size_of(w), d, n, width - immr);
    } else if (imms == width - 1 && ops->shift != IR_OPCODES) {
        ir_op_imm(t, ops->shift, size_of(w), d, n, immr);
    } else if (imms < immr) {
        i = ir_op3(t, ops->insert, size_of(w), d, n, IR_NONE);
        i->imm = int_field(width - immr, imms + 1);
    } else {
        i = ir_op3(t, ops->extract, size_of(w), d, n, IR_NONE);
        i->imm = int_field(immr, imms - immr + 1);
    }
    return true;
}

bool translate_SBFM(struct translator *t, uint32_t w)
{
    return bitfield(t, w, &(struct bitfield_ops){IR_SBFX, IR_SBFIZ, IR_SAR});
}

bool translate_UBFM(struct translator *t, uint32_t w)
{
    return bitfield(t, w, &(struct bitfield_ops){IR_UBFX, IR_UBFIZ, IR_SHR});
}

/* Clearing a field, and replacing all of Rd, are simpler operations. */
bool translate_BFM(struct translator *t, uint32_t w)
{
    unsigned immr = a64_immr(w), imms = a64_imms(w), width = a64_sf(w) ? 64 : 32;
    uint64_t kept = ~alu_ubfm(UINT64_MAX, immr, imms, a64_sf(w));
    ir_value d = ir_dst(a64_Rd(w)), n = ir_x(a64_Rn(w));

    if (d == IR_NONE)
        return true;
    if (n == IR_ZERO)
        ir_op_imm(t, IR_AND, size_of(w), d, d, int_imm(size_of(w), kept));
    else if (immr == 0 && imms == width - 1)
        ir_op3(t, IR_MOV, size_of(w), d, n, IR_NONE);
    else
        return bitfield(t, w, &(struct bitfield_ops){IR_BFXIL, IR_BFI, IR_OPCODES});
    return true;
}

bool translate_EXTR(struct translator *t, uint32_t w)
{
    ir_value d = ir_dst(a64_Rd(w)), n = ir_x(a64_Rn(w)), m = ir_x(a64_Rm(w));
    unsigned lsb = a64_imms(w);

    if (d == IR_NONE)
        return true;
    if (lsb == 0)
        ir_op3(t, IR_MOV, size_of(w), d, m, IR_NONE);
    else if (n == m)
        ir_op_imm(t, IR_ROR, size_of(w), d, n, lsb);
    else
        ir_op3(t, IR_EXTR, size_of(w), d, n, m)->imm = lsb;
    return true;
}
