/* SPDX-License-Identifier: ISC */
/* Where kernels go, and what is refused before it goes anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/units.h"
#include "firmware/openbsd.h"
#include "firmware/devicetree.h"
#include "firmware/kernel.h"

#define RAM_BASE UINT64_C(0x70000000)
#define LINK     UINT64_C(0xffffff8000000000)

struct bench {
    struct mem *mem;
    struct platform platform;
};

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));

    b->platform = (struct platform){.cpus = 1,
                                    .ram = {RAM_BASE, 128 * MIB},
                                    .gicd = {0x10000000, 0x10000},
                                    .gicr = {0x10010000, 0x20000},
                                    .ecam = {0x40000000, 0x10000000},
                                    .rtc_intid = 34,
                                    .gpio_intid = 37,
                                    .pci_intx_base = 64};
    if (mem_create(&b->mem) || mem_add_ram(b->mem, RAM_BASE, 128 * MIB, NULL))
        return -1;
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    mem_destroy(b->mem);
    free(b);
    return 0;
}

static void make_image(uint8_t *image, size_t length, uint64_t text_offset, uint64_t size)
{
    memset(image, 0xa5, length);
    store_le64(image + 8, text_offset);
    store_le64(image + 16, size);
    store_le64(image + 24, 0xa);
    memcpy(image + 56, "ARM\x64", 4);
}

static int load(struct bench *b, const uint8_t *kernel, size_t length, const uint8_t *initrd,
                size_t initrd_length, struct kernel_entry *entry, struct error *err)
{
    const struct kernel_inputs inputs = {.kernel = kernel,
                                         .kernel_length = length,
                                         .initrd = initrd,
                                         .initrd_length = initrd_length,
                                         .name = "kernel",
                                         .initrd_name = "initrd",
                                         .append = "console=ttyAMA0"};

    return kernel_load(b->mem, &b->platform, &inputs, entry, err);
}

static uint8_t *read_fdt(struct bench *b, uint64_t at)
{
    uint8_t *blob = malloc(FDT_MAX_SIZE);

    assert_int_equal(mem_read(b->mem, at, blob, FDT_MAX_SIZE), 0);
    assert_int_equal(fdt_check_full(blob, FDT_MAX_SIZE), 0);
    return blob;
}

static uint64_t chosen_u64(const void *blob, const char *name)
{
    int length, node = fdt_path_offset(blob, "/chosen");
    const fdt64_t *value = fdt_getprop(blob, node, name, &length);

    assert_non_null(value);
    assert_int_equal(length, 8);
    return fdt64_ld(value);
}

static void test_linux(void **state)
{
    struct bench *b = *state;
    uint8_t image[4096], initrd[100], back[100], *blob;
    struct kernel_entry entry;
    struct error err;
    uint64_t start;

    make_image(image, sizeof(image), 0x80000, MIB);
    memset(initrd, 0x5a, sizeof(initrd));
    assert_int_equal(load(b, image, sizeof(image), initrd, sizeof(initrd), &entry, &err), 0);
    assert_int_equal(entry.pc, RAM_BASE + 0x80000);
    blob = read_fdt(b, entry.x0);
    start = chosen_u64(blob, "linux,initrd-start");
    assert_true(start >= entry.pc + MIB);
    assert_int_equal(chosen_u64(blob, "linux,initrd-end") - start, sizeof(initrd));
    assert_int_equal(mem_read(b->mem, start, back, sizeof(back)), 0);
    assert_memory_equal(back, initrd, sizeof(back));
    assert_string_equal(fdt_getprop(blob, fdt_path_offset(blob, "/chosen"), "bootargs", NULL),
                        "console=ttyAMA0");
    free(blob);
}

static void test_linux_lies(void **state)
{
    struct bench *b = *state;
    uint8_t image[4096];
    struct kernel_entry entry;
    struct error err;

    make_image(image, sizeof(image), 0, 4 * GIB);
    assert_int_equal(load(b, image, sizeof(image), NULL, 0, &entry, &err), -ENOSPC);
    assert_non_null(strstr(err.text, "--memory"));
    make_image(image, sizeof(image), UINT64_MAX - 4095, MIB);
    assert_int_equal(load(b, image, sizeof(image), NULL, 0, &entry, &err), -ENOSPC);
    make_image(image, sizeof(image), 0, UINT64_MAX);
    assert_int_equal(load(b, image, sizeof(image), NULL, 0, &entry, &err), -ENOSPC);
    make_image(image, sizeof(image), 0, MIB);
    image[24] = 1;
    assert_int_equal(load(b, image, sizeof(image), NULL, 0, &entry, &err), -ENOEXEC);
    assert_non_null(strstr(err.text, "big-endian"));
}

/* An Image says in its PE header how long it is. */
static void test_linux_cut_short(void **state)
{
    struct bench *b = *state;
    uint8_t image[4096];
    struct kernel_entry entry;
    struct error err;

    make_image(image, sizeof(image), 0, MIB);
    memcpy(image, "MZ", 2);
    store_le32(image + 0x3c, 64);
    store_le32(image + 64, 0x4550);
    store_le16(image + 64 + 6, 1);
    store_le16(image + 64 + 20, 0);
    store_le32(image + 64 + 24 + 16, 4096 - 512);
    store_le32(image + 64 + 24 + 20, 512);
    assert_int_equal(load(b, image, sizeof(image), NULL, 0, &entry, &err), 0);
    assert_int_equal(load(b, image, sizeof(image) - 1, NULL, 0, &entry, &err), -ENOEXEC);
    assert_non_null(strstr(err.text, "4095 bytes of 4096"));
    store_le16(image + 64 + 6, 0xffff); /* more sections than there are bytes */
    assert_int_equal(load(b, image, sizeof(image), NULL, 0, &entry, &err), -ENOEXEC);
    store_le32(image + 0x3c, 0xfffffff0);
    assert_int_equal(load(b, image, sizeof(image), NULL, 0, &entry, &err), 0);
}

static void test_initrd_too_large(void **state)
{
    struct bench *b = *state;
    uint8_t image[4096], *initrd = calloc(1, 127 * MIB);
    struct kernel_entry entry;
    struct error err;

    make_image(image, sizeof(image), 0, 4 * MIB);
    assert_int_equal(load(b, image, sizeof(image), initrd, 127 * MIB, &entry, &err), -ENOSPC);
    assert_non_null(strstr(err.text, "initrd"));
    free(initrd);
}

static void test_not_a_kernel(void **state)
{
    struct bench *b = *state;
    uint8_t bytes[1024] = "#!/bin/sh\n";
    struct kernel_entry entry;
    struct error err;

    assert_int_equal(load(b, bytes, sizeof(bytes), NULL, 0, &entry, &err), -ENOEXEC);
    assert_non_null(strstr(err.text, "arm64 Linux Image"));
    memcpy(bytes + 0x202, "HdrS", 4);
    assert_int_equal(load(b, bytes, sizeof(bytes), NULL, 0, &entry, &err), -ENOEXEC);
    assert_non_null(strstr(err.text, "x86"));
    assert_int_equal(load(b, bytes, 0, NULL, 0, &entry, &err), -ENOEXEC);
}

/* A kernel with text, a random segment inside it, and bss. */
#define ELF_LENGTH 8192
static void make_elf(uint8_t *bytes)
{
    Elf64_Ehdr header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1},
                         .e_type = ET_EXEC,
                         .e_machine = EM_AARCH64,
                         .e_entry = LINK + 0x200000,
                         .e_phoff = sizeof(header),
                         .e_phentsize = sizeof(Elf64_Phdr),
                         .e_phnum = 2};
    Elf64_Phdr segments[2] = {
        {.p_type = 0x65a3dbe6,
         .p_offset = 4096 + 256,
         .p_vaddr = LINK + 0x200000 + 256,
         .p_filesz = 64,
         .p_memsz = 64},
        {.p_type = PT_LOAD,
         .p_flags = PF_R | PF_X,
         .p_offset = 4096,
         .p_vaddr = LINK + 0x200000,
         .p_filesz = 4096,
         .p_memsz = 65536},
    };

    memset(bytes, 0, ELF_LENGTH);
    memcpy(bytes, &header, sizeof(header));
    memcpy(bytes + sizeof(header), segments, sizeof(segments));
    for (size_t i = 0; i < 256; i++)
        bytes[4096 + i] = (uint8_t)i;
}

static void test_openbsd(void **state)
{
    struct bench *b = *state;
    uint8_t bytes[ELF_LENGTH], back[512], zeros[64] = {0}, *blob;
    struct kernel_entry entry;
    struct error err;

    make_elf(bytes);
    assert_int_equal(load(b, bytes, sizeof(bytes), NULL, 0, &entry, &err), 0);
    assert_int_equal(entry.pc, RAM_BASE + 0x200000);
    assert_int_equal(entry.x0, RAM_BASE + 0x200000 + 65536);
    assert_int_equal(entry.x1, 0);
    assert_int_equal(mem_read(b->mem, entry.pc, back, sizeof(back)), 0);
    assert_memory_equal(back, bytes + 4096, 256);
    assert_memory_not_equal(back + 256, zeros, 64); /* entropy, not what the file holds */
    blob = read_fdt(b, entry.x2);
    assert_int_equal(
        fdt32_ld(fdt_getprop(blob, fdt_path_offset(blob, "/chosen"), "openbsd,boothowto", NULL)),
        0x10000); /* RB_GOODRANDOM */
    free(blob);
}

static void test_elf_lies(void **state)
{
    struct bench *b = *state;
    uint8_t bytes[ELF_LENGTH];
    Elf64_Phdr *segments = (Elf64_Phdr *)(void *)(bytes + sizeof(Elf64_Ehdr));
    Elf64_Ehdr *header = (Elf64_Ehdr *)(void *)bytes;
    struct kernel_entry entry;
    struct error err;

    make_elf(bytes);
    segments[1].p_offset = UINT64_MAX - 100;
    assert_int_equal(load(b, bytes, sizeof(bytes), NULL, 0, &entry, &err), -ENOEXEC);
    make_elf(bytes);
    segments[1].p_vaddr = LINK + 63 * MIB;
    segments[1].p_memsz = 2 * MIB;
    assert_int_equal(load(b, bytes, sizeof(bytes), NULL, 0, &entry, &err), -ENOEXEC);
    make_elf(bytes);
    segments[1].p_memsz = 16; /* less than the file holds */
    assert_int_equal(load(b, bytes, sizeof(bytes), NULL, 0, &entry, &err), -ENOEXEC);
    make_elf(bytes);
    header->e_phoff = UINT64_MAX - 8;
    assert_int_equal(load(b, bytes, sizeof(bytes), NULL, 0, &entry, &err), -ENOEXEC);
    make_elf(bytes);
    header->e_machine = EM_X86_64;
    assert_int_equal(load(b, bytes, sizeof(bytes), NULL, 0, &entry, &err), -ENOEXEC);
    make_elf(bytes);
    header->e_entry = UINT64_C(0xffff800008000000);
    assert_int_equal(load(b, bytes, sizeof(bytes), NULL, 0, &entry, &err), -ENOEXEC);
    assert_non_null(strstr(err.text, "vmlinux"));
    for (size_t length = 0; length < ELF_LENGTH;
         length += 7) { /* truncated anywhere: an answer, never a crash */
        make_elf(bytes);
        load(b, bytes, length, NULL, 0, &entry, &err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_linux, setup, teardown),
        cmocka_unit_test_setup_teardown(test_linux_lies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_linux_cut_short, setup, teardown),
        cmocka_unit_test_setup_teardown(test_initrd_too_large, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_a_kernel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_openbsd, setup, teardown),
        cmocka_unit_test_setup_teardown(test_elf_lies, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
