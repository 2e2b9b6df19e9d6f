/* SPDX-License-Identifier: ISC */
/*
 * Direct boot: a kernel placed in guest memory as its own protocol wants, ready for its first
 * instruction.
 */
#ifndef FIRMWARE_KERNEL_H
#define FIRMWARE_KERNEL_H

#include "base/error.h"
#include "firmware/platform.h"
#include "mem/mem.h"

enum kernel_kind { KERNEL_LINUX, KERNEL_OPENBSD, KERNEL_EFI };

/* What a CPU starts with, at EL1 with the MMU off. */
struct kernel_entry {
    enum kernel_kind kind;
    uint64_t pc, x0, x1, x2;
};

struct kernel_inputs {
    const uint8_t *kernel; /* uncompressed (firmware/unpack.h) */
    size_t kernel_length;
    const uint8_t *initrd; /* NULL: none */
    size_t initrd_length;
    const char *name, *initrd_name; /* for messages */
    const char *append;             /* NULL: none */
};

/* Whether `bytes` is a kernel of a kind that Atoll boots; -ENOEXEC with a line that says what it is
 * otherwise. */
int kernel_identify(const uint8_t *bytes, size_t length, const char *name, enum kernel_kind *kind,
                    struct error *err);

/*
 * Places kernel, initrd and device tree in RAM and says where to start. Everything that the inputs
 * say about addresses and sizes is checked against RAM. Returns 0, -ENOEXEC, -EINVAL, -ENOSPC (does
 * not fit: says how much memory would do).
 */
int kernel_load(struct mem *mem, const struct platform *platform,
                const struct kernel_inputs *inputs, struct kernel_entry *entry, struct error *err);

#endif
