/* SPDX-License-Identifier: ISC */
/*
 * Signals to a process that runs a machine: SIGINT, SIGTERM, SIGHUP and SIGQUIT end it in order,
 * and SIGUSR1 asks for a picture of the screen; a crash of Atoll itself restores the terminal
 * first.
 */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include "atoll/atoll.h"
#include "cli/report.h"
#include "host/loop.h"

/* Until signals_catch, they wait: there is no moment between a terminal's change and the handlers'
 * installation. */
void signals_hold(void);

/* From now on, on `loop`, which must outlive the process' signals. One machine a process. Returns 0
 * or -errno, with the terminal restored. */
int signals_catch(struct atoll *vm, struct report *report, struct host_loop *loop,
                  struct error *err);

/* No more for this machine: before it is destroyed. */
void signals_release(void);

#endif
