/* SPDX-License-Identifier: ISC */
/* PCI as a guest sees it: enumeration, sizing and moving BARs, capabilities, MSI-X, INTx, saved
 * state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/units.h"
#include "host/thread.h"
#include "pci/pci.h"

#define ECAM     0x40000000u
#define MEM32    0x50000000u
#define MEM64    UINT64_C(0x180000000)
#define DOORBELL 0x1fff0040u

static const struct pci_windows windows = {ECAM,  256 * MIB, MEM32,      0x1ffe0000,
                                           MEM64, 1 * GIB,   0x6fff0000, 0x10000};

struct fixture {
    struct bus *bus;
    struct pci_host *host;
    struct pci_function a, b;
    unsigned messages, changes;
    uint64_t address;
    uint32_t data;
    bool wire[PCI_SLOTS];
};

static void on_message(void *ctx, uint64_t address, uint32_t data)
{
    struct fixture *f = ctx;

    f->messages++;
    f->address = address;
    f->data = data;
}

static void on_wire(void *ctx, unsigned number, bool level)
{
    ((struct fixture *)ctx)->wire[number] = level;
}

static uint64_t bar_read(void *dev, uint64_t offset, unsigned size)
{
    return 0x1000 * (uintptr_t)((struct pci_function *)dev)->slot + offset;
}

static void bar_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
}

static const struct bus_ops bar_ops = {bar_read, bar_write};

static void on_change(struct pci_function *function)
{
    struct fixture *f = container_of(function, struct fixture, a);

    f->changes++;
    pci_bus_master(function); /* no lock is held */
    pci_msix_enabled(function);
}

static void make_function(struct pci_function *function, unsigned vectors)
{
    function->name = "test";
    function->vendor = 0x1af4;
    function->device = 0x1041;
    function->subsystem_vendor = 0x1af4;
    function->subsystem = 0x40;
    function->class_code = 0x020000;
    function->revision = 1;
    function->interrupt_pin = 1;
    assert_int_equal(pci_function_init(function), 0);
    assert_int_equal(pci_add_bar(function, 0, 16 * KIB, true, BUS_WIDTH_ALL, &bar_ops, function),
                     0);
    assert_int_equal(pci_add_msix(function, 2, vectors), 0);
}

static void make(struct fixture *f)
{
    const struct msi_sink msi = {on_message, f};
    struct irq_line intx[PCI_SLOTS];

    for (unsigned i = 0; i < PCI_SLOTS; i++)
        intx[i] = (struct irq_line){on_wire, f, i};
    assert_int_equal(bus_create(&f->bus), 0);
    assert_int_equal(pci_host_create(&f->host, f->bus, &windows, &msi, intx, NULL), 0);
    make_function(&f->a, 3);
    make_function(&f->b, 70);
    f->a.changed = on_change;
    assert_int_equal(pci_attach(f->host, &f->a, 0), 0);
    assert_int_equal(pci_attach(f->host, &f->b, 5), 0);
}

static void unmake(struct fixture *f)
{
    pci_host_ops.free(f->host);
    pci_function_fini(&f->a);
    pci_function_fini(&f->b);
    bus_destroy(f->bus);
}

static int setup(void **state)
{
    static struct fixture f;

    memset(&f, 0, sizeof(f));
    make(&f);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    unmake(*state);
    return 0;
}

static uint64_t rd(struct fixture *f, uint64_t address, unsigned size)
{
    uint64_t value = 0;

    assert_int_equal(bus_read(f->bus, address, size, &value), 0);
    return value;
}

static uint64_t cfg(struct fixture *f, unsigned slot, unsigned at, unsigned size)
{
    return rd(f, ECAM + slot * 0x8000 + at, size);
}

static void cfg_set(struct fixture *f, unsigned slot, unsigned at, unsigned size, uint64_t value)
{
    assert_int_equal(bus_write(f->bus, ECAM + slot * 0x8000 + at, size, value), 0);
}

static void wr(struct fixture *f, uint64_t address, unsigned size, uint64_t value)
{
    assert_int_equal(bus_write(f->bus, address, size, value), 0);
}

static void enumerates(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(cfg(f, 0, 0, 4), 0x1a05106b);
    assert_int_equal(cfg(f, 0, 8, 4), 0x06000000);
    assert_int_equal(cfg(f, 1, 0, 4), 0x10411af4);
    assert_int_equal(cfg(f, 1, 8, 4), 0x02000001);
    assert_int_equal(cfg(f, 1, 0x2c, 4), 0x00401af4);
    assert_int_equal(cfg(f, 5, 0, 2), 0x1af4);
    assert_int_equal(cfg(f, 5, 2, 2), 0x1041);
    assert_int_equal(cfg(f, 5, 3, 1), 0x10);
    assert_int_equal(cfg(f, 1, 0, 8), UINT64_C(0x0010000010411af4));
    assert_int_equal(cfg(f, 1, 0xe, 1), 0); /* one function, type 0 */
    assert_int_equal(cfg(f, 1, 0x3d, 1), 1);
    assert_int_equal(cfg(f, 1, 0x100, 4), 0);                       /* no extended capabilities */
    assert_int_equal(cfg(f, 2, 0, 4), UINT32_MAX);                  /* an empty slot */
    assert_int_equal(rd(f, ECAM + 0x8000 + 0x1000, 4), UINT32_MAX); /* function 1 */
    assert_int_equal(rd(f, ECAM + 0x100000, 4), UINT32_MAX);        /* bus 1 */
    assert_int_equal(rd(f, ECAM + 256 * MIB - 8, 8), UINT64_MAX);
    cfg_set(f, 1, 0, 4, 0); /* identity is read-only */
    cfg_set(f, 1, 8, 4, 0);
    cfg_set(f, 2, 0, 8, 0);
    assert_int_equal(cfg(f, 1, 0, 4), 0x10411af4);
    cfg_set(f, 1, 0x3c, 1, 0x77);
    assert_int_equal(cfg(f, 1, 0x3c, 1), 0x77);
}

static void walks_capabilities(void **state)
{
    struct fixture *f = *state;
    unsigned at = (unsigned)cfg(f, 1, 0x34, 1);

    assert_true(cfg(f, 1, 6, 2) & 0x10);
    assert_int_equal(at, 0x40);
    assert_int_equal(cfg(f, 1, at, 2), 0x0011);
    assert_int_equal(cfg(f, 1, at + 2, 2), 2); /* three vectors */
    assert_int_equal(cfg(f, 1, at + 4, 4), 2);
    assert_int_equal(cfg(f, 1, at + 8, 4), 0x30 | 2);
    assert_int_equal(cfg(f, 0, 0x34, 1), 0);
}

static void capability_space_ends(void **state)
{
    static struct pci_function function;
    uint8_t body[64] = {0};

    assert_int_equal(pci_function_init(&function), 0);
    assert_int_equal(pci_add_capability(&function, 9, body, 63), 0x40);
    assert_int_equal(pci_add_capability(&function, 9, body, 64), 0x80);
    assert_int_equal(pci_add_capability(&function, 9, body, 64), 0xc0);
    assert_int_equal(pci_add_capability(&function, 9, body, 16), -ENOSPC);
    assert_int_equal(function.config[0x41], 0x80);
    assert_int_equal(function.config[0x81], 0xc0);
    assert_int_equal(pci_add_bar(&function, 5, 4096, true, 15, &bar_ops, NULL), -EINVAL);
    assert_int_equal(pci_add_bar(&function, 6, 4096, false, 15, &bar_ops, NULL), -EINVAL);
    assert_int_equal(pci_add_bar(&function, 0, 4095, false, 15, &bar_ops, NULL), -EINVAL);
    assert_int_equal(pci_add_bar(&function, 0, 8, false, 15, &bar_ops, NULL), -EINVAL);
    assert_int_equal(pci_add_msix(&function, 1, 2049), -EINVAL);
    pci_function_fini(&function);
}

static void sizes_bars(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < 6; i++)
        cfg_set(f, 1, 0x10 + 4 * i, 4, UINT32_MAX);
    assert_int_equal(cfg(f, 1, 0x10, 4), 0xffffc004);
    assert_int_equal(cfg(f, 1, 0x14, 4), 0xffffffff);
    assert_int_equal(cfg(f, 1, 0x18, 4), 0xffffffc0); /* three vectors: 64 bytes, as Apple's */
    assert_int_equal(cfg(f, 1, 0x1c, 4), 0);
    cfg_set(f, 5, 0x18, 4, UINT32_MAX);
    assert_int_equal(cfg(f, 5, 0x18, 4), 0xfffff800); /* seventy: 1120 + 16 bytes */
    cfg_set(f, 1, 0x30, 4, UINT32_MAX);
    assert_int_equal(cfg(f, 1, 0x30, 4), 0); /* no expansion ROM */
}

static void firmware_places_bars(void **state)
{
    struct fixture *f = *state;
    uint64_t a0 = f->a.bars[0].assigned_at, b0 = f->b.bars[0].assigned_at;

    assert_int_equal(a0, MEM64);
    assert_int_equal(b0, MEM64 + 64 * KIB);
    assert_int_equal(cfg(f, 1, 0x10, 8), a0 | 4);
    assert_int_equal(f->a.bars[2].assigned_at, MEM32);
    assert_int_equal(f->b.bars[2].assigned_at, MEM32 + 64 * KIB);
    assert_int_equal(rd(f, a0, 4), UINT32_MAX); /* memory space is off */
    pci_firmware_setup(f->host);
    assert_int_equal(cfg(f, 1, 4, 2), 6);
    assert_int_equal(rd(f, a0 + 4, 4), 0x1004);
    assert_int_equal(rd(f, b0 + 4, 4), 0x5004);
    pci_host_ops.reset(f->host);
    assert_int_equal(cfg(f, 1, 4, 2), 0);
    assert_int_equal(rd(f, a0, 4), UINT32_MAX);
}

static void moves_bars(void **state)
{
    struct fixture *f = *state;
    uint64_t old = f->a.bars[0].assigned_at;

    cfg_set(f, 1, 4, 2, 2);
    assert_int_equal(f->changes, 1);
    assert_int_equal(rd(f, old, 4), 0x1000);
    cfg_set(f, 1, 0x10, 4, MEM32 + 0x100000);
    cfg_set(f, 1, 0x14, 4, 0);
    assert_int_equal(rd(f, MEM32 + 0x100008, 8), 0x1008);
    assert_int_equal(rd(f, old, 4), UINT32_MAX);
    cfg_set(f, 1, 0x10, 8, MEM64 + 0x10000000); /* one 64-bit write */
    assert_int_equal(rd(f, MEM64 + 0x10000000, 4), 0x1000);
    cfg_set(f, 1, 4, 2, 0);
    assert_int_equal(rd(f, MEM64 + 0x10000000, 4), UINT32_MAX);
    cfg_set(f, 1, 4, 2, 2);
    assert_int_equal(rd(f, MEM64 + 0x10000000, 4), 0x1000);
}

static void bars_stay_in_their_windows(void **state)
{
    struct fixture *f = *state;
    uint64_t value;

    cfg_set(f, 1, 4, 2, 2);
    cfg_set(f, 1, 0x10, 8, 0x10000000); /* over the GIC */
    assert_int_equal(bus_read(f->bus, 0x10000000, 4, &value), -EFAULT);
    cfg_set(f, 1, 0x10, 8, ECAM);
    assert_int_equal(cfg(f, 1, 0, 4), 0x10411af4);
    cfg_set(f, 1, 0x10, 8, MEM64 + 1 * GIB);
    assert_int_equal(bus_read(f->bus, MEM64 + 1 * GIB, 4, &value), -EFAULT);
    cfg_set(f, 1, 0x10, 8, UINT64_MAX);
    cfg_set(f, 1, 0x10, 8, 0);
    assert_int_equal(f->a.bars[0].mapped_at, 0);
}

static void overlapping_bars(void **state)
{
    struct fixture *f = *state;
    uint64_t at = MEM64 + 0x2000000;

    cfg_set(f, 1, 4, 2, 2);
    cfg_set(f, 5, 4, 2, 2);
    cfg_set(f, 1, 0x10, 8, at);
    cfg_set(f, 5, 0x10, 8, at);
    assert_int_equal(rd(f, at, 4), 0x1000); /* the first keeps it */
    cfg_set(f, 1, 0x10, 8, MEM64);
    assert_int_equal(rd(f, at, 4), 0x5000); /* and then the second has it */
    assert_int_equal(rd(f, MEM64, 4), 0x1000);
}

static void slots(void **state)
{
    static struct pci_function many[PCI_SLOTS], huge;
    struct fixture *f = *state;
    unsigned count = 0;

    memset(many, 0, sizeof(many));
    memset(&huge, 0, sizeof(huge));
    make_function(&huge, 1);
    assert_int_equal(pci_attach(f->host, &huge, 5), -EBUSY);
    assert_int_equal(pci_attach(f->host, &huge, 32), -ENOSPC);
    assert_int_equal(pci_add_bar(&huge, 3, 2 * GIB, false, 15, &bar_ops, NULL), 0);
    assert_int_equal(pci_attach(f->host, &huge, 0), -ENOSPC); /* no such room */
    assert_int_equal(cfg(f, 2, 0, 4), UINT32_MAX);
    pci_function_fini(&huge);
    for (unsigned i = 0; i < PCI_SLOTS; i++) {
        make_function(&many[i], 1);
        count += pci_attach(f->host, &many[i], 0) == 0;
    }
    assert_int_equal(count, PCI_SLOTS - 3);
    assert_int_equal(cfg(f, 31, 0, 4), 0x10411af4);
    for (unsigned i = 0; i < PCI_SLOTS; i++) {
        pci_detach(&many[i]);
        pci_function_fini(&many[i]);
    }
    assert_int_equal(cfg(f, 31, 0, 4), UINT32_MAX);
}

/* Opens slot 1's MSI-X: returns the table's address. */
static uint64_t msix_up(struct fixture *f)
{
    uint64_t table = f->a.bars[2].assigned_at;

    cfg_set(f, 1, 4, 2, 6);
    for (unsigned i = 0; i < 3; i++) {
        wr(f, table + 16 * i, 8, DOORBELL);
        wr(f, table + 16 * i + 8, 4, 128 + i);
    }
    cfg_set(f, 1, 0x42, 2, 0x8000);
    return table;
}

static void msix_delivers(void **state)
{
    struct fixture *f = *state;
    uint64_t table;

    pci_msix_signal(&f->a, 0); /* not enabled: gone */
    table = msix_up(f);
    assert_true(pci_msix_enabled(&f->a));
    assert_int_equal(rd(f, table + 12, 4), 1); /* masked from reset */
    assert_int_equal(rd(f, table, 8), DOORBELL);
    wr(f, table + 12, 4, 0);
    assert_int_equal(f->messages, 0);
    pci_msix_signal(&f->a, 0);
    assert_int_equal(f->messages, 1);
    assert_int_equal(f->address, DOORBELL);
    assert_int_equal(f->data, 128);
    wr(f, table + 16 + 8, 8, 200); /* data and control at once */
    pci_msix_signal(&f->a, 1);
    assert_int_equal(f->data, 200);
    pci_msix_signal(&f->a, 3); /* no such vector */
    pci_msix_signal(&f->a, UINT32_MAX);
    assert_int_equal(f->messages, 2);
}

static void msix_pends(void **state)
{
    struct fixture *f = *state;
    uint64_t table = msix_up(f), pba = table + 0x30;

    pci_msix_signal(&f->a, 2);
    pci_msix_signal(&f->a, 2);
    assert_int_equal(f->messages, 0);
    assert_int_equal(rd(f, pba, 8), 4);
    wr(f, pba, 8, 0); /* read-only */
    assert_int_equal(rd(f, pba, 4), 4);
    assert_int_equal(rd(f, pba + 4, 4), 0);
    wr(f, table + 2 * 16 + 12, 4, 0);
    assert_int_equal(f->messages, 1); /* once */
    assert_int_equal(f->data, 130);
    assert_int_equal(rd(f, pba, 8), 0);

    cfg_set(f, 1, 0x42, 2, 0xc000); /* the function's mask */
    pci_msix_signal(&f->a, 2);
    assert_int_equal(f->messages, 1);
    wr(f, table + 2 * 16 + 12, 4, 0);
    assert_int_equal(f->messages, 1);
    cfg_set(f, 1, 0x42, 2, 0x8000);
    assert_int_equal(f->messages, 2);
    assert_int_equal(cfg(f, 1, 0x42, 2), 0x8002);
}

static void msix_table_stands_odd_accesses(void **state)
{
    struct fixture *f = *state;
    uint64_t table = msix_up(f);

    for (unsigned size = 1; size <= 8; size *= 2)
        for (unsigned at = 0; at < 64; at++) {
            wr(f, table + at, size, UINT64_MAX);
            rd(f, table + at, size);
        }
    assert_int_equal(rd(f, table, 4), 0xfffffffc);
    assert_int_equal(rd(f, table + 12, 4), 1);
    assert_int_equal(rd(f, table + 0x38, 8), 0);
}

static void intx_is_gated(void **state)
{
    struct fixture *f = *state;

    pci_intx_set(&f->b, true);
    assert_true(f->wire[5]);
    assert_true(cfg(f, 5, 6, 2) & 8);
    cfg_set(f, 5, 4, 2, 0x400);
    assert_false(f->wire[5]);
    assert_true(cfg(f, 5, 6, 2) & 8);
    cfg_set(f, 5, 4, 2, 0);
    assert_true(f->wire[5]);
    cfg_set(f, 5, 0x42, 2, 0x8000); /* MSI-X excludes it */
    assert_false(f->wire[5]);
    cfg_set(f, 5, 0x42, 2, 0);
    assert_true(f->wire[5]);
    pci_intx_set(&f->b, false);
    assert_false(f->wire[5]);
    assert_false(cfg(f, 5, 6, 2) & 8);
    cfg_set(f, 5, 6, 2, 0xffff);
    assert_int_equal(cfg(f, 5, 6, 2), 0x10);
    pci_intx_set(&f->b, true);
    pci_host_ops.reset(f->host);
    assert_false(f->wire[5]);
}

static struct {
    unsigned offset, size, count;
    bool write;
} seen;

static void on_access(struct pci_function *function, unsigned offset, unsigned size, bool write)
{
    seen.offset = offset;
    seen.size = size;
    seen.write = write;
    seen.count++;
    pci_config_set(function, 0x80, 4, 0xabcd0000 + seen.count);
}

static void tells_of_accesses(void **state)
{
    struct fixture *f = *state;

    memset(&seen, 0, sizeof(seen));
    f->b.accessed = on_access;
    assert_int_equal(cfg(f, 5, 0x80, 4), 0xabcd0001); /* told before the read */
    assert_int_equal(seen.offset, 0x80);
    cfg_set(f, 5, 0x84, 2, 1);
    assert_true(seen.write);
    assert_int_equal(seen.size, 2);
    assert_int_equal(pci_config_get(&f->b, 0x80, 4), 0xabcd0002);
}

static void continues_after_restore(void **state)
{
    static struct fixture g;
    struct fixture *f = *state;
    struct state *saved = state_new();
    uint64_t table = msix_up(f);

    memset(&g, 0, sizeof(g));
    cfg_set(f, 1, 0x10, 8, MEM64 + 0x4000000);
    pci_msix_signal(&f->a, 1); /* pends: masked */
    pci_intx_set(&f->b, true);
    assert_int_equal(pci_host_ops.save(f->host, saved, "pci"), 0);
    make(&g);
    assert_int_equal(pci_host_ops.load(g.host, saved, "pci", NULL), 0);
    assert_int_equal(rd(&g, MEM64 + 0x4000000, 4), 0x1000);
    assert_int_equal(rd(&g, MEM64, 4), UINT32_MAX);
    assert_int_equal(rd(&g, table + 0x30, 8), 2);
    assert_true(g.wire[5]);
    assert_int_equal(g.messages, 0);
    wr(&g, table + 16 + 12, 4, 0);
    assert_int_equal(g.messages, 1);
    assert_int_equal(g.data, 129);
    unmake(&g);
    state_free(saved);
}

static void refuses_another_device(void **state)
{
    struct fixture *f = *state;
    struct state *saved = state_new();
    struct error err = {0};

    assert_int_equal(pci_function_save(&f->a, saved, "a"), 0);
    f->a.config[2] = 0x42;
    f->a.config[0x3c] = 9;
    f->a.device = 0x1042;
    assert_int_equal(pci_function_load(&f->a, saved, "a", &err), -EINVAL);
    assert_non_null(strstr(err.text, "1af4:1041"));
    assert_int_equal(f->a.config[2], 0x42);
    assert_int_equal(f->a.config[0x3c], 9);
    assert_int_equal(pci_function_load(&f->b, saved, "a", &err), -EINVAL); /* another table size */
    assert_int_equal(pci_host_ops.save(f->host, saved, "pci"), 0);
    pci_detach(&f->b);
    assert_int_equal(pci_host_ops.load(f->host, saved, "pci", &err), -EINVAL);
    assert_non_null(strstr(err.text, "slots 0x23, here 0x3"));
    state_free(saved);
}

/* One vCPU moves a BAR while another uses it: each access finds the device or the window's fill. */
struct race {
    struct fixture *f;
    _Atomic bool stop;
    _Atomic unsigned wrong;
};

static void *use_bar(void *arg)
{
    struct race *race = arg;
    uint64_t value;

    while (!race->stop)
        for (unsigned i = 0; i < 2; i++) {
            if (bus_read(race->f->bus, MEM64 + i * 0x100000, 4, &value))
                race->wrong++;
            if (value != UINT32_MAX && value != 0x1000)
                race->wrong++;
        }
    return NULL;
}

static void moves_under_fire(void **state)
{
    struct race race = {.f = *state};
    pthread_t thread;

    cfg_set(race.f, 1, 4, 2, 2);
    assert_int_equal(host_thread_start(&thread, "bar", use_bar, &race), 0);
    for (unsigned i = 0; i < 2000; i++)
        cfg_set(race.f, 1, 0x10, 8, MEM64 + i % 2 * 0x100000);
    race.stop = true;
    pthread_join(thread, NULL);
    assert_int_equal(race.wrong, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(enumerates),
        TEST(walks_capabilities),
        TEST(capability_space_ends),
        TEST(sizes_bars),
        TEST(firmware_places_bars),
        TEST(moves_bars),
        TEST(bars_stay_in_their_windows),
        TEST(overlapping_bars),
        TEST(slots),
        TEST(msix_delivers),
        TEST(msix_pends),
        TEST(msix_table_stands_odd_accesses),
        TEST(intx_is_gated),
        TEST(tells_of_accesses),
        TEST(continues_after_restore),
        TEST(refuses_another_device),
        TEST(moves_under_fire),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
