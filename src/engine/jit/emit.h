/* SPDX-License-Identifier: ISC */
/*
 * From IR to x86-64: what the emit_*.c files share.
 *
 * Registers while translated code runs:
 *   rbp      &c->x[16] (soft_cpu + 128): all of x[] is within a signed byte
 *   r15      c->dtlb
 *   rsp      the host's stack, 16-byte aligned; guest returns travel on it (emit_flow.c)
 *   rax, rcx, rdx, xmm13 to xmm15   scratch of every emitter: live within one IR instruction only
 *   all others   belong to the register allocator: guest registers and temporaries
 *
 * An emitter, emit_<OP>(e, i), reads its operands with emit_use() and friends and writes its result
 * with emit_def() and emit_done(). dst may be the same register as any operand, so it must not be
 * written while an operand is still to be read (compute in scratch when in doubt).
 *
 * Replay: an operation with IR_SLOW may jump to emit_slow(e, cc) at any point before it has changed
 * anything of the guest (registers, memory that an exception must not see): out of line, the
 * interpreter's handler then executes the whole guest instruction from its start, and the code goes
 * on after its last IR instruction. Nothing that an IR instruction of the same guest instruction
 * wrote before may be a guest register, then; temporaries are fine.
 */
#ifndef ENGINE_JIT_EMIT_H
#define ENGINE_JIT_EMIT_H

#include "engine/jit/ir.h"
#include "engine/jit/regalloc.h"
#include "engine/jit/x64.h"
#include "engine/soft/state.h"

#define EMIT_STATE X64_RBP
#define EMIT_TLB   X64_R15
#define EMIT_BIAS  128

/* A field of struct soft_cpu as an operand. */
#define EMIT_FIELD(field) x64_at(EMIT_STATE, (int32_t)offsetof(struct soft_cpu, field) - EMIT_BIAS)

/* What the host's EFLAGS hold of the guest's NZCV. */
enum emit_flags {
    EMIT_FLAGS_NONE,
    EMIT_FLAGS_ADD, /* SF, ZF, OF as N, Z, V; CF = C (after an addition or a logical operation) */
    EMIT_FLAGS_SUB, /* CF = !C (after a subtraction or comparison) */
    EMIT_FLAGS_FP,  /* as ucomisd left them: ZF, PF, CF; Arm's four are made of them (FCMP) */
};

struct emit_slow_path; /* emit.c */

struct emit {
    struct x64 *as;
    const struct x64_features *cpu; /* what the host has */
    const struct ir_region *r;
    const struct regalloc *alloc;
    const struct ir_block *block; /* being emitted */
    const struct ir_insn *insn;
    enum emit_flags eflags; /* of the guest, in the host's EFLAGS now */
    bool aside;             /* what is emitted is out of line: emit_aside() */
    struct emit_private *p; /* emit.c's own */
};

typedef void emit_fn(struct emit *e, const struct ir_insn *i);

#define IR_OP(name, signature, attributes) emit_fn emit_##name;
#include "engine/jit/ir_ops.def"
#undef IR_OP

/* --- general operands --- */

/* The host register that holds `v`; when it lives in memory (or is IR_ZERO), it is loaded into
 * `scratch`. Read-only: other instructions may need the register. EFLAGS are kept. */
enum x64_reg emit_use(struct emit *e, ir_value v, unsigned size, enum x64_reg scratch);

/* Copies `v` into `to`, which may then be changed; all 64 bits if size is 8, else the low 32,
 * zero-extended. */
void emit_copy(struct emit *e, enum x64_reg to, ir_value v, unsigned size);

/* Where to compute `dst`: its host register, or `scratch` when it lives in memory or is IR_NONE.
 * After it emit_done(e, dst, that register) stores it if need be. Results of size 4 must have been
 * zero-extended (as 32-bit operations do). */
enum x64_reg emit_def(struct emit *e, ir_value dst, enum x64_reg scratch);
void emit_done(struct emit *e, ir_value dst, enum x64_reg from);

/* Whether `v` lives in a host register, and where it lives in memory if not. */
bool emit_in_reg(const struct emit *e, ir_value v);
struct x64_mem emit_mem(const struct emit *e, ir_value v);

/* `op to, operand` where the operand is i->b or so: a register, memory, zero, or i->imm for IR_IMM
 * (an immediate that does not fit 32 bits goes through rdx). */
void emit_alu(struct emit *e, enum x64_alu op, unsigned size, enum x64_reg to, ir_value v,
              int64_t imm);

/* --- vector operands: as above; all 128 bits --- */

unsigned emit_vuse(struct emit *e, ir_value v, unsigned scratch);
void emit_vcopy(struct emit *e, unsigned to, ir_value v);
unsigned emit_vdef(struct emit *e, ir_value dst, unsigned scratch);
void emit_vdone(struct emit *e, ir_value dst, unsigned from);

/* Sixteen constant bytes as a memory operand, relative to rip: the pool lies at the start of the
 * code cache. `low` is at the lower address. */
struct x64_mem emit_const16(struct emit *e, uint64_t low, uint64_t high);

/* --- flags --- */

/* The code just emitted left the guest's NZCV in EFLAGS in this form, for IR instruction i (which
 * has IR_S): stores them as i->flags asks, and remembers the form for a consumer that follows. */
void emit_flags_set(struct emit *e, const struct ir_insn *i, enum emit_flags form);

/* Makes EFLAGS hold the guest's NZCV in a form that the condition can be asked of, loading them
 * from memory if they are not there, and returns the host's condition. With EMIT_FLAGS_FP a
 * condition may need two: *second is then the other one, and *both says whether both must hold
 * (true) or one of them (false); otherwise *second is X64_CC_NONE. May clobber rax and, if flags
 * come from memory, nothing else. */
enum x64_cc emit_condition(struct emit *e, unsigned cond, enum x64_cc *second, bool *both);

/* Loads the carry C into the host's CF, as it is (borrow = false) or inverted (true). */
void emit_carry(struct emit *e, bool borrow);

/* The raw flags as they are kept in memory (see flags.h): low byte V as 0 or 1, high byte as LAHF
 * gives it, with CF = C. Stores the 16 bits of `ax`. */
void emit_flags_store_raw(struct emit *e, enum x64_reg ax);

/* --- out of line --- */

/* `jcc` to the replay of the current guest instruction. */
void emit_slow(struct emit *e, enum x64_cc cc);
/* The same without a condition. */
void emit_slow_always(struct emit *e);

/* The label of a place out of line where IR instruction i, the current or the next one, is emitted
 * once more as a whole, with e->aside set; the code goes on after it. At most once an instruction,
 * which lacks IR_KEEPS_EFLAGS. */
struct x64_label *emit_aside(struct emit *e, const struct ir_insn *i);

/* Emits, inline, a call of the interpreter's handler for guest instruction i->guest, registers
 * spilled and reloaded around it. */
void emit_handler(struct emit *e, const struct ir_insn *i);

/* Emits, inline, a call of fn(c, arg), with everything spilled and reloaded; c->pc is set to the
 * guest instruction. The function may raise. */
void emit_call(struct emit *e, void (*fn)(struct soft_cpu *c, uint64_t arg), uint64_t arg);

/* --- edges (emit_flow.c) --- */

/* Emits the jump along edge n of the current block, when its code is not to follow. */
void emit_edge(struct emit *e, const struct ir_edge *edge);

#endif
