/* SPDX-License-Identifier: ISC */
/*
 * virtio-gpu's saved state: one section for the device, three for each resource (its record, its
 * pixels, its backing). What comes back goes through the same functions as a driver's commands, and
 * so through the same checks.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/gpu.h"

struct gpu_record {
    uint32_t resources, events;
    uint32_t shown, x, y, width, height; /* the scanout; resource 0: off */
    bool cursor_visible;
    uint32_t cursor_x, cursor_y, hot_x, hot_y;
    uint64_t firmware_ipa;
    uint32_t firmware_width, firmware_height, firmware_stride; /* width 0: none */
};

static const struct state_field gpu_fields[] = {
    STATE_FIELD(struct gpu_record, resources, STATE_U32),
    STATE_FIELD(struct gpu_record, events, STATE_U32),
    STATE_FIELD(struct gpu_record, shown, STATE_U32),
    STATE_FIELD(struct gpu_record, x, STATE_U32),
    STATE_FIELD(struct gpu_record, y, STATE_U32),
    STATE_FIELD(struct gpu_record, width, STATE_U32),
    STATE_FIELD(struct gpu_record, height, STATE_U32),
    STATE_FIELD(struct gpu_record, cursor_visible, STATE_BOOL),
    STATE_FIELD(struct gpu_record, cursor_x, STATE_U32),
    STATE_FIELD(struct gpu_record, cursor_y, STATE_U32),
    STATE_FIELD(struct gpu_record, hot_x, STATE_U32),
    STATE_FIELD(struct gpu_record, hot_y, STATE_U32),
    STATE_FIELD(struct gpu_record, firmware_ipa, STATE_U64),
    STATE_FIELD(struct gpu_record, firmware_width, STATE_U32),
    STATE_FIELD(struct gpu_record, firmware_height, STATE_U32),
    STATE_FIELD(struct gpu_record, firmware_stride, STATE_U32),
};
static const struct state_table gpu_table = {"virtio-gpu", 1, gpu_fields, nitems(gpu_fields)};

struct resource_record {
    uint32_t id, format, width, height, entries;
};

static const struct state_field resource_fields[] = {
    STATE_FIELD(struct resource_record, id, STATE_U32),
    STATE_FIELD(struct resource_record, format, STATE_U32),
    STATE_FIELD(struct resource_record, width, STATE_U32),
    STATE_FIELD(struct resource_record, height, STATE_U32),
    STATE_FIELD(struct resource_record, entries, STATE_U32),
};
static const struct state_table resource_table = {"virtio-gpu resource", 1, resource_fields,
                                                  nitems(resource_fields)};

/* "gpu0/resource3", and the sections of bytes that belong to it. */
struct names {
    char record[64], pixels[80], backing[80];
};

static void make_names(struct names *names, const char *instance, unsigned index)
{
    snprintf(names->record, sizeof(names->record), "%.40s/resource%u", instance, index);
    snprintf(names->pixels, sizeof(names->pixels), "%s/pixels", names->record);
    snprintf(names->backing, sizeof(names->backing), "%s/backing", names->record);
}

static size_t pixel_bytes(const struct gpu_resource *resource)
{
    return (size_t)resource->picture->width * resource->picture->height * GPU_PIXEL;
}

static int save_resource(const struct gpu_resource *resource, struct state *state,
                         const struct names *names)
{
    const struct resource_record record = {resource->id, resource->format->id,
                                           resource->picture->width, resource->picture->height,
                                           resource->entry_count};
    int ret = state_save(state, names->record, &resource_table, &record);

    ret = ret ? ret
              : state_save_bytes(state, names->pixels, resource->picture->pixels,
                                 pixel_bytes(resource));
    if (ret || record.entries == 0)
        return ret;
    return state_save_bytes(state, names->backing, resource->entries,
                            resource->entry_count * sizeof(*resource->entries));
}

static int save_cursor(const struct virtio_gpu *gpu, struct state *state, const char *instance)
{
    char name[64];

    if (!gpu->cursor.visible)
        return 0;
    snprintf(name, sizeof(name), "%.40s/cursor", instance);
    return state_save_bytes(state, name, gpu->cursor.pixels, sizeof(gpu->cursor.pixels));
}

int gpu_save(struct virtio_device *dev, struct state *state, const char *instance)
{
    struct virtio_gpu *gpu = gpu_of(dev);
    const struct gpu_record record = {
        .resources = gpu->resource_count,
        .events = atomic_load(&gpu->events),
        .shown = gpu->shown ? gpu->shown->id : 0,
        .x = gpu->scanout.x,
        .y = gpu->scanout.y,
        .width = gpu->scanout.width,
        .height = gpu->scanout.height,
        .cursor_visible = gpu->cursor.visible,
        .cursor_x = gpu->cursor.x,
        .cursor_y = gpu->cursor.y,
        .hot_x = gpu->cursor.hot_x,
        .hot_y = gpu->cursor.hot_y,
        .firmware_ipa = gpu->firmware.ipa,
        .firmware_width = gpu->firmware.width,
        .firmware_height = gpu->firmware.height,
        .firmware_stride = gpu->firmware.stride,
    };
    int ret = state_save(state, instance, &gpu_table, &record);
    unsigned index = 0;

    ret = ret ? ret : save_cursor(gpu, state, instance);
    for (const struct gpu_resource *r = gpu->resources; r && !ret; r = r->next) {
        struct names names;

        make_names(&names, instance, index++);
        ret = save_resource(r, state, &names);
    }
    return ret;
}

/* Loading */

static int load_backing(struct virtio_gpu *gpu, struct gpu_resource *resource, uint32_t entries,
                        const struct state *state, const struct names *names, struct error *err)
{
    const void *bytes;
    struct gpu_entry *copy;
    size_t length;
    int ret = state_load_bytes(state, names->backing, &bytes, &length, err);

    if (ret)
        return ret;
    if (entries > GPU_MAX_ENTRIES || length != entries * sizeof(*copy))
        return error_set(err, EINVAL, "%s: %u entries in %zu bytes", names->backing, entries,
                         length);
    copy = malloc(length);
    if (!copy)
        return error_set(err, ENOMEM, "out of memory");
    memcpy(copy, bytes, length);
    if (gpu_resource_attach(gpu, resource, copy, entries) != GPU_OK_NODATA)
        return error_set(err, EINVAL, "%s: not all of it is memory of this machine",
                         names->backing);
    return 0;
}

static int load_resource(struct virtio_gpu *gpu, const struct state *state,
                         const struct names *names, struct error *err)
{
    struct resource_record record;
    struct gpu_resource *resource;
    const void *pixels;
    size_t length;
    int ret = state_load(state, names->record, &resource_table, &record, err);

    if (ret)
        return ret;
    if (gpu_resource_create(gpu, record.id, record.format, record.width, record.height) !=
        GPU_OK_NODATA)
        return error_set(err, EINVAL, "%s: no resource %u of %ux%u in format %u can be made",
                         names->record, record.id, record.width, record.height, record.format);
    resource = gpu_resource_find(gpu, record.id);
    ret = state_load_bytes(state, names->pixels, &pixels, &length, err);
    if (ret)
        return ret;
    if (length != pixel_bytes(resource))
        return error_set(err, EINVAL, "%s: %zu bytes for %ux%u", names->pixels, length,
                         record.width, record.height);
    memcpy(resource->picture->pixels, pixels, length);
    return record.entries ? load_backing(gpu, resource, record.entries, state, names, err) : 0;
}

static int load_scanout(struct virtio_gpu *gpu, const struct gpu_record *record,
                        const char *instance, struct error *err)
{
    const struct display_rect rect = {record->x, record->y, record->width, record->height};
    struct gpu_resource *resource = gpu_resource_find(gpu, record->shown);

    if (virtio_gpu_firmware_scanout(&gpu->dev, record->firmware_ipa, record->firmware_width,
                                    record->firmware_height, record->firmware_stride))
        return error_set(err, EINVAL, "%s: the firmware's frame buffer is not memory", instance);
    if (record->shown == 0)
        return 0;
    if (!resource || gpu_scanout_set(gpu, resource, &rect) != GPU_OK_NODATA)
        return error_set(err, EINVAL, "%s: resource %u cannot be on the screen", instance,
                         record->shown);
    return 0;
}

static int load_cursor(struct virtio_gpu *gpu, const struct gpu_record *record,
                       const struct state *state, const char *instance, struct error *err)
{
    struct display_cursor *cursor = &gpu->cursor;
    const void *pixels;
    size_t length;
    char name[64];
    int ret;

    if (!record->cursor_visible)
        return 0;
    snprintf(name, sizeof(name), "%.40s/cursor", instance);
    ret = state_load_bytes(state, name, &pixels, &length, err);
    if (ret)
        return ret;
    if (length != sizeof(cursor->pixels) || record->hot_x >= DISPLAY_CURSOR_SIDE ||
        record->hot_y >= DISPLAY_CURSOR_SIDE)
        return error_set(err, EINVAL, "%s: no pointer of this size is possible", name);
    cursor->visible = true;
    cursor->x = record->cursor_x;
    cursor->y = record->cursor_y;
    cursor->hot_x = record->hot_x;
    cursor->hot_y = record->hot_y;
    memcpy(cursor->pixels, pixels, length);
    display_cursor_set(gpu->display, cursor);
    return 0;
}

static int load_all(struct virtio_gpu *gpu, const struct state *state, const char *instance,
                    struct error *err)
{
    struct gpu_record record;
    int ret = state_load(state, instance, &gpu_table, &record, err);

    if (ret)
        return ret;
    if (record.resources > GPU_MAX_RESOURCES)
        return error_set(err, EINVAL, "%s: %u resources", instance, record.resources);
    for (unsigned i = record.resources; i-- > 0 && !ret;) { /* the list comes out as it was */
        struct names names;

        make_names(&names, instance, i);
        ret = load_resource(gpu, state, &names, err);
    }
    ret = ret ? ret : load_scanout(gpu, &record, instance, err);
    ret = ret ? ret : load_cursor(gpu, &record, state, instance, err);
    if (!ret)
        atomic_store(&gpu->events, record.events);
    return ret;
}

int gpu_load(struct virtio_device *dev, const struct state *state, const char *instance,
             struct error *err)
{
    int ret;

    gpu_reset(dev);
    ret = load_all(gpu_of(dev), state, instance, err);
    if (ret)
        gpu_reset(dev);
    return ret;
}
