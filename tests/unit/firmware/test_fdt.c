/* SPDX-License-Identifier: ISC */
/* The device tree says what the machine is, in the bindings' own terms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "firmware/devicetree.h"

static const struct platform platform = {
    .cpus = 3,
    .mpidr = {0, 1, 2},
    .ram = {0x70000000, 5 * GIB},
    .gicd = {0x10000000, 0x10000},
    .gicr = {0x10010000, 0x60000},
    .gicv2m = {0x1fff0000, 0x1000},
    .msi_base = 128,
    .msi_count = 128,
    .ppi_phys = 30,
    .ppi_virt = 27,
    .ppi_hyp = 26,
    .psci_smc = true,
    .ecam = {0x40000000, 0x10000000},
    .pci_mem32 = {0x50000000, 0x1ffe0000},
    .pci_mem64 = {UINT64_C(0x200000000), 16 * GIB},
    .pci_io = {0x6fff0000, 0x10000},
    .pci_intx_base = 64,
    .pci_intx_pin = 1,
    .rtc = {0x20050000, 0x1000},
    .gpio = {0x20060000, 0x1000},
    .uart = {0x20100000, 0x1000},
    .rtc_intid = 34,
    .gpio_intid = 37,
    .uart_intid = 48,
    .uart_clock_hz = 24000000,
    .power_button_line = 6,
};

static uint8_t blob[FDT_MAX_SIZE];

static int build(const struct platform *p, const char *bootargs, struct error *err)
{
    const struct fdt_chosen chosen = {.bootargs = bootargs};
    int64_t length = fdt_build(p, &chosen, blob, sizeof(blob), err);

    if (length > 0)
        assert_int_equal(fdt_check_full(blob, (size_t)length), 0);
    return length > 0 ? 0 : (int)length;
}

static uint32_t cell(const char *path, const char *property, unsigned index)
{
    int length, node = fdt_path_offset(blob, path);
    const fdt32_t *cells = fdt_getprop(blob, node, property, &length);

    assert_true(node >= 0);
    assert_non_null(cells);
    assert_true((int)index < length / 4);
    return fdt32_ld(&cells[index]);
}

static void test_machine(void **state)
{
    assert_int_equal(build(&platform, "a b", NULL), 0);
    assert_int_equal(cell("/memory@70000000", "reg", 1), 0x70000000);
    assert_int_equal(cell("/memory@70000000", "reg", 2), 1); /* 5 GiB */
    assert_int_equal(cell("/cpus/cpu@2", "reg", 0), 2);
    assert_string_equal(fdt_getprop(blob, fdt_path_offset(blob, "/psci"), "method", NULL), "smc");
    /* OpenBSD takes the third triple for the virtual timer. */
    assert_int_equal(cell("/timer", "interrupts", 7), 27 - 16);
    assert_int_equal(cell("/pl011@20100000", "interrupts", 1), 48 - 32);
    assert_int_equal(cell("/intc@10000000/v2m@1fff0000", "arm,msi-base-spi", 0), 128);
    assert_string_equal(fdt_getprop(blob, fdt_path_offset(blob, "/chosen"), "stdout-path", NULL),
                        "/pl011@20100000");
}

static void test_pci(void **state)
{
    assert_int_equal(build(&platform, NULL, NULL), 0);
    assert_int_equal(cell("/pci@40000000", "ranges", 7), 0x02000000);
    assert_int_equal(cell("/pci@40000000", "ranges", 9), 0x50000000);
    assert_int_equal(cell("/pci@40000000", "ranges", 11), 0x50000000);
    assert_int_equal(cell("/pci@40000000", "ranges", 13), 0x1ffe0000);
    assert_int_equal(cell("/pci@40000000", "ranges", 15), 2);
    assert_int_equal(cell("/pci@40000000", "ranges", 17), 2);
    /* Slot 1's row, then slot 31's. */
    assert_int_equal(cell("/pci@40000000", "interrupt-map", 0), 1 << 11);
    assert_int_equal(cell("/pci@40000000", "interrupt-map", 8), 64 + 1 - 32);
    assert_int_equal(cell("/pci@40000000", "interrupt-map", 30 * 10 + 8), 64 + 31 - 32);
}

static void test_without_uart(void **state)
{
    struct platform strict = platform;

    strict.uart.size = 0;
    assert_int_equal(build(&strict, NULL, NULL), 0);
    assert_true(fdt_path_offset(blob, "/pl011@20100000") < 0);
    assert_null(fdt_getprop(blob, fdt_path_offset(blob, "/chosen"), "stdout-path", NULL));
}

static void test_command_line_too_long(void **state)
{
    char *text = malloc(FDT_MAX_SIZE);
    struct error err;

    memset(text, 'x', FDT_MAX_SIZE - 1);
    text[FDT_MAX_SIZE - 1] = '\0';
    assert_int_equal(build(&platform, text, &err), -ENOSPC);
    assert_non_null(strstr(err.text, "--append"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machine),
        cmocka_unit_test(test_pci),
        cmocka_unit_test(test_without_uart),
        cmocka_unit_test(test_command_line_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
