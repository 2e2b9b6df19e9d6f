/* SPDX-License-Identifier: ISC */
/*
 * The assembler's general-purpose instructions: each written with many operands, and read back by a
 * disassembler.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "x64_listing.h"

static const char *cc_name(unsigned cc)
{
    static const char *const names[16] = {"o", "no", "b", "ae", "e", "ne", "be", "a",
                                          "s", "ns", "p", "np", "l", "ge", "le", "g"};

    return names[cc];
}

static void alu(struct listing *l)
{
    static const char *const names[] = {"add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"};
    static const int32_t imms[] = {1, -1, 127, 128, -129, 0x12345678};
    struct x64 *a = &l->a;

    for (unsigned size = 1; size <= 8; size *= 2) {
        for (unsigned op = 0; op < 8; op++) {
            for (unsigned r = 0; r < 16; r++) {
                for (unsigned s = 0; s < 16; s++) {
                    x64_alu_rr(a, op, size, r, s);
                    expect(l, "%s %s,%s", names[op], reg(size, r), reg(size, s));
                }
                for (unsigned n = 0; n < nitems(imms); n++) {
                    x64_alu_ri(a, op, size, r, imms[n]);
                    expect(l, "%s %s,%s", names[op], reg(size, r), imm_text(size, imms[n]));
                }
            }
            for (unsigned n = 0; n < MEMS; n++) {
                unsigned r = n % 16;
                int32_t imm = imms[n % nitems(imms)];
                const char *m = mem_text(size, mem(n));

                x64_alu_rm(a, op, size, r, mem(n));
                expect(l, "%s %s,%s", names[op], reg(size, r), m);
                x64_alu_mr(a, op, size, mem(n), r);
                expect(l, "%s %s,%s", names[op], m, reg(size, r));
                x64_alu_mi(a, op, size, mem(n), imm);
                expect(l, "%s %s,%s", names[op], m, imm_text(size, imm));
                if (op != X64_CMP) {
                    x64_lock_alu_mr(a, op, size, mem(n), r);
                    expect(l, "lock %s %s,%s", names[op], m, reg(size, r));
                    x64_lock_alu_mi(a, op, size, mem(n), imm);
                    expect(l, "lock %s %s,%s", names[op], m, imm_text(size, imm));
                }
            }
        }
        for (unsigned r = 0; r < 16; r++) {
            unsigned s = partner(r);
            const char *m = mem_text(size, few(r % FEW));

            x64_test_rr(a, size, r, s);
            expect(l, "test %s,%s", reg(size, r), reg(size, s));
            x64_test_ri(a, size, r, 0x45);
            expect(l, "test %s,0x45", reg(size, r));
            x64_test_mr(a, size, few(r % FEW), r);
            expect(l, "test %s,%s", m, reg(size, r));
            x64_test_mi(a, size, few(r % FEW), -2);
            expect(l, "test %s,%s", m, imm_text(size, -2));
        }
    }
}

static void moves(struct listing *l)
{
    struct x64 *a = &l->a;

    for (unsigned size = 1; size <= 8; size *= 2) {
        for (unsigned r = 0; r < 16; r++) {
            for (unsigned s = 0; s < 16; s++) {
                x64_mov_rr(a, size, r, s);
                expect(l, "mov %s,%s", reg(size, r), reg(size, s));
            }
            x64_xchg_rr(a, size, r, partner(r));
            expect(l, "xchg %s,%s", reg(size, r), reg(size, partner(r)));
        }
        for (unsigned n = 0; n < MEMS; n++) {
            unsigned r = (n + size) % 16;
            const char *m = mem_text(size, mem(n));

            x64_load(a, size, r, mem(n));
            expect(l, "%s %s,%s", size < 4 ? "movzx" : "mov", reg(size < 4 ? 4 : size, r), m);
            x64_store(a, size, mem(n), r);
            expect(l, "mov %s,%s", m, reg(size, r));
            x64_store_i(a, size, mem(n), -0x55);
            expect(l, "mov %s,%s", m, imm_text(size, -0x55));
            x64_xchg_mr(a, size, mem(n), r);
            expect(l, "xchg %s,%s", m, reg(size, r));
            if (size >= 4) {
                x64_lea(a, size, r, mem(n));
                expect(l, "lea %s,%s", reg(size, r), mem_text(0, mem(n)));
            }
        }
    }
    for (unsigned r = 0; r < 16; r++) {
        static const uint64_t values[] = {
            0,          1,           0x7fffffff,         0x80000000,
            0xffffffff, 0x100000000, 0xffffffff80000000, 0xffffffff7fffffff};

        for (unsigned n = 0; n < nitems(values); n++) {
            bool simm = n == 6, wide = values[n] > UINT32_MAX;

            x64_mov_ri(a, r, values[n]);
            expect(l, "%s %s,0x%llx", wide && !simm ? "movabs" : "mov", reg(wide ? 8 : 4, r),
                   (unsigned long long)values[n]);
        }
        x64_push(a, r);
        expect(l, "push %s", reg(8, r));
        x64_pop(a, r);
        expect(l, "pop %s", reg(8, r));
        x64_bswap(a, 4, r);
        expect(l, "bswap %s", reg(4, r));
        x64_bswap(a, 8, r);
        expect(l, "bswap %s", reg(8, r));
    }
    for (unsigned n = 0; n < FEW; n++) {
        x64_push_m(a, few(n));
        expect(l, "push %s", mem_text(8, few(n)));
        x64_pop_m(a, few(n));
        expect(l, "pop %s", mem_text(8, few(n)));
    }
}

static void extensions(struct listing *l)
{
    struct x64 *a = &l->a;

    for (unsigned from = 1; from <= 4; from *= 2) {
        for (unsigned r = 0; r < 16; r++) {
            unsigned s = partner(r);
            const char *m = mem_text(from, few(r % FEW));
            const char *name = from == 4 ? "movsxd" : "movsx";

            x64_movzx_rr(a, r, s, from);
            expect(l, "%s %s,%s", from == 4 ? "mov" : "movzx", reg(4, r), reg(from, s));
            x64_movzx_rm(a, r, few(r % FEW), from);
            expect(l, "%s %s,%s", from == 4 ? "mov" : "movzx", reg(4, r), m);
            x64_movsx_rr(a, 8, r, s, from);
            expect(l, "%s %s,%s", name, reg(8, r), reg(from, s));
            x64_movsx_rm(a, 8, r, few(r % FEW), from);
            expect(l, "%s %s,%s", name, reg(8, r), m);
            name = from == 4 ? "mov" : "movsx";
            x64_movsx_rr(a, 4, r, s, from);
            expect(l, "%s %s,%s", name, reg(4, r), reg(from, s));
            x64_movsx_rm(a, 4, r, few(r % FEW), from);
            expect(l, "%s %s,%s", name, reg(4, r), m);
        }
    }
}

static void conditions(struct listing *l)
{
    struct x64 *a = &l->a;

    for (unsigned cc = 0; cc < 16; cc++) {
        for (unsigned size = 4; size <= 8; size *= 2) {
            for (unsigned r = 0; r < 16; r++) {
                x64_cmov_rr(a, cc, size, r, partner(r));
                expect(l, "cmov%s %s,%s", cc_name(cc), reg(size, r), reg(size, partner(r)));
                x64_cmov_rm(a, cc, size, r, few(r % FEW));
                expect(l, "cmov%s %s,%s", cc_name(cc), reg(size, r), mem_text(size, few(r % FEW)));
            }
        }
        for (unsigned r = 0; r < 16; r++) {
            x64_setcc_r(a, cc, r);
            expect(l, "set%s %s", cc_name(cc), reg(1, r));
        }
        x64_setcc_m(a, cc, few(cc % FEW));
        expect(l, "set%s %s", cc_name(cc), mem_text(1, few(cc % FEW)));
    }
}

static void shifts(struct listing *l)
{
    static const char *const names[] = {"rol", "ror", "rcl", "rcr", "shl", "shr", NULL, "sar"};
    struct x64 *a = &l->a;

    for (unsigned op = 0; op < nitems(names); op++) {
        if (names[op] == NULL) {
            continue;
        }
        for (unsigned size = 1; size <= 8; size *= 2) {
            for (unsigned r = 0; r < 16; r++) {
                const char *m = mem_text(size, few(r % FEW));

                x64_shift_ri(a, op, size, r, 5);
                expect(l, "%s %s,0x5", names[op], reg(size, r));
                x64_shift_ri(a, op, size, r, 1);
                expect(l, "%s %s,1", names[op], reg(size, r));
                x64_shift_rcl(a, op, size, r);
                expect(l, "%s %s,cl", names[op], reg(size, r));
                x64_shift_mi(a, op, size, few(r % FEW), 3);
                expect(l, "%s %s,0x3", names[op], m);
                x64_shift_mi(a, op, size, few(r % FEW), 1);
                expect(l, "%s %s,1", names[op], m);
                x64_shift_mcl(a, op, size, few(r % FEW));
                expect(l, "%s %s,cl", names[op], m);
            }
        }
    }
    for (unsigned size = 2; size <= 8; size *= 2) {
        for (unsigned r = 0; r < 16; r++) {
            const char *r1 = reg(size, r), *r2 = reg(size, partner(r));

            x64_shld_ri(a, size, r, partner(r), 9);
            expect(l, "shld %s,%s,0x9", r1, r2);
            x64_shld_rcl(a, size, r, partner(r));
            expect(l, "shld %s,%s,cl", r1, r2);
            x64_shrd_ri(a, size, r, partner(r), 9);
            expect(l, "shrd %s,%s,0x9", r1, r2);
            x64_shrd_rcl(a, size, r, partner(r));
            expect(l, "shrd %s,%s,cl", r1, r2);
        }
    }
}

static void bmi(struct listing *l)
{
    static const struct {
        const char *name;
        void (*emit)(struct x64 *a, unsigned size, unsigned r1, unsigned r2, unsigned r3);
    } three[] = {
        {"shlx", x64_shlx}, {"shrx", x64_shrx}, {"sarx", x64_sarx},
        {"pdep", x64_pdep}, {"pext", x64_pext}, {"mulx", x64_mulx},
        {"bzhi", x64_bzhi}, {"andn", x64_andn}, {"bextr", x64_bextr},
    };
    static const struct {
        const char *name;
        void (*emit)(struct x64 *a, unsigned size, unsigned r1, unsigned r2);
    } two[] = {{"blsr", x64_blsr}, {"blsmsk", x64_blsmsk}, {"blsi", x64_blsi}};
    struct x64 *a = &l->a;

    for (unsigned size = 4; size <= 8; size *= 2) {
        for (unsigned r = 0; r < 16; r++) {
            unsigned s = partner(r), t = (r + 3) % 16;

            for (unsigned n = 0; n < nitems(three); n++) {
                three[n].emit(a, size, r, s, t);
                expect(l, "%s %s,%s,%s", three[n].name, reg(size, r), reg(size, s), reg(size, t));
            }
            for (unsigned n = 0; n < nitems(two); n++) {
                two[n].emit(a, size, r, s);
                expect(l, "%s %s,%s", two[n].name, reg(size, r), reg(size, s));
            }
            x64_rorx(a, size, r, s, 7);
            expect(l, "rorx %s,%s,0x7", reg(size, r), reg(size, s));
            x64_andn_rm(a, size, r, s, few(r % FEW));
            expect(l, "andn %s,%s,%s", reg(size, r), reg(size, s), mem_text(size, few(r % FEW)));
        }
    }
}

static void multiplication(struct listing *l)
{
    static const char *const names[] = {NULL, NULL, "not", "neg", "mul", "imul", "div", "idiv"};
    struct x64 *a = &l->a;

    for (unsigned size = 1; size <= 8; size *= 2) {
        for (unsigned op = X64_NOT; op <= X64_IDIV; op++) {
            for (unsigned r = 0; r < 16; r++) {
                x64_unary_r(a, op, size, r);
                expect(l, "%s %s", names[op], reg(size, r));
                x64_unary_m(a, op, size, few(r % FEW));
                expect(l, "%s %s", names[op], mem_text(size, few(r % FEW)));
            }
        }
    }
    for (unsigned size = 2; size <= 8; size *= 2) {
        for (unsigned r = 0; r < 16; r++) {
            const char *r1 = reg(size, r), *r2 = reg(size, partner(r));
            const char *m = mem_text(size, few(r % FEW));

            x64_imul_rr(a, size, r, partner(r));
            expect(l, "imul %s,%s", r1, r2);
            x64_imul_rm(a, size, r, few(r % FEW));
            expect(l, "imul %s,%s", r1, m);
            x64_imul_rri(a, size, r, partner(r), -3);
            expect(l, "imul %s,%s,%s", r1, r2, imm_text(size, -3));
            x64_imul_rri(a, size, r, partner(r), 0x1234);
            expect(l, "imul %s,%s,0x1234", r1, r2);
            x64_imul_rmi(a, size, r, few(r % FEW), 0x1234);
            expect(l, "imul %s,%s,0x1234", r1, m);
        }
    }
}

static void bits(struct listing *l)
{
    static const char *const bt[] = {NULL, NULL, NULL, NULL, "bt", "bts", "btr", "btc"};
    static const char *const counts[] = {"bsf", "bsr", "tzcnt", "lzcnt", "popcnt"};
    struct x64 *a = &l->a;

    for (unsigned size = 2; size <= 8; size *= 2) {
        for (unsigned r = 0; r < 16; r++) {
            const char *r1 = reg(size, r), *r2 = reg(size, partner(r));
            const char *m = mem_text(size, few(r % FEW));

            for (unsigned op = X64_BT; op <= X64_BTC; op++) {
                x64_bt_ri(a, op, size, r, 9);
                expect(l, "%s %s,0x9", bt[op], r1);
                x64_bt_rr(a, op, size, r, partner(r));
                expect(l, "%s %s,%s", bt[op], r1, r2);
                x64_bt_mi(a, op, size, few(r % FEW), 9);
                expect(l, "%s %s,0x9", bt[op], m);
            }
            for (unsigned op = 0; op < nitems(counts); op++) {
                x64_count_rr(a, op, size, r, partner(r));
                expect(l, "%s %s,%s", counts[op], r1, r2);
                x64_count_rm(a, op, size, r, few(r % FEW));
                expect(l, "%s %s,%s", counts[op], r1, m);
            }
        }
    }
    for (unsigned size = 1; size <= 8; size *= 2) {
        for (unsigned r = 0; r < 16; r++) {
            unsigned dst = size == 8 ? 8 : 4;

            x64_crc32_rr(a, size, r, partner(r));
            expect(l, "crc32 %s,%s", reg(dst, r), reg(size, partner(r)));
            x64_crc32_rm(a, size, r, few(r % FEW));
            expect(l, "crc32 %s,%s", reg(dst, r), mem_text(size, few(r % FEW)));
        }
    }
}

static void system_and_atomics(struct listing *l)
{
    static const struct {
        const char *name;
        void (*emit)(struct x64 *a);
    } plain[] = {
        {"cdq", x64_cdq},       {"cqo", x64_cqo},       {"lahf", x64_lahf},
        {"sahf", x64_sahf},     {"cmc", x64_cmc},       {"clc", x64_clc},
        {"stc", x64_stc},       {"pushf", x64_pushf},   {"popf", x64_popf},
        {"mfence", x64_mfence}, {"lfence", x64_lfence}, {"sfence", x64_sfence},
        {"pause", x64_pause},   {"ud2", x64_ud2},       {"int3", x64_int3},
        {"rdtsc", x64_rdtsc},   {"ret", x64_ret},       {"vzeroupper", x64_vzeroupper},
    };
    static const struct {
        const char *name;
        unsigned size;
        void (*emit)(struct x64 *a, struct x64_mem m);
    } on_memory[] = {
        {"ldmxcsr", 4, x64_ldmxcsr}, {"stmxcsr", 4, x64_stmxcsr}, {"prefetcht0", 1, x64_prefetcht0},
        {"jmp", 8, x64_jmp_m},       {"call", 8, x64_call_m},
    };
    struct x64 *a = &l->a;

    for (unsigned n = 0; n < nitems(plain); n++) {
        plain[n].emit(a);
        expect(l, "%s", plain[n].name);
    }
    for (unsigned n = 0; n < FEW; n++) {
        for (unsigned i = 0; i < nitems(on_memory); i++) {
            on_memory[i].emit(a, few(n));
            expect(l, "%s %s", on_memory[i].name, mem_text(on_memory[i].size, few(n)));
        }
        for (unsigned lock = 0; lock < 2; lock++) {
            x64_cmpxchg16b(a, lock, few(n));
            expect(l, "%scmpxchg16b %s", lock ? "lock " : "", mem_text(16, few(n)));
        }
    }
    for (unsigned r = X64_RAX; r <= X64_RDI; r++) {
        x64_movzx_ah(a, r);
        expect(l, "movzx %s,ah", reg(4, r));
    }
    for (unsigned r = 0; r < 16; r++) {
        x64_jmp_r(a, r);
        expect(l, "jmp %s", reg(8, r));
        x64_call_r(a, r);
        expect(l, "call %s", reg(8, r));
    }
    for (unsigned size = 1; size <= 8; size *= 2) {
        for (unsigned r = 0; r < 16; r++) {
            const char *lock = r & 1 ? "lock " : "", *m = mem_text(size, few(r % FEW));

            x64_xadd_mr(a, r & 1, size, few(r % FEW), r);
            expect(l, "%sxadd %s,%s", lock, m, reg(size, r));
            x64_cmpxchg_mr(a, r & 1, size, few(r % FEW), r);
            expect(l, "%scmpxchg %s,%s", lock, m, reg(size, r));
        }
    }
}

static void test_integers(void **state)
{
    struct listing l;

    listing_init(&l, false);
    alu(&l);
    moves(&l);
    extensions(&l);
    conditions(&l);
    shifts(&l);
    bmi(&l);
    multiplication(&l);
    bits(&l);
    system_and_atomics(&l);
    listing_check(&l, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),
    };

    if (!listing_possible()) {
        return EXIT_SKIP;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
