/* SPDX-License-Identifier: ISC */
/*
 * One run of one body: a machine (src/machine/, all of it real) with the suite's guest and, on its
 * bus, the probe (guest/conformance/probe.h), through which the guest reports and asks for what
 * only the host's side can do.
 */
#ifndef CONFORMANCE_SESSION_H
#define CONFORMANCE_SESSION_H

#include <pthread.h>

#include "machine/machine.h"
#include "guest/conformance/probe.h"

struct session_access {
    unsigned offset, size;
    bool write;
    uint64_t value;
};

struct session_config {
    const char *engine; /* "jit", "jit-lazy", "jit-v2": engine_name.h's names */
    const char *body;
    const char *kernel; /* the guest's file */
    unsigned cpus;
    unsigned patience; /* seconds */
};

struct session {
    struct session_config config;
    struct machine *machine;
    pthread_t waiter;
    char append[64];

    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Under lock. */
    unsigned request; /* PROBE_DO_*, or 0 */
    bool finished;    /* the guest has come to its end */
    bool stopped;     /* the machine has */
    enum atoll_stop why;
    char text[16384], log[16384]; /* what the guest said, and the machine's log */

    /* The probe, under lock. */
    uint8_t data[PROBE_DATA_SIZE];
    struct session_access access[PROBE_LOG_MAX];
    unsigned access_count, access_pick;
    uint64_t argument[2], result, found;
    unsigned asked;              /* requests so far */
    struct session_watch *watch; /* the session's thread's; NULL: none */
};

/* Runs it to its end. Returns whether it passed; either way s->text says what the guest found, and
 * `err` why it did not pass. The caller frees nothing; `s` may be large. */
bool session_run(struct session *s, const struct session_config *config, struct error *err);

/* Splits an engine's name (see session_config) into the machine's configuration. `bare` holds 32
 * bytes and outlives the configuration's use. */
void session_engine(struct atoll_config *config, const char *name, char *bare);

/* --- probe.c --- */

/* What the probe's data is before the body begins. */
void probe_init(struct session *s);
extern const struct bus_ops probe_bus_ops; /* `dev` is the session */

/* --- requests.c --- */

/* Carries out a PROBE_DO_* on CPU 0 of a paused machine, on that CPU's thread. */
void request_registers(struct session *s);
void request_step(struct session *s);
void request_break(struct session *s);

/* --- watch.c --- */

/* Carry out a PROBE_DO_* on a paused machine. */
void request_watch(struct session *s);
void request_take(struct session *s);
void request_follow(struct session *s);
void request_followed(struct session *s);
unsigned watch_looks(struct session *s); /* any thread, between follow and followed */
void watch_end(struct session *s);

#endif
