/* SPDX-License-Identifier: ISC */
/*
 * virtio-gpu's resources: pictures on the host, and the guest memory that they are filled from
 * (VIRTIO 1.2, 5.7.6.8). What a guest can make the host keep is bounded: resources in number, their
 * pixels and lists of backing memory together in bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "virtio/gpu.h"

/* Names list the bytes of a pixel from the lowest address up. */
static const struct gpu_format formats[] = {
    {.id = 1, .blue = 0, .green = 8, .red = 16, .alpha = 24, .has_alpha = true},   /* B8G8R8A8 */
    {.id = 2, .blue = 0, .green = 8, .red = 16},                                   /* B8G8R8X8 */
    {.id = 3, .alpha = 0, .red = 8, .green = 16, .blue = 24, .has_alpha = true},   /* A8R8G8B8 */
    {.id = 4, .red = 8, .green = 16, .blue = 24},                                  /* X8R8G8B8 */
    {.id = 67, .red = 0, .green = 8, .blue = 16, .alpha = 24, .has_alpha = true},  /* R8G8B8A8 */
    {.id = 68, .blue = 8, .green = 16, .red = 24},                                 /* X8B8G8R8 */
    {.id = 121, .alpha = 0, .blue = 8, .green = 16, .red = 24, .has_alpha = true}, /* A8B8G8R8 */
    {.id = 134, .red = 0, .green = 8, .blue = 16},                                 /* R8G8B8X8 */
};

static const struct gpu_format *find_format(uint32_t id)
{
    for (size_t i = 0; i < nitems(formats); i++)
        if (formats[i].id == id)
            return &formats[i];
    return NULL;
}

/* `count` pixels in place, from the guest's format to the display's. */
static void convert(const struct gpu_format *format, uint32_t *pixels, uint32_t count)
{
    if (format->blue == 0 && format->red == 16)
        return;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t p = pixels[i], alpha = format->has_alpha ? p >> format->alpha & 0xff : 0xff;

        pixels[i] = alpha << 24 | (p >> format->red & 0xff) << 16 |
                    (p >> format->green & 0xff) << 8 | (p >> format->blue & 0xff);
    }
}

/* The list */

struct gpu_resource *gpu_resource_find(struct virtio_gpu *gpu, uint32_t id)
{
    struct gpu_resource *resource = gpu->resources;

    while (resource && resource->id != id)
        resource = resource->next;
    return resource;
}

static uint64_t picture_bytes(uint32_t width, uint32_t height)
{
    return (uint64_t)width * height * GPU_PIXEL;
}

uint32_t gpu_resource_create(struct virtio_gpu *gpu, uint32_t id, uint32_t format, uint32_t width,
                             uint32_t height)
{
    const struct gpu_format *known = find_format(format);
    struct gpu_resource *resource;

    if (id == 0 || gpu_resource_find(gpu, id))
        return GPU_ERR_INVALID_RESOURCE_ID;
    if (!known || width == 0 || height == 0 || width > GPU_MAX_SIDE || height > GPU_MAX_SIDE)
        return GPU_ERR_INVALID_PARAMETER;
    if (gpu->resource_count == GPU_MAX_RESOURCES ||
        picture_bytes(width, height) > GPU_MAX_HOST - gpu->host_bytes)
        return GPU_ERR_OUT_OF_MEMORY;
    resource = calloc(1, sizeof(*resource));
    if (resource)
        resource->picture = picture_new(width, height);
    if (!resource || !resource->picture) {
        free(resource);
        return GPU_ERR_OUT_OF_MEMORY;
    }
    resource->id = id;
    resource->format = known;
    pthread_mutex_lock(&gpu->lock);
    resource->next = gpu->resources;
    gpu->resources = resource;
    pthread_mutex_unlock(&gpu->lock);
    gpu->resource_count++;
    gpu->host_bytes += picture_bytes(width, height);
    return GPU_OK_NODATA;
}

void gpu_resource_destroy(struct virtio_gpu *gpu, struct gpu_resource *resource)
{
    struct gpu_resource **at = &gpu->resources;

    if (gpu->shown == resource)
        gpu_scanout_off(gpu);
    gpu_resource_detach(gpu, resource);
    pthread_mutex_lock(&gpu->lock);
    while (*at != resource)
        at = &(*at)->next;
    *at = resource->next;
    pthread_mutex_unlock(&gpu->lock);
    gpu->resource_count--;
    gpu->host_bytes -= picture_bytes(resource->picture->width, resource->picture->height);
    picture_release(resource->picture);
    free(resource);
}

void gpu_resources_clear(struct virtio_gpu *gpu)
{
    while (gpu->resources)
        gpu_resource_destroy(gpu, gpu->resources);
}

/* Backing */

static void report_backing(struct virtio_gpu *gpu, const struct gpu_resource *resource,
                           const struct gpu_entry *entry)
{
    const struct event event = {.kind = EVENT_GPU_BACKING,
                                .cpu = -1,
                                .device = gpu->dev.instance,
                                .a = entry->address,
                                .b = entry->length,
                                .c = resource->id};

    event_emit(gpu->dev.host.events, &event);
}

/* Whether all entries are RAM; the first that is not is reported. */
static bool check_entries(struct virtio_gpu *gpu, const struct gpu_resource *resource,
                          const struct gpu_entry *entries, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!mem_is_ram(gpu->dev.host.mem, entries[i].address, entries[i].length)) {
            report_backing(gpu, resource, &entries[i]);
            return false;
        }
    return true;
}

uint32_t gpu_resource_attach(struct virtio_gpu *gpu, struct gpu_resource *resource,
                             struct gpu_entry *entries, uint32_t count)
{
    uint64_t list = count * sizeof(*entries), bytes = 0;
    uint32_t answer = GPU_OK_NODATA;

    if (resource->entries)
        answer = GPU_ERR_UNSPEC;
    else if (list > GPU_MAX_HOST - gpu->host_bytes)
        answer = GPU_ERR_OUT_OF_MEMORY;
    else if (!check_entries(gpu, resource, entries, count))
        answer = GPU_ERR_INVALID_PARAMETER;
    if (answer != GPU_OK_NODATA) {
        free(entries);
        return answer;
    }
    for (uint32_t i = 0; i < count; i++)
        bytes += entries[i].length;
    pthread_mutex_lock(&gpu->lock);
    resource->entries = entries;
    resource->entry_count = count;
    resource->backing = bytes;
    pthread_mutex_unlock(&gpu->lock);
    gpu->host_bytes += list;
    return GPU_OK_NODATA;
}

/* Watches the backing of what is on the screen, so that a frame which the guest sends again without
 * having touched it costs nothing. Without memory for it, everything is copied. */
static void watch_backing(struct virtio_gpu *gpu, struct gpu_resource *resource)
{
    if (resource->watch || gpu->shown != resource || gpu->watches == GPU_MAX_WATCHES ||
        mem_watch_create(gpu->dev.host.mem, &resource->watch))
        return;
    for (uint32_t i = 0; i < resource->entry_count; i++)
        mem_watch_add(resource->watch, resource->entries[i].address, resource->entries[i].length);
    mem_watch_start(resource->watch);
    gpu->watches++;
}

static void unwatch_backing(struct virtio_gpu *gpu, struct gpu_resource *resource)
{
    if (!resource->watch)
        return;
    mem_watch_destroy(resource->watch);
    resource->watch = NULL;
    gpu->watches--;
}

void gpu_resource_detach(struct virtio_gpu *gpu, struct gpu_resource *resource)
{
    struct gpu_entry *entries = resource->entries;

    unwatch_backing(gpu, resource);
    gpu->host_bytes -= resource->entry_count * sizeof(*entries);
    pthread_mutex_lock(&gpu->lock);
    resource->entries = NULL;
    resource->entry_count = 0;
    resource->backing = 0;
    pthread_mutex_unlock(&gpu->lock);
    free(entries);
}

/* How far into the resource's backing `ipa` lies; false when it does not. */
static bool backing_holds(const struct gpu_resource *resource, uint64_t ipa, uint64_t *offset)
{
    uint64_t start = 0;

    for (uint32_t i = 0; i < resource->entry_count; i++) {
        const struct gpu_entry *entry = &resource->entries[i];

        if (ipa >= entry->address && ipa - entry->address < entry->length) {
            *offset = start + (ipa - entry->address);
            return true;
        }
        start += entry->length;
    }
    return false;
}

bool virtio_gpu_backing_at(struct virtio_device *dev, uint64_t ipa, uint32_t *resource,
                           uint64_t *offset)
{
    struct virtio_gpu *gpu = gpu_of(dev);
    bool found = false;

    pthread_mutex_lock(&gpu->lock);
    for (const struct gpu_resource *r = gpu->resources; r && !found; r = r->next) {
        found = backing_holds(r, ipa, offset);
        if (found)
            *resource = r->id;
    }
    pthread_mutex_unlock(&gpu->lock);
    return found;
}

/* Transfers */

/* Reads a backing, whose entries are in any place, at offsets that only grow. */
struct reader {
    const struct mem *mem;
    const struct gpu_resource *resource;
    uint32_t index; /* of the entry that holds `start` */
    uint64_t start; /* its offset in the backing */
};

/* The part of [offset, offset + length) that lies in one entry: its address and length. The range
 * lies within the backing, and all of that is RAM. */
static size_t reader_part(struct reader *r, uint64_t offset, size_t length, uint64_t *address)
{
    const struct gpu_entry *entry = &r->resource->entries[r->index];

    while (offset - r->start >= entry->length) {
        r->start += entry->length;
        entry = &r->resource->entries[++r->index];
    }
    *address = entry->address + (offset - r->start);
    return (size_t)MIN(length, entry->length - (offset - r->start));
}

static void reader_read(struct reader *r, uint64_t offset, void *to, size_t length)
{
    for (size_t part; length > 0; offset += part, length -= part) {
        uint64_t address;

        part = reader_part(r, offset, length, &address);
        mem_read(r->mem, address, to, part);
        to = (uint8_t *)to + part;
    }
}

/* Whether the guest has written there since it was last forgotten. The reader goes to `offset`, so
 * that lines which are skipped are not walked over again. */
static bool reader_written(struct reader *from, uint64_t offset, size_t length)
{
    struct reader ahead, *r = &ahead;
    bool written = false;
    uint64_t address;

    reader_part(from, offset, length, &address);
    ahead = *from;
    for (size_t part; length > 0 && !written; offset += part, length -= part) {
        part = reader_part(r, offset, length, &address);
        written = mem_watch_written(r->resource->watch, address, part);
    }
    return written;
}

static void reader_forget(struct reader *r, uint64_t offset, uint64_t length)
{
    for (size_t part; length > 0; offset += part, length -= part) {
        uint64_t address;

        part = reader_part(r, offset, (size_t)length, &address);
        mem_watch_forget(r->resource->watch, address, part);
    }
}

/* Takes a line over from gpu->line, if it differs. */
static void update_line(struct virtio_gpu *gpu, struct gpu_resource *resource,
                        const struct display_rect *part)
{
    struct picture *picture = resource->picture;
    uint32_t *line = picture->pixels + (size_t)part->y * picture->width + part->x;
    size_t length = (size_t)part->width * GPU_PIXEL;

    convert(resource->format, gpu->line, part->width);
    if (memcmp(line, gpu->line, length) == 0)
        return;
    memcpy(line, gpu->line, length);
    resource->damage = display_rect_around(&resource->damage, part);
}

/*
 * Copies line after line and notes which of them changed: OpenBSD sends the whole screen a hundred
 * times a second, and mostly there is nothing new in it. `watched`: lines in pages that were not
 * written are in the picture already.
 */
static void transfer_lines(struct virtio_gpu *gpu, struct gpu_resource *resource,
                           const struct display_rect *rect, uint64_t offset, bool watched)
{
    struct reader reader = {gpu->dev.host.mem, resource, 0, 0};
    uint64_t stride = (uint64_t)resource->picture->width * GPU_PIXEL;
    size_t length = (size_t)rect->width * GPU_PIXEL;

    display_lock(gpu->display);
    for (uint32_t y = rect->y; y < rect->y + rect->height; y++, offset += stride) {
        const struct display_rect part = {rect->x, y, rect->width, 1};

        if (watched && !reader_written(&reader, offset, length))
            continue;
        reader_read(&reader, offset, gpu->line, length);
        update_line(gpu, resource, &part);
    }
    display_unlock(gpu->display);
}

/* A picture that shows its backing line by line, as all do but those that somebody shifts. */
static void transfer_watched(struct virtio_gpu *gpu, struct gpu_resource *resource,
                             const struct display_rect *rect, uint64_t offset)
{
    struct reader reader = {gpu->dev.host.mem, resource, 0, 0};
    uint64_t stride = (uint64_t)resource->picture->width * GPU_PIXEL;

    resource->stale |= mem_watch_take(resource->watch);
    if (!resource->stale)
        return;
    transfer_lines(gpu, resource, rect, offset, true);
    if (rect->width == resource->picture->width)
        reader_forget(&reader, offset, stride * rect->height);
    if (rect->width == resource->picture->width && rect->height == resource->picture->height)
        resource->stale = false;
}

uint32_t gpu_resource_transfer(struct virtio_gpu *gpu, struct gpu_resource *resource,
                               const struct display_rect *rect, uint64_t offset)
{
    struct picture *picture = resource->picture;
    const struct display_rect all = {0, 0, picture->width, picture->height};
    uint64_t stride = (uint64_t)picture->width * GPU_PIXEL;
    size_t length = (size_t)rect->width * GPU_PIXEL;

    if (!resource->entries)
        return GPU_ERR_UNSPEC;
    if (!display_rect_within(rect, &all))
        return GPU_ERR_INVALID_PARAMETER;
    if (display_rect_empty(rect))
        return GPU_OK_NODATA;
    if (!range_fits(offset, stride * (rect->height - 1) + length, resource->backing))
        return GPU_ERR_INVALID_PARAMETER;
    if (offset != stride * rect->y + (uint64_t)rect->x * GPU_PIXEL) {
        unwatch_backing(gpu, resource); /* and start again: what is where is not known any more */
        transfer_lines(gpu, resource, rect, offset, false);
        return GPU_OK_NODATA;
    }
    watch_backing(gpu, resource);
    if (resource->watch)
        transfer_watched(gpu, resource, rect, offset);
    else
        transfer_lines(gpu, resource, rect, offset, false);
    return GPU_OK_NODATA;
}
