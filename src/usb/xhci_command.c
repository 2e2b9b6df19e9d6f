/* SPDX-License-Identifier: ISC */
/*
 * The command ring (xHCI 1.1, 4.6 and 4.9.3).
 */
#include "usb/xhci_internal.h"

#include "base/endian.h"

#define EVENTS_OF_A_COMMAND 2   /* Stop Endpoint has one of the transfer, and its own */
#define COMMAND_SHARE       128 /* in a frame */

static uint8_t reset_endpoint(struct xhci *x, struct xhci_slot *slot, unsigned dci)
{
    if (slot->endpoints[dci].state != EP_HALTED)
        return CC_CONTEXT_STATE;
    slot->endpoints[dci].phase = PHASE_IDLE;
    xhci_endpoint_state(x, slot, dci, EP_STOPPED);
    return CC_SUCCESS;
}

static uint8_t stop_endpoint(struct xhci *x, struct xhci_slot *slot, unsigned dci)
{
    if (slot->endpoints[dci].state != EP_RUNNING)
        return CC_CONTEXT_STATE;
    xhci_transfer_stopped(x, slot, dci);
    xhci_endpoint_state(x, slot, dci, EP_STOPPED);
    return CC_SUCCESS;
}

/* 4.6.10; the low bits of the pointer are the cycle bit and a stream context's type */
static uint8_t set_dequeue(struct xhci *x, struct xhci_slot *slot, unsigned dci,
                           const struct xhci_trb *trb)
{
    struct xhci_endpoint *ep = &slot->endpoints[dci];

    if (ep->state != EP_STOPPED && ep->state != EP_ERROR)
        return CC_CONTEXT_STATE;
    if ((trb->parameter & 0xe) || trb->status >> 16)
        return CC_TRB; /* there are no streams */
    ep->ring.dequeue = trb->parameter & ~UINT64_C(0xf);
    ep->ring.cycle = trb->parameter & 1;
    ep->phase = PHASE_IDLE;
    xhci_endpoint_state(x, slot, dci, EP_STOPPED);
    return CC_SUCCESS;
}

static uint8_t endpoint_command(struct xhci *x, struct xhci_slot *slot, const struct xhci_trb *trb)
{
    unsigned dci = trb->control >> 16 & 0x1f;

    if (dci == 0)
        return CC_TRB;
    switch (trb_type(trb)) {
    case TRB_RESET_ENDPOINT: return reset_endpoint(x, slot, dci);
    case TRB_STOP_ENDPOINT: return stop_endpoint(x, slot, dci);
    default: return set_dequeue(x, slot, dci, trb);
    }
}

/* 4.6.15: percent of each port's bandwidth that is free, behind a reserved byte */
static uint8_t get_port_bandwidth(struct xhci *x, const struct xhci_trb *trb)
{
    uint8_t percent[1 + XHCI_PORTS] = {0};

    for (unsigned i = 1; i <= XHCI_PORTS; i++)
        percent[i] = 80;
    xhci_write(x, trb->parameter & ~UINT64_C(0xf), percent, sizeof(percent));
    return CC_SUCCESS;
}

static uint8_t slot_command(struct xhci *x, struct xhci_slot *slot, const struct xhci_trb *trb)
{
    uint64_t input = trb->parameter & ~UINT64_C(0xf);

    switch (trb_type(trb)) {
    case TRB_DISABLE_SLOT: return xhci_slot_disable(x, slot);
    case TRB_ADDRESS_DEVICE:
        return xhci_slot_address(x, slot_id(x, slot), input, trb->control & TRB_BSR);
    case TRB_CONFIGURE_ENDPOINT: return xhci_slot_configure(x, slot, input, trb->control & TRB_BSR);
    case TRB_EVALUATE_CONTEXT: return xhci_slot_evaluate(x, slot, input);
    case TRB_RESET_DEVICE: return xhci_slot_reset(x, slot);
    default: return endpoint_command(x, slot, trb);
    }
}

static uint8_t run_command(struct xhci *x, const struct xhci_trb *trb, unsigned *slot)
{
    switch (trb_type(trb)) {
    case TRB_NO_OP_COMMAND: *slot = 0; return CC_SUCCESS;
    case TRB_ENABLE_SLOT: return xhci_slot_enable(x, slot);
    case TRB_GET_PORT_BANDWIDTH: return get_port_bandwidth(x, trb);
    case TRB_DISABLE_SLOT:
    case TRB_ADDRESS_DEVICE:
    case TRB_CONFIGURE_ENDPOINT:
    case TRB_EVALUATE_CONTEXT:
    case TRB_RESET_ENDPOINT:
    case TRB_STOP_ENDPOINT:
    case TRB_SET_TR_DEQUEUE:
    case TRB_RESET_DEVICE:
        if (*slot == 0 || *slot > XHCI_SLOTS || x->slots[*slot].state == SLOT_DISABLED)
            return CC_SLOT_NOT_ENABLED;
        return slot_command(x, &x->slots[*slot], trb);
    default: return CC_TRB; /* and those that are optional */
    }
}

static void complete(struct xhci *x, uint64_t address, uint8_t code, unsigned slot)
{
    const struct xhci_trb event = {address, (uint32_t)code << 24,
                                   TRB_COMMAND_COMPLETION << 10 | slot << 24};

    xhci_event_post(x, 0, &event, false);
}

/* Command Stop and Command Abort: commands end as soon as they begin, so there is nothing to abort.
 */
static void stop_ring(struct xhci *x)
{
    if (!xhci_events_fit(x, 0, 1))
        return;
    x->command_running = x->command_stopping = x->command_doorbell = false;
    complete(x, x->command.dequeue, CC_COMMAND_RING_STOPPED, 0);
}

void xhci_commands_run(struct xhci *x)
{
    unsigned share = COMMAND_SHARE;

    while (x->command_doorbell && !x->command_stopping && share > 0 &&
           xhci_events_fit(x, 0, EVENTS_OF_A_COMMAND)) {
        struct xhci_trb trb;
        uint64_t address;
        unsigned slot;
        uint8_t code;

        switch (xhci_ring_next(x, &x->command, &trb, &address)) {
        case FETCH_NONE: x->command_doorbell = false; break;
        case FETCH_BAD:
            xhci_fail(x, STS_HCE, "the command ring has links only", x->command.dequeue);
            return;
        case FETCH_TRB:
            share--;
            slot = trb.control >> 24;
            code = run_command(x, &trb, &slot);
            if (!(x->usbsts & STS_HCH))
                complete(x, address, code, slot);
            break;
        }
    }
    x->unfinished |= share == 0;
    if (x->command_stopping)
        stop_ring(x);
}
