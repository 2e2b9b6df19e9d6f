/* SPDX-License-Identifier: ISC */
#ifndef SDK_STRINGS_H
#define SDK_STRINGS_H

#include <stddef.h>

int strcasecmp(const char *a, const char *b);
int strncasecmp(const char *a, const char *b, size_t length);
int ffs(int value);
void bzero(void *bytes, size_t length);

#endif
