/* SPDX-License-Identifier: ISC */
#include "cli/copy.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#if __has_include(<linux/fs.h>)
#include <linux/fs.h>
#endif

#include "base/bits.h"
#include "base/units.h"

#define PART MIB

struct copy {
    int from, to;
    const char *path;
    bool (*progress)(unsigned percent);
    off_t size;
    uint8_t *buffer; /* PART bytes */
};

/* Both files then share their blocks until one changes them. */
static bool copy_shared(const struct copy *c)
{
#ifdef FICLONE
    return ioctl(c->to, FICLONE, c->from) == 0;
#else
    return false;
#endif
}

static int write_part(const struct copy *c, size_t length, off_t at, struct error *err)
{
    for (size_t done = 0; done < length;) {
        ssize_t part = pwrite(c->to, c->buffer + done, length - done, at + (off_t)done);

        if (part < 0 && errno != EINTR)
            return error_set(err, errno, "%s: cannot write the copy: %s", c->path, strerror(errno));
        done += (size_t)MAX(part, (ssize_t)0);
    }
    return 0;
}

/* Bytes from `at` up to `end`, none of which is a hole's. */
static int copy_data(const struct copy *c, off_t at, off_t end, struct error *err)
{
    while (at < end) {
        ssize_t length = pread(c->from, c->buffer, (size_t)MIN(end - at, (off_t)PART), at);
        int ret;

        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return error_set(err, errno, "%s: cannot read it: %s", c->path, strerror(errno));
        if (length == 0)
            return error_set(err, EIO, "%s: it became shorter while it was copied", c->path);
        ret = write_part(c, (size_t)length, at, err);
        if (ret)
            return ret;
        at += length;
        if (!c->progress((unsigned)((uint64_t)at * 100 / (uint64_t)c->size)))
            return error_set(err, EINTR, "%s: the copy was broken off", c->path);
    }
    return 0;
}

/* Where data begins at or after `at`, and where it ends; false: there is no more. */
static bool next_data(const struct copy *c, off_t at, off_t *begin, off_t *end)
{
#ifdef SEEK_DATA
    *begin = lseek(c->from, at, SEEK_DATA);
    if (*begin < 0 && errno == ENXIO)
        return false;
    *end = *begin < 0 ? -1 : lseek(c->from, *begin, SEEK_HOLE);
    if (*end >= 0) {
        *end = MIN(*end, c->size);
        return *begin < c->size;
    }
#endif
    *begin = at; /* a file system that does not tell */
    *end = c->size;
    return at < c->size;
}

static int copy_sparse(const struct copy *c, struct error *err)
{
    off_t begin, end = 0;
    int ret = 0;

    while (!ret && next_data(c, end, &begin, &end))
        ret = copy_data(c, begin, end, err);
    if (!ret && ftruncate(c->to, c->size))
        ret = error_set(err, errno, "%s: cannot write the copy: %s", c->path, strerror(errno));
    return ret;
}

int copy_image(int from, int to, const char *path, bool (*progress)(unsigned percent),
               struct error *err)
{
    struct copy c = {.from = from, .to = to, .path = path, .progress = progress};
    struct stat st;
    int ret;

    if (fstat(from, &st))
        return error_set(err, errno, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return error_set(err, EINVAL, "%s: it is no file that can be copied", path);
    c.size = st.st_size;
    if (copy_shared(&c))
        return 0;
    c.buffer = malloc(PART);
    ret = c.buffer ? copy_sparse(&c, err) : error_set(err, ENOMEM, "out of memory");
    free(c.buffer);
    return ret;
}
