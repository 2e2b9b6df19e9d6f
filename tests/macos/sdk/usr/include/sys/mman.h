/* SPDX-License-Identifier: ISC */
#ifndef SDK_SYS_MMAN_H
#define SDK_SYS_MMAN_H

#include <sys/types.h>

#define PROT_NONE  0
#define PROT_READ  1
#define PROT_WRITE 2
#define PROT_EXEC  4

#define MAP_SHARED    0x0001
#define MAP_PRIVATE   0x0002
#define MAP_FIXED     0x0010
#define MAP_NORESERVE 0x0040
#define MAP_JIT       0x0800
#define MAP_ANON      0x1000
#define MAP_ANONYMOUS MAP_ANON
#define MAP_FAILED    ((void *)-1)

#define MS_ASYNC 0x0001
#define MS_SYNC  0x0010

#define MADV_NORMAL        0
#define MADV_RANDOM        1
#define MADV_SEQUENTIAL    2
#define MADV_WILLNEED      3
#define MADV_DONTNEED      4
#define MADV_FREE          5
#define MADV_FREE_REUSABLE 7
#define MADV_FREE_REUSE    8

#define MINCORE_INCORE    0x01
#define MINCORE_PAGED_OUT 0x20

int madvise(void *address, size_t length, int advice);
int mincore(const void *address, size_t length, char *is);
int minherit(void *address, size_t length, int inherit);
int mlock(const void *address, size_t length);
void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
int mprotect(void *address, size_t length, int protection);
int msync(void *address, size_t length, int flags);
int munmap(void *address, size_t length);

#endif
