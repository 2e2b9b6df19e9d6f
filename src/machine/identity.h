/* SPDX-License-Identifier: ISC */
/*
 * What tells two machines apart: a UUID, and the addresses of network cards that follow from it.
 */
#ifndef MACHINE_IDENTITY_H
#define MACHINE_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#define IDENTITY_LENGTH 16

/* A UUID as RFC 9562, 4 writes it, in letters of either case: its bytes in the order of the text.
 * Returns 0 or -EINVAL. */
int identity_parse(const char *text, uint8_t uuid[IDENTITY_LENGTH]);

/* The address of network card `index` of the machine with this UUID (NULL: of any that has none):
 * locally administered, and the same at every start, as DHCP leases and udev names like it. */
void identity_mac(const uint8_t *uuid, size_t index, uint8_t mac[6]);

#endif
