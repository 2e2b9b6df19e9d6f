/* SPDX-License-Identifier: ISC */
/*
 * What a peer asks for a test: a connection, a datagram or an echo, and what comes back. ICMP
 * errors are seen where frames come in (peer_stack.c), since lwIP's TCP does not look at them.
 */
#include "lab/play.h"

#include <arpa/inet.h>
#include <lwip/inet_chksum.h>
#include <stdio.h>
#include <string.h>

#include "base/endian.h"
#include "lab/packet.h"

#define V4_ECHO_REQUEST 8 /* RFC 792, RFC 4443 */
#define V6_ECHO_REQUEST 128
#define ECHO_HEADER     8
#define HEAD_MAX        128 /* of a packet, up to where its own protocol begins */

static struct ip address_of(const ip_addr_t *ip)
{
    struct ip address;

    if (IP_IS_V4(ip))
        return ip_from_v4(ntohl(ip4_addr_get_u32(ip_2_ip4(ip))));
    memcpy(address.bytes, ip_2_ip6(ip)->addr, sizeof(address.bytes));
    return address;
}

/* The own address that speaks to the probe's other end. */
static const ip_addr_t *local_end(const struct play *play)
{
    return &play->local[ip_family(&play->remote)];
}

void play_probe_close(struct play *play)
{
    if (play->tcp) {
        tcp_arg(play->tcp, NULL);
        tcp_recv(play->tcp, NULL);
        tcp_err(play->tcp, NULL);
        /* a port that the test names is free for its next probe */
        if (play->local_port || tcp_close(play->tcp) != ERR_OK)
            tcp_abort(play->tcp);
    }
    if (play->udp)
        udp_remove(play->udp);
    if (play->raw)
        raw_remove(play->raw);
    play->tcp = NULL;
    play->udp = NULL;
    play->raw = NULL;
    play->id = 0;
}

static void tell_said(struct play *play, struct pbuf *buffer)
{
    for (struct pbuf *part = buffer; part; part = part->next)
        for (size_t done = 0; done < part->len; done += PEER_DATA)
            play_tell_probe(play, PEER_SAID, (const char *)part->payload + done,
                            MIN(part->len - done, (size_t)PEER_DATA));
}

static err_t probe_received(void *arg, struct tcp_pcb *pcb, struct pbuf *buffer, err_t err)
{
    struct play *play = arg;

    if (!buffer) /* the other end says no more; the test may */
        return ERR_OK;
    tell_said(play, buffer);
    tcp_recved(pcb, buffer->tot_len);
    pbuf_free(buffer);
    return ERR_OK;
}

static err_t probe_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct play *play = arg;

    play_tell_probe(play, PEER_ANSWERED, NULL, 0);
    if (play->message.length)
        tcp_write(pcb, play->message.data, (u16_t)play->message.length, TCP_WRITE_FLAG_COPY);
    tcp_output(pcb);
    return ERR_OK;
}

/* lwIP has freed the connection by now. */
static void probe_failed(void *arg, err_t err)
{
    struct play *play = arg;

    play->tcp = NULL;
    if (err == ERR_RST)
        play_tell_probe(play, PEER_REFUSED, &play->remote, sizeof(play->remote));
    play_probe_close(play);
}

static err_t probe_tcp(struct play *play, const ip_addr_t *to)
{
    play->tcp = tcp_new();
    if (!play->tcp)
        return ERR_MEM;
    tcp_arg(play->tcp, play);
    tcp_recv(play->tcp, probe_received);
    tcp_err(play->tcp, probe_failed);
    if (tcp_bind(play->tcp, local_end(play), play->local_port) != ERR_OK)
        return ERR_USE;
    return tcp_connect(play->tcp, to, play->remote_port, probe_connected);
}

static void probe_datagram(void *arg, struct udp_pcb *pcb, struct pbuf *buffer,
                           const ip_addr_t *address, u16_t port)
{
    struct play *play = arg;
    struct ip source = address_of(address);

    if (!buffer)
        return;
    if (ip_equal(&source, &play->remote) && port == play->remote_port) {
        play_tell_probe(play, PEER_ANSWERED, NULL, 0);
        tell_said(play, buffer);
    }
    pbuf_free(buffer);
}

static err_t probe_udp(struct play *play, const ip_addr_t *to)
{
    struct pbuf *buffer =
        pbuf_alloc(PBUF_TRANSPORT, (u16_t)MIN(play->message.length, PLAY_DATAGRAM_MAX), PBUF_RAM);
    err_t ret = ERR_MEM;

    play->udp = udp_new();
    if (buffer && play->udp) {
        udp_recv(play->udp, probe_datagram, play);
        ret = udp_bind(play->udp, local_end(play), play->local_port);
        pbuf_take(buffer, play->message.data, buffer->tot_len);
        ret = ret == ERR_OK ? udp_sendto(play->udp, buffer, to, play->remote_port) : ret;
    }
    if (buffer)
        pbuf_free(buffer);
    return ret;
}

/* Echo replies with the probe's identifier. Returns 1: it is ours, and freed. */
static u8_t probe_echoed(void *arg, struct raw_pcb *pcb, struct pbuf *buffer,
                         const ip_addr_t *address)
{
    struct play *play = arg;
    uint8_t head[HEAD_MAX];
    struct packet p;

    if (!packet_read(head, pbuf_copy_partial(buffer, head, sizeof(head), 0), true, &p) ||
        !packet_is_echo(&p, true) || !ip_equal(&p.source, &play->remote) ||
        load_be16(p.payload + 4) != (uint16_t)play->id)
        return 0;
    play_tell_probe(play, PEER_ANSWERED, NULL, 0);
    pbuf_free(buffer);
    return 1;
}

/* ICMP's checksum is lwIP's business for IPv6, where it has the addresses in it, and ours else. */
static struct raw_pcb *raw_for_ping(enum ip_family family)
{
    struct raw_pcb *raw = raw_new_ip_type(family == IP_V4 ? IPADDR_TYPE_V4 : IPADDR_TYPE_V6,
                                          family == IP_V4 ? PACKET_ICMP : PACKET_ICMPV6);

    if (raw && family == IP_V6) {
        raw->chksum_reqd = 1;
        raw->chksum_offset = 2;
    }
    return raw;
}

static void fill_echo(const struct play *play, uint8_t *echo, size_t length)
{
    bool v4 = ip_family(&play->remote) == IP_V4;

    memset(echo, 0, ECHO_HEADER);
    echo[0] = v4 ? V4_ECHO_REQUEST : V6_ECHO_REQUEST;
    store_be16(echo + 4, (uint16_t)play->id);
    store_be16(echo + 6, 1);
    memcpy(echo + ECHO_HEADER, play->message.data, length - ECHO_HEADER);
    if (v4) {
        u16_t sum = inet_chksum(echo, (u16_t)length);

        memcpy(echo + 2, &sum, sizeof(sum));
    }
}

static err_t probe_ping(struct play *play, const ip_addr_t *to)
{
    size_t length = ECHO_HEADER + MIN(play->message.length, PLAY_DATAGRAM_MAX);
    struct pbuf *buffer = pbuf_alloc(PBUF_IP, (u16_t)length, PBUF_RAM);
    err_t ret = ERR_MEM;

    play->raw = raw_for_ping(ip_family(&play->remote));
    if (buffer && play->raw) {
        fill_echo(play, buffer->payload, length); /* of RAM, it is in one piece */
        raw_recv(play->raw, probe_echoed, play);
        raw_bind(play->raw, local_end(play));
        ret = raw_sendto(play->raw, buffer, to);
    }
    if (buffer)
        pbuf_free(buffer);
    return ret;
}

void play_probe_say(struct play *play)
{
    const struct peer_message *m = &play->message;
    const ip_addr_t to = play_remote(play, &play->remote);
    struct pbuf *buffer;

    if (play->tcp) {
        tcp_write(play->tcp, m->data, (u16_t)m->length, TCP_WRITE_FLAG_COPY);
        tcp_output(play->tcp);
        return;
    }
    buffer = play->udp
                 ? pbuf_alloc(PBUF_TRANSPORT, (u16_t)MIN(m->length, PLAY_DATAGRAM_MAX), PBUF_RAM)
                 : NULL;
    if (!buffer)
        return;
    pbuf_take(buffer, m->data, buffer->tot_len);
    udp_sendto(play->udp, buffer, &to, play->remote_port);
    pbuf_free(buffer);
}

static void fail_probe(struct play *play, const char *why)
{
    play_tell_probe(play, PEER_FAILED, why, strlen(why));
    play_probe_close(play);
}

void play_probe_begin(struct play *play)
{
    const struct peer_message *m = &play->message;
    const ip_addr_t to = play_remote(play, &m->remote);
    err_t ret;

    play_probe_close(play);
    play->id = m->id;
    play->protocol = m->protocol;
    play->remote = m->remote;
    play->remote_port = m->remote_port;
    play->local_port = m->local_port;
    if (play_is_own(play, &m->remote)) {
        fail_probe(play, "that is its own address, and what it sends goes to others");
        return;
    }
    ret = play->protocol == PEER_TCP   ? probe_tcp(play, &to)
          : play->protocol == PEER_UDP ? probe_udp(play, &to)
                                       : probe_ping(play, &to);
    if (ret != ERR_OK) {
        char why[64];

        snprintf(why, sizeof(why), "lwIP cannot send (%d): no route, or the port is taken", ret);
        fail_probe(play, why);
    }
}
