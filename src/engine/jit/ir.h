/* SPDX-License-Identifier: ISC */
/*
 * The translator's intermediate representation (IR) of one region of guest code.
 *
 * A region is a graph of basic blocks within one 4 KiB page of guest code. The IR is a register
 * machine: its values are the guest's own registers and a few temporaries that live within one
 * guest instruction. So every boundary between two guest instructions is a state of the guest, and
 * an instruction can be executed again by the interpreter's handler whenever its fast translation
 * does not apply (JIT's "replay", emit.h).
 *
 * The operations are listed in ir_*.def, a file a family: IR_OP(NAME, SIGNATURE, ATTRIBUTES).
 * SIGNATURE gives the kinds of dst, a, b, c: `g` a general register or temporary (an operand may
 * also be IR_ZERO), `i` the same or IR_IMM (the operand is `imm`), `v` a vector register or
 * temporary, `-` nothing (IR_NONE), a capital letter: may be IR_NONE. "g=gi-" is dst = op(a, b).
 */
#ifndef ENGINE_JIT_IR_H
#define ENGINE_JIT_IR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "arm/a64.h"
#include "engine/soft/context.h"

/* --- values --- */

enum {
    IR_X = 0, /* X0 to X30; IR_X + 31 is SP, never XZR */
    IR_SP = 31,
    IR_V = 32,  /* V0 to V31 */
    IR_T = 64,  /* general temporaries, of one guest instruction */
    IR_VT = 68, /* vector temporaries, likewise */
    IR_VALUES = 72,
    IR_TEMPS = 4,  /* of each class */
    IR_ZERO = 253, /* reads as zero */
    IR_IMM = 254,  /* operand b is `imm` */
    IR_NONE = 255,
};

typedef uint8_t ir_value;

static inline bool ir_is_guest(ir_value v)
{
    return v < IR_T;
}

static inline bool ir_is_vector(ir_value v)
{
    return (v >= IR_V && v < IR_T) || (v >= IR_VT && v < IR_VALUES);
}

/* --- operations --- */

/* What a pass needs to know of an operation. */
enum {
    IR_READS_FLAGS = 1,  /* NZCV is an operand */
    IR_SETS_FLAGS = 2,   /* NZCV is a result when IR_S is among the instruction's flags */
    IR_KEEPS_EFLAGS = 4, /* its code leaves the host's EFLAGS alone: a consumer after it still
                            finds those of the producer before it */
    IR_SLOW = 8,         /* may replay, or fault: the guest's whole state is observable here */
    IR_ENDS = 16,        /* ends its block: control flow */
    IR_CLOBBERS = 32,    /* calls C code that may change any register of the guest */
    IR_READS_DST = 64,   /* dst is also an operand (insertion, accumulation) */
    IR_WRITES_C = 128,   /* c is a second result (load pair) */
    IR_PURE = 256,       /* does nothing but compute dst, and NZCV with IR_S: may be removed */
};

enum ir_opcode {
#define IR_OP(name, signature, attributes) IR_##name,
#include "engine/jit/ir_ops.def"
#undef IR_OP
    IR_OPCODES
};

struct ir_op_info {
    const char *name, *signature;
    unsigned attributes;
};

extern const struct ir_op_info ir_op_info[IR_OPCODES];

/* --- instructions --- */

/* Flags of one instruction. Bits 8 and up are free for a family's own use. */
enum {
    IR_S = 1,       /* sets NZCV (IR_SETS_FLAGS) */
    IR_STORE = 2,   /* its NZCV must reach memory: set by pass_flags */
    IR_DEAD = 4,    /* its NZCV is not needed at all: set by pass_flags */
    IR_Q = 8,       /* vectors: 128 bits; without it 64, and the upper half of dst becomes 0 */
    IR_SCALAR = 16, /* vectors: one element, and the rest of dst becomes 0 */
    IR_FLAGS_NEEDED = 32, /* NZCV is needed in memory after it: pass_flags' own */
};

struct ir_insn {
    uint16_t op; /* enum ir_opcode */
    uint16_t flags;
    uint8_t size;  /* bytes: of a general operation (4 or 8; 4 zero-extends its result), of an
                      access to memory, of a vector's element */
    uint8_t cond;  /* A64 condition, of operations that have one */
    uint8_t guest; /* index of the guest instruction it belongs to */
    ir_value dst, a, b, c;
    int64_t imm;
};

/* --- regions --- */

enum {
    REGION_INSNS = 96, /* guest instructions at most */
    REGION_BLOCKS = 24,
    REGION_IR = 640,
    REGION_ADDENDS = 2,
};

/* What translated code depends on besides its bytes. */
enum {
    CONTEXT_FP_TRAP = SOFT_CONTEXT_FP_TRAP,
    CONTEXT_FPCR = SOFT_CONTEXT_FPCR, /* floating point is left to the handlers */
    CONTEXT_SP_CHECK = SOFT_CONTEXT_SP_CHECK,
    CONTEXT_EL1 = SOFT_CONTEXT_EL1,
    CONTEXT_SP_EL0 = SOFT_CONTEXT_SP_EL0,
};

struct guest_insn {
    uint16_t offset; /* in the page */
    uint16_t op;     /* enum a64_op */
    uint32_t word;
};

/* Where control goes: a block of the region, or an address outside, relative to the page. */
struct ir_edge {
    int16_t block;  /* -1: outside */
    uint8_t way;    /* which of the block's join's ways in it is; 0: flags are in memory */
    uint16_t redo;  /* flags that must be in memory along it: see ir_region.redo */
    int64_t target; /* bytes from the page's start; outside of it when not in [0, 4096) */
};

struct ir_block {
    uint16_t first_guest, guests;
    uint16_t first, count;  /* of insn[] */
    struct ir_edge edge[2]; /* of the last instruction: taken, and not taken or call's return */
    uint8_t edges;
    bool loop_head; /* an edge from a block at or after it comes here */
    uint8_t depth;  /* loops around it, for weights */
    bool flags_in;  /* NZCV in memory is needed at its start (pass_flags) */
};

/*
 * The head of a loop whose rounds do not make the flags that nobody but a replay may ask for
 * (pass_flags.c). Each way in leaves its number in c->flag_way; whoever needs the flags makes them
 * again as that says.
 */
enum { JOIN_WAYS = 4 };

struct ir_join {
    uint8_t ways;
    struct ir_way {
        uint16_t redo;       /* see ir_region.redo */
        bool save_a, save_b; /* operands of the comparison that are overwritten later: those are in
                                c->flag_operand */
    } way[JOIN_WAYS];        /* from 1 on */
};

struct ir_region {
    const uint8_t *page; /* its bytes, while it is translated */
    uint64_t pa;         /* of the page */
    unsigned entry;      /* offset of the first instruction; block[0] */
    unsigned context;    /* CONTEXT_ bits */
    bool smp;            /* other vCPUs run: atomics need LOCK */
    bool pauth;          /* the CPU model has pointer authentication */
    unsigned blocks, guests, insns;
    unsigned addends; /* registers that pass_tlb wants (regalloc.h) */
    bool full;        /* insn[] overflowed: a smaller region must be made */
    struct ir_block block[REGION_BLOCKS];
    struct guest_insn guest[REGION_INSNS];
    struct ir_insn insn[REGION_IR];
    /* How instruction n gets NZCV that is not in memory, if it needs it: 0, or 1 + the index of the
     * comparison that made it, which is to be done again (pass_flags.c). */
    uint16_t redo[REGION_IR];
    struct ir_join join[REGION_BLOCKS]; /* by block; with ways or without */
};

#define REDO_BY_RESULT 0x8000 /* from its result, for its operands are gone */
#define REDO_JOIN      0x4000 /* as the way into block (redo & 0xff) says */

/* ir_verify.c: whether the region obeys the rules above; prints what is wrong to `out` if not NULL.
 */
bool ir_verify(const struct ir_region *r, FILE *out);

/* For each block the one that leads to it, if only one does, by one edge and from before it; else
 * -1 (the region's entry and heads of loops among them). What holds at a parent's end holds at its
 * heir's start. */
void ir_find_parents(const struct ir_region *r, int parent[REGION_BLOCKS]);

/* ir_dump.c: prints the region, guest instructions disassembled; one instruction of it, on a line;
 * the name of a value. */
void ir_dump(const struct ir_region *r, FILE *out);
void ir_dump_insn(const struct ir_insn *i, FILE *out);
void ir_dump_value(ir_value v, FILE *out);

#endif
