/* SPDX-License-Identifier: ISC */
/* See fake_emit.h. */
#include "fake_emit.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>

struct emit_private {
    struct x64_label slow;
    struct fake_code *code;
    unsigned constants;
};

/* --- translate.h --- */

struct ir_insn *ir_add(struct translator *t, enum ir_opcode op)
{
    struct ir_insn *i = &t->r->insn[t->r->insns++];

    *i = (struct ir_insn){.op = (uint16_t)op,
                          .size = 8,
                          .guest = (uint8_t)t->guest,
                          .dst = IR_NONE,
                          .a = IR_NONE,
                          .b = IR_NONE,
                          .c = IR_NONE};
    return i;
}

/* --- emit.h --- */

bool emit_in_reg(const struct emit *e, ir_value v)
{
    return v < IR_VALUES && e->alloc->host[v] >= 0;
}

struct x64_mem emit_mem(const struct emit *e, ir_value v)
{
    size_t offset = v < IR_V ? offsetof(struct soft_cpu, x) + v * sizeof(uint64_t)
                             : offsetof(struct soft_cpu, v) + (v - IR_V) * sizeof(union soft_vreg);

    assert_true(emit_in_reg(e, v) || v < IR_T);
    return x64_at(EMIT_STATE, (int32_t)offset - EMIT_BIAS);
}

enum x64_reg emit_use(struct emit *e, ir_value v, unsigned size, enum x64_reg scratch)
{
    if (emit_in_reg(e, v))
        return (enum x64_reg)e->alloc->host[v];
    if (v == IR_ZERO)
        x64_mov_ri(e->as, scratch, 0);
    else
        x64_load(e->as, size, scratch, emit_mem(e, v));
    return scratch;
}

enum x64_reg emit_def(struct emit *e, ir_value dst, enum x64_reg scratch)
{
    return emit_in_reg(e, dst) ? (enum x64_reg)e->alloc->host[dst] : scratch;
}

void emit_done(struct emit *e, ir_value dst, enum x64_reg from)
{
    if (dst == IR_NONE)
        return;
    if (!emit_in_reg(e, dst))
        x64_store(e->as, 8, emit_mem(e, dst), from);
    else
        assert_int_equal(e->alloc->host[dst], from);
}

unsigned emit_vuse(struct emit *e, ir_value v, unsigned scratch)
{
    if (emit_in_reg(e, v))
        return (unsigned)e->alloc->host[v];
    x64_vload(e->as, 16, scratch, emit_mem(e, v));
    return scratch;
}

void emit_vcopy(struct emit *e, unsigned to, ir_value v)
{
    x64_vmov(e->as, to, emit_vuse(e, v, to));
}

unsigned emit_vdef(struct emit *e, ir_value dst, unsigned scratch)
{
    return emit_in_reg(e, dst) ? (unsigned)e->alloc->host[dst] : scratch;
}

void emit_vdone(struct emit *e, ir_value dst, unsigned from)
{
    if (!emit_in_reg(e, dst))
        x64_vstore(e->as, 16, emit_mem(e, dst), from);
    else
        assert_int_equal(e->alloc->host[dst], from);
}

struct x64_mem emit_const16(struct emit *e, uint64_t low, uint64_t high)
{
    struct fake_code *code = e->p->code;
    unsigned n = e->p->constants++;

    assert_true(n < FAKE_CONSTANTS);
    code->constant[n][0] = low;
    code->constant[n][1] = high;
    return x64_at(X64_RIP, (int32_t)((uint8_t *)code->constant[n] - e->as->start));
}

void emit_slow(struct emit *e, enum x64_cc cc)
{
    x64_jcc_label(e->as, cc, &e->p->slow);
}

void emit_handler(struct emit *e, const struct ir_insn *i)
{
    (void)i;
    x64_jmp_label(e->as, &e->p->slow);
}

/* --- a function of the vCPU that returns whether it came to its end --- */

static void load_registers(struct emit *e)
{
    for (ir_value v = 0; v < IR_T; v++) {
        if (!emit_in_reg(e, v))
            continue;
        if (ir_is_vector(v))
            x64_vload(e->as, 16, (unsigned)e->alloc->host[v], emit_mem(e, v));
        else
            x64_load(e->as, 8, (unsigned)e->alloc->host[v], emit_mem(e, v));
    }
}

static void leave(struct emit *e, bool end)
{
    for (ir_value v = 0; v < IR_T; v++) {
        if (!emit_in_reg(e, v))
            continue;
        if (ir_is_vector(v))
            x64_vstore(e->as, 16, emit_mem(e, v), (unsigned)e->alloc->host[v]);
        else
            x64_store(e->as, 8, emit_mem(e, v), (unsigned)e->alloc->host[v]);
    }
    x64_mov_ri(e->as, X64_RAX, end);
    x64_pop(e->as, X64_RBP);
    x64_ret(e->as);
}

void fake_emit(struct fake_code *code, const struct ir_region *r, const struct regalloc *alloc,
               const struct x64_features *has)
{
    static emit_fn *const emitters[IR_OPCODES] = {
#define IR_OP(name, signature, attributes) [IR_##name] = emit_##name,
#include FAKE_EMIT_OPS
#undef IR_OP
    };
    struct emit_private p = {.code = code};
    struct x64 as;
    struct emit e = {.as = &as, .cpu = has, .r = r, .alloc = alloc, .block = r->block, .p = &p};

    x64_init(&as, code->code, FAKE_CODE_SIZE, has);
    x64_push(&as, X64_RBP);
    x64_lea(&as, 8, X64_RBP, x64_at(X64_RDI, EMIT_BIAS));
    load_registers(&e);
    for (unsigned n = 0; n < r->insns; n++) {
        e.insn = &r->insn[n];
        emitters[e.insn->op](&e, e.insn);
    }
    leave(&e, true);
    x64_bind(&as, &p.slow);
    leave(&e, false);
    assert_false(as.overflow);
}

bool fake_code_run(const struct fake_code *code, struct soft_cpu *c)
{
    unsigned (*run)(struct soft_cpu *) = (unsigned (*)(struct soft_cpu *))(void *)code->code;

    return run(c) != 0;
}

struct fake_code *fake_code_new(void)
{
    struct fake_code *code = mmap(NULL, sizeof(*code), PROT_READ | PROT_WRITE | PROT_EXEC,
                                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return code == MAP_FAILED ? NULL : code;
}

void fake_code_free(struct fake_code *code)
{
    munmap(code, sizeof(*code));
}
