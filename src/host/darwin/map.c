/* SPDX-License-Identifier: ISC */
/*
 * Guest RAM is private anonymous memory that no child inherits. Memory that processes share is a
 * file without a name: macOS's shared memory objects have names for all to see, and are no files to
 * who checks what it was given. Pages are 16 KiB on Apple silicon.
 */
#include "host/map.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mach/vm_inherit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/units.h"
#include "host/private.h"

int host_ram_create(struct host_ram *ram, const char *name, uint64_t size, struct error *err)
{
    uint64_t rounded = align_up(size, host_page_size());
    void *base;

    if (size == 0 || rounded < size || rounded > INT64_MAX)
        return error_set(err, EINVAL, "%s: %llu bytes of memory cannot be made", name,
                         (unsigned long long)size);
    base =
        mmap(NULL, rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        int number = errno;

        return error_set(err, number, "%s: cannot map %llu MiB of memory: %s", name,
                         (unsigned long long)(rounded / MIB), strerror(number));
    }
    minherit(base, rounded, VM_INHERIT_NONE);
    *ram = (struct host_ram){.base = base, .size = rounded};
    return 0;
}

void host_ram_destroy(struct host_ram *ram)
{
    if (!ram->base)
        return;
    munmap(ram->base, ram->size);
    *ram = (struct host_ram){0};
}

/* The map stays, since a hypervisor may have it; whether the host keeps the pages or drops them,
 * they are zeros. */
int host_ram_discard(struct host_ram *ram, uint64_t offset, uint64_t length)
{
    uint8_t *from = (uint8_t *)ram->base + offset;

    if (!range_fits(offset, length, ram->size) || (offset | length) & (host_page_size() - 1))
        return -EINVAL;
    if (length == 0)
        return 0;
    memset(from, 0, length);
    return madvise(from, length, MADV_FREE_REUSABLE) ? -errno : 0;
}

/* How many of the `count` pages from `page` are resident, one byte each in `is`. */
static int look(const struct host_ram *ram, uint64_t page, uint64_t count, char *is)
{
    uint64_t size = host_page_size();

    return mincore((uint8_t *)ram->base + page * size, count * size, is) ? -errno : 0;
}

int64_t host_ram_resident(const struct host_ram *ram)
{
    uint64_t page = host_page_size(), pages = ram->size / page, resident = 0;
    char is[4096];

    for (uint64_t at = 0, n; at < pages; at += n) {
        int ret;

        n = MIN(pages - at, sizeof(is));
        ret = look(ram, at, n, is);
        if (ret)
            return ret;
        for (uint64_t i = 0; i < n; i++)
            resident += (is[i] & MINCORE_INCORE) != 0;
    }
    return (int64_t)(resident * page);
}

/* The first page from `page` on whose residence is `wanted`; `pages` when there is none. What the
 * host has compressed or swapped out holds something, too. */
static uint64_t find_page(const struct host_ram *ram, uint64_t page, bool wanted)
{
    uint64_t pages = ram->size / host_page_size();
    char is[1024];

    for (uint64_t n; page < pages; page += n) {
        n = MIN(pages - page, sizeof(is));
        if (look(ram, page, n, is))
            return pages;
        for (uint64_t i = 0; i < n; i++)
            if (((is[i] & (MINCORE_INCORE | MINCORE_PAGED_OUT)) != 0) == wanted)
                return page + i;
    }
    return pages;
}

bool host_ram_next_resident(const struct host_ram *ram, uint64_t *offset, uint64_t *length)
{
    uint64_t size = host_page_size();
    uint64_t first = find_page(ram, *offset / size, true), end = find_page(ram, first, false);

    *offset = first * size;
    *length = (end - first) * size;
    return end > first;
}

/* Generated code is x86-64's (engine/jit), which no Mac of today is. */
int host_code_create(struct host_code *code, const char *name, size_t size, struct error *err)
{
    return error_set(err, ENOTSUP, "%s: there is no generated code on macOS", name);
}

void host_code_destroy(struct host_code *code)
{
}

/* A new file of `size` zeros; its name is the caller's to remove. Returns a descriptor or -errno.
 */
static int new_file(char path[PATH_MAX], uint64_t size)
{
    const char *folder = getenv("TMPDIR");
    int fd, ret;

    snprintf(path, PATH_MAX, "%s/atoll-XXXXXX", folder && *folder ? folder : "/tmp");
    fd = mkstemp(path);
    if (fd < 0)
        return -errno;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (ftruncate(fd, (off_t)size) == 0)
        return fd;
    ret = -errno;
    unlink(path);
    close(fd);
    return ret;
}

int host_memory_file(const char *name, uint64_t size)
{
    char path[PATH_MAX];
    int fd = new_file(path, size);

    if (fd >= 0)
        unlink(path);
    return fd;
}

int host_shared_create(struct host_shared *shared, const char *name, uint64_t size,
                       struct error *err)
{
    uint64_t rounded = align_up(size, host_page_size());
    char path[PATH_MAX];
    int fd = new_file(path, rounded), number = 0;

    *shared = (struct host_shared){.reader = -1};
    if (fd < 0)
        return error_set(err, -fd, "%s: cannot create memory to be shared: %s", name,
                         strerror(-fd));
    shared->base = mmap(NULL, rounded, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared->base == MAP_FAILED)
        number = errno;
    else if ((shared->reader = open(path, O_RDONLY | O_CLOEXEC)) < 0)
        number = errno;
    unlink(path);
    close(fd); /* the map keeps the file */
    shared->size = rounded;
    if (!number)
        return 0;
    if (shared->base != MAP_FAILED)
        munmap(shared->base, rounded);
    *shared = (struct host_shared){.reader = -1};
    return error_set(err, number, "%s: cannot share memory: %s", name, strerror(number));
}

void host_shared_destroy(struct host_shared *shared)
{
    if (!shared->base)
        return;
    munmap(shared->base, shared->size);
    if (shared->reader >= 0)
        close(shared->reader);
    *shared = (struct host_shared){.reader = -1};
}

uint64_t host_page_size(void)
{
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t host_memory_size(void)
{
    uint64_t size = 0;
    size_t length = sizeof(size);

    return sysctlbyname("hw.memsize", &size, &length, NULL, 0) ? 0 : size;
}
