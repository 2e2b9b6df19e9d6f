/* SPDX-License-Identifier: ISC */
/*
 * SMBIOS tables (DMTF DSP0134, System Management BIOS 3.3.0): who made the machine, which model it
 * is, and how much memory it has. What firmware and model say is Apple's (docs/apple-machine.md).
 */
#ifndef FIRMWARE_SMBIOS_H
#define FIRMWARE_SMBIOS_H

#include "base/error.h"
#include "firmware/platform.h"

#define SMBIOS_MAX_SIZE 1024
#define SMBIOS_ALIGN    16 /* of `base` (5.2) */

/* Guest physical addresses of the entry points, what EFI's configuration table holds under
 * SMBIOS3_TABLE_GUID and SMBIOS_TABLE_GUID. */
struct smbios_entry_points {
    uint64_t entry64; /* "_SM3_" */
    uint64_t entry32; /* "_SM_"; 0: none, because the tables reach above 4 GiB */
};

/*
 * Builds entry points and structures into `blob`, of `room` bytes (SMBIOS_MAX_SIZE is enough), as
 * they lie from guest physical address `base` on. `uuid` is the machine's identity, 16 bytes that
 * its owner keeps; it appears in them and, as text, in the serial number. The same arguments give
 * the same bytes. Returns the length or -ENOSPC.
 */
int64_t smbios_build(const struct platform *platform, const uint8_t uuid[16], uint64_t base,
                     void *blob, size_t room, struct smbios_entry_points *entries,
                     struct error *err);

#endif
