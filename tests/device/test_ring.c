/* SPDX-License-Identifier: ISC */
/*
 * Rings that break the rules, and resets in mid-traffic, on the entropy device: whatever stands in
 * a ring, the device asks for a reset, says why, and works again afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "driver.h"

#define ALL (VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC)

struct fixture {
    struct rig rig;
    struct virtio_pci *pci;
    struct driver driver;
    struct drvq queue;
    uint64_t data, table;
};

static void start(struct fixture *f)
{
    struct virtio_device *dev;

    rig_make(&f->rig, false);
    assert_int_equal(virtio_rng_create(&dev, &f->rig.host, "virtio-rng0"), 0);
    f->pci = rig_plug(&f->rig, dev);
    driver_probe(&f->driver, &f->rig, 1);
    f->data = rig_alloc(&f->rig, 4096, 4096);
    f->table = rig_alloc(&f->rig, 65536, 4096);
}

static void stop(struct fixture *f)
{
    virtio_pci_ops.free(f->pci);
    rig_free(&f->rig);
}

static void begin(struct fixture *f, uint64_t features, uint16_t size)
{
    assert_true(driver_negotiate(&f->driver, features));
    driver_enable_msix(&f->driver, 2);
    driver_queue(&f->driver, &f->queue, 0, size);
    driver_ok(&f->driver);
}

static void works(struct fixture *f)
{
    struct buffer b = {f->data, 64, true};

    mem_fill(f->rig.mem, f->data, 0, 64);
    for (unsigned i = 0; i < 3u * f->queue.size; i++)
        assert_int_equal(
            drvq_do(&f->queue, &b, 1, i % 2 && (f->driver.features & VIRTIO_F_INDIRECT_DESC)), 64);
}

/* A descriptor, raw; in a packed ring `next` is the buffer id. */
struct raw {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};
enum { NEXT = 1, WRITE = 2, INDIRECT = 4, AVAIL = 1 << 7 };

static void put_raw(struct fixture *f, uint64_t at, const struct raw *raw, bool packed)
{
    uint64_t low = raw->length;

    low |= packed ? (uint64_t)raw->next << 32 | (uint64_t)raw->flags << 48
                  : (uint64_t)raw->flags << 32 | (uint64_t)raw->next << 48;
    assert_int_equal(mem_write(f->rig.mem, at, &raw->address, 8), 0);
    assert_int_equal(mem_write(f->rig.mem, at + 8, &low, 8), 0);
}

/* A ring, and perhaps an indirect table (where an address of 0 in the ring means the table). */
struct bad {
    const char *text;
    struct raw ring[4], table[4];
    uint16_t head, available; /* split; available 0 means 1 */
    uint32_t table_at;        /* offset of the table in its page */
};

#define D UINT64_C(0x70020000)

static const struct bad bad_split[] = {
    {.text = "descriptor of zero length", .ring = {{D, 0, WRITE, 0}}},
    {.text = "buffer is not in RAM", .ring = {{0x1000, 16, WRITE, 0}}},
    {.text = "buffer is not in RAM", .ring = {{RIG_RAM + RIG_RAM_SIZE - 8, 16, WRITE, 0}}},
    {.text = "buffer is not in RAM", .ring = {{UINT64_MAX - 7, 16, WRITE, 0}}},
    {.text = "buffer is not in RAM", .ring = {{D, UINT32_MAX, WRITE, 0}}},
    {.text = "readable descriptor after a writable one",
     .ring = {{D, 8, WRITE | NEXT, 1}, {D, 8, 0, 0}}},
    {.text = "next is outside of the descriptor table", .ring = {{D, 8, NEXT, 8}}},
    {.text = "chain is longer than the queue", .ring = {{D, 8, NEXT, 1}, {D + 64, 8, NEXT, 0}}},
    {.text = "chain is longer than the queue", .ring = {{D, 8, NEXT, 0}}},
    {.text = "head is outside of the descriptor table", .head = 8},
    {.text = "available index is ahead by more than the queue's size", .available = 9},
    {.text = "available index is ahead by more than the queue's size", .available = 0xffff},
    {.text = "indirect descriptor with a successor", .ring = {{0, 16, INDIRECT | NEXT, 1}}},
    {.text = "indirect table of odd length", .ring = {{0, 15, INDIRECT, 0}}},
    {.text = "indirect table of odd length", .ring = {{0, 0, INDIRECT, 0}}},
    {.text = "indirect table is not in RAM", .ring = {{0x1000, 16, INDIRECT, 0}}},
    {.text = "indirect table within an indirect table",
     .ring = {{0, 32, INDIRECT, 0}},
     .table = {{D, 16, INDIRECT, 0}}},
    {.text = "next is outside of the indirect table",
     .ring = {{0, 32, INDIRECT, 0}},
     .table = {{D, 8, NEXT, 2}}},
    {.text = "indirect chain does not end",
     .ring = {{0, 32, INDIRECT, 0}},
     .table = {{D, 8, NEXT, 1}, {D + 64, 8, NEXT, 0}}},
    {.text = "buffer is not in RAM",
     .ring = {{0, 16, INDIRECT, 0}},
     .table = {{0, 8, WRITE, 0}},
     .table_at = 3},
};

static const struct bad bad_packed[] = {
    {.text = "descriptor of zero length", .ring = {{D, 0, AVAIL | WRITE, 0}}},
    {.text = "buffer is not in RAM", .ring = {{0x1000, 16, AVAIL | WRITE, 0}}},
    {.text = "readable descriptor after a writable one",
     .ring = {{D, 8, AVAIL | WRITE | NEXT, 0}, {D, 8, AVAIL, 0}}},
    {.text = "chain is longer than the queue",
     .ring =
         {{D, 8, AVAIL | NEXT, 0}, {D + 64, 8, NEXT, 0}, {D, 8, NEXT, 0}, {D + 64, 8, NEXT, 0}}},
    {.text = "indirect table of odd length", .ring = {{0, 24, AVAIL | INDIRECT, 0}}},
    {.text = "indirect table is not in RAM", .ring = {{0x1000, 16, AVAIL | INDIRECT, 0}}},
    {.text = "indirect table is too long", .ring = {{0, 16 * 1025, AVAIL | INDIRECT, 0}}},
    {.text = "indirect descriptor with a successor", .ring = {{0, 16, AVAIL | INDIRECT | NEXT, 0}}},
    {.text = "descriptor of zero length",
     .ring = {{0, 32, AVAIL | INDIRECT, 0}},
     .table = {{D, 8, 0, 0}}},
};

static void build_bad(struct fixture *f, const struct bad *bad, bool packed)
{
    uint64_t table = f->table + bad->table_at;

    for (unsigned i = 0; i < 4; i++) {
        struct raw raw = bad->ring[i];

        if ((raw.flags & INDIRECT) && raw.address == 0)
            raw.address = table;
        put_raw(f, f->queue.desc + 16 * i, &raw, packed);
        put_raw(f, table + 16 * i, &bad->table[i], packed);
    }
    if (!packed) {
        mem_store(f->rig.mem, f->queue.avail + 4, 2, bad->head);
        mem_store(f->rig.mem, f->queue.avail + 2, 2, bad->available ? bad->available : 1);
    }
}

static void check_bad(struct fixture *f, const struct bad *bad, bool packed)
{
    unsigned events = f->rig.events[EVENT_RING_MALFORMED];

    begin(f, ALL | (packed ? VIRTIO_F_RING_PACKED : 0), packed ? 4 : 8);
    f->rig.messages[0] = 0;
    build_bad(f, bad, packed);
    drvq_notify(&f->queue);
    drvq_notify(&f->queue);
    host_loop_drain(f->rig.loop);
    assert_true(driver_status(&f->driver) & VIRTIO_STATUS_NEEDS_RESET);
    assert_int_equal(f->rig.events[EVENT_RING_MALFORMED], events + 1);
    assert_string_equal(f->rig.text, bad->text);
    assert_int_equal(f->rig.messages[0], 1); /* the configuration interrupt */
    begin(f, ALL | (packed ? VIRTIO_F_RING_PACKED : 0), 8);
    works(f);
}

static void malformed_split(void **unused)
{
    static struct fixture f;

    start(&f);
    for (size_t i = 0; i < nitems(bad_split); i++)
        check_bad(&f, &bad_split[i], false);
    stop(&f);
}

static void malformed_packed(void **unused)
{
    static struct fixture f;

    start(&f);
    for (size_t i = 0; i < nitems(bad_packed); i++)
        check_bad(&f, &bad_packed[i], true);
    stop(&f);
}

/* An indirect table may have more entries than the ring, up to the device's limit; neighbours count
 * once. */
static void long_tables(void **unused)
{
    static struct fixture f;
    static const struct {
        unsigned entries, distance, before; /* `before` the table: descriptors of the ring */
        bool good;
    } cases[] = {
        {1024, 64, 0, true}, {1024, 16, 2, true}, {1025, 64, 0, false}, {1024, 64, 1, false}};

    start(&f);
    for (unsigned packed = 0; packed < 2; packed++) {
        for (size_t i = 0; i < nitems(cases); i++) {
            unsigned n = cases[i].entries, before = cases[i].before;
            struct raw ring = {f.table, 16 * n, INDIRECT | (packed ? AVAIL : 0), 0};
            struct raw first = {f.data, 16, WRITE | NEXT | (packed ? AVAIL : 0), 0};

            begin(&f, ALL | (packed ? VIRTIO_F_RING_PACKED : 0), 8);
            for (unsigned e = 0; e < n; e++) {
                struct raw entry = {RIG_RAM + 0x400000 + e * cases[i].distance, 16, WRITE, 0};

                if (!packed && e + 1 < n) {
                    entry.flags |= NEXT;
                    entry.next = (uint16_t)(e + 1);
                }
                put_raw(&f, f.table + 16 * e, &entry, packed);
            }
            for (unsigned e = 0; e < before; e++) {
                first.next = packed ? 0 : (uint16_t)(e + 1);
                put_raw(&f, f.queue.desc + 16 * e, &first, packed);
            }
            put_raw(&f, f.queue.desc + 16 * before, &ring, packed);
            mem_store(f.rig.mem, f.queue.avail + 2, 2, !packed);
            drvq_notify(&f.queue);
            host_loop_drain(f.rig.loop);
            assert_int_equal(!(driver_status(&f.driver) & VIRTIO_STATUS_NEEDS_RESET),
                             cases[i].good);
        }
    }
    stop(&f);
}

/* Many chains at once through small rings of each kind; sizes that are no power of two in the
 * packed one. */
static void many_at_once(void **unused)
{
    static struct fixture f;
    static const uint16_t sizes[2][2] = {{8, 64}, {7, 33}};
    struct buffer b[3];

    start(&f);
    for (unsigned mode = 0; mode < 8; mode++) {
        bool packed = mode & 1, indirect = mode & 4;
        uint16_t size = sizes[packed][mode >> 1 & 1];
        uint32_t written;

        begin(&f,
              (packed ? VIRTIO_F_RING_PACKED : 0) | (mode & 2 ? VIRTIO_F_EVENT_IDX : 0) |
                  (indirect ? VIRTIO_F_INDIRECT_DESC : 0),
              size);
        for (unsigned i = 0; i < nitems(b); i++)
            b[i] = (struct buffer){f.data + 256 * i, 10 * (i + 1), true};
        for (unsigned round = 0; round < 300; round++) {
            unsigned count = 0;

            while (drvq_add(&f.queue, b, 1 + (count + round) % 3, indirect) >= 0)
                count++;
            drvq_kick(&f.queue);
            while (count--) {
                drvq_wait(&f.queue, &written);
                assert_true(written == 10 || written == 30 || written == 60);
            }
        }
        assert_int_equal(f.queue.free_slots, size);
    }
    stop(&f);
}

/* With event index a driver that polls gets no interrupts, and one that waits gets them. */
static void interrupts(void **unused)
{
    static struct fixture f;
    struct buffer b;

    start(&f);
    b = (struct buffer){f.data, 16, true};
    for (unsigned mode = 0; mode < 4; mode++) {
        begin(&f, (mode & 1 ? VIRTIO_F_RING_PACKED : 0) | (mode & 2 ? VIRTIO_F_EVENT_IDX : 0), 16);
        f.rig.messages[1] = 0;
        for (unsigned i = 0; i < 50; i++)
            drvq_do(&f.queue, &b, 1, false);
        host_loop_drain(f.rig.loop);
        assert_int_equal(f.rig.messages[1], 50);
        f.queue.poll = true;
        drvq_do(&f.queue, &b, 1, false);
        host_loop_drain(f.rig.loop);
        f.rig.messages[1] = 0;
        for (unsigned i = 0; i < 10; i++)
            drvq_do(&f.queue, &b, 1, false);
        host_loop_drain(f.rig.loop);
        assert_int_equal(f.rig.messages[1], 0);
    }
    stop(&f);
}

/* A reset while chains are out: what the old driver left means nothing to the next. */
static void reset_in_traffic(void **unused)
{
    static struct fixture f;

    start(&f);
    for (unsigned round = 0; round < 50; round++) {
        struct buffer b = {f.data, 4096, true};

        begin(&f, round % 2 ? VIRTIO_F_RING_PACKED : VIRTIO_F_EVENT_IDX, 32);
        f.rig.next = f.data + 65536 * 4; /* the rings may go back to where they were */
        while (drvq_add(&f.queue, &b, 1, false) >= 0)
            ;
        drvq_notify(&f.queue);
        if (round % 3 == 0)
            host_loop_drain(f.rig.loop);
    }
    driver_reset(&f.driver);
    assert_int_equal(driver_status(&f.driver), 0);
    begin(&f, ALL, 8);
    works(&f);
    assert_int_equal(f.rig.events[EVENT_RING_MALFORMED], 0);
    stop(&f);
}

/* A driver that goes on without waiting for the reset finds it complete. */
static void reset_without_waiting(void **unused)
{
    static struct fixture f;
    struct driver *d = &f.driver;

    start(&f);
    begin(&f, ALL, 8);
    works(&f);
    reg_write(d, d->common + COMMON_STATUS, 1, 0);
    reg_write(d, d->common + COMMON_STATUS, 1, VIRTIO_STATUS_ACKNOWLEDGE);
    assert_int_equal(driver_status(d), VIRTIO_STATUS_ACKNOWLEDGE);
    stop(&f);
}

static void before_driver_ok(void **unused)
{
    static struct fixture f;
    struct buffer b;
    uint32_t written;

    start(&f);
    assert_true(driver_negotiate(&f.driver, 0));
    driver_queue(&f.driver, &f.queue, 0, 8);
    b = (struct buffer){f.data, 16, true};
    drvq_add(&f.queue, &b, 1, false);
    drvq_kick(&f.queue);
    host_loop_drain(f.rig.loop);
    assert_int_equal(drvq_poll(&f.queue, &written), -1);
    assert_int_equal(f.rig.events[EVENT_QUEUE_BEFORE_OK], 1);
    driver_ok(&f.driver);
    host_loop_drain(f.rig.loop);
    assert_int_equal(drvq_poll(&f.queue, &written), -1);
    drvq_notify(&f.queue);
    drvq_wait(&f.queue, &written);
    assert_int_equal(written, 16);
    stop(&f);
}

/* Areas that cannot be: found when the driver says DRIVER_OK. */
static void bad_areas(void **unused)
{
    static struct fixture f;
    static const struct {
        unsigned reg;
        uint64_t address;
        const char *text;
    } cases[] = {
        {0x20, RIG_RAM + 8, "descriptor area is not 16-byte aligned"},
        {0x20, 0, "descriptor area is not in RAM"},
        {0x20, UINT64_MAX - 15, "descriptor area is not in RAM"},
        {0x28, RIG_RAM + 1, "driver area is not aligned"},
        {0x28, RIG_RAM + RIG_RAM_SIZE - 4, "driver area is not in RAM"},
        {0x30, RIG_RAM + 2, "device area is not aligned"},
        {0x30, RIG_RAM + RIG_RAM_SIZE - 4, "device area is not in RAM"},
    };

    start(&f);
    for (size_t i = 0; i < nitems(cases); i++) {
        struct driver *d = &f.driver;

        assert_true(driver_negotiate(d, 0));
        for (unsigned reg = 0x20; reg < 0x38; reg += 8)
            reg_write(d, d->common + reg, 8,
                      reg == cases[i].reg ? cases[i].address : f.table + 4096 * (reg - 0x20) / 8);
        reg_write(d, d->common + 0x1c, 2, 1);
        driver_ok(d);
        host_loop_drain(f.rig.loop);
        assert_true(driver_status(d) & VIRTIO_STATUS_NEEDS_RESET);
        assert_string_equal(f.rig.text, cases[i].text);
        reg_write(d, d->notify, 2, 0);
        host_loop_drain(f.rig.loop);
    }
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_split),
        cmocka_unit_test(malformed_packed),
        cmocka_unit_test(long_tables),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(interrupts),
        cmocka_unit_test(reset_in_traffic),
        cmocka_unit_test(reset_without_waiting),
        cmocka_unit_test(before_driver_ok),
        cmocka_unit_test(bad_areas),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
