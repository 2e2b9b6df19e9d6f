/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/bits.h"
#include "host/map.h"
#include "host/private.h"

int host_exchange_create(const char *name, uint64_t size, struct error *err)
{
    int fd = host_memory_file(name, size);

    return fd < 0 ? error_set(err, -fd, "%s: cannot create memory to be shared: %s", name,
                              strerror(-fd))
                  : fd;
}

static int cannot_map(int number, struct error *err)
{
    return error_set(err, number, "cannot map shared memory: %s", strerror(number));
}

/* Room for all copies is taken first, and then each is put into its place there. */
int host_exchange_map(int fd, uint64_t offset, uint64_t length, unsigned times, void **base,
                      struct error *err)
{
    struct stat st;
    uint8_t *room;

    if (fstat(fd, &st))
        return cannot_map(errno, err);
    if (!S_ISREG(st.st_mode) || st.st_size < 0 || !range_fits(offset, length, (uint64_t)st.st_size))
        return error_set(err, EINVAL, "shared memory is not what it should be");
    room = mmap(NULL, length * times, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        return cannot_map(errno, err);
    for (unsigned i = 0; i < times; i++) {
        if (mmap(room + i * length, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
                 (off_t)offset) == MAP_FAILED) {
            int number = errno;

            munmap(room, length * times);
            return cannot_map(number, err);
        }
    }
    *base = room;
    return 0;
}

void host_exchange_unmap(void *base, uint64_t length, unsigned times)
{
    if (base)
        munmap(base, length * times);
}
