/* SPDX-License-Identifier: ISC */
/*
 * The wires of a lab that runs: its switches, with their ways out, captures and links,
 * and the peers on them. A switch of
 * the lab is called LAB.SWITCH, and a machine's port on it like the machine (VM, or VM.1 when the
 * VM's first interface is 0).
 */
#ifndef CLI_LAB_WIRES_H
#define CLI_LAB_WIRES_H

#include "cli/lab.h"
#include "lab/peer.h"
#include "switch/client.h"

struct lab_wires;

/* Starts the switches. Returns 0 or -errno; lab_wires_destroy is due in either case. */
int lab_wires_create(struct lab_wires **wires, struct lab *lab, struct error *err);

/* Those of a lab that another process keeps: its switches are connected to, and its peers are
 * those of `peers`, in the order of the configuration, which become the wires'. Returns 0 or
 * -errno; lab_wires_destroy, which leaves them as they are, is due in either case. */
int lab_wires_borrow(struct lab_wires **wires, struct lab *lab, struct peer **peers,
                     struct error *err);

/* Sets links and begins captures, once the machines have joined. */
int lab_wires_ready(struct lab_wires *wires, struct error *err);

/* In a child: closes the connections, which stay the parent's. NULL is allowed. */
void lab_wires_abandon(struct lab_wires *wires);

/* Ends the switches, unless they are another's. NULL is allowed. */
void lab_wires_destroy(struct lab_wires *wires);

const struct config *lab_wires_config(const struct lab_wires *wires);

/* The switch of this name, a connection that asks. */
struct switch_client *lab_wires_switch(struct lab_wires *wires, const char *name);

/* The peer of this index in the configuration. */
struct peer *lab_wires_peer(struct lab_wires *wires, size_t index);

/* "LAB.SWITCH" and a machine's port there, in `room` bytes. */
#define LAB_PORT_ROOM 64
void lab_switch_name(const struct config *config, const char *wire, char *name, size_t room);
void lab_port_name(const struct config_vm *vm, size_t interface, char *name, size_t room);

#endif
