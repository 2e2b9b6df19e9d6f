/* SPDX-License-Identifier: ISC */
#ifndef SDK_DLFCN_H
#define SDK_DLFCN_H

#define RTLD_LAZY    0x1
#define RTLD_NOW     0x2
#define RTLD_LOCAL   0x4
#define RTLD_GLOBAL  0x8
#define RTLD_DEFAULT ((void *)-2)

int dlclose(void *handle);
char *dlerror(void);
void *dlopen(const char *path, int mode);
void *dlsym(void *handle, const char *symbol);

#endif
