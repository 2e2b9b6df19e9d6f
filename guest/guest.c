/* SPDX-License-Identifier: ISC */
/* See guest.h. The console is a PL011, by default at the address of QEMU's virt machine; only its
 * data register is used. */
#include "guest.h"

#ifndef UART_BASE
#define UART_BASE 0x09000000
#endif
#define UART_DATA (*(volatile uint32_t *)UART_BASE)

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
