/* SPDX-License-Identifier: ISC */
/*
 * Transfer rings (xHCI 1.1, 4.10 and 4.11.2).
 *
 * A doorbell's bit in the slot stands for an endpoint that has work, and stays while the device has
 * nothing to give (NAK): whoever wakes the loop has it asked again. A transfer descriptor is worked
 * on when all of it is there and its events have room; then it is done at once.
 */
#include <errno.h>
#include <string.h>

#include "base/endian.h"
#include "usb/xhci_internal.h"

#define TRB_LENGTH(trb)      ((trb)->status & 0x1ffff)
#define TRB_INTERRUPTER(trb) ((trb)->status >> 22)

#define ENDPOINT_SHARE 128 /* TRBs of one endpoint in a frame */

/* An endpoint at work */
struct pipe {
    struct xhci *x;
    struct xhci_slot *slot;
    struct xhci_endpoint *ep;
    unsigned dci;
    struct xhci_td *td;
};

enum outcome { GO_ON, WAIT, SLEEP }; /* the next one; for a wake-up; for the doorbell */

/* --- events --- */

static void post(const struct pipe *p, unsigned index, uint8_t code, uint32_t length)
{
    const struct xhci_trb *trb = &p->td->trbs[index];
    bool data = trb_type(trb) == TRB_EVENT_DATA;
    const struct xhci_trb event = {
        .parameter = data ? trb->parameter : p->td->at[index],
        .status = (uint32_t)code << 24 | (length & 0xffffff),
        .control = TRB_TRANSFER_EVENT << 10 | slot_id(p->x, p->slot) << 24 | p->dci << 16 |
                   (data ? (uint32_t)TRB_EVENT_IS_DATA : 0),
    };

    if (TRB_INTERRUPTER(trb) < XHCI_INTERRUPTERS)
        xhci_event_post(p->x, TRB_INTERRUPTER(trb), &event, trb->control & TRB_BEI);
}

/* Room for all that the descriptor may ask for, wherever it goes. */
static bool events_fit(const struct pipe *p)
{
    for (unsigned i = 0; i < p->td->count; i++) {
        const struct xhci_trb *trb = &p->td->trbs[i];

        if (TRB_INTERRUPTER(trb) < XHCI_INTERRUPTERS &&
            !xhci_events_fit(p->x, TRB_INTERRUPTER(trb), p->td->count))
            return false;
    }
    return true;
}

/* The endpoint stops at the descriptor with an error at its TRB `index` (4.10.2). */
static enum outcome fail(const struct pipe *p, unsigned index, uint8_t code, uint32_t residue)
{
    if (p->td->count)
        post(p, index, code, residue);
    xhci_endpoint_state(p->x, p->slot, p->dci, code == CC_TRB ? EP_ERROR : EP_HALTED);
    return SLEEP;
}

static enum outcome done(const struct pipe *p)
{
    p->ep->ring = p->td->after;
    return GO_ON;
}

/* --- data --- */

static uint32_t td_length(const struct xhci_td *td)
{
    uint32_t length = 0;

    for (unsigned i = 0; i < td->count; i++)
        if (trb_type(&td->trbs[i]) != TRB_EVENT_DATA)
            length += TRB_LENGTH(&td->trbs[i]);
    return length;
}

/* Copies between `data` and the buffers of the descriptor. False: guest memory ends. */
static bool copy(const struct pipe *p, uint8_t *data, uint32_t length, bool in)
{
    for (unsigned i = 0; i < p->td->count && length; i++) {
        const struct xhci_trb *trb = &p->td->trbs[i];
        uint32_t part = MIN(length, TRB_LENGTH(trb));

        if (trb_type(trb) == TRB_EVENT_DATA || part == 0)
            continue;
        if (trb->control & TRB_IDT) { /* the data is in the TRB (4.11.7): OUT, 8 bytes at most */
            if (in || part > 8)
                return true;
            memcpy(data, &trb->parameter, part);
        } else if (!(in ? xhci_write(p->x, trb->parameter, data, part)
                        : xhci_read(p->x, trb->parameter, data, part))) {
            return false;
        }
        data += part;
        length -= part;
    }
    return true;
}

/* The events of a descriptor that moved `moved` bytes (4.10.1.1, 4.11.5.2): one where it was short
 * if that was asked for, and those at TRBs that interrupt on completion. */
static void post_completions(const struct pipe *p, uint32_t moved)
{
    uint32_t since = 0; /* bytes since the last Event Data TRB */
    bool is_short = false;

    for (unsigned i = 0; i < p->td->count; i++) {
        const struct xhci_trb *trb = &p->td->trbs[i];
        uint32_t part, residue, wanted = TRB_IOC;

        if (trb_type(trb) == TRB_EVENT_DATA) {
            if (trb->control & TRB_IOC)
                post(p, i, is_short ? CC_SHORT_PACKET : CC_SUCCESS, since);
            since = 0;
            continue;
        }
        part = MIN(moved, TRB_LENGTH(trb));
        residue = TRB_LENGTH(trb) - part;
        moved -= part;
        since += part;
        if (residue && !is_short) {
            is_short = true;
            wanted |= TRB_ISP;
        }
        if (trb->control & wanted)
            post(p, i, is_short ? CC_SHORT_PACKET : CC_SUCCESS, residue);
    }
}

/* --- control endpoints --- */

static struct usb_setup parse_setup(const uint8_t bytes[8])
{
    return (struct usb_setup){bytes[0], bytes[1], load_le16(bytes + 2), load_le16(bytes + 4),
                              load_le16(bytes + 6)};
}

static enum outcome setup_stage(const struct pipe *p)
{
    const struct xhci_trb *trb = &p->td->trbs[0];

    if (!(trb->control & TRB_IDT) || TRB_LENGTH(trb) != 8 || p->td->count != 1)
        return fail(p, 0, CC_TRB, 0);
    store_le64(p->ep->setup, trb->parameter);
    p->ep->phase = PHASE_SETUP;
    post_completions(p, 8);
    return done(p);
}

static enum outcome data_stage(const struct pipe *p, struct usb_device *dev)
{
    const struct usb_setup setup = parse_setup(p->ep->setup);
    uint32_t length = td_length(p->td);
    uint8_t data[USB_CONTROL_ROOM] = {0};
    bool in = p->td->trbs[0].control & TRB_DIR_IN;
    int ret;

    if (p->ep->phase != PHASE_SETUP)
        return fail(p, 0, CC_TRB, 0);
    if (in != !!(setup.type & USB_IN) || (!in && (length > sizeof(data) || length != setup.length)))
        return fail(p, 0, CC_STALL, length);
    if (!in && !copy(p, data, length, false))
        return SLEEP;
    ret = usb_device_control(dev, &setup, data);
    if (ret < 0)
        return fail(p, 0, CC_STALL, TRB_LENGTH(&p->td->trbs[0]));
    if (in && (uint32_t)ret > length)
        return fail(p, 0, CC_BABBLE, 0);
    if (in && !copy(p, data, (uint32_t)ret, true))
        return SLEEP;
    p->ep->phase = PHASE_DATA;
    post_completions(p, in ? (uint32_t)ret : length);
    return done(p);
}

static enum outcome status_stage(const struct pipe *p, struct usb_device *dev)
{
    const struct usb_setup setup = parse_setup(p->ep->setup);
    uint8_t data[USB_CONTROL_ROOM];

    if (p->ep->phase == PHASE_IDLE)
        return fail(p, 0, CC_TRB, 0);
    if (p->ep->phase == PHASE_SETUP) { /* there was no data */
        if (setup.length && !(setup.type & USB_IN))
            return fail(p, 0, CC_STALL, 0);
        if (usb_device_control(dev, &setup, data) < 0)
            return fail(p, 0, CC_STALL, 0);
    }
    p->ep->phase = PHASE_IDLE;
    post_completions(p, 0);
    return done(p);
}

static enum outcome control_transfer(const struct pipe *p, struct usb_device *dev)
{
    if (!dev && trb_type(&p->td->trbs[0]) != TRB_NO_OP)
        return fail(p, 0, CC_TRANSACTION, TRB_LENGTH(&p->td->trbs[0]));
    switch (trb_type(&p->td->trbs[0])) {
    case TRB_SETUP: return setup_stage(p);
    case TRB_DATA: return data_stage(p, dev);
    case TRB_STATUS: return status_stage(p, dev);
    default: return fail(p, 0, CC_TRB, 0);
    }
}

/* --- interrupt endpoints --- */

static enum outcome interrupt_transfer(const struct pipe *p, struct usb_device *dev)
{
    uint32_t length = td_length(p->td);
    uint8_t data[USB_REPORT_ROOM];
    int ret;

    if (trb_type(&p->td->trbs[0]) != TRB_NORMAL)
        return fail(p, 0, CC_TRB, 0);
    ret = dev && p->ep->type == EP_TYPE_INTERRUPT_IN
              ? usb_device_interrupt_in(dev, p->dci / 2, data)
              : -ENODEV;
    if (ret == -EAGAIN)
        return WAIT;
    if (ret < 0)
        return fail(p, 0, ret == -EPIPE ? CC_STALL : CC_TRANSACTION, length);
    if (!copy(p, data, MIN((uint32_t)ret, length), true))
        return SLEEP;
    if ((uint32_t)ret > length)
        return fail(p, p->td->count - 1, CC_BABBLE, 0);
    post_completions(p, (uint32_t)ret);
    return done(p);
}

/* --- rings --- */

/* TRBs that do not move data, by themselves: No Op, and Event Data behind a stage. */
static bool is_idle_td(const struct xhci_td *td)
{
    for (unsigned i = 0; i < td->count; i++)
        if (trb_type(&td->trbs[i]) != TRB_NO_OP && trb_type(&td->trbs[i]) != TRB_EVENT_DATA)
            return false;
    return true;
}

static void post_idle(const struct pipe *p)
{
    for (unsigned i = 0; i < p->td->count; i++)
        if (p->td->trbs[i].control & TRB_IOC)
            post(p, i, CC_SUCCESS, 0);
}

static enum outcome run_td(const struct pipe *p)
{
    bool suspended;
    struct usb_device *dev = xhci_port_device(p->x, p->slot->port, &suspended);

    switch (xhci_ring_td(p->x, &p->ep->ring, p->td)) {
    case FETCH_NONE: return SLEEP;
    case FETCH_BAD: return fail(p, 0, CC_TRB, 0);
    case FETCH_TRB: break;
    }
    if (suspended || !events_fit(p))
        return WAIT;
    if (is_idle_td(p->td)) {
        post_idle(p);
        return done(p);
    }
    return p->ep->type == EP_TYPE_CONTROL ? control_transfer(p, dev) : interrupt_transfer(p, dev);
}

static void run_endpoint(struct xhci *x, struct xhci_slot *slot, unsigned dci)
{
    const struct pipe p = {x, slot, &slot->endpoints[dci], dci, &x->td};
    unsigned share = MIN(x->budget, ENDPOINT_SHARE);
    enum outcome outcome = GO_ON;

    while (outcome == GO_ON && share > 0 && (x->usbcmd & CMD_RS)) {
        unsigned cost;

        outcome = run_td(&p);
        cost = MIN(share, MAX(p.td->count, 1));
        share -= cost;
        x->budget -= cost;
    }
    if (outcome == SLEEP)
        slot->doorbells &= (uint32_t)~BIT(dci);
    else if (outcome == GO_ON)
        x->unfinished = true;
}

/* In turn: where the budget ends is where the next frame begins. */
void xhci_transfers_run(struct xhci *x)
{
    for (unsigned n = 0; n < XHCI_SLOTS * XHCI_ENDPOINTS && x->budget > 0; n++) {
        struct xhci_slot *slot = &x->slots[1 + x->turn / XHCI_ENDPOINTS];
        unsigned dci = x->turn % XHCI_ENDPOINTS;

        x->turn = (x->turn + 1) % (XHCI_SLOTS * XHCI_ENDPOINTS);
        if (slot->doorbells & BIT(dci))
            run_endpoint(x, slot, dci);
    }
    x->unfinished |= x->budget == 0;
}

void xhci_doorbell(struct xhci *x, unsigned id, unsigned dci)
{
    struct xhci_slot *slot;

    if (id > XHCI_SLOTS || dci == 0 || dci >= XHCI_ENDPOINTS)
        return;
    slot = &x->slots[id];
    if (slot->endpoints[dci].state == EP_STOPPED)
        xhci_endpoint_state(x, slot, dci, EP_RUNNING);
    if (slot->endpoints[dci].state != EP_RUNNING)
        return;
    slot->doorbells |= (uint32_t)BIT(dci);
    xhci_wake(x);
}

void xhci_transfer_stopped(struct xhci *x, struct xhci_slot *slot, unsigned dci)
{
    const struct pipe p = {x, slot, &slot->endpoints[dci], dci, &x->td};

    if ((slot->doorbells & BIT(dci)) && xhci_ring_td(x, &p.ep->ring, p.td) == FETCH_TRB)
        post(&p, 0, CC_STOPPED, TRB_LENGTH(&p.td->trbs[0]));
}
