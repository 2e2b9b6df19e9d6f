/* SPDX-License-Identifier: ISC */
/* UUIDs, and the network addresses that follow from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "machine/identity.h"
#include "machine/machine.h"

#define TEXT "00112233-4455-6677-8899-AaBbCcDdEeFf"

static void test_text(void **state)
{
    static const uint8_t bytes[IDENTITY_LENGTH] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                                   0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    static const char *const wrong[] = {"",
                                        "00112233-4455-6677-8899-aabbccddeef",
                                        "00112233-4455-6677-8899-aabbccddeeff0",
                                        "001122334-455-6677-8899-aabbccddeeff",
                                        "00112233-4455-6677-8899-aabbccddeefg",
                                        "-0112233-4455-6677-8899-aabbccddeeff",
                                        "00112233445566778899aabbccddeeff----"};
    uint8_t uuid[IDENTITY_LENGTH];

    assert_int_equal(identity_parse(TEXT, uuid), 0);
    assert_memory_equal(uuid, bytes, sizeof(bytes));
    for (size_t i = 0; i < nitems(wrong); i++)
        assert_int_equal(identity_parse(wrong[i], uuid), -EINVAL);
}

static void test_addresses(void **state)
{
    static const uint8_t first[] = {0x52, 0x54, 0x00, 0xa7, 0x01, 0x01};
    uint8_t uuid[IDENTITY_LENGTH] = {1}, other[IDENTITY_LENGTH] = {2}, a[6], b[6];

    identity_mac(NULL, 0, a);
    assert_memory_equal(a, first, sizeof(first));
    identity_mac(uuid, 0, a);
    identity_mac(uuid, 0, b);
    assert_memory_equal(a, b, sizeof(a));
    assert_int_equal(a[0] & 3, 2); /* local, and of one card */
    identity_mac(uuid, 1, b);
    assert_memory_not_equal(a, b, sizeof(a));
    identity_mac(other, 0, b);
    assert_memory_not_equal(a, b, sizeof(a));
}

static void test_check(void **state)
{
    struct atoll_config config;
    struct atoll_error error;

    atoll_config_init(&config);
    config.uuid = TEXT;
    assert_int_equal(atoll_config_check(&config, &error), 0);
    config.uuid = "none";
    assert_int_equal(atoll_config_check(&config, &error), -EINVAL);
    assert_non_null(strstr(error.text, "\"none\" is not a UUID"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_check),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
