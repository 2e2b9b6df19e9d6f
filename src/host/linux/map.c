/* SPDX-License-Identifier: ISC */
/*
 * Shareable memory as a memfd: it has no name in any file system, it vanishes with its last user,
 * and its size is sealed, so that nobody who is handed the descriptor can take pages away under a
 * mapping.
 */
#include "host/map.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/units.h"

#define STAT_BLOCK 512 /* the unit of st_blocks, stat(2) */

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

int host_shm_create(struct host_shm *shm, const char *name, uint64_t size, struct error *err)
{
    uint64_t rounded = align_up(size, host_page_size());
    void *base;
    int fd, ret;

    if (size == 0 || rounded < size || rounded > INT64_MAX)
        return error_set(err, EINVAL, "%s: %llu bytes of shared memory cannot be made", name,
                         (unsigned long long)size);
    fd = memfd_sized(name, MFD_NOEXEC_SEAL, rounded);
    if (fd < 0)
        return error_set(err, -fd, "%s: cannot create %llu MiB of shared memory: %s", name,
                         (unsigned long long)(rounded / MIB), strerror(-fd));
    base = mmap(NULL, rounded, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (base == MAP_FAILED) {
        ret = errno;
        close(fd);
        return error_set(err, ret, "%s: cannot map %llu MiB of shared memory: %s", name,
                         (unsigned long long)(rounded / MIB), strerror(ret));
    }
    madvise(base, rounded,
            MADV_DONTDUMP); /* what a guest keeps in memory has no place in our core file */
    madvise(base, rounded, MADV_DONTFORK); /* nor in a helper process (backend/net) */
    *shm = (struct host_shm){.fd = fd, .base = base, .size = rounded};
    return 0;
}

void host_shm_destroy(struct host_shm *shm)
{
    if (!shm->base)
        return;
    munmap(shm->base, shm->size);
    close(shm->fd);
    *shm = (struct host_shm){.fd = -1};
}

int host_shm_discard(struct host_shm *shm, uint64_t offset, uint64_t length)
{
    if (!range_fits(offset, length, shm->size) || (offset | length) & (host_page_size() - 1))
        return -EINVAL;
    if (length == 0)
        return 0;
    return fallocate(shm->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
                     (off_t)length)
               ? -errno
               : 0;
}

int64_t host_shm_resident(const struct host_shm *shm)
{
    struct stat st;

    return fstat(shm->fd, &st) ? -errno : (int64_t)st.st_blocks * STAT_BLOCK;
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
