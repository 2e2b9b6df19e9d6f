/* SPDX-License-Identifier: ISC */
/* Driving the translation of a region from A64 to IR; see translate.h. */
#include "engine/jit/translate.h"

#include <string.h>

#include "engine/jit/region.h"

static translate_fn *const translations[A64_OP_COUNT] = {
#define TRANSLATE(name) [A64_##name] = translate_##name,
#include "engine/jit/translate.def"
#undef TRANSLATE
};

struct ir_insn *ir_add(struct translator *t, enum ir_opcode op)
{
    struct ir_region *r = t->r;
    struct ir_insn *i;

    /* The last place is never counted: it takes what there is no room for. */
    if (r->insns == REGION_IR - 1)
        r->full = true;
    i = &r->insn[r->full ? REGION_IR - 1 : r->insns++];
    *i = (struct ir_insn){.op = (uint16_t)op,
                          .size = 8,
                          .guest = (uint8_t)t->guest,
                          .dst = IR_NONE,
                          .a = IR_NONE,
                          .b = IR_NONE,
                          .c = IR_NONE};
    return i;
}

struct ir_insn *ir_op3(struct translator *t, enum ir_opcode op, unsigned size, ir_value dst,
                       ir_value a, ir_value b)
{
    struct ir_insn *i = ir_add(t, op);

    i->size = (uint8_t)size;
    i->dst = dst;
    i->a = a;
    i->b = b;
    return i;
}

struct ir_insn *ir_op_imm(struct translator *t, enum ir_opcode op, unsigned size, ir_value dst,
                          ir_value a, int64_t imm)
{
    struct ir_insn *i = ir_op3(t, op, size, dst, a, IR_IMM);

    i->imm = imm;
    return i;
}

static void translate_insn(struct translator *t, const struct guest_insn *g)
{
    translate_fn *fn = translations[g->op];
    unsigned before = t->r->insns;

    if (fn && fn(t, g->word))
        return;
    t->r->insns = before;
    ir_add(t, region_op_leaves(g->op, g->word) ? IR_HANDLER_END : IR_HANDLER);
}

static bool is_end(const struct ir_insn *i)
{
    return ir_op_info[i->op].attributes & IR_ENDS;
}

static void translate_block(struct translator *t, struct ir_block *b)
{
    struct ir_region *r = t->r;

    b->first = (uint16_t)r->insns;
    for (unsigned k = 0; k < b->guests && !r->full; k++) {
        t->guest = b->first_guest + k;
        t->offset = r->guest[t->guest].offset;
        translate_insn(t, &r->guest[t->guest]);
    }
    if (r->insns == b->first || !is_end(&r->insn[r->insns - 1]))
        ir_add(t, IR_JUMP);
    b->count = (uint16_t)(r->insns - b->first);
}

void translate_region(struct ir_region *r)
{
    struct translator t = {.r = r};

    for (unsigned i = 0; i < r->blocks && !r->full; i++)
        translate_block(&t, &r->block[i]);
}
