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
#include <lwip/timeouts.h>
#include <netif/ethernet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/endian.h"
#include "host/confine.h"
#include "host/entropy.h"
#include "lab/packet.h"
#include "lab/play.h"
#include "switch/client.h"

/* The wire's headers: IEEE 802.3, RFC 9293. */
#define ETHER_HEADER 14
#define ETHER_MAX    (ETHER_HEADER + 4)
#define TYPE_IPV4    0x0800
#define TYPE_IPV6    0x86dd
#define TCP_SYN_ACK  0x12
#define TCP_SYN_ONLY 0x02
#define ECHO_HEADER  8
#define BATCH        64
#define SEEN_MAX     1024u /* bytes told of what is seen: they fit where poll says that some do */

/* --- addresses --- */

ip_addr_t play_address(const struct ip *address)
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
ip_addr_t play_remote(const struct play *play, const struct ip *address)
{
    ip_addr_t ip = play_address(address);

    if (IP_IS_V6_VAL(ip))
        ip6_addr_assign_zone(ip_2_ip6(&ip), IP6_UNICAST, &play->netif);
    return ip;
}

static bool is_mine(const struct play *play, const struct ip *address)
{
    const struct ip *mine = &play->config->networks[ip_family(address)].address;

    return !ip_is_none(mine) && ip_equal(mine, address);
}

bool play_is_own(const struct play *play, const struct ip *address)
{
    static const uint8_t loopback[16] = {[15] = 1};
    bool own = is_mine(play, address);

    if (ip_family(address) == IP_V4)
        return own || ip_v4(address) >> 24 == 127;
    for (size_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++)
        own = own || (!ip6_addr_isinvalid(netif_ip6_addr_state(&play->netif, i)) &&
                      memcmp(netif_ip6_addr(&play->netif, i)->addr, address->bytes, 16) == 0);
    return own || memcmp(loopback, address->bytes, 16) == 0;
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

void play_tell_probe(struct play *play, enum peer_message_kind kind, const void *data,
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
    tell(play, PEER_SEEN, p->payload + data, MIN(p->length - data, SEEN_MAX));
}

/* What tells the probe from an earlier one to the same place: its own port, or its number. */
static bool is_this_probe(const struct play *play, const struct packet *p)
{
    if (play->protocol == PEER_PING)
        return load_be16(p->payload + 4) == (uint16_t)play->id;
    return load_be16(p->payload + 2) == play->remote_port &&
           ((play->tcp && load_be16(p->payload) == play->tcp->local_port) ||
            (play->udp && load_be16(p->payload) == play->udp->local_port));
}

/* Whether an ICMP error is about the probe: the first bytes of what was sent are in it. */
static bool is_about_probe(const struct play *play, const struct packet *p)
{
    static const uint8_t protocols[IP_FAMILIES][3] = {
        [IP_V4] = {[PEER_TCP] = PACKET_TCP, [PEER_UDP] = PACKET_UDP, [PEER_PING] = PACKET_ICMP},
        [IP_V6] = {[PEER_TCP] = PACKET_TCP, [PEER_UDP] = PACKET_UDP, [PEER_PING] = PACKET_ICMPV6}};

    return play->id && p->length >= 8 && ip_equal(&p->destination, &play->remote) &&
           p->protocol == protocols[ip_family(&play->remote)][play->protocol] &&
           is_this_probe(play, p);
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
    play_tell_probe(play, PEER_REFUSED, &p->source, sizeof(p->source));
    play_probe_close(play);
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

/* Whether a frame says that the peer itself sent it, which no other may (RFC 1122 3.2.1.3, RFC 4291
 * 2.5.3). What lwIP answers to its own address goes through its thread, which is not there. */
static bool is_forged(const struct play *play, const uint8_t *frame, size_t length)
{
    const uint8_t *packet = frame + ETHER_HEADER;
    struct ip source;

    if (length >= ETHER_HEADER + 20 && load_be16(frame + 12) == TYPE_IPV4) {
        source = ip_from_v4(load_be32(packet + 12));
        return play_is_own(play, &source);
    }
    if (length >= ETHER_HEADER + 40 && load_be16(frame + 12) == TYPE_IPV6) {
        memcpy(source.bytes, packet + 8, sizeof(source.bytes));
        return play_is_own(play, &source);
    }
    return false;
}

static void take_frame(struct play *play, const void *frame, size_t length)
{
    struct pbuf *buffer;

    if (length > ETHER_MAX + 65535 || is_forged(play, frame, length))
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
    gateway = play_remote(play, &network->gateway);
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

/* --- the loop --- */

static void carry_out(struct play *play)
{
    struct peer_message *m = &play->message;
    struct iovec iov = {m->data, MIN(m->length, sizeof(m->data))};

    m->length = (uint32_t)iov.iov_len;
    if (m->kind == PEER_PROBE && m->id) {
        play_probe_begin(play);
    } else if (m->kind == PEER_TELL && m->id == play->id) {
        play_probe_say(play);
    } else if (m->kind == PEER_END && m->id == play->id) {
        play_probe_close(play);
    } else if (m->kind == PEER_FRAME && m->length >= ETHER_HEADER) {
        switch_port_send(play->port, NULL, &iov, 1);
        switch_port_flush(play->port);
    }
}

static void hang_up(struct play *play)
{
    play_probe_close(play);
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
        play->local[i] = play_address(&play->config->networks[i].address);
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
    return play_listen(play);
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
