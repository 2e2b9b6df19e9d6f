/* SPDX-License-Identifier: ISC */
/*
 * The ACPI tables: sound by ACPI 6.5's rules, of the lengths that Apple's have, and never in
 * disagreement with the device tree. Offsets are the specification's, not the structures of
 * firmware/acpi_tables.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "base/endian.h"
#include "base/units.h"
#include "firmware/acpi.h"
#include "firmware/devicetree.h"

#define BASE     UINT64_C(0x16fbf0000)
#define HEADER   36
#define GICC     80
#define GSI_NONE 0

static struct platform platform;
static uint8_t blob[ACPI_MAX_SIZE], fdt[FDT_MAX_SIZE];
static size_t length;

/* No number is twice the same, so that none can be mistaken for another. */
static struct platform describe(unsigned cpus, bool strict)
{
    struct platform p = {
        .cpus = cpus,
        .ram = {0x70000000, 5 * GIB},
        .gicd = {0x10000000, 0x10000},
        .gicr = {0x10010000, cpus * UINT64_C(0x20000)},
        .gicv2m = {0x1fff0000, 0x1000},
        .msi_base = 128,
        .msi_count = 127,
        .ppi_phys = 30,
        .ppi_virt = 27,
        .ppi_hyp = 26,
        .ppi_maintenance = 25,
        .ppi_pmu = 23,
        .psci_smc = true,
        .ecam = {0x40000000, 0x10000000},
        .pci_mem32 = {0x50000000, 0x1ffe0000},
        .pci_mem64 = {UINT64_C(0x200000000), 16 * GIB},
        .pci_io = {0x6fff0000, 0x10000},
        .pci_intx_base = 64,
        .pci_intx_pin = 1,
        .rtc = {0x20050000, 0x1000},
        .gpio = {0x20060000, 0x1000},
        .rtc_intid = 34,
        .gpio_intid = 37,
        .uart_clock_hz = 24000000,
        .power_button_line = 6,
    };

    for (unsigned i = 0; i < cpus; i++)
        p.mpidr[i] = (i / 4) << 8 | i % 4;
    if (!strict) {
        p.uart = (struct platform_range){0x20100000, 0x1000};
        p.uart_intid = 48;
        p.power_button_intid = 49;
    }
    return p;
}

static void build(unsigned cpus, bool strict)
{
    const struct fdt_chosen chosen = {0};
    struct error err = {0};
    int64_t built;

    platform = describe(cpus, strict);
    built = acpi_build(&platform, BASE, blob, sizeof(blob), &err);
    assert_true(built > 0);
    length = (size_t)built;
    assert_true(fdt_build(&platform, &chosen, fdt, sizeof(fdt), &err) > 0);
}

/* The table, or NULL. */
static const uint8_t *find(const char *signature)
{
    struct acpi_table table;
    size_t at = 0;

    while (acpi_next(blob, length, &at, &table))
        if (strcmp(table.signature, signature) == 0)
            return table.bytes;
    return NULL;
}

static size_t length_of(const char *signature)
{
    const uint8_t *table = find(signature);

    return table ? load_le32(table + 4) : 0;
}

static uint8_t sum(const uint8_t *bytes, size_t count)
{
    uint8_t total = 0;

    while (count-- > 0)
        total += *bytes++;
    return total;
}

/* --- the device tree's side --- */

static uint32_t cell(const char *path, const char *property, unsigned index)
{
    int size, node = fdt_path_offset(fdt, path);
    const fdt32_t *cells = fdt_getprop(fdt, node, property, &size);

    assert_true(node >= 0);
    assert_non_null(cells);
    assert_true((int)index < size / 4);
    return fdt32_ld(&cells[index]);
}

static uint64_t cell_pair(const char *path, const char *property, unsigned index)
{
    return (uint64_t)cell(path, property, index) << 32 | cell(path, property, index + 1);
}

/* The INTID that a GIC specifier of three cells means. */
static uint32_t intid(const char *path, unsigned index)
{
    uint32_t kind = cell(path, "interrupts", 3 * index);

    return cell(path, "interrupts", 3 * index + 1) + (kind == 0 ? 32 : 16);
}

static const char *text(const char *path, const char *property)
{
    return fdt_getprop(fdt, fdt_path_offset(fdt, path), property, NULL);
}

/* --- tests --- */

static void test_pointers_and_checksums(void **state)
{
    static const unsigned cpus[] = {1, 2, 4, 16};

    for (size_t i = 0; i < 2 * nitems(cpus); i++) {
        const uint8_t *rsdp = blob, *xsdt;
        size_t at = 0, tables = 0, entries;
        struct acpi_table table;

        build(cpus[i / 2], i % 2);
        assert_memory_equal(rsdp, "RSD PTR ", 8);
        assert_int_equal(sum(rsdp, 20), 0);
        assert_int_equal(sum(rsdp, 36), 0);
        assert_int_equal(rsdp[15], 2);
        assert_int_equal(load_le32(rsdp + 16), 0); /* no RSDT */
        xsdt = blob + (load_le64(rsdp + 24) - BASE);
        assert_memory_equal(xsdt, "XSDT", 4);
        entries = (load_le32(xsdt + 4) - HEADER) / 8;
        for (size_t e = 0; e < entries; e++)
            assert_int_equal(sum(blob + (load_le64(xsdt + HEADER + 8 * e) - BASE), 4) != 0, 1);
        while (acpi_next(blob, length, &at, &table)) {
            assert_int_equal((uintptr_t)(table.bytes - blob) % ACPI_ALIGN, 0);
            assert_int_equal(sum(table.bytes, table.length), 0);
            tables++;
        }
        /* The RSDP, the XSDT itself, the DSDT, and what the XSDT lists. */
        assert_int_equal(tables, entries + 3);
        assert_int_equal(load_le64(find("FACP") + 140), BASE + (size_t)(find("DSDT") - blob));
    }
}

/* What guests of Apple's machine print (docs/apple-machine.md). */
static void test_as_apples(void **state)
{
    static const struct {
        const char *signature;
        unsigned length, revision;
    } rows[] = {{"XSDT", 0x44, 1},  {"FACP", 0x114, 6}, {"GTDT", 0x68, 3},
                {"APIC", 0x1ac, 5}, {"MCFG", 0x3c, 1},  {"DSDT", 0x394, 2}};
    static const char *const order[] = {"FACP", "GTDT", "APIC", "MCFG"};
    const uint8_t *xsdt;

    build(4, true);
    xsdt = find("XSDT");
    for (size_t i = 0; i < nitems(rows); i++) {
        const uint8_t *table = find(rows[i].signature);
        bool is_xsdt = table == xsdt;

        assert_int_equal(load_le32(table + 4), rows[i].length);
        assert_int_equal(table[8], rows[i].revision);
        assert_memory_equal(table + 10, "APPLE Apple Vz", 14);
        assert_int_equal(load_le32(table + 24), 1);
        assert_memory_equal(table + 28, is_xsdt ? "    " : "AAPL", 4);
        assert_int_equal(load_le32(table + 32), is_xsdt ? 0x01000013 : 0x20180427);
    }
    for (size_t i = 0; i < nitems(order); i++)
        assert_memory_equal(blob + (load_le64(xsdt + HEADER + 8 * i) - BASE), order[i], 4);
    assert_null(find("SPCR"));
    build(2, true);
    assert_int_equal(length_of("APIC"), 0x10c);
    assert_int_equal(length_of("DSDT"), 0x35a);
}

static void test_madt(void **state)
{
    static const unsigned cpus[] = {1, 2, 4, 16};

    for (size_t i = 0; i < nitems(cpus); i++) {
        const uint8_t *at;

        build(cpus[i], false);
        assert_int_equal(length_of("APIC"), 44 + GICC * cpus[i] + 24 + 24 + 16);
        at = find("APIC") + 44;
        for (unsigned n = 0; n < cpus[i]; n++, at += GICC) {
            char path[32];

            assert_int_equal(at[0], 0x0b);
            assert_int_equal(at[1], GICC);
            assert_int_equal(load_le32(at + 8), n); /* what _UID says in the DSDT */
            assert_int_equal(load_le32(at + 12), 1);
            assert_int_equal(load_le32(at + 20), 23);
            assert_int_equal(load_le32(at + 56), 25);
            snprintf(path, sizeof(path), "/cpus/cpu@%x", (unsigned)load_le64(at + 68));
            assert_int_equal(load_le64(at + 68), cell(path, "reg", 0));
        }
        assert_int_equal(at[0], 0x0c);
        assert_int_equal(load_le64(at + 8), cell_pair("/intc@10000000", "reg", 0));
        assert_int_equal(at[20], 3);
        at += at[1];
        assert_int_equal(at[0], 0x0d);
        assert_int_equal(load_le64(at + 8), cell_pair("/intc@10000000/v2m@1fff0000", "reg", 0));
        assert_int_equal(load_le16(at + 20),
                         cell("/intc@10000000/v2m@1fff0000", "arm,msi-num-spis", 0));
        assert_int_equal(load_le16(at + 22),
                         cell("/intc@10000000/v2m@1fff0000", "arm,msi-base-spi", 0));
        at += at[1];
        assert_int_equal(at[0], 0x0e);
        assert_int_equal(load_le64(at + 4), cell_pair("/intc@10000000", "reg", 4));
        assert_int_equal(load_le32(at + 12), cell_pair("/intc@10000000", "reg", 6));
    }
}

static void test_timers(void **state)
{
    static const uint8_t offsets[] = {56, 64, 72}; /* physical, virtual, EL2 */
    const uint8_t *gtdt;

    build(1, false);
    gtdt = find("GTDT");
    assert_int_equal(load_le64(gtdt + 36), UINT64_MAX);
    assert_int_equal(load_le32(gtdt + 48), GSI_NONE); /* secure */
    for (unsigned i = 0; i < nitems(offsets); i++) {
        assert_int_equal(load_le32(gtdt + offsets[i]), intid("/timer", i + 1));
        /* Level, active high, always on: as the device tree's flag 4 and `always-on`. */
        assert_int_equal(load_le32(gtdt + offsets[i] + 4), 4);
        assert_int_equal(cell("/timer", "interrupts", 3 * (i + 1) + 2), 4);
    }
    assert_non_null(text("/timer", "always-on"));
    assert_int_equal(load_le64(gtdt + 80), UINT64_MAX);
}

static void test_conduit(void **state)
{
    for (unsigned smc = 0; smc < 2; smc++) {
        const struct fdt_chosen chosen = {0};
        const uint8_t *fadt;

        platform = describe(1, false);
        platform.psci_smc = smc;
        length = (size_t)acpi_build(&platform, BASE, blob, sizeof(blob), NULL);
        assert_true(fdt_build(&platform, &chosen, fdt, sizeof(fdt), NULL) > 0);
        fadt = find("FACP");
        assert_int_equal(load_le16(fadt + 129), smc ? 1 : 3);
        assert_string_equal(text("/psci", "method"), smc ? "smc" : "hvc");
        assert_int_equal(load_le32(fadt + 112) & 1u << 20, 1u << 20); /* hardware-reduced */
    }
}

static void test_ecam(void **state)
{
    const uint8_t *mcfg;

    build(1, false);
    mcfg = find("MCFG");
    assert_int_equal(load_le64(mcfg + 44), cell_pair("/pci@40000000", "reg", 0));
    assert_int_equal(load_le16(mcfg + 52), cell("/pci@40000000", "linux,pci-domain", 0));
    assert_int_equal(mcfg[54], cell("/pci@40000000", "bus-range", 0));
    assert_int_equal(mcfg[55], cell("/pci@40000000", "bus-range", 1));
}

static void test_uart(void **state)
{
    const uint8_t *spcr;

    build(1, false);
    spcr = find("SPCR");
    assert_true(spcr[8] >= 2); /* OpenBSD's efiboot reads no older one */
    assert_int_equal(spcr[36], 3);
    assert_int_equal(load_le64(spcr + 44), cell_pair("/pl011@20100000", "reg", 0));
    assert_int_equal(spcr[52], 8);
    assert_int_equal(load_le32(spcr + 54), intid("/pl011@20100000", 0));
    assert_int_equal(spcr[58], 7);
    assert_int_equal(cell("/pl011@20100000", "current-speed", 0), 115200);
}

/* The resource template behind `name`, and in it the index'th descriptor of a type. */
static const uint8_t *resource(const uint8_t *from, const char *name, uint8_t type, unsigned index)
{
    const uint8_t *dsdt = find("DSDT"), *end = dsdt + load_le32(dsdt + 4);
    const uint8_t *at = memmem(from, (size_t)(end - from), name, 4);

    assert_non_null(at);
    at += 4;
    assert_int_equal(*at++, 0x11);
    at += (*at >> 6) + 1;      /* PkgLength */
    at += *at == 0x0a ? 2 : 3; /* BufferSize */
    for (; *at != 0x79; at += 3 + load_le16(at + 1)) {
        assert_true(*at >= 0x80);
        if (*at == type && index-- == 0)
            return at;
    }
    fail_msg("%s has no such resource", name);
    return at;
}

/* Whether `what` follows within 64 bytes. */
static bool follows(const uint8_t *at, const void *what, size_t size)
{
    return at && memmem(at, 64, what, size);
}

static const uint8_t *device(const char *hid)
{
    const uint8_t *dsdt = find("DSDT");

    return memmem(dsdt, load_le32(dsdt + 4), hid, strlen(hid) + 1);
}

/* A chip's device: the same registers and the same wire as in the tree. */
static void expect_chip(const char *hid, const char *path)
{
    const uint8_t *at = device(hid), *memory, *interrupt;

    assert_non_null(at);
    memory = resource(at, "_CRS", 0x86, 0);
    interrupt = resource(at, "_CRS", 0x89, 0);
    assert_int_equal(load_le32(memory + 4), cell_pair(path, "reg", 0));
    assert_int_equal(load_le32(memory + 8), cell_pair(path, "reg", 2));
    assert_int_equal(interrupt[3], 1); /* a consumer; level, active high, exclusive */
    assert_int_equal(load_le32(interrupt + 5), intid(path, 0));
}

static void test_chips(void **state)
{
    build(2, false);
    expect_chip("ARMH0061", "/pl061@20060000");
    expect_chip("ARMH0011", "/pl011@20100000");
    build(2, true);
    expect_chip("ARMH0061", "/pl061@20060000");
    assert_null(device("ARMH0011"));
}

static void test_windows(void **state)
{
    static const uint8_t bridge[] = {0x41, 0xd0, 0x0a, 0x08}; /* EisaId ("PNP0A08") */
    const uint8_t *dsdt, *at, *r;

    build(1, false);
    dsdt = find("DSDT");
    at = memmem(dsdt, length_of("DSDT"), bridge, sizeof(bridge));
    assert_non_null(at);
    r = resource(at, "_CRS", 0x88, 0); /* buses */
    assert_int_equal(load_le16(r + 8), cell("/pci@40000000", "bus-range", 0));
    assert_int_equal(load_le16(r + 10), cell("/pci@40000000", "bus-range", 1));
    r = resource(at, "_CRS", 0x87, 0); /* 32-bit memory */
    assert_int_equal(r[3], 0);
    assert_int_equal(load_le32(r + 10), cell_pair("/pci@40000000", "ranges", 10));
    assert_int_equal(load_le32(r + 22), cell_pair("/pci@40000000", "ranges", 12));
    assert_int_equal(load_le32(r + 14), load_le32(r + 10) + load_le32(r + 22) - 1);
    r = resource(at, "_CRS", 0x8a, 0); /* 64-bit memory */
    assert_int_equal(load_le64(r + 14), cell_pair("/pci@40000000", "ranges", 17));
    assert_int_equal(load_le64(r + 38), cell_pair("/pci@40000000", "ranges", 19));
    assert_int_equal(load_le64(r + 22), load_le64(r + 14) + load_le64(r + 38) - 1);
    r = resource(at, "_CRS", 0x87, 1); /* ports */
    assert_int_equal(r[3], 1);
    assert_int_equal(load_le32(r + 10), cell_pair("/pci@40000000", "ranges", 1));
    assert_int_equal(load_le32(r + 18), cell_pair("/pci@40000000", "ranges", 3));
    assert_int_equal(load_le32(r + 22), cell_pair("/pci@40000000", "ranges", 5));
    at = memmem(dsdt, length_of("DSDT"), "RES0", 4);
    r = resource(at, "_CRS", 0x86, 0);
    assert_int_equal(load_le32(r + 4), cell_pair("/pci@40000000", "reg", 0));
    assert_int_equal(load_le32(r + 8), cell_pair("/pci@40000000", "reg", 2));
}

/* {slot << 16 | 0xffff, pin A, 0, GSI}, 32 times; the tree's rows begin with slot 1. */
static void test_interrupt_routing(void **state)
{
    const uint8_t *dsdt, *at;

    build(1, false);
    dsdt = find("DSDT");
    at = memmem(dsdt, length_of("DSDT"), "_PRT", 4);
    assert_non_null(at);
    at += 4 + 1 + 2; /* PackageOp, two bytes of PkgLength */
    assert_int_equal(*at++, 32);
    for (unsigned slot = 0; slot < 32; slot++) {
        assert_int_equal(at[0], 0x12);
        assert_int_equal(at[2], 4);
        at += 3;
        if (slot == 0) {
            assert_int_equal(*at++, 0x0b);
            assert_int_equal(load_le16(at), 0xffff);
            at += 2;
        } else {
            assert_int_equal(*at++, 0x0c);
            assert_int_equal(load_le32(at), slot << 16 | 0xffff);
            at += 4;
        }
        assert_int_equal(at[0] | at[1], 0); /* pin A, no link device */
        assert_int_equal(at[2], 0x0a);
        if (slot > 0) {
            assert_int_equal(at[3],
                             cell("/pci@40000000", "interrupt-map", 10 * (slot - 1) + 8) + 32);
            assert_int_equal(cell("/pci@40000000", "interrupt-map", 10 * (slot - 1) + 3), 1);
        }
        at += 4;
    }
}

static void test_power_button(void **state)
{
    static const uint8_t notify[] = {0x86, 'P', 'W', 'R', 'B', 0x0a, 0x80};
    const uint8_t *r;

    build(1, true); /* an edge on a line of the PL061 */
    assert_null(device("ACPI0013"));
    r = resource(device("ARMH0061"), "_AEI", 0x8c, 0);
    assert_int_equal(load_le16(r + load_le16(r + 14)), cell("/gpio-keys/power", "gpios", 1));
    assert_string_equal((const char *)r + load_le16(r + 17), "\\_SB.GPO0");
    assert_true(follows(r, "_E06", 4));
    assert_true(follows(r, notify, sizeof(notify)));

    build(1, false); /* an edge on an interrupt of its own, and not on the PL061 as well */
    assert_null(memmem(blob, length, "_AEI", 4));
    r = resource(device("ACPI0013"), "_CRS", 0x89, 0);
    assert_int_equal(r[3], 3);
    assert_int_equal(load_le32(r + 5), 49);
    assert_true(follows(r, notify, sizeof(notify)));
}

static void test_deterministic(void **state)
{
    static uint8_t again[ACPI_MAX_SIZE];

    build(16, false);
    memset(again, 0xa5, sizeof(again));
    assert_int_equal(acpi_build(&platform, BASE, again, sizeof(again), NULL), length);
    assert_memory_equal(again, blob, length);
}

static void test_no_room(void **state)
{
    struct error err;

    build(16, false);
    for (size_t room = 0; room < length; room++) {
        memset(blob, 0x5a, sizeof(blob));
        assert_int_equal(acpi_build(&platform, BASE, blob, room, &err), -ENOSPC);
        assert_int_equal(blob[room], 0x5a);
    }
    assert_non_null(strstr(err.text, "do not fit"));
}

static void test_cannot_be_told(void **state)
{
    struct error err;

    platform = describe(1, false);
    platform.gpio.base = UINT64_C(0x120060000);
    assert_int_equal(acpi_build(&platform, BASE, blob, sizeof(blob), &err), -EINVAL);
}

/* Damaged lengths end the walk. */
static void test_walk_is_bounded(void **state)
{
    struct acpi_table table;
    size_t at = 0, tables = 0;
    uint8_t *xsdt;

    build(1, false);
    xsdt = blob + 64;
    store_le32(xsdt + 4, 35);
    while (acpi_next(blob, length, &at, &table))
        tables++;
    assert_int_equal(tables, 1);
    store_le32(xsdt + 4, (uint32_t)length - 63);
    at = tables = 0;
    while (acpi_next(blob, length, &at, &table))
        tables++;
    assert_int_equal(tables, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pointers_and_checksums),
        cmocka_unit_test(test_as_apples),
        cmocka_unit_test(test_madt),
        cmocka_unit_test(test_timers),
        cmocka_unit_test(test_conduit),
        cmocka_unit_test(test_ecam),
        cmocka_unit_test(test_uart),
        cmocka_unit_test(test_chips),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_interrupt_routing),
        cmocka_unit_test(test_power_button),
        cmocka_unit_test(test_deterministic),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_cannot_be_told),
        cmocka_unit_test(test_walk_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
