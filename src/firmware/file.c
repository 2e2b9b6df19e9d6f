/* SPDX-License-Identifier: ISC */
#include "firmware/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int boot_file_open(struct boot_file *file, const char *what, const char *path, struct error *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return error_set(err, errno, "cannot open the %s \"%s\": %s", what, path, strerror(errno));
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return error_set(err, EINVAL, "the %s \"%s\" is not a regular file", what, path);
    }
    file->path = strdup(path);
    if (!file->path) {
        close(fd);
        return error_set(err, ENOMEM, "out of memory");
    }
    file->fd = fd;
    return 0;
}

void boot_file_close(struct boot_file *file)
{
    if (!file->path)
        return;
    close(file->fd);
    free(file->path);
    *file = (struct boot_file){0};
}

static int read_all(int fd, uint8_t *to, size_t length, size_t *got)
{
    *got = 0;
    while (*got < length) {
        ssize_t n = pread(fd, to + *got, length - *got, (off_t)*got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break; /* shorter than it was: the loader's checks will say so */
        *got += (size_t)n;
    }
    return 0;
}

int boot_file_read(const struct boot_file *file, uint8_t **bytes, size_t *length, struct error *err)
{
    struct stat st;
    int ret;

    if (fstat(file->fd, &st) < 0)
        return error_set(err, errno, "cannot read \"%s\": %s", file->path, strerror(errno));
    if ((uint64_t)st.st_size > BOOT_FILE_MAX)
        return error_set(err, EFBIG,
                         "\"%s\" is larger than 4 GiB: not something to boot from memory",
                         file->path);
    *bytes = malloc((size_t)st.st_size + 1);
    if (!*bytes)
        return error_set(err, ENOMEM, "no memory to read \"%s\"", file->path);
    ret = read_all(file->fd, *bytes, (size_t)st.st_size, length);
    if (ret) {
        free(*bytes);
        *bytes = NULL;
        return error_set(err, -ret, "cannot read \"%s\": %s", file->path, strerror(-ret));
    }
    return 0;
}
