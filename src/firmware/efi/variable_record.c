/* SPDX-License-Identifier: ISC */
/*
 * A variable as bytes, in the file of variables and in saved states. Numbers are little-endian.
 *
 *     attributes (4), units of the name (4), bytes of data (4), vendor GUID (16), the name without
 * a NUL, the data, zeros up to a multiple of 4
 */
#include <string.h>

#include "base/endian.h"
#include "firmware/efi/variable_store.h"

enum {
    RECORD_ATTRIBUTES = 0,
    RECORD_NAME = 4,
    RECORD_DATA = 8,
    RECORD_VENDOR = 12,
    RECORD_HEADER = 28,
};

uint32_t variable_record_save(const struct variable *v, uint8_t *to)
{
    uint32_t size = (uint32_t)variable_cost(v->name_length, v->length);

    memset(to, 0, size);
    store_le32(to + RECORD_ATTRIBUTES, v->attributes);
    store_le32(to + RECORD_NAME, (uint32_t)v->name_length);
    store_le32(to + RECORD_DATA, (uint32_t)v->length);
    memcpy(to + RECORD_VENDOR, &v->vendor, sizeof(v->vendor));
    memcpy(to + RECORD_HEADER, v->name, v->name_length * 2);
    memcpy(to + RECORD_HEADER + v->name_length * 2, v->data, v->length);
    return size;
}

size_t variable_record_load(struct variables *variables, const uint8_t *record, size_t left,
                            uint32_t required)
{
    const uint32_t allowed =
        VARIABLE_NON_VOLATILE | VARIABLE_BOOTSERVICE_ACCESS | VARIABLE_RUNTIME_ACCESS;
    uint32_t attributes, name_length, length;
    uint16_t name[VARIABLE_NAME_MAX];
    struct efi_guid vendor;
    struct variable **at, *v;
    size_t size;

    if (left < RECORD_HEADER)
        return 0;
    attributes = load_le32(record + RECORD_ATTRIBUTES);
    name_length = load_le32(record + RECORD_NAME);
    length = load_le32(record + RECORD_DATA);
    if (attributes & ~allowed || (attributes & required) != required || name_length == 0 ||
        name_length >= VARIABLE_NAME_MAX || length > VARIABLE_DATA_MAX)
        return 0;
    size = variable_cost(name_length, length);
    if (size > left || variables->count == VARIABLE_COUNT_MAX)
        return 0;
    memcpy(&vendor, record + RECORD_VENDOR, sizeof(vendor));
    memcpy(name, record + RECORD_HEADER, name_length * 2);
    for (uint32_t i = 0; i < name_length; i++) {
        if (name[i] == 0)
            return 0;
    }
    at = variables_find(variables, name, name_length, &vendor);
    v = *at ? NULL : variable_new(name, name_length, &vendor, attributes, length);
    if (!v)
        return 0;
    memcpy(v->data, record + RECORD_HEADER + name_length * 2, length);
    variables_link(variables, at, v);
    return size;
}
