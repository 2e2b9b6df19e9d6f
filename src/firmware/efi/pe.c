/* SPDX-License-Identifier: ISC */
/*
 * PE/COFF images for arm64. Real loaders bend the format: section alignments from 8 bytes
 * (objcopy) to 64 KiB (Linux), headers written by hand (the BSDs), a relocation block of ten bytes
 * (gnu-efi), sections without a virtual size, certificates behind the last section (shim).
 * Relocations are read from the file and not from the laid-out image: so what pe_check() saw is
 * what pe_load() applies, even when sections overlap.
 */
#include "firmware/efi/pe.h"

#include <errno.h>
#include <string.h>

#include "base/endian.h"
#include "base/units.h"

/* Offsets in the PE header, from its signature (Microsoft PE Format: COFF File Header, Optional
 * Header, Data Directories, Section Table). */
enum {
    PE_POINTER = 0x3c, /* in the DOS header */
    PE_MACHINE = 4,
    PE_SECTIONS = 6,
    PE_OPTIONAL_SIZE = 20,
    PE_CHARACTERISTICS = 22,
    PE_OPTIONAL = 24,

    OPTIONAL_MAGIC = 0,
    OPTIONAL_ENTRY = 16,
    OPTIONAL_BASE = 24,
    OPTIONAL_SECTION_ALIGNMENT = 32,
    OPTIONAL_SIZE_OF_IMAGE = 56,
    OPTIONAL_SIZE_OF_HEADERS = 60,
    OPTIONAL_SUBSYSTEM = 68,
    OPTIONAL_DLL = 70,
    OPTIONAL_DIRECTORIES = 108,
    OPTIONAL_SIZE = 112,

    DIRECTORY_SIZE = 8,
    DIRECTORY_RELOCATIONS = 5,

    SECTION_VIRTUAL_SIZE = 8,
    SECTION_ADDRESS = 12,
    SECTION_RAW_SIZE = 16,
    SECTION_RAW = 20,
    SECTION_FLAGS = 36,
    SECTION_SIZE = 40,

    BLOCK_HEADER = 8,
};

#define MACHINE_ARM64   0xaa64u
#define MAGIC_PE32_PLUS 0x20bu

#define RELOCS_STRIPPED 0x0001u
#define DLL_NX_COMPAT   0x0100u
#define SECTION_EXECUTE UINT32_C(0x20000000)
#define SECTION_WRITE   UINT32_C(0x80000000)

enum { RELOCATION_ABSOLUTE = 0, RELOCATION_HIGHLOW = 3, RELOCATION_DIR64 = 10 };

#define PAGE          UINT32_C(4096)
#define MAX_ALIGNMENT ((uint32_t)(2 * MIB))
#define MAX_SIZE      ((uint32_t)(1 * GIB))
#define MAX_SECTIONS  96u

struct pe {
    const uint8_t *bytes;
    size_t length;
    const char *name;
    const uint8_t *header, *optional, *sections;
    unsigned section_count;
    uint32_t headers_size, image_size;
};

struct section {
    uint32_t address, size; /* in memory */
    uint32_t raw, raw_size; /* in the file */
    uint32_t flags;
};

static int bad(const struct pe *pe, const char *what, struct error *err)
{
    return error_set(err, ENOEXEC, "the EFI program \"%s\" %s", pe->name, what);
}

static int bad_section(const struct pe *pe, unsigned i, const char *what, struct error *err)
{
    return error_set(err, ENOEXEC, "the EFI program \"%s\": section %u %s", pe->name, i + 1, what);
}

static int open_headers(struct pe *pe, struct error *err)
{
    uint64_t at, optional_size;

    if (pe->length < PE_POINTER + 4 || memcmp(pe->bytes, "MZ", 2) != 0)
        return bad(pe, "is no PE image: it does not begin with \"MZ\"", err);
    at = load_le32(pe->bytes + PE_POINTER);
    if (!range_fits(at, PE_OPTIONAL + OPTIONAL_SIZE, pe->length) ||
        memcmp(pe->bytes + at, "PE\0\0", 4) != 0)
        return bad(pe, "is no PE image: there is no PE header where its first header says", err);
    pe->header = pe->bytes + at;
    if (load_le16(pe->header + PE_MACHINE) != MACHINE_ARM64)
        return error_set(err, ENOEXEC,
                         "the EFI program \"%s\" is for another kind of CPU (PE machine 0x%x); "
                         "one for arm64 (0xaa64) is needed, such as BOOTAA64.EFI",
                         pe->name, load_le16(pe->header + PE_MACHINE));
    pe->optional = pe->header + PE_OPTIONAL;
    optional_size = load_le16(pe->header + PE_OPTIONAL_SIZE);
    pe->section_count = load_le16(pe->header + PE_SECTIONS);
    if (optional_size < OPTIONAL_SIZE ||
        load_le16(pe->optional + OPTIONAL_MAGIC) != MAGIC_PE32_PLUS)
        return bad(pe, "is no 64-bit image (PE32+)", err);
    if (pe->section_count > MAX_SECTIONS ||
        !range_fits(at + PE_OPTIONAL + optional_size, pe->section_count * SECTION_SIZE, pe->length))
        return bad(pe, "is cut short within its section table, or has more than 96 sections", err);
    pe->sections = pe->optional + optional_size;
    return 0;
}

static int check_sizes(struct pe *pe, struct pe_image *image, struct error *err)
{
    uint32_t alignment = load_le32(pe->optional + OPTIONAL_SECTION_ALIGNMENT);

    pe->image_size = load_le32(pe->optional + OPTIONAL_SIZE_OF_IMAGE);
    pe->headers_size = load_le32(pe->optional + OPTIONAL_SIZE_OF_HEADERS);
    if (!is_power_of_2(alignment) || alignment > MAX_ALIGNMENT)
        return bad(pe, "wants a section alignment that is no power of two up to 2 MiB", err);
    if (pe->image_size == 0 || pe->image_size > MAX_SIZE)
        return bad(pe, "wants no memory, or more than 1 GiB", err);
    if (pe->headers_size > pe->length || pe->headers_size > pe->image_size)
        return bad(pe, "is cut short within its headers", err);
    image->alignment = MAX(alignment, PAGE);
    image->size = (uint32_t)align_up(pe->image_size, PAGE);
    image->base = load_le64(pe->optional + OPTIONAL_BASE);
    image->entry = load_le32(pe->optional + OPTIONAL_ENTRY);
    if (image->entry == 0 || image->entry >= pe->image_size || image->entry % 4)
        return bad(pe, "has its entry point outside of itself, or at no instruction's address",
                   err);
    return 0;
}

static int check_subsystem(const struct pe *pe, struct pe_image *image, struct error *err)
{
    unsigned subsystem = load_le16(pe->optional + OPTIONAL_SUBSYSTEM);

    if (subsystem < PE_SUBSYSTEM_APPLICATION || subsystem > PE_SUBSYSTEM_RUNTIME_DRIVER)
        return error_set(err, ENOEXEC,
                         "\"%s\" is no EFI program: its subsystem is %u, neither an EFI "
                         "application (10) nor a driver (11, 12)",
                         pe->name, subsystem);
    image->subsystem = (enum pe_subsystem)subsystem;
    return 0;
}

static void section_get(const struct pe *pe, unsigned i, struct section *out)
{
    const uint8_t *s = pe->sections + (size_t)i * SECTION_SIZE;
    uint32_t raw_size = load_le32(s + SECTION_RAW_SIZE);

    out->address = load_le32(s + SECTION_ADDRESS);
    out->size = load_le32(s + SECTION_VIRTUAL_SIZE);
    /* Old linkers leave the virtual size 0; what a file holds beyond it is padding. */
    out->size = out->size ? out->size : raw_size;
    out->raw_size = MIN(out->size, raw_size);
    out->raw = out->raw_size ? load_le32(s + SECTION_RAW) : 0;
    out->flags = load_le32(s + SECTION_FLAGS);
}

static int check_sections(const struct pe *pe, struct pe_image *image, struct error *err)
{
    image->nx = load_le16(pe->optional + OPTIONAL_DLL) & DLL_NX_COMPAT;
    for (unsigned i = 0; i < pe->section_count; i++) {
        struct section s;

        section_get(pe, i, &s);
        if (!range_fits(s.raw, s.raw_size, pe->length))
            return bad_section(pe, i, "lies beyond the end of the file, which is cut short", err);
        if (s.size && !range_fits(s.address, s.size, image->size))
            return bad_section(pe, i, "lies beyond the memory that the headers ask for", err);
        if ((s.flags & SECTION_WRITE && s.flags & SECTION_EXECUTE) || s.address % PAGE)
            image->nx = false;
    }
    return 0;
}

/* The file's bytes for the image from `address` on, and how many there are until the section (or
 * the headers) ends; NULL: none. */
static const uint8_t *find_raw(const struct pe *pe, uint32_t address, uint32_t *available)
{
    *available = pe->headers_size - address;
    if (address < pe->headers_size)
        return pe->bytes + address;
    for (unsigned i = 0; i < pe->section_count; i++) {
        struct section s;

        section_get(pe, i, &s);
        *available = s.raw_size - (address - s.address);
        if (address >= s.address && address - s.address < s.raw_size)
            return pe->bytes + s.raw + (address - s.address);
    }
    return NULL;
}

/* The relocation directory; *length 0: there is none. Where it is longer than what the file holds
 * of its section, zeros would follow, which end it. */
static int relocations_find(const struct pe *pe, const uint8_t **at, uint32_t *length,
                            struct error *err)
{
    uint32_t count = load_le32(pe->optional + OPTIONAL_DIRECTORIES), available;
    size_t offset = OPTIONAL_SIZE + DIRECTORY_RELOCATIONS * DIRECTORY_SIZE;

    *length = 0;
    if (count <= DIRECTORY_RELOCATIONS ||
        offset + DIRECTORY_SIZE > (size_t)(pe->sections - pe->optional))
        return 0;
    *length = load_le32(pe->optional + offset + 4);
    if (*length == 0)
        return 0;
    *at = find_raw(pe, load_le32(pe->optional + offset), &available);
    if (!*at)
        return bad(pe, "has its relocations outside of what the file holds", err);
    *length = MIN(*length, available);
    return 0;
}

/* Applies one relocation to `to`, the laid-out image; NULL: only checks it. */
static int relocate_one(const struct pe *pe, unsigned type, uint64_t at, uint64_t delta,
                        uint8_t *to, struct error *err)
{
    unsigned width = type == RELOCATION_DIR64 ? 8 : 4;

    if (type == RELOCATION_ABSOLUTE)
        return 0;
    if (type != RELOCATION_DIR64 && type != RELOCATION_HIGHLOW)
        return error_set(err, ENOEXEC,
                         "the EFI program \"%s\" has a relocation of type %u at 0x%llx, which "
                         "arm64 images do not use",
                         pe->name, type, (unsigned long long)at);
    if (!range_fits(at, width, pe->image_size))
        return bad(pe, "has a relocation outside of itself", err);
    if (to && width == 8)
        store_le64(to + at, load_le64(to + at) + delta);
    else if (to)
        store_le32(to + at, load_le32(to + at) + (uint32_t)delta);
    return 0;
}

static int relocate(const struct pe *pe, uint64_t delta, uint8_t *to, struct error *err)
{
    const uint8_t *block;
    uint32_t left;
    int ret = relocations_find(pe, &block, &left, err);

    while (!ret && left >= BLOCK_HEADER) {
        uint32_t page = load_le32(block), size = load_le32(block + 4);

        if (size == 0) /* padding up to the section's alignment */
            return 0;
        if (size < BLOCK_HEADER || size > left)
            return bad(pe, "has a relocation block that is no block", err);
        for (uint32_t i = BLOCK_HEADER; i + 2 <= size && !ret; i += 2) {
            unsigned entry = load_le16(block + i);

            ret = relocate_one(pe, entry >> 12, (uint64_t)page + (entry & 0xfff), delta, to, err);
        }
        block += size;
        left -= size;
    }
    return ret;
}

static int pe_open(struct pe *pe, struct pe_image *image, struct error *err)
{
    int ret = open_headers(pe, err);

    ret = ret ? ret : check_sizes(pe, image, err);
    ret = ret ? ret : check_subsystem(pe, image, err);
    ret = ret ? ret : check_sections(pe, image, err);
    if (!ret)
        image->relocatable = !(load_le16(pe->header + PE_CHARACTERISTICS) & RELOCS_STRIPPED);
    return ret;
}

int pe_check(const uint8_t *bytes, size_t length, const char *name, struct pe_image *image,
             struct error *err)
{
    struct pe pe = {.bytes = bytes, .length = length, .name = name};
    int ret;

    *image = (struct pe_image){0};
    ret = pe_open(&pe, image, err);
    return ret ? ret : relocate(&pe, 0, NULL, err);
}

int pe_load(const uint8_t *bytes, size_t length, const struct pe_image *image, uint8_t *to,
            uint64_t address, struct error *err)
{
    struct pe pe = {.bytes = bytes, .length = length, .name = "image"};
    struct pe_image again = {0};
    int ret = pe_open(&pe, &again, err);

    if (ret)
        return ret;
    if (again.size != image->size)
        return bad(&pe, "is not the one that was checked", err);
    if (!image->relocatable && address != image->base)
        return bad(&pe, "has no relocations, and where it wants to be is no memory for it", err);
    memcpy(to, bytes, pe.headers_size);
    for (unsigned i = 0; i < pe.section_count; i++) {
        struct section s;

        section_get(&pe, i, &s);
        if (s.raw_size)
            memcpy(to + s.address, bytes + s.raw, s.raw_size);
    }
    return relocate(&pe, address - image->base, to, err);
}
