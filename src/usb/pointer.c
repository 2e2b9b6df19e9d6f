/* SPDX-License-Identifier: ISC */
/*
 * The pointer: a mouse (so that mouse drivers take it) whose axes are absolute (so that it is where
 * the viewer's pointer is), with a wheel both ways.
 */
#include "base/endian.h"
#include "usb/hid.h"

#define REPORT_SIZE 7

static const uint8_t report_descriptor[] = {
    0x05, 0x01,       /* Usage Page (Generic Desktop) */
    0x09, 0x02,       /* Usage (Mouse) */
    0xa1, 0x01,       /* Collection (Application) */
    0x09, 0x01,       /*   Usage (Pointer) */
    0xa1, 0x00,       /*   Collection (Physical) */
    0x05, 0x09,       /*     Usage Page (Button) */
    0x19, 0x01,       /*     Usage Minimum (1) */
    0x29, 0x03,       /*     Usage Maximum (3) */
    0x15, 0x00,       /*     Logical Minimum (0) */
    0x25, 0x01,       /*     Logical Maximum (1) */
    0x95, 0x03,       /*     Report Count (3) */
    0x75, 0x01,       /*     Report Size (1) */
    0x81, 0x02,       /*     Input (Data, Variable, Absolute): buttons */
    0x95, 0x01,       /*     Report Count (1) */
    0x75, 0x05,       /*     Report Size (5) */
    0x81, 0x01,       /*     Input (Constant): padding */
    0x05, 0x01,       /*     Usage Page (Generic Desktop) */
    0x09, 0x30,       /*     Usage (X) */
    0x09, 0x31,       /*     Usage (Y) */
    0x15, 0x00,       /*     Logical Minimum (0) */
    0x26, 0xff, 0x7f, /*     Logical Maximum (32767) */
    0x35, 0x00,       /*     Physical Minimum (0) */
    0x46, 0xff, 0x7f, /*     Physical Maximum (32767) */
    0x95, 0x02,       /*     Report Count (2) */
    0x75, 0x10,       /*     Report Size (16) */
    0x81, 0x02,       /*     Input (Data, Variable, Absolute): place */
    0x09, 0x38,       /*     Usage (Wheel) */
    0x15, 0x81,       /*     Logical Minimum (-127) */
    0x25, 0x7f,       /*     Logical Maximum (127) */
    0x35, 0x00,       /*     Physical Minimum (0) */
    0x45, 0x00,       /*     Physical Maximum (0): as the logical ones */
    0x95, 0x01,       /*     Report Count (1) */
    0x75, 0x08,       /*     Report Size (8) */
    0x81, 0x06,       /*     Input (Data, Variable, Relative): wheel */
    0x05, 0x0c,       /*     Usage Page (Consumer) */
    0x0a, 0x38, 0x02, /*     Usage (AC Pan) */
    0x81, 0x06,       /*     Input (Data, Variable, Relative): wheel to the side */
    0xc0,             /*   End Collection */
    0xc0,             /* End Collection */
};

static const uint8_t device[] = HID_DEVICE(0x8106);
static const uint8_t configuration[] = HID_CONFIGURATION(0, 0, sizeof(report_descriptor));
static const char *const strings[] = {[2] = "Apple Inc.", [3] = "Virtual USB Digitizer"};

static void make_report(const struct hid_now *now, uint8_t report[HID_REPORT])
{
    const struct input_pointer *p = &now->pointer;

    _Static_assert(INPUT_LEFT == 1 && INPUT_RIGHT == 2 && INPUT_MIDDLE == 4, "buttons 1, 2 and 3");
    report[0] = p->buttons & 7;
    store_le16(report + 1, MIN(p->x, INPUT_AXIS_MAX));
    store_le16(report + 3, MIN(p->y, INPUT_AXIS_MAX));
    report[5] = (uint8_t)MAX(p->wheel, -127);
    report[6] = (uint8_t)MAX(p->pan, -127);
}

const struct hid_model usb_pointer_model = {
    .usb = {device, configuration, strings, nitems(strings), HID_ENDPOINT},
    .report_descriptor = report_descriptor,
    .report_descriptor_size = sizeof(report_descriptor),
    .report_size = REPORT_SIZE,
    .report = make_report,
};
