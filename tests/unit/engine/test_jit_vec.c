/* SPDX-License-Identifier: ISC */
/*
 * The translator's vector integer operations against the interpreter's handlers: every instruction
 * of translate_simd.def, with random words and the values of tests/isa, is translated, emitted for
 * this host and for lesser ones, with its operands in registers and in memory, and run. V and X
 * registers and FPSR must agree to the bit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "../../isa/random.h"
#include "arm/a64.h"
#include "engine/interp/handlers.h"
#include "fake_emit.h"

#define WORDS  50 /* of each instruction and host */
#define STATES 16 /* of each word */
#define ROUNDS 200

struct subject {
    enum a64_op op;
    translate_fn *translate;
    interp_handler *handler;
};

static const struct subject subjects[] = {
#define TRANSLATE(name) {A64_##name, translate_##name, interp_##name},
#include "engine/jit/translate_simd.def"
#undef TRANSLATE
};

#define SUBJECTS (sizeof(subjects) / sizeof(subjects[0]))

struct rig {
    struct random random;
    struct x64_features has;
    struct fake_code *code;
    struct ir_region region;
};

static struct rig *rig_new(unsigned allow)
{
    struct rig *g = test_calloc(1, sizeof(*g));

    g->random = (struct random){1 + allow};
    g->has = x64_features_detect(allow);
    g->code = fake_code_new();
    assert_non_null(g->code);
    return g;
}

static void rig_free(struct rig *g)
{
    fake_code_free(g->code);
    test_free(g);
}

/* --- one instruction --- */

static const struct subject *subject_of(enum a64_op op)
{
    for (unsigned n = 0; n < SUBJECTS; n++)
        if (subjects[n].op == op)
            return &subjects[n];
    fail();
    return NULL;
}

/* Often with one register in several places. */
static uint32_t random_word(struct random *r, enum a64_op op)
{
    uint32_t w = a64_random(op, random_bits, r), same = w;

    switch (random_below(r, 6)) {
    case 0: same = (w & ~UINT32_C(31)) | a64_Rn(w); break;
    case 1: same = (w & ~UINT32_C(31)) | a64_Rm(w); break;
    case 2: same = (w & ~(UINT32_C(31) << 16)) | a64_Rn(w) << 16; break;
    case 3: same = (w & ~(UINT32_C(31) << 16 | 31)) | a64_Rn(w) << 16 | a64_Rn(w); break;
    default: break;
    }
    return a64_decode(same) == op ? same : w;
}

/* Half of the registers that the word names are in host registers, xmm0 among them. */
static void assign(struct random *r, uint32_t w, struct regalloc *alloc)
{
    const unsigned named[] = {a64_Rd(w), a64_Rn(w), a64_Rm(w), (a64_Rn(w) + 1) % 32};
    int8_t next = 0;

    memset(alloc, 0, sizeof(*alloc));
    memset(alloc->host, -1, sizeof(alloc->host));
    alloc->host[IR_VT] = 12;
    for (unsigned n = 0; n < 4; n++) {
        if (random_below(r, 2) || alloc->host[IR_V + named[n]] >= 0)
            continue;
        alloc->host[IR_V + named[n]] = next;
        if (named[n] != 31)
            alloc->host[IR_X + named[n]] = (int8_t)(X64_R8 + next);
        next++;
    }
}

static void random_registers(struct random *r, struct soft_cpu *c)
{
    unsigned kind = random_below(r, RANDOM_KINDS);

    for (unsigned i = 0; i < 32; i++) {
        if (random_below(r, 4) == 0)
            kind = random_below(r, RANDOM_KINDS);
        c->x[i] = random_integer(r);
        c->v[i].d[0] = random_lanes(r, kind);
        c->v[i].d[1] = random_lanes(r, kind);
    }
    c->fpsr = 0;
}

static void print_registers(const char *who, uint32_t w, const struct soft_cpu *c)
{
    const unsigned named[] = {a64_Rd(w), a64_Rn(w), a64_Rm(w)};

    printf("  %s", who);
    for (unsigned i = 0; i < 3; i++)
        printf(" V%u %016lx%016lx", named[i], c->v[named[i]].d[1], c->v[named[i]].d[0]);
    printf(" X%u %016lx FPSR %08x\n", named[0], c->x[named[0]], c->fpsr);
}

static void check(uint32_t w, const struct soft_cpu *before, const struct soft_cpu *theirs,
                  const struct soft_cpu *ours)
{
    char text[80];

    if (memcmp(theirs->v, ours->v, sizeof(ours->v)) == 0 &&
        memcmp(theirs->x, ours->x, sizeof(ours->x)) == 0 && theirs->fpsr == ours->fpsr)
        return;
    a64_disasm(w, 0, text, sizeof(text));
    printf("%s\n", text);
    print_registers("before", w, before);
    print_registers("theirs", w, theirs);
    print_registers("ours  ", w, ours);
    fail();
}

static void exercise(struct rig *g, const struct subject *s)
{
    static struct soft_cpu before, theirs, ours;
    struct translator t = {.r = &g->region};
    uint32_t w = random_word(&g->random, s->op);
    struct regalloc alloc;

    g->region.insns = 0;
    if (!s->translate(&t, w))
        return;
    assign(&g->random, w, &alloc);
    fake_emit(g->code, &g->region, &alloc, &g->has);
    for (unsigned n = 0; n < STATES; n++) {
        random_registers(&g->random, &before);
        theirs = ours = before;
        s->handler(&theirs, w);
        if (!fake_code_run(g->code, &ours))
            s->handler(&ours, w);
        check(w, &before, &theirs, &ours);
    }
}

static void all(unsigned allow)
{
    struct rig *g = rig_new(allow);

    for (unsigned n = 0; n < SUBJECTS; n++)
        for (unsigned i = 0; i < WORDS; i++)
            exercise(g, &subjects[n]);
    rig_free(g);
}

static void test_v2(void **state)
{
    (void)state;
    all(X64_ALLOW_NONE);
}

static void test_crypto(void **state)
{
    (void)state;
    all(X64_ALLOW_CRYPTO);
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

/* --- two instructions that are translated together --- */

static void set_guest(struct ir_region *r, unsigned n, enum a64_op op, uint32_t w)
{
    r->guest[n] = (struct guest_insn){.offset = (uint16_t)(4 * n), .op = (uint16_t)op, .word = w};
}

/* On hosts that do not have AES the handlers run, each alone. */
static void aes_round(struct rig *g, enum a64_op first, enum a64_op second)
{
    static struct soft_cpu before, theirs, ours;
    struct translator t = {.r = &g->region};
    uint32_t w[2] = {random_word(&g->random, first), a64_random(second, random_bits, &g->random)};
    struct regalloc alloc;

    w[1] = (w[1] & ~UINT32_C(0x3ff)) | a64_Rd(w[0]) << 5 | a64_Rd(w[0]);
    g->region.insns = 0;
    g->region.blocks = 1;
    g->region.guests = 2;
    set_guest(&g->region, 0, first, w[0]);
    set_guest(&g->region, 1, second, w[1]);
    for (t.guest = 0; t.guest < 2; t.guest++)
        assert_true(subject_of(g->region.guest[t.guest].op)->translate(&t, w[t.guest]));
    assign(&g->random, w[0], &alloc);
    fake_emit(g->code, &g->region, &alloc, &g->has);
    random_registers(&g->random, &before);
    theirs = ours = before;
    subject_of(first)->handler(&theirs, w[0]);
    subject_of(second)->handler(&theirs, w[1]);
    if (g->has.aes) {
        assert_true(fake_code_run(g->code, &ours));
        check(w[0], &before, &theirs, &ours);
    }
}

static void test_aes_rounds(void **state)
{
    struct rig *g = rig_new(X64_ALLOW_ALL);

    (void)state;
    for (unsigned n = 0; n < ROUNDS; n++) {
        aes_round(g, A64_AESE, A64_AESMC);
        aes_round(g, A64_AESD, A64_AESIMC);
    }
    rig_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v2),   cmocka_unit_test(test_crypto),     cmocka_unit_test(test_avx),
        cmocka_unit_test(test_host), cmocka_unit_test(test_aes_rounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
