/* SPDX-License-Identifier: ISC */
/* The small devices: entropy, balloon and console. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/endian.h"
#include "driver.h"

struct fixture {
    struct rig rig;
    struct virtio_device *dev;
    struct virtio_pci *pci;
    struct driver driver;
    struct drvq q[5];
    uint64_t data;
};

static void start(struct fixture *f, uint64_t features, unsigned queues)
{
    f->pci = rig_plug(&f->rig, f->dev);
    driver_probe(&f->driver, &f->rig, 1);
    assert_true(driver_negotiate(&f->driver, features));
    for (unsigned i = 0; i < queues; i++)
        driver_queue(&f->driver, &f->q[i], i, 32);
    driver_ok(&f->driver);
    f->data = rig_alloc(&f->rig, 65536, 65536);
}

static void stop(struct fixture *f)
{
    virtio_pci_ops.free(f->pci);
    rig_free(&f->rig);
}

static void entropy(void **unused)
{
    static struct fixture f;
    struct buffer b[3];
    uint8_t first[64];

    rig_make(&f.rig, true);
    assert_int_equal(virtio_rng_create(&f.dev, &f.rig.host, "virtio-rng0"), 0);
    start(&f, 0, 1);
    b[0] = (struct buffer){f.data, 16, false}; /* what the device reads is of no interest to it */
    b[1] = (struct buffer){f.data + 100, 30, true};
    b[2] = (struct buffer){f.data + 200, 34, true};
    assert_int_equal(drvq_do(&f.q[0], b, 3, false), 64);
    memcpy(first, rig_host(&f.rig, f.data + 200, 34), 34);
    assert_int_equal(drvq_do(&f.q[0], b, 3, false), 64);
    assert_memory_not_equal(first, rig_host(&f.rig, f.data + 200, 34), 34);
    assert_int_equal(*rig_host(&f.rig, f.data + 130, 1), 0);
    /* A buffer as large as memory gets what the device is willing to give at once. */
    assert_int_equal(drvq_do(&f.q[0], &(struct buffer){f.data, 1 << 20, true}, 1, false), 65536);
    stop(&f);
}

#define F_MUST_TELL_HOST BIT(0)
#define F_STATS_VQ       BIT(1)
#define F_REPORTING      BIT(5)

/* Tells the balloon about `count` pages from `first` on, downwards as Linux does, and two that are
 * not there. */
static void inflate(struct fixture *f, uint64_t first, unsigned count)
{
    uint32_t numbers[258];

    for (unsigned i = 0; i < count; i++)
        numbers[i] = (uint32_t)((first >> 12) + count - 1 - i);
    numbers[count] = 0;
    numbers[count + 1] = UINT32_MAX;
    mem_write(f->rig.mem, f->data, numbers, 4 * (count + 2));
    drvq_do(&f->q[0], &(struct buffer){f->data, 4 * (count + 2), false}, 1, false);
}

static void balloon(void **unused)
{
    static struct fixture f;
    uint64_t pages;
    int64_t full, less;

    rig_make(&f.rig, false);
    assert_int_equal(virtio_balloon_create(&f.dev, &f.rig.host, "virtio-balloon0"), 0);
    start(&f, F_MUST_TELL_HOST, 2);
    virtio_balloon_target(f.dev, 256);
    assert_int_equal(config_read32(&f.driver, 0), 256);
    pages = rig_alloc(&f.rig, 256 * 4096, 65536);
    mem_fill(f.rig.mem, pages, 0x11, 256 * 4096);
    full = mem_resident(f.rig.mem);
    inflate(&f, pages, 256);
    less = mem_resident(f.rig.mem);
    assert_true(full < 0 || full - less >= 200 * 4096);
    assert_int_equal(*rig_host(&f.rig, pages + 4096, 1), 0);
    reg_write(&f.driver, f.driver.config + 4, 4, 256);
    assert_int_equal(virtio_balloon_actual(f.dev), 256);
    drvq_do(&f.q[1], &(struct buffer){f.data, 4 * 256, false}, 1, false);
    assert_int_equal(driver_status(&f.driver) & VIRTIO_STATUS_NEEDS_RESET, 0);
    /* Only the pages that were named are gone. */
    mem_fill(f.rig.mem, pages, 0x22, 256 * 4096);
    inflate(&f, pages + 16 * 4096, 16);
    assert_int_equal(*rig_host(&f.rig, pages + 16 * 4096 - 1, 1), 0x22);
    assert_int_equal(*rig_host(&f.rig, pages + 16 * 4096, 1), 0);
    assert_int_equal(*rig_host(&f.rig, pages + 32 * 4096, 1), 0x22);
    stop(&f);
}

static void balloon_reporting_and_stats(void **unused)
{
    static struct fixture f;
    uint8_t stats[30] = {0};
    uint64_t pages, value[VIRTIO_BALLOON_STATS];
    uint32_t written;

    rig_make(&f.rig, false);
    assert_int_equal(virtio_balloon_create(&f.dev, &f.rig.host, "virtio-balloon0"), 0);
    start(&f, F_STATS_VQ | F_REPORTING | VIRTIO_F_EVENT_IDX, 4);
    pages = rig_alloc(&f.rig, 65536, 65536);
    mem_fill(f.rig.mem, pages, 0x33, 65536);
    drvq_do(&f.q[3], &(struct buffer){pages, 65536, true}, 1, false);
    assert_int_equal(*rig_host(&f.rig, pages + 1000, 1), 0);

    store_le16(stats, 4);
    store_le64(stats + 2, 111);
    store_le16(stats + 10, 5);
    store_le64(stats + 12, 222);
    store_le16(stats + 20, 999); /* of the future */
    mem_write(f.rig.mem, f.data, stats, sizeof(stats));
    drvq_add(&f.q[2], &(struct buffer){f.data, sizeof(stats), false}, 1, false);
    drvq_kick(&f.q[2]);
    host_loop_drain(f.rig.loop);
    assert_int_equal(drvq_poll(&f.q[2], &written), -1); /* kept until news are wanted */
    virtio_balloon_stats(f.dev, value);
    assert_int_equal(value[4], 111);
    assert_int_equal(value[5], 222);
    assert_int_equal(value[0], UINT64_MAX);
    virtio_balloon_stats_request(f.dev);
    drvq_wait(&f.q[2], &written);
    store_le64(stats + 2, 333);
    mem_write(f.rig.mem, f.data, stats, sizeof(stats));
    drvq_add(&f.q[2], &(struct buffer){f.data, sizeof(stats), false}, 1, false);
    drvq_kick(&f.q[2]);
    host_loop_drain(f.rig.loop);
    virtio_balloon_stats(f.dev, value);
    assert_int_equal(value[4], 333);
    stop(&f);
}

static void console(void **unused)
{
    static struct fixture f;
    struct console *backend;
    uint8_t out[64];
    uint32_t written;

    for (unsigned packed = 0; packed < 2; packed++) {
        const struct console_config config = {.kind = CONSOLE_MEMORY};

        rig_make(&f.rig, false);
        assert_int_equal(console_open(&backend, &config, NULL, NULL), 0);
        assert_int_equal(virtio_console_create(&f.dev, &f.rig.host, "virtio-console0", backend), 0);
        start(&f, packed ? VIRTIO_F_RING_PACKED : VIRTIO_F_EVENT_IDX, 2);
        mem_write(f.rig.mem, f.data, "hello, ", 7);
        mem_write(f.rig.mem, f.data + 100, "host", 4);
        struct buffer b[] = {{f.data, 7, false}, {f.data + 100, 4, false}};
        drvq_do(&f.q[1], b, 2, false);
        assert_int_equal(console_memory_output(backend, out, sizeof(out)), 11);
        assert_memory_equal(out, "hello, host", 11);

        console_input(backend, "hello, guest", 12); /* before there is a buffer */
        host_loop_drain(f.rig.loop);
        drvq_add(&f.q[0], &(struct buffer){f.data + 1000, 5, true}, 1, false);
        drvq_add(&f.q[0], &(struct buffer){f.data + 2000, 100, true}, 1, false);
        drvq_kick(&f.q[0]);
        drvq_wait(&f.q[0], &written);
        assert_int_equal(written, 5);
        drvq_wait(&f.q[0], &written);
        assert_int_equal(written, 7);
        assert_memory_equal(rig_host(&f.rig, f.data + 1000, 5), "hello", 5);
        assert_memory_equal(rig_host(&f.rig, f.data + 2000, 7), ", guest", 7);

        reg_write(&f.driver, f.driver.config + 8, 4, '!');
        assert_int_equal(console_memory_output(backend, out, sizeof(out)), 1);
        assert_int_equal(out[0], '!');
        virtio_console_resize(f.dev, 132, 43);
        assert_int_equal(config_read32(&f.driver, 0), 132 | 43 << 16);
        stop(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entropy),
        cmocka_unit_test(balloon),
        cmocka_unit_test(balloon_reporting_and_stats),
        cmocka_unit_test(console),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
