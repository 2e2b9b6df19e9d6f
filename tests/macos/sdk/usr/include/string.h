/* SPDX-License-Identifier: ISC */
#ifndef SDK_STRING_H
#define SDK_STRING_H

#include <stddef.h>

void *memchr(const void *bytes, int byte, size_t length);
int memcmp(const void *a, const void *b, size_t length);
void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *bytes, int byte, size_t length);
void *memmem(const void *in, size_t in_length, const void *what, size_t length);
char *stpcpy(char *to, const char *from);
char *strcat(char *to, const char *from);
char *strchr(const char *string, int byte);
int strcmp(const char *a, const char *b);
char *strcpy(char *to, const char *from);
size_t strcspn(const char *string, const char *set);
char *strdup(const char *string);
char *strerror(int number);
size_t strlcat(char *to, const char *from, size_t room);
size_t strlcpy(char *to, const char *from, size_t room);
size_t strlen(const char *string);
char *strncat(char *to, const char *from, size_t length);
int strncmp(const char *a, const char *b, size_t length);
char *strncpy(char *to, const char *from, size_t length);
char *strndup(const char *string, size_t length);
size_t strnlen(const char *string, size_t length);
char *strpbrk(const char *string, const char *set);
char *strrchr(const char *string, int byte);
char *strsignal(int number);
char *strcasestr(const char *in, const char *what);
char *strsep(char **string, const char *set);
size_t strspn(const char *string, const char *set);
char *strstr(const char *in, const char *what);
char *strtok(char *string, const char *set);
char *strtok_r(char *string, const char *set, char **rest);

#include <strings.h>

#endif
