/* SPDX-License-Identifier: ISC */
/*
 * The variable services (UEFI 2.10, 8.2). A change is made in memory, then in the file, and taken
 * back in memory when the file refuses it: so the two never differ in what a guest was told.
 */
#include "firmware/efi/variable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/efi/variable_store.h"
#include "host/entropy.h"

#define HARDWARE_ERROR_RECORD    0x08u
#define AUTHENTICATED            0x10u /* deprecated */
#define TIME_BASED_AUTHENTICATED 0x20u
#define ENHANCED_AUTHENTICATED   0x80u
#define ACCESS                   (VARIABLE_BOOTSERVICE_ACCESS | VARIABLE_RUNTIME_ACCESS)
#define KNOWN                    (VARIABLE_NON_VOLATILE | ACCESS | VARIABLE_APPEND_WRITE)

size_t variable_cost(size_t name_length, size_t length)
{
    /* Attributes, lengths and GUID of a record in the file (variable_file.c). */
    return align_up(28 + name_length * 2 + length, 4);
}

static size_t name_length_of(const uint16_t *name)
{
    size_t length = 0;

    while (length < VARIABLE_NAME_MAX && name[length])
        length++;
    return length;
}

struct variable *variable_new(const uint16_t *name, size_t name_length,
                              const struct efi_guid *vendor, uint32_t attributes, size_t length)
{
    struct variable *v = calloc(1, sizeof(*v) + name_length * 2 + length);

    if (!v)
        return NULL;
    v->attributes = attributes;
    v->vendor = *vendor;
    v->name = (uint16_t *)(v + 1);
    v->name_length = name_length;
    v->data = (uint8_t *)(v->name + name_length);
    v->length = length;
    memcpy(v->name, name, name_length * 2);
    return v;
}

struct variable **variables_find(struct variables *variables, const uint16_t *name,
                                 size_t name_length, const struct efi_guid *vendor)
{
    struct variable **at = &variables->first;

    while (*at && ((*at)->name_length != name_length ||
                   memcmp(&(*at)->vendor, vendor, sizeof(*vendor)) != 0 ||
                   memcmp((*at)->name, name, name_length * 2) != 0))
        at = &(*at)->next;
    return at;
}

void variables_link(struct variables *variables, struct variable **at, struct variable *variable)
{
    variable->next = *at;
    *at = variable;
    variables->count++;
    variables->used += variable_cost(variable->name_length, variable->length);
}

struct variable *variables_unlink(struct variables *variables, struct variable **at)
{
    struct variable *variable = *at;

    *at = variable->next;
    variables->count--;
    variables->used -= variable_cost(variable->name_length, variable->length);
    return variable;
}

static bool visible(const struct variable *variable, bool runtime)
{
    return !runtime || variable->attributes & VARIABLE_RUNTIME_ACCESS;
}

efi_status variables_get(struct variables *variables, const uint16_t *name,
                         const struct efi_guid *vendor, bool runtime, uint32_t *attributes,
                         void *data, size_t *length)
{
    size_t name_length = name_length_of(name), room = *length;
    struct variable *v;

    if (name_length == VARIABLE_NAME_MAX)
        return EFI_INVALID_PARAMETER;
    v = *variables_find(variables, name, name_length, vendor);
    if (!v || !visible(v, runtime))
        return EFI_NOT_FOUND;
    *length = v->length;
    if (attributes)
        *attributes = v->attributes;
    if (room < v->length)
        return EFI_BUFFER_TOO_SMALL;
    if (!data)
        return EFI_INVALID_PARAMETER;
    memcpy(data, v->data, v->length);
    return EFI_SUCCESS;
}

/* What SetVariable's arguments say whatever the store holds. */
static efi_status check_arguments(size_t name_length, uint32_t attributes, size_t length)
{
    if (name_length == 0 || name_length == VARIABLE_NAME_MAX)
        return EFI_INVALID_PARAMETER;
    if (attributes & (HARDWARE_ERROR_RECORD | AUTHENTICATED | ENHANCED_AUTHENTICATED))
        return EFI_UNSUPPORTED;
    if (attributes & ~KNOWN) /* TIME_BASED_AUTHENTICATED: there are no keys to check it with */
        return EFI_INVALID_PARAMETER;
    if ((attributes & ACCESS) == VARIABLE_RUNTIME_ACCESS || length > VARIABLE_DATA_MAX)
        return EFI_INVALID_PARAMETER;
    return EFI_SUCCESS;
}

/* Who may change what once the operating system runs (8.2.3). */
static efi_status check_runtime(const struct variable *old, uint32_t attributes, bool deletes)
{
    if (old && !(old->attributes & VARIABLE_NON_VOLATILE))
        return EFI_WRITE_PROTECTED;
    if (!deletes &&
        (attributes & (VARIABLE_NON_VOLATILE | ACCESS)) != (VARIABLE_NON_VOLATILE | ACCESS))
        return EFI_INVALID_PARAMETER;
    return EFI_SUCCESS;
}

/* Puts `new` (NULL: nothing) where *at is, durably, or leaves everything as it was. */
static efi_status replace(struct variables *variables, struct variable **at, struct variable *new)
{
    struct variable *old = *at ? variables_unlink(variables, at) : NULL;
    bool durable = (new &&new->attributes &VARIABLE_NON_VOLATILE) ||
                   (old && old->attributes & VARIABLE_NON_VOLATILE);
    int ret;

    if (new)
        variables_link(variables, at, new);
    ret = durable ? variables_file_write(variables) : 0;
    if (!ret) {
        free(old);
        return EFI_SUCCESS;
    }
    if (new)
        free(variables_unlink(variables, at));
    if (old)
        variables_link(variables, at, old);
    return ret == -ENOSPC || ret == -ENOMEM ? EFI_OUT_OF_RESOURCES : EFI_DEVICE_ERROR;
}

static efi_status check_quota(const struct variables *variables, const struct variable *old,
                              size_t name_length, size_t length)
{
    size_t used = variables->used - (old ? variable_cost(old->name_length, old->length) : 0);

    if (length > VARIABLE_DATA_MAX || (!old && variables->count == VARIABLE_COUNT_MAX) ||
        variable_cost(name_length, length) > VARIABLE_STORE_MAX - used)
        return EFI_OUT_OF_RESOURCES;
    return EFI_SUCCESS;
}

efi_status variables_set(struct variables *variables, const uint16_t *name,
                         const struct efi_guid *vendor, bool runtime, uint32_t attributes,
                         const void *data, size_t length)
{
    bool append = attributes & VARIABLE_APPEND_WRITE;
    bool deletes = !(attributes & ACCESS) || (length == 0 && !append);
    size_t name_length = name_length_of(name), kept;
    efi_status status = check_arguments(name_length, attributes, length);
    struct variable **at, *old, *new;

    if (status != EFI_SUCCESS)
        return status;
    at = variables_find(variables, name, name_length, vendor);
    old = *at && visible(*at, runtime) ? *at : NULL;
    status = runtime ? check_runtime(old, attributes, deletes) : EFI_SUCCESS;
    if (status != EFI_SUCCESS)
        return status;
    if (deletes)
        return old ? replace(variables, at, NULL) : EFI_NOT_FOUND;
    /* An existing variable keeps its attributes; a hidden one cannot be replaced at run time. */
    if (*at && (!old || old->attributes != (attributes & ~VARIABLE_APPEND_WRITE)))
        return EFI_INVALID_PARAMETER;
    if (append && length == 0)
        return EFI_SUCCESS;
    kept = append && old ? old->length : 0;
    status = check_quota(variables, old, name_length, kept + length);
    if (status != EFI_SUCCESS)
        return status;
    new =
        variable_new(name, name_length, vendor, attributes & ~VARIABLE_APPEND_WRITE, kept + length);
    if (!new)
        return EFI_OUT_OF_RESOURCES;
    if (kept)
        memcpy(new->data, old->data, kept);
    memcpy(new->data + kept, data, length);
    return replace(variables, at, new);
}

efi_status variables_next(struct variables *variables, bool runtime, uint16_t *name,
                          struct efi_guid *vendor)
{
    size_t name_length = name_length_of(name);
    struct variable *v = variables->first;

    if (name_length == VARIABLE_NAME_MAX)
        return EFI_INVALID_PARAMETER;
    if (name_length) {
        v = *variables_find(variables, name, name_length, vendor);
        if (!v || !visible(v, runtime))
            return EFI_INVALID_PARAMETER;
        v = v->next;
    }
    while (v && !visible(v, runtime))
        v = v->next;
    if (!v)
        return EFI_NOT_FOUND;
    memcpy(name, v->name, v->name_length * 2);
    name[v->name_length] = 0;
    *vendor = v->vendor;
    return EFI_SUCCESS;
}

void variables_info(struct variables *variables, uint64_t *maximum, uint64_t *remaining,
                    uint64_t *largest)
{
    *maximum = VARIABLE_STORE_MAX;
    *remaining = VARIABLE_STORE_MAX - variables->used;
    *largest = MIN(*remaining, VARIABLE_DATA_MAX);
}

void variables_identifier(struct variables *variables, uint8_t uuid[16])
{
    memcpy(uuid, variables->uuid, sizeof(variables->uuid));
}

/* A random UUID (RFC 9562, 5.4). */
static int uuid_make(uint8_t uuid[16])
{
    int ret = host_entropy(uuid, 16);

    uuid[6] = (uuid[6] & 0x0f) | 0x40;
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
    return ret;
}

int variables_create(struct variables **variables, int fd, const char *path, const struct log *log,
                     struct error *err)
{
    struct variables *v = calloc(1, sizeof(*v));
    int ret;

    if (!v || !(v->path = strdup(path ? path : ""))) {
        free(v);
        return error_set(err, ENOMEM, "out of memory for the EFI variables");
    }
    v->log = log;
    v->fd = fd;
    ret = uuid_make(v->uuid);
    if (ret)
        error_set(err, -ret, "no random numbers for the machine's identifier");
    else if (fd >= 0)
        ret = variables_file_open(v, err);
    if (ret) {
        variables_destroy(v);
        return ret;
    }
    *variables = v;
    return 0;
}

void variables_destroy(struct variables *variables)
{
    if (!variables)
        return;
    while (variables->first)
        free(variables_unlink(variables, &variables->first));
    free(variables->path);
    free(variables);
}

void variables_reset(struct variables *variables)
{
    struct variable **at = &variables->first;

    while (*at) {
        if ((*at)->attributes & VARIABLE_NON_VOLATILE)
            at = &(*at)->next;
        else
            free(variables_unlink(variables, at));
    }
}
