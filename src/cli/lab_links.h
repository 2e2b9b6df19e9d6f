/* SPDX-License-Identifier: ISC */
/*
 * How the wires of a lab that runs behave: as its file says, as a test says, and as before the
 * test.
 */
#ifndef CLI_LAB_LINKS_H
#define CLI_LAB_LINKS_H

#include "cli/lab_wires.h"

struct lab_links;

/* What the file says, once all ports have joined. Returns 0 or -errno. */
int lab_links_begin(struct lab_wires *wires, struct error *err);

/* What a step `link` says: of everything on a switch, or of a VM or peer on all that it is on, or
 * on one. */
int lab_links_set(struct lab_wires *wires, const struct config_step *step, struct error *err);

/* How all links are now, to be put back. NULL: out of memory. */
struct lab_links *lab_links_note(struct lab_wires *wires);
/* Puts back what has changed since, and frees it. NULL is allowed. */
void lab_links_restore(struct lab_wires *wires, struct lab_links *links);

#endif
