/* SPDX-License-Identifier: ISC */
/*
 * The life of an input, and its keys and pointer one event at a time (backend/input.h).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/input/hub.h"
#include "host/thread.h"

/* --- life --- */

static int unknown_layout(const char *layout, struct error *err)
{
    char names[256] = "";
    size_t used = 0;

    for (size_t i = 0; layout_at(i); i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "",
                                 layout_name(layout_at(i)));
    return error_set(err, EINVAL, "\"%.32s\" is no keyboard layout; there are %s", layout, names);
}

int input_check_layout(const char *layout, struct error *err)
{
    return layout_find(layout) ? 0 : unknown_layout(layout, err);
}

int input_create(struct input **input, const char *layout, struct error *err)
{
    struct input *in;
    int ret = input_check_layout(layout, err);

    if (ret)
        return ret;
    in = calloc(1, sizeof(*in));
    if (!in)
        return error_set(err, ENOMEM, "out of memory");
    if (host_cond_init(&in->moved)) {
        free(in);
        return error_set(err, ENOMEM, "out of memory");
    }
    pthread_mutex_init(&in->lock, NULL);
    in->layout = layout_find(layout);
    *input = in;
    return 0;
}

void input_free(struct input *in)
{
    if (!in)
        return;
    pthread_cond_destroy(&in->moved);
    pthread_mutex_destroy(&in->lock);
    free(in);
}

int input_layout_info(size_t index, const char **name, const char **about)
{
    const struct layout *layout = layout_at(index);

    if (!layout)
        return -ENOENT;
    *name = layout_name(layout);
    *about = layout_about(layout);
    return 0;
}

void input_set_leds(struct input *in, unsigned leds)
{
    pthread_mutex_lock(&in->lock);
    in->leds = leds;
    pthread_cond_broadcast(&in->moved);
    pthread_mutex_unlock(&in->lock);
}

uint32_t input_character(const struct input *in, unsigned usage, bool shift, bool altgr)
{
    return layout_character(in->layout, usage,
                            (shift ? STROKE_SHIFT : 0) | (altgr ? STROKE_ALTGR : 0));
}

unsigned input_leds(const struct input *input)
{
    struct input *in = (struct input *)(uintptr_t)input; /* for its lock */
    unsigned leds;

    pthread_mutex_lock(&in->lock);
    leds = in->leds;
    pthread_mutex_unlock(&in->lock);
    return leds;
}

/* --- from viewers --- */

static bool is_key(unsigned usage)
{
    return (usage >= USAGE_A && usage <= 0xa4) ||
           (usage >= USAGE_LEFT_CONTROL && usage <= USAGE_LAST);
}

static int put_key(struct input *in, unsigned usage, bool down)
{
    struct keys keys = {0};

    if (keyset_has(&in->wanted, usage) == down)
        return 0;
    keys_add(&keys, usage, down);
    return hub_put(in, &keys, 0);
}

int input_key(struct input *in, unsigned usage, bool down)
{
    int ret;

    if (!is_key(usage))
        return -EINVAL;
    pthread_mutex_lock(&in->lock);
    ret = put_key(in, usage, down);
    pthread_mutex_unlock(&in->lock);
    return ret;
}

static struct input_pointer checked(const struct input_pointer *state)
{
    struct input_pointer pointer = *state;

    pointer.x = MIN(pointer.x, INPUT_AXIS_MAX);
    pointer.y = MIN(pointer.y, INPUT_AXIS_MAX);
    pointer.buttons &= INPUT_LEFT | INPUT_RIGHT | INPUT_MIDDLE;
    return pointer;
}

int input_pointer(struct input *in, const struct input_pointer *state)
{
    const struct input_pointer pointer = checked(state);
    int ret;

    pthread_mutex_lock(&in->lock);
    ret = hub_put_pointer(in, &pointer);
    pthread_mutex_unlock(&in->lock);
    return ret;
}

/* --- from those who wait --- */

int input_flush(struct input *in, unsigned timeout_ms)
{
    uint64_t deadline = hub_deadline(timeout_ms);
    int ret;

    pthread_mutex_lock(&in->lock);
    ret = hub_wait(in, in->number, 0, deadline);
    pthread_mutex_unlock(&in->lock);
    return ret;
}

/* Waits for the event that was just put in; one that comes too late is dropped if it presses
 * something. */
static int settle(struct input *in, bool presses, uint64_t deadline)
{
    uint64_t number = in->number;
    int ret = hub_wait(in, number, 0, deadline);

    if (ret == -ETIMEDOUT && presses)
        hub_drop(in, number);
    return ret;
}

/* Why nobody took it. */
static int untaken(const struct input *in, int ret, const char *device, struct error *err)
{
    if (ret == -ETIMEDOUT && !hub_active(in))
        return error_set(err, ETIMEDOUT, "the guest has no driver for its %s yet", device);
    if (ret == -ETIMEDOUT)
        return error_set(err, ETIMEDOUT, "the guest's driver did not take the %s's input in time",
                         device);
    if (ret == -ECANCELED)
        return error_set(err, ECANCELED, "the machine was reset or stopped meanwhile");
    if (ret == -ENOSPC)
        return error_set(err, ENOSPC, "too much input for the guest waits already");
    return ret;
}

int input_key_within(struct input *in, unsigned usage, bool down, unsigned timeout_ms,
                     struct error *err)
{
    uint64_t deadline = hub_deadline(timeout_ms);
    int ret;

    if (!is_key(usage))
        return error_set(err, EINVAL,
                         "%#x is no key: usages are 0x04 to 0xa4 and 0xe0 to 0xe7 (HID Usage "
                         "Tables, page 7)",
                         usage);
    pthread_mutex_lock(&in->lock);
    ret = put_key(in, usage, down);
    ret = ret ? ret : settle(in, down, deadline);
    ret = untaken(in, ret, "keyboard", err);
    pthread_mutex_unlock(&in->lock);
    return ret;
}

int input_pointer_within(struct input *in, const struct input_pointer *state, unsigned timeout_ms,
                         struct error *err)
{
    const struct input_pointer pointer = checked(state);
    uint64_t deadline = hub_deadline(timeout_ms);
    bool presses;
    int ret;

    pthread_mutex_lock(&in->lock);
    presses = (pointer.buttons & ~in->wanted_pointer.buttons) != 0;
    ret = hub_put_pointer(in, &pointer);
    ret = ret ? ret : settle(in, presses, deadline);
    ret = untaken(in, ret, "pointer", err);
    pthread_mutex_unlock(&in->lock);
    return ret;
}
