/* SPDX-License-Identifier: ISC */
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/units.h"

static void on_event(void *ctx, const struct event *event)
{
    struct rig *rig = ctx;

    if (event->kind == EVENT_RING_MALFORMED || event->kind == EVENT_QUIRK)
        rig->text = event->text;
    rig->events[event->kind]++;
}

static void on_message(void *ctx, uint64_t address, uint32_t data)
{
    struct rig *rig = ctx;

    if (address == RIG_DOORBELL && data < RIG_MESSAGES)
        rig->messages[data]++;
}

static void on_level(void *ctx, unsigned number, bool level)
{
    struct rig *rig = ctx;

    rig->intx[number] = level;
}

static void build(struct rig *rig)
{
    static const struct pci_windows windows = {
        .ecam_base = RIG_ECAM,
        .ecam_size = 256 * MIB,
        .mem32_base = 0x50000000,
        .mem32_size = 0x10000000,
        .mem64_base = UINT64_C(0x180000000),
        .mem64_size = GIB,
    };
    const struct msi_sink msi = {on_message, rig};
    struct irq_line intx[PCI_SLOTS];

    for (unsigned i = 0; i < PCI_SLOTS; i++)
        intx[i] = (struct irq_line){on_level, rig, i};
    assert_int_equal(bus_create(&rig->bus), 0);
    assert_int_equal(pci_host_create(&rig->pci, rig->bus, &windows, &msi, intx, NULL), 0);
    assert_int_equal(host_loop_create(&rig->loop, "rig", NULL), 0);
    rig->host.loop = rig->loop;
}

static void unbuild(struct rig *rig)
{
    host_loop_destroy(rig->loop);
    pci_host_destroy(rig->pci);
    bus_destroy(rig->bus);
}

void rig_make(struct rig *rig, bool strict)
{
    memset(rig, 0, sizeof(*rig));
    assert_int_equal(mem_create(&rig->mem), 0);
    assert_int_equal(mem_add_ram(rig->mem, RIG_RAM, RIG_RAM_SIZE, NULL), 0);
    rig->next = RIG_RAM + 64 * KIB;
    rig->sink = (struct event_sink){on_event, rig};
    rig->host = (struct virtio_host){.mem = rig->mem, .events = &rig->sink, .strict = strict};
    rig->host.quirks = (struct virtio_quirks){
        .net_requires_mtu = strict,
        .net_refuses_host_tso_alone = strict,
        .net_apple_features = strict,
        .interrupt_pin = strict ? 2 : 1,
    };
    build(rig);
}

void rig_free(struct rig *rig)
{
    unbuild(rig);
    mem_destroy(rig->mem);
}

void rig_rebuild(struct rig *rig)
{
    unbuild(rig);
    build(rig);
}

uint64_t rig_alloc(struct rig *rig, uint64_t size, uint64_t align)
{
    uint64_t at = align_up(rig->next, align);

    rig->next = at + size;
    assert_true(rig->next <= RIG_RAM + RIG_RAM_SIZE);
    assert_int_equal(mem_fill(rig->mem, at, 0, size), 0);
    return at;
}

uint8_t *rig_host(struct rig *rig, uint64_t address, uint64_t size)
{
    struct iovec iov;

    assert_int_equal(mem_iov(rig->mem, address, size, &iov), 0);
    return iov.iov_base;
}

struct virtio_pci *rig_plug(struct rig *rig, struct virtio_device *dev)
{
    struct virtio_pci *pci;

    assert_int_equal(virtio_pci_create(&pci, rig->pci, 0, dev, NULL), 0);
    pci_firmware_setup(rig->pci);
    return pci;
}

/* The disk */

static struct fake_disk *disk_of(struct disk *disk)
{
    return container_of(disk, struct fake_disk, disk);
}

static int fake_readv(struct disk *disk, const struct iovec *iov, int count, uint64_t offset)
{
    struct fake_disk *fake = disk_of(disk);

    fake->reads++;
    for (int i = 0; i < count && !fake->fail; i++) {
        memcpy(iov[i].iov_base, fake->bytes + offset, iov[i].iov_len);
        offset += iov[i].iov_len;
    }
    return fake->fail;
}

static int fake_writev(struct disk *disk, const struct iovec *iov, int count, uint64_t offset)
{
    struct fake_disk *fake = disk_of(disk);

    fake->writes++;
    for (int i = 0; i < count && !fake->fail; i++) {
        memcpy(fake->bytes + offset, iov[i].iov_base, iov[i].iov_len);
        offset += iov[i].iov_len;
    }
    return fake->fail;
}

static int fake_flush(struct disk *disk)
{
    disk_of(disk)->flushes++;
    return disk_of(disk)->fail;
}

static int fake_discard(struct disk *disk, uint64_t offset, uint64_t length)
{
    struct fake_disk *fake = disk_of(disk);

    fake->discards++;
    fake->offset = offset;
    fake->length = length;
    return fake->fail;
}

static int fake_zeroes(struct disk *disk, uint64_t offset, uint64_t length, bool unmap)
{
    struct fake_disk *fake = disk_of(disk);

    fake->zeroes++;
    fake->offset = offset;
    fake->length = length;
    fake->unmap = unmap;
    if (!fake->fail)
        memset(fake->bytes + offset, 0, length);
    return fake->fail;
}

static void fake_close(struct disk *disk)
{
}

void fake_disk_init(struct fake_disk *fake)
{
    static const struct disk_ops ops = {
        .readv = fake_readv,
        .writev = fake_writev,
        .flush = fake_flush,
        .discard = fake_discard,
        .write_zeroes = fake_zeroes,
        .close = fake_close,
    };

    memset(fake, 0, sizeof(*fake));
    fake->disk = (struct disk){.ops = &ops, .size = sizeof(fake->bytes)};
}

/* The network */

static struct fake_net *net_of(struct net *net)
{
    return container_of(net, struct fake_net, net);
}

static int fake_send(struct net *net, const struct iovec *iov, int count)
{
    struct fake_net *fake = net_of(net);
    size_t length = 0;

    if (fake->sent_count == FAKE_FRAMES)
        return -EAGAIN;
    for (int i = 0; i < count; i++) {
        assert_true(length + iov[i].iov_len <= sizeof(fake->last));
        memcpy(fake->last + length, iov[i].iov_base, iov[i].iov_len);
        length += iov[i].iov_len;
    }
    memcpy(fake->sent[fake->sent_count], fake->last, MIN(length, sizeof(fake->sent[0])));
    fake->sent_length[fake->sent_count++] = length;
    return 0;
}

static void offer(struct fake_net *fake)
{
    if (fake->held && fake->net.client.receive &&
        fake->net.client.receive(fake->net.client.ctx, fake->held, fake->held_length))
        fake->held = NULL;
}

static void fake_resume(struct net *net)
{
    net_of(net)->resumed++;
    offer(net_of(net));
}

static int fake_attach(struct net *net, struct host_loop *loop)
{
    return 0;
}

static void fake_net_close(struct net *net)
{
}

void fake_net_init(struct fake_net *fake, struct rig *rig, uint16_t mtu)
{
    static const struct net_ops ops = {
        .attach = fake_attach, .send = fake_send, .resume = fake_resume, .close = fake_net_close};

    memset(fake, 0, sizeof(*fake));
    fake->net = (struct net){.ops = &ops, .mtu = mtu};
    fake->loop = rig->loop;
}

struct frame {
    struct fake_net *fake;
    const void *bytes;
    size_t length;
};

static void offer_frame(void *ctx)
{
    struct frame *frame = ctx;

    frame->fake->held = frame->bytes;
    frame->fake->held_length = frame->length;
    offer(frame->fake);
}

void fake_net_receive(struct fake_net *fake, const void *bytes, size_t length)
{
    struct frame frame = {fake, bytes, length};

    host_loop_call(fake->loop, offer_frame, &frame);
}

static void look_at_held(void *ctx)
{
    struct frame *frame = ctx;

    frame->bytes = frame->fake->held;
}

bool fake_net_held(struct fake_net *fake)
{
    struct frame frame = {.fake = fake};

    host_loop_call(fake->loop, look_at_held, &frame);
    return frame.bytes != NULL;
}
