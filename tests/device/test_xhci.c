/* SPDX-License-Identifier: ISC */
/* The USB controller and its two devices with a driver that attaches them, types, sleeps, and moves
 * to another machine. */
#include "xhci_fixture.h"

/* --- registers --- */

static void registers(void **unused)
{
    static struct fixture f;
    unsigned at;

    make(&f);
    assert_int_equal(xd_pci_read(&f.d, 0, 4), 0x1a06106b);
    assert_int_equal(xd_pci_read(&f.d, 8, 4) >> 8, 0x0c0330);
    assert_int_equal(xd_pci_read(&f.d, 0x60, 1), 0x30);
    assert_int_equal(xd_read(&f.d, 0, 1), 0x20);
    assert_int_equal(xd_read(&f.d, 2, 2), 0x0110);
    assert_int_equal(xd_read(&f.d, 4, 4), 0x10002010);
    assert_int_equal(xd_read(&f.d, 0x10, 8), UINT64_C(0x80002600001));
    at = 4 * (unsigned)(xd_read(&f.d, 0x10, 4) >> 16);
    assert_int_equal(xd_read(&f.d, at, 4), 0x02000402);
    assert_int_equal(xd_read(&f.d, at + 4, 4), 0x20425355);
    assert_int_equal(xd_read(&f.d, at + 8, 4), 0x801);
    assert_int_equal(xd_read(&f.d, at + 16, 4), 0x03000002);
    assert_int_equal(xd_read(&f.d, at + 24, 4), 0x809);
    assert_int_equal(xd_read(&f.d, at + 32, 4), 0);
    assert_int_equal(xd_read(&f.d, 0x28, 4), 1); /* PAGESIZE */
    assert_int_equal(xd_read(&f.d, 0x800, 4), 0);
    xd_write(&f.d, XD_CONFIG, 4, 200);
    assert_int_equal(xd_read(&f.d, XD_CONFIG, 4), XHCI_SLOTS);
    xd_write(&f.d, 0x34, 4, 0x12345678);
    assert_int_equal(xd_read(&f.d, 0x34, 4), 0x5678);
    xd_write(&f.d, 0x34, 2, 0); /* too narrow */
    assert_int_equal(xd_read(&f.d, 0x34, 4), 0x5678);
    xd_write(&f.d, XD_DCBAAP, 8, UINT64_C(0x123456789abcdeff));
    assert_int_equal(xd_read(&f.d, XD_DCBAAP, 8), UINT64_C(0x123456789abcdec0));
    assert_int_equal(xd_read(&f.d, XD_CRCR, 8), 0);
    assert_int_equal(xd_read(&f.d, XD_INTERRUPTER(31, 4), 4), IMOD_RESET);
    assert_int_equal(xd_read(&f.d, XD_INTERRUPTER(0, 8), 4), 1);
    assert_int_equal(xd_read(&f.d, XD_INTERRUPTER(0, 0x10), 8), f.d.events.table);
    for (at = 0; at < 4096; at += 4) { /* nothing there is an error */
        xd_read(&f.d, at, 4);
        if (at > 0x38)
            xd_write(&f.d, at, 4, xd_read(&f.d, at, 4));
    }
    assert_int_equal(xd_read(&f.d, XD_MFINDEX + 4, 4), 0);
    end(&f);
}

static void halted(void **unused)
{
    static struct fixture f;

    make(&f);
    assert_false(status(&f) & STS_HCH);
    xd_write(&f.d, XD_USBCMD, 4, 0);
    assert_true(status(&f) & STS_HCH);
    xd_push(&f.d, &f.d.command, 0, 0, TRB_NO_OP_COMMAND << 10);
    xd_write(&f.d, XD_DOORBELL(0), 4, 0); /* rings for nobody */
    xd_settle(&f.d);
    xd_event_of(&f.d, 0);
    xd_write(&f.d, XD_USBCMD, 4, CMD_RS);
    xd_settle(&f.d);
    assert_int_equal(xd_event_of(&f.d, TRB_COMMAND_COMPLETION).control, 0);
    xd_write(&f.d, XD_DOORBELL(0), 4, 0);
    xd_settle(&f.d);
    assert_int_equal(xd_event_of(&f.d, TRB_COMMAND_COMPLETION).status >> 24, CC_SUCCESS);
    assert_true(xd_read(&f.d, XD_CRCR, 4) & 8);
    end(&f);
}

static bool has_wrapped(struct xhci *x)
{
    bool wrapped;

    pthread_mutex_lock(&x->lock);
    wrapped = x->wraps != 0;
    pthread_mutex_unlock(&x->lock);
    return wrapped;
}

static void microframes(void **unused)
{
    static struct fixture f;

    make(&f);
    xd_write(&f.d, XD_USBCMD, 4, 0);
    f.d.xhci->mfindex_stopped = BIT(14) - 1;
    assert_int_equal(xd_read(&f.d, XD_MFINDEX, 4), BIT(14) - 1);
    xd_event_of(&f.d, 0);
    xd_write(&f.d, XD_USBCMD, 4, CMD_RS | CMD_EWE);
    for (unsigned i = 0; i < 10000 && !has_wrapped(f.d.xhci); i++) {
        host_sleep(1000000);
        host_loop_drain(f.rig.loop);
    }
    assert_int_equal(
        trb_type(&(struct xhci_trb){.control = xd_event_of(&f.d, TRB_MFINDEX_WRAP).control}),
        TRB_MFINDEX_WRAP);
    end(&f);
}

/* --- ports --- */

static void ports(void **unused)
{
    static struct fixture f;
    struct xhci_trb event;

    make(&f);
    event = xd_event_of(&f.d, TRB_PORT_STATUS_CHANGE);
    assert_int_equal(event.parameter >> 24, KEYBOARD);
    event = xd_event_of(&f.d, TRB_PORT_STATUS_CHANGE);
    assert_int_equal(event.parameter >> 24, POINTER);
    assert_false(xd_event(&f.d, &event));
    assert_int_equal(xd_read(&f.d, XD_PORTSC(1), 4), 0x206e1); /* CSC, full speed, polling */
    assert_int_equal(xd_read(&f.d, XD_PORTSC(3), 4), 0x2a0);
    xd_write(&f.d, XD_PORTSC(3), 4, PORT_PP | PORT_PR); /* nothing is there */
    assert_int_equal(xd_read(&f.d, XD_PORTSC(3), 4), 0x2a0);
    xd_write(&f.d, XD_PORTSC(1), 4, PORT_PP | PORT_CSC | PORT_WAKE);
    assert_int_equal(xd_read(&f.d, XD_PORTSC(1), 4), 0x0e0006e1);
    xd_write(&f.d, XD_PORTSC(1), 4, PORT_PP | PORT_PR);
    assert_int_equal(xd_read(&f.d, XD_PORTSC(1), 4), 0x200603); /* PRC, enabled, U0 */
    xd_settle(&f.d);
    assert_int_equal(xd_event_of(&f.d, TRB_PORT_STATUS_CHANGE).parameter >> 24, KEYBOARD);
    assert_true(status(&f) & STS_PCD);
    xd_write(&f.d, XD_USBSTS, 4, STS_PCD);
    assert_false(status(&f) & STS_PCD);
    xd_write(&f.d, XD_PORTSC(1), 4, PORT_PP | PORT_PED | PORT_PRC);
    assert_int_equal(xd_read(&f.d, XD_PORTSC(1), 4), 0x681);
    xd_write(&f.d, XD_PORTSC(1), 4, PORT_PP | PORT_LWS | LINK_U3 << 5); /* disabled */
    assert_int_equal(xd_read(&f.d, XD_PORTSC(1), 4), 0x681);
    xd_write(&f.d, XD_PORTSC(1) + 4, 4, 0xffffffff);
    assert_int_equal(xd_read(&f.d, XD_PORTSC(1) + 4, 4), 0);
    end(&f);
}

/* --- enumeration --- */

static void descriptors(void **unused)
{
    static struct fixture f;
    static const char *const names[] = {NULL, "Virtual USB Keyboard", "Virtual USB Digitizer"};
    unsigned moved;

    make(&f);
    for (unsigned port = KEYBOARD; port <= POINTER; port++) {
        struct xd_slot *slot = &f.slot[port];
        uint16_t report;

        assert_int_equal(xd_attach(&f.d, slot, port), CC_SUCCESS);
        assert_int_equal(slot_state(&f, port), 2);
        assert_int_equal(endpoint_state(&f, port, 1), EP_RUNNING);
        assert_int_equal(xd_control(&f.d, slot, 0x80, 6, 0x100, 0, 8, &moved), CC_SUCCESS);
        assert_int_equal(moved, 8);
        assert_int_equal(data(&f)[7], 8);
        xd_control(&f.d, slot, 0x80, 6, 0x100, 0, 64, &moved);
        assert_int_equal(moved, 18);
        assert_int_equal(load_le16(data(&f) + 8), 0x05ac);
        assert_int_equal(load_le16(data(&f) + 10), 0x8104 + port);
        xd_control(&f.d, slot, 0x80, 6, 0x200, 0, 255, &moved);
        assert_int_equal(moved, 34);
        assert_int_equal(load_le16(data(&f) + 2), 34);
        assert_int_equal(data(&f)[14], 3);                 /* HID */
        assert_int_equal(data(&f)[15], port == KEYBOARD);  /* boot interface */
        assert_int_equal(load_le16(data(&f) + 20), 0x110); /* of HID 1.10 */
        report = load_le16(data(&f) + 25);
        assert_int_equal(data(&f)[29], 0x81);
        xd_control(&f.d, slot, 0x80, 6, 0x300, 0, 255, &moved);
        assert_int_equal(moved, 4);
        xd_control(&f.d, slot, 0x80, 6, 0x302, 0x409, 255, &moved);
        assert_memory_equal(data(&f),
                            "\x16\x03"
                            "A\0p\0p\0l\0e\0 \0I\0n\0c\0.\0",
                            22);
        xd_control(&f.d, slot, 0x80, 6, 0x303, 0x409, 255, &moved);
        assert_int_equal(moved, 2 + 2 * strlen(names[port]));
        assert_int_equal(data(&f)[2 + 12], (uint8_t)names[port][6]);
        xd_control(&f.d, slot, 0x81, 6, 0x2100, 0, 255, &moved);
        assert_int_equal(moved, 9);
        xd_control(&f.d, slot, 0x81, 6, 0x2200, 0, 255, &moved);
        assert_int_equal(moved, report);
        assert_int_equal(data(&f)[report - 1], 0xc0);
    }
    end(&f);
}

struct request {
    uint8_t type, request;
    uint16_t value, index, length;
    uint8_t code;   /* completion */
    uint8_t answer; /* first byte */
};

/* In order, on a device that has been addressed. */
static const struct request requests[] = {
    {0x80, 8, 0, 0, 1, CC_SUCCESS, 0},       /* GET_CONFIGURATION */
    {0x81, 0, 0, 0, 2, CC_STALL, 0},         /* an interface of none */
    {0x21, 10, 0, 0, 0, CC_STALL, 0},        /* SET_IDLE before its time */
    {0x00, 9, 2, 0, 0, CC_STALL, 0},         /* there is no configuration 2 */
    {0x00, 9, 1, 0, 0, CC_SUCCESS, 0},       /* SET_CONFIGURATION */
    {0x80, 8, 0, 0, 1, CC_SUCCESS, 1},       /**/
    {0x00, 5, 7, 0, 0, CC_SUCCESS, 0},       /* SET_ADDRESS, out of turn */
    {0x80, 0, 0, 0, 2, CC_SUCCESS, 0},       /* GET_STATUS */
    {0x00, 3, 1, 0, 0, CC_SUCCESS, 0},       /* SET_FEATURE: remote wakeup */
    {0x80, 0, 0, 0, 2, CC_SUCCESS, 2},       /**/
    {0x00, 1, 1, 0, 0, CC_SUCCESS, 0},       /**/
    {0x80, 0, 0, 0, 2, CC_SUCCESS, 0},       /**/
    {0x00, 3, 9, 0, 0, CC_STALL, 0},         /* there is no feature 9 */
    {0x00, 7, 0, 0, 0, CC_STALL, 0},         /* SET_DESCRIPTOR */
    {0x80, 6, 0x600, 0, 10, CC_STALL, 0},    /* a device qualifier */
    {0x80, 6, 0x309, 0, 10, CC_STALL, 0},    /* string 9 */
    {0x80, 6, 0x301, 0, 10, CC_STALL, 0},    /* string 1, a gap */
    {0x81, 0, 0, 0, 2, CC_SUCCESS, 0},       /* of the interface */
    {0x81, 10, 0, 0, 1, CC_SUCCESS, 0},      /* GET_INTERFACE */
    {0x01, 11, 0, 0, 0, CC_SUCCESS, 0},      /* SET_INTERFACE */
    {0x01, 11, 1, 0, 0, CC_STALL, 0},        /**/
    {0x81, 0, 0, 1, 2, CC_STALL, 0},         /* interface 1 */
    {0x81, 12, 0, 0, 2, CC_STALL, 0},        /**/
    {0x81, 6, 0x2300, 0, 2, CC_STALL, 0},    /* a physical descriptor */
    {0x82, 0, 0, 0x81, 2, CC_SUCCESS, 0},    /* of the endpoint */
    {0x02, 3, 0, 0x81, 0, CC_SUCCESS, 0},    /* ENDPOINT_HALT */
    {0x82, 0, 0, 0x81, 2, CC_SUCCESS, 1},    /**/
    {0x02, 1, 0, 0x81, 0, CC_SUCCESS, 0},    /**/
    {0x02, 3, 1, 0x81, 0, CC_STALL, 0},      /**/
    {0x82, 0, 0, 0x80, 2, CC_SUCCESS, 0},    /* endpoint 0 */
    {0x82, 0, 0, 0x82, 2, CC_STALL, 0},      /* no endpoint 2 */
    {0x82, 12, 0, 0x81, 2, CC_STALL, 0},     /* SYNCH_FRAME */
    {0xa1, 3, 0, 0, 1, CC_SUCCESS, 1},       /* GET_PROTOCOL */
    {0x21, 11, 0, 0, 0, CC_SUCCESS, 0},      /* SET_PROTOCOL: boot */
    {0xa1, 3, 0, 0, 1, CC_SUCCESS, 0},       /**/
    {0x21, 11, 2, 0, 0, CC_STALL, 0},        /**/
    {0x21, 10, 0x7d00, 0, 0, CC_SUCCESS, 0}, /* SET_IDLE */
    {0xa1, 2, 0, 0, 1, CC_SUCCESS, 0x7d},    /* GET_IDLE */
    {0xa1, 1, 0x100, 0, 8, CC_SUCCESS, 0},   /* GET_REPORT */
    {0xa1, 1, 0x200, 0, 1, CC_SUCCESS, 0},   /* lights */
    {0xa1, 1, 0x300, 0, 1, CC_STALL, 0},     /* a feature report */
    {0x21, 1, 0x100, 0, 0, CC_STALL, 0},     /* GET to the device */
    {0x21, 2, 0, 0, 0, CC_STALL, 0},         /**/
    {0xa1, 9, 0x200, 0, 1, CC_STALL, 0},     /* SET from it */
    {0xa1, 10, 0, 0, 1, CC_STALL, 0},        /**/
    {0xa1, 11, 0, 0, 1, CC_STALL, 0},        /**/
    {0x21, 9, 0x100, 0, 1, CC_STALL, 0},     /* an input report */
    {0x21, 9, 0x200, 0, 2, CC_STALL, 0},     /* two bytes of lights */
    {0xa1, 77, 0, 0, 1, CC_STALL, 0},        /**/
    {0xa0, 1, 0, 0, 1, CC_STALL, 0},         /* a class's, to the device */
    {0xa2, 1, 0, 0x81, 1, CC_STALL, 0},      /**/
    {0xc1, 1, 0, 0, 1, CC_STALL, 0},         /* a vendor's */
    {0x83, 0, 0, 0, 2, CC_STALL, 0},         /* to nobody */
};

static void standard_requests(void **unused)
{
    static struct fixture f;

    make(&f);
    assert_int_equal(xd_attach(&f.d, &f.slot[KEYBOARD], KEYBOARD), CC_SUCCESS);
    for (size_t i = 0; i < nitems(requests); i++) {
        const struct request *r = &requests[i];
        unsigned moved;
        uint8_t code = xd_control(&f.d, &f.slot[KEYBOARD], r->type, r->request, r->value, r->index,
                                  r->length, &moved);

        if (code != r->code)
            fail_msg("request %zu: completion code %u", i, code);
        if (code == CC_STALL)
            recover(&f, KEYBOARD, 1);
        else if (r->length && (moved != r->length || data(&f)[0] != r->answer))
            fail_msg("request %zu: %u bytes, %#x", i, moved, data(&f)[0]);
    }
    end(&f);
}

/* --- reports --- */

static void typing(void **unused)
{
    static struct fixture f;
    static const char *const reports[] = {"0000040000000000", "0200040000000000",
                                          "0200040500000000", "0200050000000000",
                                          "0000050000000000", "0000000000000000"};

    make_ready(&f);
    xd_enable_msix(&f.d);
    assert_string_equal(report(&f, KEYBOARD), "");
    f.rig.messages[0] = 0;
    input_key(f.d.input, 0x04, true);
    input_key(f.d.input, 0xe1, true);
    input_key(f.d.input, 0x05, true);
    input_key(f.d.input, 0x04, false);
    input_key(f.d.input, 0xe1, false);
    input_key(f.d.input, 0x05, false);
    for (size_t i = 0; i < nitems(reports); i++) {
        assert_string_equal(report(&f, KEYBOARD), reports[i]);
        assert_string_equal(report(&f, KEYBOARD), ""); /* until it is asked for */
        xd_ask(&f.d, &f.slot[KEYBOARD], 8);
    }
    assert_string_equal(report(&f, KEYBOARD), "");
    assert_int_equal(f.rig.messages[0], nitems(reports));
    end(&f);
}

static void rollover(void **unused)
{
    static struct fixture f;

    make_ready(&f);
    for (unsigned i = 0; i < 7; i++) {
        input_key(f.d.input, 0x10 + i, true);
        if (i < 6)
            report(&f, KEYBOARD);
        else
            assert_string_equal(report(&f, KEYBOARD), "0000010101010101");
        xd_ask(&f.d, &f.slot[KEYBOARD], 8);
    }
    input_key(f.d.input, 0x10, false);
    assert_string_equal(report(&f, KEYBOARD), "0000111213141516");
    end(&f);
}

static void pointing(void **unused)
{
    static struct fixture f;
    const struct input_pointer states[] = {
        {0x1234, 0x7fff, INPUT_LEFT | INPUT_MIDDLE, 0, 0}, {0, 1, 0, 3, -2}, {0, 1, 0, -128, 0}};

    make_ready(&f);
    for (unsigned i = 0; i < nitems(states); i++) {
        static const char *const reports[] = {"053412ff7f0000", "000000010003fe", "00000001008100"};

        input_pointer(f.d.input, &states[i]);
        assert_string_equal(report(&f, POINTER), reports[i]);
        xd_ask(&f.d, &f.slot[POINTER], 8);
    }
    end(&f);
}

/* Without a driver for its pointer a guest gets its keys all the same. */
static void no_pointer_driver(void **unused)
{
    static struct fixture f;
    const struct input_pointer state = {1, 1, 1, 0, 0};

    make(&f);
    xd_ready(&f.d, &f.slot[KEYBOARD], KEYBOARD);
    xd_event_of(&f.d, 0);
    input_pointer(f.d.input, &state);
    input_key(f.d.input, 0x04, true);
    assert_string_equal(report(&f, KEYBOARD), "0000040000000000");
    end(&f);
}

/* Nor from its pointer without one for its keyboard. */
static void no_keyboard_driver(void **unused)
{
    static struct fixture f;
    const struct input_pointer state = {1, 2, 0, 0, 0};

    make(&f);
    xd_ready(&f.d, &f.slot[POINTER], POINTER);
    xd_event_of(&f.d, 0);
    input_key(f.d.input, 0x04, true);
    input_pointer(f.d.input, &state);
    assert_string_equal(report(&f, POINTER), "00010002000000");
    end(&f);
}

/* What is typed before there is a driver waits for it. */
static void typed_early(void **unused)
{
    static struct fixture f;

    make(&f);
    input_key(f.d.input, 0x04, true);
    xd_ready(&f.d, &f.slot[KEYBOARD], KEYBOARD);
    assert_string_equal(report(&f, KEYBOARD), "0000040000000000");
    xhci_ops.reset(f.d.xhci);
    xd_settle(&f.d);
    xd_start(&f.d);
    input_key(f.d.input, 0x05, true);
    memset(f.slot, 0, sizeof(f.slot));
    xd_ready(&f.d, &f.slot[KEYBOARD], KEYBOARD);
    assert_string_equal(report(&f, KEYBOARD), "0000050000000000");
    end(&f);
}

static void lights(void **unused)
{
    static struct fixture f;

    make_ready(&f);
    assert_int_equal(mem_fill(f.rig.mem, f.d.buffer, 3, 1), 0);
    assert_int_equal(xd_control(&f.d, &f.slot[KEYBOARD], 0x21, 9, 0x200, 0, 1, NULL), CC_SUCCESS);
    assert_int_equal(input_leds(f.d.input), 3);
    assert_int_equal(xd_control(&f.d, &f.slot[POINTER], 0x21, 9, 0x200, 0, 1, NULL), CC_STALL);
    xd_write(&f.d, XD_USBCMD, 4, CMD_HCRST);
    xd_settle(&f.d);
    assert_int_equal(input_leds(f.d.input), 0);
    end(&f);
}

static void sleeping(void **unused)
{
    static struct fixture f;
    const uint32_t strobe = (uint32_t)(PORT_PP | PORT_LWS);

    make_ready(&f);
    xd_control(&f.d, &f.slot[KEYBOARD], 0, 3, 1, 0, 0, NULL); /* remote wakeup */
    xd_write(&f.d, XD_PORTSC(1), 4, strobe | LINK_U3 << 5);
    assert_int_equal(xd_read(&f.d, XD_PORTSC(1), 4) >> 5 & 15, LINK_U3);
    xd_settle(&f.d);
    input_key(f.d.input, 0x04, true);
    xd_settle(&f.d);
    assert_int_equal(xd_read(&f.d, XD_PORTSC(1), 4) >> 5 & 15, LINK_RESUME);
    assert_int_equal(xd_event_of(&f.d, TRB_PORT_STATUS_CHANGE).parameter >> 24, KEYBOARD);
    assert_string_equal(report(&f, KEYBOARD), "");
    xd_write(&f.d, XD_PORTSC(1), 4, PORT_PP | PORT_PLC);
    xd_write(&f.d, XD_PORTSC(1), 4, strobe | LINK_U0 << 5);
    assert_true(xd_read(&f.d, XD_PORTSC(1), 4) & PORT_PLC);
    assert_string_equal(report(&f, KEYBOARD), "0000040000000000");
    xd_write(&f.d, XD_PORTSC(2), 4, strobe | LINK_U3 << 5);
    xd_write(&f.d, XD_PORTSC(2), 4, strobe | LINK_RESUME << 5);
    assert_int_equal(xd_read(&f.d, XD_PORTSC(2), 4) >> 5 & 15, LINK_RESUME);
    end(&f);
}

/* --- state --- */

static void save(struct fixture *f, struct state *state)
{
    xhci_quiesce(f->d.xhci);
    assert_int_equal(pci_host_ops.save(f->rig.pci, state, "pci"), 0);
    assert_int_equal(xhci_ops.save(f->d.xhci, state, "xhci0"), 0);
}

/* Into another machine with the same memory. */
static void move(struct fixture *f, struct state *state)
{
    struct error err;

    xd_destroy(&f->d);
    rig_rebuild(&f->rig);
    xd_create(&f->d, &f->rig);
    assert_int_equal(pci_host_ops.load(f->rig.pci, state, "pci", &err), 0);
    assert_int_equal(xhci_ops.load(f->d.xhci, state, "xhci0", &err), 0);
    xhci_resume(f->d.xhci);
}

/* With transfers that wait, a report that nobody has taken, doorbells nobody has heard and keys
 * that are down, which are let go on the other side. */
static void saved(void **unused)
{
    static struct fixture f;
    const struct input_pointer press = {5, 6, INPUT_RIGHT, 0, 0};
    struct state *state = state_new();
    uint64_t nop;

    make_ready(&f);
    xd_enable_msix(&f.d);
    assert_int_equal(mem_fill(f.rig.mem, f.d.buffer, 2, 1), 0);
    xd_control(&f.d, &f.slot[KEYBOARD], 0x21, 9, 0x200, 0, 1, NULL);
    input_key(f.d.input, 0xe1, true);
    input_key(f.d.input, 0x04, true);
    input_pointer(f.d.input, &press);
    assert_string_equal(report(&f, KEYBOARD), "0200000000000000");
    xhci_quiesce(f.d.xhci);
    nop = xd_push(&f.d, &f.d.command, 0, 0, TRB_NO_OP_COMMAND << 10);
    xd_write(&f.d, XD_DOORBELL(0), 4, 0);
    save(&f, state);
    move(&f, state);
    xd_settle(&f.d);
    assert_int_equal(input_leds(f.d.input), 2);
    assert_int_equal(xd_event_of(&f.d, TRB_COMMAND_COMPLETION).parameter, nop);
    f.rig.messages[0] = 0;
    xd_ask(&f.d, &f.slot[KEYBOARD], 8);
    assert_string_equal(report(&f, KEYBOARD), "0200040000000000");
    xd_ask(&f.d, &f.slot[KEYBOARD], 8);
    assert_string_equal(report(&f, KEYBOARD), "0000000000000000");
    assert_true(f.rig.messages[0] > 0);
    xd_ask(&f.d, &f.slot[KEYBOARD], 8);
    input_key(f.d.input, 0x05, true);
    assert_string_equal(report(&f, KEYBOARD), "0000050000000000");
    state_free(state);
    end(&f);
}

/* Every number of a state is somebody else's: what cannot be is refused, by name, and the
 * controller is as after a reset. */
static void damaged(void **unused)
{
    static struct fixture f;
    struct state *state = state_new();
    const uint8_t *bytes;
    size_t length;
    unsigned refused = 0;

    make_ready(&f);
    save(&f, state);
    bytes = state_bytes(state, &length);
    for (size_t at = 0; at < length; at++) {
        struct error err = {0};
        uint8_t *copy = malloc(length);
        struct state *other;

        assert_non_null(copy);
        memcpy(copy, bytes, length);
        copy[at] ^= 0xff;
        other = state_parse(copy, length, NULL);
        free(copy);
        if (!other)
            continue;
        if (xhci_ops.load(f.d.xhci, other, "xhci0", &err)) {
            refused++;
            assert_int_not_equal(strlen(err.text), 0);
            assert_true(status(&f) & STS_HCH);
        }
        xhci_resume(f.d.xhci);
        xd_settle(&f.d);
        state_free(other);
    }
    assert_true(refused > 100);
    assert_int_equal(xhci_ops.load(f.d.xhci, state, "xhci0", NULL), 0);
    assert_int_equal(xhci_ops.load(f.d.xhci, state, "other", NULL), -ENOENT);
    xhci_resume(f.d.xhci);
    memset(f.slot, 0, sizeof(f.slot));
    xd_start(&f.d);
    xd_ready(&f.d, &f.slot[KEYBOARD], KEYBOARD);
    state_free(state);
    end(&f);
}

static void connecting(void **unused)
{
    static struct fixture f;
    struct usb_device *keyboard, *pointer;

    make(&f);
    assert_int_equal(usb_keyboard_create(&keyboard, f.d.input), 0);
    assert_int_equal(usb_pointer_create(&pointer, keyboard), 0);
    assert_int_equal(xhci_connect(f.d.xhci, 1, keyboard), -EBUSY);
    assert_int_equal(xhci_connect(f.d.xhci, 0, keyboard), -EINVAL);
    assert_int_equal(xhci_connect(f.d.xhci, 9, keyboard), -EINVAL);
    pointer->ops->free(pointer);
    keyboard->ops->free(keyboard);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers),
        cmocka_unit_test(halted),
        cmocka_unit_test(microframes),
        cmocka_unit_test(ports),
        cmocka_unit_test(descriptors),
        cmocka_unit_test(standard_requests),
        cmocka_unit_test(typing),
        cmocka_unit_test(rollover),
        cmocka_unit_test(pointing),
        cmocka_unit_test(no_pointer_driver),
        cmocka_unit_test(no_keyboard_driver),
        cmocka_unit_test(typed_early),
        cmocka_unit_test(lights),
        cmocka_unit_test(sleeping),
        cmocka_unit_test(saved),
        cmocka_unit_test(damaged),
        cmocka_unit_test(connecting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
