/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "machine/quirk.h"

static void test_table(void **state)
{
    for (unsigned i = 0; i < QUIRK_COUNT; i++) {
        char text[32];

        assert_non_null(quirk_table[i].name);
        assert_true(quirk_value_name(&quirk_table[i], quirk_table[i].strict, text, sizeof(text)));
        assert_true(quirk_value_name(&quirk_table[i], quirk_table[i].normal, text, sizeof(text)));
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(quirk_table[i].name, quirk_table[j].name);
    }
}

static void test_set(void **state)
{
    struct quirks quirks;
    struct error err;

    quirks_init(&quirks, false);
    assert_int_equal(quirks.value[QUIRK_NET_REQUIRES_MTU], 0);
    assert_int_equal(quirks_set(&quirks, "net-requires-mtu", "on", &err), 0);
    assert_int_equal(quirks.value[QUIRK_NET_REQUIRES_MTU], 1);
    assert_int_not_equal(quirks_set(&quirks, "net-requires-mtu", "maybe", &err), 0);
    assert_non_null(strstr(err.text, "off|on"));
    assert_int_not_equal(quirks_set(&quirks, "net", "on", &err), 0);
    assert_non_null(strstr(err.text, "net-requires-mtu"));
    quirks_init(&quirks, true);
    assert_int_equal(quirks.value[QUIRK_PL011], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_set)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
