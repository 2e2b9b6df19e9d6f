/* SPDX-License-Identifier: ISC */
/*
 * The screen in a PNG file.
 *
 * A confined process neither opens nor renames, so the new picture goes over the old one in the
 * file that is open: all of it by one write, then the file's length. What is left of a longer old
 * picture until then comes after the new one's end, where no reader looks.
 */
#include <errno.h>
#include <fcntl.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/display.h"

#define PNG_SIGNATURE      "\x89PNG\r\n\x1a\n"
#define PNG_SIGNATURE_SIZE 8
#define BYTES_PER_PIXEL    3 /* blue, green, red */

struct screenshot {
    int fd;
    char *path;
};

static void copy_line(uint8_t *to, const uint32_t *pixels, uint32_t width)
{
    for (uint32_t i = 0; i < width; i++, to += BYTES_PER_PIXEL) {
        to[0] = (uint8_t)pixels[i];
        to[1] = (uint8_t)(pixels[i] >> 8);
        to[2] = (uint8_t)(pixels[i] >> 16);
    }
}

/* A copy of the screen, packed, so that nobody waits while it is compressed. */
static uint8_t *copy_screen(struct display *display, bool last, uint32_t *width, uint32_t *height)
{
    struct display_surface surface;
    uint8_t *copy;

    display_lock(display);
    surface = display_surface(display);
    copy = calloc(surface.height, (size_t)surface.width * BYTES_PER_PIXEL);
    for (uint32_t y = 0; copy && surface.pixels && (surface.on || last) && y < surface.height; y++)
        copy_line(copy + (size_t)y * surface.width * BYTES_PER_PIXEL,
                  surface.pixels + (size_t)y * surface.stride, surface.width);
    display_unlock(display);
    *width = surface.width;
    *height = surface.height;
    return copy;
}

/* libpng's simplified interface: no jumps, all in memory. */
static int encode(const uint8_t *pixels, uint32_t width, uint32_t height, void **bytes,
                  size_t *length, struct error *err)
{
    png_image image = {
        .version = PNG_IMAGE_VERSION, .width = width, .height = height, .format = PNG_FORMAT_BGR};
    png_alloc_size_t room = PNG_IMAGE_PNG_SIZE_MAX(image);
    uint8_t *png = malloc(room);

    if (!png)
        return error_set(err, ENOMEM, "a picture of %ux%u: out of memory", width, height);
    if (!png_image_write_to_memory(&image, png, &room, 0, pixels,
                                   (png_int_32)(width * BYTES_PER_PIXEL), NULL)) {
        free(png);
        return error_set(err, EIO, "a picture of %ux%u: libpng says: %s", width, height,
                         image.message);
    }
    *bytes = png;
    *length = room;
    return 0;
}

int display_png(struct display *display, bool last, void **bytes, size_t *length, struct error *err)
{
    uint32_t width, height;
    uint8_t *copy = copy_screen(display, last, &width, &height);
    int ret;

    if (!copy)
        return error_set(err, ENOMEM, "a picture of %ux%u: out of memory", width, height);
    ret = encode(copy, width, height, bytes, length, err);
    free(copy);
    return ret;
}

/* The file */

/* Whether a picture may replace what is in the file: `--screenshot disk.img` is a mistake. */
static int check_contents(int fd, const char *path, struct error *err)
{
    char start[PNG_SIGNATURE_SIZE];
    struct stat st;
    ssize_t n;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return error_set(err, EINVAL, "%s is not a regular file: a picture of the screen needs one",
                         path);
    n = pread(fd, start, sizeof(start), 0);
    if (n < 0)
        return error_set(err, errno, "cannot read %s: %s", path, strerror(errno));
    if (n > 0 && (n != sizeof(start) || memcmp(start, PNG_SIGNATURE, sizeof(start)) != 0))
        return error_set(err, EEXIST,
                         "%s exists and is not a PNG picture; it is left alone: give a picture of "
                         "the screen another name",
                         path);
    return 0;
}

int screenshot_open(struct screenshot **shot, const char *path, struct error *err)
{
    struct screenshot *s;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666), ret;

    if (fd < 0)
        return error_set(err, errno, "cannot write \"%s\": %s", path, strerror(errno));
    ret = check_contents(fd, path, err);
    s = ret ? NULL : calloc(1, sizeof(*s));
    if (s)
        s->path = strdup(path);
    if (!s || !s->path) {
        free(s);
        close(fd);
        return ret ? ret : error_set(err, ENOMEM, "out of memory");
    }
    s->fd = fd;
    *shot = s;
    return 0;
}

static int write_all(int fd, const uint8_t *bytes, size_t length)
{
    size_t done = 0;

    while (done < length) {
        ssize_t n = pwrite(fd, bytes + done, length - done, (off_t)done);

        if (n < 0 && errno != EINTR)
            return -errno;
        done += n > 0 ? (size_t)n : 0;
    }
    return ftruncate(fd, (off_t)length) < 0 ? -errno : 0;
}

int screenshot_write(struct screenshot *shot, struct display *display, bool last, struct error *err)
{
    size_t length;
    void *png;
    int ret = display_png(display, last, &png, &length, err);

    if (ret)
        return ret;
    ret = write_all(shot->fd, png, length);
    free(png);
    return ret ? error_set(err, -ret, "cannot write %s: %s", shot->path, strerror(-ret)) : 0;
}

void screenshot_close(struct screenshot *shot)
{
    if (!shot)
        return;
    close(shot->fd);
    free(shot->path);
    free(shot);
}
