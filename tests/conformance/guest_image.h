/* SPDX-License-Identifier: ISC */
/* The suite's guest (guest/conformance/), as an arm64 Image; made by embed.py. */
#ifndef CONFORMANCE_GUEST_IMAGE_H
#define CONFORMANCE_GUEST_IMAGE_H

#include <stddef.h>

extern const unsigned char guest_image[];
extern const size_t guest_image_length;

#endif
