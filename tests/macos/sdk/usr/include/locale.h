/* SPDX-License-Identifier: ISC */
#ifndef SDK_LOCALE_H
#define SDK_LOCALE_H

#define LC_ALL     0
#define LC_CTYPE   2
#define LC_NUMERIC 4

struct lconv {
    char *decimal_point;
};

char *setlocale(int category, const char *locale);
struct lconv *localeconv(void);

#endif
