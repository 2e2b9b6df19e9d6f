/* SPDX-License-Identifier: ISC */
/* virtio-net: offloads are checked by recomputing every checksum of every frame that comes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/endian.h"
#include "driver.h"

#define F_CSUM       BIT(0)
#define F_GUEST_CSUM BIT(1)
#define F_MTU        BIT(3)
#define F_MAC        BIT(5)
#define F_GUEST_TSO4 BIT(7)
#define F_HOST_TSO4  BIT(11)
#define F_HOST_TSO6  BIT(12)
#define F_MRG_RXBUF  BIT(15)
#define F_STATUS     BIT(16)
#define F_CTRL_VQ    BIT(17)
#define F_CTRL_RX    BIT(18)
#define F_MQ         BIT(22)
#define F_CTRL_MAC   BIT(23)
#define HEADER       12

static const uint8_t mac[6] = {0x52, 0x54, 0, 1, 2, 3};

struct fixture {
    struct rig rig;
    struct fake_net net;
    struct virtio_device *dev;
    struct virtio_pci *pci;
    struct driver driver;
    struct drvq rx, tx, ctrl;
    uint64_t data;
};

static void make(struct fixture *f, bool strict, unsigned pairs, uint16_t mtu)
{
    rig_make(&f->rig, strict);
    fake_net_init(&f->net, &f->rig, mtu);
    assert_int_equal(
        virtio_net_create(&f->dev, &f->rig.host, "virtio-net0", &f->net.net, mac, pairs), 0);
    f->pci = rig_plug(&f->rig, f->dev);
    driver_probe(&f->driver, &f->rig, 1);
    f->data = rig_alloc(&f->rig, 128 * 1024, 4096);
}

static void start(struct fixture *f, uint64_t features)
{
    make(f, false, 1, 1500);
    assert_true(driver_negotiate(&f->driver, features));
    driver_queue(&f->driver, &f->rx, 0, 64);
    driver_queue(&f->driver, &f->tx, 1, 64);
    if (features & F_CTRL_VQ)
        driver_queue(&f->driver, &f->ctrl, 2, 16);
    driver_ok(&f->driver);
}

static void stop(struct fixture *f)
{
    virtio_pci_ops.free(f->pci);
    rig_free(&f->rig);
}

/* An independent checksum: bytewise, carries folded as they come. */
static uint16_t checksum(const uint8_t *bytes, size_t length, uint32_t sum)
{
    for (size_t i = 0; i < length; i++) {
        sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

static uint32_t pseudo_sum(const uint8_t *ip, size_t length)
{
    bool six = ip[0] >> 4 == 6;

    return (uint16_t)~checksum(six ? ip + 8 : ip + 12, six ? 32 : 8, (uint32_t)(6 + length));
}

/* Builds a TCP frame; returns its length. `ip` and TCP headers have options where `options` says
 * so. */
static size_t make_frame(uint8_t *frame, bool six, bool vlan, unsigned options, size_t payload)
{
    size_t ip = vlan ? 18 : 14, ip_header = six ? 40 : 20 + (options ? 8 : 0), tcp = ip + ip_header;
    size_t tcp_header = 20 + options, length = tcp + tcp_header + payload;

    memset(frame, 0, length);
    memcpy(frame, "\x01\x02\x03\x04\x05\x06\x0a\x0b\x0c\x0d\x0e\x0f", 12);
    if (vlan)
        memcpy(frame + 12, "\x81\x00\x00\x07", 4);
    store_be16(frame + ip - 2, six ? 0x86dd : 0x0800);
    if (six) {
        frame[ip] = 0x60;
        frame[ip + 6] = 6;
        frame[ip + 7] = 64;
        memset(frame + ip + 8, 0x20, 32);
    } else {
        frame[ip] = (uint8_t)(0x40 | ip_header / 4);
        store_be16(frame + ip + 4, 0xfffe); /* the identification wraps */
        frame[ip + 8] = 64;
        frame[ip + 9] = 6;
        memcpy(frame + ip + 12, "\x0a\x00\x02\x0f\x0a\x00\x02\x02", 8);
    }
    store_be16(frame + tcp, 1000);
    store_be16(frame + tcp + 2, 80);
    store_be32(frame + tcp + 4, 0xffffff00); /* and so does the sequence */
    frame[tcp + 12] = (uint8_t)(tcp_header / 4 << 4);
    frame[tcp + 13] = 0x99; /* CWR ACK PSH FIN */
    for (size_t i = 0; i < payload; i++)
        frame[tcp + tcp_header + i] = (uint8_t)(i * 13 + i / 251);
    return length;
}

static void put_header(uint8_t *h, uint8_t flags, uint8_t gso, uint16_t size, uint16_t start,
                       uint16_t offset)
{
    memset(h, 0, HEADER);
    h[0] = flags;
    h[1] = gso;
    store_le16(h + 4, size);
    store_le16(h + 6, start);
    store_le16(h + 8, offset);
}

/* Sends header and frame, in pieces of `piece` bytes. */
static void transmit(struct fixture *f, const uint8_t *bytes, size_t length, size_t piece)
{
    struct buffer chain[64];
    unsigned n = 0;

    assert_int_equal(mem_write(f->rig.mem, f->data, bytes, length), 0);
    f->net.sent_count = 0;
    for (size_t at = 0; at < length; at += piece)
        chain[n++] = (struct buffer){f->data + at, (uint32_t)MIN(piece, length - at), false};
    drvq_do(&f->tx, chain, n, f->driver.features & VIRTIO_F_INDIRECT_DESC);
}

static void plain_frames(void **unused)
{
    static struct fixture f;
    static uint8_t bytes[4096];
    struct virtio_net_drops drops;

    start(&f, F_CSUM | F_MAC | F_MTU);
    for (size_t i = HEADER; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    transmit(&f, bytes, HEADER + 60, 7);
    assert_int_equal(f.net.sent_count, 1);
    assert_int_equal(f.net.sent_length[0], 60);
    assert_memory_equal(f.net.sent[0], bytes + HEADER, 60);
    transmit(&f, bytes, HEADER + 1518, 2000);
    assert_int_equal(f.net.sent_count, 1);
    transmit(&f, bytes, HEADER + 1519, 2000); /* longer than the wire takes */
    assert_int_equal(f.net.sent_count, 0);
    transmit(&f, bytes, HEADER + 13, 2000);
    assert_int_equal(f.net.sent_count, 0);
    transmit(&f, bytes, HEADER, 2000);
    assert_int_equal(f.net.sent_count, 0);
    virtio_net_drops(f.dev, &drops);
    assert_int_equal(drops.malformed, 3);
    f.net.sent_count = FAKE_FRAMES; /* the backend has no room */
    drvq_do(&f.tx, &(struct buffer){f.data, HEADER + 60, false}, 1, false);
    virtio_net_drops(f.dev, &drops);
    assert_int_equal(drops.unsent, 1);
    assert_int_equal(atomic_load(&f.dev->dropped), 4);
    stop(&f);
}

static void needs_checksum(void **unused)
{
    static struct fixture f;
    static uint8_t bytes[2048];
    uint8_t *frame = bytes + HEADER;

    start(&f, F_CSUM | VIRTIO_F_INDIRECT_DESC);
    for (unsigned odd = 0; odd < 2; odd++) {
        size_t length = make_frame(frame, false, false, 0, 100 + odd);

        put_header(bytes, 1, 0, 0, 34, 16);
        store_be16(frame + 34 + 16, (uint16_t)pseudo_sum(frame + 14, length - 34));
        transmit(&f, bytes, HEADER + length, 40);
        assert_int_equal(f.net.sent_count, 1);
        assert_int_equal(
            checksum(f.net.sent[0] + 34, length - 34, pseudo_sum(frame + 14, length - 34)), 0);
    }
    stop(&f);
}

struct tso {
    bool six, vlan;
    unsigned options;
    size_t payload;
    uint16_t size;
};

/* Each segment: lengths, sequence, flags, identification and both checksums; the payloads joined
 * are the payload. */
static void check_segments(const struct fixture *f, const struct tso *t, const uint8_t *frame,
                           size_t length)
{
    size_t ip = t->vlan ? 18 : 14, tcp = ip + (t->six ? 40 : 20 + (t->options ? 8 : 0));
    size_t start = tcp + 20 + t->options, joined = 0;

    for (unsigned i = 0; i < f->net.sent_count; i++) {
        const uint8_t *s = f->net.sent[i];
        size_t n = f->net.sent_length[i];
        bool last = i + 1 == f->net.sent_count;

        assert_true(n <= ip + 1500);
        assert_memory_equal(s, frame, ip);
        if (t->six) {
            assert_int_equal(load_be16(s + ip + 4), n - ip - 40);
        } else {
            assert_int_equal(load_be16(s + ip + 2), n - ip);
            assert_int_equal(load_be16(s + ip + 4), (uint16_t)(0xfffe + i));
            assert_int_equal(checksum(s + ip, tcp - ip, 0), 0);
        }
        assert_int_equal(load_be32(s + tcp + 4), (uint32_t)(0xffffff00 + joined));
        assert_int_equal(s[tcp + 13], 0x10 | (i == 0 ? 0x80 : 0) | (last ? 0x09 : 0));
        assert_int_equal(checksum(s + tcp, n - tcp, pseudo_sum(s + ip, n - tcp)), 0);
        assert_memory_equal(s + start, frame + start + joined, n - start);
        joined += n - start;
    }
    assert_int_equal(joined, length - start);
}

static void segmentation(void **unused)
{
    static struct fixture f;
    static uint8_t bytes[66000];
    static const struct tso cases[] = {
        {false, false, 0, 10000, 1448}, {false, false, 12, 10001, 1448},
        {false, true, 12, 60000, 1448}, {true, false, 0, 10000, 1428},
        {true, true, 12, 30001, 1001},  {false, false, 0, 1448, 1448},
        {false, false, 0, 1449, 1448},  {false, false, 0, 20000, 9000},
        {true, false, 0, 20000, 65535}, {false, false, 0, 100, 7},
        {false, false, 0, 0, 1448},
    };

    start(&f, F_CSUM | F_HOST_TSO4 | F_HOST_TSO6 | VIRTIO_F_INDIRECT_DESC);
    for (size_t i = 0; i < nitems(cases); i++) {
        const struct tso *t = &cases[i];
        size_t length = make_frame(bytes + HEADER, t->six, t->vlan, t->options, t->payload);
        size_t tcp = (t->vlan ? 18 : 14) + (t->six ? 40 : 20 + (t->options ? 8 : 0));
        size_t mss = MIN(t->size, 1500 - (tcp - (t->vlan ? 18 : 14)) - 20 - t->options);

        put_header(bytes, 1, t->six ? 4 : 1, t->size, (uint16_t)tcp, 16);
        transmit(&f, bytes, HEADER + length, 4096);
        assert_int_equal(f.net.sent_count, MAX((t->payload + mss - 1) / mss, 1));
        check_segments(&f, t, bytes + HEADER, length);
    }
    stop(&f);
}

/* Headers that make no sense cost a frame and nothing else. */
static void hostile_headers(void **unused)
{
    static struct fixture f;
    static uint8_t bytes[66000];
    static const struct {
        uint8_t flags, gso;
        uint16_t size, start, offset;
    } cases[] = {
        {1, 0, 0, 65535, 65535}, {1, 0, 0, 34, 65535},   {1, 0, 0, 3, 16},
        {1, 0, 0, 34, 5000},     {1, 1, 0, 34, 16},      {0, 1, 1448, 34, 16},
        {1, 1, 1448, 35, 16},    {1, 1, 1448, 34, 17},   {1, 4, 1448, 54, 16},
        {1, 1, 1, 34, 16},       {1, 2, 1448, 34, 16},   {1, 3, 1448, 34, 16},
        {1, 5, 1448, 34, 16},    {1, 255, 1448, 34, 16}, {1, 1, 1448, 5000, 16},
    };
    struct virtio_net_drops drops;
    size_t length;
    unsigned dropped = 0;

    start(&f, F_CSUM | F_HOST_TSO4 | F_HOST_TSO6 | VIRTIO_F_INDIRECT_DESC);
    for (size_t i = 0; i < nitems(cases); i++) {
        length = make_frame(bytes + HEADER, false, false, 0, 4000);
        put_header(bytes, cases[i].flags, cases[i].gso, cases[i].size, cases[i].start,
                   cases[i].offset);
        transmit(&f, bytes, HEADER + length, 2000);
        assert_int_equal(f.net.sent_count, 0);
        dropped++;
    }
    length = make_frame(bytes + HEADER, false, false, 0, 4000);
    for (unsigned at = 0; at < 16; at++) { /* lengths in the IP and TCP headers */
        uint8_t ip = bytes[HEADER + 14], tcp = bytes[HEADER + 34 + 12];

        put_header(bytes, 1, 1, 1448, 34, 16);
        bytes[HEADER + 14] = (uint8_t)(0x40 | at);
        transmit(&f, bytes, HEADER + length, 4096);
        dropped += f.net.sent_count == 0;
        bytes[HEADER + 14] = ip;
        bytes[HEADER + 34 + 12] = (uint8_t)(at << 4);
        transmit(&f, bytes, HEADER + length, 4096);
        dropped += f.net.sent_count == 0;
        bytes[HEADER + 34 + 12] = tcp;
    }
    assert_int_equal(dropped, nitems(cases) + 15 + 5);
    make_frame(bytes + HEADER, false, false, 0, 4000);
    put_header(bytes, 1, 1, 1448, 34, 16);
    transmit(&f, bytes, HEADER + 34 + 10, 4096); /* cut within TCP */
    assert_int_equal(f.net.sent_count, 0);
    virtio_net_drops(f.dev, &drops);
    assert_int_equal(drops.malformed, dropped + 1);
    assert_int_equal(driver_status(&f.driver) & VIRTIO_STATUS_NEEDS_RESET, 0);
    stop(&f);
}

static void receive_plain(void **unused)
{
    static struct fixture f;
    uint8_t frame[1600];
    struct virtio_net_drops drops;
    struct buffer b[2];
    uint32_t written;

    memset(frame, 0xab, sizeof(frame));
    start(&f, F_GUEST_CSUM);
    b[0] = (struct buffer){f.data, 5, true};
    b[1] = (struct buffer){f.data + 100, 1000, true};
    drvq_add(&f.rx, b, 2, false);
    drvq_kick(&f.rx);
    fake_net_receive(&f.net, frame, 900);
    assert_false(fake_net_held(&f.net));
    drvq_wait(&f.rx, &written);
    assert_int_equal(written, HEADER + 900);
    assert_memory_equal(rig_host(&f.rig, f.data + 107, 893), frame, 893);
    assert_int_equal(*rig_host(&f.rig, f.data + 100 + 5, 1), 1); /* num_buffers */

    fake_net_receive(&f.net, frame, 900); /* no buffer: held until there is one */
    assert_true(fake_net_held(&f.net));
    drvq_add(&f.rx, b, 2, false);
    drvq_kick(&f.rx);
    drvq_wait(&f.rx, &written);
    assert_false(fake_net_held(&f.net));

    drvq_add(&f.rx, b, 2, false); /* too long for the buffer: dropped, and the buffer is kept */
    drvq_kick(&f.rx);
    fake_net_receive(&f.net, frame, 1200);
    assert_false(fake_net_held(&f.net));
    assert_int_equal(drvq_poll(&f.rx, &written), -1);
    virtio_net_drops(f.dev, &drops);
    assert_int_equal(drops.too_long, 1);
    fake_net_receive(&f.net, frame, 993);
    drvq_wait(&f.rx, &written);
    assert_int_equal(written, 1005);
    stop(&f);
}

static void receive_merged(void **unused)
{
    static struct fixture f;
    static uint8_t frame[3000];

    for (size_t i = 0; i < sizeof(frame); i++)
        frame[i] = (uint8_t)(i * 3 + i / 256);
    for (unsigned packed = 0; packed < 2; packed++) {
        uint32_t written;
        size_t joined = 0;

        start(&f, F_MRG_RXBUF | VIRTIO_F_EVENT_IDX | (packed ? VIRTIO_F_RING_PACKED : 0));
        for (unsigned i = 0; i < 4; i++)
            drvq_add(&f.rx, &(struct buffer){f.data + 4096 * i, 700, true}, 1, false);
        drvq_kick(&f.rx);
        fake_net_receive(&f.net, frame, sizeof(frame)); /* one buffer is missing: nothing is used */
        assert_true(fake_net_held(&f.net));
        assert_int_equal(drvq_poll(&f.rx, &written), -1);
        drvq_add(&f.rx, &(struct buffer){f.data + 4096 * 4, 700, true}, 1, false);
        drvq_kick(&f.rx);
        for (unsigned i = 0; i < 5; i++) {
            size_t skip = i ? 0 : HEADER;

            drvq_wait(&f.rx, &written);
            assert_memory_equal(rig_host(&f.rig, f.data + 4096 * i + skip, written - skip),
                                frame + joined, written - skip);
            joined += written - skip;
        }
        assert_int_equal(joined, sizeof(frame));
        assert_int_equal(*rig_host(&f.rig, f.data + 10, 1), 5);
        assert_int_equal(drvq_poll(&f.rx, &written), -1);
        stop(&f);
    }
}

/* Frames of the longest MTU there is, either way; without MRG_RXBUF into one buffer or nowhere. */
static void jumbo(void **unused)
{
    static struct fixture f;
    static uint8_t bytes[HEADER + 65435 + 19];
    const size_t frame = 65435 + 18;
    struct virtio_net_drops drops;
    uint32_t written;

    for (size_t i = HEADER; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    make(&f, true, 1, 65435);
    assert_true(driver_negotiate(&f.driver, F_MTU | F_MAC));
    driver_queue(&f.driver, &f.rx, 0, 64);
    driver_queue(&f.driver, &f.tx, 1, 64);
    driver_ok(&f.driver);
    transmit(&f, bytes, HEADER + frame, 4096);
    assert_int_equal(f.net.sent_count, 1);
    assert_int_equal(f.net.sent_length[0], frame);
    assert_memory_equal(f.net.last, bytes + HEADER, frame);
    transmit(&f, bytes, HEADER + frame + 1, 4096);
    assert_int_equal(f.net.sent_count, 0);

    drvq_add(&f.rx, &(struct buffer){f.data, (uint32_t)(HEADER + frame - 1), true}, 1, false);
    drvq_kick(&f.rx);
    memset(rig_host(&f.rig, f.data, 4096), 0xee, 4096);
    fake_net_receive(&f.net, bytes + HEADER, frame); /* a byte too long: not even begun */
    assert_int_equal(drvq_poll(&f.rx, &written), -1);
    virtio_net_drops(f.dev, &drops);
    assert_int_equal(drops.too_long, 1);
    assert_int_equal(*rig_host(&f.rig, f.data + HEADER, 1), 0xee);
    fake_net_receive(&f.net, bytes + HEADER, frame - 1);
    drvq_wait(&f.rx, &written);
    assert_int_equal(written, HEADER + frame - 1);
    assert_memory_equal(rig_host(&f.rig, f.data + HEADER, frame - 1), bytes + HEADER, frame - 1);
    stop(&f);
}

static void strict_negotiation(void **unused)
{
    static struct fixture f;

    make(&f, true, 4, 1500);
    assert_false(driver_negotiate(&f.driver, F_MAC | F_STATUS));
    assert_int_equal(f.driver.offered, UINT64_C(0x5300119ab));
    assert_int_equal(reg_read(&f.driver, f.driver.common + 0x12, 2), 2);
    assert_string_equal(f.rig.text, "net-requires-mtu");
    assert_true(driver_negotiate(&f.driver, F_MAC | F_STATUS | F_MTU));
    assert_false(driver_negotiate(&f.driver, F_MTU | F_CSUM | F_HOST_TSO4));
    assert_string_equal(f.rig.text, "net-refuses-host-tso-alone");
    assert_true(
        driver_negotiate(&f.driver, F_MTU | F_CSUM | F_GUEST_CSUM | F_HOST_TSO4 | F_GUEST_TSO4));
    assert_false(driver_negotiate(&f.driver, F_MTU | F_MRG_RXBUF));
    stop(&f);

    make(&f, true, 1, 1500); /* the bits without one refusal */
    f.dev->host.quirks.net_requires_mtu = false;
    assert_true(driver_negotiate(&f.driver, F_MAC));
    assert_false(driver_negotiate(&f.driver, F_CSUM | F_HOST_TSO4));
    stop(&f);

    make(&f, false, 1, 1500);
    assert_true(driver_negotiate(&f.driver, F_MAC));
    assert_true(driver_negotiate(&f.driver, F_MAC));
    assert_int_equal(f.rig.events[EVENT_QUIRK], 1); /* said once */
    stop(&f);
}

/* A driver that answers each frame, and notifies only when the device asks for it, never waits in
 * vain: the device looks by itself for a while, and asks then. */
static void answers(void **unused)
{
    static struct fixture f;
    uint8_t frame[60] = {0};
    uint32_t written;

    for (unsigned mode = 0; mode < 4; mode++) {
        start(&f, (mode & 1 ? VIRTIO_F_RING_PACKED : 0) | (mode & 2 ? VIRTIO_F_EVENT_IDX : 0));
        for (unsigned i = 0; i < 2000; i++) {
            drvq_add(&f.rx, &(struct buffer){f.data, 2048, true}, 1, false);
            drvq_kick(&f.rx);
            fake_net_receive(&f.net, frame, sizeof(frame));
            drvq_wait(&f.rx, &written);
            for (unsigned turns = 0; turns < i % 32; turns++)
                host_loop_drain(f.rig.loop);
            f.net.sent_count = 0;
            drvq_do(&f.tx, &(struct buffer){f.data + 4096, HEADER + 60, false}, 1, false);
        }
        assert_int_equal(f.tx.kicks + f.tx.silent, 2000);
        stop(&f);
    }
}

static void configuration(void **unused)
{
    static struct fixture f;
    uint8_t bytes[6];

    start(&f, F_MAC | F_STATUS | F_MTU);
    for (unsigned i = 0; i < 6; i++)
        bytes[i] = (uint8_t)reg_read(&f.driver, f.driver.config + i, 1);
    assert_memory_equal(bytes, mac, 6);
    assert_int_equal(reg_read(&f.driver, f.driver.config + 6, 2), 1);
    assert_int_equal(reg_read(&f.driver, f.driver.config + 10, 2), 1500);
    virtio_net_link(f.dev, false);
    assert_int_equal(reg_read(&f.driver, f.driver.config + 6, 2), 0);
    assert_int_equal(reg_read(&f.driver, f.driver.isr, 1), 2);
    stop(&f);
}

/* Unplugged, the driver is told and frames go nowhere; then plugged in again. Apple's card too. */
static void cable(void **unused)
{
    static struct fixture f;
    static const uint8_t frame[64] = {2};
    uint32_t written;

    for (unsigned strict = 0; strict < 2; strict++) {
        make(&f, strict, 1, 1500);
        assert_true(driver_negotiate(&f.driver, F_MAC | F_STATUS | F_MTU));
        driver_queue(&f.driver, &f.rx, 0, 64);
        driver_ok(&f.driver);
        drvq_add(&f.rx, &(struct buffer){f.data, 2048, true}, 1, false);
        f.net.net.client.link(f.net.net.client.ctx, false);
        assert_int_equal(reg_read(&f.driver, f.driver.config + 6, 2), 0);
        assert_int_equal(reg_read(&f.driver, f.driver.isr, 1), 2);
        f.net.net.client.link(f.net.net.client.ctx, false); /* no news */
        assert_int_equal(reg_read(&f.driver, f.driver.isr, 1), 0);
        fake_net_receive(&f.net, frame, sizeof(frame));
        assert_false(fake_net_held(&f.net));
        assert_int_equal(drvq_poll(&f.rx, &written), -1);
        f.net.net.client.link(f.net.net.client.ctx, true);
        assert_int_equal(reg_read(&f.driver, f.driver.config + 6, 2), 1);
        assert_int_equal(reg_read(&f.driver, f.driver.isr, 1), 2);
        fake_net_receive(&f.net, frame, sizeof(frame));
        drvq_wait(&f.rx, &written);
        assert_int_equal(written, HEADER + sizeof(frame));
        stop(&f);
    }
}

/* A control command; returns its ack. */
static uint8_t control(struct fixture *f, uint8_t class, uint8_t command, const void *data,
                       uint32_t length)
{
    uint64_t at = f->data + 0x10000;
    uint8_t head[2] = {class, command};
    struct buffer chain[3] = {{at, 2, false}, {at + 16, length, false}, {at + 1024, 1, true}};

    mem_write(f->rig.mem, at, head, 2);
    mem_write(f->rig.mem, at + 16, data, length);
    mem_store(f->rig.mem, at + 1024, 1, 0xee);
    drvq_do(&f->ctrl, chain, 3, false);
    return *rig_host(&f->rig, at + 1024, 1);
}

static void control_queue(void **unused)
{
    static struct fixture f;
    uint8_t tables[4 + 6 + 4] = {1, [4] = 2, 2, 2, 2, 2, 2};
    uint8_t other[6] = {2, 4, 6, 8, 10, 12};

    start(&f, F_CTRL_VQ | F_CTRL_RX | F_CTRL_MAC);
    assert_int_equal(control(&f, 0, 0, "\1", 1), 0);
    assert_int_equal(control(&f, 0, 0, "\1\1", 2), 1);
    assert_int_equal(control(&f, 0, 9, "\1", 1), 1);
    assert_int_equal(control(&f, 1, 0, tables, sizeof(tables)), 0);
    assert_int_equal(control(&f, 1, 0, tables, sizeof(tables) - 5), 1);
    memset(tables, 0xff, 4);
    assert_int_equal(control(&f, 1, 0, tables, sizeof(tables)), 1);
    assert_int_equal(control(&f, 1, 1, other, 6), 0);
    assert_int_equal(reg_read(&f.driver, f.driver.config, 4), 0x08060402);
    assert_int_equal(control(&f, 4, 0, "\1\0", 2), 1); /* MQ was not negotiated */
    driver_reset(&f.driver);
    assert_int_equal(reg_read(&f.driver, f.driver.config, 1), mac[0]);
    stop(&f);
}

/* Two pairs: what comes back on a flow goes to the pair that sent on it. */
static void multiqueue(void **unused)
{
    static struct fixture f;
    static uint8_t bytes[2048];
    struct drvq rx1, tx1;
    uint8_t back[200];
    uint32_t written;
    size_t length;

    make(&f, false, 2, 1500);
    assert_true(driver_negotiate(&f.driver, F_MTU | F_CTRL_VQ | F_MQ));
    assert_int_equal(reg_read(&f.driver, f.driver.config + 8, 2), 2);
    driver_queue(&f.driver, &f.rx, 0, 16);
    driver_queue(&f.driver, &f.tx, 1, 16);
    driver_queue(&f.driver, &rx1, 2, 16);
    driver_queue(&f.driver, &tx1, 3, 16);
    driver_queue(&f.driver, &f.ctrl, 4, 16);
    driver_ok(&f.driver);
    assert_int_equal(control(&f, 4, 0, "\2\0", 2), 0);
    assert_int_equal(control(&f, 4, 0, "\3\0", 2), 1);
    assert_int_equal(control(&f, 4, 0, "\0\0", 2), 1);
    drvq_add(&f.rx, &(struct buffer){f.data, 2048, true}, 1, false);
    drvq_add(&rx1, &(struct buffer){f.data + 4096, 2048, true}, 1, false);
    drvq_add(&rx1, &(struct buffer){f.data + 8192, 2048, true}, 1, false);
    length = make_frame(bytes + HEADER, false, false, 0, 60);
    mem_write(f.rig.mem, f.data + 12288, bytes, HEADER + length);
    drvq_do(&tx1, &(struct buffer){f.data + 12288, (uint32_t)(HEADER + length), false}, 1, false);
    memcpy(back, bytes + HEADER, length);
    memcpy(back + 26, bytes + HEADER + 30, 4); /* the other way round */
    memcpy(back + 30, bytes + HEADER + 26, 4);
    memcpy(back + 34, bytes + HEADER + 36, 2);
    memcpy(back + 36, bytes + HEADER + 34, 2);
    fake_net_receive(&f.net, back, length);
    drvq_wait(&rx1, &written);
    assert_int_equal(written, HEADER + length);
    assert_int_equal(drvq_poll(&f.rx, &written), -1);
    back[37] ^= 0x40; /* another flow */
    fake_net_receive(&f.net, back, length);
    drvq_wait(&f.rx, &written);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_frames),  cmocka_unit_test(needs_checksum),
        cmocka_unit_test(segmentation),  cmocka_unit_test(hostile_headers),
        cmocka_unit_test(receive_plain), cmocka_unit_test(receive_merged),
        cmocka_unit_test(jumbo),         cmocka_unit_test(strict_negotiation),
        cmocka_unit_test(configuration), cmocka_unit_test(control_queue),
        cmocka_unit_test(multiqueue),    cmocka_unit_test(cable),
        cmocka_unit_test(answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
