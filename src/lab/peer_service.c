/* SPDX-License-Identifier: ISC */
/* What a peer listens with: TCP and UDP that echo, discard, or say something. */
#include "lab/play.h"

#include <stdlib.h>
#include <string.h>

#define CONNECTIONS 256 /* at once */

struct connection {
    struct play *play;
    const struct peer_listener *listener;
};

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

bool play_listen(struct play *play)
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
