/* SPDX-License-Identifier: ISC */
/* macOS's sandbox, as far as src/host/darwin/confine.c uses it: sandbox_init(3). */
#ifndef TESTS_SANDBOX_H
#define TESTS_SANDBOX_H

#include <stdint.h>

int sandbox_init(const char *profile, uint64_t flags, char **errorbuf);
void sandbox_free_error(char *errorbuf);

#endif
