/* SPDX-License-Identifier: ISC */
/*
 * The lists of system registers and SYS instructions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arm/cpuid.h"
#include "arm/sysreg.h"

static void finds_every_register_by_key_and_name(void **state)
{
    for (unsigned id = 0; id < SYSREG_COUNT; id++) {
        const struct sysreg_info *info = sysreg_info((enum sysreg_id)id);

        assert_int_equal(info->id, id);
        assert_ptr_equal(sysreg_lookup(info->key), info);
        assert_ptr_equal(sysreg_by_name(info->name), info);
    }
    assert_null(sysreg_by_name("SCTLR_EL2"));
}

static void keeps_its_rows_consistent(void **state)
{
    for (unsigned id = 0; id < SYSREG_COUNT; id++) {
        const struct sysreg_info *info = sysreg_info((enum sysreg_id)id);

        assert_int_not_equal(info->access, 0);
        assert_int_equal(info->writable & info->fixed, 0);
        /* A reset value is one that a write could leave. */
        if (info->kind == SYSREG_STORAGE) {
            assert_int_equal(info->reset & ~(info->writable | info->fixed), 0);
            assert_int_equal(info->reset & info->fixed, info->fixed);
            assert_true(info->saved);
        }
        if (info->kind == SYSREG_CONSTANT || info->kind == SYSREG_ZERO ||
            info->kind == SYSREG_GIC) {
            assert_false(info->saved);
            assert_int_equal(info->writable, 0);
        }
        /* A constant has a value or reads as zero in both models; nothing else has one, but for
         * DCZID. */
        if (info->kind != SYSREG_CONSTANT && id != SYSREG_DCZID_EL0) {
            assert_int_equal(cpuid_value(&cpuid_atoll, (enum sysreg_id)id), 0);
            assert_int_equal(cpuid_value(&cpuid_apple, (enum sysreg_id)id), 0);
        }
    }
}

static void reserves_the_id_space(void **state)
{
    assert_int_equal(sysreg_lookup(SYSREG_KEY(3, 0, 0, 7, 5))->id, SYSREG_ID_RESERVED);
    assert_int_equal(sysreg_lookup(SYSREG_KEY(3, 0, 0, 1, 0))->id, SYSREG_ID_PFR0_EL1);
    assert_int_equal(sysreg_lookup(SYSREG_KEY(3, 0, 0, 3, 3))->kind, SYSREG_ZERO);
    assert_null(sysreg_lookup(SYSREG_KEY(3, 0, 0, 8, 0)));
    assert_null(sysreg_lookup(SYSREG_KEY(3, 0, 0, 0, 1)));
    assert_null(sysreg_lookup(SYSREG_KEY(3, 3, 9, 13, 0))); /* PMCCNTR_EL0 */
    assert_null(sysreg_lookup(SYSREG_KEY(3, 4, 1, 0, 0)));  /* SCTLR_EL2 */
}

static void finds_sys_instructions(void **state)
{
    assert_int_equal(sysop_lookup(SYSREG_KEY(1, 3, 7, 4, 1))->id, SYSOP_DC_ZVA);
    assert_int_equal(sysop_lookup(SYSREG_KEY(1, 3, 7, 4, 1))->level, 0);
    assert_int_equal(sysop_lookup(SYSREG_KEY(1, 0, 8, 7, 0))->id, SYSOP_TLBI_VMALLE1);
    assert_null(sysop_lookup(SYSREG_KEY(1, 0, 8, 2, 1))); /* TLBI RVAE1IS */
    assert_null(sysop_lookup(SYSREG_KEY(1, 4, 8, 7, 4))); /* TLBI ALLE1 */
    for (unsigned key = 0; key < 1u << 16; key++) {
        const struct sysop_info *info = sysop_lookup(key);

        assert_true(!info || info->key == key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_every_register_by_key_and_name),
        cmocka_unit_test(keeps_its_rows_consistent),
        cmocka_unit_test(reserves_the_id_space),
        cmocka_unit_test(finds_sys_instructions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
