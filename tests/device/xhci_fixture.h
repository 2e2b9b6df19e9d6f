/* SPDX-License-Identifier: ISC */
/* The rig with the controller, both devices and their driver, and what its tests ask it. */
#ifndef DEVICE_XHCI_FIXTURE_H
#define DEVICE_XHCI_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "host/clock.h"
#include "xhci_driver.h"

enum { KEYBOARD = 1, POINTER = 2 }; /* their ports */

struct fixture {
    struct rig rig;
    struct xhci_driver d;
    struct xd_slot slot[3];
};

static inline void make(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    rig_make(&f->rig, false);
    xd_create(&f->d, &f->rig);
    xd_start(&f->d);
}

/* With both devices ready. */
static inline void make_ready(struct fixture *f)
{
    struct xhci_trb event;

    make(f);
    xd_ready(&f->d, &f->slot[KEYBOARD], KEYBOARD);
    xd_ready(&f->d, &f->slot[POINTER], POINTER);
    while (xd_event(&f->d, &event))
        continue;
}

static inline void end(struct fixture *f)
{
    xd_destroy(&f->d);
    rig_free(&f->rig);
}

static const uint8_t *data(struct fixture *f)
{
    return rig_host(&f->rig, f->d.buffer, 8192);
}

static inline uint32_t status(struct fixture *f)
{
    return (uint32_t)xd_read(&f->d, XD_USBSTS, 4);
}

static inline unsigned slot_state(struct fixture *f, unsigned port)
{
    return load_le32(rig_host(&f->rig, f->slot[port].context + 12, 4)) >> 27;
}

static inline unsigned endpoint_state(struct fixture *f, unsigned port, unsigned dci)
{
    return rig_host(&f->rig, f->slot[port].context + dci * XHCI_CONTEXT, 4)[0] & 7;
}

static inline uint8_t command(struct fixture *f, unsigned type, unsigned port, unsigned dci,
                              uint64_t parameter)
{
    return xd_command(&f->d, parameter, 0, type << 10 | dci << 16 | f->slot[port].id << 24, NULL);
}

/* After a STALL: Reset Endpoint, and past the rest of the transfer. */
static inline void recover(struct fixture *f, unsigned port, unsigned dci)
{
    struct xd_ring *ring = &f->slot[port].rings[dci];

    assert_int_equal(endpoint_state(f, port, dci), EP_HALTED);
    assert_int_equal(command(f, TRB_RESET_ENDPOINT, port, dci, 0), CC_SUCCESS);
    assert_int_equal(endpoint_state(f, port, dci), EP_STOPPED);
    assert_int_equal(command(f, TRB_SET_TR_DEQUEUE, port, dci,
                             (ring->base + ring->next * XHCI_TRB) | ring->cycle),
                     CC_SUCCESS);
}

/* The report that the device gives now, as hexadecimal digits; "" when there is none. */
static const char *report(struct fixture *f, unsigned port)
{
    static char text[32];
    struct xhci_trb event;
    const uint8_t *bytes;
    unsigned length;

    xd_settle(&f->d);
    event = xd_event_of(&f->d, TRB_TRANSFER_EVENT);
    if (event.control == 0)
        return "";
    assert_int_equal(event.control >> 16, f->slot[port].id << 8 | 3);
    assert_true(event.status >> 24 == CC_SUCCESS || event.status >> 24 == CC_SHORT_PACKET);
    length = 8 - (event.status & 0xffffff);
    bytes = rig_host(&f->rig, xd_report_at(&f->d, &f->slot[port]), length);
    for (unsigned i = 0; i < length; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return text;
}

#endif
