/* SPDX-License-Identifier: ISC */
/* What the guest's network workloads and the server on the host (peer.c) agree on: a client sends
 * one of these letters and a 64-bit count in native order (both are little-endian). */

#ifndef BENCH_PEER_H
#define BENCH_PEER_H

enum {
    PEER_PORT = 5999,
    PEER_SEND = 'r',    /* the server sends so many bytes */
    PEER_RECEIVE = 'w', /* the server reads so many bytes, then sends one */
    PEER_ECHO = 'p',    /* the server returns each of so many bytes */
};

#endif
