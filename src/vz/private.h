/* SPDX-License-Identifier: ISC */
/*
 * What the files of this room share.
 *
 * Threads. The framework's objects of a machine that exists are touched on `queue` alone. Bytes and
 * frames pass on `loop`. `state` and `why` change under `lock`, on the queue but for the beginning;
 * verbs are carried out one at a time, under `verb`.
 */
#ifndef VZ_PRIVATE_H
#define VZ_PRIVATE_H

#include <pthread.h>

#include "backend/console.h"
#include "base/log.h"
#include "vz/objc.h"
#include "vz/vz.h"

struct vz_wire;

/* A console and the pipes to the guest's serial port. */
struct vz_port {
    enum atoll_console_kind kind;
    struct console *console;
    int to_guest, from_guest; /* our ends, non-blocking */
    struct host_watch *output, *room;
};

struct vz {
    struct atoll face;
    struct log log;
    void (*log_line)(void *ctx, enum atoll_log_level level, const char *line);
    void *log_ctx;

    dispatch_queue_t queue;
    id machine;  /* the VZVirtualMachine */
    id delegate; /* ours, of a class of its own */
    Class delegate_class;
    uint64_t memory;
    char *scratch; /* a file of EFI variables that goes with the machine, or NULL */

    bool window; /* is wanted, */
    char *title;
    unsigned width, height;
    bool window_closed; /* by its user, once; the main thread's */

    struct host_loop *loop;
    struct vz_port ports[ATOLL_CONSOLES_MAX];
    size_t port_count;
    struct vz_wire *wires[ATOLL_NETS_MAX];
    size_t wire_count;

    pthread_mutex_t verb;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum atoll_state state;
    enum atoll_stop why;
    bool quitting; /* on the queue: wanted as soon as the machine can stop */
};

/* --- load.c --- */
/* Brings the framework into the process; again costs nothing. Returns 0 or -ENOTSUP. */
int vz_load(struct error *err);

/* --- refuse.c --- */
/* What the framework has no way to do. Nothing is opened. Returns 0, -EINVAL or -ENOTSUP. */
int vz_refuse(const struct atoll_config *config, struct error *err);

/* --- error.c --- */
/* An NSError in plain words after "what: "; NULL is an error that nothing is known of. Returns
 * -errno. */
int vz_explain(id error, struct error *err, const char *what, ...) PRINTF(3, 4);

/* --- boot.c --- (in an autorelease pool, as everything that makes a configuration) */
/* Sets the boot loader of a VZVirtualMachineConfiguration, and the platform with its identifier. */
int vz_configure_boot(struct vz *vz, id configuration, const struct atoll_config *config,
                      struct error *err);

/* --- disk.c --- */
int vz_configure_disks(id configuration, const struct atoll_config *config, struct error *err);

/* --- devices.c --- */
/* CPUs, memory, consoles, networks, screen, keyboard and pointer, random numbers, balloon. */
int vz_configure_devices(struct vz *vz, id configuration, const struct atoll_config *config,
                         vz_open_net *open_net, struct error *err);
/* An NSFileHandle that closes `fd` when it goes, autoreleased. NULL: out of memory, and `fd` is
 * closed. */
id vz_file_handle(int fd);

/* --- port.c --- */
/* Opens the console and its pipes. The guest's ends are the caller's. Returns 0 or -errno. */
int vz_port_open(struct vz_port *port, struct vz *vz, const struct atoll_console *config,
                 int *guest_reads, int *guest_writes, struct error *err);
void vz_port_close(struct vz *vz, struct vz_port *port);

/* --- wire.c --- */
/* Joins `net`, which it takes over whatever comes, with a datagram socket whose other end is the
 * caller's. Returns 0 or -errno. */
int vz_wire_open(struct vz_wire **wire, struct net *net, struct host_loop *loop, int *guest,
                 struct error *err);
void vz_wire_close(struct vz_wire *wire);

/* --- delegate.c --- */
/* Makes vz->delegate, through which the framework says what has become of the machine. */
int vz_delegate_create(struct vz *vz, struct error *err);
/* On the queue, when the machine does not use it any more. */
void vz_delegate_destroy(struct vz *vz);

/* --- control.c --- */
extern const struct atoll_ops vz_ops;
/* The machine has stopped. On the queue. */
void vz_stopped(struct vz *vz, enum atoll_stop why);
/* Runs `work(ctx)` on the queue, in an autorelease pool, and waits for it. Not on the queue. */
void vz_on_queue(struct vz *vz, void (*work)(void *ctx), void *ctx);

/* --- window.c --- */
/* Shows the machine in a window of this desktop until it has stopped. On the main thread; on
 * another, or when there can be no window, it returns at once, and the log says why. */
void vz_window_run(struct vz *vz);

/* --- create.c --- */
void vz_destroy(struct vz *vz);

#endif
