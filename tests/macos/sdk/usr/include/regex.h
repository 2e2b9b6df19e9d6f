/* SPDX-License-Identifier: ISC */
#ifndef SDK_REGEX_H
#define SDK_REGEX_H

#include <sys/types.h>

typedef off_t regoff_t;

typedef struct {
    int re_magic;
    size_t re_nsub;
    const char *re_endp;
    void *re_g;
} regex_t;

typedef struct {
    regoff_t rm_so, rm_eo;
} regmatch_t;

#define REG_EXTENDED 0001
#define REG_ICASE    0002
#define REG_NOSUB    0004
#define REG_NEWLINE  0010
#define REG_NOMATCH  1
#define REG_NOTBOL   00001

int regcomp(regex_t *regex, const char *pattern, int flags);
size_t regerror(int code, const regex_t *regex, char *text, size_t room);
int regexec(const regex_t *regex, const char *string, size_t count, regmatch_t *match, int flags);
void regfree(regex_t *regex);

#endif
