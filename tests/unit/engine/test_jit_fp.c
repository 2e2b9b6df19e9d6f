/* SPDX-License-Identifier: ISC */
/*
 * The translator's floating point against the interpreter's handlers: every instruction of
 * translate_fp.def, with random words and the values of tests/isa, is translated, emitted for this
 * host and for lesser ones, and run. Results, NZCV and FPSR must agree to the bit.
 *
 * The rest of the translator is not here: what emit.h promises is kept by a few functions below. A
 * replay is left to the handler, with the registers and sticky flags as they are then.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <xmmintrin.h>

#include "../../isa/random.h"
#include "arm/a64.h"
#include "arm/regs.h"
#include "engine/interp/handlers.h"
#include "engine/jit/emit.h"
#include "engine/jit/flags.h"
#include "engine/jit/translate.h"
#include "fake_soft.h"

#define CODE_SIZE 4096
#define CONSTANTS 64
#define WORDS     200 /* of each instruction and host */
#define STATES    64  /* of each word */
#define MXCSR     0x1f80

struct emit_private {
    struct x64_label slow;
    unsigned constants;
};

/* Code, and after it its constants. */
struct page {
    uint8_t code[CODE_SIZE];
    uint64_t constant[CONSTANTS][2];
};

struct subject {
    enum a64_op op;
    translate_fn *translate;
    interp_handler *handler;
};

struct word {
    const struct subject *subject;
    uint32_t w;
};

static const struct subject subjects[] = {
#define TRANSLATE(name) {A64_##name, translate_##name, interp_##name},
#include "engine/jit/translate_fp.def"
#undef TRANSLATE
};

#define SUBJECTS (sizeof(subjects) / sizeof(subjects[0]))

static emit_fn *const emitters[IR_OPCODES] = {
#define IR_OP(name, signature, attributes) [IR_##name] = emit_##name,
#include "engine/jit/ir_fp.def"
#undef IR_OP
};

/* --- translate.h --- */

struct ir_insn *ir_add(struct translator *t, enum ir_opcode op)
{
    struct ir_insn *i = &t->r->insn[t->r->insns++];

    *i = (struct ir_insn){
        .op = (uint16_t)op, .size = 8, .dst = IR_NONE, .a = IR_NONE, .b = IR_NONE, .c = IR_NONE};
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

/* --- emit.h --- */

bool emit_in_reg(const struct emit *e, ir_value v)
{
    return v < IR_VALUES && e->alloc->host[v] >= 0;
}

struct x64_mem emit_mem(const struct emit *e, ir_value v)
{
    (void)e;
    return v < IR_V
               ? x64_at(EMIT_STATE, (int32_t)(offsetof(struct soft_cpu, x) + v * 8u) - EMIT_BIAS)
               : x64_at(EMIT_STATE,
                        (int32_t)(offsetof(struct soft_cpu, v) + (v - IR_V) * 16u) - EMIT_BIAS);
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
    if (dst != IR_NONE && !emit_in_reg(e, dst))
        x64_store(e->as, 8, emit_mem(e, dst), from);
}

unsigned emit_vuse(struct emit *e, ir_value v, unsigned scratch)
{
    if (emit_in_reg(e, v))
        return (unsigned)e->alloc->host[v];
    x64_vload(e->as, 16, scratch, emit_mem(e, v));
    return scratch;
}

unsigned emit_vdef(struct emit *e, ir_value dst, unsigned scratch)
{
    return emit_in_reg(e, dst) ? (unsigned)e->alloc->host[dst] : scratch;
}

void emit_vdone(struct emit *e, ir_value dst, unsigned from)
{
    if (!emit_in_reg(e, dst))
        x64_vstore(e->as, 16, emit_mem(e, dst), from);
}

struct x64_mem emit_const16(struct emit *e, uint64_t low, uint64_t high)
{
    struct page *page = (struct page *)e->as->start;
    unsigned n = e->p->constants++;

    assert_true(n < CONSTANTS);
    page->constant[n][0] = low;
    page->constant[n][1] = high;
    return x64_at(X64_RIP, (int32_t)((uint8_t *)page->constant[n] - e->as->start));
}

void emit_flags_store_raw(struct emit *e, enum x64_reg ax)
{
    x64_store(e->as, 2, EMIT_FIELD(raw_flags), ax);
}

/* In memory in another form than the translator's: 0xff00 and what LAHF gives. */
void emit_flags_set(struct emit *e, const struct ir_insn *i, enum emit_flags form)
{
    assert_true(i->flags & IR_S);
    assert_int_equal(form, EMIT_FLAGS_FP);
    x64_lahf(e->as);
    x64_shift_ri(e->as, X64_SHR, 4, X64_RAX, 8);
    x64_alu_ri(e->as, X64_OR, 4, X64_RAX, 0xff00);
    emit_flags_store_raw(e, X64_RAX);
}

/* As two host conditions where that can be had. */
enum x64_cc emit_condition(struct emit *e, unsigned cond, enum x64_cc *second, bool *both)
{
    static const struct {
        uint8_t first, second, both;
    } conditions[14] = {
        {X64_CC_E, X64_CC_NONE, 0},  {X64_CC_NE, X64_CC_NONE, 0}, {X64_CC_B, X64_CC_NONE, 0},
        {X64_CC_AE, X64_CC_NONE, 0}, {X64_CC_S, X64_CC_NONE, 0},  {X64_CC_NS, X64_CC_NONE, 0},
        {X64_CC_O, X64_CC_NONE, 0},  {X64_CC_NO, X64_CC_NONE, 0}, {X64_CC_B, X64_CC_NE, 1},
        {X64_CC_AE, X64_CC_E, 0},    {X64_CC_GE, X64_CC_NONE, 0}, {X64_CC_L, X64_CC_NONE, 0},
        {X64_CC_NE, X64_CC_GE, 1},   {X64_CC_E, X64_CC_L, 0},
    };

    x64_load(e->as, 2, X64_RAX, EMIT_FIELD(raw_flags));
    x64_alu_ri(e->as, X64_ADD, 1, X64_RAX, 127);
    x64_sahf(e->as);
    *second = (enum x64_cc)conditions[cond].second;
    *both = conditions[cond].both;
    return (enum x64_cc)conditions[cond].first;
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

/* --- one word --- */

/* Half of the registers that the word names get host registers. */
static void assign(struct random *r, uint32_t w, struct regalloc *alloc)
{
    const unsigned named[] = {a64_Rd(w), a64_Rn(w), a64_Rm(w), a64_Ra(w)};
    int8_t next = 0;

    memset(alloc, 0, sizeof(*alloc));
    memset(alloc->host, -1, sizeof(alloc->host));
    for (unsigned n = 0; n < 4; n++) {
        if (random_below(r, 2) || alloc->host[IR_V + named[n]] >= 0)
            continue;
        alloc->host[IR_V + named[n]] = next;
        if (named[n] != 31)
            alloc->host[IR_X + named[n]] = (int8_t)(X64_R8 + next);
        next++;
    }
}

static void load_registers(struct emit *e)
{
    for (ir_value v = 0; v < IR_T; v++) {
        if (emit_in_reg(e, v) && v >= IR_V)
            x64_vload(e->as, 16, (unsigned)e->alloc->host[v], emit_mem(e, v));
        else if (emit_in_reg(e, v))
            x64_load(e->as, 8, (unsigned)e->alloc->host[v], emit_mem(e, v));
    }
}

static void leave(struct emit *e, uint64_t result)
{
    for (ir_value v = 0; v < IR_T; v++) {
        if (emit_in_reg(e, v) && v >= IR_V)
            x64_vstore(e->as, 16, emit_mem(e, v), (unsigned)e->alloc->host[v]);
        else if (emit_in_reg(e, v))
            x64_store(e->as, 8, emit_mem(e, v), (unsigned)e->alloc->host[v]);
    }
    x64_mov_ri(e->as, X64_RAX, result);
    x64_pop(e->as, X64_RBP);
    x64_ret(e->as);
}

/* A function of the vCPU that executes the second of two words, the first having run; it returns
 * whether that is to be replayed. False: one of them has no translation. */
static bool compile(struct random *r, const struct word pair[2], bool flush, struct page *page,
                    const struct x64_features *has)
{
    static struct ir_region region;
    struct translator t = {.r = &region};
    struct emit_private p = {0};
    struct regalloc alloc;
    struct x64 as;
    struct emit e = {
        .as = &as, .cpu = has, .r = &region, .alloc = &alloc, .block = region.block, .p = &p};
    unsigned first;

    region.insns = 0;
    region.context = flush ? SOFT_CONTEXT_FLUSH : 0;
    if (!pair[0].subject->translate(&t, pair[0].w))
        return false;
    first = region.insns;
    if (!pair[1].subject->translate(&t, pair[1].w))
        return false;
    assign(r, pair[1].w, &alloc);
    x64_init(&as, page->code, CODE_SIZE, has);
    x64_push(&as, X64_RBP);
    x64_lea(&as, 8, X64_RBP, x64_at(X64_RDI, EMIT_BIAS));
    load_registers(&e);
    for (unsigned n = first; n < region.insns; n++) {
        e.insn = &region.insn[n];
        emitters[e.insn->op](&e, e.insn);
    }
    leave(&e, 0);
    x64_bind(&as, &p.slow);
    leave(&e, 1);
    assert_false(as.overflow);
    return true;
}

/* Arm's cumulative flags, of MXCSR's. */
static uint32_t fpsr_of(unsigned mxcsr)
{
    return (mxcsr & 1 ? FPSR_IOC : 0) | (mxcsr & 4 ? FPSR_DZC : 0) | (mxcsr & 8 ? FPSR_OFC : 0) |
           (mxcsr & 16 ? FPSR_UFC : 0) | (mxcsr & 32 ? FPSR_IXC : 0);
}

static void run(const struct word *word, struct page *page, struct soft_cpu *c)
{
    unsigned (*code)(struct soft_cpu *) = (unsigned (*)(struct soft_cpu *))(void *)page->code;
    unsigned slow, before = _mm_getcsr();
    uint32_t nzcv;

    c->raw_flags = flags_from_nzcv[c->nzcv >> 28];
    _mm_setcsr(MXCSR);
    slow = code(c);
    c->fpsr |= fpsr_of(_mm_getcsr());
    _mm_setcsr(before);
    if (slow) {
        word->subject->handler(c, word->w);
        return;
    }
    if (c->raw_flags >= 0xff00)
        c->raw_flags = flags_of_fp_compare[c->raw_flags & 0xff];
    nzcv = (uint32_t)(c->raw_flags & RAW_MASK) * RAW_TO_NZCV & 0xf0000000;
    c->nzcv = nzcv;
}

/* --- the test --- */

static void random_registers(struct random *r, struct soft_cpu *c)
{
    unsigned kind = random_below(r, RANDOM_KINDS);

    for (unsigned i = 0; i < 32; i++) {
        if (random_below(r, 4) == 0)
            kind = 1 + random_below(r, 2);
        c->x[i] = random_integer(r);
        c->v[i].d[0] = random_lanes(r, kind);
        c->v[i].d[1] = random_lanes(r, kind);
    }
    c->nzcv = random_below(r, 16) << 28;
    c->fpcr = 0;
}

static void check(const struct subject *s, uint32_t w, const struct soft_cpu *before,
                  const struct soft_cpu *theirs, const struct soft_cpu *ours)
{
    char text[80];
    unsigned d = a64_Rd(w), n = a64_Rn(w), m = a64_Rm(w), a = a64_Ra(w);
    const unsigned named[] = {d, n, m, a};

    if (memcmp(theirs->v, ours->v, sizeof(ours->v)) == 0 &&
        memcmp(theirs->x, ours->x, sizeof(ours->x)) == 0 && theirs->nzcv == ours->nzcv &&
        theirs->fpsr == ours->fpsr)
        return;
    a64_disasm(w, 0, text, sizeof(text));
    printf("%s: %s\n", a64_op_name(s->op), text);
    for (unsigned i = 0; i < 4; i++)
        printf("  before V%u %016lx%016lx X%u %016lx\n", named[i], before->v[named[i]].d[1],
               before->v[named[i]].d[0], named[i], before->x[named[i]]);
    printf("  theirs V%u %016lx%016lx X%u %016lx NZCV %08x FPSR %02x\n", d, theirs->v[d].d[1],
           theirs->v[d].d[0], d, theirs->x[d], theirs->nzcv, theirs->fpsr);
    printf("  ours   V%u %016lx%016lx X%u %016lx NZCV %08x FPSR %02x\n", d, ours->v[d].d[1],
           ours->v[d].d[0], d, ours->x[d], ours->nzcv, ours->fpsr);
    fail();
}

/* A random instruction; what it writes may be what `next`, if not 0, reads. */
static struct word random_word(struct random *r, const struct subject *s, uint32_t next)
{
    const unsigned read[] = {a64_Rn(next), a64_Rm(next), a64_Ra(next), a64_Rd(next)};
    struct word word = {s, a64_random(s->op, random_bits, r)};

    if (next && a64_decode(word.w & ~31u) == s->op) /* not of a comparison */
        word.w = (word.w & ~31u) | read[random_below(r, 4)];
    return word;
}

static void exercise(struct random *r, const struct subject *s, struct page *page,
                     const struct x64_features *has)
{
    static const uint32_t FLUSHES[] = {FPCR_FZ, FPCR_DN, FPCR_FZ | FPCR_DN};
    static struct soft_cpu before, theirs, ours;
    bool flush = random_below(r, 4) == 0;
    struct word pair[2];

    pair[1] = random_word(r, s, 0);
    pair[0] = random_word(r, &subjects[random_below(r, SUBJECTS)], pair[1].w);
    if (!compile(r, pair, flush, page, has))
        return;
    for (unsigned n = 0; n < STATES; n++) {
        random_registers(r, &before);
        if (flush)
            before.fpcr = FLUSHES[random_below(r, 3)];
        pair[0].subject->handler(&before, pair[0].w);
        before.fpsr = flush ? FPSR_IXC : 0;
        theirs = ours = before;
        s->handler(&theirs, pair[1].w);
        run(&pair[1], page, &ours);
        check(s, pair[1].w, &before, &theirs, &ours);
    }
}

static void all(unsigned allow)
{
    struct x64_features has = x64_features_detect(allow);
    struct random r = {1 + allow};
    struct page *page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE | PROT_EXEC,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(page, MAP_FAILED);
    for (unsigned n = 0; n < SUBJECTS; n++)
        for (unsigned i = 0; i < WORDS; i++)
            exercise(&r, &subjects[n], page, &has);
    munmap(page, sizeof(*page));
}

static void test_v2(void **state)
{
    (void)state;
    all(X64_ALLOW_NONE);
}

static void test_avx(void **state)
{
    (void)state;
    all(X64_ALLOW_BMI | X64_ALLOW_AVX);
}

static void test_host(void **state)
{
    (void)state;
    all(X64_ALLOW_ALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v2),
        cmocka_unit_test(test_avx),
        cmocka_unit_test(test_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
