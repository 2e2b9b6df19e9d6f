/* SPDX-License-Identifier: ISC */
/*
 * What a virtio-input device says about itself (VIRTIO 1.2, 5.8.4). Private to virtio/input.c and
 * its tables.
 *
 * Types and codes are those of Linux's evdev (the specification refers to its input-event-codes.h).
 */
#ifndef VIRTIO_INPUT_H
#define VIRTIO_INPUT_H

#include "base/bits.h"

enum { EV_SYN = 0, EV_KEY = 1, EV_REL = 2, EV_ABS = 3, EV_LED = 0x11, EV_REP = 0x14 };
enum { REL_HWHEEL = 6, REL_WHEEL = 8 };
enum { ABS_X = 0, ABS_Y = 1 };
enum { BTN_LEFT = 0x110, BTN_RIGHT = 0x111, BTN_MIDDLE = 0x112 };

/* struct virtio_input_config: two bytes that the driver writes say what it wants to know. */
#define INPUT_CONFIG_SELECT 0
#define INPUT_CONFIG_SUBSEL 1
#define INPUT_CONFIG_SIZE   2
#define INPUT_CONFIG_DATA   8
#define INPUT_CONFIG_LENGTH (INPUT_CONFIG_DATA + 128)

enum input_role { INPUT_KEYBOARD, INPUT_POINTER };

/* What `select` and `subsel` ask for; returns its size, 0 when there is no such thing. */
uint8_t virtio_input_describe(enum input_role role, uint8_t select, uint8_t subsel,
                              uint8_t data[INPUT_CONFIG_LENGTH - INPUT_CONFIG_DATA]);

/* The evdev code of a key by its usage (HID Usage Tables, page 7), 0: none. */
uint16_t virtio_input_code(uint16_t usage);

#endif
