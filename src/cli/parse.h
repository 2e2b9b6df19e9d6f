/* SPDX-License-Identifier: ISC */
/*
 * Values that people type.
 */
#ifndef CLI_PARSE_H
#define CLI_PARSE_H

#include "atoll/atoll.h"
#include "base/error.h"

/* A decimal number up to `max`; nothing else may follow. Returns 0 or -EINVAL. */
int parse_number(const char *text, uint64_t max, uint64_t *value);

/* A guest address, decimal or after 0x; nothing else may follow. Returns 0 or -EINVAL. */
int parse_address(const char *text, uint64_t *address);

/* A size: a number and nothing, K, M, G (or KiB...) for powers of 1024. Returns 0 or -EINVAL (also
 * on overflow). */
int parse_size(const char *text, uint64_t *bytes);

/* "WIDTHxHEIGHT", each from 1 to `max`. Returns 0 or -EINVAL. */
int parse_dimensions(const char *text, unsigned max, unsigned *width, unsigned *height);

/* "aa:bb:cc:dd:ee:ff". Returns 0 or -EINVAL. */
int parse_mac(const char *text, uint8_t mac[6]);

/* "tcp|udp:[ADDRESS:]HOSTPORT:GUESTPORT", ADDRESS an IPv4 address but 0.0.0.0. Returns 0 or
 * -EINVAL. */
int parse_forward_rule(const char *text, struct atoll_forward *forward);

/* "on", "off", or "" for on. Returns 0 or -EINVAL, with a line that begins with `what`. */
int parse_switch(const char *what, const char *text, bool *value, struct error *err);

#endif
