/* SPDX-License-Identifier: ISC */
/*
 * What became of tests: TAP (version 13) as they end, and JUnit's XML in the end.
 */
#ifndef LAB_REPORT_H
#define LAB_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct report_test {
    const char *name;
    const char *skipped; /* why it has not run; NULL: it has */
    char *why;           /* malloc'ed lines; NULL: it is right */
    const char *file;    /* of the step that failed; like `line` only where there is a `why` */
    unsigned line;
    uint64_t took_ns;
};

void report_tap_begin(FILE *to, size_t count);
/* `number` from 1. */
void report_tap(FILE *to, size_t number, const struct report_test *test);

/* All of a lab's tests. Returns 0 or -errno. */
int report_junit(FILE *to, const char *lab, const struct report_test *tests, size_t count);

#endif
