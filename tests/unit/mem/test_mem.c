/* SPDX-License-Identifier: ISC */
/* Guest memory: bounds, scalars, copies at every alignment, giving pages back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/units.h"
#include "mem/mem.h"

#define BASE 0x70000000u
#define SIZE (4 * MIB)

static int setup(void **state)
{
    struct mem *mem;

    assert_int_equal(mem_create(&mem), 0);
    assert_int_equal(mem_add_ram(mem, BASE, SIZE, NULL), 0);
    *state = mem;
    return 0;
}

static int teardown(void **state)
{
    mem_destroy(*state);
    return 0;
}

static void refuses_bad_regions(void **state)
{
    struct error err = {0};

    assert_int_equal(mem_add_ram(*state, BASE + 0x1000, 64 * KIB, &err), -EINVAL);
    assert_int_equal(mem_add_ram(*state, 0x10000, 0, &err), -EINVAL);
    assert_int_equal(mem_add_ram(*state, 0x10000, 0x8001, &err), -EINVAL);
    assert_int_equal(mem_add_ram(*state, ~UINT64_C(0xffff), 128 * KIB, &err), -EINVAL);
    assert_int_equal(mem_add_ram(*state, BASE + SIZE - 64 * KIB, 128 * KIB, &err), -EEXIST);
    assert_non_null(strstr(err.text, "0x70000000"));
    for (unsigned i = 1; i < MEM_MAX_REGIONS; i++)
        assert_int_equal(mem_add_ram(*state, i * MIB, 64 * KIB, &err), 0);
    assert_int_equal(mem_add_ram(*state, 32 * MIB, 64 * KIB, &err), -ENOSPC);
    assert_int_equal(mem_size(*state), SIZE + (MEM_MAX_REGIONS - 1) * 64 * KIB);
}

static void checks_bounds(void **state)
{
    uint8_t byte;
    uint64_t value;
    struct iovec iov;

    assert_true(mem_is_ram(*state, BASE, SIZE));
    assert_false(mem_is_ram(*state, BASE, SIZE + 1));
    assert_false(mem_is_ram(*state, BASE - 1, 2));
    assert_false(mem_is_ram(*state, BASE + 8, UINT64_MAX - 4));
    assert_int_equal(mem_read(*state, BASE + SIZE, &byte, 1), -EFAULT);
    assert_int_equal(mem_write(*state, BASE + SIZE - 1, "ab", 2), -EFAULT);
    assert_int_equal(mem_load(*state, BASE + SIZE, 8, &value), -EFAULT);
    assert_int_equal(mem_load(*state, BASE + 4, 8, &value), -EINVAL);
    assert_int_equal(mem_store(*state, BASE, 3, 0), -EINVAL);
    assert_int_equal(mem_store(*state, BASE, 16, 0), -EINVAL);
    assert_int_equal(mem_iov(*state, BASE + SIZE - 16, 17, &iov), -EFAULT);
    assert_int_equal(mem_iov(*state, BASE + SIZE - 16, 16, &iov), 0);
    assert_int_equal(iov.iov_len, 16);
}

static void scalars_are_little_endian(void **state)
{
    uint8_t bytes[8];
    uint64_t value;

    assert_int_equal(mem_store(*state, BASE + 8, 8, UINT64_C(0x8877665544332211)), 0);
    assert_int_equal(mem_read(*state, BASE + 8, bytes, 8), 0);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(bytes[i], 0x11 * (i + 1));
    for (unsigned size = 1; size <= 8; size *= 2) {
        assert_int_equal(mem_load(*state, BASE + 8, size, &value), 0);
        assert_int_equal(value, UINT64_C(0x8877665544332211) & bits_mask(size * 8));
    }
    assert_int_equal(mem_store(*state, BASE + 10, 2, 0xabcd), 0);
    assert_int_equal(mem_load(*state, BASE + 8, 8, &value), 0);
    assert_int_equal(value, UINT64_C(0x88776655abcd2211));
}

static void copies_at_every_alignment(void **state)
{
    uint8_t from[64], to[66];

    for (unsigned i = 0; i < sizeof(from); i++)
        from[i] = (uint8_t)(i * 7 + 1);
    for (unsigned at = 0; at < 9; at++)
        for (unsigned length = 0; length <= 40; length++) {
            assert_int_equal(mem_fill(*state, BASE, 0xee, 64), 0);
            assert_int_equal(mem_write(*state, BASE + at, from + at % 3, length), 0);
            memset(to, 0x55, sizeof(to));
            assert_int_equal(mem_read(*state, BASE + at, to + 1, length), 0);
            assert_memory_equal(to + 1, from + at % 3, length);
            assert_int_equal(to[0], 0x55);
            assert_int_equal(to[length + 1], 0x55);
            assert_int_equal(mem_read(*state, BASE + at + length, to, 1), 0);
            assert_int_equal(to[0], 0xee);
        }
}

static void gives_pages_back(void **state)
{
    uint8_t byte = 1;

    assert_int_equal(mem_fill(*state, BASE, 0xaa, 1 * MIB), 0);
    assert_true(mem_resident(*state) >= (int64_t)(1 * MIB));
    /* Whole pages only: the ragged ends stay. */
    assert_int_equal(mem_discard(*state, BASE + 1, 64 * KIB) % 4096, 0);
    assert_int_equal(mem_read(*state, BASE, &byte, 1), 0);
    assert_int_equal(byte, 0xaa);
    assert_int_equal(mem_read(*state, BASE + 32 * KIB, &byte, 1), 0);
    assert_int_equal(byte, 0);
    assert_int_equal(mem_read(*state, BASE + 64 * KIB, &byte, 1), 0);
    assert_int_equal(byte, 0xaa);
    assert_int_equal(mem_discard(*state, BASE + SIZE, 4096), 0);
    assert_int_equal(mem_discard(*state, BASE + 1, 100), 0);
    mem_clear(*state);
    assert_int_equal(mem_read(*state, BASE, &byte, 1), 0);
    assert_int_equal(byte, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refuses_bad_regions, setup, teardown),
        cmocka_unit_test_setup_teardown(checks_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(scalars_are_little_endian, setup, teardown),
        cmocka_unit_test_setup_teardown(copies_at_every_alignment, setup, teardown),
        cmocka_unit_test_setup_teardown(gives_pages_back, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
