/* SPDX-License-Identifier: ISC */
/*
 * The device tree, node by node, as Apple's Linux boot loader gives it (docs/apple-machine.md),
 * with Atoll's PL011 where there is one. libfdt's sequential writer latches no error, so each node
 * function returns the first that it met.
 *
 * OpenBSD takes the virtual timer by position, so /timer keeps the four-entry order secure,
 * physical, virtual, hypervisor (Linux: arm,arch_timer.yaml allows it), and attaches the GICv2m
 * frame as a child of the interrupt controller.
 */
#include "firmware/devicetree.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#define PHANDLE_GIC    1
#define PHANDLE_GICV2M 2
#define PHANDLE_CLOCK  3
#define PHANDLE_GPIO   4

#define GIC_SPI         0
#define GIC_PPI         1
#define GIC_FIRST_SPI   32
#define GIC_FIRST_PPI   16
#define IRQ_EDGE_RISING 1
#define IRQ_LEVEL_HIGH  4

#define KEY_POWER 116 /* Linux input-event-codes.h, as the gpio-keys binding wants */

struct builder {
    void *fdt;
    int error; /* the first one, a libfdt code */
};

static void check(struct builder *b, int ret)
{
    if (ret < 0 && b->error == 0)
        b->error = ret;
}

static void begin(struct builder *b, const char *name)
{
    check(b, fdt_begin_node(b->fdt, name));
}

static void begin_at(struct builder *b, const char *name, uint64_t address)
{
    char full[64];

    snprintf(full, sizeof(full), "%s@%llx", name, (unsigned long long)address);
    begin(b, full);
}

static void end(struct builder *b)
{
    check(b, fdt_end_node(b->fdt));
}

static void string(struct builder *b, const char *name, const char *value)
{
    check(b, fdt_property_string(b->fdt, name, value));
}

/* A list of strings, each with its NUL inside `values`. */
static void strings(struct builder *b, const char *name, const char *values, size_t length)
{
    check(b, fdt_property(b->fdt, name, values, (int)length));
}

static void flag(struct builder *b, const char *name)
{
    check(b, fdt_property(b->fdt, name, NULL, 0));
}

static void cells(struct builder *b, const char *name, const uint32_t *values, size_t count)
{
    fdt32_t *to;

    check(b, fdt_property_placeholder(b->fdt, name, (int)(count * sizeof(*to)), (void **)&to));
    for (size_t i = 0; i < count && b->error == 0; i++)
        to[i] = cpu_to_fdt32(values[i]);
}

static void cell(struct builder *b, const char *name, uint32_t value)
{
    cells(b, name, &value, 1);
}

#define HI(n)          ((uint32_t)((n) >> 32))
#define LO(n)          ((uint32_t)(n))
#define RANGE_CELLS(r) HI((r).base), LO((r).base), HI((r).size), LO((r).size)

static void reg(struct builder *b, const struct platform_range *range)
{
    const uint32_t values[] = {RANGE_CELLS(*range)};

    cells(b, "reg", values, nitems(values));
}

static void spi(struct builder *b, unsigned intid)
{
    const uint32_t values[] = {GIC_SPI, intid - GIC_FIRST_SPI, IRQ_LEVEL_HIGH};

    cells(b, "interrupts", values, nitems(values));
}

static void chosen_node(struct builder *b, const struct platform *p,
                        const struct fdt_chosen *chosen)
{
    char path[32];

    begin(b, "chosen");
    if (chosen->bootargs)
        string(b, "bootargs", chosen->bootargs);
    if (chosen->openbsd_boothowto)
        cell(b, "openbsd,boothowto", chosen->openbsd_boothowto);
    if (p->uart.size) {
        snprintf(path, sizeof(path), "/pl011@%llx", (unsigned long long)p->uart.base);
        string(b, "stdout-path", path);
    }
    if (chosen->initrd_end > chosen->initrd_start) {
        check(b, fdt_property_u64(b->fdt, "linux,initrd-start", chosen->initrd_start));
        check(b, fdt_property_u64(b->fdt, "linux,initrd-end", chosen->initrd_end));
    }
    if (chosen->seeds) {
        check(b,
              fdt_property(b->fdt, "kaslr-seed", chosen->kaslr_seed, sizeof(chosen->kaslr_seed)));
        check(b, fdt_property(b->fdt, "rng-seed", chosen->rng_seed, sizeof(chosen->rng_seed)));
    }
    end(b);
}

static void aliases_node(struct builder *b, const struct platform *p)
{
    char path[32];

    if (!p->uart.size)
        return;
    begin(b, "aliases");
    snprintf(path, sizeof(path), "/pl011@%llx", (unsigned long long)p->uart.base);
    string(b, "serial0", path);
    end(b);
}

static void memory_node(struct builder *b, const struct platform *p)
{
    begin_at(b, "memory", p->ram.base);
    string(b, "device_type", "memory");
    reg(b, &p->ram);
    end(b);
}

static void cpus_node(struct builder *b, const struct platform *p)
{
    begin(b, "cpus");
    cell(b, "#address-cells", 1);
    cell(b, "#size-cells", 0);
    for (unsigned i = 0; i < p->cpus; i++) {
        begin_at(b, "cpu", p->mpidr[i]);
        string(b, "device_type", "cpu");
        string(b, "compatible", "arm,armv8");
        cell(b, "reg", (uint32_t)p->mpidr[i]);
        string(b, "enable-method", "psci");
        end(b);
    }
    end(b);
}

static void psci_node(struct builder *b, const struct platform *p)
{
    static const char compatible[] = "arm,psci-1.0\0arm,psci-0.2";

    begin(b, "psci");
    strings(b, "compatible", compatible, sizeof(compatible));
    string(b, "method", p->psci_smc ? "smc" : "hvc");
    end(b);
}

static void timer_node(struct builder *b, const struct platform *p)
{
    /* An absent secure timer still takes its place in the order; nothing that runs at EL1 asks for
     * it. */
    const unsigned ppis[] = {p->ppi_phys_secure ? p->ppi_phys_secure : 29, p->ppi_phys, p->ppi_virt,
                             p->ppi_hyp};
    uint32_t values[nitems(ppis) * 3];

    for (size_t i = 0; i < nitems(ppis); i++) {
        values[3 * i] = GIC_PPI;
        values[3 * i + 1] = ppis[i] - GIC_FIRST_PPI;
        values[3 * i + 2] = IRQ_LEVEL_HIGH;
    }
    begin(b, "timer");
    string(b, "compatible", "arm,armv8-timer");
    cells(b, "interrupts", values, nitems(values));
    flag(b, "always-on");
    end(b);
}

static void gic_node(struct builder *b, const struct platform *p)
{
    const uint32_t regs[] = {RANGE_CELLS(p->gicd), RANGE_CELLS(p->gicr)};

    begin_at(b, "intc", p->gicd.base);
    string(b, "compatible", "arm,gic-v3");
    flag(b, "interrupt-controller");
    cell(b, "#interrupt-cells", 3);
    cell(b, "#address-cells", 2);
    cell(b, "#size-cells", 2);
    flag(b, "ranges");
    cells(b, "reg", regs, nitems(regs));
    cell(b, "#redistributor-regions", 1);
    cell(b, "phandle", PHANDLE_GIC);
    begin_at(b, "v2m", p->gicv2m.base);
    string(b, "compatible", "arm,gic-v2m-frame");
    flag(b, "msi-controller");
    reg(b, &p->gicv2m);
    cell(b, "arm,msi-base-spi", p->msi_base);
    cell(b, "arm,msi-num-spis", p->msi_count);
    cell(b, "phandle", PHANDLE_GICV2M);
    end(b);
    end(b);
}

/* One wire a slot, whatever the pin (PCI Bus Binding to Open Firmware 2.1, 4.1). */
static void pci_interrupt_map(struct builder *b, const struct platform *p)
{
    static const uint32_t mask[] = {0xf800, 0, 0, 0};
    uint32_t map[31][10];

    for (uint32_t slot = 1; slot < 32; slot++) {
        const uint32_t row[10] = {slot << 11,
                                  0,
                                  0,
                                  p->pci_intx_pin,
                                  PHANDLE_GIC,
                                  0,
                                  0,
                                  GIC_SPI,
                                  p->pci_intx_base + slot - GIC_FIRST_SPI,
                                  IRQ_LEVEL_HIGH};

        memcpy(map[slot - 1], row, sizeof(row));
    }
    cells(b, "interrupt-map-mask", mask, nitems(mask));
    cells(b, "interrupt-map", map[0], nitems(map) * nitems(map[0]));
}

static void pci_node(struct builder *b, const struct platform *p)
{
    const uint32_t ranges[] = {
        0x01000000,
        0,
        0,
        RANGE_CELLS(p->pci_io), /* I/O ports 0 and up */
        0x02000000,
        HI(p->pci_mem32.base),
        LO(p->pci_mem32.base),
        RANGE_CELLS(p->pci_mem32),
        0x03000000,
        HI(p->pci_mem64.base),
        LO(p->pci_mem64.base),
        RANGE_CELLS(p->pci_mem64),
    };
    const uint32_t buses[] = {0, LO(p->ecam.size >> 20) - 1};

    begin_at(b, "pci", p->ecam.base);
    string(b, "compatible", "pci-host-ecam-generic");
    string(b, "device_type", "pci");
    reg(b, &p->ecam);
    cells(b, "bus-range", buses, nitems(buses));
    cell(b, "linux,pci-domain", 0);
    cell(b, "#address-cells", 3);
    cell(b, "#size-cells", 2);
    cell(b, "#interrupt-cells", 1);
    cells(b, "ranges", ranges, nitems(ranges));
    flag(b, "dma-coherent");
    cell(b, "msi-parent", PHANDLE_GICV2M);
    pci_interrupt_map(b, p);
    end(b);
}

static void clock_node(struct builder *b, const struct platform *p)
{
    begin(b, "apb-pclk");
    string(b, "compatible", "fixed-clock");
    cell(b, "#clock-cells", 0);
    cell(b, "clock-frequency", p->uart_clock_hz);
    string(b, "clock-output-names", "clk24mhz");
    cell(b, "phandle", PHANDLE_CLOCK);
    end(b);
}

/* The common part of an Arm PrimeCell: registers, interrupt, bus clock (arm,primecell.yaml). */
static void primecell_begin(struct builder *b, const char *name, const char *compatible,
                            size_t length, const struct platform_range *range, unsigned intid)
{
    begin_at(b, name, range->base);
    strings(b, "compatible", compatible, length);
    reg(b, range);
    spi(b, intid);
}

static void primecell_clocks(struct builder *b, unsigned count)
{
    static const char names[] = "uartclk\0apb_pclk";
    static const uint32_t phandles[] = {PHANDLE_CLOCK, PHANDLE_CLOCK};

    cells(b, "clocks", phandles, count);
    if (count == 2)
        strings(b, "clock-names", names, sizeof(names));
    else
        string(b, "clock-names", "apb_pclk");
}

static void chips(struct builder *b, const struct platform *p)
{
    static const char pl031[] = "arm,pl031\0arm,primecell";
    static const char pl061[] = "arm,pl061\0arm,primecell";
    static const char pl011[] = "arm,pl011\0arm,primecell";

    primecell_begin(b, "pl031", pl031, sizeof(pl031), &p->rtc, p->rtc_intid);
    primecell_clocks(b, 1);
    end(b);

    primecell_begin(b, "pl061", pl061, sizeof(pl061), &p->gpio, p->gpio_intid);
    primecell_clocks(b, 1);
    flag(b, "gpio-controller");
    cell(b, "#gpio-cells", 2);
    flag(b, "interrupt-controller");
    cell(b, "#interrupt-cells", 2);
    cell(b, "phandle", PHANDLE_GPIO);
    end(b);

    if (!p->uart.size)
        return;
    primecell_begin(b, "pl011", pl011, sizeof(pl011), &p->uart, p->uart_intid);
    primecell_clocks(b, 2);
    cell(b, "current-speed", 115200);
    end(b);
}

static void power_button_node(struct builder *b, const struct platform *p)
{
    const uint32_t gpios[] = {PHANDLE_GPIO, p->power_button_line, 0};

    begin(b, "gpio-keys");
    string(b, "compatible", "gpio-keys");
    begin(b, "power");
    string(b, "label", "Power Button");
    cell(b, "linux,code", KEY_POWER);
    cells(b, "gpios", gpios, nitems(gpios));
    end(b);
    end(b);
}

int64_t fdt_build(const struct platform *p, const struct fdt_chosen *chosen, void *blob,
                  size_t room, struct error *err)
{
    struct builder builder = {.fdt = blob}, *b = &builder;

    check(b, fdt_create(blob, (int)room));
    check(b, fdt_finish_reservemap(blob));
    begin(b, "");
    string(b, "model", "Apple Virtualization Generic Platform");
    string(b, "compatible", "apple,virtualization-generic-platform");
    cell(b, "#address-cells", 2);
    cell(b, "#size-cells", 2);
    cell(b, "interrupt-parent", PHANDLE_GIC);
    chosen_node(b, p, chosen);
    aliases_node(b, p);
    memory_node(b, p);
    cpus_node(b, p);
    psci_node(b, p);
    timer_node(b, p);
    gic_node(b, p);
    clock_node(b, p);
    chips(b, p);
    power_button_node(b, p);
    pci_node(b, p);
    end(b);
    check(b, fdt_finish(blob));
    if (b->error == -FDT_ERR_NOSPACE)
        return error_set(
            err, ENOSPC,
            "the device tree does not fit into %zu bytes: shorten --append (%zu bytes)", room,
            chosen->bootargs ? strlen(chosen->bootargs) : 0);
    if (b->error)
        return error_set(err, EIO, "cannot build the device tree: %s", fdt_strerror(b->error));
    return fdt_totalsize(blob);
}
