/* SPDX-License-Identifier: ISC */
/*
 * The ACPI tables of a machine (ACPI 6.5), table by table as Apple's machine has them
 * (docs/apple-machine.md): RSDP, XSDT, FACP, DSDT, GTDT, APIC, MCFG; and where there is a PL011,
 * which Apple's lacks, SPCR. They are made from the same description as the device tree
 * (firmware/devicetree.h) and say the same of every address and interrupt.
 */
#ifndef FIRMWARE_ACPI_H
#define FIRMWARE_ACPI_H

#include "base/error.h"
#include "firmware/platform.h"

#define ACPI_MAX_SIZE (8u << 10)
#define ACPI_ALIGN    64 /* of `base`, and of every table */

/*
 * Builds the tables into `blob`, of `room` bytes (ACPI_MAX_SIZE is enough for any machine), as they
 * lie from guest physical address `base` on. The RSDP comes first, so `base` is its address, what
 * EFI's configuration table holds under EFI_ACPI_20_TABLE_GUID. The same description gives the same
 * bytes. Returns the length, -ENOSPC, or -EINVAL for a description that the tables cannot express
 * (an address above 4 GiB where there is room for 32 bits).
 */
int64_t acpi_build(const struct platform *platform, uint64_t base, void *blob, size_t room,
                   struct error *err);

struct acpi_table {
    char signature[5]; /* "FACP"; "RSDP" for that one, whose own signature is longer */
    const uint8_t *bytes;
    size_t length;
};

/* Walks what acpi_build() made: *at is 0 before the first call. False after the last table. */
bool acpi_next(const void *blob, size_t length, size_t *at, struct acpi_table *table);

#endif
