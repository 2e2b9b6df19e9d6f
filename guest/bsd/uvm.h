/* SPDX-License-Identifier: ISC */
/*
 * The memory of the one user process, mapped when it is touched: mmap only notes what a range
 * means, and uvm_fault enters a page. For a device, the driver's mmap function is asked for the
 * page's physical address, as OpenBSD's udv_fault (uvm_device.c) asks; its word is believed.
 */
#ifndef BSD_UVM_H
#define BSD_UVM_H

#include "bsd.h"

typedef paddr_t (*device_mmap)(void *device, uint64_t offset, int prot);

/* A driver that user programs may map; `size` is what there is of it. */
void uvm_device(device_mmap mmap, void *device, uint64_t size);

/* Maps kernel pages (the program's text) or fresh memory at `va`. */
void uvm_map_pages(vaddr_t va, paddr_t pa, uint64_t size, unsigned prot);
/* mmap(2) of the device, anywhere: the address, or 0. */
vaddr_t uvm_map_device(uint64_t size, uint64_t offset, unsigned prot);
/* Resolves a fault at `va`: 0, EFAULT (nothing is mapped there) or EACCES. */
int uvm_fault(vaddr_t va, unsigned access);
/* The device's physical page at `va`, as its driver gave it; for the last words of a process. */
paddr_t uvm_device_page(vaddr_t va);
/* Whether the process may read all of the range. */
bool uvm_readable(vaddr_t va, uint64_t size);

#endif
