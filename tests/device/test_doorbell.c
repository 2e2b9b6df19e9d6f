/* SPDX-License-Identifier: ISC */
/*
 * Notifications that an engine's kernel takes: an engine of this test's own keeps a table of what
 * rings where, and rings as KVM would.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "driver.h"

#define DOORBELLS 32
#define NOTIFY    0x4000
#define QUEUES    2 /* that the driver enables; the device has five */

struct engine {
    uint64_t at[DOORBELLS];
    int fd[DOORBELLS];
    unsigned count;
};

struct fixture {
    struct rig rig;
    struct engine engine;
    struct virtio_device *dev;
    struct virtio_pci *pci;
    struct driver driver;
    struct drvq q[QUEUES];
};

static int find(const struct engine *engine, uint64_t at)
{
    for (unsigned i = 0; i < engine->count; i++)
        if (engine->at[i] == at)
            return (int)i;
    return -1;
}

static int ring(void *ctx, uint64_t at, int fd)
{
    struct engine *engine = ctx;
    int i = find(engine, at);

    if (fd < 0) {
        assert_true(i >= 0); /* nothing is taken back that was not given */
        engine->count--;
        engine->at[i] = engine->at[engine->count];
        engine->fd[i] = engine->fd[engine->count];
        return 0;
    }
    assert_true(i < 0 && engine->count < DOORBELLS);
    engine->at[engine->count] = at;
    engine->fd[engine->count++] = fd;
    return 0;
}

static void plug(struct fixture *f)
{
    assert_int_equal(virtio_balloon_create(&f->dev, &f->rig.host, "virtio-balloon0"), 0);
    f->pci = rig_plug(&f->rig, f->dev);
}

static void start(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    rig_make(&f->rig, false);
    f->rig.host.ring = ring;
    f->rig.host.ring_ctx = &f->engine;
    plug(f);
    driver_probe(&f->driver, &f->rig, 1);
}

static void run_driver(struct fixture *f)
{
    assert_true(driver_negotiate(&f->driver, 0));
    for (unsigned i = 0; i < QUEUES; i++)
        driver_queue(&f->driver, &f->q[i], i, 16);
    assert_int_equal(f->engine.count, 0); /* a notification before DRIVER_OK is a fault to tell */
    driver_ok(&f->driver);
}

static void stop(struct fixture *f)
{
    virtio_pci_ops.free(f->pci);
    assert_int_equal(f->engine.count, 0);
    rig_free(&f->rig);
}

static void assert_hung_at(struct fixture *f, uint64_t base)
{
    assert_int_equal(f->engine.count, QUEUES);
    for (unsigned i = 0; i < QUEUES; i++)
        assert_true(find(&f->engine, base + NOTIFY + 4 * i) >= 0);
}

/* A page given to the balloon, announced as the engine would. */
static void inflate(struct fixture *f, unsigned queue)
{
    uint64_t at = rig_alloc(&f->rig, 4, 4), one = 1;
    uint32_t written;
    int i = find(&f->engine, f->driver.common + NOTIFY + 4 * queue);

    assert_true(i >= 0);
    assert_true(drvq_add(&f->q[queue], &(struct buffer){at, 4, false}, 1, false) >= 0);
    assert_int_equal(write(f->engine.fd[i], &one, sizeof(one)), sizeof(one));
    drvq_wait(&f->q[queue], &written);
}

static void enabled_queues(void **unused)
{
    static struct fixture f;

    start(&f);
    run_driver(&f);
    assert_hung_at(&f, f.driver.common);
    inflate(&f, 0);
    inflate(&f, 1);
    inflate(&f, 1);
    assert_int_equal(f.dev->notifications, 3);
    assert_int_equal(f.rig.events[EVENT_QUEUE_DISABLED], 0);
    stop(&f);
}

static void bar_moves(void **unused)
{
    static struct fixture f;
    uint64_t to;

    start(&f);
    run_driver(&f);
    to = f.driver.common + 0x100000;
    pci_write(&f.driver, 0x10, 4, (uint32_t)to);
    assert_hung_at(&f, to);
    pci_write(&f.driver, 4, 2, 0); /* no memory space */
    assert_int_equal(f.engine.count, 0);
    pci_write(&f.driver, 4, 2, 6);
    assert_hung_at(&f, to);
    f.driver.common = to;
    inflate(&f, 0);
    stop(&f);
}

static void reset_takes_back(void **unused)
{
    static struct fixture f;
    uint64_t one = 1;
    int fd;

    start(&f);
    run_driver(&f);
    fd = f.engine.fd[0];
    driver_reset(&f.driver);
    assert_int_equal(f.engine.count, 0);
    assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one)); /* what came at the same time */
    run_driver(&f);
    assert_hung_at(&f, f.driver.common);
    inflate(&f, 0);
    stop(&f);
}

static void loaded(void **unused)
{
    static struct fixture f;
    struct state *state = state_new();

    start(&f);
    run_driver(&f);
    inflate(&f, 0);
    assert_non_null(state);
    virtio_device_quiesce(f.dev);
    assert_int_equal(virtio_pci_ops.save(f.pci, state, "virtio-balloon0"), 0);
    virtio_pci_ops.free(f.pci);
    assert_int_equal(f.engine.count, 0);
    rig_rebuild(&f.rig);
    plug(&f);
    assert_int_equal(f.engine.count, 0);
    assert_int_equal(virtio_pci_ops.load(f.pci, state, "virtio-balloon0", NULL), 0);
    virtio_device_resume(f.dev);
    assert_hung_at(&f, f.driver.common);
    inflate(&f, 0);
    state_free(state);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enabled_queues),
        cmocka_unit_test(bar_moves),
        cmocka_unit_test(reset_takes_back),
        cmocka_unit_test(loaded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
