/* SPDX-License-Identifier: ISC */
/*
 * The DSDT: what cannot be discovered on a hardware-reduced machine. ACPI 6.5.
 *
 * The power button is told in one of two ways. Apple's machine has a GPIO-signaled event (5.6.5):
 * the button is a line of the PL061, and the guest needs a driver for that chip to hear of it.
 * OpenBSD has none under ACPI, so Atoll by default wires the button to an interrupt of its own, for
 * a Generic Event Device (5.6.9), which is part of the ACPI support of OpenBSD, Linux, FreeBSD and
 * NetBSD. Never both: a guest with both drivers would be told twice.
 *
 * Nobody has published Apple's DSDT. Devices, windows and routing are known from what guests print,
 * and this one has the lengths that they print too: 0x35a bytes with 2 CPUs, 0x394 with 4.
 */
#include <stdio.h>

#include "firmware/acpi_tables.h"

#define PCI_SLOTS    32
#define PCI_INTA     0 /* as _PRT counts pins (6.2.13) */
#define PRT_FUNCTION UINT64_C(0xffff)

#define NOTIFY_BUTTON_PRESSED 0x80 /* table 5.175 */

static void name_integer(struct aml *aml, const char *name, uint64_t value)
{
    aml_name(aml, name);
    aml_integer(aml, value);
}

static void name_string(struct aml *aml, const char *name, const char *value)
{
    aml_name(aml, name);
    aml_string(aml, value);
}

static void name_eisa_id(struct aml *aml, const char *name, const char *id)
{
    aml_name(aml, name);
    aml_eisa_id(aml, id);
}

/* Processor devices (8.4), matched to the MADT's GICC structures by _UID. */
static void processors(struct aml *aml, const struct platform *p)
{
    for (unsigned i = 0; i < p->cpus; i++) {
        char name[5];

        snprintf(name, sizeof(name), "C%03X", i & 0xfff);
        aml_device(aml, name);
        name_string(aml, "_HID", "ACPI0007");
        name_integer(aml, "_UID", i);
        aml_end(aml);
    }
}

/* 6.2.13: {address of all functions of a slot, pin, no link device, GSI}. */
static void interrupt_routing(struct aml *aml, const struct platform *p)
{
    aml_name(aml, "_PRT");
    aml_package(aml, PCI_SLOTS);
    for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
        aml_package(aml, 4);
        aml_integer(aml, (uint64_t)slot << 16 | PRT_FUNCTION);
        aml_integer(aml, PCI_INTA);
        aml_integer(aml, 0);
        aml_integer(aml, p->pci_intx_base + slot);
        aml_end(aml);
    }
    aml_end(aml);
}

static void host_bridge_windows(struct aml *aml, const struct platform *p)
{
    aml_name(aml, "_CRS");
    aml_resources(aml);
    aml_bus_range(aml, 0, (uint16_t)((p->ecam.size >> 20) - 1));
    aml_memory_window32(aml, p->pci_mem32.base, p->pci_mem32.size);
    aml_memory_window64(aml, p->pci_mem64.base, p->pci_mem64.size);
    aml_io_window(aml, 0, p->pci_io.size, p->pci_io.base);
    aml_resources_end(aml);
}

/* The MCFG's region must be reserved by a motherboard resource (PCI Firmware Specification 3.3,
 * 4.1.2). */
static void ecam_reservation(struct aml *aml, const struct platform *p)
{
    aml_device(aml, "RES0");
    name_eisa_id(aml, "_HID", "PNP0C02");
    name_integer(aml, "_UID", 0);
    aml_name(aml, "_CRS");
    aml_resources(aml);
    aml_memory32(aml, p->ecam.base, p->ecam.size);
    aml_resources_end(aml);
    aml_end(aml);
}

/* DMA is coherent, which has to be said on Arm (_CCA, 6.2.17). */
static void host_bridge(struct aml *aml, const struct platform *p)
{
    aml_device(aml, "PCI0");
    name_eisa_id(aml, "_HID", "PNP0A08");
    name_eisa_id(aml, "_CID", "PNP0A03");
    name_integer(aml, "_SEG", 0);
    name_integer(aml, "_BBN", 0);
    name_integer(aml, "_UID", 0);
    name_integer(aml, "_CCA", 1);
    interrupt_routing(aml, p);
    host_bridge_windows(aml, p);
    ecam_reservation(aml, p);
    aml_end(aml);
}

/* An Arm PrimeCell: registers and one interrupt. Left open for what else it has. */
static void primecell(struct aml *aml, const char *name, const char *hid,
                      const struct platform_range *range, unsigned intid)
{
    aml_device(aml, name);
    name_string(aml, "_HID", hid);
    name_integer(aml, "_UID", 0);
    aml_name(aml, "_CRS");
    aml_resources(aml);
    aml_memory32(aml, range->base, range->size);
    aml_interrupt(aml, AML_LEVEL, intid);
    aml_resources_end(aml);
}

static void uart(struct aml *aml, const struct platform *p)
{
    primecell(aml, "COM0", "ARMH0011", &p->uart, p->uart_intid);
    aml_end(aml);
}

/* _AEI names the pin; its edge runs _Exx, xx being the pin's number (5.6.5.3). */
static void power_button_line(struct aml *aml, const struct platform *p)
{
    char event[5];

    aml_name(aml, "_AEI");
    aml_resources(aml);
    aml_gpio_interrupt(aml, AML_EDGE, p->power_button_line, "\\_SB.GPO0");
    aml_resources_end(aml);
    snprintf(event, sizeof(event), "_E%02X", p->power_button_line & 0xff);
    aml_method(aml, event, 0);
    aml_notify(aml, "PWRB", NOTIFY_BUTTON_PRESSED);
    aml_end(aml);
}

static void gpio(struct aml *aml, const struct platform *p)
{
    primecell(aml, "GPO0", "ARMH0061", &p->gpio, p->gpio_intid);
    if (!p->power_button_intid)
        power_button_line(aml, p);
    aml_end(aml);
}

static void power_button(struct aml *aml)
{
    aml_device(aml, "PWRB");
    name_eisa_id(aml, "_HID", "PNP0C0C");
    name_integer(aml, "_UID", 0);
    aml_end(aml);
}

/* 5.6.9: _EVT is called with the interrupt's number, and there is only one. */
static void event_device(struct aml *aml, const struct platform *p)
{
    aml_device(aml, "GED0");
    name_string(aml, "_HID", "ACPI0013");
    name_integer(aml, "_UID", 0);
    aml_name(aml, "_CRS");
    aml_resources(aml);
    aml_interrupt(aml, AML_EDGE, p->power_button_intid);
    aml_resources_end(aml);
    aml_method(aml, "_EVT", 1);
    aml_notify(aml, "PWRB", NOTIFY_BUTTON_PRESSED);
    aml_end(aml);
    aml_end(aml);
}

void acpi_dsdt_terms(struct aml *aml, const struct platform *p)
{
    /* On Apple's machine the button is not below \_SB: Linux shows it as LNXSYSTM:00/PNP0C0C:00.
     * FreeBSD looks for devices nowhere else. */
    if (!p->power_button_intid)
        power_button(aml);
    aml_scope(aml, "_SB");
    processors(aml, p);
    host_bridge(aml, p);
    gpio(aml, p);
    if (p->uart.size)
        uart(aml, p);
    if (p->power_button_intid) {
        power_button(aml);
        event_device(aml, p);
    }
    aml_end(aml);
}
