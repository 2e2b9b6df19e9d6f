/* SPDX-License-Identifier: ISC */
/* The rules of the IR (ir.h, emit.h), checked. */
#include <stdarg.h>

#include "base/bits.h"
#include "engine/jit/ir.h"

struct verifier {
    const struct ir_region *r;
    FILE *out;
    unsigned block, insn; /* being looked at */
    bool ok;

    uint64_t temps;     /* bit v - IR_T: written by the guest instruction so far */
    bool guest_written; /* a register of the guest was */
};

PRINTF(2, 3) static void fail(struct verifier *v, const char *format, ...)
{
    va_list ap;

    v->ok = false;
    if (!v->out)
        return;
    fprintf(v->out, "ir: block %u, instruction %u: ", v->block, v->insn);
    va_start(ap, format);
    vfprintf(v->out, format, ap);
    va_end(ap);
    fputc('\n', v->out);
}

/* --- operands --- */

static bool is_general(ir_value value)
{
    return value < IR_VALUES && !ir_is_vector(value);
}

/* `kind` is a letter of a signature. */
static bool is_of_kind(char kind, ir_value value, bool is_dst)
{
    switch (kind) {
    case '-': return value == IR_NONE;
    case 'G': return value == IR_NONE || is_of_kind('g', value, is_dst);
    case 'V': return value == IR_NONE || is_of_kind('v', value, is_dst);
    case 'I': return value == IR_NONE || is_of_kind('i', value, is_dst);
    case 'i': return value == IR_IMM || is_of_kind('g', value, is_dst);
    case 'g': return is_general(value) || (!is_dst && value == IR_ZERO);
    case 'v': return ir_is_vector(value);
    default: return false;
    }
}

static void check_read(struct verifier *v, ir_value value)
{
    if (value >= IR_T && value < IR_VALUES && !(v->temps & BIT(value - IR_T)))
        fail(v, "temporary %u is read before it is written", value - IR_T);
}

static void note_write(struct verifier *v, ir_value value)
{
    if (value < IR_T)
        v->guest_written = true;
    else if (value < IR_VALUES)
        v->temps |= BIT(value - IR_T);
}

static void check_operands(struct verifier *v, const struct ir_insn *i)
{
    const struct ir_op_info *info = &ir_op_info[i->op];
    const ir_value value[4] = {i->dst, i->a, i->b, i->c};
    static const uint8_t letter[4] = {0, 2, 3, 4};
    bool writes_c = info->attributes & IR_WRITES_C;

    for (unsigned k = 0; k < 4; k++)
        if (!is_of_kind(info->signature[letter[k]], value[k], k == 0 || (k == 3 && writes_c)))
            fail(v, "%s: operand %u is %u, not of kind %c", info->name, k, value[k],
                 info->signature[letter[k]]);
    check_read(v, i->a);
    check_read(v, i->b);
    if (!writes_c)
        check_read(v, i->c);
    if (info->attributes & IR_READS_DST)
        check_read(v, i->dst);
    note_write(v, i->dst);
    if (writes_c)
        note_write(v, i->c);
}

static void check_insn(struct verifier *v, const struct ir_insn *i, bool last)
{
    unsigned attributes;

    if (i->op >= IR_OPCODES) {
        fail(v, "no operation %u", i->op);
        return;
    }
    attributes = ir_op_info[i->op].attributes;
    if (last != !!(attributes & IR_ENDS))
        fail(v, "%s %s", ir_op_info[i->op].name, last ? "does not end the block" : "ends early");
    if ((i->flags & IR_S) && !(attributes & IR_SETS_FLAGS))
        fail(v, "%s cannot set flags", ir_op_info[i->op].name);
    if (i->cond > 15)
        fail(v, "condition %u", i->cond);
    if (i->size == 0)
        fail(v, "no size");
    if ((attributes & IR_SLOW) && v->guest_written)
        fail(v, "%s may replay what has written a register", ir_op_info[i->op].name);
    check_operands(v, i);
}

/* --- blocks --- */

static void check_edges(struct verifier *v, const struct ir_block *b)
{
    unsigned op = b->count ? v->r->insn[b->first + b->count - 1].op : IR_OPCODES;

    if (b->edges > nitems(b->edge))
        fail(v, "%u edges", b->edges);
    if (op == IR_JUMP && b->edges == 0)
        fail(v, "a jump along an edge that is not there");
    for (unsigned k = 0; k < MIN(b->edges, nitems(b->edge)); k++) {
        int to = b->edge[k].block;

        if (to < -1 || to >= (int)v->r->blocks)
            fail(v, "an edge to block %d", to);
        else if (to >= 0 && to <= (int)v->block && !v->r->block[to].loop_head)
            fail(v, "an edge back to block %d, which is no loop's head", to);
    }
}

static void check_block(struct verifier *v, const struct ir_block *b)
{
    unsigned guest = REGION_INSNS;

    if (b->count == 0)
        fail(v, "an empty block");
    if (b->first_guest + b->guests > v->r->guests)
        fail(v, "guest instructions %u to %u", b->first_guest, b->first_guest + b->guests);
    for (unsigned k = 0; k < b->count; k++) {
        const struct ir_insn *i = &v->r->insn[b->first + k];

        v->insn = b->first + k;
        if (i->guest < b->first_guest || i->guest >= b->first_guest + b->guests)
            fail(v, "of guest instruction %u", i->guest);
        else if (k > 0 && i->guest < guest)
            fail(v, "guest instruction %u after %u", i->guest, guest);
        if (i->guest != guest) {
            v->temps = 0;
            v->guest_written = false;
        }
        guest = i->guest;
        check_insn(v, i, k + 1 == b->count);
    }
    check_edges(v, b);
}

bool ir_verify(const struct ir_region *r, FILE *out)
{
    struct verifier v = {.r = r, .out = out, .ok = true};
    unsigned end = 0;

    if (r->blocks == 0 || r->blocks > REGION_BLOCKS || r->guests > REGION_INSNS ||
        r->insns > REGION_IR) {
        fail(&v, "%u blocks of %u guest instructions in %u", r->blocks, r->guests, r->insns);
        return false;
    }
    for (v.block = 0; v.block < r->blocks; v.block++) {
        const struct ir_block *b = &r->block[v.block];

        v.insn = b->first;
        if (b->first != end || b->first + b->count > r->insns) {
            fail(&v, "instructions %u to %u, expected from %u", b->first, b->first + b->count, end);
            return false;
        }
        end = b->first + b->count;
        check_block(&v, b);
    }
    if (end != r->insns)
        fail(&v, "%u instructions belong to no block", r->insns - end);
    return v.ok;
}
