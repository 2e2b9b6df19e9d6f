/* SPDX-License-Identifier: ISC */
/*
 * Disk images for the tests of EFI's storage: a file in a scratch directory that other people's
 * tools make and check, mapped, with a struct medium over it.
 */
#ifndef TESTS_FIRMWARE_IMAGE_H
#define TESTS_FIRMWARE_IMAGE_H

#include "firmware/efi/medium.h"

struct image {
    char dir[64]; /* the scratch directory; the image is "image" in it */
    uint8_t *bytes;
    size_t size;
    unsigned writes, flushes;
    int fail_after; /* writes that succeed before all fail; -1: none fails */
    struct medium medium;
};

/* cmocka's: make and remove a struct image with its directory, and no image yet. */
int image_setup(void **state);
int image_teardown(void **state);

/* Makes the image, `size` bytes of zeros, and maps it. */
void image_make(struct image *image, size_t size);

/* Runs a shell command in the directory (sbin in its path). Returns its exit status. */
int image_run(const struct image *image, const char *format, ...) PRINTF(2, 3);

/* The same, and fails the test, with what the command said, when its status is not 0. */
void image_must(const struct image *image, const char *format, ...) PRINTF(2, 3);

/* ASCII to CHAR16; one of eight buffers that take turns. */
const uint16_t *wide(const char *text);

#endif
