/* SPDX-License-Identifier: ISC */
/*
 * Where the kernel's words go. They are kept from the first one on; a console that attaches gets
 * all of them. So the PL011, when the device tree has one, and virtio's console, when it has
 * attached, show the same text; on a machine without a serial port only the second does.
 */
#include "bsd.h"

#include "fdt.h"
#include "pmap.h"

#define MESSAGE_MAX 16384
#define CONSOLES    2

static char message[MESSAGE_MAX];
static size_t message_length;
static struct {
    void (*write)(void *ctx, const char *text, size_t length);
    void *ctx;
} consoles[CONSOLES];
static unsigned console_count;

static void say(const char *text, size_t length)
{
    size_t kept = MIN(length, MESSAGE_MAX - message_length);

    memcpy(message + message_length, text, kept);
    message_length += kept;
    for (unsigned i = 0; i < console_count; i++)
        consoles[i].write(consoles[i].ctx, text, length);
}

void console_attach(void (*write)(void *ctx, const char *text, size_t length), void *ctx)
{
    if (console_count == CONSOLES)
        return;
    consoles[console_count].write = write;
    consoles[console_count++].ctx = ctx;
    write(ctx, message, message_length);
}

/* One line's worth of text on its way to say(). */
struct line {
    char text[256];
    size_t length;
};

static void put(struct line *line, char ch)
{
    if (line->length == sizeof(line->text)) {
        say(line->text, line->length);
        line->length = 0;
    }
    line->text[line->length++] = ch;
}

static void put_number(struct line *line, uint64_t value, unsigned base, unsigned width, char pad)
{
    char digits[20];
    unsigned n = 0;

    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    for (unsigned i = n; i < width; i++)
        put(line, pad);
    while (n)
        put(line, digits[--n]);
}

static void put_conversion(struct line *line, const char **at, va_list *args)
{
    char pad = **at == '0' ? '0' : ' ';
    unsigned width = 0, longs = 0;
    uint64_t value;

    for (; **at >= '0' && **at <= '9'; (*at)++)
        width = width * 10 + (unsigned)(**at - '0');
    for (; **at == 'l'; (*at)++)
        longs++;
    switch (**at) {
    case 's':
        for (const char *s = va_arg(*args, const char *); *s; s++)
            put(line, *s);
        break;
    case 'c': put(line, (char)va_arg(*args, int)); break;
    case 'd':
        value = longs ? va_arg(*args, uint64_t) : (uint64_t)va_arg(*args, int);
        if ((int64_t)value < 0)
            put(line, '-');
        put_number(line, (int64_t)value < 0 ? -value : value, 10, width, pad);
        break;
    case 'u':
    case 'x':
        value = longs ? va_arg(*args, uint64_t) : va_arg(*args, unsigned);
        put_number(line, value, **at == 'u' ? 10 : 16, width, pad);
        break;
    case 'p':
        put(line, '0');
        put(line, 'x');
        put_number(line, (uint64_t)va_arg(*args, void *), 16, 0, ' ');
        break;
    default: put(line, **at);
    }
    (*at)++;
}

static void vkprintf(const char *format, va_list *args)
{
    struct line line = {.length = 0};

    while (*format) {
        if (*format != '%') {
            put(&line, *format++);
            continue;
        }
        format++;
        put_conversion(&line, &format, args);
    }
    say(line.text, line.length);
}

void kprintf(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vkprintf(format, &args);
    va_end(args);
}

void panic(const char *format, ...)
{
    va_list args;

    kprintf("panic: ");
    va_start(args, format);
    vkprintf(format, &args);
    va_end(args);
    kprintf("\n");
    power_off();
}

/* --- PL011 (Arm DDI 0183): polled, transmit only --- */

#define UARTDR       0x00
#define UARTFR       0x18
#define UARTFR_TXFF  0x20
#define UARTCR       0x30
#define UARTCR_TX_ON 0x101

static vaddr_t pl011;

static void pl011_write(void *ctx, const char *text, size_t length)
{
    while (length--) {
        while (mmio_read32(pl011 + UARTFR) & UARTFR_TXFF)
            ;
        mmio_write32(pl011 + UARTDR, (uint8_t)*text++);
    }
}

void pl011_attach(void)
{
    struct fdt_node chosen = fdt_path("/chosen"), node;
    const char *path = fdt_property(&chosen, "stdout-path", NULL);
    uint64_t address, size;

    if (!path)
        return;
    node = fdt_path(path);
    if (!node.at || !fdt_reg(&node, 0, &address, &size))
        return;
    pl011 = pmap_device(address, size);
    mmio_write32(pl011 + UARTCR, UARTCR_TX_ON);
    console_attach(pl011_write, NULL);
    kprintf("pluart0: console\n");
}
