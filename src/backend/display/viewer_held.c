/* SPDX-License-Identifier: ISC */
/*
 * What a viewer's people hold down, since keys are let go when their viewer has gone, and only
 * those: other viewers and scripts are at the same keyboard.
 */
#include "backend/display/viewer_private.h"

static void put(struct viewer *v, uint32_t message, uint32_t key, bool down)
{
    if (message == VIEWER_KEYSYM)
        input_keysym(v->config.input, key, down);
    else
        input_key(v->config.input, key, down);
}

/* Where the key is among those that are down; or behind the last. */
static unsigned find(const struct viewer *v, const struct viewer_key *key)
{
    unsigned i = 0;

    while (i < v->held.count &&
           (v->held.keys[i].message != key->message || v->held.keys[i].key != key->key))
        i++;
    return i;
}

void held_key(struct viewer *v, const struct viewer_key *key)
{
    unsigned i = find(v, key);

    if (key->down && i == VIEWER_HELD)
        return; /* more than the fingers of all who may watch */
    if (key->down && i == v->held.count)
        v->held.keys[v->held.count++] = *key;
    else if (!key->down && i < v->held.count)
        v->held.keys[i] = v->held.keys[--v->held.count];
    put(v, key->message, key->key, key->down != 0);
}

void held_pointer(struct viewer *v, const struct input_pointer *pointer)
{
    v->held.pointer = *pointer;
    input_pointer(v->config.input, pointer);
}

void held_let_go(struct viewer *v)
{
    while (v->held.count > 0) {
        const struct viewer_key *key = &v->held.keys[--v->held.count];

        put(v, key->message, key->key, false);
    }
    if (!v->held.pointer.buttons)
        return;
    v->held.pointer.buttons = 0;
    v->held.pointer.wheel = v->held.pointer.pan = 0;
    input_pointer(v->config.input, &v->held.pointer);
}
