/* SPDX-License-Identifier: ISC */
/*
 * The variables in memory and the file that keeps the non-volatile ones: what variable.c and
 * variable_file.c share.
 */
#ifndef FIRMWARE_EFI_VARIABLE_STORE_H
#define FIRMWARE_EFI_VARIABLE_STORE_H

#include "firmware/efi/variable.h"

#define VARIABLE_COUNT_MAX 4096u

struct variable {
    struct variable *next; /* in the order of creation, which GetNextVariableName follows */
    uint32_t attributes;
    struct efi_guid vendor;
    uint16_t *name;     /* both behind the structure, in one allocation */
    size_t name_length; /* in units, without the NUL */
    uint8_t *data;
    size_t length;
};

struct variables {
    struct variable *first;
    size_t count, used; /* `used`: bytes of all records, as variable_cost() counts them */
    const struct log *log;
    char *path;
    int fd;            /* -1: no file */
    uint64_t sequence; /* of the newest slot in the file */
    uint8_t uuid[16];
};

/* Bytes that a variable takes of VARIABLE_STORE_MAX, in memory as in the file. */
size_t variable_cost(size_t name_length, size_t length);

/* A copy of its arguments, linked nowhere; NULL: out of memory. */
struct variable *variable_new(const uint16_t *name, size_t name_length,
                              const struct efi_guid *vendor, uint32_t attributes, size_t length);

/* The link that points to the variable, or to NULL. */
struct variable **variables_find(struct variables *variables, const uint16_t *name,
                                 size_t name_length, const struct efi_guid *vendor);

void variables_link(struct variables *variables, struct variable **at, struct variable *variable);
struct variable *variables_unlink(struct variables *variables, struct variable **at);

/* Writes a variable as bytes (variable_record.c), variable_cost() of them; returns how many. */
uint32_t variable_record_save(const struct variable *variable, uint8_t *to);

/* Takes one record, of a variable that is new to the store and has the `required` attributes.
 * Returns its size, or 0 when it is none. */
size_t variable_record_load(struct variables *variables, const uint8_t *record, size_t left,
                            uint32_t required);

/* Reads the file into an empty store, or makes a new file's first slot. The file is locked. */
int variables_file_open(struct variables *variables, struct error *err);

/* Writes every non-volatile variable to the older of the two slots. Returns 0 when they are on the
 * disk, or -errno, and then the file still holds what it held before. */
int variables_file_write(struct variables *variables);

#endif
