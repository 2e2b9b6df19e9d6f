/* SPDX-License-Identifier: ISC */
/*
 * A keyboard and a pointer between viewers that do anything (keysyms, text and chords of any bytes
 * among it) and two sinks that come, go and are full. Whatever happened: what a sink is told makes
 * sense, and when everything has been let go and taken, nothing is down.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "backend/input.h"
#include "fuzz.h"

#define STEPS    400
#define TEXT_MAX 64

struct sink {
    struct input_sink sink;
    bool attached, active;
    unsigned room;
    bool down[256];
    unsigned pressed;
    uint8_t buttons;
};

static bool sink_active(void *ctx)
{
    return ((struct sink *)ctx)->active;
}

static bool sink_key(void *ctx, uint16_t usage, bool down)
{
    struct sink *sink = ctx;

    if (sink->room == 0)
        return false;
    sink->room--;
    if (usage > 0xe7 || sink->down[usage] == down)
        abort(); /* no key, or nothing new */
    sink->down[usage] = down;
    sink->pressed += down ? 1 : -1u;
    return true;
}

static bool sink_pointer(void *ctx, const struct input_pointer *state)
{
    struct sink *sink = ctx;

    if (sink->room == 0)
        return false;
    sink->room--;
    if (state->x > INPUT_AXIS_MAX || state->y > INPUT_AXIS_MAX || state->buttons > 7)
        abort();
    sink->buttons = state->buttons;
    return true;
}

/* A driver that is started knows of nothing that is down. */
static void sink_change(struct input *in, struct sink *sink, bool active, unsigned room)
{
    if (!active && sink->active) {
        sink->active = false;
        input_sink_room(in);
        for (unsigned i = 0; i < 256; i++)
            sink->down[i] = false;
        sink->pressed = sink->buttons = 0;
    }
    sink->active = active;
    sink->room = room;
    input_sink_room(in);
}

static void sink_toggle(struct input *in, struct sink *sink)
{
    if (sink->attached)
        input_detach(in, &sink->sink);
    for (unsigned i = 0; i < 256; i++)
        sink->down[i] = false;
    sink->pressed = sink->buttons = 0;
    if (!sink->attached)
        input_attach(in, &sink->sink);
    sink->attached = !sink->attached;
}

static void release_all(struct input *in)
{
    for (unsigned usage = 0; usage < 256; usage++)
        input_key(in, usage, false);
    input_pointer(in, &(struct input_pointer){0});
}

static void check_end(struct input *in, struct sink sinks[2])
{
    for (unsigned i = 0; i < 2; i++)
        sinks[i].room = 10000;
    input_sink_room(in);
    release_all(in);
    input_sink_room(in);
    for (unsigned i = 0; i < 2; i++)
        if (sinks[i].attached && sinks[i].active && (sinks[i].pressed || sinks[i].buttons))
            abort();
}

static void step(struct input *in, struct sink sinks[2], struct fuzz_input *data)
{
    struct input_pointer pointer;
    char text[TEXT_MAX + 1] = "";
    struct sink *sink;
    struct error err;
    size_t length;

    switch (fuzz_take(data, 1) % 10) {
    case 0: input_key(in, (unsigned)fuzz_take(data, 1), fuzz_take(data, 1) & 1); break;
    case 1: input_keysym(in, (uint32_t)fuzz_take(data, 4), fuzz_take(data, 1) & 1); break;
    case 2: input_keysym(in, (uint32_t)fuzz_take(data, 1), fuzz_take(data, 1) & 1); break;
    case 3:
        pointer = (struct input_pointer){(uint16_t)fuzz_take(data, 2), (uint16_t)fuzz_take(data, 2),
                                         (uint8_t)fuzz_take(data, 1), (int8_t)fuzz_take(data, 1),
                                         (int8_t)fuzz_take(data, 1)};
        input_pointer(in, &pointer);
        break;
    case 4:
    case 5:
        length = fuzz_take(data, 1) % TEXT_MAX;
        for (size_t i = 0; i < length; i++)
            text[i] = (char)fuzz_take(data, 1);
        if (text[0] & 1)
            input_type(in, text, length, 0, &err);
        else
            input_chord(in, text, 0, &err);
        break;
    case 6: release_all(in); break;
    case 7: input_set_leds(in, (unsigned)fuzz_take(data, 1)); break;
    case 8:
        sink = &sinks[fuzz_take(data, 1) % 2];
        sink_change(in, sink, fuzz_take(data, 1) % 4, (unsigned)fuzz_take(data, 1) % 40);
        break;
    default: sink_toggle(in, &sinks[fuzz_take(data, 1) % 2]); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input data = {bytes, bytes + length};
    struct sink sinks[2] = {{.active = false}, {.active = false}};
    const char *name = NULL, *about;
    struct input *in;

    input_layout_info(fuzz_take(&data, 1) % 32, &name, &about);
    if (input_create(&in, name, NULL))
        return 0;
    for (unsigned i = 0; i < 2; i++)
        sinks[i].sink = (struct input_sink){
            .active = sink_active, .key = sink_key, .pointer = sink_pointer, .ctx = &sinks[i]};
    for (unsigned i = 0; i < STEPS && data.at < data.end; i++)
        step(in, sinks, &data);
    check_end(in, sinks);
    for (unsigned i = 0; i < 2; i++)
        if (sinks[i].attached)
            input_detach(in, &sinks[i].sink);
    input_free(in);
    return 0;
}
