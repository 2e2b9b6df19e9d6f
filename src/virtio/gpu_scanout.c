/* SPDX-License-Identifier: ISC */
/*
 * What is on virtio-gpu's screen: the scanout, the pointer, and before there is a driver the
 * firmware's frame buffer, which EFI's Graphics Output Protocol draws in.
 */
#include <errno.h>
#include <string.h>

#include "virtio/gpu.h"

/* The scanout */

uint32_t gpu_scanout_set(struct virtio_gpu *gpu, struct gpu_resource *resource,
                         const struct display_rect *rect)
{
    const struct display_rect all = {0, 0, resource->picture->width, resource->picture->height};

    if (display_rect_empty(rect) || !display_rect_within(rect, &all))
        return GPU_ERR_INVALID_PARAMETER;
    gpu->shown = resource;
    gpu->scanout = *rect;
    gpu_firmware_end(gpu);
    display_show(gpu->display, resource->picture, rect, false);
    return GPU_OK_NODATA;
}

void gpu_scanout_off(struct virtio_gpu *gpu)
{
    if (!gpu->shown)
        return;
    gpu->shown = NULL;
    display_off(gpu->display);
}

/* Tells the viewers of what was transferred since the last flush, as far as they can see it. */
uint32_t gpu_scanout_flush(struct virtio_gpu *gpu, struct gpu_resource *resource,
                           const struct display_rect *rect)
{
    const struct display_rect all = {0, 0, resource->picture->width, resource->picture->height};
    struct display_rect seen;

    if (!display_rect_within(rect, &all))
        return GPU_ERR_INVALID_PARAMETER;
    seen = display_rect_common(rect, &resource->damage);
    if (display_rect_within(&resource->damage, rect))
        resource->damage = (struct display_rect){0};
    if (gpu->shown != resource)
        return GPU_OK_NODATA;
    seen = display_rect_common(&seen, &gpu->scanout);
    if (display_rect_empty(&seen))
        return GPU_OK_NODATA;
    seen.x -= gpu->scanout.x;
    seen.y -= gpu->scanout.y;
    display_changed(gpu->display, &seen);
    return GPU_OK_NODATA;
}

/* The pointer (5.7.6.10) */

uint32_t gpu_cursor_update(struct virtio_gpu *gpu, const struct gpu_resource *shape,
                           const struct gpu_update_cursor *command)
{
    struct display_cursor *cursor = &gpu->cursor;

    if (shape && (shape->picture->width != DISPLAY_CURSOR_SIDE ||
                  shape->picture->height != DISPLAY_CURSOR_SIDE))
        return GPU_ERR_INVALID_PARAMETER;
    cursor->visible = shape != NULL;
    cursor->x = command->x;
    cursor->y = command->y;
    if (shape) {
        cursor->hot_x = MIN(command->hot_x, DISPLAY_CURSOR_SIDE - 1);
        cursor->hot_y = MIN(command->hot_y, DISPLAY_CURSOR_SIDE - 1);
        memcpy(cursor->pixels, shape->picture->pixels, sizeof(cursor->pixels));
        for (size_t i = 0; i < nitems(cursor->pixels) && !shape->format->has_alpha; i++)
            cursor->pixels[i] |= 0xff000000;
    }
    display_cursor_set(gpu->display, cursor);
    return GPU_OK_NODATA;
}

void gpu_cursor_move(struct virtio_gpu *gpu, uint32_t x, uint32_t y)
{
    gpu->cursor.x = x;
    gpu->cursor.y = y;
    display_cursor_move(gpu->display, x, y);
}

void gpu_cursor_hide(struct virtio_gpu *gpu)
{
    gpu->cursor = (struct display_cursor){0};
    display_cursor_set(gpu->display, &gpu->cursor);
}

/* The firmware's frame buffer */

void gpu_firmware_refresh(void *ctx)
{
    struct virtio_gpu *gpu = ctx;
    const struct gpu_firmware *f = &gpu->firmware;
    size_t length = (size_t)f->width * GPU_PIXEL;

    if (f->watch && !mem_watch_take(f->watch))
        return;
    for (uint32_t y = 0; f->picture && y < f->height; y++) {
        uint64_t line = f->ipa + (uint64_t)y * f->stride;

        if (!f->watch || mem_watch_written(f->watch, line, length))
            mem_read(gpu->dev.host.mem, line, f->picture->pixels + (size_t)y * f->width, length);
    }
    if (f->watch)
        mem_watch_forget_all(f->watch);
}

/* Without memory for it, there is no watch. */
static struct mem_watch *watch_firmware(struct virtio_gpu *gpu, const struct gpu_firmware *f)
{
    struct mem_watch *watch;

    if (mem_watch_create(gpu->dev.host.mem, &watch))
        return NULL;
    mem_watch_add(watch, f->ipa, (uint64_t)f->stride * f->height);
    mem_watch_start(watch);
    return watch;
}

void gpu_firmware_end(struct virtio_gpu *gpu)
{
    display_lock(gpu->display);
    picture_release(gpu->firmware.picture);
    mem_watch_destroy(gpu->firmware.watch);
    gpu->firmware = (struct gpu_firmware){0};
    display_unlock(gpu->display);
}

int virtio_gpu_firmware_scanout(struct virtio_device *dev, uint64_t ipa, uint32_t width,
                                uint32_t height, uint32_t stride)
{
    struct virtio_gpu *gpu = gpu_of(dev);
    struct gpu_firmware firmware = {ipa, width, height, stride, NULL, NULL};

    gpu_firmware_end(gpu);
    gpu->shown = NULL; /* what a driver showed, if there was one, is over */
    if (width == 0 || height == 0) {
        display_off(gpu->display);
        return 0;
    }
    if (width > GPU_MAX_SIDE || height > GPU_MAX_SIDE || stride < width * GPU_PIXEL ||
        !mem_is_ram(dev->host.mem, ipa, (uint64_t)stride * height))
        return -EINVAL;
    firmware.picture = picture_new(width, height);
    if (!firmware.picture)
        return -ENOMEM;
    firmware.watch = watch_firmware(gpu, &firmware);
    display_lock(gpu->display);
    gpu->firmware = firmware;
    display_unlock(gpu->display);
    display_show(gpu->display, firmware.picture, &(struct display_rect){0, 0, width, height}, true);
    return 0;
}
