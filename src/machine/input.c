/* SPDX-License-Identifier: ISC */
/*
 * The public face of the keyboard and the pointer (include/atoll/atoll.h): backend/input.h with the
 * machine's screen to measure pixels by.
 */
#include <errno.h>

#include "backend/display.h"
#include "machine/machine.h"

static struct machine *inside(struct atoll *vm)
{
    return (struct machine *)vm;
}

static struct error *error_of(struct atoll_error *error)
{
    return (struct error *)error;
}

static int no_input(struct atoll_error *error)
{
    return error_set(error_of(error), ENODEV,
                     "the machine has neither keyboard nor pointer; give it a display, or --input "
                     "usb or virtio");
}

int atoll_key(struct atoll *vm, unsigned usage, bool down, unsigned timeout_ms,
              struct atoll_error *error)
{
    struct input *input = inside(vm)->input;

    return input ? input_key_within(input, usage, down, timeout_ms, error_of(error))
                 : no_input(error);
}

int atoll_chord(struct atoll *vm, const char *keys, unsigned timeout_ms, struct atoll_error *error)
{
    struct input *input = inside(vm)->input;

    return input ? input_chord(input, keys, timeout_ms, error_of(error)) : no_input(error);
}

int atoll_type(struct atoll *vm, const char *utf8, size_t length, unsigned timeout_ms,
               struct atoll_error *error)
{
    struct input *input = inside(vm)->input;

    return input ? input_type(input, utf8, length, timeout_ms, error_of(error)) : no_input(error);
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

int atoll_pointer(struct atoll *vm, unsigned x, unsigned y, unsigned buttons, int wheel,
                  unsigned timeout_ms, struct atoll_error *error)
{
    struct machine *m = inside(vm);
    struct input_pointer state = {.buttons = (uint8_t)buttons};
    unsigned width, height;

    _Static_assert(ATOLL_BUTTON_LEFT == INPUT_LEFT && ATOLL_BUTTON_RIGHT == INPUT_RIGHT &&
                       ATOLL_BUTTON_MIDDLE == INPUT_MIDDLE,
                   "the same bits");
    if (!m->input)
        return no_input(error);
    screen_size(m, &width, &height);
    if (x >= width || y >= height)
        return error_set(error_of(error), EINVAL, "(%u, %u) is not on the screen of %ux%u", x, y,
                         width, height);
    if (buttons & ~(INPUT_LEFT | INPUT_RIGHT | INPUT_MIDDLE))
        return error_set(error_of(error), EINVAL, "%#x are no buttons", buttons);
    if (wheel < INT8_MIN || wheel > INT8_MAX)
        return error_set(error_of(error), EINVAL,
                         "%d notches are too many at once; %d are possible", wheel, INT8_MAX);
    state.x = axis(x, width);
    state.y = axis(y, height);
    state.wheel = (int8_t)wheel;
    return input_pointer_within(m->input, &state, timeout_ms, error_of(error));
}

int atoll_keyboard_info(size_t index, const char **name, const char **about)
{
    return input_layout_info(index, name, about);
}
