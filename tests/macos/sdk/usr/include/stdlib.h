/* SPDX-License-Identifier: ISC */
#ifndef SDK_STDLIB_H
#define SDK_STDLIB_H

#include <sys/types.h>

#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1
#define RAND_MAX     0x7fffffff

_Noreturn void abort(void);
int abs(int value);
long labs(long value);
int atexit(void (*function)(void));
int atoi(const char *string);
long atol(const char *string);
void *aligned_alloc(size_t align, size_t size);
void *bsearch(const void *key, const void *base, size_t count, size_t size,
              int (*compare)(const void *a, const void *b));
void *calloc(size_t count, size_t size);
_Noreturn void exit(int status);
_Noreturn void _Exit(int status);
void free(void *bytes);
char *getenv(const char *name);
void *malloc(size_t size);
char *mkdtemp(char *path);
int mkstemp(char *path);
int mkostemp(char *path, int flags);
int posix_memalign(void **bytes, size_t align, size_t size);
void qsort(void *base, size_t count, size_t size, int (*compare)(const void *a, const void *b));
char *realpath(const char *path, char *resolved);
void *realloc(void *bytes, size_t size);
int setenv(const char *name, const char *value, int overwrite);
int unsetenv(const char *name);
double strtod(const char *string, char **end);
long strtol(const char *string, char **end, int base);
long long strtoll(const char *string, char **end, int base);
unsigned long strtoul(const char *string, char **end, int base);
unsigned long long strtoull(const char *string, char **end, int base);
int system(const char *command);
int posix_openpt(int flags);
int grantpt(int fd);
int unlockpt(int fd);
char *ptsname(int fd);
int ptsname_r(int fd, char *path, size_t room);
long random(void);
void srandom(unsigned seed);
uint32_t arc4random(void);
void arc4random_buf(void *bytes, size_t length);
int rand(void);
void srand(unsigned seed);

#endif
