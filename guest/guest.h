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

int main(void);

#endif
