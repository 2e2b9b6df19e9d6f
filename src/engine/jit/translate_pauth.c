/* SPDX-License-Identifier: ISC */
/* Pointer authentication (Arm ARM C6.2). The fields of pacop and op2: see arm/a64.isa. */
#include "engine/soft/pauth.h"

#include "engine/jit/translate.h"

static struct ir_insn *apply(struct translator *t, bool authenticate, ir_value dst, ir_value ptr,
                             ir_value modifier, enum pauth_key key)
{
    struct ir_insn *i =
        ir_op3(t, authenticate ? IR_PAUTH_AUTHENTICATE : IR_PAUTH_SIGN, 8, dst, ptr, modifier);

    i->imm = key;
    return i;
}

static bool strip(struct translator *t, unsigned reg, bool data)
{
    struct ir_insn *i = ir_add(t, IR_PAUTH_STRIP);

    i->dst = i->a = ir_xsp(reg);
    i->imm = data;
    return true;
}

bool translate_PAC(struct translator *t, uint32_t w)
{
    unsigned op = a64_pacop(w);
    ir_value modifier = op & 8 ? IR_ZERO : ir_xsp(a64_Rn(w));

    if (a64_Rd(w) == 31)
        return false;
    apply(t, op & 4, ir_x(a64_Rd(w)), ir_x(a64_Rd(w)), modifier, op & 3);
    return true;
}

static bool hint(struct translator *t, uint32_t w, unsigned reg, ir_value modifier)
{
    unsigned op = a64_op2(w);

    apply(t, op & 4, ir_x(reg), ir_x(reg), modifier, op & 2 ? PAUTH_IB : PAUTH_IA);
    return true;
}

bool translate_PAC_x17(struct translator *t, uint32_t w)
{
    return hint(t, w, 17, IR_X + 16);
}

bool translate_PAC_x30(struct translator *t, uint32_t w)
{
    return hint(t, w, 30, a64_op2(w) & 1 ? IR_SP : IR_ZERO);
}

bool translate_XPAC(struct translator *t, uint32_t w)
{
    return a64_Rd(w) != 31 && strip(t, a64_Rd(w), a64_keyB(w));
}

bool translate_XPACLRI(struct translator *t, uint32_t w)
{
    return strip(t, 30, false);
}

/* --- branches --- */

static bool branch(struct translator *t, uint32_t w, enum ir_opcode op, ir_value target,
                   ir_value modifier)
{
    ir_op3(t, op, 8, IR_NONE, target, modifier)->imm = a64_keyB(w) ? PAUTH_IB : PAUTH_IA;
    return true;
}

bool translate_BRAA(struct translator *t, uint32_t w)
{
    return branch(t, w, IR_JUMP_REG, ir_x(a64_Rn(w)), ir_xsp(a64_Rd(w)));
}

bool translate_BRAAZ(struct translator *t, uint32_t w)
{
    return branch(t, w, IR_JUMP_REG, ir_x(a64_Rn(w)), IR_ZERO);
}

bool translate_BLRAA(struct translator *t, uint32_t w)
{
    return branch(t, w, IR_CALL_REG, ir_x(a64_Rn(w)), ir_xsp(a64_Rd(w)));
}

bool translate_BLRAAZ(struct translator *t, uint32_t w)
{
    return branch(t, w, IR_CALL_REG, ir_x(a64_Rn(w)), IR_ZERO);
}

bool translate_RETAA(struct translator *t, uint32_t w)
{
    return branch(t, w, IR_RETURN, IR_X + 30, IR_SP);
}
