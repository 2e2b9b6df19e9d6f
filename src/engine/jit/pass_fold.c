/* SPDX-License-Identifier: ISC */
/*
 * Folding: within each block, forwards, what is known of general registers (constants, and
 * addresses relative to the code's page) is carried into the operations that read them; then,
 * backwards, what is written and never seen is removed.
 *
 * A write of a guest register is seen by whatever reads it, by every instruction that may replay,
 * fault or call C code (IR_SLOW, IR_CLOBBERS), and by the end of the block.
 */
#include "engine/jit/pass.h"

#include <string.h>

#include "base/bits.h"
#include "engine/interp/alu.h"
#include "engine/jit/int.h"

struct known {
    enum { UNKNOWN, CONSTANT, RELATIVE } kind; /* RELATIVE: to the start of the code's page */
    int64_t value;
};

/* General values only; the places of vectors stay UNKNOWN. */
struct folder {
    struct ir_region *r;
    struct known known[IR_VALUES];
    bool removed[REGION_IR];
};

static unsigned attributes(const struct ir_insn *i)
{
    return ir_op_info[i->op].attributes;
}

static bool is_general(ir_value v)
{
    return v < IR_VALUES && !ir_is_vector(v);
}

static bool fits32(int64_t value)
{
    return value == (int32_t)value;
}

static struct known constant(uint64_t value)
{
    return (struct known){CONSTANT, (int64_t)value};
}

static struct known known_of(const struct folder *f, ir_value v)
{
    if (v == IR_ZERO)
        return constant(0);
    return v < IR_VALUES ? f->known[v] : (struct known){UNKNOWN, 0};
}

/* --- immediates --- */

static bool is_commutative(unsigned op)
{
    switch (op) {
    case IR_ADD:
    case IR_ADC:
    case IR_AND:
    case IR_OR:
    case IR_XOR:
    case IR_MUL: return true;
    default: return false;
    }
}

static bool is_shift(unsigned op)
{
    return op == IR_SHL || op == IR_SHR || op == IR_SAR || op == IR_ROR;
}

/* The operations whose imm means nothing else while b is a register (or, LEA's, is 0 then). */
static bool takes_immediate(const struct ir_insn *i)
{
    if (i->op == IR_LEA)
        return i->imm == 0;
    return is_commutative(i->op) || is_shift(i->op) || i->op == IR_SUB || i->op == IR_SBC ||
           i->op == IR_COMPARE_IF || i->op == IR_COMPARE_ADD_IF;
}

static void swap_operands(struct ir_insn *i)
{
    ir_value a = i->a;

    i->a = i->b;
    i->b = a;
}

/* An operand that is constant becomes imm, if the host's instructions can have it. */
static void use_immediate(const struct folder *f, struct ir_insn *i)
{
    struct known b;
    int64_t imm;

    if (i->b == IR_IMM || !takes_immediate(i))
        return;
    if ((is_commutative(i->op) || i->op == IR_LEA) && known_of(f, i->a).kind == CONSTANT)
        swap_operands(i);
    b = known_of(f, i->b);
    if (b.kind != CONSTANT)
        return;
    imm = is_shift(i->op) ? b.value & (8 * i->size - 1) : int_imm(i->size, (uint64_t)b.value);
    if (!fits32(imm) && known_of(f, i->a).kind != CONSTANT)
        return;
    i->b = IR_IMM;
    i->imm = imm;
}

/* --- evaluation --- */

/* The bits of a that UBFX and its relatives move, by way of UBFM and SBFM (C6.2). */
static uint64_t evaluate_field(const struct ir_insn *i, uint64_t a)
{
    unsigned lsb = int_field_lsb(i->imm), width = int_field_width(i->imm), bits = 8u * i->size;
    bool wide = i->size == 8;

    switch (i->op) {
    case IR_UBFX: return alu_ubfm(a, lsb, lsb + width - 1, wide);
    case IR_SBFX: return alu_sbfm(a, lsb, lsb + width - 1, wide);
    case IR_UBFIZ: return alu_ubfm(a, bits - lsb, width - 1, wide);
    default: return alu_sbfm(a, bits - lsb, width - 1, wide);
    }
}

/* dst, where a is the constant `a` and b is imm or nothing. */
static struct known evaluate_constant(const struct ir_insn *i, uint64_t a)
{
    bool wide = i->size == 8;
    uint64_t b = (uint64_t)i->imm;
    unsigned by = (unsigned)b & (8u * i->size - 1);

    switch (i->op) {
    case IR_MOV: return constant(alu_width(a, wide));
    case IR_NOT: return constant(alu_width(~a, wide));
    case IR_LEA:
    case IR_ADD: return constant(alu_width(a + b, wide));
    case IR_SUB: return constant(alu_width(a - b, wide));
    case IR_AND: return constant(alu_width(a & b, wide));
    case IR_OR: return constant(alu_width(a | b, wide));
    case IR_XOR: return constant(alu_width(a ^ b, wide));
    case IR_MUL: return constant(alu_width(a * b, wide));
    case IR_SHL: return constant(alu_shift(a, ALU_LSL, by, wide));
    case IR_SHR: return constant(alu_shift(a, ALU_LSR, by, wide));
    case IR_SAR: return constant(alu_shift(a, ALU_ASR, by, wide));
    case IR_ROR: return constant(alu_shift(a, ALU_ROR, by, wide));
    case IR_UBFX:
    case IR_SBFX:
    case IR_UBFIZ:
    case IR_SBFIZ: return constant(evaluate_field(i, a));
    default: return (struct known){UNKNOWN, 0};
    }
}

/* The same, where a is an address. */
static struct known evaluate_relative(const struct ir_insn *i, int64_t a)
{
    if (i->size == 8) {
        switch (i->op) {
        case IR_MOV: return (struct known){RELATIVE, a};
        case IR_LEA:
        case IR_ADD: return (struct known){RELATIVE, (int64_t)((uint64_t)a + (uint64_t)i->imm)};
        case IR_SUB: return (struct known){RELATIVE, (int64_t)((uint64_t)a - (uint64_t)i->imm)};
        default: break;
        }
    }
    return (struct known){UNKNOWN, 0};
}

static struct known evaluate(const struct folder *f, const struct ir_insn *i)
{
    struct known a = known_of(f, i->a);

    if (i->op == IR_CONST)
        return constant((uint64_t)i->imm);
    if (i->op == IR_PCREL)
        return (struct known){RELATIVE, i->imm};
    if (i->b != IR_IMM && i->b != IR_NONE)
        return (struct known){UNKNOWN, 0};
    if (a.kind == CONSTANT)
        return evaluate_constant(i, (uint64_t)a.value);
    if (a.kind == RELATIVE)
        return evaluate_relative(i, a.value);
    return (struct known){UNKNOWN, 0};
}

/* --- simpler operations --- */

/* b is imm, and a op imm is a. */
static bool is_identity(const struct ir_insn *i)
{
    switch (i->op) {
    case IR_LEA:
    case IR_ADD:
    case IR_SUB:
    case IR_OR:
    case IR_XOR:
    case IR_SHL:
    case IR_SHR:
    case IR_SAR:
    case IR_ROR: return i->imm == 0;
    case IR_AND: return i->imm == -1;
    case IR_MUL: return i->imm == 1;
    default: return false;
    }
}

static void become(struct ir_insn *i, enum ir_opcode op, ir_value a, int64_t imm)
{
    i->op = (uint16_t)op;
    i->a = a;
    i->b = IR_NONE;
    i->imm = imm;
}

static void simplify(struct ir_insn *i, struct known result)
{
    if (i->flags & IR_S)
        return;
    if (result.kind == CONSTANT) {
        become(i, IR_CONST, IR_NONE, result.value);
        i->size = 8;
    } else if (result.kind == RELATIVE && i->op != IR_MOV) {
        become(i, IR_PCREL, IR_NONE, result.value);
    } else if (i->b == IR_IMM && is_identity(i)) {
        become(i, IR_MOV, i->a, 0);
    }
}

/* How A64 counts trailing zeroes: RBIT, and CLZ of its result. */
static void join_reversal(struct folder *f, unsigned first, unsigned n)
{
    struct ir_insn *clz = &f->r->insn[n], *rbit = clz - 1;

    if (n == first || clz->op != IR_CLZ || rbit->op != IR_RBIT || clz->a != rbit->dst ||
        clz->size != rbit->size)
        return;
    if (clz->dst != rbit->dst && rbit->a == rbit->dst)
        return;
    clz->op = IR_CTZ;
    clz->a = rbit->a;
    f->removed[n - 1] = clz->dst == rbit->dst;
}

static bool is_useless(const struct ir_insn *i)
{
    return i->op == IR_MOV && i->dst == i->a && i->size == 8;
}

/* --- forwards --- */

static void forget_guest(struct folder *f)
{
    for (unsigned v = 0; v < IR_T; v++)
        f->known[v].kind = UNKNOWN;
}

static void forward(struct folder *f, const struct ir_block *b)
{
    memset(f->known, 0, sizeof(f->known));
    for (unsigned n = b->first; n < b->first + b->count; n++) {
        struct ir_insn *i = &f->r->insn[n];
        struct known result = {UNKNOWN, 0};

        if (attributes(i) & IR_PURE) {
            use_immediate(f, i);
            result = evaluate(f, i);
            simplify(i, result);
            join_reversal(f, b->first, n);
            f->removed[n] |= is_useless(i);
        }
        if (attributes(i) & IR_CLOBBERS)
            forget_guest(f);
        if (is_general(i->dst))
            f->known[i->dst] = result;
        if ((attributes(i) & IR_WRITES_C) && is_general(i->c))
            f->known[i->c].kind = UNKNOWN;
    }
}

/* --- backwards --- */

/* General values as a set: X0 to SP, and the temporaries above them. */
#define TEMPORARIES ((BIT(IR_TEMPS) - 1) << 32)

static uint64_t set_of(ir_value v)
{
    if (!is_general(v))
        return 0;
    return BIT(v < IR_T ? v : v - IR_T + 32);
}

static uint64_t reads(const struct ir_insn *i)
{
    uint64_t set = set_of(i->a) | set_of(i->b);

    if (!(attributes(i) & IR_WRITES_C))
        set |= set_of(i->c);
    if (attributes(i) & IR_READS_DST)
        set |= set_of(i->dst);
    return set;
}

static uint64_t writes(const struct ir_insn *i)
{
    return set_of(i->dst) | (attributes(i) & IR_WRITES_C ? set_of(i->c) : 0);
}

/* `unseen`: what is written again before anything sees it. */
static void backward(struct folder *f, const struct ir_block *b)
{
    uint64_t unseen = TEMPORARIES;
    unsigned guest = b->first_guest + b->guests;

    for (unsigned n = b->first + b->count; n-- > b->first;) {
        struct ir_insn *i = &f->r->insn[n];

        if (i->guest != guest)
            unseen |= TEMPORARIES;
        guest = i->guest;
        if ((attributes(i) & IR_PURE) && (set_of(i->dst) & unseen)) {
            if (!(i->flags & IR_S))
                f->removed[n] = true;
            else if (ir_op_info[i->op].signature[0] == 'G')
                i->dst = IR_NONE;
        }
        if (f->removed[n])
            continue;
        unseen |= writes(i);
        if (attributes(i) & (IR_SLOW | IR_CLOBBERS | IR_ENDS))
            unseen &= TEMPORARIES;
        unseen &= ~reads(i);
    }
}

/* --- the region --- */

/* Closes the gaps that what was removed has left. */
static void compact(struct folder *f)
{
    struct ir_region *r = f->r;
    unsigned to = 0;

    for (unsigned k = 0; k < r->blocks; k++) {
        struct ir_block *b = &r->block[k];
        unsigned from = b->first, end = from + b->count;

        b->first = (uint16_t)to;
        for (; from < end; from++)
            if (!f->removed[from])
                r->insn[to++] = r->insn[from];
        b->count = (uint16_t)(to - b->first);
    }
    r->insns = to;
}

void pass_fold(struct ir_region *r)
{
    struct folder f = {.r = r};

    for (unsigned k = 0; k < r->blocks; k++) {
        forward(&f, &r->block[k]);
        backward(&f, &r->block[k]);
    }
    compact(&f);
}
