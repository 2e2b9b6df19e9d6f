/* SPDX-License-Identifier: ISC */
/*
 * The keyboard: its descriptors, and reports in the form of the boot protocol (HID 1.11, appendix
 * B.1), whatever the protocol is.
 */
#include <string.h>

#include "usb/hid.h"

#define MODIFIERS     0xe0 /* the usages of eight keys that have a bit each */
#define ROLLOVER      1    /* in all places: more keys are down than there are places (C) */
#define PLACES        (HID_REPORT - 2)
#define USAGES_IN_ALL 0xe0 /* those below the modifiers */

static const uint8_t report_descriptor[] = {
    0x05, 0x01,       /* Usage Page (Generic Desktop) */
    0x09, 0x06,       /* Usage (Keyboard) */
    0xa1, 0x01,       /* Collection (Application) */
    0x05, 0x07,       /*   Usage Page (Keyboard) */
    0x19, 0xe0,       /*   Usage Minimum (Left Control) */
    0x29, 0xe7,       /*   Usage Maximum (Right GUI) */
    0x15, 0x00,       /*   Logical Minimum (0) */
    0x25, 0x01,       /*   Logical Maximum (1) */
    0x75, 0x01,       /*   Report Size (1) */
    0x95, 0x08,       /*   Report Count (8) */
    0x81, 0x02,       /*   Input (Data, Variable, Absolute): modifiers */
    0x95, 0x01,       /*   Report Count (1) */
    0x75, 0x08,       /*   Report Size (8) */
    0x81, 0x01,       /*   Input (Constant): reserved */
    0x05, 0x08,       /*   Usage Page (LEDs) */
    0x19, 0x01,       /*   Usage Minimum (Num Lock) */
    0x29, 0x05,       /*   Usage Maximum (Kana) */
    0x95, 0x05,       /*   Report Count (5) */
    0x75, 0x01,       /*   Report Size (1) */
    0x91, 0x02,       /*   Output (Data, Variable, Absolute): lights */
    0x95, 0x01,       /*   Report Count (1) */
    0x75, 0x03,       /*   Report Size (3) */
    0x91, 0x01,       /*   Output (Constant): padding */
    0x05, 0x07,       /*   Usage Page (Keyboard) */
    0x19, 0x00,       /*   Usage Minimum (none) */
    0x2a, 0xff, 0x00, /*   Usage Maximum (255) */
    0x15, 0x00,       /*   Logical Minimum (0) */
    0x26, 0xff, 0x00, /*   Logical Maximum (255) */
    0x95, 0x06,       /*   Report Count (6) */
    0x75, 0x08,       /*   Report Size (8) */
    0x81, 0x00,       /*   Input (Data, Array): keys */
    0xc0,             /* End Collection */
};

static const uint8_t device[] = HID_DEVICE(0x8105);
static const uint8_t configuration[] = HID_CONFIGURATION(1, 1, sizeof(report_descriptor));
static const char *const strings[] = {[2] = "Apple Inc.", [3] = "Virtual USB Keyboard"};

static void make_report(const struct hid_now *now, uint8_t report[HID_REPORT])
{
    unsigned count = 0;

    memset(report, 0, HID_REPORT);
    report[0] = (uint8_t)(now->keys[MODIFIERS / 64] >> MODIFIERS % 64);
    for (unsigned usage = 0; usage < USAGES_IN_ALL; usage++) {
        if (!(now->keys[usage / 64] & BIT(usage % 64)))
            continue;
        if (count == PLACES) {
            memset(report + 2, ROLLOVER, PLACES);
            return;
        }
        report[2 + count++] = (uint8_t)usage;
    }
}

const struct hid_model usb_keyboard_model = {
    .usb = {device, configuration, strings, nitems(strings), HID_ENDPOINT},
    .report_descriptor = report_descriptor,
    .report_descriptor_size = sizeof(report_descriptor),
    .boot = true,
    .leds = true,
    .report_size = HID_REPORT,
    .report = make_report,
};
