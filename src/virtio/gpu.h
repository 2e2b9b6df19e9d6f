/* SPDX-License-Identifier: ISC */
/*
 * What the files of virtio-gpu share: the protocol's structures (VIRTIO 1.2, 5.7.6) and the device.
 * Not for other rooms.
 *
 *      guest memory           resource                        display
 *      [entry][entry]...  --> picture, 32 bits a pixel  -->   the part that is the scanout
 *            TRANSFER_TO_HOST_2D: converts                RESOURCE_FLUSH: says what changed
 *
 * gpu.c has the device and takes commands apart, gpu_resource.c has resources and their backing,
 * gpu_scanout.c what is on the screen, gpu_state.c saves and loads.
 *
 * Everything runs on the device's loop, except where it says otherwise. `lock` is over the list of
 * resources and their backing, which other threads look at; pixels are under the display's lock,
 * which comes after it.
 */
#ifndef VIRTIO_GPU_H
#define VIRTIO_GPU_H

#include "backend/display.h"
#include "base/units.h"
#include "virtio/devices.h"
#include "virtio/queue.h"

#define GPU_MAX_RESOURCES 1024
#define GPU_MAX_SIDE      16384       /* pixels of a resource, each way */
#define GPU_MAX_HOST      (512 * MIB) /* pixels and backing entries of all resources together */
#define GPU_MAX_ENTRIES   65536       /* of one backing: 256 MiB in pages of 4 KiB */
#define GPU_MAX_WATCHES   8 /* resources whose backing is watched; guests flip between two */
#define GPU_SCANOUTS      1
#define GPU_PIXEL         4 /* bytes of a pixel, in every format */

enum gpu_type {
    /* control queue */
    GPU_CMD_GET_DISPLAY_INFO = 0x0100,
    GPU_CMD_RESOURCE_CREATE_2D,
    GPU_CMD_RESOURCE_UNREF,
    GPU_CMD_SET_SCANOUT,
    GPU_CMD_RESOURCE_FLUSH,
    GPU_CMD_TRANSFER_TO_HOST_2D,
    GPU_CMD_RESOURCE_ATTACH_BACKING,
    GPU_CMD_RESOURCE_DETACH_BACKING,
    GPU_CMD_GET_CAPSET_INFO,
    /* cursor queue */
    GPU_CMD_UPDATE_CURSOR = 0x0300,
    GPU_CMD_MOVE_CURSOR,

    GPU_OK_NODATA = 0x1100,
    GPU_OK_DISPLAY_INFO,
    GPU_ERR_UNSPEC = 0x1200,
    GPU_ERR_OUT_OF_MEMORY,
    GPU_ERR_INVALID_SCANOUT_ID,
    GPU_ERR_INVALID_RESOURCE_ID,
    GPU_ERR_INVALID_CONTEXT_ID,
    GPU_ERR_INVALID_PARAMETER,
};

/* Little-endian, as the host is (base/bits.h), and without holes. Rectangles are the display's. */

#define GPU_FLAG_FENCE 1u

struct gpu_header {
    uint32_t type, flags;
    uint64_t fence_id;
    uint32_t ctx_id;
    uint8_t ring_idx, padding[3];
};

struct gpu_resource_create_2d {
    struct gpu_header header;
    uint32_t resource_id, format, width, height;
};

struct gpu_resource_only { /* UNREF, DETACH_BACKING */
    struct gpu_header header;
    uint32_t resource_id, padding;
};

struct gpu_set_scanout {
    struct gpu_header header;
    struct display_rect rect;
    uint32_t scanout_id, resource_id;
};

struct gpu_resource_flush {
    struct gpu_header header;
    struct display_rect rect;
    uint32_t resource_id, padding;
};

struct gpu_transfer_to_host_2d {
    struct gpu_header header;
    struct display_rect rect;
    uint64_t offset;
    uint32_t resource_id, padding;
};

struct gpu_attach_backing {
    struct gpu_header header;
    uint32_t resource_id, entries; /* which follow */
};

struct gpu_entry {
    uint64_t address;
    uint32_t length, padding;
};

struct gpu_update_cursor {
    struct gpu_header header;
    uint32_t scanout_id, x, y, padding;
    uint32_t resource_id, hot_x, hot_y, padding2; /* UPDATE_CURSOR only */
};

union gpu_request {
    struct gpu_header header;
    struct gpu_resource_create_2d create;
    struct gpu_resource_only resource;
    struct gpu_set_scanout set_scanout;
    struct gpu_resource_flush flush;
    struct gpu_transfer_to_host_2d transfer;
    struct gpu_attach_backing attach;
    struct gpu_update_cursor cursor;
};

#define GPU_MAX_SCANOUTS 16 /* in the answer, whatever the device has */

struct gpu_display_one {
    struct display_rect rect;
    uint32_t enabled, flags;
};

struct gpu_display_info {
    struct gpu_header header;
    struct gpu_display_one modes[GPU_MAX_SCANOUTS];
};

union gpu_response {
    struct gpu_header header;
    struct gpu_display_info display_info;
};

_Static_assert(sizeof(struct gpu_header) == 24 && sizeof(struct gpu_transfer_to_host_2d) == 56 &&
                   sizeof(struct gpu_update_cursor) == 56 &&
                   sizeof(struct gpu_display_info) == 408 && sizeof(struct gpu_entry) == 16,
               "the structures of VIRTIO 1.2, 5.7.6");

/* A pixel format (5.7.6.8): where in the little-endian word the colours are. */
struct gpu_format {
    uint32_t id;
    uint8_t red, green, blue, alpha; /* shifts */
    bool has_alpha;
};

struct gpu_resource {
    struct gpu_resource *next;
    uint32_t id;
    const struct gpu_format *format;
    struct picture *picture;
    struct gpu_entry *entries; /* the backing, all of it RAM; NULL: none */
    uint32_t entry_count;
    uint64_t backing;           /* bytes in all entries */
    struct mem_watch *watch;    /* of the backing, once it is on the screen; NULL: always copied */
    bool stale;                 /* `watch` knows of pages that the picture does not show yet */
    struct display_rect damage; /* around the pixels that changed since the last flush */
};

/* Where a firmware draws before there is a driver: a frame buffer in guest memory. */
struct gpu_firmware {
    uint64_t ipa;
    uint32_t width, height, stride; /* pixels; bytes from line to line */
    struct picture *picture;        /* NULL: there is none */
    struct mem_watch *watch;        /* of the frame buffer; NULL: copied whenever it is looked at */
};

struct virtio_gpu {
    struct virtio_device dev;
    struct display *display;        /* owned */
    _Atomic uint32_t width, height; /* what GET_DISPLAY_INFO suggests */
    _Atomic uint32_t events;        /* events_read of the configuration */

    pthread_mutex_t lock; /* over the list and the backing of what is in it */
    struct gpu_resource *resources;
    unsigned resource_count;
    uint64_t host_bytes; /* of GPU_MAX_HOST */
    unsigned watches;    /* of GPU_MAX_WATCHES */

    struct gpu_resource *shown; /* the scanout's resource, NULL: off */
    struct display_rect scanout;
    struct gpu_firmware firmware; /* under the display's lock */
    struct display_cursor cursor;

    uint32_t line[GPU_MAX_SIDE]; /* scratch: one line in our format */
    struct virtq_chain chain;
};

static inline struct virtio_gpu *gpu_of(struct virtio_device *dev)
{
    return container_of(dev, struct virtio_gpu, dev);
}

/* --- gpu_resource.c. What the commands return is the type of the response. --- */

struct gpu_resource *gpu_resource_find(struct virtio_gpu *gpu, uint32_t id);
uint32_t gpu_resource_create(struct virtio_gpu *gpu, uint32_t id, uint32_t format, uint32_t width,
                             uint32_t height);
/* Takes `entries`, which came from malloc, whatever it returns. */
uint32_t gpu_resource_attach(struct virtio_gpu *gpu, struct gpu_resource *resource,
                             struct gpu_entry *entries, uint32_t count);
void gpu_resource_detach(struct virtio_gpu *gpu, struct gpu_resource *resource);
uint32_t gpu_resource_transfer(struct virtio_gpu *gpu, struct gpu_resource *resource,
                               const struct display_rect *rect, uint64_t offset);
void gpu_resource_destroy(struct virtio_gpu *gpu, struct gpu_resource *resource);
void gpu_resources_clear(struct virtio_gpu *gpu);

/* --- gpu_scanout.c --- */

uint32_t gpu_scanout_set(struct virtio_gpu *gpu, struct gpu_resource *resource,
                         const struct display_rect *rect);
void gpu_scanout_off(struct virtio_gpu *gpu);
uint32_t gpu_scanout_flush(struct virtio_gpu *gpu, struct gpu_resource *resource,
                           const struct display_rect *rect);
/* A new shape (NULL: none) with its hot spot; and a new place. */
uint32_t gpu_cursor_update(struct virtio_gpu *gpu, const struct gpu_resource *shape,
                           const struct gpu_update_cursor *command);
void gpu_cursor_move(struct virtio_gpu *gpu, uint32_t x, uint32_t y);
void gpu_cursor_hide(struct virtio_gpu *gpu);
/* For the display: copies the firmware's frame buffer; with its lock held, any thread. */
void gpu_firmware_refresh(void *ctx);
/* The firmware's frame buffer is not shown any more. */
void gpu_firmware_end(struct virtio_gpu *gpu);

/* --- gpu_state.c; while quiesced --- */

int gpu_save(struct virtio_device *dev, struct state *state, const char *instance);
int gpu_load(struct virtio_device *dev, const struct state *state, const char *instance,
             struct error *err);

/* --- gpu.c --- */

/* Back to power-on, except for what the firmware shows. */
void gpu_reset(struct virtio_device *dev);

#endif
