/* SPDX-License-Identifier: ISC */
/* See guest.h. The console is a PL011, by default at the address of QEMU's virt machine; only its
 * data register is used. */
#include "guest.h"

#ifndef UART_BASE
#define UART_BASE 0x09000000
#endif
#define UART_DATA (*(volatile uint32_t *)UART_BASE)

uint64_t guest_x0;

void put_char(char ch)
{
    UART_DATA = (uint8_t)ch;
}

void put_text(const char *text)
{
    while (*text)
        put_char(*text++);
}

void put_hex(uint64_t value)
{
    for (int shift = 60; shift >= 0; shift -= 4)
        put_char("0123456789abcdef"[value >> shift & 15]);
}

void put_value(const char *text, uint64_t value)
{
    put_text(text);
    put_text(": ");
    put_hex(value);
    put_char('\n');
}

_Noreturn void guest_fail(const struct frame *frame)
{
    put_value("unexpected exception, esr", frame->esr);
    put_value("elr", frame->elr);
    put_value("far", frame->far);
    __asm__ volatile("mov x0, %0\n hvc #0" : : "r"(UINT64_C(0x84000009)) : "x0", "memory");
    for (;;)
        ;
}

/* GCC may call these two even in a freestanding program. */
void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile uint8_t *)to)[i] = ((const uint8_t *)from)[i];
    return to;
}

void *memset(void *to, int byte, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile uint8_t *)to)[i] = (uint8_t)byte;
    return to;
}
