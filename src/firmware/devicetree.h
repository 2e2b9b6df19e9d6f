/* SPDX-License-Identifier: ISC */
/*
 * The flattened device tree of a machine. Devicetree Specification 0.4 and the bindings named in
 * fdt.c.
 */
#ifndef FIRMWARE_DEVICETREE_H
#define FIRMWARE_DEVICETREE_H

#include "base/error.h"
#include "firmware/platform.h"

/* What /chosen says besides the machine itself. */
struct fdt_chosen {
    const char *bootargs;              /* NULL: none */
    uint64_t initrd_start, initrd_end; /* equal: none */
    uint8_t rng_seed[64], kaslr_seed[8];
    bool seeds;                 /* whether to write them */
    uint32_t openbsd_boothowto; /* RB_* of OpenBSD's sys/reboot.h; 0: not said */
};

#define FDT_MAX_SIZE (64u << 10)

/* Builds the tree into `blob` of `room` bytes. Returns its length, or -ENOSPC (a command line that
 * is too long, named in `err`). */
int64_t fdt_build(const struct platform *platform, const struct fdt_chosen *chosen, void *blob,
                  size_t room, struct error *err);

#endif
