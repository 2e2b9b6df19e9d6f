/* SPDX-License-Identifier: ISC */
/*
 * The tables behind virtio-input: which keys and axes there are, and what they are called.
 */
#include <stdio.h>
#include <string.h>

#include "backend/input.h"
#include "base/endian.h"
#include "virtio/input.h"

/* select (5.8.4) */
enum {
    CFG_ID_NAME = 0x01,
    CFG_ID_SERIAL = 0x02,
    CFG_ID_DEVIDS = 0x03,
    CFG_EV_BITS = 0x11,
    CFG_ABS_INFO = 0x12,
};

#define BUS_VIRTUAL 0x06
#define VENDOR      0x1af4
#define MAX_CODE    0x2ff

/* evdev codes by usage, as a USB keyboard's driver on Linux has them: the guest cannot tell the
 * difference. */
static const uint8_t codes[] = {
    [0x04] = 30,  48,  46,  32,  18,  33,  34,  35,  23,  36,  37,  38,  50, /* A to M */
    [0x11] = 49,  24,  25,  16,  19,  31,  20,  22,  47,  17,  45,  21,  44, /* N to Z */
    [0x1e] = 2,   3,   4,   5,   6,   7,   8,   9,   10,  11,                /* 1 to 0 */
    [0x28] = 28,  1,   14,  15,  57, /* Enter, Escape, Backspace, Tab, space */
    [0x2d] = 12,  13,  26,  27,  43,  43,  39,  40,  41,  51,  52,  53,  58, /* - to Caps Lock */
    [0x3a] = 59,  60,  61,  62,  63,  64,  65,  66,  67,  68,  87,  88,      /* F1 to F12 */
    [0x46] = 99,  70,  119, 110, 102, 104, 111, 107, 109,          /* Print to Page Down */
    [0x4f] = 106, 105, 108, 103,                                   /* right, left, down, up */
    [0x53] = 69,  98,  55,  74,  78,  96,                          /* Num Lock, / * - + Enter */
    [0x59] = 79,  80,  81,  75,  76,  77,  71,  72,  73,  82,  83, /* 1 to 0, dot */
    [0x64] = 86,  127, 116, 117, /* beside the left Shift, Menu, Power, = */
    [0x68] = 183, 184, 185, 186, 187, 188, 189, 190, 191, 192, 193, 194, /* F13 to F24 */
    [0x74] = 134, 138, 130, 132, 128, 129, 131, 137, 133, 135, 136,      /* Execute to Find */
    [0x7f] = 113, 115, 114,                                              /* mute, louder, softer */
    [0x85] = 121,                                                        /* the keypad's comma */
    [0x87] = 89,  93,  124, 92,  94,  95,                                /* International 1 to 6 */
    [0x90] = 122, 123, 90,  91,  85,                                     /* Lang 1 to 5 */
    [0xe0] = 29,  42,  56,  125, 97,  54,  100, 126,                     /* the modifiers */
};

uint16_t virtio_input_code(uint16_t usage)
{
    return usage < nitems(codes) ? codes[usage] : 0;
}

static void bit_set(uint8_t *bits, uint8_t *size, unsigned bit)
{
    bits[bit / 8] |= (uint8_t)(1u << bit % 8);
    *size = (uint8_t)MAX(*size, bit / 8 + 1);
}

static uint8_t keyboard_bits(uint8_t type, uint8_t *bits)
{
    uint8_t size = 0;

    if (type == EV_KEY)
        for (size_t usage = 0; usage < nitems(codes); usage++)
            if (codes[usage])
                bit_set(bits, &size, codes[usage]);
    if (type == EV_LED)
        for (unsigned led = 0; led < 3; led++) /* Num Lock, Caps Lock, Scroll Lock */
            bit_set(bits, &size, led);
    return type == EV_REP ? 1 : size; /* no bits, but the driver is to repeat keys */
}

static uint8_t pointer_bits(uint8_t type, uint8_t *bits)
{
    static const struct {
        uint8_t type;
        uint16_t code;
    } has[] = {{EV_KEY, BTN_LEFT},   {EV_KEY, BTN_RIGHT}, {EV_KEY, BTN_MIDDLE}, {EV_REL, REL_WHEEL},
               {EV_REL, REL_HWHEEL}, {EV_ABS, ABS_X},     {EV_ABS, ABS_Y}};
    uint8_t size = 0;

    for (size_t i = 0; i < nitems(has); i++)
        if (has[i].type == type)
            bit_set(bits, &size, has[i].code);
    return size;
}

static uint8_t devids(enum input_role role, uint8_t *data)
{
    store_le16(data, BUS_VIRTUAL);
    store_le16(data + 2, VENDOR);
    store_le16(data + 4, role == INPUT_KEYBOARD ? 1 : 2);
    store_le16(data + 6, 1);
    return 8;
}

/* struct virtio_input_absinfo: min, max, fuzz, flat, res */
static uint8_t absinfo(enum input_role role, uint8_t axis, uint8_t *data)
{
    if (role != INPUT_POINTER || axis > ABS_Y)
        return 0;
    store_le32(data + 4, INPUT_AXIS_MAX);
    return 20;
}

uint8_t virtio_input_describe(enum input_role role, uint8_t select, uint8_t subsel,
                              uint8_t data[INPUT_CONFIG_LENGTH - INPUT_CONFIG_DATA])
{
    const char *name = role == INPUT_KEYBOARD ? "Atoll keyboard" : "Atoll pointer";
    size_t room = INPUT_CONFIG_LENGTH - INPUT_CONFIG_DATA;

    _Static_assert(MAX_CODE / 8 < INPUT_CONFIG_LENGTH - INPUT_CONFIG_DATA, "bits of every code");
    memset(data, 0, room);
    switch (select) {
    case CFG_ID_NAME: return subsel ? 0 : (uint8_t)snprintf((char *)data, room, "%s", name);
    case CFG_ID_SERIAL: return subsel ? 0 : (uint8_t)snprintf((char *)data, room, "0");
    case CFG_ID_DEVIDS: return subsel ? 0 : devids(role, data);
    case CFG_EV_BITS:
        return role == INPUT_KEYBOARD ? keyboard_bits(subsel, data) : pointer_bits(subsel, data);
    case CFG_ABS_INFO: return absinfo(role, subsel, data);
    default: return 0; /* properties among them: it is a pointer like a mouse */
    }
}
