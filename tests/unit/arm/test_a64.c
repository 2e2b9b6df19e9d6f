/* SPDX-License-Identifier: ISC */
/*
 * The decoder: words that the Arm ARM names, the edges of what is allocated, and the random
 * generator.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arm/a64.h"
#include "base/bits.h"

static void decodes_known_words(void **state)
{
    static const struct {
        uint32_t word;
        enum a64_op op;
    } WORDS[] = {
        {0xd503201f, A64_NOP},        {0xd503207f, A64_WFI},         {0xd503233f, A64_PAC_x30},
        {0xd503245f, A64_HINT}, /* BTI C */
        {0xd65f03c0, A64_RET},        {0xd69f03e0, A64_ERET},        {0xd4000001, A64_SVC},
        {0x910003fd, A64_ADD_imm},    {0xa9bf7bfd, A64_STP_pre},     {0xf9400000, A64_LDR_imm_uoff},
        {0xb8617802, A64_LDR_reg},    {0x885ffc20, A64_LDXR},        {0xc8e0fc41, A64_CAS},
        {0x48207c82, A64_CASP},       {0xb8e00021, A64_LDADD},       {0x38bfc001, A64_LDAPR},
        {0xd50b7421, A64_SYS},        {0xd5381000, A64_MRS},         {0xd500419f, A64_MSR_PAN},
        {0xd50330ff, A64_SB},         {0x1e602800, A64_FADD_scalar}, {0x4e22d420, A64_FADD_vec},
        {0x0e421420, A64_FADD_vec_h}, {0x4e284820, A64_AESE},        {0x0ee0e020, A64_PMULL},
        {0x4e829420, A64_SDOT_vec},   {0x6f00e401, A64_MOVI_64},     {0x0c402000, A64_LD1_x4},
        {0x4ddfc820, A64_LD1R_post},  {0x2f4081e0, A64_UNDEFINED},   {0x9ac20820, A64_UDIV},
    };

    for (size_t i = 0; i < nitems(WORDS); i++) {
        if (WORDS[i].op != a64_decode(WORDS[i].word)) {
            fail_msg("%08x is %s, not %s", WORDS[i].word, a64_op_name(a64_decode(WORDS[i].word)),
                     a64_op_name(WORDS[i].op));
        }
    }
}

static void leaves_reserved_words_undefined(void **state)
{
    static const uint32_t WORDS[] = {
        0x00000000,                       /* UDF */
        0x12800000 | 2u << 21,            /* MOVN of a W register, shifted by 32 */
        0x9240fc00,                       /* AND with a bitmask of all ones */
        0x0bc00000,                       /* ADD, shift type 3 */
        0x0b208400 | 5u << 10,            /* ADD extended by more than 4 */
        0x0b008000,                       /* ADD W shifted by 32 */
        0x13400000,                       /* SBFM W with N */
        0x1ea02800,                       /* FADD of the reserved type */
        0x0ee28420,                       /* ADD .1d */
        0x38800400 | 3u << 30 | 1u << 22, /* LDRS of a doubleword */
        0x48217c82,                       /* CASP of an odd register */
        0x0c008c00,                       /* ST2 of .1d */
    };

    for (size_t i = 0; i < nitems(WORDS); i++) {
        if (a64_decode(WORDS[i]) != A64_UNDEFINED) {
            fail_msg("%08x is %s", WORDS[i], a64_op_name(a64_decode(WORDS[i])));
        }
    }
}

static void names_the_feature_of_an_absent_encoding(void **state)
{
    assert_string_equal(a64_absent_feature(0xd500401f), "FEAT_FlagM");
    assert_string_equal(a64_absent_feature(0x1e7e0000), "FEAT_JSCVT");
    assert_string_equal(a64_absent_feature(0x04000000), "FEAT_SVE");
    assert_string_equal(a64_absent_feature(0xd6bf03e0), "DEBUG_STATE");
    assert_null(a64_absent_feature(0x00000000));
    assert_null(a64_absent_feature(0xd503201f));
    assert_string_equal(a64_op_feature(A64_CASP), "FEAT_LSE");
    assert_null(a64_op_feature(A64_ADD_imm));
    assert_string_equal(a64_op_name(A64_OP_COUNT), "UNDEFINED");
}

static uint32_t next(void *arg)
{
    uint64_t *s = arg;

    *s = *s * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(*s >> 32);
}

static uint32_t zero(void *arg)
{
    return 0;
}

static void makes_random_instructions_of_every_operation(void **state)
{
    uint64_t seed = 1;

    for (unsigned op = 1; op < A64_OP_COUNT; op++) {
        uint32_t all = 0, any = UINT32_MAX;

        for (int i = 0; i < 64; i++) {
            uint32_t w = a64_random((enum a64_op)op, next, &seed);

            assert_int_equal(a64_decode(w), op);
            assert_int_equal(w & a64_op_mask((enum a64_op)op), a64_op_value((enum a64_op)op));
            all |= w;
            any &= w;
        }
        /* What is not fixed varies. */
        assert_true(all != any || a64_op_mask((enum a64_op)op) == UINT32_MAX);
    }
    assert_int_equal(a64_random(A64_UNDEFINED, next, &seed), 0);
    assert_int_equal(a64_random(A64_CASP, zero, NULL), a64_op_value(A64_CASP) | 31 << 10);
    assert_int_equal(a64_random(A64_DUP_elem, zero, NULL), 0); /* imm5 of 0 is never valid */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_known_words),
        cmocka_unit_test(leaves_reserved_words_undefined),
        cmocka_unit_test(names_the_feature_of_an_absent_encoding),
        cmocka_unit_test(makes_random_instructions_of_every_operation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
