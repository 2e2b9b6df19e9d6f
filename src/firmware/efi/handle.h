/* SPDX-License-Identifier: ISC */
/*
 * The handle database from the inside (UEFI 2.10, 7.3): handle.c keeps it, protocol_open.c says who
 * has what open, locate.c searches it.
 */
#ifndef FIRMWARE_EFI_HANDLE_H
#define FIRMWARE_EFI_HANDLE_H

#include "firmware/efi/core.h"

#define EFI_MAX_PROTOCOLS 256u /* on one handle */

struct efi_open; /* protocol_open.c's */

struct efi_binding {
    struct efi_binding *next;
    struct efi_guid guid;
    uint64_t interface;
    struct efi_open *opens;
    size_t open_count;
};

struct efi_handle {
    struct efi_handle *next;
    uint64_t id;
    struct efi_binding *bindings;
    size_t binding_count;
};

/* RegisterProtocolNotify: its key is the address of a byte that a program cannot see, a number
 * here; handles that came since are found from `after` on. */
struct efi_notify {
    struct efi_notify *next;
    struct efi_guid guid;
    uint64_t event, key, after;
};

/* The handle, or NULL; its binding of a protocol, or NULL (also when `handle` is). */
struct efi_handle *efi_handle_find(struct efi *efi, uint64_t id);
struct efi_binding *efi_binding_of(struct efi_handle *handle, const struct efi_guid *guid);

/* Copies an array into new pool memory, and where it is and how many it holds into the caller's. */
efi_status efi_give_array(struct efi_call *call, const void *from, size_t size, size_t count,
                          uint64_t count_at, uint64_t array_at);

/* Closes everything that `agent`, a program that is unloaded, has open (7.4.3). */
void efi_opens_forget(struct efi *efi, uint64_t agent);

/* Services of this database that are in other files. */
efi_status efi_open_protocol(struct efi_call *call);
efi_status efi_close_protocol(struct efi_call *call);
efi_status efi_open_protocol_information(struct efi_call *call);
efi_status efi_register_protocol_notify(struct efi_call *call);
efi_status efi_locate_handle(struct efi_call *call);
efi_status efi_locate_handle_buffer(struct efi_call *call);
efi_status efi_locate_protocol(struct efi_call *call);
efi_status efi_locate_device_path(struct efi_call *call);

#endif
