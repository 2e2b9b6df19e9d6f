/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/endian.h"
#include "switch/addresses.h"

static const uint8_t a[6] = {2, 0, 0, 0, 0, 1}, b[6] = {2, 0, 0, 0, 0, 2};

static void test_learns_and_moves(void **state)
{
    struct addresses *t = addresses_create(1);

    assert_int_equal(addresses_find(t, a, 0, 0), -1);
    assert_true(addresses_learn(t, a, 0, 3, 0));
    assert_int_equal(addresses_find(t, a, 0, 0), 3);
    assert_int_equal(addresses_find(t, a, 5, 0), -1); /* another VLAN */
    assert_int_equal(addresses_find(t, b, 0, 0), -1);
    assert_true(addresses_learn(t, a, 0, 4, 1));
    assert_int_equal(addresses_find(t, a, 0, 1), 4);
    assert_int_equal(addresses_count(t, 3), 0);
    addresses_forget(t, 4);
    assert_int_equal(addresses_find(t, a, 0, 1), -1);
    addresses_destroy(t);
}

static void test_ages(void **state)
{
    struct addresses *t = addresses_create(1);

    addresses_learn(t, a, 0, 1, 0);
    assert_int_equal(addresses_find(t, a, 0, ADDRESSES_AGE_NS), 1);
    assert_int_equal(addresses_find(t, a, 0, ADDRESSES_AGE_NS + 1), -1);
    addresses_learn(t, a, 0, 1, ADDRESSES_AGE_NS);
    assert_int_equal(addresses_find(t, a, 0, 2 * ADDRESSES_AGE_NS), 1);
    addresses_destroy(t);
}

static void test_reserved(void **state)
{
    struct addresses *t = addresses_create(1);

    assert_true(addresses_learn(t, a, 0, 2, 0));
    assert_true(addresses_reserve(t, a, 1)); /* although 2 was faster */
    assert_int_equal(addresses_find(t, a, 0, UINT64_MAX - 1), 1);
    assert_false(addresses_learn(t, a, 0, 2, 0));
    assert_true(addresses_learn(t, a, 0, 1, 0));
    assert_false(addresses_reserve(t, a, 2));
    assert_int_equal(addresses_find(t, a, 0, 0), 1);
    assert_true(addresses_learn(t, a, 5, 1, 0));
    assert_false(addresses_learn(t, a, 5, 2, 0)); /* a tag makes no difference */
    assert_int_equal(addresses_find(t, a, 5, 0), 1);
    addresses_forget(t, 1);
    assert_int_equal(addresses_find(t, a, 5, 0), -1);
    assert_true(addresses_reserve(t, a, 2));
    addresses_destroy(t);
}

/* A port that makes up addresses has its share, and the others' stay. */
static void test_flood_of_addresses(void **state)
{
    struct addresses *t = addresses_create(0x1234567);
    uint8_t mac[6] = {2};

    for (uint32_t i = 0; i < 100; i++) {
        store_be32(mac + 2, i);
        addresses_learn(t, mac, 0, 1, i);
    }
    mac[1] = 1;
    for (uint32_t i = 0; i < 1000000; i++) {
        store_be32(mac + 2, i);
        addresses_learn(t, mac, (uint16_t)(i % 4096), 2, 1000 + i);
    }
    assert_true(addresses_count(t, 2) <= ADDRESSES_OF_PORT);
    assert_int_equal(addresses_count(t, 1), 100);
    mac[1] = 0;
    for (uint32_t i = 0; i < 100; i++) {
        store_be32(mac + 2, i);
        assert_int_equal(addresses_find(t, mac, 0, 1001000), 1);
    }
    addresses_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learns_and_moves),
        cmocka_unit_test(test_ages),
        cmocka_unit_test(test_reserved),
        cmocka_unit_test(test_flood_of_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
