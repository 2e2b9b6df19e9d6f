/* SPDX-License-Identifier: ISC */
/* The GPU, worked by a driver that is right, one that is wrong, and one that is hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver.h"
#include "virtio/gpu.h"

#define WIDTH  160
#define HEIGHT 100
#define STRIDE (WIDTH * 4)

enum { B8G8R8A8 = 1, B8G8R8X8 = 2 };

struct seen {
    unsigned modes, changes, cursors;
    uint32_t width, height;
    struct display_rect rect;
};

struct fixture {
    struct rig rig;
    struct display *display;
    struct display_viewer viewer;
    struct seen seen;
    struct virtio_device *dev;
    struct virtio_pci *pci;
    struct driver driver;
    struct drvq control, cursor;
    uint64_t command, answer, pixels; /* guest memory */
    uint64_t fence;
};

static void on_mode(void *ctx, uint32_t width, uint32_t height)
{
    struct seen *seen = ctx;

    seen->modes++;
    seen->width = width;
    seen->height = height;
}

static void on_change(void *ctx, const struct display_rect *rect)
{
    struct seen *seen = ctx;

    seen->changes++;
    seen->rect = *rect;
}

static void on_cursor(void *ctx)
{
    ((struct seen *)ctx)->cursors++;
}

static void create(struct fixture *f)
{
    f->viewer = (struct display_viewer){on_mode, on_change, on_cursor, &f->seen, NULL};
    assert_int_equal(display_create(&f->display, WIDTH, HEIGHT), 0);
    display_attach(f->display, &f->viewer);
    assert_int_equal(virtio_gpu_create(&f->dev, &f->rig.host, "virtio-gpu0", f->display), 0);
    f->pci = rig_plug(&f->rig, f->dev);
}

static void connect(struct fixture *f)
{
    driver_probe(&f->driver, &f->rig, 1);
    assert_int_equal(f->driver.device_id, 0x1050);
    assert_true(driver_negotiate(&f->driver, 0));
    driver_enable_msix(&f->driver, 3);
    driver_queue(&f->driver, &f->control, 0, 16);
    driver_queue(&f->driver, &f->cursor, 1, 16);
    driver_ok(&f->driver);
}

static void start(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    rig_make(&f->rig, false);
    create(f);
    connect(f);
    f->command = rig_alloc(&f->rig, 65536, 4096);
    f->answer = rig_alloc(&f->rig, 4096, 4096);
    f->pixels = rig_alloc(&f->rig, 1 << 20, 4096);
}

static void stop(struct fixture *f)
{
    display_detach(f->display, &f->viewer);
    virtio_pci_ops.free(f->pci);
    rig_free(&f->rig);
}

/* Commands. Each returns the type of the answer, and checks the fence. */

static uint32_t send(struct fixture *f, struct drvq *q, const void *command, uint32_t length,
                     void *answer, uint32_t room)
{
    struct buffer b[2] = {{f->command, length, false}, {f->answer, room, true}};
    struct gpu_header header;
    uint32_t written;

    mem_write(f->rig.mem, f->command, command, length);
    mem_fill(f->rig.mem, f->answer, 0xee, room);
    written = drvq_do(q, b, 2, false);
    mem_read(f->rig.mem, f->answer, &header, sizeof(header));
    assert_int_equal(written, header.type == GPU_OK_DISPLAY_INFO ? sizeof(struct gpu_display_info)
                                                                 : sizeof(header));
    assert_int_equal(header.flags, GPU_FLAG_FENCE);
    assert_int_equal(header.fence_id, f->fence);
    assert_int_equal(header.ctx_id, 7);
    if (answer)
        mem_read(f->rig.mem, f->answer, answer, room);
    return header.type;
}

static struct gpu_header header(struct fixture *f, uint32_t type)
{
    return (struct gpu_header){
        .type = type, .flags = GPU_FLAG_FENCE, .fence_id = ++f->fence, .ctx_id = 7};
}

#define SEND(f, ...) send(f, &(f)->control, __VA_ARGS__, NULL, sizeof(struct gpu_header))

static uint32_t resource_create(struct fixture *f, uint32_t id, uint32_t format, uint32_t width,
                                uint32_t height)
{
    const struct gpu_resource_create_2d c = {header(f, GPU_CMD_RESOURCE_CREATE_2D), id, format,
                                             width, height};

    return SEND(f, &c, sizeof(c));
}

static uint32_t resource_only(struct fixture *f, uint32_t type, uint32_t id)
{
    const struct gpu_resource_only c = {header(f, type), id, 0};

    return SEND(f, &c, sizeof(c));
}

static uint32_t set_scanout(struct fixture *f, uint32_t scanout, uint32_t id,
                            struct display_rect rect)
{
    const struct gpu_set_scanout c = {header(f, GPU_CMD_SET_SCANOUT), rect, scanout, id};

    return SEND(f, &c, sizeof(c));
}

static uint32_t flush(struct fixture *f, uint32_t id, struct display_rect rect)
{
    const struct gpu_resource_flush c = {header(f, GPU_CMD_RESOURCE_FLUSH), rect, id, 0};

    return SEND(f, &c, sizeof(c));
}

static uint32_t transfer(struct fixture *f, uint32_t id, struct display_rect rect, uint64_t offset)
{
    const struct gpu_transfer_to_host_2d c = {header(f, GPU_CMD_TRANSFER_TO_HOST_2D), rect, offset,
                                              id, 0};

    return SEND(f, &c, sizeof(c));
}

static uint32_t attach(struct fixture *f, uint32_t id, const struct gpu_entry *entries,
                       uint32_t count)
{
    struct {
        struct gpu_attach_backing attach;
        struct gpu_entry entries[64];
    } c = {{header(f, GPU_CMD_RESOURCE_ATTACH_BACKING), id, count}, {{0}}};
    uint32_t there = MIN(count, 64);

    memcpy(c.entries, entries, there * sizeof(*entries));
    return SEND(f, &c, (uint32_t)(sizeof(c.attach) + there * sizeof(*entries)));
}

static uint32_t cursor(struct fixture *f, uint32_t type, uint32_t id, uint32_t x, uint32_t y)
{
    const struct gpu_update_cursor c = {header(f, type), 0, x, y, 0, id, 3, 200, 0};

    return send(f, &f->cursor, &c, sizeof(c), NULL, sizeof(struct gpu_header));
}

static const struct display_rect screen = {0, 0, WIDTH, HEIGHT};

/* Resource 1 of the screen's size, backed by `pixels` and shown. */
static void show(struct fixture *f)
{
    const struct gpu_entry entry = {f->pixels, STRIDE * HEIGHT, 0};

    assert_int_equal(resource_create(f, 1, B8G8R8X8, WIDTH, HEIGHT), GPU_OK_NODATA);
    assert_int_equal(attach(f, 1, &entry, 1), GPU_OK_NODATA);
    assert_int_equal(set_scanout(f, 0, 1, screen), GPU_OK_NODATA);
}

static void poke(struct fixture *f, uint32_t x, uint32_t y, uint32_t pixel)
{
    mem_write(f->rig.mem, f->pixels + y * STRIDE + 4 * x, &pixel, 4);
}

static uint32_t pixel_at(struct fixture *f, uint32_t x, uint32_t y)
{
    struct display_surface s;
    uint32_t pixel;

    display_lock(f->display);
    s = display_surface(f->display);
    assert_true(s.pixels && x < s.width && y < s.height);
    pixel = s.pixels[y * s.stride + x] & 0xffffff;
    display_unlock(f->display);
    return pixel;
}

/* What Apple's looks like */
static void identity(void **unused)
{
    static struct fixture f;
    struct gpu_header info = {0};
    struct gpu_display_info answer;

    start(&f);
    assert_int_equal(pci_read(&f.driver, 8, 4), 0x03800001);
    assert_int_equal(f.driver.offered & bits_mask(24), 0); /* no VIRGL, no EDID, no blobs */
    assert_int_equal(pci_read(&f.driver, f.driver.msix + 2, 2) & 0x7ff, 3 - 1);
    assert_int_equal(config_read32(&f.driver, 8), 1);
    assert_int_equal(config_read32(&f.driver, 12), 0);
    info = header(&f, GPU_CMD_GET_DISPLAY_INFO);
    assert_int_equal(send(&f, &f.control, &info, sizeof(info), &answer, sizeof(answer)),
                     GPU_OK_DISPLAY_INFO);
    assert_int_equal(answer.modes[0].enabled, 1);
    assert_memory_equal(&answer.modes[0].rect, &screen, sizeof(screen));
    for (unsigned i = 1; i < GPU_MAX_SCANOUTS; i++)
        assert_int_equal(answer.modes[i].enabled, 0);
    /* Capability sets, EDIDs and what else there may be are all refused. */
    for (uint32_t type = GPU_CMD_GET_CAPSET_INFO; type < 0x0120; type++) {
        info = header(&f, type);
        assert_true(SEND(&f, &info, sizeof(info)) >= GPU_ERR_UNSPEC);
    }
    assert_int_equal(driver_status(&f.driver) & VIRTIO_STATUS_NEEDS_RESET, 0);
    stop(&f);
}

/* A viewer's wish reaches the driver. */
static void resize(void **unused)
{
    static struct fixture f;
    struct gpu_header info;
    struct gpu_display_info answer;

    start(&f);
    assert_int_equal(config_read32(&f.driver, 0), 0);
    display_resize(f.display, 0, 77);
    assert_int_equal(config_read32(&f.driver, 0), 0);
    display_resize(f.display, 320, 200);
    assert_int_equal(config_read32(&f.driver, 0), 1);
    assert_int_equal(f.rig.messages[0], 1);
    reg_write(&f.driver, f.driver.config + 4, 4, 1);
    assert_int_equal(config_read32(&f.driver, 0), 0);
    info = header(&f, GPU_CMD_GET_DISPLAY_INFO);
    send(&f, &f.control, &info, sizeof(info), &answer, sizeof(answer));
    assert_int_equal(answer.modes[0].rect.width, 320);
    assert_int_equal(answer.modes[0].rect.height, 200);
    stop(&f);
}

static void formats(void **unused)
{
    /* Bytes in memory for a pixel of red 0x11, green 0x22, blue 0x33, alpha 0x44. */
    static const struct {
        uint32_t id;
        uint8_t bytes[4];
    } table[] = {
        {1, {0x33, 0x22, 0x11, 0x44}},   {2, {0x33, 0x22, 0x11, 0x44}},
        {3, {0x44, 0x11, 0x22, 0x33}},   {4, {0x44, 0x11, 0x22, 0x33}},
        {67, {0x11, 0x22, 0x33, 0x44}},  {68, {0x44, 0x33, 0x22, 0x11}},
        {121, {0x44, 0x33, 0x22, 0x11}}, {134, {0x11, 0x22, 0x33, 0x44}},
    };
    static struct fixture f;

    start(&f);
    for (unsigned i = 0; i < nitems(table); i++) {
        const struct gpu_entry entry = {f.pixels, 64 * 64 * 4, 0};
        const struct display_rect all = {0, 0, 64, 64};
        uint32_t id = i + 10;

        mem_write(f.rig.mem, f.pixels + 64 * 4, table[i].bytes, 4);
        assert_int_equal(resource_create(&f, id, table[i].id, 64, 64), GPU_OK_NODATA);
        assert_int_equal(attach(&f, id, &entry, 1), GPU_OK_NODATA);
        assert_int_equal(transfer(&f, id, all, 0), GPU_OK_NODATA);
        assert_int_equal(set_scanout(&f, 0, id, all), GPU_OK_NODATA);
        assert_int_equal(pixel_at(&f, 0, 1), 0x112233);
        /* A pointer needs alpha: what has none is opaque. */
        assert_int_equal(cursor(&f, GPU_CMD_UPDATE_CURSOR, id, 0, 0), GPU_OK_NODATA);
        assert_int_equal(display_cursor(f.display)->pixels[64],
                         table[i].id % 2 && table[i].id < 134 ? 0x44112233 : 0xff112233);
    }
    for (uint32_t bad = 0; bad < 200; bad++) {
        bool known = false;

        for (unsigned i = 0; i < nitems(table); i++)
            known |= table[i].id == bad;
        if (!known)
            assert_int_equal(resource_create(&f, 99, bad, 1, 1), GPU_ERR_INVALID_PARAMETER);
    }
    stop(&f);
}

/* Pixels travel when they are transferred, and viewers hear of those that changed, when flushed. */
static void drawing(void **unused)
{
    static struct fixture f;

    start(&f);
    show(&f);
    assert_int_equal(f.seen.modes, 1);
    assert_int_equal(f.seen.width, WIDTH);
    poke(&f, 5, 6, 0xabcdef);
    poke(&f, 100, 50, 0x123456);
    assert_int_equal(pixel_at(&f, 5, 6), 0);
    assert_int_equal(transfer(&f, 1, screen, 0), GPU_OK_NODATA);
    assert_int_equal(pixel_at(&f, 5, 6), 0xabcdef);
    assert_int_equal(pixel_at(&f, 100, 50), 0x123456);
    assert_int_equal(f.seen.changes, 0);
    assert_int_equal(flush(&f, 1, screen), GPU_OK_NODATA);
    assert_int_equal(f.seen.changes, 1);
    assert_memory_equal(&f.seen.rect, (&(struct display_rect){0, 6, WIDTH, 45}),
                        sizeof(f.seen.rect));
    /* The same again is nothing new. */
    assert_int_equal(transfer(&f, 1, screen, 0), GPU_OK_NODATA);
    assert_int_equal(flush(&f, 1, screen), GPU_OK_NODATA);
    assert_int_equal(f.seen.changes, 1);
    /* Part of the screen: the offset is where its first pixel lies. */
    poke(&f, 10, 20, 0x777777);
    poke(&f, 13, 20, 0x888888);
    assert_int_equal(transfer(&f, 1, (struct display_rect){10, 20, 3, 2}, 20 * STRIDE + 40),
                     GPU_OK_NODATA);
    assert_int_equal(pixel_at(&f, 10, 20), 0x777777);
    assert_int_equal(pixel_at(&f, 13, 20), 0);
    /* A flush of less than what changed leaves the rest for the next. */
    assert_int_equal(flush(&f, 1, (struct display_rect){11, 0, 1, HEIGHT}), GPU_OK_NODATA);
    assert_memory_equal(&f.seen.rect, (&(struct display_rect){11, 20, 1, 1}), sizeof(f.seen.rect));
    assert_int_equal(flush(&f, 1, screen), GPU_OK_NODATA);
    assert_memory_equal(&f.seen.rect, (&(struct display_rect){10, 20, 3, 1}), sizeof(f.seen.rect));
    assert_int_equal(f.seen.changes, 3);
    stop(&f);
}

/* The word in guest memory, behind the back of everybody who watches: a page that was not written
 * is not looked at, and one that was written is looked at once. */
static void poke_unseen(struct fixture *f, uint32_t x, uint32_t y, uint32_t pixel)
{
    uint64_t at = f->pixels + y * STRIDE + 4 * x;
    const struct mem_region *region = mem_find(f->rig.mem, at, 4);

    memcpy(region->host + (at - region->ipa), &pixel, 4);
}

static void untouched(void **unused)
{
    static struct fixture f;
    struct display_rect whole = {0, 0, WIDTH, HEIGHT};

    start(&f);
    show(&f);
    poke(&f, 1, 1, 0x111111);
    transfer(&f, 1, whole, 0);
    transfer(&f, 1, whole, 0);
    assert_int_equal(pixel_at(&f, 1, 1), 0x111111);
    poke_unseen(&f, 2, 1, 0x222222);
    transfer(&f, 1, whole, 0);
    assert_int_equal(pixel_at(&f, 2, 1), 0);
    poke(&f, 1, 1, 0x333333); /* the same page */
    transfer(&f, 1, whole, 0);
    assert_int_equal(pixel_at(&f, 1, 1), 0x333333);
    assert_int_equal(pixel_at(&f, 2, 1), 0x222222);
    /* Parts that do not cover a page leave it to those that follow. */
    poke(&f, 3, 1, 0x444444);
    transfer(&f, 1, (struct display_rect){0, 0, 1, 1}, 0);
    transfer(&f, 1, (struct display_rect){0, 1, WIDTH, 1}, STRIDE);
    assert_int_equal(pixel_at(&f, 3, 1), 0x444444);
    /* A shifted picture is not the backing's: everything is copied again after it. */
    transfer(&f, 1, (struct display_rect){0, 0, WIDTH, HEIGHT - 1}, STRIDE);
    assert_int_equal(pixel_at(&f, 3, 0), 0x444444);
    poke_unseen(&f, 4, 1, 0x555555);
    transfer(&f, 1, whole, 0);
    assert_int_equal(pixel_at(&f, 4, 1), 0x555555);
    assert_int_equal(pixel_at(&f, 3, 0), 0);
    stop(&f);
}

/* A backing of crumbs with whole pages behind them, and a column of those that is sent again and
 * again: the crumbs are not walked over for each line that nobody wrote. Otherwise this test's time
 * is up. */
static void crumbs(void **unused)
{
    enum { CRUMBS = 32768, PAGES = 32, COUNT = CRUMBS + PAGES, HALF = CRUMBS / 4 };
    static struct {
        struct gpu_attach_backing attach;
        struct gpu_entry entries[COUNT];
    } c;
    static struct fixture f;
    const struct display_rect column = {1, HALF, 3, HALF};
    const uint32_t word = 1, end = 4 * CRUMBS + 4096 * PAGES;

    start(&f);
    f.command = rig_alloc(&f.rig, sizeof(c), 4096);
    for (uint32_t i = 0; i < CRUMBS; i++)
        c.entries[i] = (struct gpu_entry){f.pixels + 4 * i, 4, 0};
    for (uint32_t i = 0; i < PAGES; i++)
        c.entries[CRUMBS + i] = (struct gpu_entry){f.pixels + 4 * CRUMBS + 4096 * i, 4096, 0};
    assert_int_equal(resource_create(&f, 1, B8G8R8X8, 4, 2 * HALF), GPU_OK_NODATA);
    c.attach = (struct gpu_attach_backing){header(&f, GPU_CMD_RESOURCE_ATTACH_BACKING), 1, COUNT};
    assert_int_equal(SEND(&f, &c, sizeof(c)), GPU_OK_NODATA);
    assert_int_equal(set_scanout(&f, 0, 1, (struct display_rect){0, 0, 4, 2 * HALF}),
                     GPU_OK_NODATA);
    transfer(&f, 1, (struct display_rect){0, 0, 4, 2 * HALF}, 0);
    mem_write(f.rig.mem, f.pixels + end - 4, &word, 4);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(transfer(&f, 1, column, 16 * HALF + 4), GPU_OK_NODATA);
    assert_int_equal(pixel_at(&f, 3, 2 * HALF - 1), 1);
    stop(&f);
}

/* The scanout is a part of a resource; another resource is another picture. */
static void scanouts(void **unused)
{
    static struct fixture f;
    struct gpu_entry entry;

    start(&f);
    show(&f);
    entry = (struct gpu_entry){f.pixels, STRIDE * HEIGHT, 0};
    poke(&f, 50, 40, 0x010203);
    transfer(&f, 1, screen, 0);
    assert_int_equal(set_scanout(&f, 0, 1, (struct display_rect){40, 30, 20, 20}), GPU_OK_NODATA);
    assert_int_equal(f.seen.width, 20);
    assert_int_equal(pixel_at(&f, 10, 10), 0x010203);
    assert_int_equal(flush(&f, 1, screen), GPU_OK_NODATA);
    assert_memory_equal(&f.seen.rect, (&(struct display_rect){0, 10, 20, 1}), sizeof(f.seen.rect));

    /* Two buffers in turn, as X and compositors have them: the size stays. */
    resource_create(&f, 2, B8G8R8A8, WIDTH, HEIGHT);
    attach(&f, 2, &entry, 1);
    set_scanout(&f, 0, 1, screen);
    f.seen.modes = f.seen.changes = 0;
    assert_int_equal(set_scanout(&f, 0, 2, screen), GPU_OK_NODATA);
    assert_int_equal(f.seen.modes, 0);
    assert_int_equal(f.seen.changes, 1);
    assert_int_equal(pixel_at(&f, 50, 40), 0);
    assert_int_equal(set_scanout(&f, 0, 2, screen), GPU_OK_NODATA);
    assert_int_equal(f.seen.changes, 1);
    assert_int_equal(flush(&f, 1, screen), GPU_OK_NODATA); /* not the one that is shown */
    assert_int_equal(f.seen.changes, 1);

    assert_int_equal(set_scanout(&f, 0, 0, (struct display_rect){0}), GPU_OK_NODATA);
    assert_int_equal(f.seen.modes, 1);
    assert_int_equal(f.seen.width, 0);
    set_scanout(&f, 0, 1, screen);
    assert_int_equal(f.seen.width, WIDTH);
    /* Away with what is on the screen: the screen is off, its last picture still there. */
    assert_int_equal(resource_only(&f, GPU_CMD_RESOURCE_UNREF, 1), GPU_OK_NODATA);
    assert_int_equal(f.seen.width, 0);
    assert_int_equal(pixel_at(&f, 50, 40), 0x010203);
    assert_int_equal(flush(&f, 1, screen), GPU_ERR_INVALID_RESOURCE_ID);
    stop(&f);
}

/* Rectangles that reach outside, by one or by overflow, change nothing. */
static void rectangles(void **unused)
{
    static const struct display_rect bad[] = {
        {0, 0, WIDTH + 1, 1},
        {0, 0, 1, HEIGHT + 1},
        {1, 0, WIDTH, 1},
        {0, 1, 1, HEIGHT},
        {WIDTH + 1, 0, 0, 0},
        {UINT32_MAX, 0, 2, 1},
        {1, 1, UINT32_MAX, 1},
        {1, 1, 1, UINT32_MAX},
        {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX},
        {0x80000000, 0, 0x80000001, 1},
    };
    static struct fixture f;

    start(&f);
    show(&f);
    poke(&f, 0, 0, 0xffffff);
    for (unsigned i = 0; i < nitems(bad); i++) {
        assert_int_equal(transfer(&f, 1, bad[i], 0), GPU_ERR_INVALID_PARAMETER);
        assert_int_equal(flush(&f, 1, bad[i]), GPU_ERR_INVALID_PARAMETER);
        assert_int_equal(set_scanout(&f, 0, 1, bad[i]), GPU_ERR_INVALID_PARAMETER);
    }
    assert_int_equal(set_scanout(&f, 0, 1, (struct display_rect){0, 0, 0, 5}),
                     GPU_ERR_INVALID_PARAMETER);
    assert_int_equal(set_scanout(&f, 1, 1, screen), GPU_ERR_INVALID_SCANOUT_ID);
    assert_int_equal(set_scanout(&f, 0, 9, screen), GPU_ERR_INVALID_RESOURCE_ID);
    assert_int_equal(f.seen.modes, 1);
    /* An empty transfer is one; offsets must leave enough of the backing. */
    assert_int_equal(transfer(&f, 1, (struct display_rect){WIDTH, HEIGHT, 0, 0}, 0), GPU_OK_NODATA);
    assert_int_equal(transfer(&f, 1, screen, 1), GPU_ERR_INVALID_PARAMETER);
    assert_int_equal(transfer(&f, 1, (struct display_rect){0, 0, 1, 1}, STRIDE * HEIGHT - 4),
                     GPU_OK_NODATA);
    assert_int_equal(transfer(&f, 1, (struct display_rect){0, 0, 1, 1}, STRIDE * HEIGHT - 3),
                     GPU_ERR_INVALID_PARAMETER);
    assert_int_equal(transfer(&f, 1, (struct display_rect){0, 0, 1, 2}, UINT64_MAX - 3),
                     GPU_ERR_INVALID_PARAMETER);
    assert_int_equal(pixel_at(&f, 0, 0), 0);
    stop(&f);
}

/* A backing in pieces of any length, in any order, some of them empty. */
static void pieces(void **unused)
{
    static struct fixture f;
    static uint8_t image[64 * 4 * 5];
    static const uint32_t lengths[] = {1, 7, 0, 255, 256, 300, 0, 461};
    struct gpu_entry entries[nitems(lengths)];
    uint64_t at, offset;
    uint32_t done = 0, id;

    start(&f);
    for (unsigned i = 0; i < sizeof(image); i++)
        image[i] = (uint8_t)(i * 7 + i / 256);
    at = f.pixels + 65536;
    for (unsigned i = 0; i < nitems(lengths); i++) {
        at -= lengths[i] + 11;
        entries[i] = (struct gpu_entry){at, lengths[i], 0};
        mem_write(f.rig.mem, at, image + done, lengths[i]);
        done += lengths[i];
    }
    assert_int_equal(done, sizeof(image));
    assert_int_equal(resource_create(&f, 5, B8G8R8X8, 64, 5), GPU_OK_NODATA);
    assert_int_equal(attach(&f, 5, entries, nitems(entries)), GPU_OK_NODATA);
    assert_int_equal(attach(&f, 5, entries, 1), GPU_ERR_UNSPEC); /* it has one */
    assert_int_equal(transfer(&f, 5, (struct display_rect){0, 0, 64, 5}, 0), GPU_OK_NODATA);
    assert_int_equal(set_scanout(&f, 0, 5, (struct display_rect){0, 0, 64, 5}), GPU_OK_NODATA);
    for (unsigned i = 0; i < 64 * 5; i++) {
        uint32_t pixel;

        memcpy(&pixel, image + 4 * i, 4);
        assert_int_equal(pixel_at(&f, i % 64, i / 64), pixel & 0xffffff);
    }
    /* What the explanation of a wild access asks */
    assert_true(virtio_gpu_backing_at(f.dev, entries[4].address + 10, &id, &offset));
    assert_int_equal(id, 5);
    assert_int_equal(offset, 1 + 7 + 255 + 10);
    assert_false(virtio_gpu_backing_at(f.dev, entries[4].address + 256, &id, &offset));
    assert_false(virtio_gpu_backing_at(f.dev, 0, &id, &offset));
    assert_int_equal(resource_only(&f, GPU_CMD_RESOURCE_DETACH_BACKING, 5), GPU_OK_NODATA);
    assert_false(virtio_gpu_backing_at(f.dev, entries[4].address + 10, &id, &offset));
    assert_int_equal(resource_only(&f, GPU_CMD_RESOURCE_DETACH_BACKING, 5), GPU_ERR_UNSPEC);
    assert_int_equal(transfer(&f, 5, (struct display_rect){0, 0, 1, 1}, 0), GPU_ERR_UNSPEC);
    stop(&f);
}

/* An address that no RAM backs is refused, and reported once for each try. */
static void bad_backing(void **unused)
{
    static struct fixture f;
    static const struct gpu_entry few[64];
    uint64_t end = RIG_RAM + RIG_RAM_SIZE, offset;
    const struct gpu_entry bad[] = {
        {0, 4096, 0},
        {end - 4096, 4097, 0},
        {end, 1, 0},
        {UINT64_MAX, 2, 0},
        {UINT64_C(0xffffff8012345000), 4096, 0}, /* a kernel's virtual address */
        {RIG_RAM, UINT32_MAX, 0},
    };
    uint32_t id;

    start(&f);
    resource_create(&f, 1, B8G8R8X8, WIDTH, HEIGHT);
    for (unsigned i = 0; i < nitems(bad); i++) {
        const struct gpu_entry entries[2] = {{f.pixels, 4096, 0}, bad[i]};

        assert_int_equal(attach(&f, 1, entries, 2), GPU_ERR_INVALID_PARAMETER);
        assert_int_equal(f.rig.events[EVENT_GPU_BACKING], i + 1);
        assert_false(virtio_gpu_backing_at(f.dev, f.pixels, &id, &offset));
    }
    assert_int_equal(attach(&f, 9, bad, 1), GPU_ERR_INVALID_RESOURCE_ID);
    /* More entries than the command holds, than there may be, or none */
    assert_int_equal(attach(&f, 1, few, 0), GPU_ERR_INVALID_PARAMETER);
    assert_int_equal(attach(&f, 1, few, 0x10000), GPU_ERR_INVALID_PARAMETER);
    assert_int_equal(attach(&f, 1, few, 0x10001), GPU_ERR_INVALID_PARAMETER);
    assert_int_equal(attach(&f, 1, few, 0x10000000), GPU_ERR_INVALID_PARAMETER);
    assert_int_equal(attach(&f, 1, few, UINT32_MAX), GPU_ERR_INVALID_PARAMETER);
    assert_int_equal(f.rig.events[EVENT_GPU_BACKING], nitems(bad));
    stop(&f);
}

/* What a guest can make the host keep is bounded, and what it gives back can be used again. */
static void exhaustion(void **unused)
{
    static struct fixture f;
    uint32_t answer, count = 0;

    start(&f);
    assert_int_equal(resource_create(&f, 0, 1, 8, 8), GPU_ERR_INVALID_RESOURCE_ID);
    assert_int_equal(resource_create(&f, 1, 1, 0, 8), GPU_ERR_INVALID_PARAMETER);
    assert_int_equal(resource_create(&f, 1, 1, 8, 0), GPU_ERR_INVALID_PARAMETER);
    assert_int_equal(resource_create(&f, 1, 1, GPU_MAX_SIDE + 1, 1), GPU_ERR_INVALID_PARAMETER);
    assert_int_equal(resource_create(&f, 1, 1, 1, UINT32_MAX), GPU_ERR_INVALID_PARAMETER);
    assert_int_equal(resource_create(&f, 1, 1, GPU_MAX_SIDE, GPU_MAX_SIDE), GPU_ERR_OUT_OF_MEMORY);
    assert_int_equal(resource_create(&f, 1, 1, 8192, 8192), GPU_OK_NODATA);
    assert_int_equal(resource_create(&f, 2, 1, 8192, 8192), GPU_OK_NODATA);
    assert_int_equal(resource_create(&f, 3, 1, 1, 1), GPU_ERR_OUT_OF_MEMORY);
    /* A list of entries takes memory too. */
    assert_int_equal(attach(&f, 1, &(struct gpu_entry){f.pixels, 1, 0}, 1), GPU_ERR_OUT_OF_MEMORY);
    assert_int_equal(resource_create(&f, 1, 1, 1, 1), GPU_ERR_INVALID_RESOURCE_ID);
    assert_int_equal(resource_only(&f, GPU_CMD_RESOURCE_UNREF, 1), GPU_OK_NODATA);
    assert_int_equal(resource_only(&f, GPU_CMD_RESOURCE_UNREF, 1), GPU_ERR_INVALID_RESOURCE_ID);
    assert_int_equal(resource_create(&f, 3, 1, 1, 1), GPU_OK_NODATA);
    resource_only(&f, GPU_CMD_RESOURCE_UNREF, 2);
    resource_only(&f, GPU_CMD_RESOURCE_UNREF, 3);
    while ((answer = resource_create(&f, count + 1, 1, 1, 1)) == GPU_OK_NODATA)
        count++;
    assert_int_equal(answer, GPU_ERR_OUT_OF_MEMORY);
    assert_int_equal(count, GPU_MAX_RESOURCES);
    driver_reset(&f.driver);
    connect(&f);
    assert_int_equal(resource_create(&f, 1, 1, 8192, 8192), GPU_OK_NODATA);
    stop(&f);
}

static void pointer(void **unused)
{
    static struct fixture f;
    const struct display_cursor *shown;
    struct gpu_update_cursor move;

    start(&f);
    show(&f);
    shown = display_cursor(f.display);
    assert_false(shown->visible);
    assert_int_equal(cursor(&f, GPU_CMD_UPDATE_CURSOR, 1, 5, 5), GPU_ERR_INVALID_PARAMETER);
    assert_int_equal(cursor(&f, GPU_CMD_UPDATE_CURSOR, 2, 5, 5), GPU_ERR_INVALID_RESOURCE_ID);
    resource_create(&f, 2, B8G8R8A8, 64, 64);
    attach(&f, 2, &(struct gpu_entry){f.pixels, 64 * 64 * 4, 0}, 1);
    mem_fill(f.rig.mem, f.pixels, 0x80, 64 * 64 * 4);
    transfer(&f, 2, (struct display_rect){0, 0, 64, 64}, 0);
    assert_int_equal(cursor(&f, GPU_CMD_UPDATE_CURSOR, 2, 5, 6), GPU_OK_NODATA);
    assert_true(shown->visible && shown->x == 5 && shown->y == 6);
    assert_true(shown->hot_x == 3 && shown->hot_y == 63); /* within the shape */
    assert_int_equal(shown->pixels[4095], 0x80808080);
    /* Linux gives its pointer commands no room for an answer. */
    move = (struct gpu_update_cursor){header(&f, GPU_CMD_MOVE_CURSOR), 0, 70, 80, 0, 0, 0, 0, 0};
    mem_write(f.rig.mem, f.command, &move, sizeof(move));
    assert_int_equal(drvq_do(&f.cursor, &(struct buffer){f.command, sizeof(move), false}, 1, false),
                     0);
    assert_true(shown->visible && shown->x == 70 && shown->y == 80);
    move.header = header(&f, GPU_CMD_MOVE_CURSOR);
    move.scanout_id = 1;
    assert_int_equal(send(&f, &f.cursor, &move, sizeof(move), NULL, 24),
                     GPU_ERR_INVALID_SCANOUT_ID);
    move.header = header(&f, GPU_CMD_UPDATE_CURSOR);
    assert_int_equal(send(&f, &f.cursor, &move, sizeof(move), NULL, 24),
                     GPU_ERR_INVALID_SCANOUT_ID);
    assert_int_equal(cursor(&f, GPU_CMD_UPDATE_CURSOR, 0, 1, 1), GPU_OK_NODATA);
    assert_false(shown->visible);
    assert_true(f.seen.cursors >= 3);
    /* Each queue has its own commands. */
    move.header = header(&f, GPU_CMD_MOVE_CURSOR);
    assert_int_equal(SEND(&f, &move, sizeof(move)), GPU_ERR_UNSPEC);
    stop(&f);
}

/* What cannot be understood or answered at all */
static void malformed(void **unused)
{
    static struct fixture f;
    struct gpu_resource_create_2d c;
    struct gpu_header info;
    struct buffer b[2];

    start(&f);
    c = (struct gpu_resource_create_2d){header(&f, GPU_CMD_RESOURCE_CREATE_2D), 1, 1, 8, 8};
    assert_int_equal(SEND(&f, &c, sizeof(c) - 1), GPU_ERR_UNSPEC); /* cut short */
    info = header(&f, GPU_CMD_GET_DISPLAY_INFO);
    assert_int_equal(send(&f, &f.control, &info, sizeof(info), NULL, 407), GPU_ERR_UNSPEC);
    for (unsigned i = 0; i < 3; i++) {
        b[0] = (struct buffer){f.command, i == 0 ? 23 : 24, false};
        b[1] = (struct buffer){f.answer, i == 1 ? 23 : 24, true};
        drvq_add(&f.control, b, i == 2 ? 1 : 2, false);
        drvq_kick(&f.control);
        host_loop_drain(f.rig.loop);
        assert_true(driver_status(&f.driver) & VIRTIO_STATUS_NEEDS_RESET);
        assert_int_equal(f.rig.events[EVENT_RING_MALFORMED], i + 1);
        connect(&f);
        assert_int_equal(resource_create(&f, 1, 1, 8, 8), GPU_OK_NODATA);
    }
    stop(&f);
}

/* Firmware draws in guest memory until a driver takes over; a driver's reset leaves it alone. */
static void firmware(void **unused)
{
    static struct fixture f;
    uint32_t stride = STRIDE + 64;
    struct display_surface s;

    start(&f);
    assert_int_equal(virtio_gpu_firmware_scanout(f.dev, 0, WIDTH, HEIGHT, STRIDE), -EINVAL);
    assert_int_equal(virtio_gpu_firmware_scanout(f.dev, f.pixels, WIDTH, HEIGHT, STRIDE - 1),
                     -EINVAL);
    assert_int_equal(virtio_gpu_firmware_scanout(f.dev, f.pixels, UINT32_MAX, 1, UINT32_MAX),
                     -EINVAL);
    assert_int_equal(virtio_gpu_firmware_scanout(f.dev, f.pixels, WIDTH, HEIGHT, stride), 0);
    assert_int_equal(f.seen.width, WIDTH);
    mem_write(f.rig.mem, f.pixels + 2 * stride + 4, &(uint32_t){0x445566}, 4);
    assert_int_equal(pixel_at(&f, 1, 2), 0x445566);
    display_lock(f.display);
    s = display_surface(f.display);
    assert_true(s.on && s.firmware);
    display_unlock(f.display);
    connect(&f);
    mem_write(f.rig.mem, f.pixels + 2 * stride + 4, &(uint32_t){0x778899}, 4);
    assert_int_equal(pixel_at(&f, 1, 2), 0x778899);
    show(&f);
    assert_int_equal(pixel_at(&f, 1, 2), 0);
    display_lock(f.display);
    s = display_surface(f.display);
    assert_true(s.on && !s.firmware);
    display_unlock(f.display);
    /* Back to a smaller one: what the driver still flushes is not on the screen. */
    assert_int_equal(virtio_gpu_firmware_scanout(f.dev, f.pixels, 64, 64, 256), 0);
    poke(&f, 100, 90, 1);
    transfer(&f, 1, screen, 0);
    assert_int_equal(flush(&f, 1, screen), GPU_OK_NODATA);
    assert_int_equal(f.seen.changes, 0);
    assert_int_equal(virtio_gpu_firmware_scanout(f.dev, 0, 0, 0, 0), 0);
    assert_int_equal(f.seen.width, 0);
    stop(&f);
}

/* State */

static struct state *save(struct fixture *f)
{
    struct state *state = state_new(), *copy;
    const void *bytes;
    size_t length;

    virtio_device_quiesce(f->dev);
    assert_int_equal(pci_host_ops.save(f->rig.pci, state, "pci"), 0);
    assert_int_equal(virtio_pci_ops.save(f->pci, state, "gpu"), 0);
    bytes = state_bytes(state, &length);
    copy = state_parse(bytes, length, NULL);
    assert_non_null(copy);
    state_free(state);
    return copy;
}

static int load(struct fixture *f, const struct state *state, struct error *err)
{
    display_detach(f->display, &f->viewer);
    virtio_pci_ops.free(f->pci);
    rig_rebuild(&f->rig);
    create(f);
    assert_int_equal(pci_host_ops.load(f->rig.pci, state, "pci", NULL), 0);
    return virtio_pci_ops.load(f->pci, state, "gpu", err);
}

static void save_load(void **unused)
{
    static struct fixture f;
    struct error err = {0};
    struct state *state;
    uint64_t offset;
    uint32_t id;

    start(&f);
    show(&f);
    poke(&f, 3, 4, 0x313233);
    transfer(&f, 1, screen, 0);
    resource_create(&f, 2, B8G8R8A8, 64, 64);
    cursor(&f, GPU_CMD_UPDATE_CURSOR, 2, 8, 9);
    set_scanout(&f, 0, 1, (struct display_rect){2, 2, 50, 40});
    display_resize(f.display, 100, 100); /* an event that the driver has not seen yet */
    for (unsigned round = 0; round < 2; round++) {
        state = save(&f);
        if (load(&f, state, &err))
            fail_msg("%s", err.text);
        virtio_device_resume(f.dev);
        state_free(state);
        assert_int_equal(f.seen.width, 50);
        assert_int_equal(pixel_at(&f, 1, 2), 0x313233);
        assert_true(display_cursor(f.display)->visible && display_cursor(f.display)->y == 9);
        assert_int_equal(config_read32(&f.driver, 0), 1);
        assert_true(virtio_gpu_backing_at(f.dev, f.pixels + 5, &id, &offset));
        assert_true(id == 1 && offset == 5);
        assert_int_equal(resource_create(&f, 2, 1, 1, 1), GPU_ERR_INVALID_RESOURCE_ID);
        poke(&f, 3, 5, 0x414243 + round);
        assert_int_equal(transfer(&f, 1, screen, 0), GPU_OK_NODATA);
        assert_int_equal(flush(&f, 1, screen), GPU_OK_NODATA);
        assert_int_equal(pixel_at(&f, 1, 3), 0x414243 + round);
    }
    stop(&f);

    start(&f);
    virtio_gpu_firmware_scanout(f.dev, f.pixels, WIDTH, HEIGHT, STRIDE);
    poke(&f, 7, 7, 0x515253);
    state = save(&f);
    assert_int_equal(load(&f, state, &err), 0);
    state_free(state);
    assert_int_equal(pixel_at(&f, 7, 7), 0x515253);
    virtio_device_resume(f.dev);
    stop(&f);
}

/* A state whose numbers cannot be is refused by name and leaves a device that works. */
static void bad_states(void **unused)
{
    static struct fixture f;
    static struct gpu_resource *r;

    for (unsigned i = 0; i < 8; i++) {
        struct error err = {0};
        struct state *state;

        start(&f);
        show(&f);
        virtio_device_quiesce(f.dev);
        r = gpu_of(f.dev)->resources;
        switch (i) {
        case 0: r->id = 0; break;
        case 1: r->entries[0].address = 0; break;
        case 2: gpu_of(f.dev)->scanout.x = UINT32_MAX; break;
        case 3: gpu_of(f.dev)->resource_count = 2; break;
        case 4: gpu_of(f.dev)->resource_count = UINT32_MAX; break;
        case 5: gpu_of(f.dev)->firmware = (struct gpu_firmware){1, 1, 1, 4, NULL, NULL}; break;
        case 6: r->picture->width = 0; break;
        case 7:
            gpu_of(f.dev)->cursor.visible = true;
            gpu_of(f.dev)->cursor.hot_x = 64;
            break;
        }
        state = save(&f);
        gpu_of(f.dev)->firmware.width = 0;
        gpu_of(f.dev)->resource_count = 1;
        r->picture->width = WIDTH;
        assert_true(load(&f, state, &err) < 0);
        assert_non_null(strstr(err.text, "gpu"));
        state_free(state);
        virtio_pci_ops.reset(f.pci);
        virtio_device_resume(f.dev);
        connect(&f);
        show(&f);
        stop(&f);
    }
}

/* Pictures in files */

static png_image read_png(const char *path, uint8_t *rgb, size_t room)
{
    png_image image = {.version = PNG_IMAGE_VERSION};

    assert_true(png_image_begin_read_from_file(&image, path));
    assert_int_equal(image.format & (PNG_FORMAT_FLAG_ALPHA | PNG_FORMAT_FLAG_COLORMAP), 0);
    image.format = PNG_FORMAT_RGB;
    assert_true(PNG_IMAGE_SIZE(image) <= room);
    assert_true(png_image_finish_read(&image, NULL, rgb, 0, NULL));
    return image;
}

static void pictures(void **unused)
{
    static struct fixture f;
    static uint8_t rgb[WIDTH * HEIGHT * 3];
    char dir[] = "/tmp/atoll-gpu-XXXXXX", path[64], other[64];
    struct screenshot *shot;
    struct error err = {0};
    struct stat before, after;
    uint32_t noise = 1;
    png_image image;
    int fd;

    start(&f);
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/a.png", dir);
    snprintf(other, sizeof(other), "%s/disk.img", dir);
    assert_int_equal(screenshot_open(&shot, path, &err), 0);
    /* Nothing shown yet: black, of the size that is suggested. */
    assert_int_equal(screenshot_write(shot, f.display, false, &err), 0);
    image = read_png(path, rgb, sizeof(rgb));
    assert_true(image.width == WIDTH && image.height == HEIGHT && rgb[0] == 0);

    show(&f);
    for (unsigned i = 0; i < WIDTH * HEIGHT; i++, noise = noise * 1664525 + 1013904223)
        poke(&f, i % WIDTH, i / WIDTH, noise);
    poke(&f, 2, 1, 0x7f102030);
    transfer(&f, 1, screen, 0);
    assert_int_equal(screenshot_write(shot, f.display, false, &err), 0);
    image = read_png(path, rgb, sizeof(rgb));
    assert_memory_equal(rgb + (WIDTH + 2) * 3, "\x10\x20\x30", 3);
    assert_int_equal(stat(path, &before), 0);
    /* A smaller picture in the same file, with nothing left of the larger. */
    set_scanout(&f, 0, 1, (struct display_rect){2, 1, 10, 5});
    assert_int_equal(screenshot_write(shot, f.display, false, &err), 0);
    image = read_png(path, rgb, sizeof(rgb));
    assert_true(image.width == 10 && image.height == 5);
    assert_memory_equal(rgb, "\x10\x20\x30", 3);
    assert_int_equal(stat(path, &after), 0);
    assert_true(after.st_size < before.st_size);
    assert_int_equal(after.st_ino, before.st_ino);
    /* Off: black, and the last picture for who wants that. */
    set_scanout(&f, 0, 0, screen);
    assert_int_equal(screenshot_write(shot, f.display, false, &err), 0);
    image = read_png(path, rgb, sizeof(rgb));
    assert_true(image.width == 10 && rgb[0] == 0);
    assert_int_equal(screenshot_write(shot, f.display, true, &err), 0);
    image = read_png(path, rgb, sizeof(rgb));
    assert_memory_equal(rgb, "\x10\x20\x30", 3);
    screenshot_close(shot);
    /* An old picture may be replaced, other files may not. */
    assert_int_equal(screenshot_open(&shot, path, &err), 0);
    screenshot_close(shot);
    fd = open(other, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "a disk", 6), 6);
    close(fd);
    assert_int_equal(screenshot_open(&shot, other, &err), -EEXIST);
    assert_non_null(strstr(err.text, other));
    assert_int_equal(screenshot_open(&shot, dir, &err), -EISDIR);
    assert_int_equal(screenshot_open(&shot, "/dev/null", &err), -EINVAL);
    unlink(path);
    unlink(other);
    rmdir(dir);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identity),    cmocka_unit_test(resize),     cmocka_unit_test(formats),
        cmocka_unit_test(untouched),   cmocka_unit_test(crumbs),     cmocka_unit_test(drawing),
        cmocka_unit_test(scanouts),    cmocka_unit_test(rectangles), cmocka_unit_test(pieces),
        cmocka_unit_test(bad_backing), cmocka_unit_test(exhaustion), cmocka_unit_test(pointer),
        cmocka_unit_test(malformed),   cmocka_unit_test(firmware),   cmocka_unit_test(save_load),
        cmocka_unit_test(bad_states),  cmocka_unit_test(pictures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
