/* SPDX-License-Identifier: ISC */
/*
 * The saved state's encoding. All numbers are little-endian.
 *
 *     header   "ATOLLSTA", u32 format version
 *     section  u32 length of what follows, string instance, string device, u32 version, fields
 *     field    string name, u8 type, u32 count, count * size bytes
 *     string   u16 length, bytes (no NUL)
 *
 * A section of bytes has the device name "" and the bytes in place of its fields.
 */
#include "base/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"

#define STATE_MAGIC   "ATOLLSTA"
#define STATE_VERSION 1
#define HEADER_LENGTH (sizeof(STATE_MAGIC) - 1 + 4)

struct state {
    uint8_t *data;
    size_t length, capacity;
};

/* A bounded reader over bytes that may be anything; `bad` latches the first overrun. */
struct cursor {
    const uint8_t *at, *end;
    bool bad;
};

struct section {
    struct cursor instance, device, body;
    uint32_t version;
};

static size_t type_size(enum state_type type)
{
    static const uint8_t sizes[] = {
        [STATE_U8] = 1, [STATE_U16] = 2, [STATE_U32] = 4, [STATE_U64] = 8, [STATE_BOOL] = 1};

    return (size_t)type < nitems(sizes) ? sizes[type] : 0;
}

static int put(struct state *state, const void *bytes, size_t length)
{
    if (state->capacity - state->length < length) {
        size_t capacity = MAX(state->capacity * 2, state->length + length + 4096);
        uint8_t *data = realloc(state->data, capacity);

        if (!data)
            return -ENOMEM;
        state->data = data;
        state->capacity = capacity;
    }
    if (length)
        memcpy(state->data + state->length, bytes, length);
    state->length += length;
    return 0;
}

static int put_u32(struct state *state, uint32_t value)
{
    uint8_t bytes[4];

    store_le32(bytes, value);
    return put(state, bytes, sizeof(bytes));
}

static int put_string(struct state *state, const char *string)
{
    uint8_t bytes[2];
    size_t length = strlen(string);
    int ret;

    store_le16(bytes, (uint16_t)length);
    ret = put(state, bytes, sizeof(bytes));
    return ret ? ret : put(state, string, length);
}

static struct cursor take(struct cursor *from, size_t length)
{
    struct cursor part = {from->at, from->at, false};

    if (from->bad || (size_t)(from->end - from->at) < length) {
        from->bad = true;
        return part;
    }
    from->at += length;
    part.end = from->at;
    return part;
}

static uint32_t take_u32(struct cursor *from)
{
    struct cursor part = take(from, 4);

    return from->bad ? 0 : load_le32(part.at);
}

static struct cursor take_string(struct cursor *from)
{
    struct cursor part = take(from, 2);

    return take(from, from->bad ? 0 : load_le16(part.at));
}

static bool equals(const struct cursor *string, const char *with)
{
    size_t length = (size_t)(string->end - string->at);

    return length == strlen(with) && (length == 0 || memcmp(string->at, with, length) == 0);
}

struct state *state_new(void)
{
    struct state *state = calloc(1, sizeof(*state));

    if (!state || put(state, STATE_MAGIC, sizeof(STATE_MAGIC) - 1) ||
        put_u32(state, STATE_VERSION)) {
        state_free(state);
        return NULL;
    }
    return state;
}

void state_free(struct state *state)
{
    if (!state)
        return;
    free(state->data);
    free(state);
}

static int section_begin(struct state *state, const char *instance, const char *device,
                         uint32_t version)
{
    int ret = put_u32(state, 0);

    ret = ret ? ret : put_string(state, instance);
    ret = ret ? ret : put_string(state, device);
    return ret ? ret : put_u32(state, version);
}

/* Completes the section that began at `start`, or drops it when something failed. */
static int section_end(struct state *state, size_t start, int ret)
{
    if (ret)
        state->length = start;
    else
        store_le32(state->data + start, (uint32_t)(state->length - start - 4));
    return ret;
}

static int put_field(struct state *state, const struct state_field *field, const void *object)
{
    uint8_t type = (uint8_t)field->type;
    int ret = put_string(state, field->name);

    ret = ret ? ret : put(state, &type, 1);
    ret = ret ? ret : put_u32(state, (uint32_t)field->count);
    return ret ? ret
               : put(state, (const uint8_t *)object + field->offset,
                     field->count * type_size(field->type));
}

int state_save(struct state *state, const char *instance, const struct state_table *table,
               const void *object)
{
    size_t start = state->length;
    int ret = section_begin(state, instance, table->device, table->version);

    for (size_t i = 0; i < table->count && !ret; i++)
        ret = put_field(state, &table->fields[i], object);
    return section_end(state, start, ret);
}

int state_save_bytes(struct state *state, const char *instance, const void *bytes, size_t length)
{
    size_t start = state->length;
    int ret = section_begin(state, instance, "", 0);

    ret = ret ? ret : put(state, bytes, length);
    return section_end(state, start, ret);
}

/* Reads the next section; false at the end or when the state is malformed (cursor->bad). */
static bool next_section(struct cursor *from, struct section *section)
{
    if (from->bad || from->at == from->end)
        return false;
    section->body = take(from, take_u32(from));
    section->instance = take_string(&section->body);
    section->device = take_string(&section->body);
    section->version = take_u32(&section->body);
    from->bad |= section->body.bad;
    return !from->bad;
}

static bool find_section(const struct state *state, const char *instance, struct section *section)
{
    struct cursor all = {state->data + HEADER_LENGTH, state->data + state->length, false};

    while (next_section(&all, section))
        if (equals(&section->instance, instance))
            return true;
    return false;
}

static const struct state_field *find_field(const struct state_table *table,
                                            const struct cursor *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (equals(name, table->fields[i].name))
            return &table->fields[i];
    return NULL;
}

/* Copies one field, bool normalised so that no foreign byte becomes a trap representation. */
static void store_field(const struct state_field *field, const struct cursor *bytes, void *object)
{
    uint8_t *to = (uint8_t *)object + field->offset;
    size_t length = (size_t)(bytes->end - bytes->at);

    if (field->type != STATE_BOOL) {
        memcpy(to, bytes->at, length);
        return;
    }
    for (size_t i = 0; i < length; i++)
        to[i] = bytes->at[i] != 0;
}

static int load_field(struct section *section, const char *instance,
                      const struct state_table *table, void *object, bool *seen, struct error *err)
{
    struct cursor name = take_string(&section->body), type = take(&section->body, 1), bytes;
    uint32_t count = take_u32(&section->body);
    const struct state_field *field;
    int length = (int)(name.end - name.at);

    if (section->body.bad)
        return error_set(err, EINVAL, "saved state: section \"%s\" is cut short", instance);
    field = find_field(table, &name);
    if (!field)
        return error_set(
            err, EINVAL,
            "saved state: section \"%s\" has a field \"%.*s\" that this version of Atoll "
            "does not know",
            instance, length, (const char *)name.at);
    if (*type.at != field->type || count != field->count)
        return error_set(
            err, EINVAL,
            "saved state: field \"%s\" of \"%s\" has type %u and %u elements, expected "
            "type %u and %zu",
            field->name, instance, *type.at, count, field->type, field->count);
    bytes = take(&section->body, field->count * type_size(field->type));
    if (section->body.bad)
        return error_set(err, EINVAL, "saved state: section \"%s\" is cut short", instance);
    store_field(field, &bytes, object);
    seen[field - table->fields] = true;
    return 0;
}

int state_load(const struct state *state, const char *instance, const struct state_table *table,
               void *object, struct error *err)
{
    struct section section;
    bool seen[STATE_MAX_FIELDS] = {false};

    if (table->count > STATE_MAX_FIELDS)
        return error_set(err, EINVAL, "saved state: table \"%s\" has more than %d fields",
                         table->device, STATE_MAX_FIELDS);
    if (!find_section(state, instance, &section))
        return error_set(err, ENOENT, "saved state: no section \"%s\"", instance);
    if (!equals(&section.device, table->device) || section.version > table->version)
        return error_set(
            err, EINVAL,
            "saved state: section \"%s\" is version %u of \"%.*s\", expected \"%s\" up to "
            "version %u",
            instance, section.version, (int)(section.device.end - section.device.at),
            (const char *)section.device.at, table->device, table->version);
    while (section.body.at != section.body.end) {
        int ret = load_field(&section, instance, table, object, seen, err);

        if (ret)
            return ret;
    }
    for (size_t i = 0; i < table->count; i++)
        if (!seen[i] && !table->fields[i].optional)
            return error_set(err, EINVAL, "saved state: section \"%s\" lacks the field \"%s\"",
                             instance, table->fields[i].name);
    return 0;
}

int state_load_bytes(const struct state *state, const char *instance, const void **bytes,
                     size_t *length, struct error *err)
{
    struct section section;

    if (!find_section(state, instance, &section) || !equals(&section.device, ""))
        return error_set(err, ENOENT, "saved state: no section \"%s\"", instance);
    *bytes = section.body.at;
    *length = (size_t)(section.body.end - section.body.at);
    return 0;
}

const void *state_bytes(const struct state *state, size_t *length)
{
    *length = state->length;
    return state->data;
}

struct state *state_parse(const void *bytes, size_t length, struct error *err)
{
    struct cursor all;
    struct section section;
    struct state *state;

    if (length < HEADER_LENGTH || memcmp(bytes, STATE_MAGIC, sizeof(STATE_MAGIC) - 1) != 0) {
        error_set(err, EINVAL, "saved state: not one of Atoll's (no \"%s\" at its start)",
                  STATE_MAGIC);
        return NULL;
    }
    all = (struct cursor){(const uint8_t *)bytes + HEADER_LENGTH, (const uint8_t *)bytes + length,
                          false};
    if (load_le32((const uint8_t *)bytes + HEADER_LENGTH - 4) != STATE_VERSION) {
        error_set(err, EINVAL, "saved state: written by a version of Atoll that is not compatible");
        return NULL;
    }
    while (next_section(&all, &section))
        ;
    if (all.bad) {
        error_set(err, EINVAL, "saved state: cut short or malformed");
        return NULL;
    }
    state = calloc(1, sizeof(*state));
    if (!state || put(state, bytes, length)) {
        state_free(state);
        error_set(err, ENOMEM, "saved state: out of memory");
        return NULL;
    }
    return state;
}
