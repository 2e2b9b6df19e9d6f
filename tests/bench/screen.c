/* SPDX-License-Identifier: ISC */
/* screen FRAMES KIND [fast]: draws so many full screens, 60 a second or as many as it can, by the
 * kernel's mode setting (drm-kms(7)): of one colour each (0), of bars that move (1), of a pattern
 * in which all pixels differ (2), or the same one again (3). Says how long it took and how many
 * frames were late. */
#include <drm/drm.h>
#include <drm/drm_mode.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#define MODES 64
#define FRAME 16666667 /* nanoseconds */

struct screen {
    int fd;
    uint32_t buffer, width, height, pitch;
    uint8_t *pixels;
};

static void ask(int fd, unsigned long request, void *argument, const char *what)
{
    if (ioctl(fd, request, argument)) {
        perror(what);
        exit(1);
    }
}

/* The connector's preferred mode is its first. */
static uint32_t find_mode(int fd, struct drm_mode_modeinfo *mode, uint32_t *crtc)
{
    uint32_t connectors[8], crtcs[8];
    struct drm_mode_modeinfo modes[MODES];
    struct drm_mode_card_res card = {.connector_id_ptr = (uintptr_t)connectors,
                                     .crtc_id_ptr = (uintptr_t)crtcs,
                                     .count_connectors = 8,
                                     .count_crtcs = 8};
    struct drm_mode_get_connector connector = {.modes_ptr = (uintptr_t)modes, .count_modes = MODES};

    ask(fd, DRM_IOCTL_MODE_GETRESOURCES, &card, "resources");
    connector.connector_id = connectors[0];
    ask(fd, DRM_IOCTL_MODE_GETCONNECTOR, &connector, "connector");
    *mode = modes[0];
    *crtc = crtcs[0];
    return connectors[0];
}

static void open_screen(struct screen *screen)
{
    struct drm_mode_modeinfo mode;
    uint32_t crtc, connector;
    struct drm_mode_create_dumb dumb = {.bpp = 32};
    struct drm_mode_fb_cmd buffer = {.bpp = 32, .depth = 24};
    struct drm_mode_map_dumb map = {0};
    struct drm_mode_crtc set = {
        .set_connectors_ptr = (uintptr_t)&connector, .count_connectors = 1, .mode_valid = 1};

    screen->fd = open("/dev/dri/card0", O_RDWR);
    connector = find_mode(screen->fd, &mode, &crtc);
    dumb.width = screen->width = mode.hdisplay;
    dumb.height = screen->height = mode.vdisplay;
    ask(screen->fd, DRM_IOCTL_MODE_CREATE_DUMB, &dumb, "memory");
    screen->pitch = buffer.pitch = dumb.pitch;
    buffer.width = dumb.width;
    buffer.height = dumb.height;
    map.handle = buffer.handle = dumb.handle;
    ask(screen->fd, DRM_IOCTL_MODE_ADDFB, &buffer, "buffer");
    ask(screen->fd, DRM_IOCTL_MODE_MAP_DUMB, &map, "mapping");
    screen->pixels =
        mmap(NULL, dumb.size, PROT_READ | PROT_WRITE, MAP_SHARED, screen->fd, (off_t)map.offset);
    if (screen->pixels == MAP_FAILED) {
        perror("mapping");
        exit(1);
    }
    screen->buffer = set.fb_id = buffer.fb_id;
    set.crtc_id = crtc;
    set.mode = mode;
    ask(screen->fd, DRM_IOCTL_MODE_SETCRTC, &set, "mode");
}

static void draw(const struct screen *screen, unsigned frame, int kind)
{
    for (uint32_t y = 0; y < screen->height && kind != 3; y++) {
        uint32_t *line = (uint32_t *)(screen->pixels + (size_t)y * screen->pitch);
        uint32_t colour = (kind ? y + frame : frame * 37) % 256 * 0x010101;

        for (uint32_t x = 0; x < screen->width; x++)
            line[x] =
                kind < 2 ? colour : (x + frame) * 3 + ((y + 2 * frame) << 9) + ((x ^ y) << 16);
    }
}

int main(int count, char **arguments)
{
    unsigned frames = count > 1 ? (unsigned)atoi(arguments[1]) : 600, late = 0;
    int kind = count > 2 ? atoi(arguments[2]) : 0, fast = count > 3;
    struct timespec next, now, start;
    struct screen screen;
    struct drm_mode_fb_dirty_cmd dirty = {0};

    open_screen(&screen);
    dirty.fb_id = screen.buffer;
    clock_gettime(CLOCK_MONOTONIC, &start);
    next = start;
    for (unsigned i = 0; i < frames; i++) {
        draw(&screen, i, kind);
        ask(screen.fd, DRM_IOCTL_MODE_DIRTYFB, &dirty, "flush");
        if (fast)
            continue;
        next.tv_nsec += FRAME;
        next.tv_sec += next.tv_nsec / 1000000000;
        next.tv_nsec %= 1000000000;
        clock_gettime(CLOCK_MONOTONIC, &now);
        late +=
            now.tv_sec > next.tv_sec || (now.tv_sec == next.tv_sec && now.tv_nsec > next.tv_nsec);
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    printf("%u frames in %.2f s, %u late\n", frames,
           (double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) / 1e9, late);
    return 0;
}
