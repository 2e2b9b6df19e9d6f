/* SPDX-License-Identifier: ISC */
/*
 * The keyboard and the pointer of Apple's machine on USB (Device Class Definition for Human
 * Interface Devices 1.11): "Virtual USB Keyboard", 05ac:8105, and "Virtual USB Digitizer",
 * 05ac:8106, a mouse with absolute axes.
 */
#ifndef USB_HID_H
#define USB_HID_H

#include "backend/input.h"
#include "usb/device.h"

/* The keyboard, which becomes a sink of `input`. 0 or -ENOMEM. */
int usb_keyboard_create(struct usb_device **keyboard, struct input *input);

/* The pointer, which takes the pointer's events for the sink of `keyboard`; it is freed after the
 * keyboard. 0 or -ENOMEM. */
int usb_pointer_create(struct usb_device **pointer, struct usb_device *keyboard);

/* --- between usb/hid.c and the two --- */

#define HID_REPORT 8 /* bytes at most, in either device's only report */

/* What is pressed, and where the pointer is. */
struct hid_now {
    uint64_t keys[4]; /* a bit each usage of page 7 */
    struct input_pointer pointer;
};

struct hid_model {
    struct usb_descriptors usb;
    const uint8_t *report_descriptor; /* (6.2.2) */
    size_t report_descriptor_size;
    bool boot, leds;
    size_t report_size;
    void (*report)(const struct hid_now *now, uint8_t report[HID_REPORT]);
};

extern const struct hid_model usb_keyboard_model, usb_pointer_model;

/* The configuration descriptor (USB 2.0, 9.6.3; HID, 7.1): one interface, its HID descriptor and
 * its endpoint. Bus-powered with remote wakeup; the endpoint is asked for a report every
 * millisecond, which costs nothing while there is none. */
#define HID_CONFIGURATION(subclass, protocol, report_descriptor_size)                              \
    {                                                                                              \
        9, USB_DESCRIPTOR_CONFIGURATION, 34, 0, 1, 1, 0, 0xa0, 50, 9, USB_DESCRIPTOR_INTERFACE, 0, \
            0, 1, 3, (subclass), (protocol), 0, 9, HID_DESCRIPTOR, 0x10, 0x01, 0, 1,               \
            HID_DESCRIPTOR_REPORT, (report_descriptor_size)&0xff, (report_descriptor_size) >> 8,   \
            7, USB_DESCRIPTOR_ENDPOINT, USB_IN | HID_ENDPOINT, 3, HID_REPORT, 0, 1                 \
    }

/* The device descriptor (9.6.1), as Apple's machine has it. */
#define HID_DEVICE(product)                                                                        \
    {                                                                                              \
        18, USB_DESCRIPTOR_DEVICE, 0x00, 0x02, 0, 0, 0, 8, 0xac, 0x05, (product)&0xff,             \
            (product) >> 8, 0, 0, 2, 3, 0, 1                                                       \
    }

#define HID_ENDPOINT 1

enum { HID_DESCRIPTOR = 0x21, HID_DESCRIPTOR_REPORT = 0x22 };

#endif
