/* SPDX-License-Identifier: ISC */
/*
 * What the keyboard and the pointer have in common: class requests (HID 1.11, 7.2), the sink, and
 * state.
 *
 * Both are one sink of the machine's input, so that keys and clicks keep their order; it is active
 * once a driver reads reports of either. A device holds one report until the driver has taken
 * it, and what comes next stays in the input's queue: every change is seen, one a report.
 *
 * Locks: the input's or the controller's, then a device's own. The input is called from `settle`
 * alone, with neither.
 */
#include "usb/hid.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"

/* bRequest (7.2) */
enum {
    GET_REPORT = 1,
    GET_IDLE = 2,
    GET_PROTOCOL = 3,
    SET_REPORT = 9,
    SET_IDLE = 10,
    SET_PROTOCOL = 11,
};

enum { REPORT_INPUT = 1, REPORT_OUTPUT = 2 }; /* the high byte of wValue (7.2.1) */

#define PROTOCOL_REPORT 1 /* the other is 0, boot (7.2.5) */
#define LEDS            7 /* those that an input knows */

struct hid {
    struct usb_device device;
    const struct hid_model *model;
    struct input *input;
    struct input_sink sink; /* the keyboard's, for both */
    struct hid *pointer;    /* of a keyboard; or NULL. Changes while the sink is away */
    struct hid *keyboard;   /* of a pointer; or NULL */

    pthread_mutex_t lock;
    struct hid_now now; /* what the driver knows, or will by `report` */
    bool polled;        /* a driver asks for reports */
    bool pending;       /* `report` is waiting for it */
    bool letting_go;    /* after a load: of all that is down, before anything else */
    uint8_t report[HID_REPORT];
    uint8_t protocol;
    uint8_t idle; /* kept for GET_IDLE: a report that says nothing new is never sent (7.2.4) */
    uint8_t leds;
    bool tell_room, tell_leds; /* for settle */
};

static struct hid *hid_of(struct usb_device *dev)
{
    return container_of(dev, struct hid, device);
}

/* --- reports; with the lock held --- */

static bool report_free(const struct hid *hid)
{
    return hid->polled && !hid->pending && !hid->letting_go;
}

static void report_now(struct hid *hid)
{
    hid->model->report(&hid->now, hid->report);
    hid->now.pointer.wheel = hid->now.pointer.pan = 0;
    hid->pending = true;
}

/* Nobody on this side holds what was down when the state was saved. */
static void let_go(struct hid *hid)
{
    memset(hid->now.keys, 0, sizeof(hid->now.keys));
    hid->now.pointer.buttons = 0;
    hid->letting_go = false;
    report_now(hid);
}

/* --- the sink --- */

static bool is_polled(struct hid *hid)
{
    bool polled;

    pthread_mutex_lock(&hid->lock);
    polled = hid->polled;
    pthread_mutex_unlock(&hid->lock);
    return polled;
}

/* A guest that drives one of the two is not kept from it; what is for the other goes nowhere. */
static bool sink_active(void *ctx)
{
    struct hid *hid = ctx;

    return is_polled(hid) || (hid->pointer && is_polled(hid->pointer));
}

static bool sink_key(void *ctx, uint16_t usage, bool down)
{
    struct hid *hid = ctx;
    bool room, polled;

    if (usage >= 64 * nitems(hid->now.keys))
        return true; /* no key of page 7's */
    pthread_mutex_lock(&hid->lock);
    polled = hid->polled;
    room = report_free(hid);
    if (room) {
        uint64_t *word = &hid->now.keys[usage / 64], bit = BIT(usage % 64);

        *word = down ? *word | bit : *word & ~bit;
        report_now(hid);
    }
    pthread_mutex_unlock(&hid->lock);
    if (room)
        usb_device_wake(&hid->device);
    return room || !polled;
}

static bool sink_pointer(void *ctx, const struct input_pointer *state)
{
    struct hid *hid = ((struct hid *)ctx)->pointer;
    bool room, polled;

    if (!hid)
        return true;
    pthread_mutex_lock(&hid->lock);
    polled = hid->polled;
    room = report_free(hid);
    if (room) {
        hid->now.pointer = *state;
        report_now(hid);
    }
    pthread_mutex_unlock(&hid->lock);
    if (room)
        usb_device_wake(&hid->device);
    return room || !polled;
}

/* --- the device --- */

static int hid_interrupt_in(struct usb_device *dev, uint8_t data[USB_REPORT_ROOM])
{
    struct hid *hid = hid_of(dev);
    int ret = -EAGAIN;

    pthread_mutex_lock(&hid->lock);
    if (!hid->polled)
        hid->polled = hid->tell_room = true;
    if (!hid->pending && hid->letting_go)
        let_go(hid);
    if (hid->pending) {
        memcpy(data, hid->report, hid->model->report_size);
        ret = (int)hid->model->report_size;
        hid->pending = false;
        hid->tell_room = true;
    }
    pthread_mutex_unlock(&hid->lock);
    return ret;
}

static bool hid_waiting(struct usb_device *dev)
{
    struct hid *hid = hid_of(dev);
    bool waiting;

    pthread_mutex_lock(&hid->lock);
    waiting = hid->pending || hid->letting_go;
    pthread_mutex_unlock(&hid->lock);
    return waiting;
}

static int give(const struct usb_setup *setup, uint8_t *data, const void *bytes, size_t length)
{
    length = MIN(length, MIN(setup->length, USB_CONTROL_ROOM));
    memcpy(data, bytes, length);
    return (int)length;
}

/* The interface's own descriptors (7.1.1) */
static int give_descriptor(const struct hid *hid, const struct usb_setup *setup, uint8_t *data)
{
    const uint8_t *interface = hid->model->usb.configuration + 9, *own = interface + interface[0];

    if (setup->value == HID_DESCRIPTOR << 8)
        return give(setup, data, own, own[0]);
    if (setup->value == HID_DESCRIPTOR_REPORT << 8)
        return give(setup, data, hid->model->report_descriptor, hid->model->report_descriptor_size);
    return -EPIPE;
}

static int get_report(const struct hid *hid, const struct usb_setup *setup, uint8_t *data)
{
    uint8_t report[HID_REPORT];

    if (setup->value == REPORT_OUTPUT << 8 && hid->model->leds)
        return give(setup, data, &hid->leds, 1);
    if (setup->value != REPORT_INPUT << 8)
        return -EPIPE;
    hid->model->report(&hid->now, report);
    return give(setup, data, report, hid->model->report_size);
}

static int set_report(struct hid *hid, const struct usb_setup *setup, const uint8_t *data)
{
    if (setup->value != REPORT_OUTPUT << 8 || !hid->model->leds || setup->length != 1)
        return -EPIPE;
    hid->leds = data[0];
    hid->tell_leds = true;
    return 0;
}

static int set_protocol(struct hid *hid, const struct usb_setup *setup)
{
    if (!hid->model->boot || setup->value > PROTOCOL_REPORT)
        return -EPIPE;
    hid->protocol = (uint8_t)setup->value;
    return 0;
}

static int set_idle(struct hid *hid, const struct usb_setup *setup)
{
    hid->idle = (uint8_t)(setup->value >> 8);
    return 0;
}

static int class_request(struct hid *hid, const struct usb_setup *setup, uint8_t *data)
{
    bool in = setup->type & USB_IN;

    switch (setup->request) {
    case GET_REPORT: return in ? get_report(hid, setup, data) : -EPIPE;
    case GET_IDLE: return in ? give(setup, data, &hid->idle, 1) : -EPIPE;
    case GET_PROTOCOL:
        return in && hid->model->boot ? give(setup, data, &hid->protocol, 1) : -EPIPE;
    case SET_REPORT: return in ? -EPIPE : set_report(hid, setup, data);
    case SET_PROTOCOL: return in ? -EPIPE : set_protocol(hid, setup);
    case SET_IDLE: return in ? -EPIPE : set_idle(hid, setup);
    default: return -EPIPE;
    }
}

static int hid_control(struct usb_device *dev, const struct usb_setup *setup, uint8_t *data)
{
    struct hid *hid = hid_of(dev);
    int ret = -EPIPE;

    pthread_mutex_lock(&hid->lock);
    if ((setup->type & USB_TYPE) == USB_TYPE_CLASS)
        ret = class_request(hid, setup, data);
    else if (setup->request == USB_GET_DESCRIPTOR && (setup->type & (USB_IN | USB_TYPE)) == USB_IN)
        ret = give_descriptor(hid, setup, data);
    pthread_mutex_unlock(&hid->lock);
    return ret;
}

static void hid_reset(struct usb_device *dev)
{
    struct hid *hid = hid_of(dev);

    pthread_mutex_lock(&hid->lock);
    memset(&hid->now, 0, sizeof(hid->now));
    hid->polled = hid->pending = hid->letting_go = false;
    hid->protocol = PROTOCOL_REPORT;
    hid->idle = 0;
    hid->leds = 0;
    hid->tell_room = hid->tell_leds = true;
    pthread_mutex_unlock(&hid->lock);
}

static void hid_settle(struct usb_device *dev)
{
    struct hid *hid = hid_of(dev);
    bool room, leds;
    uint8_t lit;

    pthread_mutex_lock(&hid->lock);
    room = hid->tell_room;
    leds = hid->tell_leds && hid->model->leds;
    lit = hid->leds & LEDS;
    hid->tell_room = hid->tell_leds = false;
    pthread_mutex_unlock(&hid->lock);
    if (leds)
        input_set_leds(hid->input, lit);
    if (room)
        input_sink_room(hid->input);
}

/* --- state --- */

static const struct state_field fields[] = {
    STATE_ARRAY(struct hid, now.keys, STATE_U64, 4),
    STATE_FIELD(struct hid, now.pointer.x, STATE_U16),
    STATE_FIELD(struct hid, now.pointer.y, STATE_U16),
    STATE_FIELD(struct hid, now.pointer.buttons, STATE_U8),
    STATE_FIELD(struct hid, polled, STATE_BOOL),
    STATE_FIELD(struct hid, pending, STATE_BOOL),
    STATE_FIELD(struct hid, letting_go, STATE_BOOL),
    STATE_ARRAY(struct hid, report, STATE_U8, HID_REPORT),
    STATE_FIELD(struct hid, protocol, STATE_U8),
    STATE_FIELD(struct hid, idle, STATE_U8),
    STATE_FIELD(struct hid, leds, STATE_U8),
};
static const struct state_table table = {"usb-hid", 1, fields, nitems(fields)};

static int hid_save(struct usb_device *dev, struct state *state, const char *instance)
{
    struct hid *hid = hid_of(dev);
    int ret;

    pthread_mutex_lock(&hid->lock);
    ret = state_save(state, instance, &table, hid);
    pthread_mutex_unlock(&hid->lock);
    return ret;
}

static bool anything_down(const struct hid_now *now)
{
    return now->keys[0] || now->keys[1] || now->keys[2] || now->keys[3] || now->pointer.buttons;
}

static int hid_load(struct usb_device *dev, const struct state *state, const char *instance,
                    struct error *err)
{
    struct hid *hid = hid_of(dev);
    int ret;

    pthread_mutex_lock(&hid->lock);
    ret = state_load(state, instance, &table, hid, err);
    hid->now.pointer.wheel = hid->now.pointer.pan = 0;
    hid->letting_go |= anything_down(&hid->now);
    hid->protocol &= 1;
    hid->tell_room = hid->tell_leds = true;
    pthread_mutex_unlock(&hid->lock);
    return ret;
}

/* --- life --- */

static void hid_free(struct usb_device *dev)
{
    struct hid *hid = hid_of(dev);

    if (hid->sink.ctx) {
        input_detach(hid->input, &hid->sink);
        if (hid->pointer)
            hid->pointer->keyboard = NULL;
    } else if (hid->keyboard) { /* nobody is in the sink while it is away */
        input_detach(hid->input, &hid->keyboard->sink);
        hid->keyboard->pointer = NULL;
        input_attach(hid->input, &hid->keyboard->sink);
    }
    pthread_mutex_destroy(&hid->lock);
    free(hid);
}

static const struct usb_device_ops ops = {
    .control = hid_control,
    .interrupt_in = hid_interrupt_in,
    .waiting = hid_waiting,
    .reset = hid_reset,
    .settle = hid_settle,
    .save = hid_save,
    .load = hid_load,
    .free = hid_free,
};

static struct hid *create(const struct hid_model *model, struct input *input)
{
    struct hid *hid = calloc(1, sizeof(*hid));

    if (!hid)
        return NULL;
    hid->device = (struct usb_device){.ops = &ops, .descriptors = &model->usb};
    hid->model = model;
    hid->input = input;
    hid->protocol = PROTOCOL_REPORT;
    pthread_mutex_init(&hid->lock, NULL);
    return hid;
}

int usb_keyboard_create(struct usb_device **keyboard, struct input *input)
{
    struct hid *hid = create(&usb_keyboard_model, input);

    if (!hid)
        return -ENOMEM;
    hid->sink = (struct input_sink){
        .active = sink_active, .key = sink_key, .pointer = sink_pointer, .ctx = hid};
    input_attach(input, &hid->sink);
    *keyboard = &hid->device;
    return 0;
}

int usb_pointer_create(struct usb_device **pointer, struct usb_device *keyboard)
{
    struct hid *first = hid_of(keyboard), *hid = create(&usb_pointer_model, first->input);

    if (!hid)
        return -ENOMEM;
    hid->keyboard = first;
    input_detach(first->input, &first->sink);
    first->pointer = hid;
    input_attach(first->input, &first->sink);
    *pointer = &hid->device;
    return 0;
}
