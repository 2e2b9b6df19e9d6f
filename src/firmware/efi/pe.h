/* SPDX-License-Identifier: ISC */
/*
 * PE/COFF images for arm64 (Microsoft PE Format; UEFI 2.10, 2.1.1): checked, laid out, relocated.
 * Pure functions over bytes that nobody vouches for.
 */
#ifndef FIRMWARE_EFI_PE_H
#define FIRMWARE_EFI_PE_H

#include "base/error.h"

enum pe_subsystem {
    PE_SUBSYSTEM_APPLICATION = 10,
    PE_SUBSYSTEM_BOOT_DRIVER = 11,
    PE_SUBSYSTEM_RUNTIME_DRIVER = 12,
};

struct pe_image {
    enum pe_subsystem subsystem;
    uint64_t base;      /* preferred */
    uint32_t size;      /* in memory, a multiple of 4 KiB */
    uint32_t alignment; /* of sections, a power of two, 4 KiB at least for what we allocate */
    uint32_t entry;     /* offset from the image's start */
    bool relocatable;
    bool nx; /* NX_COMPAT: no section is both writable and executable */
};

/* Checks headers, sections and relocations, all of them; what passes can be laid out without a
 * further check. -ENOEXEC with what is wrong and where. */
int pe_check(const uint8_t *bytes, size_t length, const char *name, struct pe_image *image,
             struct error *err);

/* Lays the checked image out in `to`, image->size bytes of zeros, relocated to run at `address`.
 * Returns 0, or -ENOEXEC when it cannot be relocated. */
int pe_load(const uint8_t *bytes, size_t length, const struct pe_image *image, uint8_t *to,
            uint64_t address, struct error *err);

#endif
