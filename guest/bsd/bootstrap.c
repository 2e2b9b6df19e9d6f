/* SPDX-License-Identifier: ISC */
/*
 * What C does before the MMU is on: reads the device tree, moves the image if it is told to, makes
 * the kernel's tables, and relocates the image to its virtual address. Of the boot arguments,
 *
 *   base=N    moves the image to RAM + N (a multiple of 2 MiB)
 *   slide=N   moves its virtual address by N (of 4 KiB), as KASLR would
 *
 * Everything here is reached relative to the program counter, and no pointer in memory is good yet.
 */
#include "fdt.h"
#include "pmap.h"

#define TCR_T0SZ(bits) ((uint64_t)(64 - (bits)))
#define TCR_T1SZ(bits) ((uint64_t)(64 - (bits)) << 16)
#define TCR_WALKS      (UINT64_C(0x35) << 8 | UINT64_C(0x35) << 24) /* write-back, inner shareable */
#define TCR_TG1_4K     (UINT64_C(2) << 30)
#define VA_BITS        39
#define PARANGE_48     5 /* the most that 4 KiB pages without LPA2 can say */

#define R_AARCH64_RELATIVE 1027
#define IMAGE_ALIGN        UINT64_C(0x200000)

struct rela {
    uint64_t offset, info, addend;
};
extern const struct rela rela_start[], rela_end[];
extern char _start[];
void bootstrap(const void *tree);

struct boot_info boot_info;

static _Noreturn void stop(void)
{
    for (;;)
        __asm__ volatile("wfe");
}

static uint64_t image_size(void)
{
    return (uint64_t)(image_end - image_start);
}

/* Copies the image to `to` and enters it there. What bss holds so far goes along and is cleared. */
static _Noreturn void move_image(paddr_t to, const void *tree)
{
    void (*entry)(const void *) = (void (*)(const void *))(to + (uint64_t)(_start - image_start));

    memcpy((void *)to, image_start, image_size());
    dsb(sy);
    __asm__ volatile("ic iallu" : : : "memory");
    dsb(sy);
    isb();
    entry(tree);
    stop();
}

static void map_image(struct pmap *pmap, vaddr_t at)
{
    paddr_t pa = (paddr_t)image_start;

    for (uint64_t offset = 0; offset < image_size(); offset += PAGE_SIZE) {
        char *page = image_start + offset;
        unsigned prot = PROT_READ | (page < text_end ? PROT_EXEC : 0);

        pmap_enter(pmap, at + offset, pa + offset, page < data_start ? prot : prot | PROT_WRITE);
    }
}

static void relocate(vaddr_t at)
{
    for (const struct rela *r = rela_start; r < rela_end; r++)
        if ((uint32_t)r->info == R_AARCH64_RELATIVE)
            *(uint64_t *)(image_start + r->offset) = at + r->addend;
}

void bootstrap(const void *tree)
{
    struct fdt_node memory;
    struct pmap identity = {0}, kernel = {0};
    uint64_t ram, size, wanted;
    vaddr_t at;

    if (!fdt_init(tree))
        stop();
    memory = fdt_path("/memory");
    if (!fdt_reg(&memory, 0, &ram, &size))
        stop();
    wanted = bootarg_number("base", (paddr_t)image_start - ram) & ~(IMAGE_ALIGN - 1);
    if (ram + wanted != (paddr_t)image_start && wanted + 2 * image_size() < size)
        move_image(ram + wanted, tree);

    page_init(ram, size);
    page_reserve((paddr_t)image_start, image_size());
    page_reserve((paddr_t)tree, fdt_size());

    at = KERNBASE + trunc_page(bootarg_number("slide", 0));
    map_image(&kernel, at);
    map_image(&identity, (paddr_t)image_start);
    for (uint64_t offset = 0; offset < size; offset += PAGE_SIZE)
        pmap_enter(&kernel, DMAPBASE + ram + offset, ram + offset, PROT_READ | PROT_WRITE);
    relocate(at);
    boot_info = (struct boot_info){
        .identity = identity.root,
        .kernel = kernel.root,
        .tcr = TCR_T0SZ(VA_BITS) | TCR_T1SZ(VA_BITS) | TCR_WALKS | TCR_TG1_4K |
               MIN(read_sysreg(id_aa64mmfr0_el1) & 15, PARANGE_48) << 32, /* IPS */
        .slide = at - (paddr_t)image_start,
        .fdt = (paddr_t)tree,
        .image = (paddr_t)image_start,
    };
}
