/* SPDX-License-Identifier: ISC */
/*
 * Where things go, from the bottom of RAM up: the kernel, then (Linux) the initrd; the device tree
 * at the very top, as on Apple's machine. Linux wants kernel and initrd in one window of 32 GiB and
 * the tree anywhere, 8-byte aligned, up to 2 MiB (Linux Documentation/arch/arm64/booting.rst).
 * OpenBSD wants 64 MiB from a 2 MiB boundary in one gigabyte (docs/openbsd.md).
 */
#include "firmware/kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/units.h"
#include "firmware/openbsd.h"
#include "firmware/devicetree.h"
#include "host/entropy.h"

/* The arm64 Image header. */
#define IMAGE_HEADER      64
#define IMAGE_TEXT_OFFSET 8
#define IMAGE_SIZE        16
#define IMAGE_FLAGS       24
#define IMAGE_MAGIC       56
#define IMAGE_FLAG_BE     1

/* OpenBSD sys/sys/reboot.h: the random segment was filled well, which openbsd_load does. */
#define RB_GOODRANDOM 0x10000

/*
 * How long an Image should be: its PE header (it is an EFI program as well) says where each
 * section's bytes end. 0 when it has none. Microsoft PE/COFF specification, "COFF File Header" and
 * "Section Table".
 */
static uint64_t image_length(const uint8_t *bytes, size_t length)
{
    uint64_t pe = length >= IMAGE_HEADER ? load_le32(bytes + 0x3c) : 0, sections, end = 0;

    if (load_le16(bytes) != 0x5a4d || !range_fits(pe, 24, length) ||
        load_le32(bytes + pe) != 0x4550)
        return 0;
    sections = pe + 24 + load_le16(bytes + pe + 20);
    for (unsigned i = 0; i < load_le16(bytes + pe + 6); i++) {
        const uint64_t at = sections + i * 40;

        if (!range_fits(at, 40, length))
            return at + 40;
        end = MAX(end, (uint64_t)load_le32(bytes + at + 20) + load_le32(bytes + at + 16));
    }
    return end;
}

static int identify_image(const uint8_t *bytes, size_t length, const char *name, struct error *err)
{
    uint64_t whole = image_length(bytes, length);

    if (whole > length)
        return error_set(err, ENOEXEC, "the kernel \"%s\" is cut short: %zu bytes of %llu", name,
                         length, (unsigned long long)whole);
    return 0;
}

int kernel_identify(const uint8_t *bytes, size_t length, const char *name, enum kernel_kind *kind,
                    struct error *err)
{
    if (length >= IMAGE_HEADER && memcmp(bytes + IMAGE_MAGIC, "ARM\x64", 4) == 0) {
        *kind = KERNEL_LINUX;
        return identify_image(bytes, length, name, err);
    }
    if (length >= 4 && memcmp(bytes, "\177ELF", 4) == 0) {
        *kind = KERNEL_OPENBSD;
        return openbsd_check(bytes, length, name, err);
    }
    if (length >= 0x206 && memcmp(bytes + 0x202, "HdrS", 4) == 0)
        return error_set(err, ENOEXEC, "\"%s\" is an x86 Linux kernel; give one for arm64", name);
    return error_set(err, ENOEXEC,
                     "\"%s\" is not a kernel that can be started directly: expected an arm64 Linux "
                     "Image (gzip, zstd "
                     "or EFI zboot are fine too) or an OpenBSD/arm64 ELF kernel",
                     name);
}

static int no_room(const char *what, const char *name, uint64_t size, const struct platform *p,
                   struct error *err)
{
    return error_set(
        err, ENOSPC,
        "the %s \"%s\" (%llu MiB) does not fit into %llu MiB of memory: give more with --memory",
        what, name, (unsigned long long)((size + MIB - 1) / MIB),
        (unsigned long long)(p->ram.size / MIB));
}

/* The tree's place: FDT_MAX_SIZE at the end of RAM. */
static uint64_t fdt_place(const struct platform *p)
{
    return p->ram.base + p->ram.size - FDT_MAX_SIZE;
}

static int place_fdt(struct mem *mem, const struct platform *p, struct fdt_chosen *chosen,
                     struct error *err)
{
    uint8_t *blob = calloc(1, FDT_MAX_SIZE);
    int64_t length;
    int ret;

    if (!blob)
        return error_set(err, ENOMEM, "no memory for the device tree");
    chosen->seeds = host_entropy(chosen->rng_seed, sizeof(chosen->rng_seed)) == 0 &&
                    host_entropy(chosen->kaslr_seed, sizeof(chosen->kaslr_seed)) == 0;
    length = fdt_build(p, chosen, blob, FDT_MAX_SIZE, err);
    ret = length < 0 ? (int)length : mem_write(mem, fdt_place(p), blob, (size_t)length);
    free(blob);
    return ret;
}

static int load_linux(struct mem *mem, const struct platform *p, const struct kernel_inputs *in,
                      struct kernel_entry *entry, struct error *err)
{
    uint64_t text_offset = load_le64(in->kernel + IMAGE_TEXT_OFFSET);
    uint64_t size = load_le64(in->kernel + IMAGE_SIZE);
    uint64_t limit = fdt_place(p), start, end, initrd;
    struct fdt_chosen chosen = {.bootargs = in->append};
    int ret;

    if (size == 0) /* kernels before 3.17: text_offset is 0x80000 whatever the field says */
        text_offset = 0x80000;
    size = MAX(size, in->kernel_length);
    if (load_le64(in->kernel + IMAGE_FLAGS) & IMAGE_FLAG_BE)
        return error_set(err, ENOEXEC,
                         "\"%s\" is a big-endian kernel; Atoll's CPUs are little-endian", in->name);
    if (text_offset > p->ram.size || size > p->ram.size || text_offset % (4 * KIB) != 0)
        return no_room("kernel", in->name, size, p, err);
    start = p->ram.base + text_offset;
    end = start + size;
    if (end > limit)
        return no_room("kernel", in->name, size, p, err);
    initrd = align_up(end, 64 * KIB);
    if (in->initrd) {
        if (!range_fits(initrd, in->initrd_length, limit))
            return no_room("initial ramdisk", in->initrd_name, in->initrd_length, p, err);
        chosen.initrd_start = initrd;
        chosen.initrd_end = initrd + in->initrd_length;
        ret = mem_write(mem, initrd, in->initrd, in->initrd_length);
        if (ret)
            return ret;
    }
    ret = mem_write(mem, start, in->kernel, in->kernel_length);
    if (ret)
        return ret;
    *entry = (struct kernel_entry){.kind = KERNEL_LINUX, .pc = start, .x0 = fdt_place(p)};
    return place_fdt(mem, p, &chosen, err);
}

static int load_openbsd(struct mem *mem, const struct platform *p, const struct kernel_inputs *in,
                        struct kernel_entry *entry, struct error *err)
{
    uint64_t base = align_up(p->ram.base, 2 * MIB), end, pc;
    struct fdt_chosen chosen = {.bootargs = in->append, .openbsd_boothowto = RB_GOODRANDOM};
    int ret;

    if (in->initrd)
        return error_set(
            err, EINVAL,
            "--initrd does not go with the OpenBSD kernel \"%s\": its ramdisk is inside it",
            in->name);
    ret = openbsd_load(mem, base, in->kernel, in->kernel_length, in->name, &pc, &end, err);
    if (ret)
        return ret;
    *entry = (struct kernel_entry){.kind = KERNEL_OPENBSD, .pc = pc, .x0 = end, .x2 = fdt_place(p)};
    return place_fdt(mem, p, &chosen, err);
}

int kernel_load(struct mem *mem, const struct platform *platform,
                const struct kernel_inputs *inputs, struct kernel_entry *entry, struct error *err)
{
    enum kernel_kind kind;
    int ret = kernel_identify(inputs->kernel, inputs->kernel_length, inputs->name, &kind, err);

    if (ret)
        return ret;
    return kind == KERNEL_LINUX ? load_linux(mem, platform, inputs, entry, err)
                                : load_openbsd(mem, platform, inputs, entry, err);
}
