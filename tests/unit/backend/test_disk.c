/* SPDX-License-Identifier: ISC */
/* What every format shares: bounds, read-only, and a flush that failed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "backend/disk.h"

struct fake {
    struct disk disk;
    int flush, flushes; /* what the next flush returns; how many there were */
};

static int fake_flush(struct disk *disk)
{
    struct fake *fake = container_of(disk, struct fake, disk);

    fake->flushes++;
    return fake->flush;
}

static int fake_discard(struct disk *disk, uint64_t offset, uint64_t length)
{
    return 0;
}

static const struct disk_ops fake_ops = {.flush = fake_flush, .discard = fake_discard};

static struct fake new_fake(void)
{
    return (struct fake){.disk = {.ops = &fake_ops, .size = 4096, .path = (char *)"fake"}};
}

static void test_flush_that_lost_data(void **state)
{
    struct fake fake = new_fake();

    fake.flush = -EIO;
    assert_int_equal(disk_flush(&fake.disk), -EIO);
    fake.flush = 0; /* as the kernel says the second time */
    assert_int_equal(disk_flush(&fake.disk), -EIO);
}

static void test_flush_on_a_full_host(void **state)
{
    struct fake fake = new_fake();

    fake.flush = -ENOSPC;
    assert_int_equal(disk_flush(&fake.disk), -ENOSPC);
    fake.flush = 0; /* somebody has made room */
    assert_int_equal(disk_flush(&fake.disk), 0);
}

static void test_readonly(void **state)
{
    struct fake fake = new_fake();

    fake.disk.readonly = true;
    assert_int_equal(disk_flush(&fake.disk), 0);
    assert_int_equal(fake.flushes, 0);
    assert_int_equal(disk_discard(&fake.disk, 0, 512), -EROFS);
    assert_int_equal(disk_writev(&fake.disk, NULL, 0, 0), -EROFS);
}

static void test_bounds(void **state)
{
    struct fake fake = new_fake();

    assert_int_equal(disk_discard(&fake.disk, 0, 4096), 0);
    assert_int_equal(disk_discard(&fake.disk, 512, 4096), -EINVAL);
    assert_int_equal(disk_discard(&fake.disk, UINT64_MAX - 511, 1024), -EINVAL);
    assert_int_equal(disk_write_zeroes(&fake.disk, 4096, 512, true), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flush_that_lost_data),
        cmocka_unit_test(test_flush_on_a_full_host),
        cmocka_unit_test(test_readonly),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
