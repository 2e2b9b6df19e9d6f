/* SPDX-License-Identifier: ISC */
/*
 * What ports of a switch can do to it: frames with headers of every kind through the fabric and its
 * links, records in a ring whose other side writes what it likes and takes what is put, and lines
 * of the control protocol. Whatever comes out is a frame that its port may be given.
 */
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "fuzz.h"
#include "switch/fabric.h"
#include "switch/message.h"
#include "switch/ring.h"

#define CHECK(right)                                                                               \
    do {                                                                                           \
        if (!(right))                                                                              \
            abort();                                                                               \
    } while (0)

#define PORTS     4
#define STEP_NS   1000000
#define RING_SIZE 65536

struct end {
    unsigned accepts;
    uint16_t mtu;
    size_t queued; /* bytes; the port takes them from time to time */
};

/* A port is never given what it does not take, nor what is too long for its wire. */
static int end_send(void *ctx, const struct net_header *header, const void *frame, size_t length)
{
    struct end *end = ctx;
    int needs = net_offload_needs(header, frame, length);

    CHECK(length >= 14 && length <= NET_OFFLOAD_MAX_FRAME);
    CHECK(needs >= 0 && !((unsigned)needs & ~end->accepts));
    CHECK(net_offload_longest(header, frame, length) <= end->mtu + (size_t)FABRIC_OVERHEAD);
    end->queued += ring_record_size(length);
    return length % 7 ? 0 : -1;
}

static unsigned end_accepts(void *ctx)
{
    return ((const struct end *)ctx)->accepts;
}

static size_t end_queued(void *ctx, size_t *most)
{
    const struct end *end = ctx;

    *most = end->mtu * 32u;
    return MIN(end->queued, *most);
}

static const struct fabric_port_ops end_ops = {end_send, end_accepts, end_queued};

static void count_passed(void *ctx, unsigned port, enum fabric_direction direction,
                         const void *frame, size_t length)
{
    CHECK(port < PORTS && length >= 14);
    ++*(unsigned *)ctx;
}

static void set_links(struct fabric *fabric, const uint8_t *data)
{
    const struct link_settings settings = {
        .delay_ns = (uint64_t)(data[0] & 3) * STEP_NS,
        .jitter_ns = (uint64_t)(data[0] & 1) * STEP_NS,
        .rate_bps = data[1] & 1 ? 1000000 : 0,
        .loss = (data[2] & 3) * 0.1,
        .duplicate = (data[2] >> 2 & 3) * 0.2,
        .corrupt = (data[2] >> 4 & 3) * 0.3,
        .reorder = (data[2] >> 6) * 0.2,
        .down = data[3] == 0xff,
        .seed = data[3],
    };

    if (data[1] & 2)
        link_set(fabric_link(fabric, data[1] >> 2 & 3, FABRIC_FROM), &settings);
    if (data[1] & 16)
        link_set(fabric_link(fabric, data[1] >> 5 & 3, FABRIC_TO), &settings);
}

/* Each frame: port, header, length, bytes. */
static void feed_fabric(const uint8_t *data, size_t size)
{
    static struct end ends[PORTS] = {{.mtu = 1500},
                                     {.accepts = NET_OFFLOAD_ALL, .mtu = 1500},
                                     {.accepts = NET_OFFLOAD_CSUM, .mtu = 9000},
                                     {.accepts = NET_OFFLOAD_ALL, .mtu = 65435}};
    static const uint8_t reserved[6] = {0x52, 0x54, 0, 0, 0, 1};
    static uint8_t frame[NET_OFFLOAD_MAX_FRAME];
    unsigned count = 0, steps = 0;
    const struct fabric_hooks hooks = {.ctx = &count, .passed = count_passed};
    struct fabric *fabric = fabric_create(1, &hooks);
    uint64_t now = 0;

    for (unsigned i = 0; i < PORTS; i++) {
        fabric_add(fabric, &end_ops, &ends[i], ends[i].mtu);
        ends[i].queued = 0;
    }
    CHECK(fabric_reserve(fabric, 1, reserved) && !fabric_reserve(fabric, 2, reserved));
    if (size > 4) {
        set_links(fabric, data);
        data += 4;
        size -= 4;
    }
    while (size > 3 + NET_HEADER_SIZE) {
        size_t length = load_le16(data + 1), part = MIN(length, size - 3 - NET_HEADER_SIZE);
        struct net_header header;

        net_header_read(&header, data + 3);
        memset(frame, 0, length);
        memcpy(frame, data + 3 + NET_HEADER_SIZE, part);
        fabric_receive(fabric, data[0] % PORTS, now, &header, frame, length);
        data += 3 + NET_HEADER_SIZE + part;
        size -= 3 + NET_HEADER_SIZE + part;
        now += STEP_NS;
        fabric_run(fabric, now);
        CHECK(fabric_deadline(fabric) > now);
        for (unsigned i = 0; i < PORTS && ++steps % 16 == 0; i++)
            ends[i].queued = 0;
    }
    fabric_remove(fabric, 2);
    fabric_run(fabric, UINT64_MAX - 1);
    for (unsigned i = 0; i < PORTS; i++)
        CHECK(fabric_addresses(fabric, i) <= count + 1);
    fabric_destroy(fabric);
}

static void feed_ring(const uint8_t *data, size_t size)
{
    static struct ring_shared words;
    static uint8_t memory[2 * RING_SIZE];
    struct ring ring = {.shared = &words, .data = memory, .size = RING_SIZE};
    struct net_header header;
    const uint8_t *frame;
    ssize_t length;

    if (size < 16)
        return;
    atomic_store(&words.head, load_le64(data) % (2 * RING_SIZE));
    atomic_store(&words.tail, load_le64(data + 8));
    atomic_store(&words.take_sleeps, data[0] & 1);
    atomic_store(&words.put_sleeps, data[0] & 2);
    memcpy(memory, data + 16, MIN(size - 16, (size_t)RING_SIZE));
    while ((length = ring_take(&ring, &header, &frame)) > 0) {
        CHECK(frame >= memory && frame + length <= memory + sizeof(memory));
        ring_done(&ring);
        ring_take_wakes(&ring);
    }
    CHECK(ring_used(&ring) <= RING_SIZE);
    CHECK(ring_take_sleep(&ring) == !ring_waits(&ring));
    ring_accept(&ring, (unsigned)size);
    CHECK(!(ring_accepts(&ring) & ~NET_OFFLOAD_ALL));
}

/* What is put stays within the ring, wherever the other side says that it has taken. */
static void feed_putter(const uint8_t *data, size_t size)
{
    static struct ring_shared words;
    static uint8_t memory[2 * RING_SIZE], frame[RING_SIZE / 2];
    struct ring ring = {.shared = &words, .data = memory, .size = RING_SIZE};
    const struct net_header header = {0};

    atomic_store(&words.head, 0);
    atomic_store(&words.tail, 0);
    for (; size >= 2; data += 2, size -= 2) {
        size_t length = MAX(load_le16(data) / 2u, 14u);
        const struct iovec iov = {frame, length};
        uint64_t before = ring.position;

        atomic_store(&words.take_sleeps, data[0] & 1);
        if (ring_put(&ring, &header, &iov, 1, length) == 0)
            CHECK(ring.position == before + ring_record_size(length));
        else if (data[0] & 2)
            ring_put_sleep(&ring, length);
        ring_put_wakes(&ring);
        atomic_store(&words.tail,
                     data[1] & 128 ? load_le16(data) * UINT64_C(77777) : ring.position);
    }
}

static void feed_messages(const uint8_t *data, size_t size)
{
    struct message_input input = {.fd = -1};
    struct link_settings settings;
    struct error err;
    json_t *message;

    input.bytes = malloc(MESSAGE_LINE_MAX);
    input.length = MIN(size, (size_t)MESSAGE_LINE_MAX);
    memcpy(input.bytes, data, input.length);
    while (message_take(&input, &message, &err) > 0) {
        if (link_from_json(message, &settings, &err) == 0)
            CHECK(link_settings_check(&settings, NULL) == 0);
        json_decref(message);
    }
    message_input_free(&input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    switch (data[0] % 5) {
    case 0: feed_ring(data + 1, size - 1); break;
    case 1: feed_messages(data + 1, size - 1); break;
    case 4: feed_putter(data + 1, size - 1); break;
    default: feed_fabric(data + 1, size - 1); break;
    }
    return 0;
}
