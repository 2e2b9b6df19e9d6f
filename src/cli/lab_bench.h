/* SPDX-License-Identifier: ISC */
/*
 * A lab under test: what its machines say on their consoles, and what its peers see, as it comes in
 * while a step waits. One thread; steps wait by bench_turn.
 */
#ifndef CLI_LAB_BENCH_H
#define CLI_LAB_BENCH_H

#include "cli/control.h"
#include "cli/lab_run.h"
#include "cli/lab_wires.h"
#include "cli/wait.h"

#define BENCH_SEEN_MAX 256
#define BENCH_SAID_MAX (64u << 10)
#define BENCH_WHY_MAX  8192

/* A machine's first console, as text. */
struct bench_console {
    struct control_client *following; /* NULL: there is none, or it has ended */
    bool ended;
    char *text; /* without escape sequences, NUL at its end */
    size_t length, room;
    size_t line_start; /* of the line that is not finished */
    uint64_t heard;    /* bytes, so far */
    size_t from;       /* what steps have not looked at yet begins here */
    struct console_line line;
    unsigned marks;  /* of commands, so far */
    bool has_shell;  /* one has answered */
    bool broken_off; /* a command, which had not ended in time */
};

/* What a peer was asked by somebody. */
struct bench_seen {
    size_t peer;
    enum peer_protocol protocol;
    struct ip source, destination;
    uint16_t source_port, port;
};

enum bench_outcome { BENCH_NOTHING, BENCH_ANSWERED, BENCH_REFUSED, BENCH_FAILED };

struct bench_probe {
    uint32_t id;
    size_t peer;
    enum bench_outcome outcome;
    struct ip refuser;   /* of BENCH_REFUSED: who; none: not said */
    uint16_t refused_as; /* an ICMP error's type and code; 0: a reset */
    char *said;          /* BENCH_SAID_MAX + 1 bytes */
    size_t said_length;
    struct bench_seen seen[BENCH_SEEN_MAX]; /* since it began, on all peers */
    size_t seen_count;
};

/* A capture of a whole switch, for as long as a test. */
struct bench_capture {
    struct switch_client *client;
    unsigned id;
    int fd; /* -1: none */
    char path[PATH_MAX];
};

struct bench {
    struct lab_run *run;
    const struct config *config;
    struct bench_console *consoles; /* of config->vms */
    struct bench_probe probe;
    struct bench_capture *captures; /* of config->switches, then of the steps that watch a wire */
    size_t capture_count;
    const char *folder; /* where captures of failures go */
    bool borrowed;      /* the lab was up before, and stays so */
    bool interrupted;
    char why[BENCH_WHY_MAX]; /* the step failed */
};

/* Follows all consoles from their beginning; of a lab that is borrowed, from the line that their
 * cursors are on. Returns 0 or -errno; bench_fini is due in either case. */
int bench_init(struct bench *bench, struct lab_run *run, const char *folder, bool borrowed,
               struct error *err);
void bench_fini(struct bench *bench);

/* Takes what has come, or waits for it until the deadline (host_clock_monotonic). False: the
 * deadline has passed, or somebody asked for the end. */
bool bench_turn(struct bench *bench, uint64_t deadline);

/* The step fails: one or more lines that say why. Returns false. */
bool bench_fail(struct bench *bench, const char *format, ...) PRINTF(2, 3);
/* Adds what the console said last. */
void bench_add_console(struct bench *bench, const struct bench_console *console);

struct bench_console *bench_console(struct bench *bench, const char *vm);

/* --- lab_steps.c --- */

/* Carries out a step. Returns whether it went as the test says; otherwise bench->why tells. */
bool bench_step(struct bench *bench, const struct config_test *test,
                const struct config_step *step);

/* --- lab_probe.c --- */
bool bench_probe(struct bench *bench, const struct config_step *step);

/* --- lab_capture.c --- */

/* Captures every switch from now on, and what the test's steps watch for. */
int bench_capture_begin(struct bench *bench, const struct config_test *test, size_t number,
                        struct error *err);
/* Ends that. Returns whether the test is right, as it was so far, and what it watched for was
 * written; otherwise the switches' captures are kept, and named in bench->why. */
bool bench_capture_end(struct bench *bench, bool right);
/* How many frames the watching step has seen so far. */
size_t bench_capture_frames(struct bench *bench, const struct config_test *test,
                            const struct config_step *step);

#endif
