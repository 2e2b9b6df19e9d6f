/* SPDX-License-Identifier: ISC */
/*
 * The CPU models, and that they say of instructions what the encoding table says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arm/a64.h"
#include "arm/cpuid.h"
#include "base/bits.h"

static void shows_the_declared_cpu(void **state)
{
    assert_ptr_equal(cpuid_find("apple"), &cpuid_apple);
    assert_null(cpuid_find("host"));
    assert_string_equal(cpuid_name(&cpuid_atoll), "atoll");
    assert_int_equal(cpuid_value(&cpuid_atoll, SYSREG_ID_AA64PFR0_EL1),
                     UINT64_C(0x1100000001110011));
    assert_int_equal(cpuid_value(&cpuid_apple, SYSREG_MIDR_EL1), 0x610f0000);
    assert_int_equal(cpuid_value(&cpuid_apple, SYSREG_CTR_EL0), 0x9444c004);
    assert_int_equal(cpuid_field(&cpuid_apple, SYSREG_ID_AA64MMFR0_EL1, 24), 0xf);
    assert_int_equal(cpuid_field(&cpuid_atoll, SYSREG_ID_AA64ISAR0_EL1, 20), 2);
    assert_int_equal(cpuid_pa_bits(&cpuid_atoll), 40);
    assert_int_equal(cpuid_asid_bits(&cpuid_atoll), 16);
    assert_int_equal(cpuid_asid_bits(&cpuid_apple), 8);
    assert_int_equal(cpuid_mpidr(3), 0x80000003);
    assert_int_equal(cpuid_mpidr(17), 0x80000101);
    assert_int_equal(cpuid_ccsidr(&cpuid_atoll, 0), 255 << 13 | 3 << 3 | 2);
    assert_int_equal(cpuid_ccsidr(&cpuid_atoll, 4), 0);
}

/* The field that announces a feature, and the least value that does. */
static const struct {
    const char *feature;
    enum sysreg_id id;
    unsigned low, least;
} FEATURES[] = {
    {"FEAT_AES", SYSREG_ID_AA64ISAR0_EL1, 4, 1},
    {"FEAT_PMULL", SYSREG_ID_AA64ISAR0_EL1, 4, 2},
    {"FEAT_SHA1", SYSREG_ID_AA64ISAR0_EL1, 8, 1},
    {"FEAT_SHA256", SYSREG_ID_AA64ISAR0_EL1, 12, 1},
    {"FEAT_SHA512", SYSREG_ID_AA64ISAR0_EL1, 12, 2},
    {"FEAT_CRC32", SYSREG_ID_AA64ISAR0_EL1, 16, 1},
    {"FEAT_LSE", SYSREG_ID_AA64ISAR0_EL1, 20, 2},
    {"FEAT_LSE128", SYSREG_ID_AA64ISAR0_EL1, 20, 3},
    {"FEAT_TME", SYSREG_ID_AA64ISAR0_EL1, 24, 1},
    {"FEAT_RDM", SYSREG_ID_AA64ISAR0_EL1, 28, 1},
    {"FEAT_SHA3", SYSREG_ID_AA64ISAR0_EL1, 32, 1},
    {"FEAT_SM3", SYSREG_ID_AA64ISAR0_EL1, 36, 1},
    {"FEAT_SM4", SYSREG_ID_AA64ISAR0_EL1, 40, 1},
    {"FEAT_DotProd", SYSREG_ID_AA64ISAR0_EL1, 44, 1},
    {"FEAT_FHM", SYSREG_ID_AA64ISAR0_EL1, 48, 1},
    {"FEAT_FlagM", SYSREG_ID_AA64ISAR0_EL1, 52, 1},
    {"FEAT_FlagM2", SYSREG_ID_AA64ISAR0_EL1, 52, 2},
    {"FEAT_PAuth", SYSREG_ID_AA64ISAR1_EL1, 8, 1},
    {"FEAT_JSCVT", SYSREG_ID_AA64ISAR1_EL1, 12, 1},
    {"FEAT_FCMA", SYSREG_ID_AA64ISAR1_EL1, 16, 1},
    {"FEAT_LRCPC", SYSREG_ID_AA64ISAR1_EL1, 20, 1},
    {"FEAT_LRCPC2", SYSREG_ID_AA64ISAR1_EL1, 20, 2},
    {"FEAT_LRCPC3", SYSREG_ID_AA64ISAR1_EL1, 20, 3},
    {"FEAT_FRINTTS", SYSREG_ID_AA64ISAR1_EL1, 32, 1},
    {"FEAT_SB", SYSREG_ID_AA64ISAR1_EL1, 36, 1},
    {"FEAT_BF16", SYSREG_ID_AA64ISAR1_EL1, 44, 1},
    {"FEAT_I8MM", SYSREG_ID_AA64ISAR1_EL1, 52, 1},
    {"FEAT_XS", SYSREG_ID_AA64ISAR1_EL1, 56, 1},
    {"FEAT_LS64", SYSREG_ID_AA64ISAR1_EL1, 60, 1},
    {"FEAT_LS64_V", SYSREG_ID_AA64ISAR1_EL1, 60, 2},
    {"FEAT_WFxT", SYSREG_ID_AA64ISAR2_EL1, 0, 1},
    {"FEAT_MOPS", SYSREG_ID_AA64ISAR2_EL1, 16, 1},
    {"FEAT_HBC", SYSREG_ID_AA64ISAR2_EL1, 20, 1},
    {"FEAT_SYSREG128", SYSREG_ID_AA64ISAR2_EL1, 32, 1},
    {"FEAT_SYSINSTR128", SYSREG_ID_AA64ISAR2_EL1, 36, 1},
    {"FEAT_CSSC", SYSREG_ID_AA64ISAR2_EL1, 52, 1},
    {"FEAT_FP16", SYSREG_ID_AA64PFR0_EL1, 16, 1},
    {"FEAT_SVE", SYSREG_ID_AA64PFR0_EL1, 32, 1},
    {"FEAT_DIT", SYSREG_ID_AA64PFR0_EL1, 48, 1},
    {"FEAT_SSBS", SYSREG_ID_AA64PFR1_EL1, 4, 2},
    {"FEAT_MTE", SYSREG_ID_AA64PFR1_EL1, 8, 1},
    {"FEAT_SME", SYSREG_ID_AA64PFR1_EL1, 24, 1},
    {"FEAT_NMI", SYSREG_ID_AA64PFR1_EL1, 36, 1},
    {"FEAT_LOR", SYSREG_ID_AA64MMFR1_EL1, 16, 1},
    {"FEAT_PAN", SYSREG_ID_AA64MMFR1_EL1, 20, 1},
    {"FEAT_UAO", SYSREG_ID_AA64MMFR2_EL1, 4, 1},
};

/* Whether a model announces `feature`; a feature without a row has no field in the registers of
 * this CPU. */
static bool announced(const struct cpuid *cpu, const char *feature)
{
    for (size_t i = 0; i < nitems(FEATURES); i++) {
        if (strcmp(FEATURES[i].feature, feature) == 0)
            return cpuid_field(cpu, FEATURES[i].id, FEATURES[i].low) >= FEATURES[i].least;
    }
    return false;
}

static void announces_what_it_decodes(void **state)
{
    for (unsigned op = 1; op < A64_OP_COUNT; op++) {
        const char *feature = a64_op_feature((enum a64_op)op);

        if (feature && strcmp(feature, "FEAT_PAuth") != 0 && !announced(&cpuid_atoll, feature))
            fail_msg("%s is decoded, but %s is not announced", a64_op_name((enum a64_op)op),
                     feature);
        if (feature)
            assert_true(announced(&cpuid_apple, feature));
    }
}

/* What one model lacks is nothing there, in its decoder as in its registers. */
static void decodes_what_the_model_has(void **state)
{
    static const struct {
        uint32_t word;
        enum a64_op apple, atoll;
    } words[] = {
        {0xd503233f, A64_PAC_x30, A64_HINT},    /* paciasp */
        {0xd50320ff, A64_XPACLRI, A64_HINT},    /* xpaclri */
        {0xd503211f, A64_PAC_x17, A64_HINT},    /* pacia1716 */
        {0xd65f0bff, A64_RETAA, A64_UNDEFINED}, /* retaa */
        {0xdac10000, A64_PAC, A64_UNDEFINED},   /* pacia x0, x0 */
        {0x9ac03000, A64_PACGA, A64_UNDEFINED}, /* pacga x0, x0, x0 */
        {0xf8200400, A64_LDRAA, A64_UNDEFINED}, /* ldraa x0, [x0] */
        {0xd503245f, A64_HINT, A64_HINT},       /* bti c */
        {0xf8200000, A64_LDADD, A64_LDADD},
    };

    assert_true(cpuid_has_pauth(&cpuid_apple));
    assert_false(cpuid_has_pauth(&cpuid_atoll));
    assert_false(announced(&cpuid_atoll, "FEAT_PAuth"));
    for (size_t i = 0; i < nitems(words); i++) {
        assert_int_equal(cpuid_decode(&cpuid_apple, words[i].word), words[i].apple);
        assert_int_equal(cpuid_decode(&cpuid_atoll, words[i].word), words[i].atoll);
    }
}

static void does_not_announce_what_it_leaves_out(void **state)
{
    uint64_t seed = 1;

    /* Words all over the encoding space; each absent feature has many. */
    for (unsigned i = 0; i < 2000000; i++) {
        const char *feature;

        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        feature = a64_absent_feature((uint32_t)(seed >> 32));
        if (feature && announced(&cpuid_atoll, feature))
            fail_msg("%s is announced, but %08x is not decoded", feature, (uint32_t)(seed >> 32));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_the_declared_cpu),
        cmocka_unit_test(announces_what_it_decodes),
        cmocka_unit_test(decodes_what_the_model_has),
        cmocka_unit_test(does_not_announce_what_it_leaves_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
