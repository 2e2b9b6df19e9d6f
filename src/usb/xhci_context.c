/* SPDX-License-Identifier: ISC */
/*
 * Device slots and their contexts (xHCI 1.1, 4.5, 4.6 and 6.2). What the controller works by is its
 * own copy; a device context in guest memory is written and, but for what software may not change,
 * never read.
 */
#include <errno.h>
#include <string.h>

#include "base/endian.h"
#include "usb/xhci_internal.h"

#define ALIGNED  (~UINT64_C(0x3f))
#define ADD_SLOT BIT(0)
#define ADD_EP0  BIT(1)

/* An input context (6.2.5): the control context, the slot's, the endpoints'. */
struct input {
    uint32_t drop, add;
    uint8_t contexts[XHCI_ENDPOINTS][XHCI_CONTEXT];
};

static bool read_input(struct xhci *x, uint64_t address, struct input *input)
{
    uint8_t control[XHCI_CONTEXT];

    if (!xhci_read(x, address, control, sizeof(control)) ||
        !xhci_read(x, address + XHCI_CONTEXT, input->contexts, 2 * XHCI_CONTEXT))
        return false;
    input->drop = load_le32(control);
    input->add = load_le32(control + 4);
    for (unsigned dci = 2; dci < XHCI_ENDPOINTS; dci++)
        if ((input->add & BIT(dci)) &&
            !xhci_read(x, address + (dci + 1) * XHCI_CONTEXT, input->contexts[dci], XHCI_CONTEXT))
            return false;
    return true;
}

static void write_slot(struct xhci *x, struct xhci_slot *slot, const uint8_t from[XHCI_CONTEXT])
{
    /* Slot State starts at 1 for Default; both states before it are 0. */
    uint32_t state = slot->state <= SLOT_ENABLED ? 0 : slot->state - SLOT_ENABLED;
    uint32_t address = slot->state >= SLOT_ADDRESSED ? slot_id(x, slot) : 0;
    uint8_t context[XHCI_CONTEXT];

    memcpy(context, from, sizeof(context));
    store_le32(context + 12, state << 27 | address);
    xhci_write(x, slot->context, context, sizeof(context));
}

/* Slot State, and Context Entries unless it is 0, in the context that is there. */
static void update_slot(struct xhci *x, struct xhci_slot *slot, unsigned entries)
{
    uint8_t context[XHCI_CONTEXT];

    if (!xhci_read(x, slot->context, context, sizeof(context)))
        return;
    if (entries)
        store_le32(context, (load_le32(context) & ~(31u << 27)) | entries << 27);
    write_slot(x, slot, context);
}

static void write_endpoint(struct xhci *x, struct xhci_slot *slot, unsigned dci,
                           const uint8_t from[XHCI_CONTEXT])
{
    const struct xhci_endpoint *ep = &slot->endpoints[dci];
    uint8_t context[XHCI_CONTEXT];

    memcpy(context, from, sizeof(context));
    store_le32(context, (load_le32(context) & ~7u) | ep->state);
    store_le64(context + 8, ep->ring.dequeue | ep->ring.cycle);
    xhci_write(x, slot->context + dci * XHCI_CONTEXT, context, sizeof(context));
}

void xhci_endpoint_state(struct xhci *x, struct xhci_slot *slot, unsigned dci, uint8_t state)
{
    uint8_t context[XHCI_CONTEXT];

    slot->endpoints[dci].state = state;
    if (state != EP_RUNNING)
        slot->doorbells &= (uint32_t)~BIT(dci);
    if (xhci_read(x, slot->context + dci * XHCI_CONTEXT, context, sizeof(context)))
        write_endpoint(x, slot, dci, context);
}

/* An endpoint as its input context describes it (6.2.3). False: no such is possible. */
static bool endpoint_valid(unsigned dci, const uint8_t context[XHCI_CONTEXT])
{
    unsigned type = load_le32(context + 4) >> 3 & 7;
    unsigned packet = load_le32(context + 4) >> 16;
    bool streams = load_le32(context) >> 10 & 31, in = dci & 1;

    if (type == 0 || packet == 0 || packet > 1024 || streams)
        return false;
    return dci == 1 ? type == EP_TYPE_CONTROL : type == EP_TYPE_CONTROL || in == (type > 4);
}

static void endpoint_start(struct xhci *x, struct xhci_slot *slot, unsigned dci,
                           const uint8_t context[XHCI_CONTEXT])
{
    uint64_t dequeue = load_le64(context + 8);

    slot->endpoints[dci] = (struct xhci_endpoint){
        .state = EP_RUNNING,
        .type = load_le32(context + 4) >> 3 & 7,
        .ring = {.dequeue = dequeue & ~UINT64_C(0xf), .cycle = dequeue & 1},
    };
    slot->doorbells &= (uint32_t)~BIT(dci);
    write_endpoint(x, slot, dci, context);
}

/* In the order of 4.6.6: an endpoint that was there is disabled. */
static void endpoint_drop(struct xhci *x, struct xhci_slot *slot, unsigned dci)
{
    if (slot->endpoints[dci].state == EP_DISABLED)
        return;
    xhci_endpoint_state(x, slot, dci, EP_DISABLED);
    memset(&slot->endpoints[dci], 0, sizeof(slot->endpoints[dci]));
}

static void drop_all_but_control(struct xhci *x, struct xhci_slot *slot)
{
    for (unsigned dci = 2; dci < XHCI_ENDPOINTS; dci++)
        endpoint_drop(x, slot, dci);
}

uint8_t xhci_slot_enable(struct xhci *x, unsigned *id)
{
    unsigned most = MIN(x->config & 0xff, XHCI_SLOTS);

    for (*id = 1; *id <= most; ++*id) {
        if (x->slots[*id].state != SLOT_DISABLED)
            continue;
        memset(&x->slots[*id], 0, sizeof(x->slots[*id]));
        x->slots[*id].state = SLOT_ENABLED;
        return CC_SUCCESS;
    }
    *id = 0;
    return CC_NO_SLOTS;
}

uint8_t xhci_slot_disable(struct xhci *x, struct xhci_slot *slot)
{
    bool has_context = slot->state > SLOT_ENABLED;

    slot->state = SLOT_DISABLED;
    if (has_context)
        update_slot(x, slot, 0);
    memset(slot, 0, sizeof(*slot));
    return CC_SUCCESS;
}

/* The output device context, from the array of base addresses (6.1) */
static bool find_context(struct xhci *x, unsigned id, uint64_t *context)
{
    uint8_t pointer[8];

    if (!xhci_read(x, (x->dcbaap & ALIGNED) + 8 * id, pointer, sizeof(pointer)))
        return false;
    *context = load_le64(pointer) & ALIGNED;
    return true;
}

/* Route String and Root Hub Port Number: there are no hubs. */
static bool place_valid(const uint8_t slot_context[XHCI_CONTEXT])
{
    unsigned port = load_le32(slot_context + 4) >> 16 & 0xff;

    return (load_le32(slot_context) & 0xfffff) == 0 && port >= 1 && port <= XHCI_PORTS;
}

/* 4.6.5; with `block`, BSR, the device is not told its address. */
uint8_t xhci_slot_address(struct xhci *x, unsigned id, uint64_t address, bool block)
{
    struct xhci_slot *slot = &x->slots[id];
    struct input input;
    bool suspended;
    uint64_t context;
    uint8_t port;

    if (slot->state != SLOT_ENABLED && (block || slot->state != SLOT_DEFAULT))
        return CC_CONTEXT_STATE;
    if (!read_input(x, address, &input) || !find_context(x, id, &context))
        return CC_TRB;
    if ((input.add & 3) != (ADD_SLOT | ADD_EP0) || !place_valid(input.contexts[0]) ||
        !endpoint_valid(1, input.contexts[1]))
        return CC_PARAMETER;
    port = load_le32(input.contexts[0] + 4) >> 16 & 0xff;
    if (!block && (!xhci_port_device(x, port, &suspended) || suspended))
        return CC_TRANSACTION;
    slot->port = port;
    slot->context = context;
    slot->state = block ? SLOT_DEFAULT : SLOT_ADDRESSED;
    write_slot(x, slot, input.contexts[0]);
    endpoint_start(x, slot, 1, input.contexts[1]);
    return CC_SUCCESS;
}

/* Whether any endpoint but the first is there: then the slot is configured (4.6.6). */
static void settle_state(struct xhci_slot *slot)
{
    slot->state = SLOT_ADDRESSED;
    for (unsigned dci = 2; dci < XHCI_ENDPOINTS; dci++)
        if (slot->endpoints[dci].state != EP_DISABLED)
            slot->state = SLOT_CONFIGURED;
}

static uint8_t deconfigure_slot(struct xhci *x, struct xhci_slot *slot)
{
    drop_all_but_control(x, slot);
    settle_state(slot);
    update_slot(x, slot, 1);
    return CC_SUCCESS;
}

uint8_t xhci_slot_configure(struct xhci *x, struct xhci_slot *slot, uint64_t address,
                            bool deconfigure)
{
    struct input input;

    if (slot->state < SLOT_ADDRESSED)
        return CC_CONTEXT_STATE;
    if (deconfigure)
        return deconfigure_slot(x, slot);
    if (!read_input(x, address, &input))
        return CC_TRB;
    if ((input.add & ADD_EP0) || (input.drop & (ADD_SLOT | ADD_EP0)))
        return CC_TRB;
    for (unsigned dci = 2; dci < XHCI_ENDPOINTS; dci++)
        if ((input.add & BIT(dci)) && !endpoint_valid(dci, input.contexts[dci]))
            return CC_PARAMETER;
    for (unsigned dci = 2; dci < XHCI_ENDPOINTS; dci++) {
        if (input.drop & BIT(dci))
            endpoint_drop(x, slot, dci);
        if (input.add & BIT(dci))
            endpoint_start(x, slot, dci, input.contexts[dci]);
    }
    settle_state(slot);
    update_slot(x, slot, load_le32(input.contexts[0]) >> 27);
    return CC_SUCCESS;
}

/* 4.6.7: Max Exit Latency and Interrupter Target of the slot, Max Packet Size of endpoint 0 */
static void evaluate_slot(struct xhci *x, struct xhci_slot *slot, const uint8_t *input)
{
    uint8_t context[XHCI_CONTEXT];

    if (!xhci_read(x, slot->context, context, sizeof(context)))
        return;
    store_le16(context + 4, load_le16(input + 4));
    store_le32(context + 8, (load_le32(context + 8) & bits_mask(22)) |
                                (load_le32(input + 8) & ~(uint32_t)bits_mask(22)));
    write_slot(x, slot, context);
}

uint8_t xhci_slot_evaluate(struct xhci *x, struct xhci_slot *slot, uint64_t address)
{
    uint8_t context[XHCI_CONTEXT];
    struct input input;

    if (slot->state < SLOT_DEFAULT)
        return CC_CONTEXT_STATE;
    if (!read_input(x, address, &input))
        return CC_TRB;
    if ((input.add & ADD_EP0) && !endpoint_valid(1, input.contexts[1]))
        return CC_PARAMETER;
    if (input.add & ADD_SLOT)
        evaluate_slot(x, slot, input.contexts[0]);
    if ((input.add & ADD_EP0) &&
        xhci_read(x, slot->context + XHCI_CONTEXT, context, sizeof(context))) {
        store_le16(context + 6, load_le16(input.contexts[1] + 6));
        write_endpoint(x, slot, 1, context);
    }
    return CC_SUCCESS;
}

/* 4.6.11: after the port was reset */
uint8_t xhci_slot_reset(struct xhci *x, struct xhci_slot *slot)
{
    if (slot->state < SLOT_ADDRESSED)
        return CC_CONTEXT_STATE;
    drop_all_but_control(x, slot);
    slot->state = SLOT_DEFAULT;
    update_slot(x, slot, 1);
    return CC_SUCCESS;
}
