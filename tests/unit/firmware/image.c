/* SPDX-License-Identifier: ISC */
#include "image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int image_setup(void **state)
{
    struct image *image = calloc(1, sizeof(*image));

    snprintf(image->dir, sizeof(image->dir), "%s/atoll-image-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    image->fail_after = -1;
    *state = image;
    return mkdtemp(image->dir) ? 0 : -1;
}

int image_teardown(void **state)
{
    struct image *image = *state;
    int ret = image_run(image, "rm -rf %s", image->dir);

    if (image->bytes)
        munmap(image->bytes, image->size);
    free(image);
    return ret;
}

static int run(const struct image *image, const char *format, va_list args)
{
    char command[1024], all[1200];
    int status;

    vsnprintf(command, sizeof(command), format, args);
    snprintf(all, sizeof(all),
             "export PATH=$PATH:/usr/sbin:/sbin MTOOLS_SKIP_CHECK=1; cd %s && { %s; } >output 2>&1",
             image->dir, command);
    status = system(all);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int image_run(const struct image *image, const char *format, ...)
{
    va_list args;
    int ret;

    va_start(args, format);
    ret = run(image, format, args);
    va_end(args);
    return ret;
}

/* What the last command said. */
static void print_output(const struct image *image)
{
    char path[80], line[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/output", image->dir);
    file = fopen(path, "r");
    for (unsigned i = 0; file && i < 30 && fgets(line, sizeof(line), file); i++)
        print_error("%s", line);
    if (file)
        fclose(file);
}

void image_must(const struct image *image, const char *format, ...)
{
    va_list args;
    int ret;

    va_start(args, format);
    ret = run(image, format, args);
    va_end(args);
    if (ret) {
        print_output(image);
        fail_msg("%s: status %d", format, ret);
    }
}

static int image_read(void *ctx, uint64_t offset, void *to, size_t length)
{
    struct image *image = ctx;

    assert_true(offset % MEDIUM_BLOCK == 0 && length % MEDIUM_BLOCK == 0);
    assert_true(range_fits(offset, length, image->size));
    memcpy(to, image->bytes + offset, length);
    return 0;
}

static int image_write(void *ctx, uint64_t offset, const void *from, size_t length)
{
    struct image *image = ctx;

    assert_true(offset % MEDIUM_BLOCK == 0 && length % MEDIUM_BLOCK == 0);
    assert_true(range_fits(offset, length, image->size));
    if (image->fail_after >= 0 && image->writes >= (unsigned)image->fail_after)
        return -EIO;
    image->writes++;
    memcpy(image->bytes + offset, from, length);
    return 0;
}

static int image_flush(void *ctx)
{
    struct image *image = ctx;

    image->flushes++;
    return 0;
}

void image_make(struct image *image, size_t size)
{
    char path[80];
    int fd;

    snprintf(path, sizeof(path), "%s/image", image->dir);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    if (image->bytes)
        munmap(image->bytes, image->size);
    image->bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(image->bytes != MAP_FAILED);
    close(fd);
    image->size = size;
    image->medium = (struct medium){image_read, image_write, image_flush, image, 0, size};
}

const uint16_t *wide(const char *text)
{
    static uint16_t buffers[8][512];
    static unsigned turn;
    uint16_t *to = buffers[turn++ % nitems(buffers)];
    size_t i = 0;

    for (; text[i] && i < nitems(buffers[0]) - 1; i++)
        to[i] = (uint8_t)text[i];
    to[i] = 0;
    return to;
}
