/* SPDX-License-Identifier: ISC */
/*
 * A lab that is up, lent to a test in another process. Its keeper listens on a Unix socket of the
 * lab's name, in the user's runtime folder, and hands over a line to each peer; everything else a
 * test finds by its name. One test at a time has the lab. When its connection ends, in whatever
 * way, the keeper puts back what the test may have changed, and the peers forget what it asked for.
 *
 * What is said are lines of JSON (switch/message.h), all of them the keeper's: {"peer", "wire",
 * "networks"} with the line beside it for each peer, then {"vms": [...]}; or {"error"}.
 */
#ifndef CLI_LAB_LEND_H
#define CLI_LAB_LEND_H

#include "cli/lab_run.h"

struct lab_links;

/* The socket's path, "<runtime>/lab/NAME.sock". Returns 0 or -errno. */
int lab_lend_path(const char *name, char *path, size_t room, struct error *err);

/* --- the keeper's side --- */

struct lab_lend {
    struct lab_run *run;
    int listener, test;      /* -1: nobody tests */
    struct lab_links *links; /* as they were before */
    char path[PATH_MAX];
};

/* Listens. Returns 0 or -errno; lab_lend_close is due in either case. */
int lab_lend_open(struct lab_lend *lend, struct lab_run *run, struct error *err);
/* Waits for a test to come or go, and serves it. Returns whether the program is to end. */
bool lab_lend_wait(struct lab_lend *lend);
void lab_lend_close(struct lab_lend *lend);

/* --- the test's side, lab_borrow.c --- */

/* Borrows the lab of this name that is up: `run` is as after lab_run_start, but for what only a
 * keeper has. Returns the connection, to be given to lab_return, or -errno. */
int lab_borrow(struct lab_run *run, struct lab *lab, struct error *err);
void lab_return(struct lab_run *run, int connection);

#endif
