/* SPDX-License-Identifier: ISC */
/* Branches (Arm ARM C6.2). Where they go is in the block's edges, which region.c has made. */
#include "engine/jit/translate.h"

static bool jump(struct translator *t, enum ir_opcode op)
{
    ir_add(t, op);
    return true;
}

static bool jump_reg(struct translator *t, enum ir_opcode op, unsigned size, unsigned reg,
                     unsigned bit)
{
    struct ir_insn *i = ir_add(t, op);

    i->size = (uint8_t)size;
    i->a = ir_x(reg);
    i->imm = bit;
    return true;
}

bool translate_B(struct translator *t, uint32_t w)
{
    return jump(t, IR_JUMP);
}

bool translate_BL(struct translator *t, uint32_t w)
{
    return jump(t, IR_CALL);
}

bool translate_B_cond(struct translator *t, uint32_t w)
{
    struct ir_insn *i = ir_add(t, IR_JUMP_COND);

    i->cond = (uint8_t)a64_bcond(w);
    return true;
}

bool translate_CBZ(struct translator *t, uint32_t w)
{
    return jump_reg(t, IR_JUMP_ZERO, a64_sf(w) ? 8 : 4, a64_Rt(w), 0);
}

bool translate_CBNZ(struct translator *t, uint32_t w)
{
    return jump_reg(t, IR_JUMP_NONZERO, a64_sf(w) ? 8 : 4, a64_Rt(w), 0);
}

bool translate_TBZ(struct translator *t, uint32_t w)
{
    return jump_reg(t, IR_JUMP_BIT_CLEAR, 8, a64_Rt(w), a64_b5(w) << 5 | a64_b40(w));
}

bool translate_TBNZ(struct translator *t, uint32_t w)
{
    return jump_reg(t, IR_JUMP_BIT_SET, 8, a64_Rt(w), a64_b5(w) << 5 | a64_b40(w));
}

bool translate_BR(struct translator *t, uint32_t w)
{
    return jump_reg(t, IR_JUMP_REG, 8, a64_Rn(w), 0);
}

bool translate_BLR(struct translator *t, uint32_t w)
{
    return jump_reg(t, IR_CALL_REG, 8, a64_Rn(w), 0);
}

bool translate_RET(struct translator *t, uint32_t w)
{
    return jump_reg(t, IR_RETURN, 8, a64_Rn(w), 0);
}

bool translate_NOP(struct translator *t, uint32_t w)
{
    return true;
}

bool translate_HINT(struct translator *t, uint32_t w)
{
    return true;
}
