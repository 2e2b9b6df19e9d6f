/* SPDX-License-Identifier: ISC */
/*
 * A hostile driver of the GPU. The rings are well-formed (fuzz_virtq.c has those that are not); the
 * input is a sequence of commands with fields that mostly make sense, and of what the host does
 * meanwhile: pictures, resizes, moves to a new device by saved state (which the input may damage),
 * a firmware's frame buffer. Whatever comes, the device touches nothing outside of guest memory,
 * keeps no more of the host's than it may, answers each command, and works afterwards.
 *
 * tests/fuzz/seeds_gpu.py writes seeds: what OpenBSD's and Linux's drivers send.
 */
#include <stdlib.h>

#include "../device/rig.h"
#include "fuzz.h"
#include "virtio/gpu.h"

#define BAR    UINT64_C(0x180000000) /* where the rig's first 64-bit BAR lies */
#define COMMON (BAR + 0x0000)
#define CONFIG (BAR + 0x8000)

#define RING_AT(queue) (RIG_RAM + 0x10000 * (queue))
#define COMMAND_AT     (RIG_RAM + 0x20000)
#define ANSWER_AT      (RIG_RAM + 0x30000)
#define PIXELS_AT      (RIG_RAM + 0x40000)
#define COMMAND_ROOM   0x10000
#define QUEUE_SIZE     4
#define MAX_OPERATIONS 200
#define MAX_ENTRIES    80
#define MAX_PICTURE    (1u << 18) /* pixels that are worth encoding */

struct attack {
    struct rig rig;
    struct display *display;
    struct display_viewer viewer;
    struct virtio_pci *pci;
    uint16_t available[2];
};

static struct virtio_gpu *gpu(struct attack *a)
{
    return gpu_of(virtio_pci_device(a->pci));
}

static void write_register(struct attack *a, uint64_t address, unsigned size, uint64_t value)
{
    bus_write(a->rig.bus, address, size, value);
}

static void settle(struct attack *a)
{
    host_loop_drain(a->rig.loop);
}

/* A viewer that looks at every pixel that it is told about. */
static void look(void *ctx, const struct display_rect *rect)
{
    struct attack *a = ctx;
    struct display_surface s;

    display_lock(a->display);
    s = display_surface(a->display);
    if (!display_rect_within(rect, &(struct display_rect){0, 0, s.width, s.height}))
        abort();
    if (s.pixels && rect->width && rect->height) {
        const volatile uint32_t *first = s.pixels + (size_t)rect->y * s.stride + rect->x;

        (void)first[0];
        (void)first[(size_t)(rect->height - 1) * s.stride + rect->width - 1];
    }
    display_unlock(a->display);
}

static void create(struct attack *a)
{
    struct virtio_device *dev;

    a->viewer = (struct display_viewer){.changed = look, .ctx = a};
    if (display_create(&a->display, 320, 200) ||
        virtio_gpu_create(&dev, &a->rig.host, "fuzz", a->display))
        abort();
    display_attach(a->display, &a->viewer);
    a->pci = rig_plug(&a->rig, dev);
}

static void negotiate(struct attack *a)
{
    write_register(a, COMMON + 0x14, 1, 0);
    settle(a);
    mem_fill(a->rig.mem, RIG_RAM, 0, 0x20000);
    write_register(a, COMMON + 0x14, 1, 3);
    write_register(a, COMMON + 0x08, 4, 1);
    write_register(a, COMMON + 0x0c, 4, 1);
    write_register(a, COMMON + 0x14, 1, 11);
    for (unsigned i = 0; i < 2; i++) {
        write_register(a, COMMON + 0x16, 2, i);
        write_register(a, COMMON + 0x18, 2, QUEUE_SIZE);
        write_register(a, COMMON + 0x20, 8, RING_AT(i));
        write_register(a, COMMON + 0x28, 8, RING_AT(i) + 0x1000);
        write_register(a, COMMON + 0x30, 8, RING_AT(i) + 0x2000);
        write_register(a, COMMON + 0x1c, 2, 1);
        a->available[i] = 0;
    }
    write_register(a, COMMON + 0x14, 1, 15);
    settle(a);
}

static void put_descriptor(struct attack *a, unsigned queue, unsigned slot, uint64_t address,
                           uint64_t length, uint64_t flags)
{
    mem_store(a->rig.mem, RING_AT(queue) + 16 * slot, 8, address);
    mem_store(a->rig.mem, RING_AT(queue) + 16 * slot + 8, 8,
              length | flags << 32 | (uint64_t)(slot + 1) << 48);
}

/* Sends what lies at COMMAND_AT, in two pieces; returns the answer's type, or 0. */
static uint32_t submit(struct attack *a, unsigned queue, uint32_t length, uint32_t cut,
                       uint32_t room)
{
    uint64_t type, used, avail = RING_AT(queue) + 0x1000;
    unsigned slot = 0;

    mem_store(a->rig.mem, ANSWER_AT, 4, 0);
    cut = MIN(cut, length);
    if (cut)
        put_descriptor(a, queue, slot++, COMMAND_AT, cut, length > cut || room ? 1 : 0);
    if (length > cut)
        put_descriptor(a, queue, slot++, COMMAND_AT + cut, length - cut, room ? 1 : 0);
    if (room)
        put_descriptor(a, queue, slot++, ANSWER_AT, room, 2);
    if (slot == 0)
        return 0;
    mem_store(a->rig.mem, avail + 4 + 2 * (a->available[queue] % QUEUE_SIZE), 2, 0);
    mem_store(a->rig.mem, avail + 2, 2, ++a->available[queue]);
    /* On this thread: the loop has nothing to do, and a hand-over costs more than a command. */
    virtio_pci_device(a->pci)->ops->notify(virtio_pci_device(a->pci), queue);
    if (atomic_load(&virtio_pci_device(a->pci)->status) & VIRTIO_STATUS_NEEDS_RESET) {
        if (length >= sizeof(struct gpu_header) && room >= sizeof(struct gpu_header))
            abort();
        negotiate(a);
        return 0;
    }
    if (mem_load(a->rig.mem, RING_AT(queue) + 0x2000 + 2, 2, &used) ||
        used != a->available[queue] || mem_load(a->rig.mem, ANSWER_AT, 4, &type))
        abort();
    if (gpu(a)->host_bytes > GPU_MAX_HOST || gpu(a)->resource_count > GPU_MAX_RESOURCES)
        abort();
    return (uint32_t)type;
}

/* A number that is small, or in one case of 16 anything. */
static uint32_t number(struct fuzz_input *p, uint32_t limit)
{
    uint32_t choice = (uint32_t)fuzz_take(p, 1);

    return choice >= 0xf0 ? (uint32_t)fuzz_take(p, 4)
                          : (choice | (uint32_t)fuzz_take(p, 1) << 8) % limit;
}

static struct display_rect rectangle(struct fuzz_input *p)
{
    struct display_rect rect = {number(p, 64), number(p, 64), 0, 0};

    rect.width = number(p, 100);
    rect.height = number(p, 80);
    return rect;
}

static void put_entries(struct attack *a, struct fuzz_input *p, uint32_t count)
{
    uint64_t at = COMMAND_AT + sizeof(struct gpu_attach_backing);

    for (uint32_t i = 0; i < count; i++, at += sizeof(struct gpu_entry)) {
        const struct gpu_entry entry = {PIXELS_AT + number(p, 0x10000), number(p, 0x8000), 0};

        mem_write(a->rig.mem, at, &entry, sizeof(entry));
    }
}

/* One command: its type by index, its fields by its type. Returns its length. */
static uint32_t make_command(struct attack *a, struct fuzz_input *p, union gpu_request *r)
{
    static const uint32_t formats[] = {1, 2, 3, 4, 67, 68, 121, 134};
    uint32_t type = r->header.type, id = number(p, 6);

    switch (type) {
    case GPU_CMD_RESOURCE_CREATE_2D:
        r->create.resource_id = id;
        r->create.format = formats[fuzz_take(p, 1) % nitems(formats)];
        r->create.width = number(p, 100);
        r->create.height = number(p, 80);
        return sizeof(r->create);
    case GPU_CMD_RESOURCE_UNREF:
    case GPU_CMD_RESOURCE_DETACH_BACKING: r->resource.resource_id = id; return sizeof(r->resource);
    case GPU_CMD_SET_SCANOUT:
        r->set_scanout.resource_id = id;
        r->set_scanout.rect = rectangle(p);
        r->set_scanout.scanout_id = fuzz_take(p, 1) == 0xff;
        return sizeof(r->set_scanout);
    case GPU_CMD_RESOURCE_FLUSH:
        r->flush.resource_id = id;
        r->flush.rect = rectangle(p);
        return sizeof(r->flush);
    case GPU_CMD_TRANSFER_TO_HOST_2D:
        r->transfer.resource_id = id;
        r->transfer.rect = rectangle(p);
        r->transfer.offset = number(p, 0x8000);
        return sizeof(r->transfer);
    case GPU_CMD_RESOURCE_ATTACH_BACKING:
        r->attach.resource_id = id;
        r->attach.entries = number(p, MAX_ENTRIES);
        put_entries(a, p, MIN(r->attach.entries, MAX_ENTRIES));
        return (uint32_t)(sizeof(r->attach) +
                          MIN(r->attach.entries, MAX_ENTRIES) * sizeof(struct gpu_entry));
    case GPU_CMD_UPDATE_CURSOR:
    case GPU_CMD_MOVE_CURSOR:
        r->cursor.resource_id = id;
        r->cursor.x = number(p, 400);
        r->cursor.y = number(p, 300);
        r->cursor.hot_x = number(p, 64);
        r->cursor.scanout_id = fuzz_take(p, 1) == 0xff;
        return sizeof(r->cursor);
    default: return sizeof(r->header);
    }
}

static void op_command(struct attack *a, struct fuzz_input *p)
{
    static const uint32_t types[] = {
        GPU_CMD_GET_DISPLAY_INFO,
        GPU_CMD_RESOURCE_CREATE_2D,
        GPU_CMD_RESOURCE_UNREF,
        GPU_CMD_SET_SCANOUT,
        GPU_CMD_RESOURCE_FLUSH,
        GPU_CMD_TRANSFER_TO_HOST_2D,
        GPU_CMD_RESOURCE_ATTACH_BACKING,
        GPU_CMD_RESOURCE_DETACH_BACKING,
        GPU_CMD_GET_CAPSET_INFO,
        GPU_CMD_UPDATE_CURSOR,
        GPU_CMD_MOVE_CURSOR,
        0x010a,
    };
    uint8_t which = (uint8_t)fuzz_take(p, 1), odd = (uint8_t)fuzz_take(p, 1);
    union gpu_request r = {.header = {.type = types[which % nitems(types)], .flags = which >> 7}};
    unsigned queue = (r.header.type >= GPU_CMD_UPDATE_CURSOR) ^ (odd == 0xff);
    uint32_t length = make_command(a, p, &r), cut = (uint32_t)(odd % 64), room = 408;

    mem_write(a->rig.mem, COMMAND_AT, &r, MIN(length, sizeof(r)));
    if (r.header.type == GPU_CMD_RESOURCE_ATTACH_BACKING) /* what lies behind is its entries */
        mem_write(a->rig.mem, COMMAND_AT, &r.attach, sizeof(r.attach));
    if (odd >= 0xf0) {
        room = number(p, 64);
        length = MIN(length, room);
        room = number(p, 500) % 4096;
    }
    submit(a, queue, length, cut, room);
}

/* Any bytes at all, as seeds_gpu.py writes them */
static void op_raw(struct attack *a, struct fuzz_input *p)
{
    uint32_t length = (uint32_t)fuzz_take(p, 2) % 4096;

    for (uint32_t i = 0; i < length && p->at < p->end; i++)
        mem_store(a->rig.mem, COMMAND_AT + i, 1, fuzz_take(p, 1));
    submit(a, (unsigned)fuzz_take(p, 1) % 2, length, 24, (uint32_t)fuzz_take(p, 2) % 4096);
}

static void op_pixels(struct attack *a, struct fuzz_input *p)
{
    uint64_t at = PIXELS_AT + fuzz_take(p, 2);

    mem_fill(a->rig.mem, at, (uint8_t)fuzz_take(p, 1), fuzz_take(p, 2) % 0x8000);
}

static void op_register(struct attack *a, struct fuzz_input *p)
{
    uint64_t address = CONFIG + fuzz_take(p, 1) % 0x14, value;
    unsigned size = 1u << fuzz_take(p, 1) % 4;

    if (fuzz_take(p, 1) & 1)
        bus_read(a->rig.bus, address, size, &value);
    else
        write_register(a, address, size, fuzz_take(p, 4));
}

/* What the host does: a picture, a wish, firmware, a look into the backings. */
static void op_host(struct attack *a, struct fuzz_input *p)
{
    unsigned what = (unsigned)fuzz_take(p, 1);
    struct display_surface s;
    uint64_t offset;
    uint32_t id;
    size_t length;
    void *png;

    virtio_gpu_backing_at(virtio_pci_device(a->pci), PIXELS_AT + fuzz_take(p, 2), &id, &offset);
    display_lock(a->display);
    s = display_surface(a->display);
    display_unlock(a->display);
    if (what % 4 == 0 && s.width * s.height < MAX_PICTURE && a->available[0] % 8 == 0) {
        if (display_png(a->display, what & 4, &png, &length, NULL) == 0)
            free(png);
    } else if (what % 4 == 1) {
        display_resize(a->display, number(p, 4000), number(p, 4000));
    } else if (what % 4 == 2) {
        virtio_gpu_firmware_scanout(virtio_pci_device(a->pci), PIXELS_AT + number(p, 0x1000),
                                    number(p, 300), number(p, 200), number(p, 2000));
    } else if (what % 4 == 3) {
        negotiate(a);
    }
}

/* Damages saved numbers: as much as the state's own format lets through. */
static struct state *damage(struct state *state, struct fuzz_input *p)
{
    const uint8_t *bytes;
    struct state *other;
    size_t length;
    uint8_t *copy;

    bytes = state_bytes(state, &length);
    copy = malloc(length);
    if (!copy)
        abort();
    memcpy(copy, bytes, length);
    for (unsigned i = (unsigned)fuzz_take(p, 1) % 4; i > 0; i--)
        copy[fuzz_take(p, 3) % length] ^= (uint8_t)fuzz_take(p, 1);
    other = state_parse(copy, length, NULL);
    free(copy);
    return other;
}

/* Into a new device by saved state. The transport's part stays whole. */
static void op_move(struct attack *a, struct fuzz_input *p)
{
    struct state *state = state_new(), *transport = state_new(), *other;
    bool refused = true;

    if (!state || !transport)
        abort();
    virtio_device_quiesce(virtio_pci_device(a->pci));
    if (pci_host_ops.save(a->rig.pci, transport, "pci") ||
        virtio_pci_ops.save(a->pci, transport, "fuzz") ||
        gpu_save(virtio_pci_device(a->pci), state, "gpu"))
        abort();
    display_detach(a->display, &a->viewer);
    virtio_pci_ops.free(a->pci);
    rig_rebuild(&a->rig);
    create(a);
    if (pci_host_ops.load(a->rig.pci, transport, "pci", NULL) ||
        virtio_pci_ops.load(a->pci, transport, "fuzz", NULL))
        abort();
    other = damage(state, p);
    if (other)
        refused = gpu_load(virtio_pci_device(a->pci), other, "gpu", NULL) != 0;
    virtio_device_resume(virtio_pci_device(a->pci));
    settle(a);
    if (refused)
        negotiate(a);
    state_free(other);
    state_free(state);
    state_free(transport);
}

static void (*const operations[])(struct attack *a, struct fuzz_input *p) = {
    op_command, op_command, op_command, op_command,  op_command, op_command, op_command, op_command,
    op_command, op_command, op_raw,     op_register, op_pixels,  op_pixels,  op_host,    op_move,
};

/* After everything: a driver that is right has its pixel on the screen. */
static void must_work(struct attack *a)
{
    struct gpu_header info = {.type = GPU_CMD_GET_DISPLAY_INFO};
    struct gpu_resource_create_2d make = {{.type = GPU_CMD_RESOURCE_CREATE_2D}, 1, 2, 16, 16};
    struct {
        struct gpu_attach_backing attach;
        struct gpu_entry entry;
    } back = {{{.type = GPU_CMD_RESOURCE_ATTACH_BACKING}, 1, 1}, {PIXELS_AT, 1024, 0}};
    struct gpu_set_scanout show = {{.type = GPU_CMD_SET_SCANOUT}, {0, 0, 16, 16}, 0, 1};
    struct gpu_transfer_to_host_2d transfer = {
        {.type = GPU_CMD_TRANSFER_TO_HOST_2D}, {0, 0, 16, 16}, 0, 1, 0};
    const struct {
        const void *command;
        uint32_t length;
    } commands[] = {{&info, sizeof(info)},
                    {&make, sizeof(make)},
                    {&back, sizeof(back)},
                    {&show, sizeof(show)},
                    {&transfer, sizeof(transfer)}};
    struct display_surface s;

    negotiate(a);
    mem_store(a->rig.mem, PIXELS_AT, 4, 0x123456);
    for (unsigned i = 0; i < nitems(commands); i++) {
        uint32_t answer;

        mem_write(a->rig.mem, COMMAND_AT, commands[i].command, commands[i].length);
        answer = submit(a, 0, commands[i].length, 24, 408);
        if (answer != GPU_OK_NODATA && answer != GPU_OK_DISPLAY_INFO)
            abort();
    }
    display_lock(a->display);
    s = display_surface(a->display);
    if (!s.on || s.width != 16 || (s.pixels[0] & 0xffffff) != 0x123456)
        abort();
    display_unlock(a->display);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct attack a;
    struct fuzz_input p = {data, data + size};

    memset(&a, 0, sizeof(a));
    rig_make(&a.rig, false);
    create(&a);
    negotiate(&a);
    for (unsigned i = 0; i < MAX_OPERATIONS && p.at < p.end; i++)
        operations[fuzz_take(&p, 1) % nitems(operations)](&a, &p);
    must_work(&a);
    display_detach(a.display, &a.viewer);
    virtio_pci_ops.free(a.pci);
    rig_free(&a.rig);
    return 0;
}
