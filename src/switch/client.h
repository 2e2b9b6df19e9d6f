/* SPDX-License-Identifier: ISC */
/*
 * The client's side of Ethernet switches: processes of their own (atoll-switch(1)) that join the
 * machines of one user, and what else speaks Ethernet.
 *
 * A switch has a name, and a socket of that name in the user's runtime folder (mode 0600). There
 * are two kinds of connection to it: a control connection asks (struct switch_client), and a port
 * carries frames (struct switch_port). A switch lives as long as it has a connection, a port that
 * is no uplink, or is kept (switch_keep).
 *
 * Each handle is used by one thread at a time. All functions return 0 or -errno with one line in
 * `err`. Names of switches and ports: letters, digits, ".", "_" and "-", at most SWITCH_NAME_MAX.
 */
#ifndef SWITCH_CLIENT_H
#define SWITCH_CLIENT_H

#include <jansson.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "backend/net.h"
#include "base/bits.h"
#include "base/error.h"
#include "base/log.h"
#include "switch/link.h"

#define SWITCH_NAME_MAX 63
#define SWITCH_PORTS    64 /* at most, of one switch */

/* --- a control connection --- */

struct switch_client;

/* Connects to the switch of this name. With `start` it is started when there is none; otherwise
 * -ENOENT. The switch's process is nobody's child and ends by itself (see above). To be called
 * before the caller is confined. */
int switch_connect(struct switch_client **client, const char *name, bool start, struct error *err);
void switch_disconnect(struct switch_client *client); /* NULL is allowed */

/* The names of the switches that run, NULL-terminated; free each and the array. */
int switch_list(char ***names, struct error *err);

/* Asks a verb of atoll-switch(1)'s protocol; `arguments` is stolen (NULL: none), the answer is the
 * caller's to json_decref (`answer` may be NULL). `fd` goes with it (-1: none) and stays the
 * caller's. */
int switch_ask(struct switch_client *client, const char *verb, json_t *arguments, int fd,
               json_t **answer, struct error *err);

/* {"switch": NAME, "ports": [{"port", "kind", "mtu", "uplink", "from": {frames, bytes, dropped...},
 *  "to": {...}}, ...], ...} (atoll-switch(1)). */
int switch_status(struct switch_client *client, json_t **status, struct error *err);

/* Whether it goes on without ports and connections. */
int switch_keep(struct switch_client *client, bool keep, struct error *err);

/* Ends it: all ports see their connection end. When this has returned nothing of it is left. */
int switch_stop(struct switch_client *client, struct error *err);

/* --- links --- */

enum switch_direction {
    SWITCH_FROM, /* from what is behind the port into the switch */
    SWITCH_TO,   /* from the switch to it */
    SWITCH_BOTH,
};

/* Replaces the behaviour of a port's link. -ENOENT: there is no such port. */
int switch_link_set(struct switch_client *client, const char *port, enum switch_direction direction,
                    const struct link_settings *settings, struct error *err);

/* What is set (SWITCH_FROM or SWITCH_TO). */
int switch_link_get(struct switch_client *client, const char *port, enum switch_direction direction,
                    struct link_settings *settings, struct error *err);

/* Reads one setting as it is written in files and on command lines: "delay=50ms", "jitter=5ms",
 * "loss=1%", "rate=10M", "queue=100K", "reorder=2%", "duplicate=0.5%", "corrupt=0.1%", "seed=7",
 * "down", "up", and "clear", which is all of them at their defaults. Others stay. -EINVAL: the line
 * says what would be right. */
int switch_link_parse(const char *text, struct link_settings *settings, struct error *err);

/* --- captures --- */

/* Writes the frames of `port` (NULL: of every port) to the file `fd` (a regular file, or a pipe
 * that does not block, open for writing; stays the caller's) as pcapng, each port an interface by
 * its name. `filter` is a pcap expression (pcap-filter(7)), compiled here; NULL or "": every frame.
 * A frame is there twice in a switch's capture: where it came in, and where it went out. Ends with
 * switch_capture_stop, or with this connection. */
int switch_capture_start(struct switch_client *client, const char *port, const char *filter, int fd,
                         unsigned *id, struct error *err);

/* Whether that is a filter; nothing is asked of a switch. Returns 0 or -EINVAL, with what libpcap
 * says of it. */
int switch_filter_check(const char *filter, struct error *err);

struct switch_captured {
    uint64_t frames;  /* in the file */
    uint64_t dropped; /* that the pipe had no room for */
    uint64_t lost;    /* that never passed the ports meanwhile */
};

/* The file is whole when this has returned; `captured` may be NULL. -EAGAIN: the pipe has no room
 * for the rest; read from it and ask again. -ECANCELED: it ended before, as the line says. */
int switch_capture_stop(struct switch_client *client, unsigned id, struct switch_captured *captured,
                        struct error *err);

/* --- ports by descriptor: what speaks Ethernet already --- */

enum switch_framing {
    SWITCH_PACKETS, /* a socket that keeps messages apart: one frame each */
    SWITCH_STREAM,  /* QEMU's: each frame after its length, 4 bytes, big-endian */
    SWITCH_TAP,     /* a tap device: one frame a read and write */
};

/* Hands `fd` (stays the caller's to close) over as a port that lasts until its other end closes.
 * An uplink does not keep the switch alive. */
int switch_attach(struct switch_client *client, const char *port, enum switch_framing framing,
                  int fd, uint16_t mtu, bool uplink, struct error *err);

/* The way out: a user-mode network (10.0.2.2 is its gateway, DHCP from 10.0.2.15 on) as port
 * "uplink", in a process of its own that ends with the switch. */
int switch_uplink_user(struct switch_client *client, const struct net_user_config *config,
                       struct error *err);

/* Likewise the program at a Unix socket (net_socket_descriptor): passt, gvproxy. The port goes when
 * the program does. */
int switch_uplink_socket(struct switch_client *client, const struct net_socket_config *config,
                         struct error *err);

int switch_detach(struct switch_client *client, const char *port, struct error *err);

/* --- a port of the caller's own: a machine's card, or a scripted peer --- */

struct switch_port;

struct switch_port_config {
    const char *name;  /* NULL or "": the switch gives one ("port1", ...) */
    uint16_t mtu;      /* 0: 1500; at most 65435 */
    unsigned offloads; /* NET_OFFLOAD_* that this side takes; 0: plain frames only */
    bool has_mac;      /* then frames to `mac` come here alone from the start, and no other port can
                          claim that address */
    uint8_t mac[NET_MAC_LENGTH];
};

/* Joins the switch `name`, which is started when there is none. -EEXIST: it has a port of that
 * name. Before the caller is confined; everything below works in a confined process. */
int switch_join(struct switch_port **port, const char *name,
                const struct switch_port_config *config, struct error *err);
void switch_leave(struct switch_port *port); /* NULL is allowed */

const char *switch_port_name(const struct switch_port *port);

/* Readable (poll) when there may be frames to receive, or room to send again, or the switch is
 * gone: then call switch_port_awake. */
int switch_port_descriptor(const struct switch_port *port);

/* Takes the wake-ups out of the descriptor. False: the switch is gone. */
bool switch_port_awake(struct switch_port *port);

/* Why it is gone, as a line in `why`: because the port was taken out, because the switch was
 * stopped or its process died, or because one of both broke the rules. */
void switch_port_explain(const struct switch_port *port, struct error *why);

/* Whether the cable is plugged in: the link is not down in both directions, and the switch is
 * there. To be asked after switch_port_awake. */
bool switch_port_up(const struct switch_port *port);

/*
 * Sends a frame; `header` NULL: a plain one. Never blocks. -EAGAIN: there is no room (the
 * descriptor becomes readable when there is); -EMSGSIZE: longer than the port's MTU and 18 bytes.
 * switch_port_flush after the last of several tells the switch.
 */
int switch_port_send(struct switch_port *port, const struct net_header *header,
                     const struct iovec *iov, int count);
void switch_port_flush(struct switch_port *port);

/* Says that a frame for which there was no room is not going to be sent again: it is lost, and
 * counted at the switch. */
void switch_port_drop(struct switch_port *port);

/*
 * The next frame, where it lies (read it once, nothing else changes it; valid until
 * switch_port_done). Returns its length, 0: there is none, and the descriptor becomes readable when
 * there is. Ends with switch_port_done, which gives the room back.
 */
size_t switch_port_receive(struct switch_port *port, struct net_header *header, const void **frame);
void switch_port_done(struct switch_port *port);

/* Which offloads this side takes from now on; frames under way may still have others. */
void switch_port_accept(struct switch_port *port, unsigned offloads);

#endif
