/* SPDX-License-Identifier: ISC */
/*
 * The disassembler: golden lines that LLVM 19 printed when this test was written, branch targets,
 * and small buffers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arm/a64.h"
#include "base/bits.h"

static const struct {
    uint32_t word;
    const char *text;
} GOLDEN[] = {
    // clang-format off
    {0x91000420, "add x0, x1, #1"},
    {0x910003fd, "mov x29, sp"},
    {0xb1000c3f, "cmn x1, #3"},
    {0xd1400421, "sub x1, x1, #1, lsl #12"},
    {0xeb01001f, "cmp x0, x1"},
    {0xcb0103e0, "neg x0, x1"},
    {0x0b2063e1, "add w1, wsp, w0, uxtx"},
    {0x8b216c20, "add x0, x1, x1, uxtx #3"},
    {0x92401c00, "and x0, x0, #0xff"},
    {0xb2400be0, "orr x0, xzr, #0x7"},
    {0xf2400c1f, "tst x0, #0xf"},
    {0x12800000, "mov w0, #-1"},
    {0xd2a00020, "mov x0, #65536"},
    {0xf2ffffe1, "movk x1, #65535, lsl #48"},
    {0x93407c20, "sxtw x0, w1"},
    {0x13017c20, "asr w0, w1, #1"},
    {0xd37cec20, "lsl x0, x1, #4"},
    {0xd341fc20, "lsr x0, x1, #1"},
    {0x93c11820, "ror x0, x1, #6"},
    {0x93c11c20, "ror x0, x1, #7"},
    {0x9a9f17e0, "cset x0, eq"},
    {0x9a811420, "cinc x0, x1, eq"},
    {0xda812441, "csneg x1, x2, x1, hs"},
    {0x7a411804, "ccmp w0, #1, #4, ne"},
    {0xfa450881, "ccmp x4, #5, #1, eq"},
    {0x9b017c00, "mul x0, x0, x1"},
    {0x9b031041, "madd x1, x2, x3, x4"},
    {0x9bc27c20, "umulh x0, x1, x2"},
    {0x9ac20c20, "sdiv x0, x1, x2"},
    {0xdac00c20, "rev x0, x1"},
    {0x5ac00820, "rev w0, w1"},
    {0xd61f0000, "br x0"},
    {0xd65f03c0, "ret"},
    {0xd65f0020, "ret x1"},
    {0xd69f03e0, "eret"},
    {0xd4000021, "svc #0x1"},
    {0xd4200000, "brk #0"},
    {0xd503201f, "nop"},
    {0xd503203f, "yield"},
    {0xd50320bf, "sevl"},
    {0xd503229f, "csdb"},
    {0xd5033bbf, "dmb ish"},
    {0xd5033f9f, "dsb sy"},
    {0xd503309f, "ssbb"},
    {0xd5033fdf, "isb"},
    {0xd50330ff, "sb"},
    {0xd503305f, "clrex #0"},
    {0xd50342df, "msr DAIFSet, #2"},
    {0xd500419f, "msr PAN, #1"},
    {0xd5381000, "mrs x0, SCTLR_EL1"},
    {0xd5181000, "msr SCTLR_EL1, x0"},
    {0xd53be040, "mrs x0, CNTVCT_EL0"},
    {0xd51b4200, "msr NZCV, x0"},
    {0xd50b7420, "dc zva, x0"},
    {0xd508871f, "tlbi vmalle1"},
    {0xd5088721, "tlbi vae1, x1"},
    {0xd5087600, "sys #0, c7, c6, #0, x0"},
    {0xd508751f, "ic iallu"},
    {0xd5380700, "mrs x0, ID_AA64MMFR0_EL1"},
    {0xd51be020, "msr S3_3_C14_C0_1, x0"},
    {0xf9400420, "ldr x0, [x1, #8]"},
    {0x38401c20, "ldrb w0, [x1, #1]!"},
    {0xb8404422, "ldr w2, [x1], #4"},
    {0x385ff020, "ldurb w0, [x1, #-1]"},
    {0xb8a16820, "ldrsw x0, [x1, x1]"},
    {0xf8627820, "ldr x0, [x1, x2, lsl #3]"},
    {0x38e16820, "ldrsb w0, [x1, x1]"},
    {0x7861d820, "ldrh w0, [x1, w1, sxtw #1]"},
    {0x39800c20, "ldrsb x0, [x1, #3]"},
    {0xb9400021, "ldr w1, [x1]"},
    {0x79c00041, "ldrsh w1, [x2]"},
    {0xfd400420, "ldr d0, [x1, #8]"},
    {0x3dc00020, "ldr q0, [x1]"},
    {0x3ca16820, "str q0, [x1, x1]"},
    {0xf9800020, "prfm pldl1keep, [x1]"},
    {0xa9bf7bfd, "stp x29, x30, [sp, #-16]!"},
    {0xa8c17bfd, "ldp x29, x30, [sp], #16"},
    {0x6d010400, "stp d0, d1, [x0, #16]"},
    {0xad410400, "ldp q0, q1, [x0, #32]"},
    {0x68c10440, "ldpsw x0, x1, [x2], #8"},
    {0x28010400, "stnp w0, w1, [x0, #8]"},
    {0x885f7c20, "ldxr w0, [x1]"},
    {0xc85ffc41, "ldaxr x1, [x2]"},
    {0x88027c20, "stxr w2, w0, [x1]"},
    {0xc87f0440, "ldxp x0, x1, [x2]"},
    {0xc8020c41, "stxr w2, x1, [x2]"},
    {0x88dffc20, "ldar w0, [x1]"},
    {0xc89ffc41, "stlr x1, [x2]"},
    {0xc8e17c40, "casa x1, x0, [x2]"},
    {0x48a1fc40, "caslh w1, w0, [x2]"},
    {0x48207c82, "casp x0, x1, x2, x3, [x4]"},
    {0xb8e10041, "ldaddal w1, w1, [x2]"},
    {0x38610041, "ldaddlb w1, w1, [x2]"},
    {0xf821003f, "stadd x1, [x1]"},
    {0xb8218041, "swp w1, w1, [x2]"},
    {0x38bfc020, "ldaprb w0, [x1]"},
    {0x1e202820, "fadd s0, s1, s0"},
    {0x1e613c20, "fcsel d0, d1, d1, lo"},
    {0x1ee21820, "fdiv h0, h1, h2"},
    {0x1f420c20, "fmadd d0, d1, d2, d3"},
    {0x1e602008, "fcmp d0, #0.0"},
    {0x1e212030, "fcmpe s1, s1"},
    {0x1e22cc20, "fcsel s0, s1, s2, gt"},
    {0x1e211d45, "fcsel s5, s10, s1, ne"},
    {0x1e2e1000, "fmov s0, #1.00000000"},
    {0x1e6c3000, "fmov d0, #0.53125000"},
    {0x9e660020, "fmov x0, d1"},
    {0x9e670020, "fmov d0, x1"},
    {0x9eae0020, "fmov x0, v1.d[1]"},
    {0x1e260020, "fmov w0, s1"},
    {0x1ee00020, "fcvtns w0, h1"},
    {0x1e380020, "fcvtzs w0, s1"},
    {0x9e59f820, "fcvtzu x0, d1, #2"},
    {0x1e22c020, "fcvt d0, s1"},
    {0x1ee24020, "fcvt s0, h1"},
    {0x1e264020, "frinta s0, s1"},
    {0x4e218420, "add v0.16b, v1.16b, v1.16b"},
    {0x0e618c20, "cmtst v0.4h, v1.4h, v1.4h"},
    {0x6ea1d420, "fabd v0.4s, v1.4s, v1.4s"},
    {0x0e421420, "fadd v0.4h, v1.4h, v2.4h"},
    {0x4ee1d420, "fsub v0.2d, v1.2d, v1.2d"},
    {0x4e20bb00, "abs v0.16b, v24.16b"},
    {0x0e205820, "cnt v0.8b, v1.8b"},
    {0x2e205820, "mvn v0.8b, v1.8b"},
    {0x4e211c20, "and v0.16b, v1.16b, v1.16b"},
    {0x4ea11c20, "mov v0.16b, v1.16b"},
    {0x0e61c020, "smull v0.4s, v1.4h, v1.4h"},
    {0x4ee0e020, "pmull2 v0.1q, v1.2d, v0.2d"},
    {0x0f41a020, "smull v0.4s, v1.4h, v1.h[0]"},
    {0x6f00e400, "movi v0.2d, #0000000000000000"},
    {0x2f01e7bd, "movi d29, #0x00ffffffff00ff"},
    {0x4f000420, "movi v0.4s, #1"},
    {0x4f00a420, "movi v0.8h, #1, lsl #8"},
    {0x6f03d700, "mvni v0.4s, #120, msl #16"},
    {0x4f00f600, "fmov v0.4s, #4.00000000"},
    {0x6f00f600, "fmov v0.2d, #4.00000000"},
    {0x0f00fe00, "fmov v0.4h, #4.00000000"},
    {0x0f0fa400, "sshll v0.8h, v0.8b, #7"},
    {0x4f20a400, "sxtl2 v0.2d, v0.4s"},
    {0x4f0c8420, "shrn2 v0.16b, v1.8h, #4"},
    {0x6f185420, "sli v0.8h, v1.8h, #8"},
    {0x0f3ce420, "scvtf v0.2s, v1.2s, #4"},
    {0x4e040420, "dup v0.4s, v1.s[0]"},
    {0x4e080c20, "dup v0.2d, x1"},
    {0x4e083c20, "mov x0, v1.d[0]"},
    {0x0e012c20, "smov w0, v1.b[0]"},
    {0x4e041c20, "mov v0.s[0], w1"},
    {0x6e044420, "mov v0.s[0], v1.s[2]"},
    {0x5e0c0420, "mov s0, v1.s[1]"},
    {0x4e002020, "tbl v0.16b, { v1.16b, v2.16b }, v0.16b"},
    {0x4e026020, "tbl v0.16b, { v1.16b, v2.16b, v3.16b, v4.16b }, v2.16b"},
    {0x0e013820, "zip1 v0.8b, v1.8b, v1.8b"},
    {0x6e010820, "ext v0.16b, v1.16b, v1.16b, #1"},
    {0x0f811020, "fmla v0.2s, v1.2s, v1.s[0]"},
    {0x4f81e820, "sdot v0.4s, v1.16b, v1.4b[2]"},
    {0x2f41a820, "umull v0.4s, v1.4h, v1.h[4]"},
    {0x5fc19820, "fmul d0, d1, v1.d[1]"},
    {0x7e30d820, "faddp s0, v1.2s"},
    {0x7e70c820, "fmaxnmp d0, v1.2d"},
    {0x5ef1b820, "addp d0, v1.2d"},
    {0x6e30c820, "fmaxnmv s0, v1.4s"},
    {0x0e30c820, "fmaxnmv h0, v1.4h"},
    {0x4e31b820, "addv b0, v1.16b"},
    {0x4c002000, "st1 { v0.16b, v1.16b, v2.16b, v3.16b }, [x0]"},
    {0x0c402020, "ld1 { v0.8b, v1.8b, v2.8b, v3.8b }, [x1]"},
    {0x4cdf7020, "ld1 { v0.16b }, [x1], #16"},
    {0x4c828020, "st2 { v0.16b, v1.16b }, [x1], x2"},
    {0x0d400420, "ld1 { v0.b }[1], [x1]"},
    {0x4d40a420, "ld3 { v0.d, v1.d, v2.d }[1], [x1]"},
    {0x4d608420, "ld2 { v0.d, v1.d }[1], [x1]"},
    {0x0ddf8420, "ld1 { v0.d }[0], [x1], #8"},
    {0x4d40c820, "ld1r { v0.4s }, [x1]"},
    {0x4de1e420, "ld4r { v0.8h, v1.8h, v2.8h, v3.8h }, [x1], x1"},
    {0x4cdf0420, "ld4 { v0.8h, v1.8h, v2.8h, v3.8h }, [x1], #64"},
    {0x4e284820, "aese v0.16b, v1.16b"},
    {0x5e010020, "sha1c q0, s1, v1.4s"},
    {0x5e280820, "sha1h s0, s1"},
    {0x5e282820, "sha256su0 v0.4s, v1.4s"},
    {0x6e818420, "sqrdmlah v0.4s, v1.4s, v1.4s"},
    {0x4e819420, "sdot v0.4s, v1.16b, v1.16b"},
    {0x6f81e820, "udot v0.4s, v1.16b, v1.4b[2]"},
    // clang-format on
};

static void prints_as_llvm(void **state)
{
    for (size_t i = 0; i < nitems(GOLDEN); i++) {
        char text[80];

        a64_disasm(GOLDEN[i].word, 0, text, sizeof(text));
        if (strcmp(text, GOLDEN[i].text) != 0) {
            fail_msg("%08x is \"%s\", not \"%s\"", GOLDEN[i].word, text, GOLDEN[i].text);
        }
    }
}

static void prints_targets_as_addresses(void **state)
{
    static const struct {
        uint32_t word;
        const char *text;
    } TARGETS[] = {
        {0x14000001, "b 0x40001004"},
        {0x97ffffff, "bl 0x40000ffc"},
        {0x54000040, "b.eq 0x40001008"},
        {0xb4000041, "cbz x1, 0x40001008"},
        {0x36f80061, "tbz w1, #31, 0x4000100c"},
        {0xb7080021, "tbnz x1, #33, 0x40001004"},
        {0x10000020, "adr x0, 0x40001004"},
        {0xb0000001, "adrp x1, 0x40002000"},
        {0x58000040, "ldr x0, 0x40001008"},
        {0x9c000040, "ldr q0, 0x40001008"},
        {0xd8000040, "prfm pldl1keep, 0x40001008"},
    };

    for (size_t i = 0; i < nitems(TARGETS); i++) {
        char text[80];

        a64_disasm(TARGETS[i].word, 0x40001000, text, sizeof(text));
        assert_string_equal(text, TARGETS[i].text);
    }
}

static void says_when_it_is_no_instruction(void **state)
{
    char text[80];

    a64_disasm(0x0000002a, 0, text, sizeof(text));
    assert_string_equal(text, "udf #42");
    a64_disasm(0xd500401f, 0, text, sizeof(text)); /* CFINV, of FEAT_FlagM */
    assert_string_equal(text, ".inst 0xd500401f");
}

static void respects_the_length_of_the_buffer(void **state)
{
    char text[8] = "ABCDEFG";

    assert_int_equal(a64_disasm(0x91000420, 0, text, 6), strlen("add x0, x1, #1"));
    assert_string_equal(text, "add x");
    assert_int_equal(text[6], 'G');
    assert_int_equal(a64_disasm(0x91000420, 0, NULL, 0), strlen("add x0, x1, #1"));
}

static uint32_t next(void *arg)
{
    uint64_t *s = arg;

    *s = *s * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(*s >> 32);
}

/* Every operand that a template names has a routine, and 80 bytes are enough. */
static void prints_every_operation(void **state)
{
    uint64_t seed = 1;

    for (unsigned op = 1; op < A64_OP_COUNT; op++) {
        for (int i = 0; i < 200; i++) {
            uint32_t w = a64_random((enum a64_op)op, next, &seed);
            char text[80], *brace;

            assert_in_range(a64_disasm(w, UINT64_C(0xffffff8000000000), text, sizeof(text)), 1, 79);
            brace = strchr(text, '{');
            if ((brace && brace[1] != ' ') || strstr(text, "(null)") || strchr(text, '?')) {
                fail_msg("%s %08x: \"%s\"", a64_op_name((enum a64_op)op), w, text);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_as_llvm),
        cmocka_unit_test(prints_targets_as_addresses),
        cmocka_unit_test(says_when_it_is_no_instruction),
        cmocka_unit_test(respects_the_length_of_the_buffer),
        cmocka_unit_test(prints_every_operation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
