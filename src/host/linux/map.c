/* SPDX-License-Identifier: ISC */
/*
 * Guest RAM is private anonymous memory, because the kernel gives huge pages to that (of shared
 * memory they are switched off on most hosts): fewer faults, and fewer misses of the host's TLB.
 * Generated code, which is mapped twice, is a memfd: a file that has no name in any file system,
 * vanishes with its last map, and has a sealed size.
 */
#include "host/map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/units.h"
#include "host/private.h"

#define HUGE_PAGE (2 * MIB) /* of the kernel's page tables with pages of 4 KiB */

#ifndef PR_SET_VMA
#define PR_SET_VMA           0x53564d41 /* Linux 5.17 */
#define PR_SET_VMA_ANON_NAME 0
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008u /* Linux 6.3 */
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u /* Linux 6.3 */
#endif

/* Older kernels refuse the flags that say whether the file may be executed: ask again without. */
static int memfd_open(const char *name, unsigned exec_flag)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | exec_flag);

    if (fd < 0 && errno == EINVAL)
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd < 0 ? -errno : fd;
}

static int memfd_sized(const char *name, unsigned exec_flag, uint64_t size)
{
    int fd = memfd_open(name, exec_flag), ret;

    if (fd < 0)
        return fd;
    if (ftruncate(fd, (off_t)size) ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
        ret = -errno;
        close(fd);
        return ret;
    }
    return fd;
}

int host_memory_file(const char *name, uint64_t size)
{
    return memfd_sized(name, MFD_NOEXEC_SEAL, size);
}

/* Memory of `size` bytes at a multiple of HUGE_PAGE; MAP_FAILED with errno. */
static void *map_aligned(uint64_t size)
{
    uint8_t *from, *base;
    uint64_t all = size + HUGE_PAGE;

    from =
        mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (from == MAP_FAILED)
        return MAP_FAILED;
    base = (uint8_t *)align_up((uintptr_t)from, HUGE_PAGE);
    if (base > from)
        munmap(from, (size_t)(base - from));
    munmap(base + size, (size_t)(from + all - (base + size)));
    return base;
}

int host_ram_create(struct host_ram *ram, const char *name, uint64_t size, struct error *err)
{
    uint64_t rounded = align_up(size, host_page_size());
    void *base;
    int ret;

    if (size == 0 || rounded < size || rounded > INT64_MAX)
        return error_set(err, EINVAL, "%s: %llu bytes of memory cannot be made", name,
                         (unsigned long long)size);
    base = map_aligned(rounded);
    if (base == MAP_FAILED) {
        ret = errno;
        return error_set(err, ret, "%s: cannot map %llu MiB of memory: %s", name,
                         (unsigned long long)(rounded / MIB), strerror(ret));
    }
    madvise(base, rounded, MADV_HUGEPAGE);
    madvise(base, rounded,
            MADV_DONTDUMP); /* what a guest keeps in memory has no place in our core file */
    madvise(base, rounded, MADV_DONTFORK); /* nor in a helper process (backend/net) */
    prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, base, rounded, name); /* for who reads smaps */
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

int host_ram_discard(struct host_ram *ram, uint64_t offset, uint64_t length)
{
    if (!range_fits(offset, length, ram->size) || (offset | length) & (host_page_size() - 1))
        return -EINVAL;
    if (length == 0)
        return 0;
    return madvise((uint8_t *)ram->base + offset, length, MADV_DONTNEED) ? -errno : 0;
}

int64_t host_ram_resident(const struct host_ram *ram)
{
    uint64_t page = host_page_size(), pages = ram->size / page, resident = 0;
    unsigned char is[4096];

    for (uint64_t at = 0, n; at < pages; at += n) {
        n = MIN(pages - at, sizeof(is));
        if (mincore((uint8_t *)ram->base + at * page, n * page, is))
            return -errno;
        for (uint64_t i = 0; i < n; i++)
            resident += is[i] & 1;
    }
    return (int64_t)(resident * page);
}

/* The first page from `page` on whose residence is `wanted`; `pages` when there is none. */
static uint64_t find_page(const struct host_ram *ram, uint64_t page, bool wanted)
{
    uint64_t size = host_page_size(), pages = ram->size / size;
    unsigned char is[1024];

    for (uint64_t n; page < pages; page += n) {
        n = MIN(pages - page, sizeof(is));
        if (mincore((uint8_t *)ram->base + page * size, n * size, is))
            return pages;
        for (uint64_t i = 0; i < n; i++)
            if ((is[i] & 1) == wanted)
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

int host_code_create(struct host_code *code, const char *name, size_t size, struct error *err)
{
    size_t rounded = align_up(size, host_page_size());
    void *write = MAP_FAILED, *exec = MAP_FAILED;
    int fd, ret = 0;

    if (size == 0 || rounded < size)
        return error_set(err, EINVAL, "%s: %zu bytes of code cannot be mapped", name, size);
    fd = memfd_sized(name, MFD_EXEC, rounded);
    if (fd < 0)
        return error_set(err, -fd, "%s: cannot create %zu bytes for code: %s", name, rounded,
                         strerror(-fd));
    write = mmap(NULL, rounded, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (write != MAP_FAILED)
        exec = mmap(NULL, rounded, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (exec == MAP_FAILED)
        ret = errno;
    close(fd); /* the maps keep the file */
    if (ret) {
        if (write != MAP_FAILED)
            munmap(write, rounded);
        return error_set(err, ret, "%s: cannot map %zu bytes for code: %s", name, rounded,
                         strerror(ret));
    }
    *code = (struct host_code){.write = write, .exec = exec, .size = rounded};
    return 0;
}

/* A descriptor of its own that only reads: the writer's could be given to nobody. */
static int reopen_reader(int fd)
{
    char path[32];
    int reader;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    reader = open(path, O_RDONLY | O_CLOEXEC);
    return reader < 0 ? -errno : reader;
}

int host_shared_create(struct host_shared *shared, const char *name, uint64_t size,
                       struct error *err)
{
    uint64_t rounded = align_up(size, host_page_size());
    int fd = memfd_sized(name, MFD_NOEXEC_SEAL, rounded), ret;

    *shared = (struct host_shared){.reader = -1};
    if (fd < 0)
        return error_set(err, -fd, "%s: cannot create memory to be shared: %s", name,
                         strerror(-fd));
    shared->base = mmap(NULL, rounded, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    ret = shared->base == MAP_FAILED ? -errno : reopen_reader(fd);
    close(fd); /* the map keeps the file */
    if (ret < 0) {
        if (shared->base != MAP_FAILED)
            munmap(shared->base, rounded);
        shared->base = NULL;
        return error_set(err, -ret, "%s: cannot share memory: %s", name, strerror(-ret));
    }
    shared->size = rounded;
    shared->reader = ret;
    return 0;
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

void host_code_destroy(struct host_code *code)
{
    if (!code->write)
        return;
    munmap(code->write, code->size);
    munmap((void *)(uintptr_t)code->exec, code->size);
    *code = (struct host_code){0};
}

uint64_t host_page_size(void)
{
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t host_memory_size(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);

    return pages > 0 ? (uint64_t)pages * host_page_size() : 0;
}
