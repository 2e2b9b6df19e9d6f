/* SPDX-License-Identifier: ISC */
/*
 * The peer's own process: lwIP between a port of the switch and the messages of peer.h.
 *
 * lwIP runs without its thread: everything is called from one loop, by its raw interface. What
 * asks for an answer is seen where frames come in, before lwIP decides anything: a test wants to
 * know of a SYN to a closed port too. ICMP errors are looked at there as well, since lwIP's TCP
 * does not.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <lwip/etharp.h>
#include <lwip/ethip6.h>
#include <lwip/init.h>
#include <lwip/inet_chksum.h>
#include <lwip/ip.h>
#include <lwip/raw.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>
#include <lwip/udp.h>
#include <netif/ethernet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/endian.h"
#include "host/confine.h"
#include "host/entropy.h"
#include "lab/packet.h"
#include "lab/peer.h"
#include "switch/client.h"

/* The wire's headers: IEEE 802.3, RFC 792, 768, 9293, 4443. */
#define ETHER_HEADER    14
#define ETHER_MAX       (ETHER_HEADER + 4)
#define TYPE_IPV4       0x0800
#define TYPE_IPV6       0x86dd
#define TCP_SYN_ACK     0x12
#define TCP_SYN_ONLY    0x02
#define V4_ECHO_REQUEST 8
#define V6_ECHO_REQUEST 128
#define ECHO_HEADER     8
#define DATAGRAM_MAX    65000u /* bytes that fit with every header in what lwIP counts */
#define HEAD_MAX        128    /* of a packet, up to where its own protocol begins */
#define BATCH           64
#define CONNECTIONS     256 /* to listeners, at once */

/* Where messages come from: the one who keeps the lab, or a test that it lent the peer to. */
struct line {
    int fd;        /* -1: there is none */
    size_t length; /* of what has come of a message */
    struct peer_message message;
};

struct play {
    const struct peer_config *config;
    struct line keeper, test;
    struct switch_port *port;
    struct netif netif;
    ip_addr_t local[IP_FAMILIES];
    bool over;
    unsigned connections;

    /* the probe that is under way */
    uint32_t id; /* 0: none */
    enum peer_protocol protocol;
    struct ip remote;
    uint16_t remote_port, local_port;
    struct tcp_pcb *tcp;
    struct udp_pcb *udp;
    struct raw_pcb *raw;

    struct peer_message message, reply; /* the last that came, and the next that goes */
};

struct connection {
    struct play *play;
    const struct peer_listener *listener;
};

static void close_probe(struct play *play);

/* --- addresses --- */

static ip_addr_t lwip_address(const struct ip *address)
{
    ip_addr_t ip = {.type = IPADDR_TYPE_V4};

    if (ip_family(address) == IP_V4) {
        ip_addr_set_ip4_u32_val(ip, htonl(ip_v4(address)));
        return ip;
    }
    ip.type = IPADDR_TYPE_V6;
    memcpy(ip_2_ip6(&ip)->addr, address->bytes, sizeof(address->bytes));
    return ip;
}

/* One that is reached on the wire is of the wire's interface, which lwIP wants said. */
static ip_addr_t lwip_remote(const struct play *play, const struct ip *address)
{
    ip_addr_t ip = lwip_address(address);

    if (IP_IS_V6_VAL(ip))
        ip6_addr_assign_zone(ip_2_ip6(&ip), IP6_UNICAST, &play->netif);
    return ip;
}

static struct ip address_of(const ip_addr_t *ip)
{
    struct ip address;

    if (IP_IS_V4(ip))
        return ip_from_v4(ntohl(ip4_addr_get_u32(ip_2_ip4(ip))));
    memcpy(address.bytes, ip_2_ip6(ip)->addr, sizeof(address.bytes));
    return address;
}

static bool is_mine(const struct play *play, const struct ip *address)
{
    return ip_equal(&play->config->networks[ip_family(address)].address, address);
}

/* The own address that speaks to the probe's other end. */
static const ip_addr_t *local_end(const struct play *play)
{
    return &play->local[ip_family(&play->remote)];
}

/* --- messages --- */

/* Who is told. */
static int listener_of(const struct play *play)
{
    return play->test.fd >= 0 ? play->test.fd : play->keeper.fd;
}

/* Whether the other end reads. What is only seen is not told to one who does not: a lab that is up
 * has nobody who looks. */
static bool is_heard(const struct play *play)
{
    struct pollfd fd = {.fd = listener_of(play), .events = POLLOUT};

    return poll(&fd, 1, 0) == 1 && !(fd.revents & (POLLERR | POLLHUP));
}

static void tell(struct play *play, enum peer_message_kind kind, const void *data, size_t length)
{
    struct peer_message *m = &play->reply;
    ssize_t whole;

    m->kind = (uint16_t)kind;
    m->length = (uint32_t)MIN(length, sizeof(m->data));
    if (m->length)
        memcpy(m->data, data, m->length);
    whole = (ssize_t)(PEER_HEAD + m->length);
    /* a test that has gone is noticed where its line is read */
    if (send(listener_of(play), m, (size_t)whole, MSG_NOSIGNAL) != whole && play->test.fd < 0)
        play->over = true;
    memset(m, 0, PEER_HEAD);
}

static void tell_probe(struct play *play, enum peer_message_kind kind, const void *data,
                       size_t length)
{
    play->reply.id = play->id;
    play->reply.protocol = (uint16_t)play->protocol;
    play->reply.local = play->config->networks[ip_family(&play->remote)].address;
    play->reply.remote = play->remote;
    play->reply.remote_port = play->remote_port;
    tell(play, kind, data, length);
}

/* --- what comes in --- */

static void tell_seen(struct play *play, const struct packet *p, enum peer_protocol protocol,
                      size_t data)
{
    bool ports = protocol != PEER_PING;

    if (!is_heard(play))
        return;
    play->reply.protocol = (uint16_t)protocol;
    play->reply.local = p->destination;
    play->reply.remote = p->source;
    play->reply.remote_port = ports ? load_be16(p->payload) : 0;
    play->reply.local_port = ports ? load_be16(p->payload + 2) : 0;
    tell(play, PEER_SEEN, p->payload + data, p->length - data);
}

/* Whether an ICMP error is about the probe: the first bytes of what was sent are in it. */
static bool is_about_probe(const struct play *play, const struct packet *p)
{
    static const uint8_t protocols[IP_FAMILIES][3] = {
        [IP_V4] = {[PEER_TCP] = PACKET_TCP, [PEER_UDP] = PACKET_UDP, [PEER_PING] = PACKET_ICMP},
        [IP_V6] = {[PEER_TCP] = PACKET_TCP, [PEER_UDP] = PACKET_UDP, [PEER_PING] = PACKET_ICMPV6}};

    return play->id && p->length >= 8 && ip_equal(&p->destination, &play->remote) &&
           p->protocol == protocols[ip_family(&play->remote)][play->protocol] &&
           (play->protocol == PEER_PING || load_be16(p->payload + 2) == play->remote_port);
}

static void take_icmp(struct play *play, const struct packet *p)
{
    struct packet about;
    uint16_t type;

    if (packet_is_echo(p, false))
        tell_seen(play, p, PEER_PING, ECHO_HEADER);
    if (!packet_is_error(p, &type, &about) || !is_about_probe(play, &about))
        return;
    play->reply.local_port = type;
    tell_probe(play, PEER_REFUSED, NULL, 0);
    close_probe(play);
}

static bool is_ip(const uint8_t *frame)
{
    return load_be16(frame + 12) == TYPE_IPV4 || load_be16(frame + 12) == TYPE_IPV6;
}

static void look_at(struct play *play, const uint8_t *frame, size_t length)
{
    struct packet p;

    if (length < ETHER_HEADER || !is_ip(frame) ||
        !packet_read(frame + ETHER_HEADER, length - ETHER_HEADER, false, &p) ||
        !is_mine(play, &p.destination))
        return;
    if (p.protocol == PACKET_TCP && p.length >= 20 && (p.payload[13] & TCP_SYN_ACK) == TCP_SYN_ONLY)
        tell_seen(play, &p, PEER_TCP, p.length);
    else if (p.protocol == PACKET_UDP && p.length >= 8 &&
             !(play->udp && load_be16(p.payload + 2) == play->udp->local_port))
        tell_seen(play, &p, PEER_UDP, 8);
    else
        take_icmp(play, &p);
}

static void take_frame(struct play *play, const void *frame, size_t length)
{
    struct pbuf *buffer;

    if (length > ETHER_MAX + 65535)
        return;
    look_at(play, frame, length);
    buffer = pbuf_alloc(PBUF_RAW, (u16_t)MIN(length, 65535u), PBUF_RAM);
    if (!buffer)
        return;
    pbuf_take(buffer, frame, buffer->tot_len);
    if (play->netif.input(buffer, &play->netif) != ERR_OK)
        pbuf_free(buffer);
}

/* --- what goes out --- */

static err_t send_frame(struct netif *netif, struct pbuf *buffer)
{
    struct play *play = netif->state;
    struct iovec iov[16];
    int count = 0;

    for (struct pbuf *part = buffer; part; part = part->next) {
        if (count == (int)nitems(iov))
            return ERR_BUF;
        iov[count++] = (struct iovec){part->payload, part->len};
    }
    if (switch_port_send(play->port, NULL, iov, count))
        return ERR_BUF;
    switch_port_flush(play->port);
    return ERR_OK;
}

/* lwIP learns of IPv6's routers from themselves alone; a gateway that was given is a next hop like
 * any other on the wire. */
static err_t send_ip6(struct netif *netif, struct pbuf *buffer, const ip6_addr_t *to)
{
    const struct play *play = netif->state;
    const struct peer_network *network = &play->config->networks[IP_V6];
    struct ip address;
    ip_addr_t gateway;

    memcpy(address.bytes, to->addr, sizeof(address.bytes));
    if (ip_is_none(&network->gateway) || ip_is_multicast(&address) || ip_is_link_local(&address) ||
        ip_same_network(&address, &network->address, network->prefix))
        return ethip6_output(netif, buffer, to);
    gateway = lwip_remote(play, &network->gateway);
    return ethip6_output(netif, buffer, ip_2_ip6(&gateway));
}

static bool has_ip6(const struct play *play)
{
    return !ip_is_none(&play->config->networks[IP_V6].address);
}

static err_t init_netif(struct netif *netif)
{
    struct play *play = netif->state;

    netif->name[0] = 'p';
    netif->name[1] = 'r';
    netif->output = etharp_output;
    netif->linkoutput = send_frame;
    netif->mtu = (u16_t)(play->config->mtu ? play->config->mtu : 1500);
    netif->hwaddr_len = 6;
    memcpy(netif->hwaddr, play->config->mac, 6);
    netif->flags =
        NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    if (has_ip6(play)) {
        netif->flags |= NETIF_FLAG_MLD6;
        netif->output_ip6 = send_ip6;
    }
    return ERR_OK;
}

/* --- services --- */

static err_t drop_connection(struct connection *c, struct tcp_pcb *pcb)
{
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_err(pcb, NULL);
    c->play->connections--;
    free(c);
    if (tcp_close(pcb) == ERR_OK)
        return ERR_OK;
    tcp_abort(pcb);
    return ERR_ABRT;
}

static err_t service_received(void *arg, struct tcp_pcb *pcb, struct pbuf *buffer, err_t err)
{
    struct connection *c = arg;

    if (!buffer)
        return drop_connection(c, pcb);
    if (c->listener->service == PEER_ECHO)
        for (struct pbuf *part = buffer; part; part = part->next)
            tcp_write(pcb, part->payload, (u16_t)MIN(part->len, tcp_sndbuf(pcb)),
                      TCP_WRITE_FLAG_COPY);
    tcp_output(pcb);
    tcp_recved(pcb, buffer->tot_len);
    pbuf_free(buffer);
    return ERR_OK;
}

static void service_failed(void *arg, err_t err)
{
    struct connection *c = arg;

    if (!c)
        return;
    c->play->connections--;
    free(c);
}

struct service {
    struct play *play;
    const struct peer_listener *listener;
};

static err_t service_accepted(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct service *service = arg;
    struct connection *c;

    if (err != ERR_OK || !pcb || service->play->connections == CONNECTIONS)
        return ERR_VAL;
    c = malloc(sizeof(*c));
    if (!c)
        return ERR_MEM;
    *c = (struct connection){service->play, service->listener};
    service->play->connections++;
    tcp_arg(pcb, c);
    tcp_recv(pcb, service_received);
    tcp_err(pcb, service_failed);
    if (c->listener->service == PEER_SAY) {
        tcp_write(pcb, c->listener->text, (u16_t)MIN(strlen(c->listener->text), 1024u),
                  TCP_WRITE_FLAG_COPY);
        tcp_output(pcb);
    }
    return ERR_OK;
}

static void datagram_received(void *arg, struct udp_pcb *pcb, struct pbuf *buffer,
                              const ip_addr_t *address, u16_t port)
{
    const struct service *service = arg;
    const struct peer_listener *listener = service->listener;

    if (!buffer)
        return;
    if (listener->service == PEER_SAY) {
        struct pbuf *answer =
            pbuf_alloc(PBUF_TRANSPORT, (u16_t)MIN(strlen(listener->text), 1024u), PBUF_RAM);

        if (answer) {
            pbuf_take(answer, listener->text, answer->tot_len);
            udp_sendto(pcb, answer, address, port);
            pbuf_free(answer);
        }
    } else if (listener->service == PEER_ECHO) {
        udp_sendto(pcb, buffer, address, port);
    }
    pbuf_free(buffer);
}

/* What listens does so for as long as the process is. */
static bool listen_all(struct play *play)
{
    for (size_t i = 0; i < play->config->listener_count; i++) {
        const struct peer_listener *l = &play->config->listeners[i];
        struct service *service = malloc(sizeof(*service));
        struct udp_pcb *udp = service && l->udp ? udp_new_ip_type(IPADDR_TYPE_ANY) : NULL;
        struct tcp_pcb *tcp = service && !l->udp ? tcp_new_ip_type(IPADDR_TYPE_ANY) : NULL;

        if (!udp && !tcp) {
            free(service);
            return false;
        }
        *service = (struct service){play, l};
        if (udp) {
            udp_recv(udp, datagram_received, service);
            udp_bind(udp, IP_ANY_TYPE, l->port);
            continue;
        }
        tcp_bind(tcp, IP_ANY_TYPE, l->port);
        tcp = tcp_listen(tcp);
        if (!tcp)
            return false;
        tcp_arg(tcp, service);
        tcp_accept(tcp, service_accepted);
    }
    return true;
}

/* --- probes --- */

static void close_probe(struct play *play)
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
            tell_probe(play, PEER_SAID, (const char *)part->payload + done,
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

    tell_probe(play, PEER_ANSWERED, NULL, 0);
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
        tell_probe(play, PEER_REFUSED, NULL, 0);
    close_probe(play);
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
        tell_probe(play, PEER_ANSWERED, NULL, 0);
        tell_said(play, buffer);
    }
    pbuf_free(buffer);
}

static err_t probe_udp(struct play *play, const ip_addr_t *to)
{
    struct pbuf *buffer =
        pbuf_alloc(PBUF_TRANSPORT, (u16_t)MIN(play->message.length, DATAGRAM_MAX), PBUF_RAM);
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
    tell_probe(play, PEER_ANSWERED, NULL, 0);
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
    size_t length = ECHO_HEADER + MIN(play->message.length, DATAGRAM_MAX);
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

/* What else the test has to say. */
static void say_more(struct play *play)
{
    const struct peer_message *m = &play->message;
    const ip_addr_t to = lwip_remote(play, &play->remote);
    struct pbuf *buffer;

    if (play->tcp) {
        tcp_write(play->tcp, m->data, (u16_t)m->length, TCP_WRITE_FLAG_COPY);
        tcp_output(play->tcp);
        return;
    }
    buffer = play->udp ? pbuf_alloc(PBUF_TRANSPORT, (u16_t)MIN(m->length, DATAGRAM_MAX), PBUF_RAM)
                       : NULL;
    if (!buffer)
        return;
    pbuf_take(buffer, m->data, buffer->tot_len);
    udp_sendto(play->udp, buffer, &to, play->remote_port);
    pbuf_free(buffer);
}

static void begin_probe(struct play *play)
{
    const struct peer_message *m = &play->message;
    const ip_addr_t to = lwip_remote(play, &m->remote);
    err_t ret;

    close_probe(play);
    play->id = m->id;
    play->protocol = m->protocol;
    play->remote = m->remote;
    play->remote_port = m->remote_port;
    play->local_port = m->local_port;
    ret = play->protocol == PEER_TCP   ? probe_tcp(play, &to)
          : play->protocol == PEER_UDP ? probe_udp(play, &to)
                                       : probe_ping(play, &to);
    if (ret != ERR_OK) {
        char why[64];

        snprintf(why, sizeof(why), "lwIP cannot send (%d): no route, or the port is taken", ret);
        tell_probe(play, PEER_FAILED, why, strlen(why));
        close_probe(play);
    }
}

/* --- the loop --- */

static void carry_out(struct play *play)
{
    struct peer_message *m = &play->message;
    struct iovec iov = {m->data, MIN(m->length, sizeof(m->data))};

    m->length = (uint32_t)iov.iov_len;
    if (m->kind == PEER_PROBE && m->id) {
        begin_probe(play);
    } else if (m->kind == PEER_TELL && m->id == play->id) {
        say_more(play);
    } else if (m->kind == PEER_END && m->id == play->id) {
        close_probe(play);
    } else if (m->kind == PEER_FRAME && m->length >= ETHER_HEADER) {
        switch_port_send(play->port, NULL, &iov, 1);
        switch_port_flush(play->port);
    }
}

static void hang_up(struct play *play)
{
    close_probe(play);
    if (play->test.fd >= 0)
        close(play->test.fd);
    play->test.fd = -1;
    play->test.length = 0;
}

/* Like recv, with the descriptor that may come beside the bytes, or -1. */
static ssize_t receive(int socket, void *to, size_t room, int *fd)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec iov = {to, room};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t length = recvmsg(socket, &message, MSG_DONTWAIT);
    struct cmsghdr *head = length > 0 ? CMSG_FIRSTHDR(&message) : NULL;

    *fd = -1;
    if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
        head->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(fd, CMSG_DATA(head), sizeof(*fd));
    return length;
}

/* Takes what has come by a line. Returns whether it is open. */
static bool take_messages(struct play *play, struct line *line)
{
    int fd;
    ssize_t missing = peer_message_missing(&line->message, line->length);
    ssize_t length = receive(line->fd, (char *)&line->message + line->length, (size_t)missing, &fd);

    if (fd >= 0) {
        hang_up(play);
        play->test.fd = fd;
    }
    if (length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR))
        return false;
    line->length += (size_t)MAX(length, 0);
    missing = peer_message_missing(&line->message, line->length);
    if (missing)
        return missing > 0;
    memcpy(&play->message, &line->message, line->length);
    line->length = 0;
    carry_out(play);
    return true;
}

static bool take_frames(struct play *play)
{
    const void *frame;
    size_t length;

    for (unsigned i = 0; i < BATCH; i++) {
        struct net_header header;

        length = switch_port_receive(play->port, &header, &frame);
        if (!length)
            return false;
        take_frame(play, frame, length);
        switch_port_done(play->port);
    }
    return true;
}

static void loop(struct play *play)
{
    while (!play->over) {
        struct pollfd fds[] = {{.fd = play->keeper.fd, .events = POLLIN},
                               {.fd = play->test.fd, .events = POLLIN},
                               {.fd = switch_port_descriptor(play->port), .events = POLLIN}};
        bool more;
        u32_t sleep;

        sys_check_timeouts();
        more = take_frames(play);
        sleep = sys_timeouts_sleeptime();
        poll(fds, nitems(fds), more ? 0 : (int)MIN(sleep, 1000u));
        if (fds[2].revents && !switch_port_awake(play->port))
            play->over = true;
        if (fds[1].revents && !take_messages(play, &play->test))
            hang_up(play);
        if (fds[0].revents && !take_messages(play, &play->keeper))
            play->over = true;
    }
}

static int join(struct play *play, struct error *err)
{
    const struct peer_config *c = play->config;
    struct switch_port_config port = {.name = c->name, .mtu = (uint16_t)c->mtu, .has_mac = true};
    unsigned seed = 1;
    int ret;

    memcpy(port.mac, c->mac, sizeof(port.mac));
    host_entropy(&seed, sizeof(seed));
    srand(seed); /* lwIP's port and sequence numbers */
    ret = switch_join(&play->port, c->wire, &port, err);
    if (ret)
        return ret;
    ret = host_confine(HOST_CONFINE_SWITCH, err);
    return ret == -ENOSYS ? 0 : ret;
}

/* Both of IPv6's addresses, the wire's own and the one that was given, without asking whether
 * another has them: a lab's addresses are its file's. */
static bool bring_up_ip6(struct play *play)
{
    s8_t index;

    netif_set_ip6_autoconfig_enabled(&play->netif, 0);
    netif_create_ip6_linklocal_address(&play->netif, 1);
    netif_ip6_addr_set_state(&play->netif, 0, IP6_ADDR_PREFERRED);
    if (netif_add_ip6_address(&play->netif, ip_2_ip6(&play->local[IP_V6]), &index) != ERR_OK)
        return false;
    netif_ip6_addr_set_state(&play->netif, index, IP6_ADDR_PREFERRED);
    return true;
}

static bool bring_up(struct play *play)
{
    const struct peer_network *v4 = &play->config->networks[IP_V4];
    ip4_addr_t address = {0}, gateway = {0}, mask = {0};

    for (size_t i = 0; i < IP_FAMILIES; i++)
        play->local[i] = lwip_address(&play->config->networks[i].address);
    if (!ip_is_none(&v4->address)) {
        address = *ip_2_ip4(&play->local[IP_V4]);
        mask.addr = htonl(~UINT32_C(0) << (32 - v4->prefix));
    }
    if (!ip_is_none(&v4->gateway))
        gateway.addr = htonl(ip_v4(&v4->gateway));
    lwip_init();
    if (!netif_add(&play->netif, &address, &mask, &gateway, play, init_netif, ethernet_input) ||
        (has_ip6(play) && !bring_up_ip6(play)))
        return false;
    netif_set_default(&play->netif);
    netif_set_up(&play->netif);
    play->netif.rs_count = 0; /* no router is asked for */
    return listen_all(play);
}

void peer_play(const struct peer_config *config, int socket)
{
    struct play *play = calloc(1, sizeof(*play));
    struct error err;

    if (!play)
        return;
    play->config = config;
    play->keeper.fd = socket;
    play->test.fd = -1;
    if (join(play, &err)) {
        tell(play, PEER_FAILED, err.text, strlen(err.text));
    } else if (!bring_up(play)) {
        tell(play, PEER_FAILED, "out of memory", strlen("out of memory"));
    } else {
        tell(play, PEER_UP, NULL, 0);
        loop(play);
    }
}
