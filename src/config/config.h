/* SPDX-License-Identifier: ISC */
/*
 * The configuration language of labs (atoll.conf(5)): text to plain data. Nothing here knows what a
 * machine is; names are resolved and values read, and every one keeps its place in the text.
 *
 * Reading never stops at the first error: all are reported, each with its place and with what would
 * be right. Everything that is read belongs to the `struct config` and goes with it.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/ip.h"

/* Limits that no file of a person's comes near. */
#define CONFIG_FILE_MAX   (1u << 20) /* bytes */
#define CONFIG_FILES_MAX  64    /* with what is included, each counted as often as it is read */
#define CONFIG_ITEMS_MAX  4096  /* of one kind, in one place */
#define CONFIG_STEPS_MAX  65536 /* in all tests, once lists are spelt out */
#define CONFIG_ERRORS_MAX 50    /* reported; then reading stops */

#define CONFIG_NAME_MAX  30 /* of a lab, VM, switch, peer */
#define CONFIG_MTU_MAX   65435u
#define CONFIG_MTU       1500u       /* where none is said */
#define CONFIG_MTU_IPV6  1280u       /* at least: RFC 8200 5 */
#define CONFIG_OVERHEAD  18u         /* bytes of a frame beyond the MTU: Ethernet and a VLAN tag */
#define CONFIG_QUEUE_MAX (16u << 20) /* bytes that wait for a rate */
#define CONFIG_SIZE_MAX  65000u      /* bytes that a step sends at once */
#define CONFIG_SAY_MAX   1024u       /* bytes that a peer's service says */

/* Where something stands; `file` is the name that the file was opened by. Lines and columns count
 * from 1, columns in bytes. */
struct config_place {
    const char *file;
    unsigned line, column;
};

/* One thing that a VM says which the language does not look into further: an option of `atoll run`
 * by its name, and its value, checked for its form (NULL: a flag). */
struct config_setting {
    const char *name, *value;
    bool given;                /* its value is the user's, see config_io */
    struct config_place place; /* of the value, or of the name of a flag */
};

enum config_format { CONFIG_FORMAT_PROBE, CONFIG_FORMAT_RAW, CONFIG_FORMAT_QCOW2 };

struct config_disk {
    const char *path; /* NULL: an empty disk of `size` bytes for each run */
    uint64_t size;
    enum config_format format;
    bool direct; /* written to, and kept; otherwise each run writes to a layer of its own */
    bool readonly;
    const char *serial; /* or NULL */
    struct config_place place;
};

struct config_forward {
    bool udp;
    uint32_t host_address, guest_address; /* host byte order; 0: not said */
    uint16_t host_port, guest_port;
    struct config_place place;
};

/* How a wire behaves in one direction. */
#define CONFIG_PPM 1000000u
struct config_link {
    bool given;
    bool down;
    bool has_seed;
    uint64_t delay_ns, jitter_ns;
    uint64_t rate;                              /* bits a second; 0: unlimited */
    uint64_t queue;                             /* bytes that wait for it; 0: not said */
    uint32_t loss, reorder, duplicate, corrupt; /* parts in CONFIG_PPM */
    uint64_t seed;
    struct config_place place;
};

/* A network of Atoll's own, by address translation: `--net user`. */
struct config_user {
    bool given;
    bool isolated, host; /* no connections out; the host's loopback is reached by the gateway */
    struct config_forward *forwards;
    size_t forward_count;
    struct config_place place;
};

/* Where a thing is on its switch: how frames fare to it and from it, and where they are written. */
struct config_port {
    struct config_link to, from;
    const char *capture, *filter; /* a file, and a pcap expression; or NULL */
};

struct config_interface {
    const char *wire;        /* the switch's name; NULL: a network of its own, `user` */
    struct config_user user; /* without `wire` */
    bool has_mac;
    uint8_t mac[6];
    unsigned mtu;            /* 0: not said */
    struct config_port port; /* without `wire` a capture alone */
    struct config_place place;
};

struct config_switch {
    const char *name;
    unsigned mtu;              /* 0: not said */
    struct config_link link;   /* of all ports that say nothing, in both directions */
    struct config_user uplink; /* the way out, if given */
    const char *uplink_socket; /* of the program that is the way out instead; or NULL */
    const char *capture, *filter;
    struct config_place place;
};

/* What a template or a VM says; a VM's own settings come after its template's, and what both say
 * once is the VM's. */
struct config_vm {
    const char *name;
    const char *instance; /* the template's name, or NULL */
    struct config_setting *settings;
    size_t setting_count;
    struct config_disk *disks;
    size_t disk_count;
    struct config_interface *interfaces;
    size_t interface_count;
    const char *shell;   /* what a shell's prompt looks like at the end of a line; or NULL */
    unsigned shell_port; /* which console it is on */
    bool is_template;
    struct config_place place, instance_place;
};

enum config_service { CONFIG_ECHO, CONFIG_DISCARD, CONFIG_SAY };

struct config_listener {
    bool udp;
    uint16_t port;
    enum config_service service;
    const char *text; /* of SAY */
    struct config_place place;
};

/* A peer's address of one family, in its network. */
struct config_network {
    struct ip address, gateway; /* none: not said */
    unsigned prefix;            /* bits of the network */
    struct config_place gateway_place;
};

/* A host without a machine: an address of either family or both on a wire, played by Atoll. */
struct config_peer {
    const char *name, *wire;
    bool has_address, has_mac;
    uint8_t mac[6];
    struct config_network networks[IP_FAMILIES];
    unsigned mtu; /* 0: not said */
    struct config_port port;
    struct config_listener *listeners;
    size_t listener_count;
    struct config_place place;
};

/* --- tests --- */

enum config_step_kind {
    CONFIG_STEP_WAIT,    /* vm, screen, text, regular, timeout */
    CONFIG_STEP_TYPE,    /* vm, screen (its keyboard), text, timeout */
    CONFIG_STEP_KEY,     /* vm, text, timeout */
    CONFIG_STEP_SHELL,   /* vm, command, text or NULL, regular, negated, status, timeout */
    CONFIG_STEP_CONNECT, /* a TCP connection: from, to, expect */
    CONFIG_STEP_SEND,    /* a UDP datagram: likewise */
    CONFIG_STEP_PING,    /* an ICMP echo: likewise, no ports */
    CONFIG_STEP_FRAME,   /* a frame as bytes: from */
    CONFIG_STEP_SEE,   /* wire, filter, negated, timeout: a frame that passes, or that none does */
    CONFIG_STEP_LINK,  /* vm, peer or wire; wire or NULL; way, link: changed while it runs */
    CONFIG_STEP_SLEEP, /* timeout */
    CONFIG_STEP_STOP,  /* vm: the plug is pulled */
};

enum config_expect {
    CONFIG_EXPECT_PASS,      /* answered, by whom it was for */
    CONFIG_EXPECT_DROP,      /* no answer, and nobody that Atoll plays has seen it */
    CONFIG_EXPECT_RESET,     /* refused, by a reset or an ICMP error */
    CONFIG_EXPECT_TIMEOUT,   /* no answer */
    CONFIG_EXPECT_TRANSLATE, /* answered, with other addresses or ports at the far end */
};

/* Seen from what is on the switch. */
enum config_way { CONFIG_WAY_BOTH, CONFIG_WAY_TO, CONFIG_WAY_FROM };

/* One more exchange in a dialogue. */
struct config_turn {
    const char *say, *answer; /* NULL: nothing */
    bool regular;
};

struct config_step {
    enum config_step_kind kind;
    const char *who; /* the VM, the peer that sends, or the switch */
    bool screen, regular, negated;
    const char *text, *command; /* text: what to type, find or send; a pcap expression */
    uint8_t *bytes;             /* of FRAME */
    size_t length;
    uint64_t timeout_ns; /* 0: not said */
    bool has_status;
    int status; /* of SHELL */
    /* Of CONNECT, SEND and PING. Ports 0: not said. */
    struct ip to;
    uint16_t port, from_port;
    unsigned size; /* bytes to send instead of `command`; 0: not said */
    enum config_expect expect;
    const char *at;   /* the peer at the far end, or NULL */
    uint16_t at_port; /* and the port there */
    struct ip source; /* as the far end sees it; none: not said */
    uint16_t source_port;
    /* It says `command`, wants `text` for an answer, and then goes on with these. */
    struct config_turn *turns;
    size_t turn_count;
    const char *wire; /* of LINK: the only one on which `who` is meant; or NULL */
    enum config_way way;
    struct config_link link;
    struct config_place place;
};

struct config_test {
    const char *name;
    struct config_step *steps;
    size_t step_count;
    struct config_place place;
};

struct config {
    const char *name; /* the lab's; that of the file without folder and suffix unless it is said */
    struct config_switch *switches;
    size_t switch_count;
    struct config_vm *templates;
    size_t template_count;
    struct config_vm *vms;
    size_t vm_count;
    struct config_peer *peers;
    size_t peer_count;
    struct config_test *tests;
    size_t test_count;
    struct config_block *blocks; /* all memory of the above */
};

/* How files are read and errors said. */
struct config_io {
    void *ctx;
    /* Reads a file whole: *text is malloc'ed, *length bytes and a NUL. Returns 0, or -errno with a
     * line in `err` that says why. At most CONFIG_FILE_MAX bytes (-EFBIG). */
    int (*read)(void *ctx, const char *path, char **text, size_t *length, struct error *err);
    /* One error, one line without the place. */
    void (*report)(void *ctx, const struct config_place *place, const char *line);
    /* "NAME=VALUE" each: macros of one word that the user gives, whatever the files say of them.
     * Paths that begin with one are relative to the current folder. */
    const char *const *macros;
    size_t macro_count;
};

/*
 * Reads the files `paths`, one after the other as if they were one. Relative paths in a file are
 * relative to its folder, and come out with that before them; those of settings come as they stand.
 * Returns how many errors were reported: with any, what is in `config` is for nothing but
 * config_release, which is due in either case.
 */
unsigned config_read(struct config *config, const char *const *paths, size_t count,
                     const struct config_io *io);
void config_release(struct config *config);

/* Its own, its switch's, or CONFIG_MTU. */
unsigned config_peer_mtu(const struct config *config, const struct config_peer *peer);

/* The peer's addresses with their networks' bits, as the file has them: at most this long. */
#define CONFIG_NETWORKS_ROOM 80
void config_peer_networks(const struct config_peer *peer, char text[CONFIG_NETWORKS_ROOM]);

/* Whether a lab, VM, switch or peer may be called so. */
bool config_is_name(const char *text);

const struct config_switch *config_switch_find(const struct config *config, const char *name);
const struct config_vm *config_vm_find(const struct config *config, const char *name);
const struct config_peer *config_peer_find(const struct config *config, const char *name);

/* Reads a regular file from the disk: a `read` of config_io, without a context. */
int config_read_file(void *ctx, const char *path, char **text, size_t *length, struct error *err);

#endif
