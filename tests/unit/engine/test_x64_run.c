/* SPDX-License-Identifier: ISC */
/*
 * The assembler's code, run: branches and labels, the writer's end, and every vector operation in
 * its legacy form against its VEX form, whichever operands are the same register.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdalign.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bits.h"
#include "engine/jit/x64.h"

#define CODE_SIZE 4096

/* ---- code, written and then run ---- */

struct code {
    struct x64 a;
    uint8_t *bytes;
};

static void code_begin(struct code *c, unsigned allow)
{
    struct x64_features has = x64_features_detect(allow);

    c->bytes = mmap(NULL, CODE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(c->bytes != MAP_FAILED);
    x64_init(&c->a, c->bytes, CODE_SIZE, &has);
}

/* Runs the code with its arguments in rdi and rsi, per the System V ABI; rax is the result. */
static uint64_t code_run(struct code *c, const void *rdi, uint64_t rsi)
{
    uint64_t (*function)(const void *, uint64_t);
    uint64_t result;

    assert_false(c->a.overflow);
    assert_int_equal(mprotect(c->bytes, CODE_SIZE, PROT_READ | PROT_EXEC), 0);
    memcpy(&function, &c->bytes, sizeof(function));
    result = function(rdi, rsi);
    munmap(c->bytes, CODE_SIZE);
    return result;
}

/* ---- branches ---- */

/* The sum of 1 to rsi, by a loop whose test is at its end. */
static void test_labels(void **state)
{
    struct x64_label loop = {0}, check = {0}, done = {0};
    struct code c;

    code_begin(&c, X64_ALLOW_ALL);
    x64_mov_ri(&c.a, X64_RAX, 0);
    x64_jmp_label(&c.a, &check);
    x64_bind(&c.a, &loop);
    x64_alu_rr(&c.a, X64_ADD, 8, X64_RAX, X64_RSI);
    x64_alu_ri(&c.a, X64_SUB, 8, X64_RSI, 1);
    x64_alu_ri(&c.a, X64_CMP, 8, X64_RSI, -7);
    x64_jcc_label(&c.a, X64_CC_E, &done);
    x64_nop(&c.a, 200); /* the way back is a rel32 */
    x64_bind(&c.a, &check);
    x64_test_rr(&c.a, 8, X64_RSI, X64_RSI);
    x64_jcc_label(&c.a, X64_CC_E, &done);
    x64_jmp_label(&c.a, &loop);
    x64_ud2(&c.a);
    x64_bind(&c.a, &done);
    x64_ret(&c.a);
    assert_int_equal(code_run(&c, NULL, 100), 5050);
}

/* Short forward branches, and calls patched later. */
static void test_fields(void **state)
{
    struct code c;
    uint8_t *skip, *over, *call, *jump;

    code_begin(&c, X64_ALLOW_ALL);
    x64_mov_ri(&c.a, X64_RAX, 1);
    x64_test_rr(&c.a, 4, X64_RSI, X64_RSI);
    skip = x64_jcc_short(&c.a, X64_CC_NE);
    x64_ud2(&c.a);
    x64_here(&c.a, skip);
    over = x64_jmp_short(&c.a);
    x64_nop(&c.a, 127);
    x64_here(&c.a, over);
    call = x64_call(&c.a);
    jump = x64_jmp(&c.a);
    x64_ud2(&c.a);
    x64_align(&c.a, 64);
    assert_int_equal((uintptr_t)c.a.at % 64, 0);
    assert_ptr_equal(x64_target(call), call + 4);
    x64_patch(call, c.a.at);
    assert_ptr_equal(x64_target(call), c.a.at);
    x64_alu_ri(&c.a, X64_ADD, 4, X64_RAX, 40);
    x64_ret(&c.a);
    x64_here32(&c.a, jump);
    x64_alu_ri(&c.a, X64_ADD, 4, X64_RAX, 1);
    x64_ret(&c.a);
    assert_int_equal(code_run(&c, NULL, 1), 42);
}

/* Constants before and after the code that reads them; an immediate follows the displacement. */
static void test_rip_relative(void **state)
{
    static const uint64_t first = 0x1000000000, second = 7;
    struct code c;
    uint8_t *over;

    code_begin(&c, X64_ALLOW_ALL);
    over = x64_jmp_short(&c.a);
    x64_align(&c.a, 16);
    x64_data(&c.a, &first, sizeof(first));
    x64_here(&c.a, over);
    x64_load(&c.a, 8, X64_RAX, x64_at(X64_RIP, 16));
    x64_alu_rm(&c.a, X64_ADD, 8, X64_RAX, x64_at(X64_RIP, 128));
    x64_imul_rmi(&c.a, 8, X64_R9, x64_at(X64_RIP, 128), 1000);
    x64_alu_rr(&c.a, X64_ADD, 8, X64_RAX, X64_R9);
    x64_v2m(&c.a, X64_MOVQ, X64_XMM9, x64_at(X64_RIP, 128));
    x64_movd_rx(&c.a, 8, X64_RCX, X64_XMM9);
    x64_alu_rr(&c.a, X64_SUB, 8, X64_RAX, X64_RCX);
    x64_ret(&c.a);
    x64_nop(&c.a, (unsigned)(c.a.start + 128 - c.a.at));
    x64_data(&c.a, &second, sizeof(second));
    assert_int_equal(code_run(&c, NULL, 0), first + 7000);
}

/* A rel8 that cannot reach makes the code as bad as one that did not fit. */
static void test_short_out_of_reach(void **state)
{
    uint8_t bytes[512];
    struct x64_features has = {.v2 = true};
    struct x64 a;
    uint8_t *field;

    x64_init(&a, bytes, sizeof(bytes), &has);
    field = x64_jmp_short(&a);
    x64_nop(&a, 128);
    assert_false(a.overflow);
    x64_here(&a, field);
    assert_true(a.overflow);
}

/* The shorter form reaches 128 bytes back, its own two included. */
static void test_shortest_backward(void **state)
{
    uint8_t bytes[512];
    struct x64_features has = {.v2 = true};
    struct x64 a;

    for (unsigned gap = 125; gap < 129; gap++) {
        unsigned jmp = gap <= 126 ? 2 : 5, jcc = gap <= 126 ? 2 : 6;

        x64_init(&a, bytes, sizeof(bytes), &has);
        x64_nop(&a, gap);
        x64_jmp_to(&a, bytes);
        assert_int_equal(a.at - bytes, gap + jmp);
        x64_init(&a, bytes, sizeof(bytes), &has);
        x64_nop(&a, gap);
        x64_jcc_to(&a, X64_CC_E, bytes);
        assert_int_equal(a.at - bytes, gap + jcc);
    }
}

/* Whatever is written, nothing is past the end, and the fields that are NULL do no harm. */
static void test_overflow(void **state)
{
    enum { GUARD = 32 };
    static const uint8_t data[X64_ROOM] = {1};
    uint8_t bytes[256 + GUARD];
    struct x64_features has = {.v2 = true};

    for (size_t size = 0; size <= 256; size += 7) {
        struct x64_label label = {0};
        struct x64 a;

        memset(bytes, 0xee, sizeof(bytes));
        x64_init(&a, bytes, size, &has);
        for (unsigned n = 0; n < 40; n++) {
            x64_lock_alu_mi(&a, X64_ADD, 8, x64_at_index(X64_R12, X64_R13, 8, 0x12345), 0x12345);
            x64_mov_ri(&a, X64_R15, UINT64_MAX / 3);
            x64_here(&a, x64_jcc_short(&a, X64_CC_E));
            x64_here32(&a, x64_jmp(&a));
            x64_call_label(&a, &label);
            x64_jmp_to(&a, bytes);
            x64_nop(&a, 50);
            x64_data(&a, data, X64_ROOM);
        }
        x64_bind(&a, &label);
        assert_true(a.overflow);
        assert_true(a.at <= a.end);
        for (size_t n = size; n < sizeof(bytes); n++) {
            assert_int_equal(bytes[n], 0xee);
        }
    }
}

/* ---- encodings chosen for their length, which a disassembler does not tell ---- */

static void test_lengths(void **state)
{
    uint8_t bytes[512];
    struct x64_features has = {.v2 = true, .avx = true};
    struct x64 a;

    x64_init(&a, bytes, sizeof(bytes), &has);
#define LENGTH_IS(n, call)                                                                         \
    do {                                                                                           \
        a.at = a.start;                                                                            \
        call;                                                                                      \
        assert_int_equal(a.at - a.start, n);                                                       \
    } while (0)
    LENGTH_IS(5, x64_mov_ri(&a, X64_RAX, 0));
    LENGTH_IS(5, x64_mov_ri(&a, X64_RDI, UINT32_MAX));
    LENGTH_IS(6, x64_mov_ri(&a, X64_R8, UINT32_MAX));
    LENGTH_IS(7, x64_mov_ri(&a, X64_RAX, UINT64_MAX));
    LENGTH_IS(10, x64_mov_ri(&a, X64_RAX, UINT64_MAX << 32));
    LENGTH_IS(2, x64_alu_rr(&a, X64_ADD, 4, X64_RAX, X64_RDI));
    LENGTH_IS(3, x64_alu_ri(&a, X64_ADD, 4, X64_RCX, -128));
    LENGTH_IS(3, x64_alu_ri(&a, X64_ADD, 4, X64_RAX, 127));
    LENGTH_IS(5, x64_alu_ri(&a, X64_ADD, 4, X64_RAX, 128));
    LENGTH_IS(6, x64_alu_ri(&a, X64_ADD, 4, X64_RCX, 128));
    LENGTH_IS(2, x64_alu_rr(&a, X64_ADD, 1, X64_RAX, X64_RBX));
    LENGTH_IS(3, x64_alu_rr(&a, X64_ADD, 1, X64_RAX, X64_RDI));
    LENGTH_IS(3, x64_load(&a, 4, X64_RAX, x64_at(X64_RBP, -128)));
    LENGTH_IS(4, x64_load(&a, 8, X64_RAX, x64_at(X64_RBP, 127)));
    LENGTH_IS(7, x64_load(&a, 8, X64_RAX, x64_at(X64_RBP, 128)));
    LENGTH_IS(3, x64_load(&a, 8, X64_RAX, x64_at(X64_RBX, 0)));
    LENGTH_IS(1, x64_push(&a, X64_RBX));
    LENGTH_IS(2, x64_push(&a, X64_R12));
    LENGTH_IS(2, x64_shift_ri(&a, X64_SHL, 4, X64_RAX, 1));
    LENGTH_IS(4, x64_v3(&a, X64_PADDB, X64_XMM9, X64_XMM10, X64_XMM1));
    LENGTH_IS(5, x64_v3(&a, X64_PADDB, X64_XMM1, X64_XMM1, X64_XMM9));
    LENGTH_IS(7, x64_v3m(&a, X64_VPMINSQ, 1, 2, x64_at(X64_RBP, 16 * 127)));
    LENGTH_IS(10, x64_v3m(&a, X64_VPMINSQ, 1, 2, x64_at(X64_RBP, 8)));
#undef LENGTH_IS
}

/* ---- vectors: both forms do the same ---- */

enum {
    OP3 = 1 << 0,
    OP2 = 1 << 1,
    ST = 1 << 2,
    XR = 1 << 3,
    RX = 1 << 4,
    GROUP = 1 << 5,
    MASKED = 1 << 6,
    IMM = 1 << 7,
    C = 1 << 8,
    VEX = 1 << 9,
    EVEX = 1 << 10,
    LEG = 1 << 11,
};
#define G(digit)       GROUP
#define BLENDV(opcode) MASKED

struct row {
    const char *name;
    unsigned flags;
};

#define ROW(name, prefix, map, opcode, w, needs, flags) [X64_##name] = {#name, flags},
static const struct row rows[] = {X64_VOPS(ROW)};

#define REGS 5

struct vector {
    alignas(16) uint8_t bytes[16];
};

/* Loads xmm0 to xmm4 from rdi, does `op`, stores them back. */
static void run_op(enum x64_vop op, unsigned allow, const unsigned operands[3],
                   struct vector values[REGS])
{
    unsigned flags = rows[op].flags;
    struct code c;

    code_begin(&c, allow);
    for (unsigned n = 0; n < REGS; n++) {
        x64_vload(&c.a, 16, n, x64_at(X64_RDI, (int32_t)n * 16));
    }
    if (flags & MASKED) {
        x64_blendv(&c.a, op, operands[0], operands[1], operands[2], X64_XMM0);
    } else if (flags & GROUP) {
        x64_vshift_i(&c.a, op, operands[0], operands[1], 3);
    } else {
        x64_v3i(&c.a, op, operands[0], operands[1], operands[2], 0x05);
    }
    for (unsigned n = 0; n < REGS; n++) {
        x64_vstore(&c.a, 16, x64_at(X64_RDI, (int32_t)n * 16), n);
    }
    x64_ret(&c.a);
    code_run(&c, values, 0);
}

/* Arbitrary bits, which read as ordinary numbers when they are taken for floating point. */
static void fill(struct vector values[REGS])
{
    uint32_t x = 0x2545f491;

    for (unsigned n = 0; n < REGS * 4; n++) {
        uint32_t word;

        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        word = (x & 0x803fffff) | 0x3f000000;
        memcpy(&values[n / 4].bytes[n % 4 * 4], &word, sizeof(word));
    }
}

/*
 * An operation that reads but its destination and sources leaves all else as it was, and does the
 * same in both forms; so the copies, exchanges and the detour by xmm15 are right.
 */
static void test_forms_agree(void **state)
{
    static const unsigned operands[][3] = {{1, 2, 3}, {1, 1, 2}, {1, 2, 1}, {1, 2, 2}, {1, 1, 1}};
    struct x64_features has = x64_features_detect(X64_ALLOW_ALL);
    unsigned done = 0;

    if (!has.avx) {
        skip();
    }
    for (unsigned op = 0; op < X64_VOP_COUNT; op++) {
        if (!(rows[op].flags & (OP3 | GROUP | MASKED)) || (rows[op].flags & (VEX | EVEX | LEG)) ||
            op == X64_MOVLPD || op == X64_MOVHPD || !x64_vop_available(&has, op)) {
            continue;
        }
        for (unsigned n = 0; n < nitems(operands); n++) {
            struct vector before[REGS], legacy[REGS], vex[REGS];

            fill(before);
            memcpy(legacy, before, sizeof(before));
            memcpy(vex, before, sizeof(before));
            run_op(op, X64_ALLOW_ALL & ~X64_ALLOW_AVX, operands[n], legacy);
            run_op(op, X64_ALLOW_ALL, operands[n], vex);
            if (memcmp(legacy, vex, sizeof(vex)) != 0) {
                print_error("%s of %u, %u, %u\n", rows[op].name, operands[n][0], operands[n][1],
                            operands[n][2]);
                fail();
            }
            memcpy(before[1].bytes, vex[1].bytes, sizeof(before[1].bytes));
            assert_memory_equal(vex, before, sizeof(before));
        }
        done++;
    }
    assert_true(done > 100);
}

/* What the table calls commutative is. The values are numbers: two NaNs are its exception. */
static void test_commutative(void **state)
{
    static const unsigned one[3] = {1, 2, 3}, other[3] = {1, 3, 2};
    struct x64_features has = x64_features_detect(X64_ALLOW_ALL);

    for (unsigned op = 0; op < X64_VOP_COUNT; op++) {
        struct vector values[2][REGS];

        if (!(rows[op].flags & C) || !x64_vop_available(&has, op)) {
            continue;
        }
        fill(values[0]);
        fill(values[1]);
        run_op(op, X64_ALLOW_ALL, one, values[0]);
        run_op(op, X64_ALLOW_ALL, other, values[1]);
        assert_memory_equal(values[0], values[1], sizeof(values[0]));
    }
}

/* What the caller forbids is not there, and what needs another is not there without it. */
static void test_features(void **state)
{
    struct x64_features none = x64_features_detect(X64_ALLOW_NONE);
    struct x64_features all = x64_features_detect(X64_ALLOW_ALL);
    struct x64_features no_avx = x64_features_detect(X64_ALLOW_ALL & ~X64_ALLOW_AVX);

    assert_true(none.v2 == all.v2);
    assert_false(none.aes || none.pclmul || none.sha || none.gfni);
    assert_false(none.bmi1 || none.bmi2 || none.lzcnt || none.movbe);
    assert_false(none.avx || none.avx2 || none.fma || none.f16c || none.avx512);
    assert_false(no_avx.avx || no_avx.avx2 || no_avx.fma || no_avx.avx512 || no_avx.vbmi);
    assert_true(no_avx.aes == all.aes && no_avx.bmi2 == all.bmi2);
    assert_int_equal(all.avx2, __builtin_cpu_supports("avx2") != 0);
    assert_int_equal(all.bmi2, __builtin_cpu_supports("bmi2") != 0);
    assert_int_equal(all.fma, __builtin_cpu_supports("fma") != 0);
    assert_int_equal(all.v2, __builtin_cpu_supports("sse4.2") != 0);
    assert_true(x64_vop_available(&none, X64_PADDB));
    assert_false(x64_vop_available(&none, X64_VPSLLVD));
    assert_int_equal(x64_vop_available(&all, X64_AESENC), all.aes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_rip_relative),
        cmocka_unit_test(test_short_out_of_reach),
        cmocka_unit_test(test_shortest_backward),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_forms_agree),
        cmocka_unit_test(test_commutative),
        cmocka_unit_test(test_features),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
