/* SPDX-License-Identifier: ISC */
/*
 * Event rings and interrupters (xHCI 1.1, 4.9.4 and 4.17).
 *
 * No event is lost for want of room: the loop asks before it does something that makes one, and
 * goes on when the driver has moved ERDP. A ring is read from its table when the first event is
 * written after ERSTBA or ERSTSZ, in whatever order and width they were.
 */
#include <stdatomic.h>

#include "base/endian.h"
#include "host/clock.h"
#include "usb/xhci_internal.h"

#define IMOD_UNIT_NS    250
#define ERST_ENTRY      16
#define FULL_RING_EVENT 1 /* its TRB, kept free for the event that says that the ring is full */

/* False: there is no ring. */
static bool load_ring(struct xhci *x, struct xhci_interrupter *in)
{
    uint8_t entry[ERST_ENTRY];

    if (in->loaded)
        return true;
    if (in->erstsz == 0 || !xhci_read(x, in->erstba, entry, sizeof(entry)))
        return false;
    in->base = load_le64(entry) & ~UINT64_C(0x3f);
    in->size = load_le32(entry + 8) & 0xffff;
    if (in->size < XHCI_EVENT_LEAST || in->size > XHCI_EVENT_MOST) {
        xhci_fail(x, STS_HCE, "an event ring's segment has an impossible size", in->size);
        return false;
    }
    in->enqueue = 0;
    in->cycle = true;
    in->loaded = true;
    return true;
}

/* TRBs that may be written, of size - 1; 0 while ERDP is nowhere in the ring. */
static unsigned room(const struct xhci_interrupter *in)
{
    uint64_t at = (in->erdp & ~UINT64_C(0xf)) - in->base;

    if (at >= (uint64_t)in->size * XHCI_TRB)
        return 0;
    return (unsigned)(at / XHCI_TRB + in->size - in->enqueue - 1) % in->size;
}

static void write_event(struct xhci *x, struct xhci_interrupter *in, const struct xhci_trb *event)
{
    uint64_t at = in->base + (uint64_t)in->enqueue * XHCI_TRB;
    uint32_t control = (uint32_t)(event->control | in->cycle);

    if (mem_store(x->host.mem, at, 8, event->parameter) ||
        mem_store(x->host.mem, at + 8, 4, event->status)) {
        xhci_fail(x, STS_HSE, "an event ring is not in memory", at);
        return;
    }
    atomic_thread_fence(memory_order_release);
    mem_store(x->host.mem, at + 12, 4, control);
    if (++in->enqueue == in->size) {
        in->enqueue = 0;
        in->cycle = !in->cycle;
    }
}

bool xhci_events_fit(struct xhci *x, unsigned interrupter, unsigned count)
{
    static const struct xhci_trb full = {0, (uint32_t)CC_EVENT_RING_FULL << 24,
                                         TRB_HOST_CONTROLLER << 10};
    struct xhci_interrupter *in = &x->interrupters[interrupter];
    unsigned free_now;

    if (!load_ring(x, in))
        return !(x->usbsts & STS_HCH); /* without a ring events go nowhere */
    free_now = room(in);
    if (free_now >= MIN(count + FULL_RING_EVENT, in->size - 1))
        return true;
    if (free_now == 1)
        xhci_event_post(x, interrupter, &full, false);
    x->starved = true;
    return false;
}

void xhci_event_post(struct xhci *x, unsigned interrupter, const struct xhci_trb *event,
                     bool silent)
{
    struct xhci_interrupter *in = &x->interrupters[interrupter];

    if (!load_ring(x, in) || room(in) == 0)
        return;
    write_event(x, in, event);
    in->pending |= !silent;
}

void xhci_interrupter_ring_changed(struct xhci_interrupter *in)
{
    in->loaded = false;
    in->pending = false;
}

void xhci_interrupter_consumed(struct xhci *x, unsigned interrupter, uint64_t erdp, bool finished)
{
    struct xhci_interrupter *in = &x->interrupters[interrupter];
    bool busy = (in->erdp & ERDP_EHB) && !finished;

    in->erdp = (erdp & ~ERDP_EHB) | (busy ? ERDP_EHB : 0);
    if (!in->loaded)
        return;
    in->pending = room(in) != in->size - 1;
    if (x->starved) {
        x->starved = false;
        xhci_wake(x);
    }
}

/* 4.17.2, and moderation by 4.17.2.1's counter as a point in time */
static void raise_interrupt(struct xhci *x, struct xhci_interrupter *in)
{
    uint64_t now;

    if (!in->pending || (in->erdp & ERDP_EHB))
        return;
    now = in->imod & 0xffff || in->not_before_ns ? host_clock_monotonic() : 0;
    if (now < in->not_before_ns) {
        xhci_wake_at(x, in->not_before_ns);
        return;
    }
    in->not_before_ns = now + (in->imod & 0xffff) * IMOD_UNIT_NS;
    in->pending = false;
    in->erdp |= ERDP_EHB;
    in->iman |= IMAN_IP;
    x->usbsts |= STS_EINT;
}

void xhci_interrupts_update(struct xhci *x)
{
    bool msix = pci_msix_enabled(&x->function), level = false;

    for (unsigned i = 0; i < XHCI_INTERRUPTERS; i++) {
        struct xhci_interrupter *in = &x->interrupters[i];

        if ((in->iman & (IMAN_IP | IMAN_IE)) != (IMAN_IP | IMAN_IE) || !(x->usbcmd & CMD_INTE))
            continue;
        level = true;
        if (msix) {
            in->iman &= (uint32_t)~IMAN_IP; /* by the message itself (4.17.5) */
            pci_msix_signal(&x->function, i);
        }
    }
    pci_intx_set(&x->function, level && !msix);
}

void xhci_interrupts_run(struct xhci *x)
{
    for (unsigned i = 0; i < XHCI_INTERRUPTERS; i++)
        raise_interrupt(x, &x->interrupters[i]);
    xhci_interrupts_update(x);
}
