/* SPDX-License-Identifier: ISC */
/* What is hidden of a host's CPU, field by field, and what is said of the rest (native/id.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/bits.h"
#include "engine/native/id.h"

static uint32_t key(enum sysreg_id id)
{
    return sysreg_info(id)->key;
}

static void test_keys(void **state)
{
    assert_int_equal(native_id_key(0), key(SYSREG_ID_AA64PFR0_EL1));
    assert_int_equal(native_id_key(17), key(SYSREG_ID_AA64ISAR1_EL1));
    for (unsigned n = 0; n < NATIVE_ID_REGS; n++)
        assert_int_equal(native_id_index(native_id_key(n)), n);
    assert_int_equal(native_id_key(NATIVE_ID_REGS - 5), key(SYSREG_ID_AA64MMFR3_EL1));
}

static void test_promise(void **state)
{
    assert_int_equal(native_id_promise(&cpuid_atoll, key(SYSREG_ID_AA64ISAR0_EL1)),
                     cpuid_value(&cpuid_atoll, SYSREG_ID_AA64ISAR0_EL1));
    /* A register newer than the tables, and one that is none of identification. */
    assert_int_equal(native_id_promise(&cpuid_atoll, SYSREG_KEY(3, 0, 0, 6, 3)), 0);
    assert_int_equal(native_id_promise(&cpuid_atoll, key(SYSREG_SCTLR_EL1)), 0);
}

static void test_less(void **state)
{
    static const struct {
        enum sysreg_id id;
        uint8_t low, promise, host, less;
    } rows[] = {
        {SYSREG_ID_AA64ISAR0_EL1, 20, 2, 3, 2},     {SYSREG_ID_AA64ISAR0_EL1, 20, 2, 0, 0},
        {SYSREG_ID_AA64PFR0_EL1, 16, 1, 0xf, 0xf},  /* FP: none is less */
        {SYSREG_ID_AA64PFR0_EL1, 32, 0, 1, 0},      /* SVE */
        {SYSREG_ID_AA64MMFR0_EL1, 24, 0, 0xf, 0xf}, /* TGran64 */
        {SYSREG_ID_AA64MMFR0_EL1, 28, 0, 1, 0},     /* TGran4 with LPA2 */
        {SYSREG_ID_AA64MMFR0_EL1, 20, 1, 0, 0},     /* TGran16 counts from 0 */
        {SYSREG_ID_AA64PFR0_EL1, 56, 1, 0, 0},      /* CSV2 is the host's ... */
        {SYSREG_ID_AA64PFR0_EL1, 56, 1, 2, 2},      /* ... either way */
        {SYSREG_ID_AA64DFR0_EL1, 36, 0xf, 0, 0},    /* DoubleLock too */
        {SYSREG_ID_AA64DFR0_EL1, 8, 0, 0xf, 0},     /* PMUVer */
    };

    for (size_t i = 0; i < nitems(rows); i++)
        assert_int_equal(
            native_id_less(key(rows[i].id), rows[i].low, rows[i].promise, rows[i].host),
            rows[i].less);
}

/* All registers as the model has them. */
static void promised(const struct cpuid *cpu, uint64_t seen[NATIVE_ID_REGS])
{
    for (unsigned n = 0; n < NATIVE_ID_REGS; n++)
        seen[n] = native_id_promise(cpu, native_id_key(n));
}

static void set(uint64_t seen[NATIVE_ID_REGS], enum sysreg_id id, unsigned low, uint64_t value)
{
    unsigned n = 0;

    while (native_id_key(n) != key(id))
        n++;
    seen[n] = (seen[n] & ~(UINT64_C(0xf) << low)) | value << low;
}

static void test_describe(void **state)
{
    uint64_t seen[NATIVE_ID_REGS];
    char text[200] = "";

    promised(&cpuid_apple, seen);
    native_id_describe(&cpuid_apple, seen, text, sizeof(text));
    assert_string_equal(text, "");

    promised(&cpuid_atoll, seen);
    set(seen, SYSREG_ID_AA64PFR0_EL1, 28, 1);
    set(seen, SYSREG_ID_AA64PFR0_EL1, 32, 1);
    set(seen, SYSREG_ID_AA64PFR0_EL1, 56, 2); /* nobody minds */
    set(seen, SYSREG_ID_AA64ISAR0_EL1, 20, 0);
    set(seen, SYSREG_ID_AA64MMFR0_EL1, 24, 0xf);
    native_id_describe(&cpuid_atoll, seen, text, sizeof(text));
    assert_string_equal(text, "RAS, SVE, no LSE, no 64 KiB pages");

    /* Three fields tell of pointer authentication; the list begins with what it has. */
    promised(&cpuid_atoll, seen);
    set(seen, SYSREG_ID_AA64ISAR1_EL1, 4, 1);
    set(seen, SYSREG_ID_AA64ISAR1_EL1, 8, 1);
    set(seen, SYSREG_ID_AA64ISAR2_EL1, 12, 1);
    strcpy(text, "MIDR_EL1");
    native_id_describe(&cpuid_atoll, seen, text, sizeof(text));
    assert_string_equal(text, "MIDR_EL1, PAuth");
}

static void test_describe_room(void **state)
{
    uint64_t seen[NATIVE_ID_REGS];
    char text[32] = "", tiny[8] = "";

    promised(&cpuid_atoll, seen);
    set(seen, SYSREG_ID_AA64PFR0_EL1, 28, 1);
    set(seen, SYSREG_ID_AA64PFR0_EL1, 32, 1);
    set(seen, SYSREG_ID_AA64PFR0_EL1, 40, 1);
    set(seen, SYSREG_ID_AA64MMFR0_EL1, 0, 5);
    native_id_describe(&cpuid_atoll, seen, text, sizeof(text));
    assert_string_equal(text, "RAS, SVE, MPAM, ...");
    native_id_describe(&cpuid_atoll, seen, tiny, sizeof(tiny));
    assert_string_equal(tiny, "...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),          cmocka_unit_test(test_promise),
        cmocka_unit_test(test_less),          cmocka_unit_test(test_describe),
        cmocka_unit_test(test_describe_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
