/* SPDX-License-Identifier: ISC */
/*
 * Names of virtio's feature and status bits (VIRTIO 1.2: 5.1.3, 5.2.3, 5.3.3, 5.5.3, 5.7.3, 6;
 * 2.1). Pure functions.
 */
#ifndef DEBUG_NAMES_H
#define DEBUG_NAMES_H

#include "base/bits.h"

/* What the explainer reasons about. */
#define FEATURE_NET_MTU       BIT(3)
#define FEATURE_NET_GUEST_TSO (BIT(7) | BIT(8))
#define FEATURE_NET_HOST_TSO  (BIT(11) | BIT(12))
#define FEATURE_VERSION_1     BIT(32)

enum { STATUS_DRIVER_OK = 4, STATUS_FEATURES_OK = 8, STATUS_FAILED = 128 };

/* Whether a device of this name ("virtio-net0") is of a kind ("virtio-net"). */
bool device_is(const char *device, const char *kind);

/* The bits of a device's features, lowest first, with blanks between them: "MTU MAC VERSION_1";
 * "none" for 0. A bit without a name is "bit 40". Returns text. */
const char *features_name(const char *device, uint64_t features, char *text, size_t room);

/* The same for the device status field: "ACKNOWLEDGE DRIVER FAILED". */
const char *status_name(uint8_t status, char *text, size_t room);

#endif
