/* SPDX-License-Identifier: ISC */
/*
 * The GPU device (VIRTIO 1.2, 5.7), two-dimensional as Apple's: one scanout, no EDID, no VIRGL, no
 * blobs, no capability sets.
 *
 * A command is done when it is answered, so its fence is signalled by the answer (5.7.6.7); drivers
 * that poll (OpenBSD) wait for no longer than it takes. A command that makes no sense is answered
 * with an error; one without room for its header or an answer puts the device into NEEDS_RESET.
 */
#include "virtio/gpu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CONTROL_QUEUE_SIZE 64
#define CURSOR_QUEUE_SIZE  16
#define BATCH              8

enum { QUEUE_CONTROL, QUEUE_CURSOR, QUEUE_COUNT };

/* Offsets in the configuration (5.7.4) */
enum {
    CONFIG_EVENTS_READ = 0,
    CONFIG_EVENTS_CLEAR = 4,
    CONFIG_NUM_SCANOUTS = 8,
    CONFIG_NUM_CAPSETS = 12,
    CONFIG_SIZE = 16
};

#define EVENT_DISPLAY 1u /* the mode that is suggested has changed */

/* Configuration */

static void gpu_config_read(struct virtio_device *dev, unsigned offset, unsigned size, void *to)
{
    const uint32_t config[CONFIG_SIZE / 4] = {
        [CONFIG_EVENTS_READ / 4] = atomic_load(&gpu_of(dev)->events),
        [CONFIG_NUM_SCANOUTS / 4] = GPU_SCANOUTS,
    };

    memcpy(to, (const uint8_t *)config + offset, size);
}

static void gpu_config_write(struct virtio_device *dev, unsigned offset, unsigned size,
                             const void *from)
{
    uint32_t clear;

    if (offset != CONFIG_EVENTS_CLEAR || size != sizeof(clear))
        return;
    memcpy(&clear, from, sizeof(clear));
    atomic_fetch_and(&gpu_of(dev)->events, ~clear);
}

/* Commands. Each returns the type of its response. */

static uint32_t get_display_info(struct virtio_gpu *gpu, const union gpu_request *request,
                                 union gpu_response *response)
{
    response->display_info.modes[0] = (struct gpu_display_one){
        .rect = {0, 0, atomic_load(&gpu->width), atomic_load(&gpu->height)},
        .enabled = 1,
    };
    return GPU_OK_DISPLAY_INFO;
}

static uint32_t resource_create_2d(struct virtio_gpu *gpu, const union gpu_request *request,
                                   union gpu_response *response)
{
    const struct gpu_resource_create_2d *r = &request->create;

    return gpu_resource_create(gpu, r->resource_id, r->format, r->width, r->height);
}

static uint32_t resource_unref(struct virtio_gpu *gpu, const union gpu_request *request,
                               union gpu_response *response)
{
    struct gpu_resource *resource = gpu_resource_find(gpu, request->resource.resource_id);

    if (!resource)
        return GPU_ERR_INVALID_RESOURCE_ID;
    gpu_resource_destroy(gpu, resource);
    return GPU_OK_NODATA;
}

static uint32_t set_scanout(struct virtio_gpu *gpu, const union gpu_request *request,
                            union gpu_response *response)
{
    const struct gpu_set_scanout *r = &request->set_scanout;
    struct gpu_resource *resource;

    if (r->scanout_id >= GPU_SCANOUTS)
        return GPU_ERR_INVALID_SCANOUT_ID;
    if (r->resource_id == 0) {
        gpu_scanout_off(gpu);
        return GPU_OK_NODATA;
    }
    resource = gpu_resource_find(gpu, r->resource_id);
    return resource ? gpu_scanout_set(gpu, resource, &r->rect) : GPU_ERR_INVALID_RESOURCE_ID;
}

static uint32_t resource_flush(struct virtio_gpu *gpu, const union gpu_request *request,
                               union gpu_response *response)
{
    struct gpu_resource *resource = gpu_resource_find(gpu, request->flush.resource_id);

    return resource ? gpu_scanout_flush(gpu, resource, &request->flush.rect)
                    : GPU_ERR_INVALID_RESOURCE_ID;
}

static uint32_t transfer_to_host_2d(struct virtio_gpu *gpu, const union gpu_request *request,
                                    union gpu_response *response)
{
    const struct gpu_transfer_to_host_2d *r = &request->transfer;
    struct gpu_resource *resource = gpu_resource_find(gpu, r->resource_id);

    return resource ? gpu_resource_transfer(gpu, resource, &r->rect, r->offset)
                    : GPU_ERR_INVALID_RESOURCE_ID;
}

static uint32_t attach_backing(struct virtio_gpu *gpu, const union gpu_request *request,
                               union gpu_response *response)
{
    const struct gpu_attach_backing *r = &request->attach;
    struct gpu_resource *resource = gpu_resource_find(gpu, r->resource_id);
    size_t length = r->entries * sizeof(struct gpu_entry);
    struct gpu_entry *entries;

    if (!resource)
        return GPU_ERR_INVALID_RESOURCE_ID;
    if (r->entries == 0 || r->entries > GPU_MAX_ENTRIES ||
        gpu->chain.readable_bytes - sizeof(*r) < length)
        return GPU_ERR_INVALID_PARAMETER;
    entries = malloc(length);
    if (!entries)
        return GPU_ERR_OUT_OF_MEMORY;
    virtq_chain_read(&gpu->chain, sizeof(*r), entries, length);
    return gpu_resource_attach(gpu, resource, entries, r->entries);
}

static uint32_t detach_backing(struct virtio_gpu *gpu, const union gpu_request *request,
                               union gpu_response *response)
{
    struct gpu_resource *resource = gpu_resource_find(gpu, request->resource.resource_id);

    if (!resource)
        return GPU_ERR_INVALID_RESOURCE_ID;
    if (!resource->entries)
        return GPU_ERR_UNSPEC;
    gpu_resource_detach(gpu, resource);
    return GPU_OK_NODATA;
}

/* There are none, whichever is asked for. */
static uint32_t get_capset_info(struct virtio_gpu *gpu, const union gpu_request *request,
                                union gpu_response *response)
{
    return GPU_ERR_INVALID_PARAMETER;
}

static uint32_t update_cursor(struct virtio_gpu *gpu, const union gpu_request *request,
                              union gpu_response *response)
{
    const struct gpu_update_cursor *r = &request->cursor;
    struct gpu_resource *shape;

    if (r->scanout_id >= GPU_SCANOUTS)
        return GPU_ERR_INVALID_SCANOUT_ID;
    shape = r->resource_id ? gpu_resource_find(gpu, r->resource_id) : NULL;
    if (r->resource_id && !shape)
        return GPU_ERR_INVALID_RESOURCE_ID;
    return gpu_cursor_update(gpu, shape, r);
}

static uint32_t move_cursor(struct virtio_gpu *gpu, const union gpu_request *request,
                            union gpu_response *response)
{
    if (request->cursor.scanout_id >= GPU_SCANOUTS)
        return GPU_ERR_INVALID_SCANOUT_ID;
    gpu_cursor_move(gpu, request->cursor.x, request->cursor.y);
    return GPU_OK_NODATA;
}

static const struct command {
    uint32_t type;
    unsigned queue;
    size_t request, response; /* bytes */
    uint32_t (*run)(struct virtio_gpu *gpu, const union gpu_request *request,
                    union gpu_response *response);
} commands[] = {
#define COMMAND(type, queue, request, response, run)                                               \
    {                                                                                              \
        GPU_CMD_##type, QUEUE_##queue, sizeof(struct request), sizeof(struct response), run        \
    }
    COMMAND(GET_DISPLAY_INFO, CONTROL, gpu_header, gpu_display_info, get_display_info),
    COMMAND(RESOURCE_CREATE_2D, CONTROL, gpu_resource_create_2d, gpu_header, resource_create_2d),
    COMMAND(RESOURCE_UNREF, CONTROL, gpu_resource_only, gpu_header, resource_unref),
    COMMAND(SET_SCANOUT, CONTROL, gpu_set_scanout, gpu_header, set_scanout),
    COMMAND(RESOURCE_FLUSH, CONTROL, gpu_resource_flush, gpu_header, resource_flush),
    COMMAND(TRANSFER_TO_HOST_2D, CONTROL, gpu_transfer_to_host_2d, gpu_header, transfer_to_host_2d),
    COMMAND(RESOURCE_ATTACH_BACKING, CONTROL, gpu_attach_backing, gpu_header, attach_backing),
    COMMAND(RESOURCE_DETACH_BACKING, CONTROL, gpu_resource_only, gpu_header, detach_backing),
    COMMAND(GET_CAPSET_INFO, CONTROL, gpu_header, gpu_header, get_capset_info),
    COMMAND(UPDATE_CURSOR, CURSOR, gpu_update_cursor, gpu_header, update_cursor),
    COMMAND(MOVE_CURSOR, CURSOR, gpu_update_cursor, gpu_header, move_cursor),
#undef COMMAND
};

static const struct command *find_command(uint32_t type, unsigned queue)
{
    for (size_t i = 0; i < nitems(commands); i++)
        if (commands[i].type == type && commands[i].queue == queue)
            return &commands[i];
    return NULL;
}

/* Runs a request of `length` bytes and fills in the response, for which there are `room` bytes.
 * Returns how long it is. */
static size_t execute(struct virtio_gpu *gpu, unsigned queue, const union gpu_request *request,
                      size_t length, union gpu_response *response, size_t room)
{
    const struct command *command = find_command(request->header.type, queue);
    struct gpu_header *answer = &response->header;
    bool fits = command && length >= command->request;

    /* The cursor queue's drivers want no answer. */
    if (fits && queue == QUEUE_CONTROL)
        fits = room >= command->response;
    answer->type = fits ? command->run(gpu, request, response) : GPU_ERR_UNSPEC;
    if (request->header.flags & GPU_FLAG_FENCE) {
        answer->flags = GPU_FLAG_FENCE;
        answer->fence_id = request->header.fence_id;
        answer->ctx_id = request->header.ctx_id;
    }
    if (answer->type >= GPU_ERR_UNSPEC)
        log_debug(gpu->dev.host.log, "%s: command %#x answered with error %#x", gpu->dev.instance,
                  request->header.type, answer->type);
    return answer->type == GPU_OK_DISPLAY_INFO ? sizeof(response->display_info) : sizeof(*answer);
}

static void gpu_serve(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
{
    union gpu_request request;
    union gpu_response response;
    size_t length, room, written;

    memset(&request, 0, sizeof(request));
    memset(&response, 0, sizeof(response));
    length = virtq_chain_read(chain, 0, &request, sizeof(request));
    room = (size_t)MIN(chain->writable_bytes, sizeof(response));
    if (length < sizeof(request.header) ||
        (q->index == QUEUE_CONTROL && room < sizeof(response.header))) {
        virtio_needs_reset(dev, q->index, "GPU command without room for its header or an answer",
                           length < sizeof(request.header) ? length : room);
        return;
    }
    written = execute(gpu_of(dev), q->index, &request, length, &response, room);
    written = virtq_chain_write(chain, 0, &response, MIN(written, room));
    virtq_done(q, chain, (uint32_t)written);
}

static void gpu_notify(struct virtio_device *dev, unsigned index)
{
    virtq_serve(&dev->queues[index], BATCH, &gpu_of(dev)->chain, gpu_serve);
}

/* A viewer would like another size: the driver is told, and may take it or not. */
static void gpu_resize(void *ctx, uint32_t width, uint32_t height)
{
    struct virtio_gpu *gpu = ctx;

    if (width == 0 || height == 0 || width > GPU_MAX_SIDE || height > GPU_MAX_SIDE)
        return;
    atomic_store(&gpu->width, width);
    atomic_store(&gpu->height, height);
    atomic_fetch_or(&gpu->events, EVENT_DISPLAY);
    virtio_config_changed(&gpu->dev);
}

/* Life */

void gpu_reset(struct virtio_device *dev)
{
    struct virtio_gpu *gpu = gpu_of(dev);

    gpu_scanout_off(gpu);
    gpu_cursor_hide(gpu);
    gpu_resources_clear(gpu);
    atomic_store(&gpu->events, 0);
}

static void gpu_free(struct virtio_device *dev)
{
    struct virtio_gpu *gpu = gpu_of(dev);

    virtio_device_fini(dev);
    gpu_resources_clear(gpu);
    gpu_firmware_end(gpu);
    display_free(gpu->display);
    pthread_mutex_destroy(&gpu->lock);
    free(gpu);
}

static const struct virtio_ops gpu_ops = {
    .name = "virtio-gpu",
    .id = VIRTIO_ID_GPU,
    .pci_class = 0x038000,
    .config_size = CONFIG_SIZE,
    .notify = gpu_notify,
    .config_read = gpu_config_read,
    .config_write = gpu_config_write,
    .reset = gpu_reset,
    .save = gpu_save,
    .load = gpu_load,
    .free = gpu_free,
};

int virtio_gpu_create(struct virtio_device **dev, const struct virtio_host *host,
                      const char *instance, struct display *display)
{
    static const uint16_t sizes[QUEUE_COUNT] = {CONTROL_QUEUE_SIZE, CURSOR_QUEUE_SIZE};
    struct virtio_gpu *gpu = calloc(1, sizeof(*gpu));
    uint32_t width, height;
    int ret;

    if (!gpu)
        return -ENOMEM;
    ret = virtio_device_init(&gpu->dev, &gpu_ops, host, instance, QUEUE_COUNT, sizes);
    if (ret) {
        free(gpu);
        return ret;
    }
    pthread_mutex_init(&gpu->lock, NULL);
    gpu->display = display;
    display_size(display, &width, &height);
    gpu->width = width;
    gpu->height = height;
    display_attach_source(display, &(struct display_source){gpu_firmware_refresh, gpu_resize, gpu});
    *dev = &gpu->dev;
    return 0;
}
