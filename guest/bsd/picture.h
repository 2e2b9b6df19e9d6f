/* SPDX-License-Identifier: ISC */
/*
 * The test picture: a white frame around red that grows to the right, green that grows downwards,
 * and squares of blue. The user program paints it, the kernel looks for it in the frame buffer, and
 * the tests look for it on the screen (tests/boot/bsd.py has the same formula).
 */
#ifndef BSD_PICTURE_H
#define BSD_PICTURE_H

#include <stdint.h>

#define PICTURE_WHITE 0xffffffu

/* The pixel, as B8G8R8X8 puts it into a little-endian word: 0x00RRGGBB. */
static inline uint32_t picture_pixel(uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
    uint32_t red = x * 255 / (width - 1), green = y * 255 / (height - 1);
    uint32_t blue = ((x >> 4) + (y >> 4)) & 1 ? 0xc0 : 0x20;

    if (x == 0 || y == 0 || x == width - 1 || y == height - 1)
        return PICTURE_WHITE;
    return red << 16 | green << 8 | blue;
}

#endif
