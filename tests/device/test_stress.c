/* SPDX-License-Identifier: ISC */
/*
 * Driver and device on their own threads at full speed, with notifications held back by every
 * scheme: a lost one hangs this test, and a missing barrier shows under ThreadSanitizer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <string.h>

#include "base/units.h"
#include "driver.h"
#include "host/clock.h"
#include "host/thread.h"

#define TOTAL 20000

struct side {
    struct driver *driver;
    struct drvq q;
    uint64_t data;
    bool indirect;
};

/* Adds chains and takes what was used, without ever draining the loop. */
static void *work(void *arg)
{
    struct side *s = arg;
    unsigned added = 0, used = 0;
    uint64_t deadline = host_clock_monotonic() + 60 * NS_PER_SEC;

    while (used < TOTAL) {
        struct buffer b = {s->data + 64 * (added % 32), 16, true};
        uint32_t written;
        bool idle = true;

        /* From one chain at a time, where each notification counts, to many. */
        unsigned window = 1 + added / 500 % 20;

        while (added < TOTAL && added - used < window && drvq_add(&s->q, &b, 1, s->indirect) >= 0) {
            added++;
            drvq_kick(&s->q);
            idle = false;
        }
        while (drvq_poll(&s->q, &written) >= 0) {
            if (written != 16)
                return "wrong length";
            used++;
            idle = false;
        }
        if (idle) {
            if (host_clock_monotonic() > deadline)
                return "nothing comes back";
            sched_yield();
        }
    }
    return NULL;
}

static void two_devices(void **unused)
{
    static struct rig rig;
    static struct side sides[2];
    static struct driver drivers[2];
    struct virtio_pci *pci[2];

    for (unsigned mode = 0; mode < 4; mode++) {
        uint64_t features = (mode & 1 ? VIRTIO_F_RING_PACKED : 0) |
                            (mode & 2 ? VIRTIO_F_EVENT_IDX : 0) | VIRTIO_F_INDIRECT_DESC;
        pthread_t threads[2];

        rig_make(&rig, false);
        for (unsigned i = 0; i < 2; i++) {
            struct virtio_device *dev;

            assert_int_equal(virtio_rng_create(&dev, &rig.host, i ? "virtio-rng1" : "virtio-rng0"),
                             0);
            pci[i] = rig_plug(&rig, dev);
            driver_probe(&drivers[i], &rig, i + 1);
            assert_true(driver_negotiate(&drivers[i], features));
            driver_enable_msix(&drivers[i], 2);
            driver_queue(&drivers[i], &sides[i].q, 0, 32);
            driver_ok(&drivers[i]);
            sides[i].driver = &drivers[i];
            sides[i].data = rig_alloc(&rig, 4096, 4096);
            sides[i].indirect = false;
        }
        for (unsigned i = 0; i < 2; i++)
            assert_int_equal(host_thread_start(&threads[i], "driver", work, &sides[i]), 0);
        for (unsigned i = 0; i < 2; i++) {
            void *complaint;

            pthread_join(threads[i], &complaint);
            if (complaint)
                fail_msg("device %u, mode %u: %s", i, mode, (char *)complaint);
        }
        for (unsigned i = 0; i < 2; i++)
            virtio_pci_ops.free(pci[i]);
        rig_free(&rig);
    }
}

/* One thread resets and starts the device over and over while another rings its bell. */
struct bell {
    struct driver *driver;
    _Atomic bool stop;
};

static void *ring_bell(void *arg)
{
    struct bell *bell = arg;

    while (!atomic_load(&bell->stop))
        reg_write(bell->driver, bell->driver->notify, 2, 0);
    return NULL;
}

static void resets_under_notifications(void **unused)
{
    static struct rig rig;
    static struct driver driver;
    struct bell bell = {&driver, false};
    struct virtio_device *dev;
    struct virtio_pci *pci;
    struct drvq q;
    pthread_t thread;
    uint64_t data, next;

    rig_make(&rig, false);
    assert_int_equal(virtio_rng_create(&dev, &rig.host, "virtio-rng0"), 0);
    pci = rig_plug(&rig, dev);
    driver_probe(&driver, &rig, 1);
    data = rig_alloc(&rig, 4096, 4096);
    next = rig.next;
    assert_int_equal(host_thread_start(&thread, "bell", ring_bell, &bell), 0);
    for (unsigned i = 0; i < 200; i++) {
        rig.next = next;
        assert_true(driver_negotiate(&driver, i % 2 ? VIRTIO_F_RING_PACKED : 0));
        driver_queue(&driver, &q, 0, 16);
        driver_ok(&driver);
        drvq_do(&q, &(struct buffer){data, 16, true}, 1, false);
        drvq_add(&q, &(struct buffer){data, 1024, true}, 1, false);
        driver_reset(&driver);
    }
    atomic_store(&bell.stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(rig.events[EVENT_RING_MALFORMED], 0);
    virtio_pci_ops.free(pci);
    rig_free(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_devices),
        cmocka_unit_test(resets_under_notifications),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
