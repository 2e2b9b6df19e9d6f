/* SPDX-License-Identifier: ISC */
/*
 * Saved state: named, typed, versioned fields, one table a device, never a raw struct.
 *
 * A state is a list of sections, one for each instance ("gicv3", "virtio-blk0",
 * "virtio-blk0/queue0"), each with its device's table name and version and a list of fields (name,
 * type, count, bytes, little-endian). A device describes its struct once:
 *
 *     static const struct state_field pl031_fields[] = {
 *         STATE_FIELD(struct pl031, offset, STATE_U64),
 *         STATE_FIELD(struct pl031, imsc, STATE_U32),
 *         STATE_ARRAY(struct pl031, fifo, STATE_U8, 16),
 *     };
 *     static const struct state_table pl031_table = {"pl031", 1, pl031_fields,
 * nitems(pl031_fields)};
 *
 * Loading refuses, by name, a missing section, a field in the state that the table does not know, a
 * field in the table that the state lacks (unless .optional) and a type or count that differ. What
 * a state says is input like any other: a device's load function checks the values afterwards.
 */
#ifndef BASE_STATE_H
#define BASE_STATE_H

#include "base/bits.h"
#include "base/error.h"

#define STATE_MAX_FIELDS 128 /* in a table */

enum state_type { STATE_U8 = 1, STATE_U16, STATE_U32, STATE_U64, STATE_BOOL };

struct state_field {
    const char *name;
    enum state_type type;
    size_t offset; /* in the object */
    size_t count;  /* elements of an array; 1 for a scalar */
    bool optional; /* may be missing from a state; the object keeps its value then */
};

struct state_table {
    const char *device;
    uint32_t version;
    const struct state_field *fields;
    size_t count;
};

#define STATE_FIELD(type_, member, kind)                                                           \
    {                                                                                              \
#member, kind, offsetof(type_, member), 1, false                                           \
    }
#define STATE_ARRAY(type_, member, kind, n)                                                        \
    {                                                                                              \
#member, kind, offsetof(type_, member), n, false                                           \
    }

/* A state under construction, or read back: a growing buffer of sections. One thread at a time. */
struct state;

/* Returns a new empty state, or NULL when memory is short. */
struct state *state_new(void);
void state_free(struct state *state);

/* Appends `object` as section `instance` by `table`. Returns 0 or -ENOMEM. */
int state_save(struct state *state, const char *instance, const struct state_table *table,
               const void *object);

/* Fills `object` from section `instance`. Returns 0, -ENOENT (no such section) or -EINVAL; `err`
 * names it. */
int state_load(const struct state *state, const char *instance, const struct state_table *table,
               void *object, struct error *err);

/* Bytes of a length known only at run time, as a section of their own. Returns 0 or -ENOMEM. */
int state_save_bytes(struct state *state, const char *instance, const void *bytes, size_t length);

/* Finds such a section: *bytes points into the state (owned by it). Returns 0 or -ENOENT. */
int state_load_bytes(const struct state *state, const char *instance, const void **bytes,
                     size_t *length, struct error *err);

/* The whole state as bytes (owned by the state, valid until it changes), and back: state_parse
 * copies `bytes`, checks the structure and returns NULL with `err` set when it is malformed. */
const void *state_bytes(const struct state *state, size_t *length);
struct state *state_parse(const void *bytes, size_t length, struct error *err);

#endif
