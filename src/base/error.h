/* SPDX-License-Identifier: ISC */
/*
 * One error that a person will read: a code for programs and one line of text that says what is
 * wrong, where, and what would be right. Functions that can fail because of what a user gave them
 * take one as their last parameter; it may be NULL.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "base/bits.h"

struct error {
    int code; /* a positive errno, 0 when there is no error */
    char text[512];
};

/*
 * Fills `err` (which may be NULL) with an errno `code` (positive) and a line of text without a
 * final newline; a longer text is cut. Returns -code, so that callers write
 * `return error_set(err, EINVAL, "...")`. Any thread.
 */
int error_set(struct error *err, int code, const char *format, ...) PRINTF(3, 4);

/* Puts "text: " before what `err` holds already, as context is added on the way up. Returns -code.
 */
int error_prefix(struct error *err, const char *format, ...) PRINTF(2, 3);

#endif
