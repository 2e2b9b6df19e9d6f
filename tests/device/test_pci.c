/* SPDX-License-Identifier: ISC */
/* virtio's PCI transport: what a driver finds, and what each register does with good and bad
 * values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "driver.h"

struct fixture {
    struct rig rig;
    struct virtio_pci *pci;
    struct driver driver;
};

static void start(struct fixture *f)
{
    struct virtio_device *dev;

    rig_make(&f->rig, false);
    assert_int_equal(virtio_balloon_create(&dev, &f->rig.host, "virtio-balloon0"), 0);
    f->pci = rig_plug(&f->rig, dev);
    driver_probe(&f->driver, &f->rig, 1);
}

static void stop(struct fixture *f)
{
    virtio_pci_ops.free(f->pci);
    rig_free(&f->rig);
}

static uint64_t common(struct fixture *f, unsigned reg, unsigned size)
{
    return reg_read(&f->driver, f->driver.common + reg, size);
}

static void set_common(struct fixture *f, unsigned reg, unsigned size, uint64_t value)
{
    reg_write(&f->driver, f->driver.common + reg, size, value);
}

static void identity(void **unused)
{
    static struct fixture f;
    struct driver *d = &f.driver;

    start(&f);
    assert_int_equal(d->device_id, 0x1045);
    assert_int_equal(pci_read(d, 8, 4), 0x05800001); /* class and revision */
    assert_int_equal(pci_read(d, 0x34, 1), 0x40);
    assert_int_equal(pci_read(d, 0x10, 1) & 7, 4);
    assert_int_equal(d->isr - d->common, 0x1000);
    assert_int_equal(d->notify - d->common, 0x4000);
    assert_int_equal(d->config - d->common, 0x8000);
    assert_int_equal(d->multiplier, 4);
    assert_int_equal((pci_read(d, d->msix + 2, 2) & 0x7ff) + 1, 6);
    stop(&f);
}

static void queue_registers(void **unused)
{
    static struct fixture f;

    start(&f);
    assert_true(driver_negotiate(&f.driver, 0));
    assert_int_equal(common(&f, 0x12, 2), 5);
    set_common(&f, 0x16, 2, 1);
    assert_int_equal(common(&f, 0x18, 2), 128);
    assert_int_equal(common(&f, 0x1e, 2), 1);
    set_common(&f, 0x18, 2, 100); /* no power of two */
    set_common(&f, 0x18, 2, 256);
    set_common(&f, 0x18, 2, 0);
    assert_int_equal(common(&f, 0x18, 2), 128);
    set_common(&f, 0x18, 2, 32);
    assert_int_equal(common(&f, 0x18, 2), 32);
    set_common(&f, 0x20, 4, 0x70001000);
    set_common(&f, 0x24, 4, 0x12);
    assert_int_equal(common(&f, 0x20, 8), 0x1270001000);
    set_common(&f, 0x28, 8, 0x70002000);
    assert_int_equal(common(&f, 0x28, 4), 0x70002000);
    assert_int_equal(common(&f, 0x2c, 4), 0);
    set_common(&f, 0x1c, 2, 2);
    assert_int_equal(common(&f, 0x1c, 2), 0);
    set_common(&f, 0x1c, 2, 1);
    set_common(&f, 0x1c, 2, 0);
    assert_int_equal(common(&f, 0x1c, 2), 1);
    set_common(&f, 0x18, 2, 16); /* frozen */
    set_common(&f, 0x20, 8, 0);
    assert_int_equal(common(&f, 0x18, 2), 32);
    assert_int_equal(common(&f, 0x20, 8), 0x1270001000);

    set_common(&f, 0x16, 2, 5); /* there is none */
    assert_int_equal(common(&f, 0x16, 2), 5);
    assert_int_equal(common(&f, 0x18, 2), 0);
    assert_int_equal(common(&f, 0x1a, 2), 0xffff);
    set_common(&f, 0x18, 2, 16);
    set_common(&f, 0x1c, 2, 1);
    assert_int_equal(common(&f, 0x1c, 2), 0);
    driver_reset(&f.driver);
    set_common(&f, 0x16, 2, 1);
    assert_int_equal(common(&f, 0x18, 2), 128);
    assert_int_equal(common(&f, 0x1c, 2), 0);
    stop(&f);
}

static void packed_size(void **unused)
{
    static struct fixture f;

    start(&f);
    assert_true(driver_negotiate(&f.driver, VIRTIO_F_RING_PACKED));
    set_common(&f, 0x18, 2, 100);
    assert_int_equal(common(&f, 0x18, 2), 100);
    stop(&f);
}

static void vectors(void **unused)
{
    static struct fixture f;

    start(&f);
    assert_int_equal(common(&f, 0x10, 2), 0xffff);
    set_common(&f, 0x10, 2, 5);
    assert_int_equal(common(&f, 0x10, 2), 5);
    set_common(&f, 0x10, 2, 6);
    assert_int_equal(common(&f, 0x10, 2), 0xffff);
    set_common(&f, 0x1a, 2, 1);
    assert_int_equal(common(&f, 0x1a, 2), 1);
    set_common(&f, 0x14, 1, 1);
    driver_reset(&f.driver);
    assert_int_equal(common(&f, 0x1a, 2), 0xffff);
    stop(&f);
}

static void status_and_features(void **unused)
{
    static struct fixture f;
    struct driver *d = &f.driver;

    start(&f);
    set_common(&f, 0x14, 1, VIRTIO_STATUS_ACKNOWLEDGE);
    set_common(&f, 0x14, 1, VIRTIO_STATUS_DRIVER); /* bits are not taken back */
    assert_int_equal(driver_status(d), 3);
    driver_set_status(d, VIRTIO_STATUS_NEEDS_RESET); /* the device's own */
    assert_int_equal(driver_status(d), 3);
    driver_set_status(d, VIRTIO_STATUS_DRIVER_OK); /* before FEATURES_OK */
    assert_int_equal(driver_status(d), 3);
    driver_set_status(d, VIRTIO_STATUS_FEATURES_OK); /* without VERSION_1 */
    assert_int_equal(driver_status(d), 3);
    assert_int_equal(f.rig.events[EVENT_FEATURES_REFUSED], 1);

    assert_false(driver_negotiate(d, BIT(50))); /* never offered */
    assert_true(driver_negotiate(d, 0));
    assert_int_equal(f.rig.events[EVENT_FEATURES_ACCEPTED], 1);
    set_common(&f, 0x08, 4, 0);
    set_common(&f, 0x0c, 4, 0xffffffff); /* too late */
    assert_int_equal(common(&f, 0x0c, 4), 0);
    set_common(&f, 0x00, 4, 2);
    assert_int_equal(common(&f, 0x04, 4), 0);
    set_common(&f, 0x08, 4, 77);
    set_common(&f, 0x0c, 4, 1);
    assert_int_equal(common(&f, 0x0c, 4), 0);
    stop(&f);
}

static void widths(void **unused)
{
    static struct fixture f;

    start(&f);
    assert_int_equal(common(&f, 0x10, 4), 0xffffffff);
    assert_int_equal(f.rig.events[EVENT_ACCESS_BAD_WIDTH], 1);
    set_common(&f, 0x14, 4, 1);
    assert_int_equal(driver_status(&f.driver), 0);
    assert_int_equal(f.rig.events[EVENT_ACCESS_BAD_WIDTH], 2);
    assert_int_equal(common(&f, 0x38, 4), 0); /* behind the structure */
    assert_int_equal(reg_read(&f.driver, f.driver.config + 0x100, 4),
                     0); /* behind the configuration */
    reg_write(&f.driver, f.driver.config + 0x100, 4, 1);
    reg_write(&f.driver, f.driver.notify + 0x3ffc, 4, 1); /* no such queue */
    stop(&f);
}

static void intx_and_isr(void **unused)
{
    static struct fixture f;
    struct driver *d = &f.driver;
    struct virtio_device *dev;
    struct drvq q;
    uint64_t page;

    start(&f);
    dev = virtio_pci_device(f.pci);
    assert_int_equal(pci_read(d, 0x3d, 1), 1);
    assert_true(driver_negotiate(d, 0));
    driver_queue(d, &q, 1, 16);
    virtio_balloon_target(dev, 5); /* before DRIVER_OK: no interrupt */
    assert_false(f.rig.intx[1]);
    driver_ok(d);
    virtio_balloon_target(dev, 6);
    assert_true(f.rig.intx[1]);
    assert_int_equal(reg_read(d, d->isr, 1), 2);
    assert_false(f.rig.intx[1]);
    assert_int_equal(reg_read(d, d->isr, 1), 0);
    page = rig_alloc(&f.rig, 4, 4);
    drvq_do(&q, &(struct buffer){page, 4, false}, 1, false);
    host_loop_drain(f.rig.loop);
    assert_true(f.rig.intx[1]);
    assert_int_equal(reg_read(d, d->isr, 1), 1);
    virtio_balloon_target(dev, 7);
    driver_reset(d);
    assert_false(f.rig.intx[1]);
    stop(&f);
}

static void configuration_generation(void **unused)
{
    static struct fixture f;
    uint64_t before;

    start(&f);
    before = common(&f, 0x15, 1);
    virtio_balloon_target(virtio_pci_device(f.pci), 1234);
    assert_int_not_equal(common(&f, 0x15, 1), before);
    assert_int_equal(config_read32(&f.driver, 0), 1234);
    stop(&f);
}

/* The window in configuration space (4.1.4.9) reaches the same registers. */
static void configuration_access(void **unused)
{
    static struct fixture f;
    struct driver *d = &f.driver;
    unsigned at;

    start(&f);
    for (at = pci_read(d, 0x34, 1); at && (pci_read(d, at, 1) != 9 || pci_read(d, at + 3, 1) != 5);)
        at = pci_read(d, at + 1, 1);
    assert_int_not_equal(at, 0);
    pci_write(d, at + 4, 1, 0);
    pci_write(d, at + 8, 4, COMMON_STATUS);
    pci_write(d, at + 12, 4, 1);
    pci_write(d, at + 16, 4, VIRTIO_STATUS_ACKNOWLEDGE);
    assert_int_equal(driver_status(d), VIRTIO_STATUS_ACKNOWLEDGE);
    pci_write(d, at + 8, 4, 0x12);
    pci_write(d, at + 12, 4, 2);
    assert_int_equal(pci_read(d, at + 16, 4) & 0xffff, 5);
    pci_write(d, at + 8, 4, 0xfffffffe); /* outside of the BAR, and odd lengths */
    pci_read(d, at + 16, 4);
    pci_write(d, at + 12, 4, 3);
    pci_read(d, at + 16, 4);
    pci_write(d, at + 4, 1, 7);
    pci_read(d, at + 16, 4);
    stop(&f);
}

/* --- what guests read without an exit --- */

#define PAGE 0x1000

static struct {
    const uint8_t *shown; /* of slot 1 */
    unsigned hidden;
} view;

static int show(void *ctx, uint64_t ipa, uint64_t size, const void *page)
{
    const struct rig *rig = ctx;

    assert_int_equal(size, PAGE);
    if (ipa == RIG_ECAM + 0x8000)
        view.shown = page;
    return rig->pci ? 0 : -1;
}

static void hide(void *ctx, uint64_t ipa, uint64_t size)
{
    assert_int_equal(ipa, RIG_ECAM + 0x8000);
    assert_int_equal(size, PAGE);
    view.hidden++;
}

static void same_as_shown(struct driver *d)
{
    for (unsigned at = 0; at < PAGE; at += 4)
        assert_int_equal(pci_read(d, at, 4), *(const uint32_t *)(const void *)(view.shown + at));
}

static void mirror(void **unused)
{
    static struct fixture f;
    static uint8_t pages[PCI_SLOTS * PAGE] __attribute__((aligned(PAGE)));
    struct driver *d = &f.driver;
    const struct pci_mirror mirror = {
        .pages = pages, .page = PAGE, .show = show, .hide = hide, .ctx = &f.rig};
    unsigned at;

    start(&f);
    memset(&view, 0, sizeof(view));
    pci_host_mirror(f.rig.pci, &mirror);
    assert_non_null(view.shown);
    same_as_shown(d);
    pci_write(d, 0x10, 4, 0xffffffff); /* a BAR's size */
    same_as_shown(d);
    pci_write(d, 4, 2, 0x406);
    pci_write(d, d->msix + 2, 2, 0xc000);
    pci_write(d, 0x3c, 1, 77);
    same_as_shown(d);
    assert_int_equal(view.shown[0x3c], 77);
    pci_host_ops.reset(f.rig.pci);
    same_as_shown(d);
    assert_int_equal(view.shown[0x3c], 0);
    /* Registers that act are read by exits as soon as they can do something. */
    for (at = pci_read(d, 0x34, 1); pci_read(d, at, 1) != 9 || pci_read(d, at + 3, 1) != 5;)
        at = pci_read(d, at + 1, 1);
    pci_write(d, at, 4, 0xffffffff); /* nothing of it can be written */
    assert_int_equal(view.hidden, 0);
    pci_write(d, at + 8, 4, 0x12);
    assert_int_equal(view.hidden, 1);
    pci_write(d, at + 12, 4, 2);
    assert_int_equal(view.hidden, 1);
    assert_int_equal(pci_read(d, at + 16, 4) & 0xffff, 5);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identity),
        cmocka_unit_test(queue_registers),
        cmocka_unit_test(packed_size),
        cmocka_unit_test(vectors),
        cmocka_unit_test(status_and_features),
        cmocka_unit_test(widths),
        cmocka_unit_test(intx_and_isr),
        cmocka_unit_test(configuration_generation),
        cmocka_unit_test(configuration_access),
        cmocka_unit_test(mirror),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
