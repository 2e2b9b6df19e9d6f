/* SPDX-License-Identifier: ISC */
/*
 * Root hub ports (xHCI 1.1, 4.19 and 5.4.8). Devices are there from power-on, on ports of USB 2.
 */
#include "usb/xhci_internal.h"

/* In a port's register set */
enum { PORTSC = 0 };

static unsigned link_state(const struct xhci_port *port)
{
    return port->portsc >> PORT_PLS_SHIFT & 15;
}

static void set_link_state(struct xhci_port *port, unsigned state)
{
    port->portsc = (uint32_t)((port->portsc & ~PORT_PLS) | state << PORT_PLS_SHIFT);
}

/* Notes a change; the loop makes its event. */
static void changed(struct xhci *x, struct xhci_port *port, uint64_t changes)
{
    if ((port->portsc & changes) == changes)
        return;
    port->portsc |= (uint32_t)changes;
    x->usbsts |= STS_PCD;
    x->port_events |= (uint32_t)BIT(port - x->ports);
    xhci_wake(x);
}

void xhci_ports_reset(struct xhci *x)
{
    for (unsigned i = 0; i < XHCI_PORTS; i++) {
        struct xhci_port *port = &x->ports[i];

        port->portsc = PORT_PP;
        set_link_state(port, LINK_RX_DETECT);
        if (!port->device)
            continue;
        port->portsc |= PORT_CCS | PORT_FULL | PORT_CSC;
        set_link_state(port, LINK_POLLING);
        usb_device_reset(port->device);
    }
    x->port_events = 0;
}

uint32_t xhci_port_read(const struct xhci *x, unsigned port, unsigned reg)
{
    return reg == PORTSC ? x->ports[port].portsc : 0;
}

/* 4.19.5: done at once */
static void reset_port(struct xhci *x, struct xhci_port *port)
{
    if (!port->device)
        return;
    usb_device_reset(port->device);
    port->portsc |= PORT_PED;
    set_link_state(port, LINK_U0);
    changed(x, port, PORT_PRC);
}

/* Port Link State, when it is strobed (4.19.1.1, 4.15) */
static void write_link_state(struct xhci *x, struct xhci_port *port, unsigned state)
{
    unsigned now = link_state(port);

    if (!(port->portsc & PORT_PED))
        return;
    if (state == LINK_U0 && (now == LINK_U3 || now == LINK_RESUME || now == LINK_U2)) {
        set_link_state(port, LINK_U0);
        changed(x, port, PORT_PLC);
        xhci_wake(x);
    } else if ((state == LINK_U3 && now != LINK_RESUME) ||
               (state == LINK_RESUME && now == LINK_U3)) {
        set_link_state(port, state);
        xhci_wake(x);
    }
}

void xhci_port_write(struct xhci *x, unsigned index, unsigned reg, uint32_t value)
{
    struct xhci_port *port = &x->ports[index];
    const uint64_t kept = PORT_PIC | PORT_WAKE;

    if (reg != PORTSC)
        return;
    port->portsc &= (uint32_t) ~(value & PORT_CHANGES);
    port->portsc = (uint32_t)((port->portsc & ~kept) | (value & kept));
    if ((value & PORT_PED) && (port->portsc & PORT_PED)) {
        port->portsc &= (uint32_t)~PORT_PED;
        set_link_state(port, LINK_DISABLED);
    }
    if (value & PORT_PR)
        reset_port(x, port);
    else if (value & PORT_LWS)
        write_link_state(x, port, (unsigned)((value & PORT_PLS) >> PORT_PLS_SHIFT));
}

/* What changed while the controller was halted is reported now. */
void xhci_ports_started(struct xhci *x)
{
    for (unsigned i = 0; i < XHCI_PORTS; i++)
        if (x->ports[i].portsc & PORT_CHANGES)
            x->port_events |= (uint32_t)BIT(i);
}

static void run_wakeup(struct xhci *x, struct xhci_port *port)
{
    if (!port->device || link_state(port) != LINK_U3 || !usb_device_wants_resume(port->device))
        return;
    set_link_state(port, LINK_RESUME);
    changed(x, port, PORT_PLC);
}

void xhci_ports_run(struct xhci *x)
{
    for (unsigned i = 0; i < XHCI_PORTS; i++)
        run_wakeup(x, &x->ports[i]);
    for (unsigned i = 0; i < XHCI_PORTS; i++) {
        const struct xhci_trb event = {(uint64_t)(i + 1) << 24, (uint32_t)CC_SUCCESS << 24,
                                       TRB_PORT_STATUS_CHANGE << 10};

        if (!(x->port_events & BIT(i)))
            continue;
        if (!xhci_events_fit(x, 0, 1))
            return;
        x->port_events &= (uint32_t)~BIT(i);
        xhci_event_post(x, 0, &event, false);
    }
}

struct usb_device *xhci_port_device(struct xhci *x, unsigned port, bool *suspended)
{
    const struct xhci_port *p;

    *suspended = false;
    if (port == 0 || !(x->ports[port - 1].portsc & PORT_PED))
        return NULL;
    p = &x->ports[port - 1];
    *suspended = link_state(p) != LINK_U0 && link_state(p) != LINK_U2;
    return p->device;
}
