/* SPDX-License-Identifier: ISC */
/*
 * Variables in a saved state: all of them, the volatile ones too. What a file holds meanwhile gives
 * way to what the guest that is loaded has been told.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/efi/variable_store.h"

#define UUID_LENGTH 16u

int variables_save(struct variables *variables, struct state *state, const char *instance)
{
    uint8_t *bytes = malloc(UUID_LENGTH + variables->used), *at = bytes;
    int ret;

    if (!bytes)
        return -ENOMEM;
    memcpy(at, variables->uuid, UUID_LENGTH);
    at += UUID_LENGTH;
    for (const struct variable *v = variables->first; v; v = v->next)
        at += variable_record_save(v, at);
    ret = state_save_bytes(state, instance, bytes, (size_t)(at - bytes));
    free(bytes);
    return ret;
}

static void clear(struct variables *variables)
{
    while (variables->first)
        free(variables_unlink(variables, &variables->first));
}

/* Fills an empty store from records. */
static bool read_records(struct variables *variables, const uint8_t *at, size_t left)
{
    while (left) {
        size_t size = variable_record_load(variables, at, left, 0);

        if (size == 0 || variables->used > VARIABLE_STORE_MAX)
            return false;
        at += size;
        left -= size;
    }
    return true;
}

int variables_load(struct variables *variables, const struct state *state, const char *instance,
                   struct error *err)
{
    struct variables loaded = {0};
    const void *bytes;
    size_t length;
    int ret = state_load_bytes(state, instance, &bytes, &length, err);

    if (ret)
        return ret;
    if (length < UUID_LENGTH ||
        !read_records(&loaded, (const uint8_t *)bytes + UUID_LENGTH, length - UUID_LENGTH)) {
        clear(&loaded);
        return error_set(err, EINVAL, "%s: these are no EFI variables", instance);
    }
    clear(variables);
    variables->first = loaded.first;
    variables->count = loaded.count;
    variables->used = loaded.used;
    memcpy(variables->uuid, bytes, UUID_LENGTH);
    ret = variables_file_write(variables);
    return ret ? error_set(err, -ret, "the EFI variables cannot be written: %s", strerror(-ret))
               : 0;
}
