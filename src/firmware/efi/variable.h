/* SPDX-License-Identifier: ISC */
/*
 * EFI variables (UEFI 2.10, 8.2): a store in memory, and its file, which always holds a whole
 * store.
 */
#ifndef FIRMWARE_EFI_VARIABLE_H
#define FIRMWARE_EFI_VARIABLE_H

#include "base/error.h"
#include "firmware/efi/private.h"

#define VARIABLE_NAME_MAX  512u /* CHAR16 units with the NUL */
#define VARIABLE_DATA_MAX  (UINT32_C(64) << 10)
#define VARIABLE_STORE_MAX (UINT32_C(512) << 10) /* names and data of all, together */

#define VARIABLE_NON_VOLATILE       0x01u
#define VARIABLE_BOOTSERVICE_ACCESS 0x02u
#define VARIABLE_RUNTIME_ACCESS     0x04u
#define VARIABLE_APPEND_WRITE       0x40u

struct variables;

/* An empty store, or what the open file `fd` holds (-1: none; an empty file: a new store). Refuses
 * a file that is not one of ours, or damaged, with what is wrong (-EINVAL, -EIO). The file is
 * locked
 * (-EBUSY: another machine uses it). `path` is for messages, copied. */
int variables_create(struct variables **variables, int fd, const char *path, const struct log *log,
                     struct error *err);
void variables_destroy(struct variables *variables);

/* A reset: volatile variables go. */
void variables_reset(struct variables *variables);

/* The services, over host memory; `runtime`: after ExitBootServices. Statuses as 8.2 gives them.
 * *length: room in, bytes out (also with EFI_BUFFER_TOO_SMALL). */
efi_status variables_get(struct variables *variables, const uint16_t *name,
                         const struct efi_guid *vendor, bool runtime, uint32_t *attributes,
                         void *data, size_t *length);
/* A change of a non-volatile variable is in the file, durably, when it returns EFI_SUCCESS. */
efi_status variables_set(struct variables *variables, const uint16_t *name,
                         const struct efi_guid *vendor, bool runtime, uint32_t attributes,
                         const void *data, size_t length);
/* `name` (VARIABLE_NAME_MAX units) and `vendor` of the one after; "" starts. EFI_NOT_FOUND at the
 * end; EFI_INVALID_PARAMETER when the given one is not there. */
efi_status variables_next(struct variables *variables, bool runtime, uint16_t *name,
                          struct efi_guid *vendor);
/* QueryVariableInfo. */
void variables_info(struct variables *variables, uint64_t *maximum, uint64_t *remaining,
                    uint64_t *largest);

/* All variables and the identifier, as a section of a saved state, and back: into the file too.
 * Return 0, -ENOMEM; loading also -ENOENT, -EINVAL (nothing is changed then) or the file's error.
 */
int variables_save(struct variables *variables, struct state *state, const char *instance);
int variables_load(struct variables *variables, const struct state *state, const char *instance,
                   struct error *err);

/* A UUID that the store's file keeps, made when the file is: the machine's identifier. */
void variables_identifier(struct variables *variables, uint8_t uuid[16]);

#endif
