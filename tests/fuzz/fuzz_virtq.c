/* SPDX-License-Identifier: ISC */
/*
 * A hostile virtio driver. The first bytes choose a device, features and queue sizes; the rest is a
 * program of small operations: bytes into the rings' memory, descriptors and heads that make some
 * sense, registers, notifications, input from the backend, resets, and moves to a new device by
 * saved state. Whatever it does, the device must stand, touch nothing outside of guest memory, and
 * work for a decent driver afterwards.
 */
#include <stdlib.h>
#include <string.h>

#include "../device/rig.h"
#include "fuzz.h"

enum { RNG, BLK, NET, CONSOLE, BALLOON, KINDS };

#define BAR    UINT64_C(0x180000000) /* where the rig's first 64-bit BAR lies */
#define COMMON (BAR + 0x0000)
#define NOTIFY (BAR + 0x4000)
#define CONFIG (BAR + 0x8000)
#define QUEUES 3
#define DESC_AT                                                                                    \
    RIG_RAM /* each queue has 64 KiB: descriptors, driver area, device area and data               \
             */
#define DRIVER_AT      (RIG_RAM + 0x4000)
#define DEVICE_AT      (RIG_RAM + 0x8000)
#define DATA_AT        (RIG_RAM + 0xc000)
#define QUEUE_STRIDE   0x10000
#define MAX_OPERATIONS 400

struct attack {
    struct rig rig;
    struct fake_disk disk;
    struct fake_net net;
    struct console *console;
    unsigned kind;
    struct virtio_pci *pci;
    uint64_t features;
    uint16_t size, available[QUEUES];
    uint16_t position[QUEUES]; /* in packed rings, for chains that are well-formed */
    bool wrap[QUEUES];
};

static void write_register(struct attack *a, uint64_t address, unsigned size, uint64_t value)
{
    bus_write(a->rig.bus, address, size, value);
}

static void settle(struct attack *a)
{
    host_loop_drain(a->rig.loop);
}

static void create(struct attack *a)
{
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
    const struct console_config config = {.kind = CONSOLE_MEMORY};
    struct virtio_device *dev = NULL;

    switch (a->kind) {
    case RNG: virtio_rng_create(&dev, &a->rig.host, "fuzz"); break;
    case BLK: virtio_blk_create(&dev, &a->rig.host, "fuzz", &a->disk.disk, "serial", 2); break;
    case NET:
        fake_net_init(&a->net, &a->rig, 1500);
        virtio_net_create(&dev, &a->rig.host, "fuzz", &a->net.net, mac, 1);
        break;
    case CONSOLE:
        if (console_open(&a->console, &config, NULL, NULL) == 0)
            virtio_console_create(&dev, &a->rig.host, "fuzz", a->console);
        break;
    default: virtio_balloon_create(&dev, &a->rig.host, "fuzz"); break;
    }
    if (!dev)
        abort();
    a->pci = rig_plug(&a->rig, dev);
}

/* What a decent driver does up to DRIVER_OK. */
static void negotiate(struct attack *a, unsigned queues)
{
    write_register(a, COMMON + 0x14, 1, 0);
    settle(a);
    write_register(a, COMMON + 0x14, 1, 3);
    for (unsigned i = 0; i < 2; i++) {
        write_register(a, COMMON + 0x08, 4, i);
        write_register(a, COMMON + 0x0c, 4, (uint32_t)(a->features >> 32 * i));
    }
    write_register(a, COMMON + 0x14, 1, 8);
    for (unsigned i = 0; i < queues; i++) {
        write_register(a, COMMON + 0x16, 2, i);
        write_register(a, COMMON + 0x18, 2, a->size);
        write_register(a, COMMON + 0x20, 8, DESC_AT + QUEUE_STRIDE * i);
        write_register(a, COMMON + 0x28, 8, DRIVER_AT + QUEUE_STRIDE * i);
        write_register(a, COMMON + 0x30, 8, DEVICE_AT + QUEUE_STRIDE * i);
        write_register(a, COMMON + 0x1c, 2, 1);
    }
    write_register(a, COMMON + 0x14, 1, 4);
    settle(a);
    for (unsigned i = 0; i < QUEUES; i++) {
        a->available[i] = a->position[i] = 0;
        a->wrap[i] = true;
    }
}

static void op_memory(struct attack *a, struct fuzz_input *p)
{
    uint64_t at = DESC_AT + fuzz_take(p, 2) * 3;
    unsigned length = fuzz_take(p, 1);

    while (length-- && p->at < p->end)
        mem_store(a->rig.mem, at++, 1, fuzz_take(p, 1));
}

/* A descriptor that is likely to be taken: an address among the data, or anywhere in 16 bits of
 * what matters. */
static void op_descriptor(struct attack *a, struct fuzz_input *p)
{
    unsigned queue = fuzz_take(p, 1) % QUEUES, slot = fuzz_take(p, 1) % a->size;
    uint64_t at = DESC_AT + QUEUE_STRIDE * queue + 16 * slot;
    uint64_t address = DATA_AT + fuzz_take(p, 2) * (fuzz_take(p, 1) & 1 ? 0x1001 : 1);
    uint32_t length = fuzz_take(p, fuzz_take(p, 1) % 5);
    uint16_t flags = fuzz_take(p, 1), link = fuzz_take(p, 1) % (a->size + 1u);

    if (a->features & VIRTIO_F_RING_PACKED) {
        flags |= (uint16_t)(fuzz_take(p, 1) & 0x81) << 8;
        mem_store(a->rig.mem, at + 8, 8, length | (uint64_t)link << 32 | (uint64_t)flags << 48);
    } else {
        mem_store(a->rig.mem, at + 8, 8, length | (uint64_t)flags << 32 | (uint64_t)link << 48);
    }
    mem_store(a->rig.mem, at, 8, address);
}

static void make_available(struct attack *a, unsigned queue, uint16_t head)
{
    uint64_t at = DRIVER_AT + QUEUE_STRIDE * queue;

    mem_store(a->rig.mem, at + 4 + 2 * (a->available[queue] % a->size), 2, head);
    mem_store(a->rig.mem, at + 2, 2, ++a->available[queue]);
}

/* Makes a head available in a split ring. */
static void op_available(struct attack *a, struct fuzz_input *p)
{
    unsigned queue = fuzz_take(p, 1) % QUEUES;

    make_available(a, queue, fuzz_take(p, 1) % (a->size + 1u));
}

/* One segment of a well-formed chain: descriptor `i` of `count`. */
static void put_segment(struct attack *a, unsigned queue, unsigned i, unsigned count,
                        uint64_t address, uint64_t length, bool write)
{
    uint64_t flags = (write ? 2 : 0) | (i + 1 < count ? 1 : 0), at = DESC_AT + QUEUE_STRIDE * queue;

    if (a->features & VIRTIO_F_RING_PACKED) {
        at += 16 * a->position[queue];
        flags |= a->wrap[queue] ? 0x80 : 0x8000;
        mem_store(a->rig.mem, at + 8, 8, length | flags << 48);
        if (++a->position[queue] >= a->size) {
            a->position[queue] = 0;
            a->wrap[queue] = !a->wrap[queue];
        }
    } else {
        at += 16 * i;
        mem_store(a->rig.mem, at + 8, 8, length | flags << 32 | (uint64_t)(i + 1) << 48);
    }
    mem_store(a->rig.mem, at, 8, address);
}

/* A well-formed chain whose first bytes mean something to the device, so that it gets past the
 * ring's walls. */
static void op_chain(struct attack *a, struct fuzz_input *p)
{
    unsigned queue = fuzz_take(p, 1) % QUEUES, shape = fuzz_take(p, 1);
    unsigned readable = shape % 4, count = MIN(readable + shape / 4 % 4, a->size);
    uint64_t address = DATA_AT + QUEUE_STRIDE * queue;

    for (unsigned i = 0; i < 128 && (shape & 0x80) && p->at < p->end; i++)
        mem_store(a->rig.mem, address + i, 1, fuzz_take(p, 1));
    for (unsigned i = 0; i < count; i++) {
        uint64_t length = 1 + fuzz_take(p, 2) % 3000;

        put_segment(a, queue, i, count, address, length, i >= readable);
        address += length;
    }
    if (!(a->features & VIRTIO_F_RING_PACKED) && count)
        make_available(a, queue, 0);
    write_register(a, NOTIFY + 4 * queue, 2, 0);
    settle(a);
    a->net.sent_count = 0;
}

/* The start of the first buffer: a request's header, where most devices find their commands. */
static void op_header(struct attack *a, struct fuzz_input *p)
{
    uint64_t at = DATA_AT + fuzz_take(p, 1);

    for (unsigned i = 0; i < 16; i++)
        mem_store(a->rig.mem, at + i, 1, fuzz_take(p, 1));
}

static void op_notify(struct attack *a, struct fuzz_input *p)
{
    write_register(a, NOTIFY + 4 * (fuzz_take(p, 1) % (QUEUES + 2)), 2, 0);
    if (fuzz_take(p, 1) & 1)
        settle(a);
}

static void op_register(struct attack *a, struct fuzz_input *p)
{
    uint64_t address = (fuzz_take(p, 1) & 1 ? CONFIG : COMMON) + fuzz_take(p, 1) % 0x48, value;
    unsigned size = 1u << fuzz_take(p, 1) % 4;

    if (fuzz_take(p, 1) & 1)
        bus_read(a->rig.bus, address, size, &value);
    else
        write_register(a, address, size, fuzz_take(p, 4));
}

static void op_input(struct attack *a, struct fuzz_input *p)
{
    static uint8_t frame[4096];
    size_t length = fuzz_take(p, 2) % sizeof(frame);

    if (a->kind == NET && !fake_net_held(&a->net))
        fake_net_receive(&a->net, frame, length);
    if (a->kind == CONSOLE)
        console_input(a->console, frame, length % 300);
    if (a->kind == BALLOON)
        virtio_balloon_stats_request(virtio_pci_device(a->pci));
    a->net.sent_count = 0;
}

/* Into a new device by saved state; one that a fresh device refuses may only come from numbers the
 * driver chose. */
static void op_move(struct attack *a, struct fuzz_input *p)
{
    struct state *state = state_new();

    if (!state)
        return;
    virtio_device_quiesce(virtio_pci_device(a->pci));
    if (pci_host_ops.save(a->rig.pci, state, "pci") || virtio_pci_ops.save(a->pci, state, "fuzz"))
        abort();
    virtio_pci_ops.free(a->pci);
    create(a);
    if (pci_host_ops.load(a->rig.pci, state, "pci", NULL))
        abort();
    virtio_pci_ops.load(a->pci, state, "fuzz", NULL);
    virtio_device_resume(virtio_pci_device(a->pci));
    state_free(state);
}

/* What the host does to a device: the cable, the balloon's target, the terminal's size, a reset of
 * the machine. */
static void op_host(struct attack *a, struct fuzz_input *p)
{
    struct virtio_device *dev = virtio_pci_device(a->pci);
    unsigned value = fuzz_take(p, 1);

    if (value == 0)
        virtio_pci_ops.reset(a->pci);
    else if (a->kind == NET)
        virtio_net_link(dev, value & 3);
    else if (a->kind == BALLOON)
        virtio_balloon_target(dev, value);
    else if (a->kind == CONSOLE)
        virtio_console_resize(dev, 80, (uint16_t)value);
}

static void op_restart(struct attack *a, struct fuzz_input *p)
{
    negotiate(a, 1 + fuzz_take(p, 1) % QUEUES);
}

static void (*const operations[])(struct attack *a, struct fuzz_input *p) = {
    op_memory, op_descriptor, op_descriptor, op_available, op_available, op_notify,
    op_notify, op_header,     op_register,   op_input,     op_move,      op_restart,
    op_chain,  op_chain,      op_chain,      op_host,
};

/* After everything: one buffer through queue 1 (or 0, the entropy device's) of a plain split ring
 * must come back. */
static void must_work(struct attack *a)
{
    unsigned queue = a->kind == RNG || a->kind == BLK ? 0 : 1;
    uint64_t base = QUEUE_STRIDE * queue, used;

    mem_fill(a->rig.mem, RIG_RAM, 0, QUEUE_STRIDE * QUEUES);
    a->features = VIRTIO_F_VERSION_1;
    a->size = 8;
    negotiate(a, QUEUES);
    mem_store(a->rig.mem, DESC_AT + base, 8, DATA_AT);
    mem_store(a->rig.mem, DESC_AT + base + 8, 8, 64 | UINT64_C(1) << 32 | UINT64_C(1) << 48);
    mem_store(a->rig.mem, DESC_AT + base + 16, 8, DATA_AT + 64);
    mem_store(a->rig.mem, DESC_AT + base + 24, 8, 64 | UINT64_C(2) << 32);
    mem_store(a->rig.mem, DRIVER_AT + base + 2, 2, 1);
    write_register(a, NOTIFY + 4 * queue, 2, 0);
    settle(a);
    if (mem_load(a->rig.mem, DEVICE_AT + base + 2, 2, &used) || used != 1)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct attack a; /* too large for a stack; each input starts from zeros */
    struct fuzz_input p = {data, data + size};
    uint8_t choice = fuzz_take(&p, 1), ring = fuzz_take(&p, 1);

    memset(&a, 0, sizeof(a));
    rig_make(&a.rig, false);
    fake_disk_init(&a.disk);
    a.kind = choice % KINDS;
    a.features = VIRTIO_F_VERSION_1 | fuzz_take(&p, 4);
    a.features &= ~(VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX);
    a.features |= (ring & 1 ? VIRTIO_F_RING_PACKED : 0) | (ring & 2 ? VIRTIO_F_EVENT_IDX : 0) |
                  (ring & 4 ? VIRTIO_F_INDIRECT_DESC : 0);
    a.size = ring & 1 ? 1 + ring / 8 : (uint16_t)(1 << ring / 8 % 6);
    create(&a);
    a.features &= virtio_device_features(virtio_pci_device(a.pci));
    negotiate(&a, QUEUES);
    for (unsigned i = 0; i < MAX_OPERATIONS && p.at < p.end; i++)
        operations[fuzz_take(&p, 1) % nitems(operations)](&a, &p);
    settle(&a);
    must_work(&a);
    virtio_pci_ops.free(a.pci);
    rig_free(&a.rig);
    return 0;
}
