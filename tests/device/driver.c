/* SPDX-License-Identifier: ISC */
#include "driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <string.h>

#include "base/endian.h"
#include "host/clock.h"
#include "base/units.h"

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };

/* Registers */

uint64_t reg_read(struct driver *d, uint64_t address, unsigned size)
{
    uint64_t value = 0;

    assert_int_equal(bus_read(d->rig->bus, address, size, &value), 0);
    return value;
}

void reg_write(struct driver *d, uint64_t address, unsigned size, uint64_t value)
{
    assert_int_equal(bus_write(d->rig->bus, address, size, value), 0);
}

uint32_t config_read32(struct driver *d, unsigned offset)
{
    return (uint32_t)reg_read(d, d->config + offset, 4);
}

uint32_t pci_read(struct driver *d, unsigned offset, unsigned size)
{
    return (uint32_t)reg_read(d, RIG_ECAM + ((uint64_t)d->slot << 15) + offset, size);
}

void pci_write(struct driver *d, unsigned offset, unsigned size, uint32_t value)
{
    reg_write(d, RIG_ECAM + ((uint64_t)d->slot << 15) + offset, size, value);
}

static uint64_t bar_address(struct driver *d, unsigned bar)
{
    uint64_t low = pci_read(d, 0x10 + 4 * bar, 4);

    if (low & 4)
        low |= (uint64_t)pci_read(d, 0x14 + 4 * bar, 4) << 32;
    return low & ~UINT64_C(15);
}

void driver_probe(struct driver *d, struct rig *rig, unsigned slot)
{
    *d = (struct driver){.rig = rig, .slot = slot};
    assert_int_equal(pci_read(d, 0, 2), 0x1af4);
    d->device_id = (uint16_t)pci_read(d, 2, 2);
    for (unsigned at = pci_read(d, 0x34, 1); at; at = pci_read(d, at + 1, 1)) {
        unsigned id = pci_read(d, at, 1), type = pci_read(d, at + 3, 1);
        uint64_t address;

        if (id == 0x11) {
            d->msix = at;
            d->table = bar_address(d, pci_read(d, at + 4, 4) & 7) + (pci_read(d, at + 4, 4) & ~7u);
        }
        if (id != 0x09 || type == 5)
            continue;
        address = bar_address(d, pci_read(d, at + 4, 1)) + pci_read(d, at + 8, 4);
        if (type == 1)
            d->common = address;
        if (type == 2) {
            d->notify = address;
            d->multiplier = pci_read(d, at + 16, 4);
        }
        if (type == 3)
            d->isr = address;
        if (type == 4)
            d->config = address;
    }
    assert_true(d->common && d->notify && d->isr && d->msix);
}

uint8_t driver_status(struct driver *d)
{
    return (uint8_t)reg_read(d, d->common + COMMON_STATUS, 1);
}

void driver_set_status(struct driver *d, uint8_t bits)
{
    reg_write(d, d->common + COMMON_STATUS, 1, driver_status(d) | bits);
}

void driver_reset(struct driver *d)
{
    reg_write(d, d->common + COMMON_STATUS, 1, 0);
    while (driver_status(d))
        host_loop_drain(d->rig->loop);
}

bool driver_negotiate(struct driver *d, uint64_t features)
{
    driver_reset(d);
    driver_set_status(d, VIRTIO_STATUS_ACKNOWLEDGE);
    driver_set_status(d, VIRTIO_STATUS_DRIVER);
    d->offered = 0;
    d->features = features | VIRTIO_F_VERSION_1;
    for (unsigned i = 0; i < 2; i++) {
        reg_write(d, d->common + 0x00, 4, i);
        d->offered |= reg_read(d, d->common + 0x04, 4) << (32 * i);
        reg_write(d, d->common + 0x08, 4, i);
        reg_write(d, d->common + 0x0c, 4, (uint32_t)(d->features >> (32 * i)));
    }
    driver_set_status(d, VIRTIO_STATUS_FEATURES_OK);
    return driver_status(d) & VIRTIO_STATUS_FEATURES_OK;
}

void driver_enable_msix(struct driver *d, unsigned vectors)
{
    for (unsigned v = 0; v < vectors; v++) {
        reg_write(d, d->table + 16 * v, 4, (uint32_t)RIG_DOORBELL);
        reg_write(d, d->table + 16 * v + 4, 4, 0);
        reg_write(d, d->table + 16 * v + 8, 4, v);
        reg_write(d, d->table + 16 * v + 12, 4, 0);
    }
    pci_write(d, d->msix + 2, 2, 0x8000);
    reg_write(d, d->common + 0x10, 2, 0);
    for (unsigned v = 1; v < vectors; v++) {
        reg_write(d, d->common + 0x16, 2, v - 1);
        reg_write(d, d->common + 0x1a, 2, v);
        assert_int_equal(reg_read(d, d->common + 0x1a, 2), v);
    }
}

static void write64(struct driver *d, unsigned reg, uint64_t value)
{
    reg_write(d, d->common + reg, 4, (uint32_t)value);
    reg_write(d, d->common + reg + 4, 4, value >> 32);
}

void driver_queue(struct driver *d, struct drvq *q, unsigned index, uint16_t size)
{
    struct rig *rig = d->rig;

    memset(q, 0, sizeof(*q));
    q->driver = d;
    q->index = index;
    q->size = size;
    q->packed = d->features & VIRTIO_F_RING_PACKED;
    q->event_idx = d->features & VIRTIO_F_EVENT_IDX;
    q->next_wrap = q->last_wrap = true;
    q->free_slots = q->free_ids = size;
    q->desc = rig_alloc(rig, 16u * size, 16);
    q->avail = rig_alloc(rig, 6 + 2u * size, 4);
    q->used = rig_alloc(rig, 6 + 8u * size, 4);
    q->desc_host = rig_host(rig, q->desc, 16u * size);
    q->avail_host = rig_host(rig, q->avail, 6 + 2u * size);
    q->used_host = rig_host(rig, q->used, 6 + 8u * size);
    for (unsigned i = 0; i < size; i++)
        q->id_stack[i] = (uint16_t)(size - 1 - i);
    reg_write(d, d->common + 0x16, 2, index);
    reg_write(d, d->common + 0x18, 2, size);
    assert_int_equal(reg_read(d, d->common + 0x18, 2), size);
    write64(d, 0x20, q->desc);
    write64(d, 0x28, q->avail);
    write64(d, 0x30, q->used);
    reg_write(d, d->common + 0x1c, 2, 1);
    assert_int_equal(reg_read(d, d->common + 0x1c, 2), 1);
}

void driver_ok(struct driver *d)
{
    driver_set_status(d, VIRTIO_STATUS_DRIVER_OK);
    assert_true(driver_status(d) & VIRTIO_STATUS_DRIVER_OK);
}

/* Rings */

static uint16_t get16(const uint8_t *at)
{
    return __atomic_load_n((const uint16_t *)(const void *)at, __ATOMIC_ACQUIRE);
}

static void put16(uint8_t *at, uint16_t value)
{
    __atomic_store_n((uint16_t *)(void *)at, value, __ATOMIC_RELEASE);
}

static void put_descriptor(uint8_t *at, const struct buffer *b, uint16_t third, uint16_t fourth)
{
    __atomic_store_n((uint64_t *)(void *)at, b->address, __ATOMIC_RELAXED);
    __atomic_store_n((uint64_t *)(void *)(at + 8),
                     b->length | (uint64_t)third << 32 | (uint64_t)fourth << 48, __ATOMIC_RELEASE);
}

static void fence(void)
{
    static _Atomic int barrier; /* an atomic operation instead of a fence, for ThreadSanitizer */

    atomic_fetch_add(&barrier, 1);
}

/* Fills id's table; returns the one descriptor that stands for it. */
static struct buffer make_table(struct drvq *q, unsigned id, const struct buffer *buffers,
                                unsigned count)
{
    struct buffer table = {.length = 16 * count};
    uint8_t *at;

    if (!q->tables[id])
        q->tables[id] = rig_alloc(q->driver->rig, 16 * 64, 16);
    table.address = q->tables[id];
    at = rig_host(q->driver->rig, table.address, table.length);
    for (unsigned i = 0; i < count; i++) {
        uint16_t flags = buffers[i].write ? DESC_WRITE : 0;

        if (q->packed)
            put_descriptor(at + 16 * i, &buffers[i], 0, flags);
        else
            put_descriptor(at + 16 * i, &buffers[i], flags | (i + 1 < count ? DESC_NEXT : 0),
                           (uint16_t)(i + 1));
    }
    return table;
}

static uint16_t packed_flags(const struct drvq *q)
{
    return q->next_wrap ? 1 << 7 : 1 << 15;
}

static void add_packed(struct drvq *q, unsigned id, const struct buffer *buffers, unsigned count,
                       uint16_t extra)
{
    uint8_t *head = q->desc_host + 16u * q->next;
    uint16_t head_flags = 0;

    for (unsigned i = 0; i < count; i++) {
        uint8_t *at = q->desc_host + 16u * q->next;
        uint16_t flags = packed_flags(q) | extra | (buffers[i].write ? DESC_WRITE : 0) |
                         (i + 1 < count ? DESC_NEXT : 0);

        if (at == head) { /* its flags come last */
            head_flags = flags;
            flags ^= 1 << 7 | 1 << 15;
        }
        put_descriptor(at, &buffers[i], (uint16_t)id, flags);
        if (++q->next == q->size) {
            q->next = 0;
            q->next_wrap = !q->next_wrap;
        }
    }
    put16(head + 14, head_flags);
    q->kicked = (uint16_t)(q->kicked + count);
}

/* In a split ring the first descriptor's index is the id. */
static void add_split(struct drvq *q, unsigned id, const struct buffer *buffers, unsigned count,
                      uint16_t extra)
{
    unsigned at = id;

    for (unsigned i = 0; i < count; i++) {
        uint16_t flags =
            extra | (buffers[i].write ? DESC_WRITE : 0) | (i + 1 < count ? DESC_NEXT : 0);

        q->linked[at] = i + 1 < count ? q->id_stack[--q->free_ids] : 0;
        put_descriptor(q->desc_host + 16 * at, &buffers[i], flags, q->linked[at]);
        at = q->linked[at];
    }
    put16(q->avail_host + 4 + 2 * (q->next % q->size), (uint16_t)id);
    put16(q->avail_host + 2, ++q->next);
}

int drvq_add(struct drvq *q, const struct buffer *buffers, unsigned count, bool indirect)
{
    struct buffer table;
    uint16_t extra = 0;
    unsigned id;

    if (q->free_slots < (indirect ? 1 : count) || q->free_ids == 0)
        return -1;
    id = q->id_stack[--q->free_ids];
    if (indirect) {
        table = make_table(q, id, buffers, count);
        buffers = &table;
        count = 1;
        extra = DESC_INDIRECT;
    }
    q->slots[id] = (uint16_t)count;
    q->free_slots = (uint16_t)(q->free_slots - count);
    if (q->packed)
        add_packed(q, id, buffers, count, extra);
    else
        add_split(q, id, buffers, count, extra);
    return (int)id;
}

void drvq_notify(struct drvq *q)
{
    q->kicks++;
    reg_write(q->driver, q->driver->notify + (uint64_t)q->index * q->driver->multiplier, 2,
              q->index);
}

static bool crosses(uint16_t event, uint16_t now, uint16_t old)
{
    return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

static bool device_wants_kick(const struct drvq *q)
{
    uint16_t flags, event;

    if (!q->packed && q->event_idx)
        return crosses(get16(q->used_host + 4 + 8 * q->size), q->next, q->kicked);
    if (!q->packed)
        return !(get16(q->used_host) & 1);
    flags = get16(q->used_host + 2) & 3;
    if (flags != 2)
        return flags == 0;
    event = get16(q->used_host);
    if (event >> 15 != q->next_wrap)
        return crosses((uint16_t)((event & 0x7fff) - q->size), q->next,
                       (uint16_t)(q->next - q->kicked));
    return crosses(event & 0x7fff, q->next, (uint16_t)(q->next - q->kicked));
}

void drvq_kick(struct drvq *q)
{
    fence();
    if (device_wants_kick(q))
        drvq_notify(q);
    else
        q->silent++;
    q->kicked = q->packed ? 0 : q->next;
}

/* Asks for an interrupt at the next used chain, unless it polls. */
static void want_interrupt(struct drvq *q)
{
    if (q->packed) {
        put16(q->avail_host, (uint16_t)(q->last | q->last_wrap << 15));
        put16(q->avail_host + 2, q->poll ? 1 : q->event_idx ? 2 : 0);
    } else if (q->event_idx) {
        put16(q->avail_host + 4 + 2 * q->size, q->poll ? (uint16_t)(q->last - 1) : q->last);
    } else {
        put16(q->avail_host, q->poll);
    }
}

static void free_chain(struct drvq *q, unsigned id)
{
    unsigned at = id;

    q->free_slots = (uint16_t)(q->free_slots + q->slots[id]);
    if (q->packed) {
        q->id_stack[q->free_ids++] = (uint16_t)id;
        return;
    }
    for (unsigned i = 0; i < q->slots[id]; i++) {
        q->id_stack[q->free_ids++] = (uint16_t)at;
        at = q->linked[at];
    }
}

static int poll_split(struct drvq *q, uint32_t *written)
{
    const uint8_t *entry = q->used_host + 4 + 8 * (q->last % q->size);
    unsigned id;

    if (get16(q->used_host + 2) == q->last)
        return -1;
    id = __atomic_load_n((const uint32_t *)(const void *)entry, __ATOMIC_RELAXED);
    *written = __atomic_load_n((const uint32_t *)(const void *)(entry + 4), __ATOMIC_RELAXED);
    q->last++;
    return (int)id;
}

static int poll_packed(struct drvq *q, uint32_t *written)
{
    const uint8_t *at = q->desc_host + 16u * q->last;
    uint16_t flags = get16(at + 14);
    unsigned id;

    if (!!(flags & 1 << 7) != q->last_wrap || !!(flags & 1 << 15) != q->last_wrap)
        return -1;
    id = get16(at + 12);
    assert_true(id < q->size);
    *written = __atomic_load_n((const uint32_t *)(const void *)(at + 8), __ATOMIC_RELAXED);
    q->last = (uint16_t)(q->last + q->slots[id]);
    if (q->last >= q->size) {
        q->last = (uint16_t)(q->last - q->size);
        q->last_wrap = !q->last_wrap;
    }
    return (int)id;
}

int drvq_poll(struct drvq *q, uint32_t *written)
{
    int id = q->packed ? poll_packed(q, written) : poll_split(q, written);

    if (id < 0)
        return id;
    assert_true(id < q->size && q->slots[id] > 0);
    free_chain(q, (unsigned)id);
    q->slots[id] = 0;
    want_interrupt(q);
    return id;
}

int drvq_wait(struct drvq *q, uint32_t *written)
{
    uint64_t deadline = host_clock_monotonic() + 10 * NS_PER_SEC;
    int id;

    while ((id = drvq_poll(q, written)) < 0) {
        host_loop_drain(q->driver->rig->loop);
        assert_true(host_clock_monotonic() < deadline);
        assert_false(driver_status(q->driver) & VIRTIO_STATUS_NEEDS_RESET);
    }
    return id;
}

uint32_t drvq_do(struct drvq *q, const struct buffer *buffers, unsigned count, bool indirect)
{
    uint32_t written = 0;
    int id = drvq_add(q, buffers, count, indirect);

    assert_true(id >= 0);
    drvq_kick(q);
    assert_int_equal(drvq_wait(q, &written), id);
    return written;
}
