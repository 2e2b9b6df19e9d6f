/* SPDX-License-Identifier: ISC */
/*
 * A double of vmnet.framework and of the little of XPC that it wants, over the double's
 * libdispatch. Its rules: an interface is started once and stopped, and not used outside of that; a
 * packet has one I/O vector; handlers are blocks; what is made is released. Who breaks one is told
 * by double_faults.
 */
#ifndef TESTS_VZ_DOUBLE_VMNET_H
#define TESTS_VZ_DOUBLE_VMNET_H

#include "backend/net/vmnet_darwin.h"

/* Starts anew: what vmnet_start_interface's handler is told (0: it refuses the description and
 * calls nobody), and the network's sizes. After double_begin. */
void double_vmnet_begin(uint32_t status, uint64_t mtu, uint64_t packet_max);

/* What of it is not given back is a fault. Before double_end. */
void double_vmnet_end(void);

/* What the description said. */
uint64_t double_vmnet_mode(void);
bool double_vmnet_allocates_address(void);

/* A packet from the network; the event is posted, as for several at once if `silent` was called
 * before. */
void double_vmnet_packet(const void *bytes, size_t length, bool silent);

/* Takes the packet that was written last; returns its length, 0: none. */
size_t double_vmnet_written(void *bytes, size_t room);

#endif
