/* SPDX-License-Identifier: ISC */
/* Secondary CPUs by PSCI CPU_ON. See guest.h. */
#include "guest.h"

#define PSCI_CPU_ON UINT64_C(0xc4000003)
#define MAX_CPUS    4

static uint8_t stacks[MAX_CPUS][16384] __attribute__((aligned(16), used));
static void (*bodies[MAX_CPUS])(unsigned index);

void cpu_main(unsigned index);

/* X0 is the index, from CPU_ON. */
__asm__(".pushsection .text\n"
        "cpu_entry:\n"
        "    mov     x1, #(3 << 20)\n"
        "    msr     cpacr_el1, x1\n"
        "    adrp    x1, vectors\n"
        "    add     x1, x1, :lo12:vectors\n"
        "    msr     vbar_el1, x1\n"
        "    isb\n"
        "    adrp    x1, stacks\n"
        "    add     x1, x1, :lo12:stacks\n"
        "    add     x2, x0, #1\n"
        "    add     x1, x1, x2, lsl #14\n"
        "    mov     sp, x1\n"
        "    b       cpu_main\n"
        ".popsection\n");
void cpu_entry(void);

void cpu_main(unsigned index)
{
    mmu_on();
    bodies[index](index);
    for (;;)
        __asm__ volatile("wfi");
}

void cpu_start(unsigned index, void (*body)(unsigned index))
{
    register uint64_t x0 __asm__("x0") = PSCI_CPU_ON;
    register uint64_t x1 __asm__("x1") = index;
    register uint64_t x2 __asm__("x2") = (uint64_t)cpu_entry;
    register uint64_t x3 __asm__("x3") = index;

    bodies[index] = body;
    dsb();
    __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
    if (x0 != 0)
        put_value("CPU_ON failed", x0);
}
