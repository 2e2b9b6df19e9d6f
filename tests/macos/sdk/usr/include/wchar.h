/* SPDX-License-Identifier: ISC */
#ifndef SDK_WCHAR_H
#define SDK_WCHAR_H

#include <stddef.h>

typedef int wint_t;

int wcwidth(wchar_t c);
wchar_t *wcschr(const wchar_t *string, wchar_t c);
size_t wcslen(const wchar_t *string);

#endif
