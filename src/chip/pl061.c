/* SPDX-License-Identifier: ISC */
/* The PL061's registers (DDI 0190 chapter 3): one bit a line in each. */
#include "chip/pl061.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

enum {
    GPIODATA_END = 0x400, /* address bits 9 to 2 are the mask of lines that an access is about */
    GPIODIR = 0x400,
    GPIOIS = 0x404,
    GPIOIBE = 0x408,
    GPIOIEV = 0x40c,
    GPIOIE = 0x410,
    GPIORIS = 0x414,
    GPIOMIS = 0x418,
    GPIOIC = 0x41c,
    GPIOAFSEL = 0x420,
    GPIOPERIPHID0 = 0xfe0,
};

struct pl061 {
    pthread_mutex_t lock;
    struct irq_line irq;
    uint8_t inputs;  /* what the world drives */
    uint8_t outputs; /* what the guest wrote */
    uint8_t dir, is, ibe, iev, ie, afsel;
    uint8_t edges; /* edges seen and not cleared */
};

/* The lines as GPIODATA shows them: outputs read back. */
static uint8_t levels(const struct pl061 *gpio)
{
    return (uint8_t)((gpio->inputs & ~gpio->dir) | (gpio->outputs & gpio->dir));
}

/* IS chooses levels; a level interrupts while it equals IEV, an edge until it is cleared. */
static uint8_t raw_status(const struct pl061 *gpio)
{
    return (uint8_t)((gpio->edges & ~gpio->is) | (~(levels(gpio) ^ gpio->iev) & gpio->is));
}

static void update_irq(struct pl061 *gpio)
{
    irq_set(&gpio->irq, raw_status(gpio) & gpio->ie);
}

/* Records the edges between `before` and now that IBE (both) or IEV (which) ask for. */
static void note_edges(struct pl061 *gpio, uint8_t before)
{
    uint8_t after = levels(gpio), changed = before ^ after;

    gpio->edges |= changed & ~gpio->is & (gpio->ibe | (uint8_t) ~(after ^ gpio->iev));
}

void pl061_set_input(struct pl061 *gpio, unsigned line, bool level)
{
    uint8_t before, bit;

    if (line >= PL061_LINES)
        return;
    bit = (uint8_t)BIT(line);
    pthread_mutex_lock(&gpio->lock);
    before = levels(gpio);
    gpio->inputs = (uint8_t)(level ? gpio->inputs | bit : gpio->inputs & ~bit);
    note_edges(gpio, before);
    update_irq(gpio);
    pthread_mutex_unlock(&gpio->lock);
}

static uint8_t identification(uint64_t offset)
{
    static const uint8_t ids[] = {0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

    return offset >= GPIOPERIPHID0 && offset < GPIOPERIPHID0 + 4 * sizeof(ids)
               ? ids[(offset - GPIOPERIPHID0) / 4]
               : 0;
}

static uint8_t read_register(const struct pl061 *gpio, uint64_t offset)
{
    if (offset < GPIODATA_END)
        return levels(gpio) & (uint8_t)(offset >> 2);
    switch (offset) {
    case GPIODIR: return gpio->dir;
    case GPIOIS: return gpio->is;
    case GPIOIBE: return gpio->ibe;
    case GPIOIEV: return gpio->iev;
    case GPIOIE: return gpio->ie;
    case GPIORIS: return raw_status(gpio);
    case GPIOMIS: return raw_status(gpio) & gpio->ie;
    case GPIOAFSEL: return gpio->afsel;
    default: return identification(offset);
    }
}

static void write_register(struct pl061 *gpio, uint64_t offset, uint8_t value)
{
    uint8_t before = levels(gpio), mask = (uint8_t)(offset >> 2);

    if (offset < GPIODATA_END)
        gpio->outputs =
            (uint8_t)((gpio->outputs & ~(mask & gpio->dir)) | (value & mask & gpio->dir));
    switch (offset) {
    case GPIODIR: gpio->dir = value; break;
    case GPIOIS: gpio->is = value; break;
    case GPIOIBE: gpio->ibe = value; break;
    case GPIOIEV: gpio->iev = value; break;
    case GPIOIE: gpio->ie = value; break;
    case GPIOIC: gpio->edges &= ~value; break;
    case GPIOAFSEL: gpio->afsel = value; break;
    default: break;
    }
    note_edges(gpio, before);
}

static uint64_t gpio_read(void *dev, uint64_t offset, unsigned size)
{
    struct pl061 *gpio = dev;
    uint8_t value;

    pthread_mutex_lock(&gpio->lock);
    value = read_register(gpio, offset);
    pthread_mutex_unlock(&gpio->lock);
    return value;
}

static void gpio_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
    struct pl061 *gpio = dev;

    pthread_mutex_lock(&gpio->lock);
    write_register(gpio, offset, (uint8_t)value);
    update_irq(gpio);
    pthread_mutex_unlock(&gpio->lock);
}

const struct bus_ops pl061_bus_ops = {gpio_read, gpio_write};

/* The inputs are the world's and stay. */
static void reset(void *dev)
{
    struct pl061 *gpio = dev;

    pthread_mutex_lock(&gpio->lock);
    gpio->outputs = gpio->dir = gpio->is = gpio->ibe = gpio->iev = gpio->ie = gpio->afsel = 0;
    gpio->edges = 0;
    update_irq(gpio);
    pthread_mutex_unlock(&gpio->lock);
}

int pl061_create(struct pl061 **out, const struct irq_line *irq)
{
    struct pl061 *gpio = calloc(1, sizeof(*gpio));

    if (!gpio)
        return -ENOMEM;
    pthread_mutex_init(&gpio->lock, NULL);
    gpio->irq = *irq;
    *out = gpio;
    return 0;
}

static void gpio_free(void *dev)
{
    struct pl061 *gpio = dev;

    if (!gpio)
        return;
    pthread_mutex_destroy(&gpio->lock);
    free(gpio);
}

static const struct state_field fields[] = {
    STATE_FIELD(struct pl061, inputs, STATE_U8), STATE_FIELD(struct pl061, outputs, STATE_U8),
    STATE_FIELD(struct pl061, dir, STATE_U8),    STATE_FIELD(struct pl061, is, STATE_U8),
    STATE_FIELD(struct pl061, ibe, STATE_U8),    STATE_FIELD(struct pl061, iev, STATE_U8),
    STATE_FIELD(struct pl061, ie, STATE_U8),     STATE_FIELD(struct pl061, afsel, STATE_U8),
    STATE_FIELD(struct pl061, edges, STATE_U8),
};
static const struct state_table table = {"pl061", 1, fields, nitems(fields)};

static int save(void *dev, struct state *state, const char *instance)
{
    struct pl061 *gpio = dev;
    int ret;

    pthread_mutex_lock(&gpio->lock);
    ret = state_save(state, instance, &table, gpio);
    pthread_mutex_unlock(&gpio->lock);
    return ret;
}

static int load(void *dev, const struct state *state, const char *instance, struct error *err)
{
    struct pl061 *gpio = dev;
    int ret;

    pthread_mutex_lock(&gpio->lock);
    ret = state_load(state, instance, &table, gpio, err);
    update_irq(gpio);
    pthread_mutex_unlock(&gpio->lock);
    return ret;
}

const struct device_ops pl061_ops = {"pl061", reset, save, load, gpio_free};
