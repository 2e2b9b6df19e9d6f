/* SPDX-License-Identifier: ISC */
/*
 * A lab that runs: its switches, machines and peers, and who keeps them.
 *
 * The process that starts a lab is its keeper for as long as it runs. Each machine is a process of
 * its own with a line to the keeper, a pair of sockets: when the keeper ends, in whatever way, its
 * machines do, and their switches and peers with them. The folder of a running lab is locked; one
 * that nobody holds is what a killed keeper left, and goes when anybody looks at it.
 */
#ifndef CLI_LAB_RUN_H
#define CLI_LAB_RUN_H

#include <limits.h>
#include <stdio.h>
#include <sys/types.h>

#include "cli/lab.h"
#include "cli/places.h"

struct lab_wires;

struct lab_machine {
    char name[PLACE_NAME_MAX + 1]; /* LAB.VM */
    pid_t starter;                 /* who waits until it runs; 0: it does, or never will */
    pid_t process;                 /* its own, once it runs */
    int output;                    /* what is said until it runs; -1: the end has come */
    int lifeline;                  /* -1: it has ended */
    char *why;                     /* what was said */
    size_t why_length;
};

struct lab_run {
    struct lab *lab;
    const char *name;
    char folder[PATH_MAX]; /* "": not made yet */
    int lock;
    struct lab_machine *machines; /* of lab->config.vms */
    size_t machine_count;
    struct lab_wires *wires;
    int private;    /* the caller's descriptor; -1: none */
    FILE *progress; /* where it is said what has started; NULL: nowhere */
};

/* Starts everything at once and waits until it runs; what fails is said on standard error, and
 * nothing is left of it. The caller has one thread, and ends the lab with lab_run_stop in either
 * case. `private` is a descriptor of the caller's that no machine is to hold open, or -1. Signals
 * that end a program break it off. Returns an exit status. */
int lab_run_start(struct lab_run *run, struct lab *lab, const char *name, FILE *progress,
                  int private);

/* Ends everything, as if plugs were pulled, and removes what the lab had on the disk. */
void lab_run_stop(struct lab_run *run);

/* Signals that end a program are remembered from now on; lab_run_pause waits for one, for something
 * on `fd` (-1: nothing), for at most `timeout_ms` (-1: for ever). Returns whether one has come. */
struct pollfd;
void lab_run_catch_signals(void);
bool lab_run_wait(struct pollfd *fds, unsigned long count, int timeout_ms); /* for several */
bool lab_run_pause(int fd, short events, int timeout_ms);

/* --- lab_folder.c --- */

/* "$XDG_STATE_HOME/atoll/NAME", or ~/.local/state/atoll/NAME; `name` "": where all labs are. */
int lab_folder(const char *name, char *path, size_t room, struct error *err);

/* Makes and locks the folder of a lab that starts, empty, when machines and switches that a killed
 * keeper left have had time to end. -EBUSY: it is up. Returns the lock, a descriptor, or -errno. */
int lab_folder_take(const char *name, char *path, size_t room, struct error *err);

/* Removes what a killed keeper left of the lab, once its machines and switches have ended. Returns
 * 1; 0: there is nothing of that kind; or -ETIMEDOUT: one does not end. */
int lab_bury(const char *name, struct error *err);

/* The process that keeps the lab; 0: nobody does, and the folder is gone by now. */
pid_t lab_keeper(const char *name);

/* Removes a lab's folder with the files in it, and sockets that nobody listens on any more. */
void lab_folder_remove(const char *path);

/* The names of all labs that are up, sorted, NULL-terminated; control_names_free frees them. */
int lab_names(char ***names, struct error *err);

#endif
