/* SPDX-License-Identifier: ISC */
/* virtio-blk through every kind of ring. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/endian.h"
#include "driver.h"

enum { IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8, DISCARD = 11, WRITE_ZEROES = 13 };
enum { OK = 0, IOERR = 1, UNSUPP = 2 };
#define F_SEG_MAX      BIT(2)
#define F_RO           BIT(5)
#define F_FLUSH        BIT(9)
#define F_CONFIG_WCE   BIT(11)
#define F_MQ           BIT(12)
#define F_DISCARD      BIT(13)
#define F_WRITE_ZEROES BIT(14)
#define RINGS          (VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC)

struct fixture {
    struct rig rig;
    struct fake_disk disk;
    struct virtio_pci *pci;
    struct driver driver;
    struct drvq queue;
    uint64_t header, data, status;
    bool indirect;
};

#define QUEUES 3

static void start_with(struct fixture *f, struct disk *disk, bool strict, uint64_t features)
{
    struct virtio_device *dev;

    rig_make(&f->rig, strict);
    assert_int_equal(virtio_blk_create(&dev, &f->rig.host, "virtio-blk0", disk,
                                       "serial-0123456789abcdef", QUEUES),
                     0);
    f->pci = rig_plug(&f->rig, dev);
    driver_probe(&f->driver, &f->rig, 1);
    assert_true(driver_negotiate(&f->driver, features));
    driver_enable_msix(&f->driver, 2);
    driver_queue(&f->driver, &f->queue, 0, 64);
    driver_ok(&f->driver);
    f->header = rig_alloc(&f->rig, 16, 16);
    f->data = rig_alloc(&f->rig, 65536, 4096);
    f->status = rig_alloc(&f->rig, 1, 1);
    f->indirect = features & VIRTIO_F_INDIRECT_DESC;
}

static void start(struct fixture *f, bool strict, uint64_t features)
{
    start_with(f, &f->disk.disk, strict, features);
}

static void stop(struct fixture *f)
{
    virtio_pci_ops.free(f->pci);
    rig_free(&f->rig);
}

static void put_header(struct fixture *f, uint32_t type, uint64_t sector)
{
    uint8_t bytes[16] = {0};

    store_le32(bytes, type);
    store_le64(bytes + 8, sector);
    assert_int_equal(mem_write(f->rig.mem, f->header, bytes, sizeof(bytes)), 0);
    assert_int_equal(mem_store(f->rig.mem, f->status, 1, 0xee), 0);
}

static uint8_t get_status(struct fixture *f)
{
    uint64_t status;

    assert_int_equal(mem_load(f->rig.mem, f->status, 1, &status), 0);
    return (uint8_t)status;
}

/* One request whose data, `length` bytes, goes through f->data; returns its status. */
static uint8_t request(struct fixture *f, uint32_t type, uint64_t sector, uint32_t length)
{
    bool in = type == IN || type == GET_ID;
    struct buffer chain[3] = {{f->header, 16, false}};
    unsigned n = 1;

    put_header(f, type, sector);
    if (length)
        chain[n++] = (struct buffer){f->data, length, in};
    chain[n++] = (struct buffer){f->status, 1, true};
    assert_int_equal(drvq_do(&f->queue, chain, n, f->indirect), 1 + (in ? length : 0));
    return get_status(f);
}

static void data_put(struct fixture *f, const void *bytes, size_t length)
{
    assert_int_equal(mem_write(f->rig.mem, f->data, bytes, length), 0);
}

static void data_expect(struct fixture *f, const void *bytes, size_t length)
{
    assert_memory_equal(rig_host(&f->rig, f->data, length), bytes, length);
}

static void exercise(struct fixture *f)
{
    uint8_t pattern[8192];

    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = (uint8_t)(i * 7 + i / 256);
    for (unsigned round = 0; round < 100; round++) {
        pattern[0] = (uint8_t)round;
        data_put(f, pattern, sizeof(pattern));
        assert_int_equal(request(f, OUT, round, sizeof(pattern)), OK);
        assert_memory_equal(f->disk.bytes + round * 512, pattern, sizeof(pattern));
        mem_fill(f->rig.mem, f->data, 0, sizeof(pattern));
        assert_int_equal(request(f, IN, round, sizeof(pattern)), OK);
        data_expect(f, pattern, sizeof(pattern));
    }
    assert_true(f->rig.messages[1] >= 1);
}

static void every_ring(void **unused)
{
    static struct fixture f;

    for (unsigned mode = 0; mode < 8; mode++) {
        uint64_t features = F_FLUSH | (mode & 1 ? VIRTIO_F_RING_PACKED : 0) |
                            (mode & 2 ? VIRTIO_F_EVENT_IDX : 0) |
                            (mode & 4 ? VIRTIO_F_INDIRECT_DESC : 0);

        fake_disk_init(&f.disk);
        start(&f, false, features);
        exercise(&f);
        assert_int_equal(f.disk.writes, 100);
        assert_int_equal(f.disk.flushes, 0);
        stop(&f);
    }
}

/* Requests of each queue end there, with its interrupt, whatever the others have under way. */
static void every_queue(void **unused)
{
    static struct fixture f;
    struct drvq queues[QUEUES];

    fake_disk_init(&f.disk);
    start(&f, false, F_FLUSH | F_MQ | VIRTIO_F_EVENT_IDX);
    driver_reset(&f.driver);
    assert_true(driver_negotiate(&f.driver, F_FLUSH | F_MQ | VIRTIO_F_EVENT_IDX));
    assert_int_equal(reg_read(&f.driver, f.driver.common + 0x12, 2), QUEUES);
    assert_int_equal(reg_read(&f.driver, f.driver.config + 34, 2), QUEUES);
    driver_enable_msix(&f.driver, QUEUES + 1);
    for (unsigned i = 0; i < QUEUES; i++)
        driver_queue(&f.driver, &queues[i], i, 64);
    driver_ok(&f.driver);
    memset(f.rig.messages, 0, sizeof(f.rig.messages));
    for (unsigned i = 0; i < 10 * QUEUES; i++) {
        unsigned before = f.rig.messages[1 + i % QUEUES];

        f.queue = queues[i % QUEUES];
        memset(f.disk.bytes + 512 * i, (int)i, 512);
        assert_int_equal(request(&f, IN, i, 512), OK);
        data_expect(&f, f.disk.bytes + 512 * i, 512);
        assert_int_equal(f.rig.messages[1 + i % QUEUES], before + 1);
        queues[i % QUEUES] = f.queue;
    }
    assert_int_equal(f.rig.messages[0], 0);
    stop(&f);
}

static void requests(void **unused)
{
    static struct fixture f;
    uint8_t segments[3 * 16] = {0};

    fake_disk_init(&f.disk);
    start(&f, false, F_SEG_MAX | F_FLUSH | F_DISCARD | F_WRITE_ZEROES | VIRTIO_F_EVENT_IDX);
    assert_int_equal(config_read32(&f.driver, 0), sizeof(f.disk.bytes) / 512);
    assert_int_equal(request(&f, FLUSH, 0, 0), OK);
    assert_int_equal(f.disk.flushes, 1);
    assert_int_equal(request(&f, GET_ID, 0, 20), OK);
    data_expect(&f, "serial-0123456789abc", 20);
    assert_int_equal(request(&f, 99, 0, 0), UNSUPP);

    /* bounds and sizes */
    assert_int_equal(request(&f, IN, sizeof(f.disk.bytes) / 512, 512), IOERR);
    assert_int_equal(request(&f, IN, sizeof(f.disk.bytes) / 512 - 1, 512), OK);
    assert_int_equal(request(&f, IN, sizeof(f.disk.bytes) / 512 - 1, 1024), IOERR);
    assert_int_equal(request(&f, OUT, UINT64_MAX, 512), IOERR);
    assert_int_equal(request(&f, OUT, 0, 511), IOERR);
    assert_int_equal(f.disk.writes, 0);

    /* discard and zeroes */
    store_le64(segments, 8);
    store_le32(segments + 8, 16);
    store_le64(segments + 16, 100);
    store_le32(segments + 24, 2);
    data_put(&f, segments, sizeof(segments));
    assert_int_equal(request(&f, DISCARD, 0, 16), OK);
    assert_int_equal(f.disk.offset, 8 * 512);
    assert_int_equal(f.disk.length, 16 * 512);
    assert_int_equal(request(&f, DISCARD, 0, 32), OK);
    assert_int_equal(f.disk.discards, 3);
    assert_int_equal(request(&f, DISCARD, 0, 17), IOERR);
    memset(f.disk.bytes, 0x55, sizeof(f.disk.bytes));
    store_le32(segments + 12, 1);
    data_put(&f, segments, sizeof(segments));
    assert_int_equal(request(&f, DISCARD, 0, 16), UNSUPP);
    assert_int_equal(request(&f, WRITE_ZEROES, 0, 16), OK);
    assert_true(f.disk.unmap);
    assert_int_equal(f.disk.bytes[8 * 512], 0);
    assert_int_equal(f.disk.bytes[24 * 512], 0x55);
    store_le64(segments, UINT64_MAX);
    data_put(&f, segments, sizeof(segments));
    assert_int_equal(request(&f, WRITE_ZEROES, 0, 16), IOERR);

    /* the host fails, and recovers */
    f.disk.fail = -EIO;
    assert_int_equal(request(&f, IN, 0, 512), IOERR);
    f.disk.fail = -ENOSPC;
    assert_int_equal(request(&f, OUT, 0, 512), IOERR);
    assert_int_equal(request(&f, FLUSH, 0, 0), IOERR);
    f.disk.fail = -ENOTSUP;
    store_le64(segments, 0);
    store_le32(segments + 12, 0);
    data_put(&f, segments, sizeof(segments));
    assert_int_equal(request(&f, DISCARD, 0, 16), UNSUPP);
    f.disk.fail = 0;
    assert_int_equal(request(&f, OUT, 0, 512), OK);
    assert_int_equal(driver_status(&f.driver) & VIRTIO_STATUS_NEEDS_RESET, 0);
    stop(&f);
}

/* Framing means nothing (2.7.4): the header in pieces, data and status in one descriptor, and so
 * on. */
static void framing(void **unused)
{
    static struct fixture f;
    uint64_t tail;

    fake_disk_init(&f.disk);
    for (size_t i = 0; i < 2048; i++)
        f.disk.bytes[i] = (uint8_t)(i ^ 0x5a);
    start(&f, false, F_FLUSH);
    put_header(&f, IN, 1);
    struct buffer chain[] = {{f.header, 3, false},      {f.header + 3, 12, false},
                             {f.header + 15, 1, false}, {f.data, 100, true},
                             {f.data + 200, 412, true}, {f.status, 1, true}};
    assert_int_equal(drvq_do(&f.queue, chain, nitems(chain), false), 513);
    assert_int_equal(get_status(&f), OK);
    data_expect(&f, f.disk.bytes + 512, 100);

    put_header(&f, IN, 1);
    tail = f.data + 4096;
    struct buffer joined[] = {{f.header, 16, false}, {tail, 513, true}};
    assert_int_equal(drvq_do(&f.queue, joined, nitems(joined), false), 513);
    assert_memory_equal(rig_host(&f.rig, tail, 513), f.disk.bytes + 512, 512);
    assert_int_equal(*rig_host(&f.rig, tail + 512, 1), OK);

    put_header(&f, OUT, 7);
    mem_write(f.rig.mem, f.data, (uint8_t[16]){1},
              16); /* header and data together: type 1, sector 0 */
    mem_fill(f.rig.mem, f.data + 16, 0x77, 512);
    struct buffer together[] = {{f.data, 528, false}, {f.status, 1, true}};
    assert_int_equal(drvq_do(&f.queue, together, nitems(together), false), 1);
    assert_int_equal(f.disk.bytes[0], 0x77);
    assert_int_equal(f.disk.bytes[511], 0x77);
    assert_int_equal(f.disk.bytes[512], (uint8_t)(512 ^ 0x5a));
    stop(&f);
}

/* A driver that cannot flush, or has turned the cache off, gets writes that last. */
static void cache_modes(void **unused)
{
    static struct fixture f;

    fake_disk_init(&f.disk);
    start(&f, false, 0);
    assert_int_equal(request(&f, OUT, 0, 512), OK);
    assert_int_equal(f.disk.flushes, 1);
    assert_int_equal(request(&f, DISCARD, 0, 16), UNSUPP);
    stop(&f);

    fake_disk_init(&f.disk);
    start(&f, false, F_FLUSH | F_CONFIG_WCE);
    assert_int_equal(reg_read(&f.driver, f.driver.config + 32, 1), 1);
    assert_int_equal(request(&f, OUT, 0, 512), OK);
    assert_int_equal(f.disk.flushes, 0);
    reg_write(&f.driver, f.driver.config + 32, 1, 0);
    assert_int_equal(reg_read(&f.driver, f.driver.config + 32, 1), 0);
    assert_int_equal(request(&f, OUT, 0, 512), OK);
    assert_int_equal(f.disk.flushes, 1);
    stop(&f);
}

/* Through a real image, opened twice: what was written and flushed is there, and freeing the device
 * gives up its lock. */
static void raw_image(void **unused)
{
    static struct fixture f;
    char path[] = "/tmp/atoll-test-XXXXXX";
    const struct disk_config config = {.path = path, .format = DISK_FORMAT_RAW};
    uint8_t pattern[4096];
    struct disk *disk;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    memset(pattern, 0xa5, sizeof(pattern));
    for (unsigned round = 0; round < 2; round++) {
        struct error err = {0};

        if (disk_open(&disk, &config, NULL, &err))
            fail_msg("%s", err.text);
        start_with(&f, disk, false, F_FLUSH | F_DISCARD | F_WRITE_ZEROES | VIRTIO_F_RING_PACKED);
        if (round == 0) {
            data_put(&f, pattern, sizeof(pattern));
            assert_int_equal(request(&f, OUT, 100, sizeof(pattern)), OK);
            assert_int_equal(request(&f, FLUSH, 0, 0), OK);
            mem_fill(f.rig.mem, f.data, 0, sizeof(pattern));
        }
        assert_int_equal(request(&f, IN, 100, sizeof(pattern)), OK);
        data_expect(&f, pattern, sizeof(pattern));
        stop(&f);
        assert_int_equal(pread(fd, pattern, sizeof(pattern), 100 * 512), sizeof(pattern));
        assert_int_equal(pattern[0], 0xa5);
    }
    close(fd);
    unlink(path);
}

static void offered(void **unused)
{
    static struct fixture f;

    fake_disk_init(&f.disk);
    start(&f, true, 0);
    assert_int_equal(f.driver.offered & (F_DISCARD | F_WRITE_ZEROES | F_CONFIG_WCE | F_MQ), 0);
    assert_int_equal(reg_read(&f.driver, f.driver.common + 0x12, 2), 1);
    assert_true(f.driver.offered & F_FLUSH);
    assert_int_equal(pci_read(&f.driver, 0x3d, 1), 2); /* INTB, as Apple's */
    stop(&f);

    fake_disk_init(&f.disk);
    f.disk.disk.readonly = true;
    start(&f, false, F_RO);
    assert_int_equal(request(&f, OUT, 0, 512), IOERR);
    assert_int_equal(request(&f, IN, 0, 512), OK);
    assert_int_equal(f.disk.writes, 0);
    stop(&f);
}

static void without_status_byte(void **unused)
{
    static struct fixture f;

    fake_disk_init(&f.disk);
    start(&f, false, F_FLUSH);
    put_header(&f, FLUSH, 0);
    drvq_add(&f.queue, &(struct buffer){f.header, 16, false}, 1, false);
    drvq_kick(&f.queue);
    host_loop_drain(f.rig.loop);
    assert_true(driver_status(&f.driver) & VIRTIO_STATUS_NEEDS_RESET);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_ring),  cmocka_unit_test(every_queue),
        cmocka_unit_test(requests),    cmocka_unit_test(framing),
        cmocka_unit_test(cache_modes), cmocka_unit_test(offered),
        cmocka_unit_test(raw_image),   cmocka_unit_test(without_status_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
