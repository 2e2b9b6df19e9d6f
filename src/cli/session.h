/* SPDX-License-Identifier: ISC */
/*
 * One machine, from its options to its end: in the foreground or in the background, with a name or
 * without.
 */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "cli/folder.h"
#include "cli/options.h"

/* Runs the machine that `options` describe; when they have a name, its control socket answers.
 * `folder` is the machine's (its lock is taken, its log kept), or NULL. Everything that goes wrong
 * is said. Returns an exit status: with options->detach, once the machine runs. */
int session_run(struct options *options, struct folder *folder);

#endif
