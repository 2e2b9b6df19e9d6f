/* SPDX-License-Identifier: ISC */
/*
 * The keyboard and the pointer: backend/input.h with the machine's screen to measure pixels by.
 */
#include <errno.h>

#include "backend/display.h"
#include "machine/machine.h"

static struct machine *inside(struct atoll *vm)
{
    return (struct machine *)vm;
}

static int no_input(struct error *err)
{
    return error_set(err, ENODEV,
                     "the machine has neither keyboard nor pointer; give it a display, or --input "
                     "usb or virtio");
}

int machine_key(struct atoll *vm, unsigned usage, bool down, unsigned timeout_ms, struct error *err)
{
    struct input *input = inside(vm)->input;

    return input ? input_key_within(input, usage, down, timeout_ms, err) : no_input(err);
}

int machine_chord(struct atoll *vm, const char *keys, unsigned timeout_ms, struct error *err)
{
    struct input *input = inside(vm)->input;

    return input ? input_chord(input, keys, timeout_ms, err) : no_input(err);
}

int machine_type(struct atoll *vm, const char *utf8, size_t length, unsigned timeout_ms,
                 struct error *err)
{
    struct input *input = inside(vm)->input;

    return input ? input_type(input, utf8, length, timeout_ms, err) : no_input(err);
}

/* What the guest shows now; before that, and without a GPU, what it could show. */
static void screen_size(struct machine *m, unsigned *width, unsigned *height)
{
    struct display *display = m->screen.display;

    *width = m->config.gpu.width ? m->config.gpu.width : INPUT_AXIS_MAX + 1;
    *height = m->config.gpu.height ? m->config.gpu.height : INPUT_AXIS_MAX + 1;
    if (!display)
        return;
    display_lock(display);
    if (display_surface(display).pixels) {
        *width = display_surface(display).width;
        *height = display_surface(display).height;
    }
    display_unlock(display);
}

/* The middle of the pixel, and the very ends for the outermost: whether a guest rounds or cuts off,
 * it finds the same pixel. */
static uint16_t axis(unsigned pixel, unsigned count)
{
    if (pixel == 0)
        return 0;
    if (pixel + 1 == count)
        return INPUT_AXIS_MAX;
    return (uint16_t)((2 * (uint64_t)pixel + 1) * (INPUT_AXIS_MAX + 1) / (2 * (uint64_t)count));
}

int machine_pointer(struct atoll *vm, unsigned x, unsigned y, unsigned buttons, int wheel,
                    unsigned timeout_ms, struct error *err)
{
    struct machine *m = inside(vm);
    struct input_pointer state = {.buttons = (uint8_t)buttons};
    unsigned width, height;

    _Static_assert(ATOLL_BUTTON_LEFT == INPUT_LEFT && ATOLL_BUTTON_RIGHT == INPUT_RIGHT &&
                       ATOLL_BUTTON_MIDDLE == INPUT_MIDDLE,
                   "the same bits");
    if (!m->input)
        return no_input(err);
    screen_size(m, &width, &height);
    if (x >= width || y >= height)
        return error_set(err, EINVAL, "(%u, %u) is not on the screen of %ux%u", x, y, width,
                         height);
    if (buttons & ~(INPUT_LEFT | INPUT_RIGHT | INPUT_MIDDLE))
        return error_set(err, EINVAL, "%#x are no buttons", buttons);
    if (wheel < INT8_MIN || wheel > INT8_MAX)
        return error_set(err, EINVAL, "%d notches are too many at once; %d are possible", wheel,
                         INT8_MAX);
    state.x = axis(x, width);
    state.y = axis(y, height);
    state.wheel = (int8_t)wheel;
    return input_pointer_within(m->input, &state, timeout_ms, err);
}
