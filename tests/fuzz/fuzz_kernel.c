/* SPDX-License-Identifier: ISC */
/*
 * Kernel files that lie: an arm64 Image or an OpenBSD ELF with damaged headers, packed or not,
 * loaded into the smallest machine. What is unpacked stays in its bound, what is placed stays in
 * RAM, a refusal says why.
 */
#include <elf.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/endian.h"
#include "firmware/kernel.h"
#include "firmware/unpack.h"
#include "fuzz.h"
#include "machine/machine.h"

#define FILE_MAX 8192
#define SEGMENTS 4

/* What is usual there, but for one case in 32. */
static uint64_t odd(struct fuzz_input *input, uint64_t usual)
{
    return fuzz_take(input, 1) % 32 == 1 ? fuzz_take(input, 8) : usual;
}

static size_t make_image(uint8_t *file, struct fuzz_input *input)
{
    size_t length = 64 + fuzz_take(input, 2) % 4096;

    store_le64(file + 8, odd(input, 0x200000));
    store_le64(file + 16, odd(input, 0x10000));
    store_le64(file + 24, 0x0a);
    memcpy(file + 56, "ARM\x64", 4);
    return length;
}

/* The headers of an OpenBSD kernel. */
static size_t make_elf(uint8_t *file, struct fuzz_input *input)
{
    Elf64_Ehdr header = {.e_type = ET_EXEC,
                         .e_machine = EM_AARCH64,
                         .e_version = EV_CURRENT,
                         .e_phoff = sizeof(header),
                         .e_ehsize = sizeof(header),
                         .e_phentsize = sizeof(Elf64_Phdr)};
    uint64_t va = UINT64_C(0xffffff8000000000);

    memcpy(header.e_ident, "\177ELF\2\1\1", 7);
    header.e_phnum = (uint16_t)(odd(input, SEGMENTS));
    header.e_phoff = odd(input, header.e_phoff);
    header.e_entry = odd(input, va + 0x1000);
    header.e_shnum = (uint16_t)odd(input, 0);
    header.e_shoff = odd(input, 0);
    header.e_shentsize = (uint16_t)odd(input, sizeof(Elf64_Shdr));
    memcpy(file, &header, sizeof(header));
    for (unsigned i = 0; i < SEGMENTS; i++) {
        Elf64_Phdr segment = {.p_type = (uint32_t)odd(input, PT_LOAD),
                              .p_flags = PF_R | PF_X,
                              .p_offset = odd(input, 0x1000),
                              .p_vaddr = odd(input, va + i * 0x200000),
                              .p_paddr = odd(input, i * 0x200000),
                              .p_filesz = odd(input, 0x800),
                              .p_memsz = odd(input, 0x2000),
                              .p_align = odd(input, 0x1000)};

        memcpy(file + sizeof(header) + i * sizeof(segment), &segment, sizeof(segment));
    }
    return 0x1000 + fuzz_take(input, 2) % 0x1000;
}

/* A gzip member around what there is; the caller frees it. */
static uint8_t *pack(const uint8_t *bytes, size_t *length)
{
    uint8_t *packed = malloc(FILE_MAX * 2);
    z_stream z = {.next_in = (Bytef *)(uintptr_t)bytes,
                  .avail_in = (uInt)*length,
                  .next_out = packed,
                  .avail_out = FILE_MAX * 2};

    if (!packed || deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
        deflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    *length = z.total_out;
    deflateEnd(&z);
    return packed;
}

static uint8_t *zboot(const uint8_t *packed, size_t *length, struct fuzz_input *input)
{
    uint8_t *file = calloc(1, 64 + *length);

    memcpy(file, "MZ\0\0zimg", 8);
    store_le32(file + 8, (uint32_t)odd(input, 64));
    store_le32(file + 12, (uint32_t)odd(input, *length));
    memcpy(file + 24, fuzz_take(input, 1) % 4 == 1 ? "zstd" : "gzip", 5);
    memcpy(file + 64, packed, *length);
    *length += 64;
    return file;
}

static uint8_t *make_file(struct fuzz_input *input, size_t *length)
{
    static uint8_t plain[FILE_MAX];
    unsigned what = (unsigned)fuzz_take(input, 1);
    uint8_t *file, *inner;

    memset(plain, 0, sizeof(plain));
    *length = what & 1 ? make_image(plain, input) : make_elf(plain, input);
    if (what & 6) {
        file = pack(plain, length);
    } else {
        file = malloc(*length);
        memcpy(file, plain, *length);
    }
    if (what & 4) {
        inner = file;
        file = zboot(inner, length, input);
        free(inner);
    }
    for (unsigned damage = (what >> 5) == 1 ? 4 : 0; damage; damage--) {
        size_t at = (size_t)fuzz_take(input, 2) % *length;

        file[at] = (uint8_t)fuzz_take(input, 1);
    }
    if ((what & 0x18) == 0x18)
        *length = (size_t)fuzz_take(input, 2) % *length;
    return file;
}

static void describe(struct platform *platform)
{
    struct atoll_config config;
    struct quirks quirks;

    atoll_config_init(&config);
    config.memory = ATOLL_MEMORY_MIN;
    quirks_init(&quirks, false);
    machine_describe(&config, &quirks, platform);
}

static void load(const struct platform *platform, uint8_t *file, size_t length, size_t initrd)
{
    static uint8_t ramdisk[4096];
    struct kernel_inputs inputs = {.kernel = file,
                                   .kernel_length = length,
                                   .initrd = initrd ? ramdisk : NULL,
                                   .initrd_length = initrd,
                                   .name = "kernel",
                                   .initrd_name = "initrd"};
    struct kernel_entry entry = {0};
    struct error err = {0};
    struct mem *mem;

    if (mem_create(&mem) || mem_add_ram(mem, platform->ram.base, platform->ram.size, &err))
        abort();
    if (kernel_load(mem, platform, &inputs, &entry, &err)) {
        if (!err.text[0])
            abort();
    } else if (!mem_is_ram(mem, entry.pc & ~UINT64_C(3), 4)) {
        abort(); /* it would begin outside of RAM */
    }
    mem_destroy(mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, bytes + length};
    struct platform platform;
    struct error err = {0};
    size_t file_length, initrd = (size_t)fuzz_take(&input, 1) * 16;
    uint8_t *file = make_file(&input, &file_length);

    describe(&platform);
    if (unpack_kernel(&file, &file_length, "kernel", &err) == 0)
        load(&platform, file, file_length, initrd);
    else if (!err.text[0])
        abort();
    free(file);
    return 0;
}
