/* SPDX-License-Identifier: ISC */
/*
 * Which machines run: the control sockets in the user's runtime folder that somebody listens on. A
 * confined machine cannot remove its own, so dead ones are found and removed here.
 */
#ifndef CLI_CONTROL_NAMES_H
#define CLI_CONTROL_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/un.h>

#include "base/error.h"

/* Keeps others from making or removing sockets until the descriptor that it returns is closed.
 * Returns -errno otherwise. */
int control_names_lock(struct error *err);

/* Whether somebody listens on this address. Under the lock, a socket that is not alive is dead. */
bool control_alive(const struct sockaddr_un *address);

/* The names of machines that run, sorted: an array that ends with NULL, to be freed
 * by control_names_free. Dead sockets are removed. Returns 0 or -errno. */
int control_names(char ***names, struct error *err);
void control_names_free(char **names); /* NULL is allowed */

#endif
