/* SPDX-License-Identifier: ISC */
/*
 * The RFB server (RFC 6143) of a viewer process: libvncserver, with a screen and a thread of its
 * own for every client.
 *
 *      the program's main thread          struct server                 a seat's thread
 *      server_tell(mode, damage ...) -->  what is on the screen,   -->  its news: what the client
 *      server_add(socket)            -->  and SEATS seats               has not been told yet
 *
 * libvncserver waits for whole messages, and for room to write its own: on a thread that serves
 * everybody, one client that stops half-way holds up the rest. Here it holds up itself alone. The
 * screens all show the same pixels, those of the machine, which are mapped once.
 */
#ifndef VIEWER_SERVER_H
#define VIEWER_SERVER_H

#include "viewer/link.h"

struct server;

#define SERVER_SEATS 16 /* clients at once; those that have not shown the password count */

/* `password` is copied (eight bytes of it count, RFC 6143 7.2.2); NULL: none is asked for. `link`
 * stays the caller's. The server lives as long as its process. Before the process is confined. */
int server_create(struct server **server, const struct link *link, const char *password,
                  struct error *err);

/* Gives the client on `fd`, which becomes the server's, a seat. `web`: it comes from the page,
 * which sends text only when its user wants it typed. Returns 0, or -EBUSY or -errno with `fd`
 * closed. Any thread. */
int server_add(struct server *server, int fd, bool web);

/* What the machine says. The main thread. */
void server_tell(struct server *server, const union link_message *message);

#endif
