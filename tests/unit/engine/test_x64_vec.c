/* SPDX-License-Identifier: ISC */
/*
 * The assembler's vector instructions: every row of x64_vop.h in its legacy, VEX and EVEX forms,
 * written with many operands, and read back by a disassembler as the row's name says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "x64_listing.h"

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

/* The mnemonic in the form that the writer chooses. */
static const char *mnemonic(enum x64_vop op, bool vex)
{
    const char *name = rows[op].name;
    char *text = text_buffer();
    size_t n = 0;

    if (vex && name[0] != 'V') {
        text[n++] = 'v';
    }
    for (; *name != '\0' && *name != '_'; name++) {
        text[n++] = (char)tolower((unsigned char)*name);
    }
    text[n] = '\0';
    return text;
}

static bool memory_only(enum x64_vop op)
{
    switch (op) {
    case X64_LDDQU:
    case X64_MOVD_LD:
    case X64_MOVSS_LD:
    case X64_MOVSD_LD:
    case X64_MOVLPD:
    case X64_MOVHPD: return true;
    default: return false;
    }
}

static bool registers_only(enum x64_vop op)
{
    return op == X64_MOVHLPS || op == X64_MOVLHPS || op == X64_MOVSS || op == X64_MOVSD;
}

/* What follows the operands in the text: an immediate, or xmm0 where the legacy form says so. */
static const char *tail(enum x64_vop op, bool vex)
{
    if (op == X64_SHA256RNDS2 || (!vex && (rows[op].flags & MASKED))) {
        return ",xmm0";
    }
    return rows[op].flags & IMM ? ",0x5a" : "";
}

static void expect_copy(struct listing *l, bool avx, unsigned dst, unsigned src)
{
    if (dst != src) {
        expect(l, "%smovaps xmm%u,xmm%u", avx ? "v" : "", dst, src);
    }
}

/* The legacy form of dst <- src1 op src2, with the copies that it needs before it. */
static void expect_legacy(struct listing *l, enum x64_vop op, bool avx, unsigned dst, unsigned src1,
                          unsigned src2)
{
    if (dst == src2 && dst != src1) {
        if (rows[op].flags & C) {
            src2 = src1;
            src1 = dst;
        } else {
            expect_copy(l, avx, X64_XMM15, dst);
            src2 = X64_XMM15;
        }
    }
    expect_copy(l, avx, dst, src1);
    expect(l, "%s xmm%u,xmm%u%s", mnemonic(op, false), dst, src2, tail(op, false));
}

static void three_registers(struct listing *l, enum x64_vop op, bool vex, unsigned dst,
                            unsigned src1, unsigned src2)
{
    if (rows[op].flags & IMM) {
        x64_v3i(&l->a, op, dst, src1, src2, 0x5a);
    } else {
        x64_v3(&l->a, op, dst, src1, src2);
    }
    if (vex) {
        expect(l, "%s xmm%u,xmm%u,xmm%u%s", mnemonic(op, true), dst, src1, src2, tail(op, true));
    } else {
        expect_legacy(l, op, l->a.has.avx, dst, src1, src2);
    }
}

static void three_operands(struct listing *l, enum x64_vop op, bool vex)
{
    for (unsigned r = 0; r < 16; r++) {
        unsigned s = (r + 5) % 16, t = (r + 11) % 16;

        if (!memory_only(op)) {
            three_registers(l, op, vex, r, s, t);
            three_registers(l, op, vex, r, r, t);
            three_registers(l, op, vex, r, s, s);
            three_registers(l, op, vex, r, r, r);
            if (vex || (r != X64_XMM15 && s != X64_XMM15)) {
                three_registers(l, op, vex, r, s, r);
            }
        }
    }
    for (unsigned n = 0; n < MEMS && !registers_only(op); n += 5) {
        unsigned r = n % 16, s = n & 1 ? r : (r + 9) % 16;

        if (rows[op].flags & IMM) {
            x64_v3mi(&l->a, op, r, s, mem(n), 0x5a);
        } else {
            x64_v3m(&l->a, op, r, s, mem(n));
        }
        if (vex) {
            expect(l, "%s xmm%u,xmm%u,%s%s", mnemonic(op, true), r, s, mem_text(0, mem(n)),
                   tail(op, true));
        } else {
            expect_copy(l, l->a.has.avx, r, s);
            expect(l, "%s xmm%u,%s%s", mnemonic(op, false), r, mem_text(0, mem(n)),
                   tail(op, false));
        }
    }
}

static void two_operands(struct listing *l, enum x64_vop op, bool vex)
{
    bool imm = rows[op].flags & IMM;

    for (unsigned r = 0; r < 16; r++) {
        if (memory_only(op)) {
            break;
        }
        if (imm) {
            x64_v2i(&l->a, op, r, partner(r), 0x5a);
        } else {
            x64_v2(&l->a, op, r, partner(r));
        }
        expect(l, "%s xmm%u,xmm%u%s", mnemonic(op, vex), r, partner(r), tail(op, vex));
    }
    for (unsigned n = 0; n < MEMS; n += 5) {
        if (imm) {
            x64_v2mi(&l->a, op, n % 16, mem(n), 0x5a);
        } else {
            x64_v2m(&l->a, op, n % 16, mem(n));
        }
        expect(l, "%s xmm%u,%s%s", mnemonic(op, vex), n % 16, mem_text(0, mem(n)), tail(op, vex));
    }
}

static void stores(struct listing *l, enum x64_vop op, bool vex)
{
    for (unsigned n = 0; n < MEMS; n += 3) {
        if (rows[op].flags & IMM) {
            x64_vsti(&l->a, op, mem(n), n % 16, 0x5a);
        } else {
            x64_vst(&l->a, op, mem(n), n % 16);
        }
        expect(l, "%s %s,xmm%u%s", mnemonic(op, vex), mem_text(0, mem(n)), n % 16, tail(op, vex));
    }
}

static void shift_by_constant(struct listing *l, enum x64_vop op, bool vex)
{
    for (unsigned r = 0; r < 16; r++) {
        unsigned s = partner(r);

        x64_vshift_i(&l->a, op, r, s, 11);
        if (vex) {
            expect(l, "%s xmm%u,xmm%u,0xb", mnemonic(op, true), r, s);
        } else {
            expect_copy(l, false, r, s);
            expect(l, "%s xmm%u,0xb", mnemonic(op, false), r);
        }
    }
}

static void by_mask(struct listing *l, enum x64_vop op, bool vex)
{
    for (unsigned r = 0; r < 16; r++) {
        unsigned s = (r + 5) % 16, t = (r + 11) % 16, mask = vex ? (r + 2) % 16 : 0;

        if (!vex && r == X64_XMM0) {
            continue;
        }
        x64_blendv(&l->a, op, r, s, t, mask);
        if (vex) {
            expect(l, "%s xmm%u,xmm%u,xmm%u,xmm%u", mnemonic(op, true), r, s, t, mask);
        } else {
            expect_legacy(l, op, false, r, s, t);
        }
    }
}

static void from_general(struct listing *l, enum x64_vop op, bool vex)
{
    for (unsigned size = 4; size <= 8; size *= 2) {
        for (unsigned r = 0; r < 16; r++) {
            unsigned s = (r + 5) % 16;

            x64_cvt_xr(&l->a, op, size, r, s, partner(r));
            if (vex) {
                expect(l, "%s xmm%u,xmm%u,%s", mnemonic(op, true), r, s, reg(size, partner(r)));
            } else {
                expect_copy(l, false, r, s);
                expect(l, "%s xmm%u,%s", mnemonic(op, false), r, reg(size, partner(r)));
            }
            if (!(rows[op].flags & EVEX)) {
                const char *m = mem_text(0, few(r % FEW));

                x64_cvt_xm(&l->a, op, size, r, r, few(r % FEW));
                if (vex) {
                    expect(l, "%s xmm%u,xmm%u,%s", mnemonic(op, true), r, r, m);
                } else {
                    expect(l, "%s xmm%u,%s", mnemonic(op, false), r, m);
                }
            }
        }
    }
}

static void to_general(struct listing *l, enum x64_vop op, bool vex)
{
    bool bits_only = strstr(rows[op].name, "MSK") != NULL;

    for (unsigned r = 0; r < 16; r++) {
        if (bits_only) {
            x64_movmsk(&l->a, op, r, partner(r));
            expect(l, "%s %s,xmm%u", mnemonic(op, vex), reg(4, r), partner(r));
            continue;
        }
        for (unsigned size = 4; size <= 8; size *= 2) {
            x64_cvt_rx(&l->a, op, size, r, partner(r));
            expect(l, "%s %s,xmm%u", mnemonic(op, vex), reg(size, r), partner(r));
        }
    }
}

static void lanes(struct listing *l, bool vex)
{
    struct x64 *a = &l->a;
    const char *v = vex ? "v" : "";

    for (unsigned size = 1; size <= 8; size *= 2) {
        const char *suffix = size == 1 ? "b" : size == 2 ? "w" : size == 4 ? "d" : "q";
        unsigned wide = size == 8 ? 8 : 4;

        for (unsigned r = 0; r < 16; r++) {
            const char *m = mem_text(0, few(r % FEW)), *g = reg(wide, partner(r));
            unsigned s = (r + 5) % 16;
            char first[16] = "";

            x64_pextr(a, size, partner(r), r, 1);
            expect(l, "%spextr%s %s,xmm%u,0x1", v, suffix, g, r);
            x64_pextr_m(a, size, few(r % FEW), r, 1);
            expect(l, "%spextr%s %s,xmm%u,0x1", v, suffix, m, r);
            x64_pinsr(a, size, r, s, partner(r), 1);
            if (vex) {
                snprintf(first, sizeof(first), "xmm%u,", s);
            } else {
                expect_copy(l, false, r, s);
            }
            expect(l, "%spinsr%s xmm%u,%s%s,0x1", v, suffix, r, first, g);
            x64_pinsr_m(a, size, r, s, few(r % FEW), 1);
            if (!vex) {
                expect_copy(l, false, r, s);
            }
            expect(l, "%spinsr%s xmm%u,%s%s,0x1", v, suffix, r, first, m);
        }
    }
    for (unsigned size = 4; size <= 8; size *= 2) {
        for (unsigned r = 0; r < 16; r++) {
            const char *g = reg(size, partner(r));

            x64_movd_xr(a, size, r, partner(r));
            expect(l, "%smov%s xmm%u,%s", v, size == 8 ? "q" : "d", r, g);
            x64_movd_rx(a, size, partner(r), r);
            expect(l, "%smov%s %s,xmm%u", v, size == 8 ? "q" : "d", g, r);
        }
    }
}

/* The conveniences over the table. */
static void common_moves(struct listing *l, bool vex)
{
    static const char *const names[17] = {[4] = "movd", [8] = "movq", [16] = "movdqu"};
    const char *v = vex ? "v" : "";
    struct x64 *a = &l->a;

    for (unsigned r = 0; r < 16; r++) {
        const char *m = mem_text(0, few(r % FEW));

        for (unsigned size = 4; size <= 16; size *= 2) {
            x64_vload(a, size, r, few(r % FEW));
            expect(l, "%s%s xmm%u,%s", v, names[size], r, m);
            x64_vstore(a, size, few(r % FEW), r);
            expect(l, "%s%s %s,xmm%u", v, names[size], m, r);
        }
        x64_vmov(a, r, r);
        x64_vmov(a, r, partner(r));
        expect_copy(l, vex, r, partner(r));
        x64_vzero(a, r);
        x64_vones(a, r);
        if (vex) {
            expect(l, "vxorps xmm%u,xmm%u,xmm%u", r, r, r);
            expect(l, "vpcmpeqd xmm%u,xmm%u,xmm%u", r, r, r);
        } else {
            expect(l, "xorps xmm%u,xmm%u", r, r);
            expect(l, "pcmpeqd xmm%u,xmm%u", r, r);
        }
        /* A scalar operation as one of two operands. */
        x64_v2(a, X64_SQRTSD, r, partner(r));
        x64_v2mi(a, X64_ROUNDSS, r, few(r % FEW), X64_ROUND_ZERO);
        if (vex) {
            expect(l, "vsqrtsd xmm%u,xmm%u,xmm%u", r, partner(r), partner(r));
            expect(l, "vroundss xmm%u,xmm%u,%s,0x3", r, r, m);
        } else {
            expect(l, "sqrtsd xmm%u,xmm%u", r, partner(r));
            expect(l, "roundss xmm%u,%s,0x3", r, m);
        }
    }
}

static void vectors(bool avx)
{
    struct listing l;

    listing_init(&l, avx);
    for (unsigned op = 0; op < X64_VOP_COUNT; op++) {
        unsigned flags = rows[op].flags;
        bool vex = avx && !(flags & LEG);

        if (!avx && (flags & (VEX | EVEX))) {
            continue;
        }
        if (flags & OP3) {
            three_operands(&l, op, vex);
        } else if (flags & OP2) {
            two_operands(&l, op, vex);
        } else if (flags & ST) {
            stores(&l, op, vex);
        } else if (flags & GROUP) {
            shift_by_constant(&l, op, vex);
        } else if (flags & MASKED) {
            by_mask(&l, op, vex);
        } else if (flags & XR) {
            from_general(&l, op, vex);
        } else {
            assert_true(flags & RX);
            to_general(&l, op, vex);
        }
    }
    lanes(&l, avx);
    common_moves(&l, avx);
    listing_check(&l, false);
}

static void test_vectors_legacy(void **state)
{
    vectors(false);
}

static void test_vectors_vex(void **state)
{
    vectors(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_legacy),
        cmocka_unit_test(test_vectors_vex),
    };

    if (!listing_possible()) {
        return EXIT_SKIP;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
