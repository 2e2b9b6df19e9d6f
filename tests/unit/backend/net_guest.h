/* SPDX-License-Identifier: ISC */
/*
 * A guest's network card and the least of a TCP/IP stack behind it: enough to ask for an address,
 * to ping and to hold one TCP connection. Include after <cmocka.h>.
 */
#ifndef TESTS_UNIT_BACKEND_NET_GUEST_H
#define TESTS_UNIT_BACKEND_NET_GUEST_H

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "backend/net.h"
#include "base/endian.h"
#include "base/units.h"
#include "host/clock.h"
#include "host/thread.h"

#define GUEST_QUEUE   64
#define GUEST_ADDRESS 0x0a00020fu
#define GATEWAY       0x0a000202u
#define PATIENCE      (20 * NS_PER_SEC) /* longer than anything takes; only a failure waits so long */

#define ETH_IPV4 0x0800
#define ETH_ARP  0x0806
#define IP_ICMP  1
#define IP_TCP   6
#define IP_UDP   17

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10

struct guest_frame {
    size_t length;
    uint8_t bytes[2048];
};

struct guest {
    struct net *net;
    struct host_loop *loop;
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    struct guest_frame queue[GUEST_QUEUE];
    unsigned head, count, refused;
    bool full;       /* refuse frames, as a card without buffers */
    const void *out; /* of guest_send */
    size_t out_length;
    int out_result;
};

/* An IPv4 packet taken apart. */
struct packet {
    uint8_t protocol;
    uint32_t from, to;
    uint16_t from_port, to_port; /* of UDP and TCP */
    uint32_t seq, ack;
    uint8_t flags;
    const uint8_t *data;
    size_t length;
};

static const uint8_t guest_mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
static const uint8_t broadcast_mac[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static bool guest_receive(void *ctx, const void *frame, size_t length)
{
    struct guest *guest = ctx;
    bool taken = false;

    pthread_mutex_lock(&guest->lock);
    if (guest->full || guest->count == GUEST_QUEUE || length > sizeof(guest->queue[0].bytes)) {
        guest->refused++;
    } else {
        struct guest_frame *slot = &guest->queue[(guest->head + guest->count++) % GUEST_QUEUE];

        memcpy(slot->bytes, frame, length);
        slot->length = length;
        taken = true;
    }
    pthread_cond_broadcast(&guest->arrived);
    pthread_mutex_unlock(&guest->lock);
    return taken;
}

static inline void guest_start(struct guest *guest, struct net *net)
{
    const struct net_client client = {.receive = guest_receive, .ctx = guest};

    memset(guest, 0, sizeof(*guest));
    pthread_mutex_init(&guest->lock, NULL);
    assert_int_equal(host_cond_init(&guest->arrived), 0);
    assert_int_equal(host_loop_create(&guest->loop, "net", NULL), 0);
    guest->net = net;
    assert_int_equal(net_attach(net, guest->loop, &client), 0);
}

static inline void guest_stop(struct guest *guest)
{
    net_close(guest->net);
    host_loop_destroy(guest->loop);
    pthread_cond_destroy(&guest->arrived);
    pthread_mutex_destroy(&guest->lock);
}

static inline void send_on_loop(void *ctx)
{
    struct guest *guest = ctx;
    /* In two pieces, as a ring would have it. */
    const struct iovec iov[2] = {
        {(void *)(uintptr_t)guest->out, MIN(guest->out_length, 10u)},
        {(uint8_t *)(uintptr_t)guest->out + MIN(guest->out_length, 10u),
         guest->out_length - MIN(guest->out_length, 10u)},
    };

    guest->out_result = net_send(guest->net, iov, 2);
}

static inline int guest_send(struct guest *guest, const void *frame, size_t length)
{
    guest->out = frame;
    guest->out_length = length;
    host_loop_call(guest->loop, send_on_loop, guest);
    return guest->out_result;
}

static inline void resume_on_loop(void *ctx)
{
    net_resume(((struct guest *)ctx)->net);
}

/* Takes the oldest frame; false when none comes for as long as `patience` nanoseconds. */
static inline bool guest_take(struct guest *guest, struct guest_frame *frame, uint64_t patience)
{
    uint64_t deadline = host_clock_monotonic() + patience;
    bool taken = false;

    pthread_mutex_lock(&guest->lock);
    while (!guest->count && host_cond_wait_until(&guest->arrived, &guest->lock, deadline) == 0)
        ;
    if (guest->count) {
        *frame = guest->queue[guest->head];
        guest->head = (guest->head + 1) % GUEST_QUEUE;
        guest->count--;
        taken = true;
    }
    pthread_mutex_unlock(&guest->lock);
    return taken;
}

static inline uint32_t sum(const uint8_t *bytes, size_t length, uint32_t sum)
{
    for (size_t i = 0; i + 1 < length; i += 2)
        sum += load_be16(bytes + i);
    if (length % 2)
        sum += (uint32_t)bytes[length - 1] << 8;
    return sum;
}

static inline uint16_t fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* Sends `payload` (a whole ICMP, UDP or TCP message, checksum field zero) to `to`. */
static inline void send_ip(struct guest *guest, uint8_t protocol, uint32_t from, uint32_t to,
                           uint8_t *payload, size_t length)
{
    static uint16_t id;
    uint8_t frame[2048] = {0}, *ip = frame + 14, pseudo[12] = {0};
    unsigned at = protocol == IP_TCP ? 16 : protocol == IP_UDP ? 6 : 2;

    memcpy(frame, to == UINT32_MAX ? broadcast_mac : (const uint8_t[]){0x52, 0x55, 10, 0, 2, 2}, 6);
    memcpy(frame + 6, guest_mac, 6);
    store_be16(frame + 12, ETH_IPV4);
    ip[0] = 0x45;
    store_be16(ip + 2, (uint16_t)(20 + length));
    store_be16(ip + 4, ++id);
    ip[8] = 64;
    ip[9] = protocol;
    store_be32(ip + 12, from);
    store_be32(ip + 16, to);
    store_be16(ip + 10, fold(sum(ip, 20, 0)));
    memcpy(pseudo, ip + 12, 8);
    pseudo[9] = protocol;
    store_be16(pseudo + 10, (uint16_t)length);
    store_be16(payload + at,
               fold(sum(payload, length, protocol == IP_ICMP ? 0 : sum(pseudo, 12, 0))));
    memcpy(ip + 20, payload, length);
    assert_int_equal(guest_send(guest, frame, 34 + length), 0);
}

static inline void send_udp(struct guest *guest, uint32_t from, uint16_t from_port, uint32_t to,
                            uint16_t to_port, const void *data, size_t length)
{
    uint8_t udp[1500] = {0};

    store_be16(udp, from_port);
    store_be16(udp + 2, to_port);
    store_be16(udp + 4, (uint16_t)(8 + length));
    memcpy(udp + 8, data, length);
    send_ip(guest, IP_UDP, from, to, udp, 8 + length);
}

static inline void send_tcp(struct guest *guest, uint16_t from_port, uint32_t to, uint16_t to_port,
                            uint32_t seq, uint32_t ack, uint8_t flags, const void *data,
                            size_t length)
{
    uint8_t tcp[1500] = {0};

    store_be16(tcp, from_port);
    store_be16(tcp + 2, to_port);
    store_be32(tcp + 4, seq);
    store_be32(tcp + 8, ack);
    tcp[12] = 5 << 4;
    tcp[13] = flags;
    store_be16(tcp + 14, 8192);
    if (length)
        memcpy(tcp + 20, data, length);
    send_ip(guest, IP_TCP, GUEST_ADDRESS, to, tcp, 20 + length);
}

static inline void send_ping(struct guest *guest, uint32_t to, uint16_t number)
{
    uint8_t icmp[40] = {8};

    store_be16(icmp + 6, number);
    send_ip(guest, IP_ICMP, GUEST_ADDRESS, to, icmp, sizeof(icmp));
}

static inline void send_arp(struct guest *guest, uint16_t operation, const uint8_t *to_mac,
                            uint32_t from, uint32_t to)
{
    static const uint8_t head[] = {0, 1, 8, 0, 6, 4};
    uint8_t frame[42] = {0}, *arp = frame + 14;

    memcpy(frame, to_mac, 6);
    memcpy(frame + 6, guest_mac, 6);
    store_be16(frame + 12, ETH_ARP);
    memcpy(arp, head, sizeof(head));
    store_be16(arp + 6, operation);
    memcpy(arp + 8, guest_mac, 6);
    store_be32(arp + 14, from);
    if (operation == 2)
        memcpy(arp + 18, to_mac, 6);
    store_be32(arp + 24, to);
    assert_int_equal(guest_send(guest, frame, sizeof(frame)), 0);
}

static inline bool parse_ip(const struct guest_frame *frame, struct packet *packet)
{
    const uint8_t *ip = frame->bytes + 14, *body;
    unsigned header = (ip[0] & 0xf) * 4u, total = load_be16(ip + 2);

    if (load_be16(frame->bytes + 12) != ETH_IPV4 || frame->length < 14 + total || total < header)
        return false;
    body = ip + header;
    *packet = (struct packet){.protocol = ip[9],
                              .from = load_be32(ip + 12),
                              .to = load_be32(ip + 16),
                              .data = body,
                              .length = total - header};
    if (packet->protocol == IP_UDP || packet->protocol == IP_TCP) {
        unsigned skip = packet->protocol == IP_UDP ? 8 : (body[12] >> 4) * 4u;

        packet->from_port = load_be16(body);
        packet->to_port = load_be16(body + 2);
        packet->data += skip;
        packet->length -= skip;
    }
    if (packet->protocol == IP_TCP) {
        packet->seq = load_be32(body + 4);
        packet->ack = load_be32(body + 8);
        packet->flags = body[13];
    }
    return true;
}

/* Answers ARP requests for the guest's address on the way to the next packet of `protocol`. */
static inline bool next_packet(struct guest *guest, uint8_t protocol, struct guest_frame *frame,
                               struct packet *packet)
{
    while (guest_take(guest, frame, PATIENCE)) {
        const uint8_t *arp = frame->bytes + 14;

        if (load_be16(frame->bytes + 12) == ETH_ARP && load_be16(arp + 6) == 1 &&
            load_be32(arp + 24) == GUEST_ADDRESS)
            send_arp(guest, 2, arp + 8, GUEST_ADDRESS, load_be32(arp + 14));
        else if (parse_ip(frame, packet) && packet->protocol == protocol)
            return true;
    }
    return false;
}

/* Waits until everything that was sent before has been dealt with: an echo comes back in order. */
static inline void fence(struct guest *guest)
{
    struct guest_frame frame;
    struct packet packet;
    static uint16_t number;

    send_ping(guest, GATEWAY, ++number);
    while (next_packet(guest, IP_ICMP, &frame, &packet))
        if (packet.data[0] == 0 && load_be16(packet.data + 6) == number)
            return;
    fail_msg("no echo from the gateway");
}

#endif
