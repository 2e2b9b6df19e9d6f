/* SPDX-License-Identifier: ISC */
/*
 * Exception syndromes: words that Linux prints for known causes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arm/esr.h"
#include "arm/sysreg.h"

static void builds_known_syndromes(void **state)
{
    assert_int_equal(esr_undefined(), 0x02000000);
    assert_int_equal(esr_imm(ESR_EC_SVC64, 0), 0x56000000);
    assert_int_equal(esr_imm(ESR_EC_BRK64, 0x800), 0xf2000800); /* Linux's BUG() */
    assert_int_equal(esr_fp_access(), 0x1fe00000);
    assert_int_equal(esr_data_abort(true, ESR_FSC_TRANSLATION | 2, false), 0x96000006);
    assert_int_equal(esr_data_abort(true, ESR_FSC_PERMISSION | 3, true), 0x9600004f);
    assert_int_equal(esr_data_abort(false, ESR_FSC_TRANSLATION | 3, true), 0x92000047);
    assert_int_equal(esr_instruction_abort(false, ESR_FSC_TRANSLATION), 0x82000004);
    assert_int_equal(esr_instruction_abort(true, ESR_FSC_PERMISSION | 3), 0x8600000f);
    assert_int_equal(esr_wfx(true), 0x07e00001);
    assert_int_equal(esr_step(false, false), 0xcb000022);
}

static void describes_a_trapped_register(void **state)
{
    /* MRS X3, CTR_EL0; MSR DAIF, X31; DC CIVAC, X1. */
    assert_int_equal(esr_sysreg(SYSREG_KEY(3, 3, 0, 0, 1), 3, true), 0x6232c061);
    assert_int_equal(esr_sysreg(SYSREG_KEY(3, 3, 4, 2, 1), 31, false), 0x6232d3e4);
    assert_int_equal(esr_sysreg(SYSREG_KEY(1, 3, 7, 14, 1), 1, false), 0x6212dc3c);
    assert_int_equal(esr_ec(0x6212dc3c), ESR_EC_SYS64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_known_syndromes),
        cmocka_unit_test(describes_a_trapped_register),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
