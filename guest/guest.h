/* SPDX-License-Identifier: ISC */
/*
 * What the bare-metal test guests share: printing, exceptions, system registers.
 *
 * A guest prints what it finds, and the same binary runs on each engine (tests/engine/run_guest.c)
 * and on qemu-system-aarch64 -M virt; the outputs are compared. It is compiled with
 * -mgeneral-regs-only -mstrict-align: the MMU may be off.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frame {
    uint64_t x[31], sp_el0, elr, spsr, esr, far, vector, pad;
};

/* The exception handler of the guest; it may change the frame (elr to go on elsewhere). */
void guest_exception(struct frame *frame);

void put_char(char ch);
void put_text(const char *text);
void put_hex(uint64_t value); /* 16 digits */
/* "text: value\n" */
void put_value(const char *text, uint64_t value);

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memset(void *to, int byte, size_t n);

#define read_sysreg(name)                                                                          \
    ({                                                                                             \
        uint64_t value_;                                                                           \
        __asm__ volatile("mrs %0, " #name : "=r"(value_));                                         \
        value_;                                                                                    \
    })
#define write_sysreg(name, value)                                                                  \
    __asm__ volatile("msr " #name ", %0" : : "r"((uint64_t)(value)) : "memory")
#define isb() __asm__ volatile("isb" : : : "memory")
#define dsb() __asm__ volatile("dsb sy" : : : "memory")

/* --- translation (mmu.c): everything is mapped one to one below 2 GiB; the rest is free for tests
 * --- */

#define PTE_PAGE   3
#define PTE_AF     (UINT64_C(1) << 10 | UINT64_C(3) << 8)
#define PTE_NORMAL (UINT64_C(0) << 2)
#define PTE_DEVICE (UINT64_C(1) << 2)
#define PTE_USER   (UINT64_C(1) << 6)
#define PTE_RO     (UINT64_C(1) << 7)
#define PTE_NG     (UINT64_C(1) << 11)
#define PTE_PXN    (UINT64_C(1) << 53)
#define PTE_UXN    (UINT64_C(1) << 54)

#define SCTLR_PLAIN UINT64_C(0x30d00980) /* RES1 and SPAN: what EL0 does is trapped */

void mmu_on(void);
/* The level 3 entry of va, above 2 GiB; tables are made as needed. */
uint64_t *mmu_pte(uint64_t va);
/* Sets it, and makes every CPU see it. */
void mmu_map(uint64_t va, uint64_t pte);

/* --- more CPUs (cpus.c) --- */

/* Starts CPU `index` (1 to 3) in `body` with a stack of its own and the MMU as mmu_on sets it. */
void cpu_start(unsigned index, void (*body)(unsigned index));

/* What X0 was at the entry: run_guest's --argument, 0 under QEMU. */
extern uint64_t guest_x0;

/* 0: the guest powers off. Anything else, it resets, which whoever runs it takes for a failure. */
int main(void);
/* Prints what the exception was and fails. */
_Noreturn void guest_fail(const struct frame *frame);

#endif
