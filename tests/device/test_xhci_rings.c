/* SPDX-License-Identifier: ISC */
/* The USB controller's commands, transfers and events to the letter, and a driver that breaks every
 * rule. */
#include "xhci_fixture.h"

/* --- commands --- */

static void slots(void **unused)
{
    static struct fixture f;
    unsigned id;

    make(&f);
    assert_int_equal(xd_command(&f.d, 0, 0, TRB_NO_OP_COMMAND << 10, NULL), CC_SUCCESS);
    assert_int_equal(xd_command(&f.d, 0, 0, 63 << 10, NULL), CC_TRB);
    for (unsigned i = 1; i <= XHCI_SLOTS; i++) {
        assert_int_equal(xd_command(&f.d, 0, 0, TRB_ENABLE_SLOT << 10, &id), CC_SUCCESS);
        assert_int_equal(id, i);
    }
    assert_int_equal(xd_command(&f.d, 0, 0, TRB_ENABLE_SLOT << 10, NULL), CC_NO_SLOTS);
    assert_int_equal(xd_command(&f.d, 0, 0, TRB_DISABLE_SLOT << 10 | 5 << 24, NULL), CC_SUCCESS);
    assert_int_equal(xd_command(&f.d, 0, 0, TRB_DISABLE_SLOT << 10 | 5 << 24, NULL),
                     CC_SLOT_NOT_ENABLED);
    assert_int_equal(xd_command(&f.d, 0, 0, TRB_DISABLE_SLOT << 10 | 99u << 24, NULL),
                     CC_SLOT_NOT_ENABLED);
    assert_int_equal(xd_command(&f.d, 0, 0, TRB_ENABLE_SLOT << 10, &id), CC_SUCCESS);
    assert_int_equal(id, 5);
    assert_int_equal(xd_command(&f.d, f.d.buffer, 0, TRB_GET_PORT_BANDWIDTH << 10, NULL),
                     CC_SUCCESS);
    assert_int_equal(data(&f)[16], 80);
    end(&f);
}

static void contexts(void **unused)
{
    static struct fixture f;
    struct xd_slot *slot = &f.slot[KEYBOARD];
    struct xd_ring ring = {0};

    make(&f);
    xd_ring_make(&f.d, &ring);
    assert_int_equal(xd_attach(&f.d, slot, 3), CC_TRANSACTION); /* nobody is there */
    assert_int_equal(command(&f, TRB_EVALUATE_CONTEXT, 1, 0, f.d.input_context), CC_CONTEXT_STATE);
    assert_int_equal(command(&f, TRB_CONFIGURE_ENDPOINT, 1, 0, f.d.input_context),
                     CC_CONTEXT_STATE);
    assert_int_equal(command(&f, TRB_RESET_DEVICE, 1, 0, 0), CC_CONTEXT_STATE);
    assert_int_equal(command(&f, TRB_STOP_ENDPOINT, 1, 1, 0), CC_CONTEXT_STATE);
    assert_int_equal(command(&f, TRB_STOP_ENDPOINT, 1, 0, 0), CC_TRB);
    assert_int_equal(command(&f, TRB_RESET_ENDPOINT, 1, 1, 0), CC_CONTEXT_STATE);
    assert_int_equal(command(&f, TRB_SET_TR_DEQUEUE, 1, 1, ring.base), CC_CONTEXT_STATE);
    xd_write(&f.d, XD_PORTSC(1), 4, PORT_PP | PORT_PR);
    xd_input_slot(&f.d, 0, 1, 1, 1);
    assert_int_equal(command(&f, TRB_ADDRESS_DEVICE, 1, 0, f.d.input_context), CC_PARAMETER);
    xd_input_slot(&f.d, 0, 3, 0, 1);
    xd_input_endpoint(&f.d, 1, EP_TYPE_CONTROL, 8, &ring);
    assert_int_equal(command(&f, TRB_ADDRESS_DEVICE, 1, 0, f.d.input_context), CC_PARAMETER);
    xd_input_slot(&f.d, 0, 3, 1, 1);
    xd_input_endpoint(&f.d, 1, EP_TYPE_INTERRUPT_IN, 8, &ring);
    assert_int_equal(command(&f, TRB_ADDRESS_DEVICE, 1, 0, f.d.input_context), CC_PARAMETER);
    xd_input_endpoint(&f.d, 1, EP_TYPE_CONTROL, 8, &ring);
    /* As OpenBSD: not yet, then now */
    assert_int_equal(xd_command(&f.d, f.d.input_context, 0,
                                (uint32_t)(TRB_ADDRESS_DEVICE << 10 | TRB_BSR | slot->id << 24),
                                NULL),
                     CC_SUCCESS);
    assert_int_equal(slot_state(&f, 1), 1);
    assert_int_equal(xd_command(&f.d, f.d.input_context, 0,
                                (uint32_t)(TRB_ADDRESS_DEVICE << 10 | TRB_BSR | slot->id << 24),
                                NULL),
                     CC_CONTEXT_STATE);
    assert_int_equal(command(&f, TRB_ADDRESS_DEVICE, 1, 0, f.d.input_context), CC_SUCCESS);
    assert_int_equal(slot_state(&f, 1), 2);
    assert_int_equal(rig_host(&f.rig, slot->context + 12, 1)[0], slot->id);
    assert_int_equal(command(&f, TRB_ADDRESS_DEVICE, 1, 0, f.d.input_context), CC_CONTEXT_STATE);
    /* Evaluate Context: the packet size of endpoint 0 */
    xd_input_slot(&f.d, 0, 3, 1, 1);
    xd_input_endpoint(&f.d, 1, EP_TYPE_CONTROL, 64, &ring);
    assert_int_equal(command(&f, TRB_EVALUATE_CONTEXT, 1, 0, f.d.input_context), CC_SUCCESS);
    assert_int_equal(load_le16(rig_host(&f.rig, slot->context + 0x26, 2)), 64);
    xd_input_endpoint(&f.d, 1, 0, 64, &ring);
    assert_int_equal(command(&f, TRB_EVALUATE_CONTEXT, 1, 0, f.d.input_context), CC_PARAMETER);
    /* Configure Endpoint */
    assert_int_equal(command(&f, TRB_CONFIGURE_ENDPOINT, 1, 0, f.d.input_context), CC_TRB);
    xd_input_slot(&f.d, 0, 1 | 1 << 3, 1, 3);
    assert_int_equal(command(&f, TRB_CONFIGURE_ENDPOINT, 1, 0, f.d.input_context), CC_PARAMETER);
    assert_int_equal(xd_add_interrupt(&f.d, slot), CC_SUCCESS);
    assert_int_equal(slot_state(&f, 1), 3);
    assert_int_equal(endpoint_state(&f, 1, 3), EP_RUNNING);
    xd_input_slot(&f.d, 1 << 3, 1, 1, 1);
    assert_int_equal(command(&f, TRB_CONFIGURE_ENDPOINT, 1, 0, f.d.input_context), CC_SUCCESS);
    assert_int_equal(slot_state(&f, 1), 2);
    assert_int_equal(endpoint_state(&f, 1, 3), EP_DISABLED);
    assert_int_equal(xd_add_interrupt(&f.d, slot), CC_SUCCESS);
    assert_int_equal(xd_command(&f.d, 0, 0,
                                (uint32_t)(TRB_CONFIGURE_ENDPOINT << 10 | TRB_BSR | slot->id << 24),
                                NULL),
                     CC_SUCCESS); /* Deconfigure */
    assert_int_equal(slot_state(&f, 1), 2);
    assert_int_equal(xd_add_interrupt(&f.d, slot), CC_SUCCESS);
    assert_int_equal(command(&f, TRB_RESET_DEVICE, 1, 0, 0), CC_SUCCESS);
    assert_int_equal(slot_state(&f, 1), 1);
    assert_int_equal(endpoint_state(&f, 1, 3), EP_DISABLED);
    assert_int_equal(command(&f, TRB_DISABLE_SLOT, 1, 0, 0), CC_SUCCESS);
    assert_int_equal(slot_state(&f, 1), 0);
    end(&f);
}

static void stopping(void **unused)
{
    static struct fixture f;
    struct xhci_trb event;
    uint64_t waiting;

    make(&f);
    xd_ready(&f.d, &f.slot[KEYBOARD], KEYBOARD);
    waiting = f.slot[KEYBOARD].rings[3].base;
    while (xd_event(&f.d, &event))
        continue;
    xd_push(&f.d, &f.d.command, 0, 0,
            TRB_STOP_ENDPOINT << 10 | 3 << 16 | f.slot[KEYBOARD].id << 24);
    xd_write(&f.d, XD_DOORBELL(0), 4, 0);
    xd_settle(&f.d);
    assert_true(xd_event(&f.d, &event)); /* first what it does to the transfer */
    assert_int_equal(trb_type(&event), TRB_TRANSFER_EVENT);
    assert_int_equal(event.status, CC_STOPPED << 24 | 8);
    assert_int_equal(event.parameter, waiting);
    assert_true(xd_event(&f.d, &event));
    assert_int_equal(trb_type(&event), TRB_COMMAND_COMPLETION);
    assert_int_equal(endpoint_state(&f, KEYBOARD, 3), EP_STOPPED);
    assert_int_equal(load_le64(rig_host(&f.rig, f.slot[KEYBOARD].context + 3 * 32 + 8, 8)),
                     waiting | 1);
    input_key(f.d.input, 0x04, true);
    assert_string_equal(report(&f, KEYBOARD), "");
    assert_int_equal(xd_command(&f.d, waiting, 1 << 16,
                                TRB_SET_TR_DEQUEUE << 10 | 3 << 16 | f.slot[KEYBOARD].id << 24,
                                NULL),
                     CC_TRB); /* a stream */
    xd_write(&f.d, XD_DOORBELL(f.slot[KEYBOARD].id), 4, 3);
    assert_string_equal(report(&f, KEYBOARD), "0000040000000000");
    /* The command ring: Stop, and Abort */
    xd_write(&f.d, XD_CRCR, 8, 2);
    xd_settle(&f.d);
    event = xd_event_of(&f.d, TRB_COMMAND_COMPLETION);
    assert_int_equal(event.status >> 24, CC_COMMAND_RING_STOPPED);
    assert_int_equal(event.parameter, f.d.command.base + f.d.command.next * XHCI_TRB);
    assert_int_equal(xd_read(&f.d, XD_CRCR, 4), 0);
    assert_int_equal(xd_command(&f.d, 0, 0, TRB_NO_OP_COMMAND << 10, NULL), CC_SUCCESS);
    end(&f);
}

/* --- transfers --- */

/* A transfer descriptor of three pieces with Event Data behind, which a report does not fill. */
static void pieces(void **unused)
{
    static struct fixture f;
    struct xd_ring *ring = &f.slot[KEYBOARD].rings[3];
    const uint32_t normal = (uint32_t)(TRB_NORMAL << 10 | TRB_CHAIN | TRB_ISP);
    struct xhci_trb event;
    uint64_t second;

    make(&f);
    xd_ready(&f.d, &f.slot[KEYBOARD], KEYBOARD);
    input_key(f.d.input, 0x04, true);
    report(&f, KEYBOARD);
    xd_push(&f.d, ring, f.d.buffer + 1024, 3, normal);
    second = xd_push(&f.d, ring, f.d.buffer + 2048, 7, normal);
    xd_push(&f.d, ring, f.d.buffer + 3072, 4, normal);
    xd_push(&f.d, ring, 0x1122334455, 0, (uint32_t)(TRB_EVENT_DATA << 10 | TRB_IOC));
    xd_push(&f.d, ring, 0, 0, (uint32_t)(TRB_NO_OP << 10 | TRB_IOC));
    xd_write(&f.d, XD_DOORBELL(f.slot[KEYBOARD].id), 4, 3);
    input_key(f.d.input, 0x05, true);
    xd_settle(&f.d);
    assert_true(xd_event(&f.d, &event));
    assert_int_equal(event.parameter, second);
    assert_int_equal(event.status, CC_SHORT_PACKET << 24 | 2);
    assert_true(xd_event(&f.d, &event));
    assert_int_equal(event.parameter, 0x1122334455);
    assert_int_equal(event.status, CC_SHORT_PACKET << 24 | 8);
    assert_true(event.control & TRB_EVENT_IS_DATA);
    assert_true(xd_event(&f.d, &event)); /* the No Op */
    assert_int_equal(event.status >> 24, CC_SUCCESS);
    assert_memory_equal(data(&f) + 1024, "\0\0\4", 3);
    assert_memory_equal(data(&f) + 2048, "\5\0\0\0\0", 5);
    end(&f);
}

/* What a driver does wrong ends with an error of the endpoint. */
static void bad_transfers(void **unused)
{
    static const struct {
        uint32_t status, control;
        uint8_t code, state;
    } bad[] = {
        {8, TRB_SETUP << 10, CC_TRB, EP_ERROR},                       /* not immediate */
        {7, (uint32_t)(TRB_SETUP << 10 | TRB_IDT), CC_TRB, EP_ERROR}, /* not 8 bytes */
        {8, TRB_DATA << 10, CC_TRB, EP_ERROR},                        /* no setup */
        {0, TRB_STATUS << 10, CC_TRB, EP_ERROR},                      /**/
        {8, TRB_NORMAL << 10, CC_TRB, EP_ERROR},                      /* no stage at all */
        {8, 60u << 10, CC_TRB, EP_ERROR},                             /**/
    };
    static struct fixture f;
    struct xd_ring *ring = &f.slot[KEYBOARD].rings[1];

    make(&f);
    assert_int_equal(xd_attach(&f.d, &f.slot[KEYBOARD], KEYBOARD), CC_SUCCESS);
    for (size_t i = 0; i < nitems(bad); i++) {
        struct xhci_trb event;

        xd_push(&f.d, ring, f.d.buffer, bad[i].status, bad[i].control);
        xd_write(&f.d, XD_DOORBELL(f.slot[KEYBOARD].id), 4, 1);
        xd_settle(&f.d);
        event = xd_event_of(&f.d, TRB_TRANSFER_EVENT);
        assert_int_equal(event.status >> 24, bad[i].code);
        assert_int_equal(endpoint_state(&f, KEYBOARD, 1), bad[i].state);
        xd_write(&f.d, XD_DOORBELL(f.slot[KEYBOARD].id), 4, 1); /* unheard */
        assert_int_equal(command(&f, TRB_SET_TR_DEQUEUE, KEYBOARD, 1,
                                 (ring->base + ring->next * XHCI_TRB) | ring->cycle),
                         CC_SUCCESS);
    }
    /* data the wrong way, too much of it, and none */
    xd_push(&f.d, ring, 0x0012000001000680, 8, (uint32_t)(TRB_SETUP << 10 | TRB_IDT));
    xd_push(&f.d, ring, f.d.buffer, 18, TRB_DATA << 10);
    xd_write(&f.d, XD_DOORBELL(f.slot[KEYBOARD].id), 4, 1);
    xd_settle(&f.d);
    assert_int_equal(xd_event_of(&f.d, TRB_TRANSFER_EVENT).status >> 24, CC_STALL);
    recover(&f, KEYBOARD, 1);
    xd_push(&f.d, ring, 0x0012000001000680, 8, (uint32_t)(TRB_SETUP << 10 | TRB_IDT));
    xd_push(&f.d, ring, f.d.buffer, 4, (uint32_t)(TRB_DATA << 10 | TRB_DIR_IN));
    xd_write(&f.d, XD_DOORBELL(f.slot[KEYBOARD].id), 4, 1);
    xd_settle(&f.d);
    assert_int_equal(xd_event_of(&f.d, TRB_TRANSFER_EVENT).status >> 24, CC_BABBLE);
    recover(&f, KEYBOARD, 1);
    xd_push(&f.d, ring, 0x0001000002000921, 8, (uint32_t)(TRB_SETUP << 10 | TRB_IDT));
    xd_push(&f.d, ring, 0, 0, (uint32_t)(TRB_STATUS << 10 | TRB_IOC));
    xd_write(&f.d, XD_DOORBELL(f.slot[KEYBOARD].id), 4, 1);
    xd_settle(&f.d);
    assert_int_equal(xd_event_of(&f.d, TRB_TRANSFER_EVENT).status >> 24, CC_STALL);
    recover(&f, KEYBOARD, 1);
    /* the data of OUT in the TRB itself */
    assert_int_equal(xd_control(&f.d, &f.slot[KEYBOARD], 0, 9, 1, 0, 0, NULL), CC_SUCCESS);
    xd_push(&f.d, ring, 0x0001000002000921, 8, (uint32_t)(TRB_SETUP << 10 | TRB_IDT));
    xd_push(&f.d, ring, 2, 1, (uint32_t)(TRB_DATA << 10 | TRB_IDT));
    xd_push(&f.d, ring, 0, 0, (uint32_t)(TRB_STATUS << 10 | TRB_IOC | TRB_DIR_IN));
    xd_write(&f.d, XD_DOORBELL(f.slot[KEYBOARD].id), 4, 1);
    xd_settle(&f.d);
    assert_int_equal(xd_event_of(&f.d, TRB_TRANSFER_EVENT).status >> 24, CC_SUCCESS);
    assert_int_equal(input_leds(f.d.input), 2);
    end(&f);
}

static void bad_endpoints(void **unused)
{
    static struct fixture f;
    struct xd_slot *slot = &f.slot[KEYBOARD];
    struct xd_ring ring = {0};

    make(&f);
    xd_ready(&f.d, slot, KEYBOARD);
    xd_event_of(&f.d, 0);
    /* too small a buffer */
    assert_int_equal(command(&f, TRB_STOP_ENDPOINT, KEYBOARD, 3, 0), CC_SUCCESS);
    command(&f, TRB_SET_TR_DEQUEUE, KEYBOARD, 3, (slot->rings[3].base + XHCI_TRB) | 1);
    xd_ask(&f.d, slot, 5);
    input_key(f.d.input, 0x04, true);
    xd_settle(&f.d);
    assert_int_equal(xd_event_of(&f.d, TRB_TRANSFER_EVENT).status >> 24, CC_BABBLE);
    recover(&f, KEYBOARD, 3);
    /* ENDPOINT_HALT */
    xd_control(&f.d, slot, 2, 3, 0, 0x81, 0, NULL);
    xd_ask(&f.d, slot, 8);
    assert_int_equal(xd_event_of(&f.d, TRB_TRANSFER_EVENT).status >> 24, CC_STALL);
    recover(&f, KEYBOARD, 3);
    xd_control(&f.d, slot, 2, 1, 0, 0x81, 0, NULL);
    /* a setup stage on it */
    xd_push(&f.d, &slot->rings[3], 0, 8, TRB_SETUP << 10);
    xd_write(&f.d, XD_DOORBELL(slot->id), 4, 3);
    xd_settle(&f.d);
    assert_int_equal(xd_event_of(&f.d, TRB_TRANSFER_EVENT).status >> 24, CC_TRB);
    /* an endpoint that the device does not have */
    xd_ring_make(&f.d, &ring);
    xd_input_slot(&f.d, 0, 1 | 1 << 4, 1, 4);
    xd_input_endpoint(&f.d, 4, 2, 64, &ring);
    assert_int_equal(command(&f, TRB_CONFIGURE_ENDPOINT, KEYBOARD, 0, f.d.input_context),
                     CC_SUCCESS);
    xd_push(&f.d, &ring, f.d.buffer, 8, (uint32_t)(TRB_NORMAL << 10 | TRB_IOC));
    xd_write(&f.d, XD_DOORBELL(slot->id), 4, 4);
    xd_settle(&f.d);
    assert_int_equal(xd_event_of(&f.d, TRB_TRANSFER_EVENT).status >> 24, CC_TRANSACTION);
    /* a port that was disabled */
    xd_write(&f.d, XD_PORTSC(1), 4, PORT_PP | PORT_PED);
    assert_int_equal(xd_control(&f.d, slot, 0x80, 8, 0, 0, 1, NULL), CC_TRANSACTION);
    xd_write(&f.d, XD_DOORBELL(slot->id), 4, 0); /* no endpoint 0, 32 or 200, nor slot 16's */
    xd_write(&f.d, XD_DOORBELL(slot->id), 4, 32);
    xd_write(&f.d, XD_DOORBELL(slot->id), 4, 200);
    xd_write(&f.d, XD_DOORBELL(XHCI_SLOTS), 4, 1);
    xd_write(&f.d, XD_DOORBELL(0), 4, 1);
    xd_settle(&f.d);
    end(&f);
}

/* --- events --- */

/* Nothing is lost when the ring is full: the controller says so and waits. */
static void full_ring(void **unused)
{
    static struct fixture f;
    struct xhci_trb event;
    unsigned completions = 0, full = 0;

    make(&f);
    for (unsigned i = 0; i < 2 * XD_EVENTS - 8; i++)
        xd_push(&f.d, &f.d.command, 0, 0, TRB_NO_OP_COMMAND << 10);
    xd_write(&f.d, XD_DOORBELL(0), 4, 0);
    xd_settle(&f.d);
    for (unsigned i = 0; i < 1000; i++) {
        while (xd_event(&f.d, &event)) {
            completions += trb_type(&event) == TRB_COMMAND_COMPLETION;
            full += trb_type(&event) == TRB_HOST_CONTROLLER;
            if (trb_type(&event) == TRB_HOST_CONTROLLER)
                assert_int_equal(event.status >> 24, CC_EVENT_RING_FULL);
        }
        xd_settle(&f.d);
    }
    assert_int_equal(completions, 2 * XD_EVENTS - 8);
    assert_int_equal(status(&f) & (STS_HSE | STS_HCE), 0);
    /* ERDP nowhere: events wait */
    xd_write(&f.d, XD_INTERRUPTER(0, 0x18), 8, 0x1000);
    xd_push(&f.d, &f.d.command, 0, 0, TRB_NO_OP_COMMAND << 10);
    xd_write(&f.d, XD_DOORBELL(0), 4, 0);
    xd_settle(&f.d);
    assert_false(xd_event(&f.d, &event));
    xd_write(&f.d, XD_INTERRUPTER(0, 0x18), 8, f.d.events.base + f.d.events.next * XHCI_TRB);
    xd_settle(&f.d);
    assert_true(xd_event(&f.d, &event));
    assert_true(full <= 2);
    end(&f);
}

static void interrupts(void **unused)
{
    static struct fixture f;
    struct xhci_trb event;

    make(&f);
    assert_true(f.rig.intx[f.d.xhci->function.slot]); /* ports have changed */
    assert_true(status(&f) & STS_EINT);
    assert_int_equal(xd_read(&f.d, XD_INTERRUPTER(0, 0), 4), IMAN_IE | IMAN_IP);
    xd_write(&f.d, XD_INTERRUPTER(0, 0), 4, IMAN_IE | IMAN_IP);
    assert_false(f.rig.intx[f.d.xhci->function.slot]);
    xd_write(&f.d, XD_USBSTS, 4, STS_EINT);
    assert_false(status(&f) & STS_EINT);
    /* Without EHB's clearing there is no other one, however many events there are */
    xd_command(&f.d, 0, 0, TRB_NO_OP_COMMAND << 10, NULL);
    while (xd_event(&f.d, &event))
        continue;
    xd_write(&f.d, XD_INTERRUPTER(0, 0), 4, IMAN_IE | IMAN_IP);
    f.rig.messages[0] = 0;
    xd_enable_msix(&f.d);
    for (unsigned i = 0; i < 3; i++) {
        xd_push(&f.d, &f.d.command, 0, 0, TRB_NO_OP_COMMAND << 10);
        xd_write(&f.d, XD_DOORBELL(0), 4, 0);
        xd_settle(&f.d);
    }
    assert_int_equal(f.rig.messages[0], 1);
    assert_int_equal(xd_read(&f.d, XD_INTERRUPTER(0, 0), 4), IMAN_IE);
    assert_true(xd_event(&f.d, &event)); /* two are left: another one */
    assert_int_equal(f.rig.messages[0], 2);
    while (xd_event(&f.d, &event))
        continue;
    /* Disabled at the interrupter, then for all */
    f.rig.messages[0] = 0;
    xd_write(&f.d, XD_INTERRUPTER(0, 0), 4, 0);
    xd_command(&f.d, 0, 0, TRB_NO_OP_COMMAND << 10, NULL);
    assert_int_equal(f.rig.messages[0], 0);
    xd_write(&f.d, XD_USBCMD, 4, CMD_RS);
    xd_write(&f.d, XD_INTERRUPTER(0, 0), 4, IMAN_IE);
    assert_int_equal(f.rig.messages[0], 0);
    xd_write(&f.d, XD_USBCMD, 4, CMD_RS | CMD_INTE);
    assert_int_equal(f.rig.messages[0], 1);
    /* MSI-X goes away with one pending */
    xd_write(&f.d, XD_USBCMD, 4, CMD_RS);
    while (xd_event(&f.d, &event))
        continue;
    xd_command(&f.d, 0, 0, TRB_NO_OP_COMMAND << 10, NULL);
    xd_pci_write(&f.d, f.d.msix + 2, 2, 0);
    xd_write(&f.d, XD_USBCMD, 4, CMD_RS | CMD_INTE);
    assert_true(f.rig.intx[f.d.xhci->function.slot]);
    xd_pci_write(&f.d, f.d.msix + 2, 2, 0x8000);
    assert_false(f.rig.intx[f.d.xhci->function.slot]);
    end(&f);
}

/* An interval between interrupts that no test lives to see the end of, and one that it does. */
static void moderation(void **unused)
{
    static struct fixture f;
    struct xhci_trb event;

    make(&f);
    xd_enable_msix(&f.d);
    while (xd_event(&f.d, &event))
        continue;
    f.rig.messages[0] = 0;
    xd_write(&f.d, XD_INTERRUPTER(0, 4), 4, 0xffff); /* 16 ms */
    xd_command(&f.d, 0, 0, TRB_NO_OP_COMMAND << 10, NULL);
    assert_int_equal(f.rig.messages[0], 1);
    f.d.xhci->interrupters[0].not_before_ns += UINT64_C(1000000000000);
    xd_command(&f.d, 0, 0, TRB_NO_OP_COMMAND << 10, NULL);
    assert_int_equal(f.rig.messages[0], 1);
    f.d.xhci->interrupters[0].not_before_ns -= UINT64_C(1000000000000);
    xd_push(&f.d, &f.d.command, 0, 0, TRB_NO_OP_COMMAND << 10);
    xd_write(&f.d, XD_DOORBELL(0), 4, 0);
    for (unsigned i = 0; i < 10000 && f.rig.messages[0] == 1; i++) {
        host_sleep(1000000);
        host_loop_drain(f.rig.loop);
    }
    assert_int_equal(f.rig.messages[0], 2);
    end(&f);
}

/* A transfer's events go to the interrupter that it names; one that has no ring keeps none. */
static void other_interrupter(void **unused)
{
    static struct fixture f;
    struct xd_slot *slot = &f.slot[KEYBOARD];
    struct xd_ring ring = {0};
    uint8_t entry[16] = {0};
    uint64_t table;

    make(&f);
    xd_ready(&f.d, slot, KEYBOARD);
    xd_enable_msix(&f.d);
    xd_ring_make(&f.d, &ring);
    table = rig_alloc(&f.rig, 64, 64);
    store_le64(entry, ring.base);
    store_le32(entry + 8, 32);
    mem_write(f.rig.mem, table, entry, sizeof(entry));
    xd_write(&f.d, XD_INTERRUPTER(2, 0x14), 4, 0); /* in no particular order */
    xd_write(&f.d, XD_INTERRUPTER(2, 0x10), 4, table);
    xd_write(&f.d, XD_INTERRUPTER(2, 0x18), 8, ring.base);
    xd_write(&f.d, XD_INTERRUPTER(2, 8), 4, 1);
    xd_write(&f.d, XD_INTERRUPTER(2, 0), 4, IMAN_IE);
    xd_push(&f.d, &slot->rings[1], 0, 2u << 22, (uint32_t)(TRB_NO_OP << 10 | TRB_IOC));
    xd_push(&f.d, &slot->rings[1], 0, 2u << 22, (uint32_t)(TRB_NO_OP << 10 | TRB_IOC | TRB_BEI));
    xd_push(&f.d, &slot->rings[1], 0, 3u << 22, (uint32_t)(TRB_NO_OP << 10 | TRB_IOC));
    xd_push(&f.d, &slot->rings[1], 0, 99u << 22, (uint32_t)(TRB_NO_OP << 10 | TRB_IOC));
    xd_write(&f.d, XD_DOORBELL(slot->id), 4, 1);
    xd_settle(&f.d);
    assert_int_equal(f.rig.messages[2], 1);
    assert_int_equal(load_le32(rig_host(&f.rig, ring.base + 28, 4)) >> 10 & 63, TRB_TRANSFER_EVENT);
    assert_int_equal(status(&f) & (STS_HSE | STS_HCE), 0);
    end(&f);
}

/* --- hostility --- */

/* Rings that lead nowhere, to themselves, or on for ever. */
static void endless_rings(void **unused)
{
    static struct fixture f;
    struct xd_slot *slot = &f.slot[KEYBOARD];
    uint64_t ring;

    make(&f);
    xd_ready(&f.d, slot, KEYBOARD);
    ring = slot->rings[1].base;
    /* a link to itself */
    slot->rings[1].next = 5;
    assert_int_equal(command(&f, TRB_STOP_ENDPOINT, KEYBOARD, 1, 0), CC_SUCCESS);
    assert_int_equal(command(&f, TRB_SET_TR_DEQUEUE, KEYBOARD, 1, (ring + 5 * XHCI_TRB) | 1),
                     CC_SUCCESS);
    xd_push(&f.d, &slot->rings[1], ring + 5 * XHCI_TRB, 0, TRB_LINK << 10);
    xd_write(&f.d, XD_DOORBELL(slot->id), 4, 1);
    xd_settle(&f.d);
    assert_int_equal(endpoint_state(&f, KEYBOARD, 1), EP_ERROR);
    /* a chain that never ends */
    slot->rings[1].next = 5;
    assert_int_equal(command(&f, TRB_SET_TR_DEQUEUE, KEYBOARD, 1, (ring + 5 * XHCI_TRB) | 1),
                     CC_SUCCESS);
    xd_push(&f.d, &slot->rings[1], 0, 0, (uint32_t)(TRB_NORMAL << 10 | TRB_CHAIN));
    xd_push(&f.d, &slot->rings[1], ring + 5 * XHCI_TRB, 0, (uint32_t)(TRB_LINK << 10 | TRB_CHAIN));
    xd_write(&f.d, XD_DOORBELL(slot->id), 4, 1);
    xd_settle(&f.d);
    assert_int_equal(endpoint_state(&f, KEYBOARD, 1), EP_ERROR);
    assert_int_equal(xd_event_of(&f.d, TRB_TRANSFER_EVENT).status >> 24, CC_TRB);
    /* No Ops in a circle: work that never ends, a little at a time; the rest goes on */
    slot->rings[1].next = 5;
    assert_int_equal(command(&f, TRB_SET_TR_DEQUEUE, KEYBOARD, 1, (ring + 5 * XHCI_TRB) | 1),
                     CC_SUCCESS);
    xd_push(&f.d, &slot->rings[1], 0, 0, TRB_NO_OP << 10);
    xd_push(&f.d, &slot->rings[1], ring + 5 * XHCI_TRB, 0, TRB_LINK << 10);
    xd_write(&f.d, XD_DOORBELL(slot->id), 4, 1);
    for (unsigned i = 0; i < 3; i++) {
        input_key(f.d.input, 0x04, i % 2 == 0);
        assert_int_not_equal(strlen(report(&f, KEYBOARD)), 0);
        xd_ask(&f.d, slot, 8);
    }
    assert_int_equal(xd_command(&f.d, 0, 0, TRB_NO_OP_COMMAND << 10, NULL), CC_SUCCESS);
    /* and the command ring */
    xd_push(&f.d, &f.d.command, f.d.command.base + f.d.command.next * XHCI_TRB, 0, TRB_LINK << 10);
    xd_write(&f.d, XD_DOORBELL(0), 4, 0);
    xd_settle(&f.d);
    assert_int_equal(status(&f) & (STS_HCE | STS_HCH), STS_HCE | STS_HCH);
    xd_write(&f.d, XD_USBSTS, 4, STS_HCE);
    xd_write(&f.d, XD_USBCMD, 4, CMD_RS); /* not without a reset */
    assert_true(status(&f) & STS_HCH);
    memset(f.slot, 0, sizeof(f.slot));
    xd_start(&f.d);
    xd_ready(&f.d, slot, KEYBOARD);
    end(&f);
}

enum {
    BAD_COMMAND,
    BAD_ERST,
    BAD_EVENTS,
    BAD_DCBAA,
    BAD_INPUT,
    BAD_OUTPUT,
    BAD_TRANSFER,
    BAD_BUFFER,
    BAD_SIZE,
    BADS
};

/* Each structure in turn is not in memory: HSE, and a reset makes it good. */
static void bad_addresses(void **unused)
{
    static struct fixture f;
    const uint64_t nowhere = UINT64_C(0xdead00000000);
    struct xd_slot *slot = &f.slot[KEYBOARD];
    uint8_t entry[16] = {0};

    make(&f);
    for (unsigned bad = 0; bad < BADS; bad++) {
        memset(f.slot, 0, sizeof(f.slot));
        xd_start(&f.d);
        xd_ready(&f.d, slot, KEYBOARD);
        switch (bad) {
        case BAD_COMMAND:
            xd_write(&f.d, XD_CRCR, 4, 4);
            xd_settle(&f.d);
            xd_write(&f.d, XD_CRCR, 8, nowhere | 1);
            break;
        case BAD_ERST: xd_write(&f.d, XD_INTERRUPTER(0, 0x10), 8, nowhere); break;
        case BAD_EVENTS:
        case BAD_SIZE:
            store_le64(entry, bad == BAD_EVENTS ? nowhere : f.d.events.base);
            store_le32(entry + 8, bad == BAD_EVENTS ? XD_EVENTS : 4);
            mem_write(f.rig.mem, f.d.events.table, entry, sizeof(entry));
            xd_write(&f.d, XD_INTERRUPTER(0, 8), 4, 1);
            xd_write(&f.d, XD_INTERRUPTER(0, 0x18), 8, nowhere);
            break;
        case BAD_DCBAA:
            xd_command(&f.d, 0, 0, TRB_ENABLE_SLOT << 10, NULL);
            xd_write(&f.d, XD_DCBAAP, 8, nowhere);
            xd_input_slot(&f.d, 0, 3, 1, 1);
            xd_input_endpoint(&f.d, 1, EP_TYPE_CONTROL, 8, &slot->rings[1]);
            xd_command(&f.d, f.d.input_context, 0, TRB_ADDRESS_DEVICE << 10 | 2 << 24, NULL);
            break;
        case BAD_INPUT: command(&f, TRB_CONFIGURE_ENDPOINT, 1, 0, nowhere); break;
        case BAD_OUTPUT:
            xd_command(&f.d, 0, 0, TRB_ENABLE_SLOT << 10, NULL);
            mem_store(f.rig.mem, f.d.dcbaa + 16, 8, nowhere);
            xd_input_slot(&f.d, 0, 3, 1, 1);
            xd_input_endpoint(&f.d, 1, EP_TYPE_CONTROL, 8, &slot->rings[1]);
            xd_command(&f.d, f.d.input_context, 0, TRB_ADDRESS_DEVICE << 10 | 2 << 24, NULL);
            break;
        case BAD_TRANSFER:
            command(&f, TRB_STOP_ENDPOINT, 1, 1, 0);
            command(&f, TRB_SET_TR_DEQUEUE, 1, 1, nowhere | 1);
            xd_write(&f.d, XD_DOORBELL(slot->id), 4, 1);
            break;
        case BAD_BUFFER:
            input_key(f.d.input, 0x04, true);
            report(&f, KEYBOARD);
            xd_push(&f.d, &slot->rings[3], nowhere, 8, (uint32_t)(TRB_NORMAL << 10 | TRB_IOC));
            xd_write(&f.d, XD_DOORBELL(slot->id), 4, 3);
            input_key(f.d.input, 0x05, true);
            break;
        }
        xd_write(&f.d, XD_DOORBELL(0), 4, 0);
        xd_push(&f.d, &f.d.command, 0, 0, TRB_NO_OP_COMMAND << 10);
        xd_settle(&f.d);
        if (bad != BAD_EVENTS)
            xd_write(&f.d, XD_INTERRUPTER(0, 0x18), 8, f.d.events.base);
        xd_write(&f.d, XD_DOORBELL(0), 4, 0);
        xd_settle(&f.d);
        if (!(status(&f) & (bad == BAD_SIZE ? STS_HCE : STS_HSE)) || !(status(&f) & STS_HCH))
            fail_msg("case %u: USBSTS is %#x", bad, status(&f));
    }
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots),         cmocka_unit_test(contexts),
        cmocka_unit_test(stopping),      cmocka_unit_test(pieces),
        cmocka_unit_test(bad_transfers), cmocka_unit_test(bad_endpoints),
        cmocka_unit_test(full_ring),     cmocka_unit_test(interrupts),
        cmocka_unit_test(moderation),    cmocka_unit_test(other_interrupter),
        cmocka_unit_test(endless_rings), cmocka_unit_test(bad_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
