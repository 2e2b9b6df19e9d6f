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
#include <lwip/icmp.h>
#include <lwip/init.h>
#include <lwip/inet_chksum.h>
#include <lwip/ip4.h>
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
#include "lab/peer.h"
#include "switch/client.h"

/* The wire's headers: IEEE 802.3, RFC 791, 792, 768, 9293. */
#define ETHER_HEADER  14
#define ETHER_MAX     (ETHER_HEADER + 4)
#define TYPE_IPV4     0x0800
#define IP_ICMP       1
#define IP_TCP        6
#define IP_UDP        17
#define TCP_SYN_ACK   0x12
#define TCP_SYN_ONLY  0x02
#define ECHO_REQUEST  8
#define UNREACHABLE   3
#define TIME_EXCEEDED 11
#define BATCH         64
#define CONNECTIONS   256 /* to listeners, at once */

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
    bool over;
    unsigned connections;

    /* the probe that is under way */
    uint32_t id; /* 0: none */
    enum peer_protocol protocol;
    uint32_t remote;
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

    m->kind = (uint16_t)kind;
    m->length = (uint32_t)MIN(length, sizeof(m->data));
    memset(m->data, 0, sizeof(m->data));
    if (m->length)
        memcpy(m->data, data, m->length);
    /* a test that has gone is noticed where its line is read */
    if (send(listener_of(play), m, sizeof(*m), MSG_NOSIGNAL) != sizeof(*m) && play->test.fd < 0)
        play->over = true;
    *m = (struct peer_message){.kind = 0};
}

static void tell_probe(struct play *play, enum peer_message_kind kind, const void *data,
                       size_t length)
{
    play->reply.id = play->id;
    play->reply.protocol = (uint16_t)play->protocol;
    play->reply.local = play->config->address;
    play->reply.remote = play->remote;
    play->reply.remote_port = play->remote_port;
    tell(play, kind, data, length);
}

/* --- what comes in --- */

/* An IP packet that is whole as far as its headers say. */
struct packet {
    const uint8_t *ip, *payload;
    size_t length; /* of the payload */
    uint8_t protocol;
    uint32_t source, destination;
};

static bool read_packet(const uint8_t *ip, size_t length, struct packet *p)
{
    size_t header, total;

    if (length < 20 || ip[0] >> 4 != 4)
        return false;
    header = (size_t)(ip[0] & 15) * 4;
    total = load_be16(ip + 2);
    if (header < 20 || header > total || total > length || (load_be16(ip + 6) & 0x1fff))
        return false;
    *p = (struct packet){.ip = ip,
                         .payload = ip + header,
                         .length = total - header,
                         .protocol = ip[9],
                         .source = load_be32(ip + 12),
                         .destination = load_be32(ip + 16)};
    return true;
}

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

/* The packet that an ICMP error is about: the first bytes of one that was sent. */
static bool is_about_probe(const struct play *play, const uint8_t *ip, size_t length)
{
    static const uint8_t protocols[] = {
        [PEER_TCP] = IP_TCP, [PEER_UDP] = IP_UDP, [PEER_PING] = IP_ICMP};
    size_t header;

    if (!play->id || length < 28)
        return false;
    header = (size_t)(ip[0] & 15) * 4;
    return header >= 20 && header + 8 <= length && ip[9] == protocols[play->protocol] &&
           load_be32(ip + 16) == play->remote &&
           (play->protocol == PEER_PING || load_be16(ip + header + 2) == play->remote_port);
}

static void take_icmp(struct play *play, const struct packet *p)
{
    if (p->length >= 8 && p->payload[0] == ECHO_REQUEST)
        tell_seen(play, p, PEER_PING, 8);
    if (p->length < 8 || (p->payload[0] != UNREACHABLE && p->payload[0] != TIME_EXCEEDED) ||
        !is_about_probe(play, p->payload + 8, p->length - 8))
        return;
    play->reply.local_port = (uint16_t)(p->payload[0] << 8 | p->payload[1]);
    tell_probe(play, PEER_REFUSED, NULL, 0);
    close_probe(play);
}

static void look_at(struct play *play, const uint8_t *frame, size_t length)
{
    struct packet p;

    if (length < ETHER_HEADER || load_be16(frame + 12) != TYPE_IPV4 ||
        !read_packet(frame + ETHER_HEADER, length - ETHER_HEADER, &p) ||
        p.destination != play->config->address)
        return;
    if (p.protocol == IP_TCP && p.length >= 20 && (p.payload[13] & TCP_SYN_ACK) == TCP_SYN_ONLY)
        tell_seen(play, &p, PEER_TCP, p.length);
    else if (p.protocol == IP_UDP && p.length >= 8 &&
             !(play->udp && load_be16(p.payload + 2) == play->udp->local_port))
        tell_seen(play, &p, PEER_UDP, 8);
    else if (p.protocol == IP_ICMP)
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
        struct udp_pcb *udp = service && l->udp ? udp_new() : NULL;
        struct tcp_pcb *tcp = service && !l->udp ? tcp_new() : NULL;

        if (!udp && !tcp) {
            free(service);
            return false;
        }
        *service = (struct service){play, l};
        if (udp) {
            udp_recv(udp, datagram_received, service);
            udp_bind(udp, &play->netif.ip_addr, l->port);
            continue;
        }
        tcp_bind(tcp, &play->netif.ip_addr, l->port);
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
    if (play->local_port && tcp_bind(play->tcp, &play->netif.ip_addr, play->local_port) != ERR_OK)
        return ERR_USE;
    return tcp_connect(play->tcp, to, play->remote_port, probe_connected);
}

static void probe_datagram(void *arg, struct udp_pcb *pcb, struct pbuf *buffer,
                           const ip_addr_t *address, u16_t port)
{
    struct play *play = arg;

    if (!buffer)
        return;
    if (ip4_addr_get_u32(ip_2_ip4(address)) == htonl(play->remote) && port == play->remote_port) {
        tell_probe(play, PEER_ANSWERED, NULL, 0);
        tell_said(play, buffer);
    }
    pbuf_free(buffer);
}

static err_t probe_udp(struct play *play, const ip_addr_t *to)
{
    struct pbuf *buffer =
        pbuf_alloc(PBUF_TRANSPORT, (u16_t)MIN(play->message.length, 1400u), PBUF_RAM);
    err_t ret = ERR_MEM;

    play->udp = udp_new();
    if (buffer && play->udp) {
        udp_recv(play->udp, probe_datagram, play);
        ret = udp_bind(play->udp, &play->netif.ip_addr, play->local_port);
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
    uint8_t head[64];
    u16_t length = pbuf_copy_partial(buffer, head, sizeof(head), 0);

    /* the packet may be longer than what is looked at */
    if (length < 28 || (head[0] & 15) != 5 || load_be32(head + 12) != play->remote ||
        head[20] != 0 || load_be16(head + 24) != (uint16_t)play->id)
        return 0;
    tell_probe(play, PEER_ANSWERED, NULL, 0);
    pbuf_free(buffer);
    return 1;
}

static err_t probe_ping(struct play *play, const ip_addr_t *to)
{
    uint8_t echo[8 + 24] = {ECHO_REQUEST};
    struct pbuf *buffer = pbuf_alloc(PBUF_IP, sizeof(echo), PBUF_RAM);
    err_t ret = ERR_MEM;

    store_be16(echo + 4, (uint16_t)play->id);
    store_be16(echo + 6, 1);
    memcpy(echo + 8, "atoll atoll atoll atoll ", 24);
    play->raw = raw_new(IP_ICMP);
    if (buffer && play->raw) {
        u16_t sum = inet_chksum(echo, sizeof(echo));

        memcpy(echo + 2, &sum, sizeof(sum));
        raw_recv(play->raw, probe_echoed, play);
        raw_bind(play->raw, &play->netif.ip_addr);
        pbuf_take(buffer, echo, sizeof(echo));
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
    const ip_addr_t to = IPADDR4_INIT(htonl(play->remote));
    struct pbuf *buffer;

    if (play->tcp) {
        tcp_write(play->tcp, m->data, (u16_t)m->length, TCP_WRITE_FLAG_COPY);
        tcp_output(play->tcp);
        return;
    }
    buffer = play->udp ? pbuf_alloc(PBUF_TRANSPORT, (u16_t)MIN(m->length, 1400u), PBUF_RAM) : NULL;
    if (!buffer)
        return;
    pbuf_take(buffer, m->data, buffer->tot_len);
    udp_sendto(play->udp, buffer, &to, play->remote_port);
    pbuf_free(buffer);
}

static void begin_probe(struct play *play)
{
    const struct peer_message *m = &play->message;
    const ip_addr_t to = IPADDR4_INIT(htonl(m->remote));
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
    ssize_t length = receive(line->fd, (char *)&line->message + line->length,
                             sizeof(line->message) - line->length, &fd);

    if (fd >= 0) {
        hang_up(play);
        play->test.fd = fd;
    }
    if (length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR))
        return false;
    line->length += (size_t)MAX(length, 0);
    if (line->length < sizeof(line->message))
        return true;
    line->length = 0;
    play->message = line->message;
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

static bool bring_up(struct play *play)
{
    const struct peer_config *c = play->config;
    ip4_addr_t address = {htonl(c->address)}, gateway = {htonl(c->gateway)},
               mask = {htonl(~UINT32_C(0) << (32 - c->prefix))};

    lwip_init();
    if (!netif_add(&play->netif, &address, &mask, &gateway, play, init_netif, ethernet_input))
        return false;
    netif_set_default(&play->netif);
    netif_set_up(&play->netif);
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
