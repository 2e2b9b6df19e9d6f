/* SPDX-License-Identifier: ISC */
/*
 * A USB device as its author writes it, and as its host controller drives it. Universal Serial Bus
 * Specification 2.0, chapter 9.
 *
 * A device has one configuration with one interface and one interrupt IN endpoint. It answers
 * control requests at once; its endpoint gives a report when there is one and is not asked again
 * before the device has called usb_device_wake. All of it happens under the controller's lock, on
 * its loop or, for a reset, on a vCPU's thread.
 */
#ifndef USB_DEVICE_H
#define USB_DEVICE_H

#include "base/bits.h"
#include "base/error.h"
#include "base/state.h"

#define USB_CONTROL_ROOM 512 /* bytes in a data stage, either way, that a device can ask for */
#define USB_REPORT_ROOM  64  /* bytes in an interrupt transfer at full speed */

/* bmRequestType (table 9-2) */
#define USB_IN             0x80u
#define USB_TYPE           0x60u
#define USB_TYPE_CLASS     0x20u
#define USB_RECIPIENT      0x1fu
#define USB_TO_DEVICE      0u
#define USB_TO_INTERFACE   1u
#define USB_TO_ENDPOINT    2u
#define USB_GET_DESCRIPTOR 6u /* bRequest (table 9-4) */

/* Descriptor types (table 9-5) */
enum {
    USB_DESCRIPTOR_DEVICE = 1,
    USB_DESCRIPTOR_CONFIGURATION = 2,
    USB_DESCRIPTOR_STRING = 3,
    USB_DESCRIPTOR_INTERFACE = 4,
    USB_DESCRIPTOR_ENDPOINT = 5,
};

struct usb_setup {
    uint8_t type, request;
    uint16_t value, index, length;
};

struct usb_device;

struct usb_device_ops {
    /* A request to the interface that chapter 9 leaves to it: a class's, or for its descriptors.
     * IN: fills up to MIN(setup->length, USB_CONTROL_ROOM) bytes of `data` and returns their
     * number; OUT: `data` has setup->length of them, and 0 is returned. -EPIPE: STALL. */
    int (*control)(struct usb_device *dev, const struct usb_setup *setup, uint8_t *data);
    /* The next report in `data`: its length, or -EAGAIN when there is none (NAK). */
    int (*interrupt_in)(struct usb_device *dev, uint8_t data[USB_REPORT_ROOM]);
    /* Whether interrupt_in would give a report. */
    bool (*waiting)(struct usb_device *dev);
    /* Back to the state after a reset of the bus, or of a SET_CONFIGURATION. */
    void (*reset)(struct usb_device *dev);
    /* After work of any kind, on the loop without the controller's lock: tells its backend what has
     * changed. */
    void (*settle)(struct usb_device *dev);
    int (*save)(struct usb_device *dev, struct state *state, const char *instance);
    int (*load)(struct usb_device *dev, const struct state *state, const char *instance,
                struct error *err);
    void (*free)(struct usb_device *dev);
};

struct usb_descriptors {
    const uint8_t *device;        /* its first byte is its length */
    const uint8_t *configuration; /* with interface and endpoint; its length as wTotalLength says */
    const char *const *strings;   /* ASCII, by index; the first is not used. NULL: no such string */
    size_t string_count;
    uint8_t endpoint; /* the interrupt IN endpoint's number */
};

struct usb_device {
    const struct usb_device_ops *ops;
    const struct usb_descriptors *descriptors;
    uint8_t configuration;
    bool remote_wakeup; /* may wake a suspended port */
    bool halted;        /* the interrupt endpoint's feature ENDPOINT_HALT */
    /* The controller's. */
    void (*wake)(void *ctx);
    void *wake_ctx;
};

/* Makes the request `setup`: bytes as for ops->control, standard requests included. */
int usb_device_control(struct usb_device *dev, const struct usb_setup *setup, uint8_t *data);

/* Asks IN endpoint `number` for data: its length, -EAGAIN (NAK), -EPIPE (STALL), or -ENODEV when
 * there is no such endpoint: nothing answers. */
int usb_device_interrupt_in(struct usb_device *dev, unsigned number, uint8_t data[USB_REPORT_ROOM]);

/* A reset of the bus (9.1.1.3). */
void usb_device_reset(struct usb_device *dev);

/* Whether a suspended device asks for its bus to be resumed (9.1.1.6). */
bool usb_device_wants_resume(struct usb_device *dev);

/* The device has a report. Any thread; never blocks. */
void usb_device_wake(struct usb_device *dev);

/* The state above, and the device's own as section `instance`. */
int usb_device_save(struct usb_device *dev, struct state *state, const char *instance);
int usb_device_load(struct usb_device *dev, const struct state *state, const char *instance,
                    struct error *err);

#endif
