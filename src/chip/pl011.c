/* SPDX-License-Identifier: ISC */
/* The PL011's registers (DDI 0183 chapter 3). Time does not pass in it: a byte sent is gone, a byte
 * received is there. */
#include "chip/pl011.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cache.h"

enum {
    UARTDR = 0x00,
    UARTRSR = 0x04, /* write: UARTECR */
    UARTFR = 0x18,
    UARTILPR = 0x20,
    UARTIBRD = 0x24,
    UARTFBRD = 0x28,
    UARTLCR_H = 0x2c,
    UARTCR = 0x30,
    UARTIFLS = 0x34,
    UARTIMSC = 0x38,
    UARTRIS = 0x3c,
    UARTMIS = 0x40,
    UARTICR = 0x44,
    UARTDMACR = 0x48,
    UARTPERIPHID0 = 0xfe0,
};

#define DR_OE      0x800u
#define RSR_OE     BIT(3)
#define FR_MODEM   7u /* CTS, DSR, DCD: somebody is at the other end */
#define FR_RXFE    BIT(4)
#define FR_RXFF    BIT(6)
#define FR_TXFE    BIT(7)
#define LCR_H_FEN  BIT(4)
#define CR_LBE     BIT(7)
#define CR_RESET   0x300 /* TXE, RXE */
#define IFLS_RESET 0x12
#define INT_RX     BIT(4)
#define INT_TX     BIT(5)
#define INT_RT     BIT(6)
#define INT_OE     BIT(10)
#define INT_ALL    0x7ff
#define FIFO_DEPTH 16

/* To show and to hide the mirror costs as much as some exits: not before so many bytes were sent
 * with none received. */
#define MIRROR_AFTER 16

struct pl011 {
    pthread_mutex_t lock;
    struct pl011_config config;
    uint32_t rsr, ilpr, ibrd, fbrd, lcr_h, cr, ifls, imsc, ris, dmacr;
    uint16_t fifo[FIFO_DEPTH]; /* as UARTDR shows them: data and error bits */
    uint32_t head, count;
    bool refused;               /* pl011_receive has left bytes with its caller */
    struct pl011_mirror mirror; /* page NULL: there is none */
    bool shown;
    unsigned sent; /* bytes in a row, since it was hidden last */
};

static uint32_t depth(const struct pl011 *uart)
{
    return uart->lcr_h & LCR_H_FEN ? FIFO_DEPTH : 1;
}

/* Bytes in the receive FIFO at which it interrupts (IFLS: 1/8, 1/4, 1/2, 3/4, 7/8). */
static uint32_t trigger(const struct pl011 *uart)
{
    static const uint8_t levels[] = {2, 4, 8, 12, 14, 14, 14, 14};

    return uart->lcr_h & LCR_H_FEN ? levels[uart->ifls >> 3 & 7] : 1;
}

/* A character waits: below the trigger the receive timeout, 32 bit times of silence, is over at
 * once. */
static void raise_receive(struct pl011 *uart)
{
    if (uart->count >= trigger(uart))
        uart->ris |= INT_RX;
    if (uart->count && (uart->lcr_h & LCR_H_FEN))
        uart->ris |= INT_RT;
}

static void hide(struct pl011 *uart)
{
    if (uart->shown)
        uart->mirror.hide(uart->mirror.ctx);
    uart->shown = false;
    uart->sent = 0;
}

static bool push(struct pl011 *uart, uint8_t byte)
{
    if (uart->count >= depth(uart))
        return false;
    hide(uart);
    uart->fifo[(uart->head + uart->count++) % FIFO_DEPTH] = byte;
    raise_receive(uart);
    return true;
}

static uint32_t pop(struct pl011 *uart)
{
    uint32_t value = 0;

    if (uart->count) {
        value = uart->fifo[uart->head];
        uart->head = (uart->head + 1) % FIFO_DEPTH;
        uart->count--;
    }
    uart->rsr = (uart->rsr & ~UINT32_C(7)) | (value >> 8 & 7);
    if (uart->count < trigger(uart))
        uart->ris &= ~INT_RX;
    if (uart->count == 0)
        uart->ris &= ~INT_RT;
    return value;
}

static uint32_t flags(const struct pl011 *uart)
{
    return FR_MODEM | FR_TXFE | (uart->count == 0 ? FR_RXFE : 0) |
           (uart->count >= depth(uart) ? FR_RXFF : 0);
}

static uint32_t identification(uint64_t offset)
{
    static const uint8_t ids[] = {0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

    return offset >= UARTPERIPHID0 && offset < UARTPERIPHID0 + 4 * sizeof(ids)
               ? ids[(offset - UARTPERIPHID0) / 4]
               : 0;
}

/* What a read of any register but UARTDR says: it changes nothing. */
static uint32_t peek(const struct pl011 *uart, uint64_t offset)
{
    switch (offset) {
    case UARTRSR: return uart->rsr;
    case UARTFR: return flags(uart);
    case UARTILPR: return uart->ilpr;
    case UARTIBRD: return uart->ibrd;
    case UARTFBRD: return uart->fbrd;
    case UARTLCR_H: return uart->lcr_h;
    case UARTCR: return uart->cr;
    case UARTIFLS: return uart->ifls;
    case UARTIMSC: return uart->imsc;
    case UARTRIS: return uart->ris;
    case UARTMIS: return uart->ris & uart->imsc;
    case UARTDMACR: return uart->dmacr;
    default: return identification(offset);
    }
}

static uint32_t read_register(struct pl011 *uart, uint64_t offset)
{
    return offset == UARTDR ? pop(uart) : peek(uart, offset);
}

/* The guest may read meanwhile. */
static void reflect(struct pl011 *uart, uint64_t from, uint64_t to)
{
    uint8_t *page = uart->mirror.page;

    for (uint64_t at = from; at < to; at += 4)
        __atomic_store_n((uint32_t *)(void *)(page + at), peek(uart, at), __ATOMIC_RELAXED);
    cache_clean(page + from, to - from);
}

/* After every change: what guests read without us, and then the interrupt, upon which they look. */
static void update(struct pl011 *uart)
{
    if (uart->shown)
        reflect(uart, UARTRSR, UARTDMACR + 4);
    irq_set(&uart->config.irq, uart->ris & uart->imsc);
}

static void show(struct pl011 *uart)
{
    reflect(uart, UARTRSR, UARTDMACR + 4);
    uart->shown = uart->mirror.show(uart->mirror.ctx) == 0;
    if (!uart->shown)
        uart->mirror.page = NULL;
}

/* A byte was sent. */
static void maybe_show(struct pl011 *uart)
{
    if (uart->mirror.page && !uart->shown && uart->count == 0 && ++uart->sent == MIRROR_AFTER)
        show(uart);
}

void pl011_mirror(struct pl011 *uart, const struct pl011_mirror *mirror)
{
    pthread_mutex_lock(&uart->lock);
    uart->mirror = *mirror;
    memset(mirror->page, 0, PL011_SIZE);
    reflect(uart, UARTPERIPHID0, PL011_SIZE);
    cache_clean(mirror->page, PL011_SIZE);
    pthread_mutex_unlock(&uart->lock);
}

size_t pl011_receive(struct pl011 *uart, const uint8_t *bytes, size_t length)
{
    size_t taken = 0;

    pthread_mutex_lock(&uart->lock);
    while (taken < length && push(uart, bytes[taken]))
        taken++;
    if (taken < length)
        uart->refused = true;
    update(uart);
    pthread_mutex_unlock(&uart->lock);
    return taken;
}

/* In loopback the byte comes back, and is lost with an overrun error when the FIFO is full. */
static void transmit_looped(struct pl011 *uart, uint8_t byte)
{
    if (push(uart, byte))
        return;
    uart->rsr |= RSR_OE;
    uart->ris |= INT_OE;
    if (uart->count)
        uart->fifo[(uart->head + uart->count - 1) % FIFO_DEPTH] |= DR_OE;
}

static void write_register(struct pl011 *uart, uint64_t offset, uint32_t value)
{
    switch (offset) {
    case UARTDR:
        if (uart->cr & CR_LBE)
            transmit_looped(uart, (uint8_t)value);
        uart->ris |= INT_TX; /* the transmit FIFO is empty again */
        maybe_show(uart);
        break;
    case UARTRSR: uart->rsr = 0; break;
    case UARTILPR: uart->ilpr = value & 0xff; break;
    case UARTIBRD: uart->ibrd = value & 0xffff; break;
    case UARTFBRD: uart->fbrd = value & 0x3f; break;
    case UARTLCR_H: uart->lcr_h = value & 0xff; break;
    case UARTCR: uart->cr = value & 0xff87; break;
    case UARTIFLS:
        uart->ifls = value & 0x3f;
        raise_receive(uart);
        break;
    case UARTIMSC: uart->imsc = value & INT_ALL; break;
    case UARTICR: uart->ris &= ~(value & INT_ALL); break;
    case UARTDMACR: uart->dmacr = value & 7; break;
    default: break;
    }
}

/* Whether whoever was refused may try again. With the lock held. */
static bool take_room(struct pl011 *uart)
{
    bool room = uart->refused && uart->count < depth(uart);

    if (room)
        uart->refused = false;
    return room && uart->config.room;
}

static uint64_t uart_read(void *dev, uint64_t offset, unsigned size)
{
    struct pl011 *uart = dev;
    uint32_t value;
    bool room;

    pthread_mutex_lock(&uart->lock);
    value = read_register(uart, offset);
    update(uart);
    room = take_room(uart);
    pthread_mutex_unlock(&uart->lock);
    if (room)
        uart->config.room(uart->config.ctx);
    return value;
}

static void uart_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
    struct pl011 *uart = dev;
    uint8_t byte = (uint8_t)value;
    bool room, out;

    pthread_mutex_lock(&uart->lock);
    write_register(uart, offset, (uint32_t)value);
    update(uart);
    room = take_room(uart);
    out = offset == UARTDR && !(uart->cr & CR_LBE);
    pthread_mutex_unlock(&uart->lock);
    if (out && uart->config.write)
        uart->config.write(uart->config.ctx, &byte, 1);
    if (room)
        uart->config.room(uart->config.ctx);
}

const struct bus_ops pl011_bus_ops = {uart_read, uart_write};

static void reset(void *dev)
{
    struct pl011 *uart = dev;
    bool room;

    pthread_mutex_lock(&uart->lock);
    uart->rsr = uart->ilpr = uart->ibrd = uart->fbrd = uart->lcr_h = 0;
    uart->imsc = uart->ris = uart->dmacr = 0;
    uart->head = uart->count = 0;
    uart->cr = CR_RESET;
    uart->ifls = IFLS_RESET;
    update(uart);
    room = take_room(uart);
    pthread_mutex_unlock(&uart->lock);
    if (room)
        uart->config.room(uart->config.ctx);
}

int pl011_create(struct pl011 **out, const struct pl011_config *config)
{
    struct pl011 *uart = calloc(1, sizeof(*uart));

    if (!uart)
        return -ENOMEM;
    pthread_mutex_init(&uart->lock, NULL);
    uart->config = *config;
    reset(uart);
    *out = uart;
    return 0;
}

static void uart_free(void *dev)
{
    struct pl011 *uart = dev;

    if (!uart)
        return;
    pthread_mutex_destroy(&uart->lock);
    free(uart);
}

static const struct state_field fields[] = {
    STATE_FIELD(struct pl011, rsr, STATE_U32),
    STATE_FIELD(struct pl011, ilpr, STATE_U32),
    STATE_FIELD(struct pl011, ibrd, STATE_U32),
    STATE_FIELD(struct pl011, fbrd, STATE_U32),
    STATE_FIELD(struct pl011, lcr_h, STATE_U32),
    STATE_FIELD(struct pl011, cr, STATE_U32),
    STATE_FIELD(struct pl011, ifls, STATE_U32),
    STATE_FIELD(struct pl011, imsc, STATE_U32),
    STATE_FIELD(struct pl011, ris, STATE_U32),
    STATE_FIELD(struct pl011, dmacr, STATE_U32),
    STATE_ARRAY(struct pl011, fifo, STATE_U16, FIFO_DEPTH),
    STATE_FIELD(struct pl011, head, STATE_U32),
    STATE_FIELD(struct pl011, count, STATE_U32),
};
static const struct state_table table = {"pl011", 1, fields, nitems(fields)};

static int save(void *dev, struct state *state, const char *instance)
{
    struct pl011 *uart = dev;
    int ret;

    pthread_mutex_lock(&uart->lock);
    ret = state_save(state, instance, &table, uart);
    pthread_mutex_unlock(&uart->lock);
    return ret;
}

static int load(void *dev, const struct state *state, const char *instance, struct error *err)
{
    struct pl011 *uart = dev;
    int ret;

    pthread_mutex_lock(&uart->lock);
    ret = state_load(state, instance, &table, uart, err);
    hide(uart);
    uart->head %= FIFO_DEPTH;
    uart->count = MIN(uart->count, FIFO_DEPTH);
    update(uart);
    pthread_mutex_unlock(&uart->lock);
    return ret;
}

const struct device_ops pl011_ops = {"pl011", reset, save, load, uart_free};
