/* SPDX-License-Identifier: ISC */
/*
 * Reading rings of the guest (xHCI 1.1, 4.9): TRBs whose cycle bit says that they are the
 * controller's, links between segments, and transfer descriptors. Every walk has an end, whatever
 * the guest has written.
 */
#include <stdatomic.h>

#include "usb/xhci_internal.h"

#define LINKS_MOST 8 /* that follow one another without a TRB between them */

/* The cycle bit first: what belongs to it was written before it (4.9.2). */
static enum xhci_fetch fetch(struct xhci *x, const struct xhci_ring *ring, struct xhci_trb *trb)
{
    uint64_t control, parameter, status;

    if (mem_load(x->host.mem, ring->dequeue + 12, 4, &control))
        goto fault;
    if ((control & TRB_CYCLE) != ring->cycle)
        return FETCH_NONE;
    atomic_thread_fence(memory_order_acquire);
    if (mem_load(x->host.mem, ring->dequeue, 8, &parameter) ||
        mem_load(x->host.mem, ring->dequeue + 8, 4, &status))
        goto fault;
    *trb = (struct xhci_trb){parameter, (uint32_t)status, (uint32_t)control};
    return FETCH_TRB;

fault:
    xhci_fail(x, STS_HSE, "a ring is not in memory", ring->dequeue);
    return FETCH_BAD;
}

enum xhci_fetch xhci_ring_next(struct xhci *x, struct xhci_ring *ring, struct xhci_trb *trb,
                               uint64_t *address)
{
    for (unsigned links = 0; links <= LINKS_MOST; links++) {
        enum xhci_fetch got = fetch(x, ring, trb);

        if (got != FETCH_TRB)
            return got;
        if (trb_type(trb) != TRB_LINK) {
            *address = ring->dequeue;
            ring->dequeue += XHCI_TRB;
            return FETCH_TRB;
        }
        ring->dequeue = trb->parameter & ~UINT64_C(0xf);
        ring->cycle ^= (trb->control & TRB_TOGGLE_CYCLE) != 0;
    }
    return FETCH_BAD;
}

enum xhci_fetch xhci_ring_td(struct xhci *x, const struct xhci_ring *ring, struct xhci_td *td)
{
    td->after = *ring;
    for (td->count = 0; td->count < XHCI_TD_TRBS;) {
        struct xhci_trb *trb = &td->trbs[td->count];
        enum xhci_fetch got = xhci_ring_next(x, &td->after, trb, &td->at[td->count]);

        if (got != FETCH_TRB)
            return got; /* none: the driver has yet to write the rest */
        td->count++;
        if (!(trb->control & TRB_CHAIN))
            return FETCH_TRB;
    }
    return FETCH_BAD;
}
