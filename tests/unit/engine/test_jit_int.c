/* SPDX-License-Identifier: ISC */
/*
 * The translator's integer instructions against the interpreter's handlers: random programs of them
 * and of branches forwards, compiled by the whole pipeline (compile.h) for this host and for lesser
 * ones, and run on random registers. Registers, NZCV and PC must agree to the bit.
 *
 * tests/isa compares single instructions with QEMU; here they follow one another, with the
 * constants, flags and registers that passes carry between them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../isa/random.h"
#include "base/bits.h"
#include "engine/interp/handlers.h"
#include "engine/jit/compile.h"
#include "engine/soft/tlb.h"

#define CODE_SIZE 65536
#define CONSTANTS 64
#define PROGRAMS  12000 /* for each host */
#define STATES    6     /* of each program */
#define MAX_INSNS 24
#define PAGE_VA   UINT64_C(0x123456789000)

static const enum a64_op integer_ops[] = {
#define TRANSLATE(name) A64_##name,
#include "engine/jit/translate_int.def"
#undef TRANSLATE
};

static interp_handler *const handlers[A64_OP_COUNT] = {
#define HANDLER(name) [A64_##name] = interp_##name,
    A64_OPS(HANDLER)
#undef HANDLER
};

struct host {
    uint8_t *code;
    uint64_t *constants;
    struct x64_features has;
    struct soft_jump *jump;
    struct compiler compiler;
    const void *entry;
    void (*enter)(struct soft_cpu *c, const void *code);
};

struct program {
    unsigned count;
    uint32_t word[1024];
};

/* --- programs --- */

/* The word with one of the first `registers` or 31 in its fields, so that results become operands.
 * Fields that are something else change, too, and what is no longer the same instruction is not
 * taken. */
static uint32_t crowd(struct random *r, enum a64_op op, uint32_t w, unsigned registers)
{
    static const uint8_t at[4] = {0, 5, 10, 16};

    for (unsigned n = 0; n < nitems(at); n++) {
        uint32_t keep = ~(UINT32_C(31) << at[n]);
        unsigned reg = random_below(r, registers + 1);
        uint32_t changed = (w & keep) | (reg == registers ? 31 : reg) << at[n];

        if (random_below(r, 8) && a64_decode(changed) == op)
            w = changed;
    }
    return w;
}

/* A branch from instruction n to one further on, at the end at most. */
static uint32_t random_branch(struct random *r, unsigned n, unsigned count)
{
    static const enum a64_op branches[] = {A64_B_cond, A64_CBZ, A64_CBNZ, A64_TBZ, A64_TBNZ};
    enum a64_op op = branches[random_below(r, nitems(branches))];
    uint32_t distance = 1 + random_below(r, MIN(count - n, 5u));
    uint32_t w = a64_random(op, random_bits, r);

    if (op == A64_TBZ || op == A64_TBNZ)
        return (w & ~(UINT32_C(0x3fff) << 5)) | distance << 5;
    return (w & ~(UINT32_C(0x7ffff) << 5)) | distance << 5;
}

static uint32_t random_insn(struct random *r, unsigned registers)
{
    enum a64_op op = integer_ops[random_below(r, nitems(integer_ops))];
    uint32_t w;

    if (random_below(r, 20) == 0) /* whose flags have a form of their own */
        op = A64_FCMP;
    w = crowd(r, op, a64_random(op, random_bits, r), registers);
    if ((op == A64_CSINC || op == A64_CSINV) && random_below(r, 2))
        w |= 31 << 16 | 31 << 5; /* CSET, CSETM */
    return w;
}

/* As many registers as the host has some for, or more. It ends with a jump to the next page. */
static void random_program(struct random *r, struct program *p)
{
    unsigned registers = 4u << random_below(r, 3);

    p->count = 1 + random_below(r, MAX_INSNS);
    for (unsigned n = 0; n < p->count; n++)
        p->word[n] =
            random_below(r, 6) == 0 ? random_branch(r, n, p->count) : random_insn(r, registers);
    p->word[p->count] = UINT32_C(0x14000000) | (1024 - p->count);
}

static void interpret(const struct program *p, struct soft_cpu *c)
{
    while ((c->pc - PAGE_VA) / 4 < 1024) {
        uint32_t w = p->word[(c->pc - PAGE_VA) / 4];

        c->next_pc = c->pc + 4;
        handlers[a64_decode(w)](c, w);
        c->pc = c->next_pc;
    }
}

/* --- what translated code calls: it leaves --- */

static const void *leave(struct soft_cpu *c)
{
    return NULL;
}

static const void *no_link(struct soft_cpu *c, struct link_stub *stub)
{
    return NULL;
}

static const struct thunk_calls calls = {handlers, leave, leave, no_link};

static void compile_program(struct host *h, const struct program *p)
{
    struct const_pool pool = {.value = h->constants, .limit = CONSTANTS};
    struct thunks thunks;
    struct x64 as;

    x64_init(&as, h->code, CODE_SIZE, &h->has);
    thunks_emit(&as, &calls, &thunks);
    h->enter = (void (*)(struct soft_cpu *, const void *))(void *)thunks.enter;
    h->entry = as.at;
    assert_true(compile(&h->compiler, &as, &thunks, &pool, (const uint8_t *)p->word, 0, 0,
                        &cpuid_atoll, 0, false));
}

/* --- the test --- */

static void random_state(struct random *r, const struct host *h, struct soft_cpu *c)
{
    memset(c, 0, sizeof(*c));
    for (unsigned n = 0; n < 32; n++)
        c->x[n] = random_below(r, 2) ? random_integer(r) : random_u64(r);
    for (unsigned n = 0; n < 32; n++)
        c->v[n].d[0] = random_lanes(r, 1 + random_below(r, 2));
    c->nzcv = random_below(r, 16) << 28;
    c->pc = c->code_base = PAGE_VA;
    c->slice = 1000;
    c->jump = h->jump;
}

static void show(const struct host *h, const struct program *p, const struct soft_cpu *before,
                 const struct soft_cpu *theirs, const struct soft_cpu *ours)
{
    char text[80];

    for (unsigned n = 0; n <= p->count; n++) {
        a64_disasm(p->word[n], n * 4, text, sizeof(text));
        printf("  %03x %s\n", n * 4, text);
    }
    ir_dump(&h->compiler.region, stdout);
    for (unsigned n = 0; n < 32; n++)
        printf("%c X%u before %016lx theirs %016lx ours %016lx\n",
               theirs->x[n] == ours->x[n] ? ' ' : '!', n, before->x[n], theirs->x[n], ours->x[n]);
    printf("NZCV before %08x theirs %08x ours %08x\n", before->nzcv, theirs->nzcv, ours->nzcv);
}

static void exercise(struct random *r, struct host *h)
{
    static struct soft_cpu before, theirs, ours;
    static struct program p;

    random_program(r, &p);
    compile_program(h, &p);
    for (unsigned n = 0; n < STATES; n++) {
        random_state(r, h, &before);
        theirs = ours = before;
        interpret(&p, &theirs);
        h->enter(&ours, h->entry);
        if (memcmp(theirs.x, ours.x, sizeof(ours.x)) != 0 || theirs.nzcv != ours.nzcv ||
            theirs.pc != ours.pc) {
            show(h, &p, &before, &theirs, &ours);
            fail();
        }
    }
}

static void all(unsigned allow)
{
    struct host *h = calloc(1, sizeof(*h));
    struct random r = {1 + allow};

    assert_non_null(h);
    h->has = x64_features_detect(allow);
    h->jump = calloc(SOFT_JUMP_SIZE, sizeof(*h->jump));
    assert_non_null(h->jump);
    h->code = mmap(NULL, CODE_SIZE + CONSTANTS * 16, PROT_READ | PROT_WRITE | PROT_EXEC,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(h->code, MAP_FAILED);
    h->constants = (uint64_t *)(void *)(h->code + CODE_SIZE);
    for (unsigned n = 0; n < PROGRAMS; n++)
        exercise(&r, h);
    munmap(h->code, CODE_SIZE + CONSTANTS * 16);
    free(h->jump);
    free(h);
}

static void test_v2(void **state)
{
    all(X64_ALLOW_NONE);
}

static void test_bmi(void **state)
{
    all(X64_ALLOW_BMI | X64_ALLOW_CRYPTO);
}

static void test_host(void **state)
{
    all(X64_ALLOW_ALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v2),
        cmocka_unit_test(test_bmi),
        cmocka_unit_test(test_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
