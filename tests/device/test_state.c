/* SPDX-License-Identifier: ISC */
/*
 * Save, destroy, load, continue: every device at once, twice where that makes sense, each with
 * requests before and after, and with chains that wait in its rings while the state is taken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/endian.h"
#include "driver.h"
#include "virtio/queue.h"

enum { BLK, BLK2, NET, CONSOLE, RNG, BALLOON, DEVICES };
#define F_FLUSH BIT(9)

struct fixture {
    struct rig rig;
    struct fake_disk disks[2];
    struct fake_net net;
    struct console *console;
    struct virtio_pci *pci[DEVICES];
    struct driver driver[DEVICES];
    struct drvq q[DEVICES][2];
    uint64_t data;
};

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};

static void create_devices(struct fixture *f)
{
    const struct console_config config = {.kind = CONSOLE_MEMORY};
    struct virtio_device *dev[DEVICES];

    fake_net_init(&f->net, &f->rig, 1500);
    assert_int_equal(console_open(&f->console, &config, NULL, NULL), 0);
    assert_int_equal(
        virtio_blk_create(&dev[BLK], &f->rig.host, "virtio-blk0", &f->disks[0].disk, NULL, 2), 0);
    assert_int_equal(
        virtio_blk_create(&dev[BLK2], &f->rig.host, "virtio-blk1", &f->disks[1].disk, NULL, 1), 0);
    assert_int_equal(virtio_net_create(&dev[NET], &f->rig.host, "virtio-net0", &f->net.net, mac, 1),
                     0);
    assert_int_equal(
        virtio_console_create(&dev[CONSOLE], &f->rig.host, "virtio-console0", f->console), 0);
    assert_int_equal(virtio_rng_create(&dev[RNG], &f->rig.host, "virtio-rng0"), 0);
    assert_int_equal(virtio_balloon_create(&dev[BALLOON], &f->rig.host, "virtio-balloon0"), 0);
    for (unsigned i = 0; i < DEVICES; i++)
        f->pci[i] = rig_plug(&f->rig, dev[i]);
}

static void free_devices(struct fixture *f)
{
    for (unsigned i = 0; i < DEVICES; i++)
        virtio_pci_ops.free(f->pci[i]);
}

static void start_drivers(struct fixture *f, uint64_t ring)
{
    for (unsigned i = 0; i < DEVICES; i++) {
        struct driver *d = &f->driver[i];

        driver_probe(d, &f->rig, i + 1);
        assert_true(driver_negotiate(d, ring | (i == BLK || i == BLK2 ? F_FLUSH : 0)));
        driver_enable_msix(d, 2);
        for (unsigned n = 0; n < (i == NET || i == CONSOLE || i == BALLOON ? 2u : 1u); n++)
            driver_queue(d, &f->q[i][n], n, 16);
        driver_ok(d);
    }
}

static void blk_request(struct fixture *f, unsigned which, uint8_t byte)
{
    uint64_t at = f->data + 8192 * which;
    uint8_t header[16] = {1};
    struct buffer chain[3] = {{at, 16, false}, {at + 512, 512, false}, {at + 2048, 1, true}};

    mem_write(f->rig.mem, at, header, 16);
    mem_fill(f->rig.mem, at + 512, byte, 512);
    drvq_do(&f->q[which][0], chain, 3, false);
    assert_int_equal(*rig_host(&f->rig, at + 2048, 1), 0);
    assert_int_equal(f->disks[which].bytes[0], byte);
}

static void net_round(struct fixture *f, uint8_t byte)
{
    uint64_t at = f->data + 32768;
    uint32_t written;
    uint8_t frame[100];

    memset(frame, byte, sizeof(frame));
    f->net.sent_count = 0;
    mem_fill(f->rig.mem, at, 0, 12);
    mem_fill(f->rig.mem, at + 12, byte, 100);
    drvq_do(&f->q[NET][1], &(struct buffer){at, 112, false}, 1, false);
    assert_int_equal(f->net.sent_count, 1);
    assert_memory_equal(f->net.sent[0], frame, 100);
    drvq_add(&f->q[NET][0], &(struct buffer){at + 4096, 2048, true}, 1, false);
    drvq_kick(&f->q[NET][0]);
    fake_net_receive(&f->net, frame, sizeof(frame));
    drvq_wait(&f->q[NET][0], &written);
    assert_int_equal(written, 112);
}

static void console_round(struct fixture *f)
{
    uint64_t at = f->data + 49152;
    uint8_t out[16];

    mem_write(f->rig.mem, at, "abc", 3);
    drvq_do(&f->q[CONSOLE][1], &(struct buffer){at, 3, false}, 1, false);
    assert_int_equal(console_memory_output(f->console, out, sizeof(out)), 3);
}

static void rounds(struct fixture *f, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        blk_request(f, BLK, (uint8_t)(i + 1));
        blk_request(f, BLK2, (uint8_t)(i + 101));
        net_round(f, (uint8_t)i);
        console_round(f);
        assert_int_equal(
            drvq_do(&f->q[RNG][0], &(struct buffer){f->data + 57344, 32, true}, 1, false), 32);
        drvq_do(&f->q[BALLOON][1], &(struct buffer){f->data + 57344, 4, false}, 1, false);
    }
}

/* Saves, throws the machine's part away, and loads it into a new one over the same memory. */
static void move(struct fixture *f)
{
    struct state *state = state_new(), *copy;
    const void *bytes;
    size_t length;
    char name[32];

    for (unsigned i = 0; i < DEVICES; i++)
        virtio_device_quiesce(virtio_pci_device(f->pci[i]));
    assert_int_equal(pci_host_ops.save(f->rig.pci, state, "pci"), 0);
    for (unsigned i = 0; i < DEVICES; i++) {
        snprintf(name, sizeof(name), "device%u", i);
        assert_int_equal(virtio_pci_ops.save(f->pci[i], state, name), 0);
    }
    free_devices(f);
    rig_rebuild(&f->rig);
    bytes = state_bytes(state, &length);
    copy = state_parse(bytes, length, NULL);
    assert_non_null(copy);
    create_devices(f);
    assert_int_equal(pci_host_ops.load(f->rig.pci, copy, "pci", NULL), 0);
    for (unsigned i = 0; i < DEVICES; i++) {
        struct error err = {0};

        snprintf(name, sizeof(name), "device%u", i);
        if (virtio_pci_ops.load(f->pci[i], copy, name, &err))
            fail_msg("%s", err.text);
    }
    for (unsigned i = 0; i < DEVICES; i++)
        virtio_device_resume(virtio_pci_device(f->pci[i]));
    state_free(state);
    state_free(copy);
}

static void save_load_continue(void **unused)
{
    static struct fixture f;

    for (unsigned mode = 0; mode < 4; mode++) {
        uint32_t written;
        uint8_t frame[64] = {9};

        rig_make(&f.rig, false);
        fake_disk_init(&f.disks[0]);
        fake_disk_init(&f.disks[1]);
        create_devices(&f);
        f.data = rig_alloc(&f.rig, 65536, 4096);
        start_drivers(&f,
                      (mode & 1 ? VIRTIO_F_RING_PACKED : 0) | (mode & 2 ? VIRTIO_F_EVENT_IDX : 0));
        rounds(&f, 21); /* more than the rings are long, and not a multiple of it */
        f.rig.messages[1] = 0;
        /* Buffers wait for input while the state is taken, and a request arrives while nobody
         * looks. */
        drvq_add(&f.q[CONSOLE][0], &(struct buffer){f.data + 60000, 100, true}, 1, false);
        drvq_kick(&f.q[CONSOLE][0]);
        drvq_add(&f.q[NET][0], &(struct buffer){f.data + 61000, 2048, true}, 1, false);
        drvq_kick(&f.q[NET][0]);
        virtio_device_quiesce(virtio_pci_device(f.pci[RNG]));
        drvq_add(&f.q[RNG][0], &(struct buffer){f.data + 64000, 16, true}, 1, false);
        drvq_kick(&f.q[RNG][0]);
        host_loop_drain(f.rig.loop);
        assert_int_equal(drvq_poll(&f.q[RNG][0], &written), -1);
        move(&f);
        drvq_wait(&f.q[RNG][0], &written);
        assert_int_equal(written, 16);
        console_input(f.console, "xy", 2);
        drvq_wait(&f.q[CONSOLE][0], &written);
        assert_int_equal(written, 2);
        fake_net_receive(&f.net, frame, sizeof(frame));
        host_loop_drain(f.rig.loop); /* a driver that looks before the interrupt gets none */
        drvq_wait(&f.q[NET][0], &written);
        assert_int_equal(written, 76);
        assert_true(f.rig.messages[1] >= 3); /* MSI-X came along */
        rounds(&f, 21);
        move(&f);
        rounds(&f, 5);
        free_devices(&f);
        rig_free(&f.rig);
    }
}

/* The cable is not part of what comes back: it is the new network's, and the driver is told. */
static void cable_of_here(void **unused)
{
    static struct fixture f;

    rig_make(&f.rig, false);
    fake_disk_init(&f.disks[0]);
    fake_disk_init(&f.disks[1]);
    create_devices(&f);
    start_drivers(&f, 0);
    virtio_net_link(virtio_pci_device(f.pci[NET]), false);
    assert_int_equal(reg_read(&f.driver[NET], f.driver[NET].config + 6, 2), 0);
    f.rig.messages[0] = 0;
    move(&f);
    host_loop_drain(f.rig.loop);
    assert_int_equal(reg_read(&f.driver[NET], f.driver[NET].config + 6, 2), 1);
    assert_int_equal(f.rig.messages[0], 1);
    move(&f);
    host_loop_drain(f.rig.loop);
    assert_int_equal(f.rig.messages[0], 1); /* no news */
    free_devices(&f);
    rig_free(&f.rig);
}

/* A state whose numbers cannot be is refused, and the device can still be reset. */
static void bad_states(void **unused)
{
    static struct fixture f;
    struct state *state;
    struct error err = {0};

    rig_make(&f.rig, false);
    fake_disk_init(&f.disks[0]);
    fake_disk_init(&f.disks[1]);
    create_devices(&f);
    f.data = rig_alloc(&f.rig, 65536, 4096);
    start_drivers(&f, VIRTIO_F_RING_PACKED);
    state = state_new();
    for (unsigned i = 0; i < DEVICES; i++)
        virtio_device_quiesce(virtio_pci_device(f.pci[i]));
    assert_int_equal(virtio_pci_ops.save(f.pci[RNG], state, "device"), 0);
    assert_int_equal(virtio_pci_ops.load(f.pci[BLK], state, "device", &err), -ENOENT);
    state_free(state);

    state = state_new();
    virtio_pci_device(f.pci[RNG])->queues[0].next = 5000;
    assert_int_equal(virtio_pci_ops.save(f.pci[RNG], state, "device"), 0);
    assert_int_equal(virtio_pci_ops.load(f.pci[RNG], state, "device", &err), -EINVAL);
    assert_non_null(strstr(err.text, "virtio-rng0"));
    state_free(state);
    virtio_pci_ops.reset(f.pci[RNG]);
    assert_int_equal(driver_status(&f.driver[RNG]), 0);

    state = state_new();
    assert_int_equal(virtio_pci_ops.save(f.pci[BLK], state, "device"), 0);
    f.disks[0].disk.size -= 512;
    assert_int_equal(virtio_pci_ops.load(f.pci[BLK], state, "device", &err), -EINVAL);
    state_free(state);
    free_devices(&f);
    rig_free(&f.rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(save_load_continue),
        cmocka_unit_test(cable_of_here),
        cmocka_unit_test(bad_states),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
