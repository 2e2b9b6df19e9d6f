/* SPDX-License-Identifier: ISC */
/*
 * Parsers of options whose values are lists, NAME,key=value,flag, and what they take them apart
 * with. A parser gets the option's value, whole, and sets its part of the options; it returns 0 or
 * -EINVAL with a line that says what would be right.
 */
#ifndef CLI_OPTION_LISTS_H
#define CLI_OPTION_LISTS_H

#include "cli/options.h"

/* The list's next piece, with a doubled comma undone; NULL at the end. It lives in
 * options->scratch, which has room for those of one value. */
char *option_piece(struct options *options, const char **at);

/* Splits "key=value" in place; the value is "" without "=". */
char *option_piece_value(char *piece);

/* --- option_devices.c --- */

int option_disk(struct options *options, const char *value, struct error *err);
int option_gpu(struct options *options, const char *value, struct error *err);
int option_display(struct options *options, const char *value, struct error *err);
int option_input(struct options *options, const char *value, struct error *err);
int option_console(struct options *options, const char *value, struct error *err);

/* One more disk, an image at `path`; NULL: there are too many. */
struct atoll_disk *option_add_disk(struct options *options, const char *path, struct error *err);

/* --- option_net.c --- */

int option_net(struct options *options, const char *value, struct error *err);

#endif
