/* SPDX-License-Identifier: ISC */
#include "xhci_driver.h"

#include <stdlib.h>
#include <string.h>

#include "base/endian.h"

/* Whatever the driver is made to do, the bus answers. */
static void must(bool condition)
{
    if (!condition)
        abort();
}

/* --- registers --- */

uint64_t xd_read(struct xhci_driver *d, uint64_t offset, unsigned size)
{
    uint64_t value = 0;

    must(bus_read(d->rig->bus, d->bar + offset, size, &value) == 0);
    return value;
}

void xd_write(struct xhci_driver *d, uint64_t offset, unsigned size, uint64_t value)
{
    must(bus_write(d->rig->bus, d->bar + offset, size, value) == 0);
}

static uint64_t config_at(struct xhci_driver *d, unsigned offset)
{
    return RIG_ECAM + ((uint64_t)d->xhci->function.slot << 15) + offset;
}

uint32_t xd_pci_read(struct xhci_driver *d, unsigned offset, unsigned size)
{
    uint64_t value = 0;

    must(bus_read(d->rig->bus, config_at(d, offset), size, &value) == 0);
    return (uint32_t)value;
}

void xd_pci_write(struct xhci_driver *d, unsigned offset, unsigned size, uint32_t value)
{
    must(bus_write(d->rig->bus, config_at(d, offset), size, value) == 0);
}

void xd_settle(struct xhci_driver *d)
{
    host_loop_drain(d->rig->loop);
    host_loop_drain(d->rig->loop); /* what settling has woken */
}

/* --- life --- */

void xd_create(struct xhci_driver *d, struct rig *rig)
{
    const struct xhci_host host = {.mem = rig->mem, .loop = rig->loop};
    struct usb_device *keyboard, *pointer;

    d->rig = rig;
    must(input_create(&d->input, "us", NULL) == 0);
    must(xhci_create(&d->xhci, &host, rig->pci, 0) == 0);
    must(usb_keyboard_create(&keyboard, d->input) == 0 && xhci_connect(d->xhci, 1, keyboard) == 0);
    must(usb_pointer_create(&pointer, keyboard) == 0 && xhci_connect(d->xhci, 2, pointer) == 0);
    pci_firmware_setup(rig->pci);
    d->bar = xd_pci_read(d, 0x10, 4) & ~15u;
    d->msix = xd_pci_read(d, 0x34, 1);
    d->table = xd_pci_read(d, 0x14, 4) & ~15u;
}

void xd_destroy(struct xhci_driver *d)
{
    xhci_ops.free(d->xhci);
    input_free(d->input);
}

void xd_enable_msix(struct xhci_driver *d)
{
    for (unsigned v = 0; v < 4; v++) {
        must(bus_write(d->rig->bus, d->table + 16 * v, 8, RIG_DOORBELL) == 0);
        must(bus_write(d->rig->bus, d->table + 16 * v + 8, 8, v) == 0);
    }
    xd_pci_write(d, d->msix + 2, 2, 0x8000);
}

void xd_ring_make(struct xhci_driver *d, struct xd_ring *ring)
{
    if (!ring->base)
        ring->base = rig_alloc(d->rig, XD_RING * XHCI_TRB, 64);
    mem_fill(d->rig->mem, ring->base, 0, XD_RING * XHCI_TRB);
    ring->next = 0;
    ring->cycle = true;
}

static void make_events(struct xhci_driver *d)
{
    uint8_t entry[16] = {0};

    if (!d->events.table) {
        d->events.table = rig_alloc(d->rig, 64, 64);
        d->events.base = rig_alloc(d->rig, XD_EVENTS * XHCI_TRB, 64);
    }
    mem_fill(d->rig->mem, d->events.base, 0, XD_EVENTS * XHCI_TRB);
    store_le64(entry, d->events.base);
    store_le32(entry + 8, XD_EVENTS);
    mem_write(d->rig->mem, d->events.table, entry, sizeof(entry));
    d->events.next = 0;
    d->events.cycle = true;
}

void xd_start(struct xhci_driver *d)
{
    if (!d->dcbaa) {
        d->dcbaa = rig_alloc(d->rig, 8 * (XHCI_SLOTS + 1), 64);
        d->input_context = rig_alloc(d->rig, 33 * XHCI_CONTEXT, 64);
        d->buffer = rig_alloc(d->rig, 8192, 4096);
    }
    xd_write(d, XD_USBCMD, 4, 0);
    xd_write(d, XD_USBCMD, 4, CMD_HCRST);
    xd_ring_make(d, &d->command);
    make_events(d);
    xd_write(d, XD_CONFIG, 4, XHCI_SLOTS);
    xd_write(d, XD_DCBAAP, 8, d->dcbaa);
    xd_write(d, XD_CRCR, 4, (uint32_t)d->command.base | 1);
    xd_write(d, XD_CRCR + 4, 4, 0);
    xd_write(d, XD_INTERRUPTER(0, 8), 4, 1);
    xd_write(d, XD_INTERRUPTER(0, 0x10), 4, (uint32_t)d->events.table);
    xd_write(d, XD_INTERRUPTER(0, 0x14), 4, 0);
    xd_write(d, XD_INTERRUPTER(0, 0x18), 8, d->events.base);
    xd_write(d, XD_INTERRUPTER(0, 0), 4, IMAN_IE);
    xd_write(d, XD_INTERRUPTER(0, 4), 4, 0);
    xd_write(d, XD_USBCMD, 4, CMD_RS | CMD_INTE);
    xd_settle(d);
}

/* --- rings --- */

uint64_t xd_push(struct xhci_driver *d, struct xd_ring *ring, uint64_t parameter, uint32_t status,
                 uint32_t control)
{
    uint64_t at = ring->base + ring->next * XHCI_TRB;

    mem_store(d->rig->mem, at, 8, parameter);
    mem_store(d->rig->mem, at + 8, 4, status);
    mem_store(d->rig->mem, at + 12, 4, control | ring->cycle);
    if (++ring->next == XD_RING - 1) {
        uint64_t link = ring->base + ring->next * XHCI_TRB;
        uint32_t chained = control & TRB_CHAIN;

        mem_store(d->rig->mem, link, 8, ring->base);
        mem_store(d->rig->mem, link + 12, 4,
                  TRB_LINK << 10 | TRB_TOGGLE_CYCLE | chained | ring->cycle);
        ring->next = 0;
        ring->cycle = !ring->cycle;
    }
    return at;
}

bool xd_event(struct xhci_driver *d, struct xhci_trb *event)
{
    uint64_t at = d->events.base + d->events.next * XHCI_TRB;
    uint64_t parameter = 0, status = 0, control = 0;

    must(mem_load(d->rig->mem, at, 8, &parameter) == 0 &&
         mem_load(d->rig->mem, at + 8, 4, &status) == 0 &&
         mem_load(d->rig->mem, at + 12, 4, &control) == 0);
    if ((control & TRB_CYCLE) != d->events.cycle)
        return false;
    *event = (struct xhci_trb){parameter, (uint32_t)status, (uint32_t)control};
    if (++d->events.next == XD_EVENTS) {
        d->events.next = 0;
        d->events.cycle = !d->events.cycle;
    }
    xd_write(d, XD_INTERRUPTER(0, 0x18), 8,
             (d->events.base + d->events.next * XHCI_TRB) | ERDP_EHB);
    return true;
}

struct xhci_trb xd_event_of(struct xhci_driver *d, unsigned type)
{
    struct xhci_trb event;

    while (xd_event(d, &event))
        if (trb_type(&event) == type)
            return event;
    return (struct xhci_trb){0};
}

uint8_t xd_command(struct xhci_driver *d, uint64_t parameter, uint32_t status, uint32_t control,
                   unsigned *slot)
{
    uint64_t at = xd_push(d, &d->command, parameter, status, control);
    struct xhci_trb event;

    xd_write(d, XD_DOORBELL(0), 4, 0);
    xd_settle(d);
    while (xd_event(d, &event)) {
        if (trb_type(&event) != TRB_COMMAND_COMPLETION || event.parameter != at)
            continue;
        if (slot)
            *slot = event.control >> 24;
        return (uint8_t)(event.status >> 24);
    }
    return 0;
}

/* --- devices --- */

static void put32(struct xhci_driver *d, uint64_t at, uint32_t value)
{
    mem_store(d->rig->mem, at, 4, value);
}

void xd_input_slot(struct xhci_driver *d, uint32_t drop, uint32_t add, unsigned port,
                   unsigned entries)
{
    mem_fill(d->rig->mem, d->input_context, 0, 33 * XHCI_CONTEXT);
    put32(d, d->input_context, drop);
    put32(d, d->input_context + 4, add);
    put32(d, d->input_context + 0x20, entries << 27 | 1u << 20);
    put32(d, d->input_context + 0x24, port << 16);
}

void xd_input_endpoint(struct xhci_driver *d, unsigned dci, unsigned type, unsigned packet,
                       const struct xd_ring *ring)
{
    uint64_t at = d->input_context + (dci + 1) * XHCI_CONTEXT;

    put32(d, at, 3u << 16);
    put32(d, at + 4, packet << 16 | type << 3 | 3 << 1);
    mem_store(d->rig->mem, at + 8, 8, ring->base + ring->next * XHCI_TRB + ring->cycle);
    put32(d, at + 16, packet << 16 | packet);
}

uint8_t xd_attach(struct xhci_driver *d, struct xd_slot *slot, unsigned port)
{
    uint8_t code;

    xd_write(d, XD_PORTSC(port), 4, PORT_PP | PORT_CSC);
    xd_write(d, XD_PORTSC(port), 4, PORT_PP | PORT_PR);
    xd_write(d, XD_PORTSC(port), 4, PORT_PP | PORT_PRC);
    code = xd_command(d, 0, 0, TRB_ENABLE_SLOT << 10, &slot->id);
    if (code != CC_SUCCESS)
        return code;
    if (!slot->context)
        slot->context = rig_alloc(d->rig, XHCI_ENDPOINTS * XHCI_CONTEXT, 64);
    mem_store(d->rig->mem, d->dcbaa + 8 * slot->id, 8, slot->context);
    xd_ring_make(d, &slot->rings[1]);
    xd_input_slot(d, 0, 3, port, 1);
    xd_input_endpoint(d, 1, EP_TYPE_CONTROL, 8, &slot->rings[1]);
    return xd_command(d, d->input_context, 0, TRB_ADDRESS_DEVICE << 10 | slot->id << 24, NULL);
}

uint8_t xd_add_interrupt(struct xhci_driver *d, struct xd_slot *slot)
{
    xd_ring_make(d, &slot->rings[3]);
    xd_input_slot(d, 0, 1 | 1 << 3, 1, 3);
    xd_input_endpoint(d, 3, EP_TYPE_INTERRUPT_IN, 8, &slot->rings[3]);
    return xd_command(d, d->input_context, 0, TRB_CONFIGURE_ENDPOINT << 10 | slot->id << 24, NULL);
}

/* --- transfers --- */

uint8_t xd_control(struct xhci_driver *d, struct xd_slot *slot, uint8_t type, uint8_t request,
                   uint16_t value, uint16_t index, uint16_t length, unsigned *moved)
{
    struct xd_ring *ring = &slot->rings[1];
    bool in = type & USB_IN;
    struct xhci_trb event;
    uint8_t code = 0;

    if (moved)
        *moved = length;
    xd_push(d, ring,
            type | (uint64_t)request << 8 | (uint64_t)value << 16 | (uint64_t)index << 32 |
                (uint64_t)length << 48,
            8, (uint32_t)(TRB_SETUP << 10 | TRB_IDT | (length ? (in ? 3u : 2u) << 16 : 0)));
    if (length)
        xd_push(d, ring, d->buffer, length,
                (uint32_t)(TRB_DATA << 10 | TRB_ISP | (in ? TRB_DIR_IN : 0)));
    xd_push(d, ring, 0, 0,
            (uint32_t)(TRB_STATUS << 10 | TRB_IOC | (in && length ? 0 : TRB_DIR_IN)));
    xd_write(d, XD_DOORBELL(slot->id), 4, 1);
    xd_settle(d);
    while (xd_event(d, &event)) {
        if (trb_type(&event) != TRB_TRANSFER_EVENT)
            continue;
        code = (uint8_t)(event.status >> 24);
        if (code == CC_SHORT_PACKET && moved)
            *moved = length - (event.status & 0xffffff);
    }
    return code;
}

uint64_t xd_report_at(const struct xhci_driver *d, const struct xd_slot *slot)
{
    return d->buffer + 1024 + 64 * slot->id;
}

uint64_t xd_ask(struct xhci_driver *d, struct xd_slot *slot, uint32_t length)
{
    uint64_t at = xd_push(d, &slot->rings[3], xd_report_at(d, slot), length,
                          (uint32_t)(TRB_NORMAL << 10 | TRB_ISP | TRB_IOC));

    xd_write(d, XD_DOORBELL(slot->id), 4, 3);
    xd_settle(d);
    return at;
}

void xd_ready(struct xhci_driver *d, struct xd_slot *slot, unsigned port)
{
    must(xd_attach(d, slot, port) == CC_SUCCESS);
    must(xd_control(d, slot, 0, 9, 1, 0, 0, NULL) == CC_SUCCESS);
    must(xd_add_interrupt(d, slot) == CC_SUCCESS);
    xd_ask(d, slot, 8);
}
