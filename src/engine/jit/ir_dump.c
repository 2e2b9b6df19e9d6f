/* SPDX-License-Identifier: ISC */
/*
 * The IR as text:
 *
 *     block 0 -> 1, 0x40; loop, depth 1
 *         ; 010 adds x0, x1, #16
 *         x0 = add.8 x1, #16 !s
 */
#include <ctype.h>

#include "base/bits.h"
#include "engine/jit/ir.h"

static const char condition_name[16][3] = {"eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc",
                                           "hi", "ls", "ge", "lt", "gt", "le", "al", "nv"};

void ir_dump_value(ir_value v, FILE *out)
{
    if (v == IR_SP)
        fputs("sp", out);
    else if (v < IR_V)
        fprintf(out, "x%u", v - IR_X);
    else if (v < IR_T)
        fprintf(out, "v%u", v - IR_V);
    else if (v < IR_VT)
        fprintf(out, "t%u", v - IR_T);
    else if (v < IR_VALUES)
        fprintf(out, "vt%u", v - IR_VT);
    else
        fputs(v == IR_ZERO ? "zero" : "?", out);
}

static void dump_operand(const struct ir_insn *i, ir_value v, FILE *out)
{
    if (v != IR_IMM)
        ir_dump_value(v, out);
    else if (i->imm < 0)
        fprintf(out, "#-%#llx", -(unsigned long long)i->imm);
    else
        fprintf(out, "#%#llx", (unsigned long long)i->imm);
}

static void dump_flags(const struct ir_insn *i, FILE *out)
{
    static const char *const name[] = {"s", "store", "dead", "q", "scalar"};

    for (unsigned k = 0; k < nitems(name); k++)
        if (i->flags & BIT(k))
            fprintf(out, " !%s", name[k]);
    if (i->flags >> 8)
        fprintf(out, " !%#x", i->flags & 0xff00u);
}

void ir_dump_insn(const struct ir_insn *i, FILE *out)
{
    const struct ir_op_info *info = &ir_op_info[i->op];
    const ir_value operand[3] = {i->a, i->b, i->c};
    const char *separator = " ";
    bool has_imm = i->b == IR_IMM;

    fputs("    ", out);
    if (i->dst != IR_NONE) {
        ir_dump_value(i->dst, out);
        fputs(" = ", out);
    }
    for (const char *p = info->name; *p; p++)
        fputc(tolower((unsigned char)*p), out);
    fprintf(out, ".%u", i->size);
    if (i->cond || ((info->attributes & IR_READS_FLAGS) && !(info->attributes & IR_CLOBBERS)))
        fprintf(out, ".%s", condition_name[i->cond & 15]);
    for (unsigned k = 0; k < 3; k++) {
        if (operand[k] == IR_NONE)
            continue;
        fputs(separator, out);
        dump_operand(i, operand[k], out);
        separator = ", ";
    }
    if (!has_imm && (i->imm != 0 || i->op == IR_CONST)) {
        fputs(separator, out);
        dump_operand(i, IR_IMM, out);
    }
    dump_flags(i, out);
    fputc('\n', out);
}

static void dump_head(const struct ir_region *r, unsigned n, FILE *out)
{
    const struct ir_block *b = &r->block[n];

    fprintf(out, "block %u", n);
    for (unsigned k = 0; k < b->edges; k++) {
        fputs(k == 0 ? " -> " : ", ", out);
        if (b->edge[k].way)
            fprintf(out, "%d (way %d)", b->edge[k].block, b->edge[k].way);
        else if (b->edge[k].block >= 0)
            fprintf(out, "%d", b->edge[k].block);
        else
            fprintf(out, "%#llx", (unsigned long long)b->edge[k].target);
    }
    if (b->loop_head)
        fputs("; loop", out);
    if (b->depth)
        fprintf(out, "; depth %u", b->depth);
    if (b->flags_in)
        fputs("; flags in", out);
    fputc('\n', out);
}

static void dump_guest(const struct guest_insn *g, FILE *out)
{
    char text[80];

    a64_disasm(g->word, g->offset, text, sizeof(text));
    fprintf(out, "    ; %03x %s\n", g->offset, text);
}

/* Every guest instruction is printed, those of which no IR is left, too. */
static void dump_block(const struct ir_region *r, unsigned n, FILE *out)
{
    const struct ir_block *b = &r->block[n];
    unsigned k = b->first, end = b->first + b->count;

    dump_head(r, n, out);
    for (unsigned g = b->first_guest; g < b->first_guest + b->guests; g++) {
        dump_guest(&r->guest[g], out);
        for (; k < end && r->insn[k].guest == g; k++)
            ir_dump_insn(&r->insn[k], out);
    }
}

void ir_dump(const struct ir_region *r, FILE *out)
{
    fprintf(out, "region %#llx, context %u%s\n", (unsigned long long)(r->pa + r->entry), r->context,
            r->smp ? ", smp" : "");
    for (unsigned n = 0; n < r->blocks; n++)
        dump_block(r, n, out);
    fputc('\n', out);
}
