/* SPDX-License-Identifier: ISC */
/*
 * The switch's process: ports, control connections and captures around the fabric. Everything runs
 * on one loop's thread; nobody who is connected can make it wait, nor make it keep more than the
 * bounds below.
 */
#ifndef SWITCH_SERVER_H
#define SWITCH_SERVER_H

#include "backend/net/capture.h"
#include "backend/net/stream.h"
#include "host/loop.h"
#include "switch/client_private.h"
#include "switch/fabric.h"

#define SERVER_CONNECTIONS 64 /* that ask; ports have their own */
#define SERVER_CAPTURES    16
#define SERVER_ANSWER_MAX  (256u << 10)         /* bytes of answers that wait for a connection */
#define SERVER_LINGER_NS   UINT64_C(1000000000) /* without anybody, before it ends */
#define FILTER_MAX         4096                 /* instructions */
#define SERVER_DEPARTED    32 /* ports that are remembered when they are no more */

/* How a port's frames come and go: the fabric's side, and how to look for more. */
struct server_port;

struct transport {
    struct fabric_port_ops ops; /* ctx is the server_port */
    const char *kind;           /* for people */
    /* Gives the fabric up to a fair part of what has come. Returns whether there is more; false
     * too when the port is over. */
    bool (*pump)(struct server_port *port, uint64_t now);
    /* Whether something has come that no descriptor has told of yet. NULL: it cannot be known. */
    bool (*waits)(const struct server_port *port);
    /* The descriptor is ready. */
    void (*ready)(struct server_port *port, unsigned events);
    /* After a turn: wakes the other side if frames were put. */
    void (*flush)(struct server_port *port);
    void (*close)(struct server_port *port);
    /* Frames that what is behind the port had no room for. NULL: it cannot be known. */
    uint64_t (*unsent)(const struct server_port *port);
    /* Says why the port is to end. NULL: there is no way to say so. */
    void (*bid_farewell)(struct server_port *port, enum port_end why);
    /* The cable is plugged in, or not. NULL: there is no way to say so. */
    void (*plug)(struct server_port *port, bool up);
};

struct server_port {
    struct server *server;
    const struct transport *transport;
    char name[SWITCH_NAME_MAX + 1];
    uint16_t mtu;
    bool uplink;
    bool ready; /* something may have come */
    bool dirty; /* something was put */
    bool over;  /* to be removed at the end of this turn, and */
    bool broke; /* because it broke the rules */
    int fd;
    struct host_watch *watch;

    struct port_words *words; /* a ring port's */
    struct ring from, to;
    struct net_stream *stream; /* a stream's */
};

struct server_connection {
    struct server *server;
    int fd;
    struct host_watch *watch;
    struct message_input input;
    char *answers; /* what the socket had no room for */
    size_t answers_length;
    bool over;
};

/* A port in a capture. */
struct captured_port {
    int interface; /* -1: has none yet */
    bool finished; /* its counts are written */
    struct net_capture_counts counts;
    uint64_t lost_before; /* the capture began */
};

struct server_capture {
    struct net_capture *file;
    struct server_connection *owner;
    unsigned id;
    int port;                       /* -1: all; FABRIC_PORTS: one that is not there */
    char name[SWITCH_NAME_MAX + 1]; /* of that one */
    void *filter;                   /* struct bpf_insn */
    struct captured_port ports[FABRIC_PORTS];
    uint64_t frames, dropped, lost;
    bool stopping;
    int failed; /* -errno: what could not be written */
};

struct server_departed {
    char name[SWITCH_NAME_MAX + 1];
    enum port_end why;
};

struct server {
    const char *name;
    uid_t owner;
    struct host_loop *loop;
    struct host_watch *listener_watch;
    int listener;
    struct host_work *turn;
    struct host_timer *timer; /* links' deadlines */
    struct host_timer *linger;
    struct fabric *fabric;
    struct server_port *ports[FABRIC_PORTS];
    struct server_connection *connections[SERVER_CONNECTIONS];
    struct server_capture *captures[SERVER_CAPTURES];
    struct server_departed departed[SERVER_DEPARTED]; /* the latest, in a circle */
    unsigned next_departed;
    unsigned first;        /* the port that the next turn begins with */
    unsigned next_capture; /* an id */
    bool kept, stopped;
    int ended[2];                         /* a pipe whose write end is closed at the end */
    uint8_t frame[NET_OFFLOAD_MAX_FRAME]; /* the private copy of the one at hand */
};

/* Serves the listening socket until nobody wants the switch any more. Confines the process. Returns
 * 0 or -errno. */
int server_run(int listener, const char *name);

/* --- server_port.c, server_ring.c --- */

extern const struct transport server_ring_transport;

/* Makes a ring port of the connection `fd`, which is taken in any case, or a port of a descriptor.
 * Returns the port's number or -errno. `memory`: the descriptor of what the other side maps. */
int server_add_ring(struct server *server, int fd, const char *name, uint16_t mtu, int *memory,
                    struct error *err);
int server_add_descriptor(struct server *server, int fd, const char *name, uint16_t mtu,
                          enum switch_framing framing, bool uplink, struct error *err);
int server_add_port(struct server *server, struct server_port *port, struct error *err);
struct server_port *server_find_port(struct server *server, const char *name, unsigned *number);
/* Frames that were lost before they came, as far as what is behind the port says so. */
uint64_t server_port_unsent(const struct server_port *port);

/* Frames that were lost at the port, by whatever, either way. */
uint64_t server_port_lost(const struct server *server, unsigned number);

void server_remove_port(struct server *server, unsigned number, enum port_end why);

/* The last port of this name that is no more; NULL: nobody remembers one. */
const struct server_departed *server_find_departed(const struct server *server, const char *name);

/* The other side broke the rules: the port ends with this turn. */
void server_port_broke(struct server_port *port);

/* A link's settings have changed: one that is down both ways is an unplugged cable. */
void server_plug_port(struct server *server, unsigned number);

/* --- server.c --- */

/* Frames move soon: when the callback that runs now has returned, at the latest. */
void server_wake(struct server *server);

/* The ports or connections have changed. */
void server_count(struct server *server);

/* Ends the process's loop. */
void server_end(struct server *server);

/* --- server_control.c --- */

void server_accept(void *server, unsigned events);
void server_hang_up(struct server_connection *connection);

/* The answer to a request: members besides "id" and "ok"; NULL: `err` says why not. */
struct server_reply {
    json_t *members;
    int fd;   /* goes with it, and is closed; -1: none */
    int port; /* the connection is that port's from now on; -1: no */
};

/* --- server_verbs.c --- */

int server_carry_out(struct server_connection *connection, json_t *request,
                     struct server_reply *reply, struct error *err);

/* --- server_capture.c --- */

int server_capture_start(struct server_connection *owner, int fd, int port, json_t *filter,
                         struct server_capture **capture, struct error *err);

/* Ends each interface with its counts. Returns 0, -EAGAIN: a pipe has no room yet, or -errno: it
 * ended before. */
int server_capture_finish(struct server *server, struct server_capture *capture);
void server_capture_end(struct server *server, struct server_capture *capture);
void server_capture_passed(void *server, unsigned port, enum fabric_direction direction,
                           const void *frame, size_t length);

/* A port has come; it may be back. */
void server_capture_welcome(struct server *server, unsigned port);

/* A port goes: its number may be another's next. */
void server_capture_forget(struct server *server, unsigned port);

#endif
