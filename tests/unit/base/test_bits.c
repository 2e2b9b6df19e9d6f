/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/bits.h"
#include "base/endian.h"
#include "base/units.h"

static void fields_of_every_width(void **state)
{
    assert_true(bits_mask(0) == 0);
    assert_true(bits_mask(1) == 1);
    assert_true(bits_mask(63) == UINT64_MAX >> 1);
    assert_true(bits_mask(64) == UINT64_MAX);
    assert_true(bits_get(UINT64_C(0x123456789abcdef0), 63, 0) == UINT64_C(0x123456789abcdef0));
    assert_true(bits_get(UINT64_C(0x123456789abcdef0), 63, 60) == 1);
    assert_true(bits_get(UINT64_C(0x123456789abcdef0), 7, 4) == 0xf);
    assert_true(sign_extend(0x80, 8) == -128);
    assert_true(sign_extend(0x7f, 8) == 127);
    assert_true(sign_extend(1, 1) == -1);
    assert_true(sign_extend(UINT64_MAX, 64) == -1);
}

static void powers_and_alignment(void **state)
{
    assert_false(is_power_of_2(0));
    assert_true(is_power_of_2(1));
    assert_true(is_power_of_2(BIT(63)));
    assert_false(is_power_of_2(3));
    assert_int_equal(align_down(4095, 4096), 0);
    assert_int_equal(align_up(4097, 4096), 8192);
    assert_int_equal(align_up(4096, 4096), 4096);
}

static void ranges_do_not_overflow(void **state)
{
    assert_true(range_fits(0, 0, 0));
    assert_true(range_fits(10, 0, 10));
    assert_false(range_fits(11, 0, 10));
    assert_true(range_fits(0, 10, 10));
    assert_false(range_fits(1, 10, 10));
    assert_false(range_fits(UINT64_MAX, 2, UINT64_MAX));
    assert_false(range_fits(2, UINT64_MAX, UINT64_MAX));
    assert_true(range_fits(0, UINT64_MAX, UINT64_MAX));
}

static void bytes_in_either_order(void **state)
{
    uint8_t bytes[9] = {0, 1, 2, 3, 4, 5, 6, 7, 8};

    assert_int_equal(load_le16(bytes + 1), 0x0201);
    assert_int_equal(load_be16(bytes + 1), 0x0102);
    assert_int_equal(load_le32(bytes + 1), 0x04030201);
    assert_int_equal(load_be32(bytes + 1), 0x01020304);
    assert_true(load_le64(bytes + 1) == UINT64_C(0x0807060504030201));
    assert_true(load_be64(bytes + 1) == UINT64_C(0x0102030405060708));
    store_be64(bytes, UINT64_C(0x1122334455667788));
    assert_int_equal(bytes[0], 0x11);
    store_le32(bytes + 1, 0xaabbccdd);
    assert_int_equal(bytes[1], 0xdd);
    assert_int_equal(bytes[4], 0xaa);
    store_be16(bytes + 7, 0xeeff);
    assert_int_equal(bytes[7], 0xee);
}

static void scaling_keeps_precision(void **state)
{
    assert_true(units_scale(UINT64_MAX, 24, 24) == UINT64_MAX);
    assert_true(units_scale(UINT64_C(1) << 62, 3, 4) == UINT64_C(3) << 60);
    assert_true(units_scale(24000000, NS_PER_SEC, 24000000) == NS_PER_SEC);
}

struct outer {
    int before;
    int inner;
};

static void members_lead_to_their_container(void **state)
{
    struct outer outer;

    assert_ptr_equal(container_of(&outer.inner, struct outer, inner), &outer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_of_every_width),
        cmocka_unit_test(powers_and_alignment),
        cmocka_unit_test(ranges_do_not_overflow),
        cmocka_unit_test(bytes_in_either_order),
        cmocka_unit_test(scaling_keeps_precision),
        cmocka_unit_test(members_lead_to_their_container),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
