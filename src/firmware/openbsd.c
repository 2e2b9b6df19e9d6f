/* SPDX-License-Identifier: ISC */
/*
 * The kernel is linked at 0xffffff8000200000 and runs from any 2 MiB boundary: link address minus
 * 0xffffff8000000000 plus the load address is where a byte goes. Its first page tables cover 64 MiB
 * from there (sys/arch/arm64/arm64/locore0.S), so nothing, symbols included, may lie beyond.
 * Symbols follow the image as sys/lib/libsa/loadfile_elf.c leaves them: the ELF header, the section
 * headers with sh_offset made relative to it, then the symbol and string tables.
 */
#include "firmware/openbsd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "firmware/elf64.h"
#include "host/entropy.h"

#define OPENBSD_LINK_BASE UINT64_C(0xffffff8000000000)
#define OPENBSD_BLOCK     (64 * MIB)

struct elf {
    const uint8_t *bytes;
    size_t length;
    const char *name;
    Elf64_Ehdr header;
};

static int bad(const struct elf *elf, const char *what, struct error *err)
{
    return error_set(err, ENOEXEC, "the ELF kernel \"%s\" %s", elf->name, what);
}

static void segment(const struct elf *elf, unsigned i, Elf64_Phdr *out)
{
    memcpy(out, elf->bytes + elf->header.e_phoff + i * sizeof(*out), sizeof(*out));
}

static void section(const struct elf *elf, unsigned i, Elf64_Shdr *out)
{
    memcpy(out, elf->bytes + elf->header.e_shoff + i * sizeof(*out), sizeof(*out));
}

static int open_elf(struct elf *elf, const uint8_t *bytes, size_t length, const char *name,
                    struct error *err)
{
    Elf64_Ehdr *h = &elf->header;

    *elf = (struct elf){.bytes = bytes, .length = length, .name = name};
    if (length < sizeof(*h))
        return bad(elf, "is cut short within its header", err);
    memcpy(h, bytes, sizeof(*h));
    if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB ||
        h->e_machine != EM_AARCH64)
        return bad(elf, "is not for arm64 (64-bit, little-endian AArch64)", err);
    if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phnum == 0 ||
        !range_fits(h->e_phoff, h->e_phnum * sizeof(Elf64_Phdr), length))
        return bad(elf, "has no program headers within the file", err);
    if (h->e_entry - OPENBSD_LINK_BASE >= OPENBSD_BLOCK)
        return bad(elf,
                   "is not linked where OpenBSD/arm64 kernels are (0xffffff8000200000); for Linux, "
                   "give the Image "
                   "and not vmlinux",
                   err);
    return 0;
}

static int check_segment(const struct elf *elf, const Elf64_Phdr *ph, struct error *err)
{
    if (!range_fits(ph->p_offset, ph->p_filesz, elf->length))
        return bad(elf, "is cut short: a segment lies beyond its end", err);
    if (ph->p_filesz > ph->p_memsz ||
        !range_fits(ph->p_vaddr - OPENBSD_LINK_BASE, ph->p_memsz, OPENBSD_BLOCK))
        return bad(elf, "has a segment outside the 64 MiB that its boot protocol allows", err);
    return 0;
}

int openbsd_check(const uint8_t *bytes, size_t length, const char *name, struct error *err)
{
    struct elf elf;
    int ret = open_elf(&elf, bytes, length, name, err);

    for (unsigned i = 0; i < elf.header.e_phnum && !ret; i++) {
        Elf64_Phdr ph;

        segment(&elf, i, &ph);
        if (ph.p_type == PT_LOAD || ph.p_type == PT_OPENBSD_RANDOMIZE)
            ret = check_segment(&elf, &ph, err);
    }
    return ret;
}

/* Fresh entropy for the kernel's random generator, in place of what the boot loader would bring. */
static int fill_random(struct mem *mem, uint64_t at, uint64_t length)
{
    uint8_t chunk[256];

    for (uint64_t done = 0; done < length; done += sizeof(chunk)) {
        size_t n = MIN(sizeof(chunk), length - done);
        int ret = host_entropy(chunk, n);

        ret = ret ? ret : mem_write(mem, at + done, chunk, n);
        if (ret)
            return ret;
    }
    return 0;
}

static int load_segments(const struct elf *elf, struct mem *mem, uint64_t base, uint64_t *end)
{
    for (unsigned i = 0; i < elf->header.e_phnum; i++) {
        Elf64_Phdr ph;
        uint64_t at;
        int ret = 0;

        segment(elf, i, &ph);
        at = base + (ph.p_vaddr - OPENBSD_LINK_BASE);
        if (ph.p_type == PT_LOAD) {
            ret = mem_write(mem, at, elf->bytes + ph.p_offset, ph.p_filesz);
            ret = ret ? ret : mem_fill(mem, at + ph.p_filesz, 0, ph.p_memsz - ph.p_filesz);
            *end = MAX(*end, at + ph.p_memsz);
        }
        if (ret)
            return ret;
    }
    return 0;
}

/* The random segment lies inside a PT_LOAD: it is filled after all of them, whatever their order.
 */
static int load_random(const struct elf *elf, struct mem *mem, uint64_t base)
{
    for (unsigned i = 0; i < elf->header.e_phnum; i++) {
        Elf64_Phdr ph;
        int ret;

        segment(elf, i, &ph);
        if (ph.p_type != PT_OPENBSD_RANDOMIZE)
            continue;
        ret = fill_random(mem, base + (ph.p_vaddr - OPENBSD_LINK_BASE), ph.p_filesz);
        if (ret)
            return ret;
    }
    return 0;
}

static bool is_debug_line(const struct elf *elf, const Elf64_Shdr *sh)
{
    static const char wanted[] = ".debug_line";
    Elf64_Shdr names;

    if (elf->header.e_shstrndx >= elf->header.e_shnum)
        return false;
    section(elf, elf->header.e_shstrndx, &names);
    return range_fits(names.sh_offset, names.sh_size, elf->length) &&
           range_fits(sh->sh_name, sizeof(wanted), names.sh_size) &&
           memcmp(elf->bytes + names.sh_offset + sh->sh_name, wanted, sizeof(wanted)) == 0;
}

static bool is_symbolic(const struct elf *elf, const Elf64_Shdr *sh)
{
    return sh->sh_type == SHT_SYMTAB || sh->sh_type == SHT_STRTAB || is_debug_line(elf, sh);
}

/* Symbols for ddb. A kernel without section headers, or whose symbols do not fit, is loaded
 * without. */
static int load_symbols(const struct elf *elf, struct mem *mem, uint64_t base, uint64_t *end)
{
    uint64_t start = align_up(*end, 8), limit = base + OPENBSD_BLOCK, offset;
    Elf64_Ehdr header = elf->header;
    int ret = 0;

    if (header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shnum == 0 ||
        !range_fits(header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr), elf->length))
        return 0;
    offset = align_up(sizeof(header) + header.e_shnum * sizeof(Elf64_Shdr), 8);
    for (unsigned i = 0; i < header.e_shnum && !ret; i++) {
        Elf64_Shdr sh;

        section(elf, i, &sh);
        if (is_symbolic(elf, &sh)) {
            if (!range_fits(sh.sh_offset, sh.sh_size, elf->length) ||
                !range_fits(start + offset, sh.sh_size, limit))
                return 0;
            ret = mem_write(mem, start + offset, elf->bytes + sh.sh_offset, sh.sh_size);
            sh.sh_offset = offset;
            sh.sh_flags |= SHF_ALLOC;
            offset = align_up(offset + sh.sh_size, 8);
        }
        ret = ret ? ret : mem_write(mem, start + sizeof(header) + i * sizeof(sh), &sh, sizeof(sh));
    }
    header.e_phoff = 0;
    header.e_shoff = sizeof(header);
    header.e_phentsize = 0;
    header.e_phnum = 0;
    ret = ret ? ret : mem_write(mem, start, &header, sizeof(header));
    *end = start + offset;
    return ret;
}

int openbsd_load(struct mem *mem, uint64_t base, const uint8_t *bytes, size_t length,
                 const char *name, uint64_t *entry, uint64_t *end, struct error *err)
{
    struct elf elf;
    int ret = openbsd_check(bytes, length, name, err);

    if (ret)
        return ret;
    if (!mem_is_ram(mem, base, OPENBSD_BLOCK))
        return error_set(err, ENOSPC,
                         "the OpenBSD kernel \"%s\" needs 64 MiB of memory from its load address",
                         name);
    ret = open_elf(&elf, bytes, length, name, err);
    *end = base;
    ret = ret ? ret : load_segments(&elf, mem, base, end);
    ret = ret ? ret : load_random(&elf, mem, base);
    ret = ret ? ret : load_symbols(&elf, mem, base, end);
    *entry = base + (elf.header.e_entry - OPENBSD_LINK_BASE);
    return ret ? error_set(err, -ret, "cannot load the OpenBSD kernel \"%s\": %s", name,
                           strerror(-ret))
               : 0;
}
