/* SPDX-License-Identifier: ISC */
/*
 * Ports of a test's own on a real atoll-switch(1), whose sockets are in a folder of the test's.
 * What cannot be done fails the test.
 */
#ifndef TEST_SWITCH_PORTS_H
#define TEST_SWITCH_PORTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "switch/client_private.h"

#define NAME     "test"
#define PATIENCE 10000 /* ms */

extern char folder[];

/* A group's set-up and tear-down: the folder, and the environment that has it used. */
int make_folder(void **state);
int remove_folder(void **state);

struct switch_client *connect_client(void);

/* The card's address ends in `address`; 0: it has none. */
struct switch_port *join(const char *name, uint16_t mtu, uint8_t address);

/* A frame from one such card to another (0: to all), zeroes after its header. Returns `length`. */
size_t make(uint8_t *frame, uint8_t from, uint8_t to, size_t length);

void send_frame(struct switch_port *port, const uint8_t *frame, size_t length);

/* The next frame's length, copied to `frame`; 0: none came in time. */
size_t receive(struct switch_port *port, uint8_t *frame, int timeout_ms);

#endif
