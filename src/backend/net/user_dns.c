/* SPDX-License-Identifier: ISC */
/* Network address translation for one address. Checksums are updated as RFC 1624 says. */
#include "backend/net/user_dns.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "backend/net/private.h"
#include "base/endian.h"

#define ETHERTYPE_IPV4 0x0800
#define PROTOCOL_TCP   6
#define PROTOCOL_UDP   17
#define PORT_DNS       53

#define IPV4_FRAGMENT 6
#define IPV4_PROTOCOL 9
#define IPV4_CHECKSUM 10
#define IPV4_FROM     12
#define IPV4_TO       16
#define IPV4_HEADER   20
#define IPV4_LATER    0x1fff /* fragment offset: not the first fragment */
#define UDP_CHECKSUM  6
#define TCP_CHECKSUM  16

/* A packet with ports, taken apart; `ports` is NULL when it is none. */
struct view {
    uint8_t *packet, *ports, *checksum;
    unsigned tcp; /* index into user_dns.ports */
};

uint32_t user_dns_server(const char *path)
{
    char line[256], text[64];
    struct in_addr address;
    uint32_t server = 0;
    FILE *file = fopen(path, "re");

    if (!file)
        return 0;
    while (!server && fgets(line, sizeof(line), file))
        if (sscanf(line, " nameserver %63s", text) == 1 && inet_pton(AF_INET, text, &address) == 1)
            server = ntohl(address.s_addr);
    fclose(file);
    return server;
}

static struct view look(uint8_t *frame, size_t length)
{
    struct view view = {.packet = frame + NET_HEADER};
    size_t header, checksum;

    if (length < NET_HEADER + IPV4_HEADER || load_be16(frame + 12) != ETHERTYPE_IPV4)
        return view;
    length -= NET_HEADER;
    header = (view.packet[0] & 0xf) * 4u;
    view.tcp = view.packet[IPV4_PROTOCOL] == PROTOCOL_TCP;
    checksum = view.tcp ? TCP_CHECKSUM : UDP_CHECKSUM;
    if ((!view.tcp && view.packet[IPV4_PROTOCOL] != PROTOCOL_UDP) || header < IPV4_HEADER ||
        length < header + checksum + 2 || (load_be16(view.packet + IPV4_FRAGMENT) & IPV4_LATER))
        return view;
    view.ports = view.packet + header;
    view.checksum = view.ports + checksum;
    return view;
}

static void adjust(uint8_t *checksum, uint32_t from, uint32_t to)
{
    uint32_t sum = (uint16_t)~load_be16(checksum);

    sum += (~from >> 16) + (~from & 0xffff) + (to >> 16) + (to & 0xffff);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    store_be16(checksum, (uint16_t)~sum);
}

/* Gives the address at `at` another value. A UDP checksum of 0 says that there is none. */
static void readdress(const struct view *view, unsigned at, uint32_t to)
{
    uint32_t from = load_be32(view->packet + at);

    adjust(view->packet + IPV4_CHECKSUM, from, to);
    if (view->tcp || load_be16(view->checksum))
        adjust(view->checksum, from, to);
    store_be32(view->packet + at, to);
}

void user_dns_out(struct user_dns *dns, uint8_t *frame, size_t length)
{
    struct view view = look(frame, length);
    uint16_t port;
    uint32_t to;

    if (!view.ports || !dns->server || load_be16(view.ports + 2) != PORT_DNS)
        return;
    port = load_be16(view.ports);
    to = load_be32(view.packet + IPV4_TO);
    if (to == USER_DNS) {
        dns->ports[view.tcp][port / 8] |= (uint8_t)BIT(port % 8);
        readdress(&view, IPV4_TO, dns->server);
    } else if (to == dns->server) {
        dns->ports[view.tcp][port / 8] &= (uint8_t)~BIT(port % 8);
    }
}

void user_dns_in(const struct user_dns *dns, uint8_t *frame, size_t length)
{
    struct view view = look(frame, length);
    uint16_t port;

    if (!view.ports || !dns->server || load_be16(view.ports) != PORT_DNS ||
        load_be32(view.packet + IPV4_FROM) != dns->server)
        return;
    port = load_be16(view.ports + 2);
    if (dns->ports[view.tcp][port / 8] & BIT(port % 8))
        readdress(&view, IPV4_FROM, USER_DNS);
}
