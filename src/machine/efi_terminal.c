/* SPDX-License-Identifier: ISC */
#include "machine/efi_terminal.h"

#include <errno.h>
#include <string.h>

#include "machine/efi.h"
#include "virtio/devices.h"

/* --- the serial port --- */

static void write_serial(void *ctx, const uint8_t *bytes, size_t length)
{
    struct efi_terminal *t = ctx;

    console_write(t->machine->uart_console, bytes, length);
}

static size_t read_serial(void *ctx, uint8_t *bytes, size_t room)
{
    struct efi_terminal *t = ctx;
    bool was_full;
    size_t n;

    pthread_mutex_lock(&t->lock);
    n = MIN(room, t->length);
    was_full = t->length == EFI_TERMINAL_BYTES;
    memcpy(bytes, t->bytes, n);
    memmove(t->bytes, t->bytes + n, t->length - n);
    t->length -= n;
    pthread_mutex_unlock(&t->lock);
    if (was_full && n)
        console_resume(t->machine->uart_console);
    return n;
}

size_t efi_terminal_receive(struct efi_terminal *t, const uint8_t *bytes, size_t length)
{
    size_t n;

    pthread_mutex_lock(&t->lock);
    n = MIN(length, EFI_TERMINAL_BYTES - t->length);
    memcpy(t->bytes + t->length, bytes, n);
    t->length += n;
    pthread_mutex_unlock(&t->lock);
    return n;
}

/* --- the keyboard --- */

/* Keys that make no character: usages of page 7 and EFI's scan codes (UEFI 2.10, 12.1.2). */
static const struct {
    uint16_t usage, scan, unicode;
} special[] = {
    {0x28, 0, '\r'}, {0x29, 0x17, 0}, {0x2a, 0, '\b'}, {0x2b, 0, '\t'}, {0x3a, 0x0b, 0},
    {0x3b, 0x0c, 0}, {0x3c, 0x0d, 0}, {0x3d, 0x0e, 0}, {0x3e, 0x0f, 0}, {0x3f, 0x10, 0},
    {0x40, 0x11, 0}, {0x41, 0x12, 0}, {0x42, 0x13, 0}, {0x43, 0x14, 0}, {0x44, 0x15, 0},
    {0x45, 0x16, 0}, {0x49, 0x07, 0}, {0x4a, 0x05, 0}, {0x4b, 0x09, 0}, {0x4c, 0x08, 0},
    {0x4d, 0x06, 0}, {0x4e, 0x0a, 0}, {0x4f, 0x03, 0}, {0x50, 0x04, 0}, {0x51, 0x02, 0},
    {0x52, 0x01, 0}, {0x54, 0, '/'},  {0x55, 0, '*'},  {0x56, 0, '-'},  {0x57, 0, '+'},
    {0x58, 0, '\r'}, {0x59, 0, '1'},  {0x5a, 0, '2'},  {0x5b, 0, '3'},  {0x5c, 0, '4'},
    {0x5d, 0, '5'},  {0x5e, 0, '6'},  {0x5f, 0, '7'},  {0x60, 0, '8'},  {0x61, 0, '9'},
    {0x62, 0, '0'},  {0x63, 0, '.'},
};

/* Usages e0 to e7. */
static const uint32_t shift_states[] = {
    EFI_LEFT_CONTROL_PRESSED, EFI_LEFT_SHIFT_PRESSED,    EFI_LEFT_ALT_PRESSED,
    EFI_LEFT_LOGO_PRESSED,    EFI_RIGHT_CONTROL_PRESSED, EFI_RIGHT_SHIFT_PRESSED,
    EFI_RIGHT_ALT_PRESSED,    EFI_RIGHT_LOGO_PRESSED,
};

static struct efi_key translate(const struct efi_terminal *t, uint16_t usage)
{
    struct efi_key key = {.shift = EFI_SHIFT_STATE_VALID | t->held};
    uint32_t character;

    for (size_t i = 0; i < nitems(special); i++)
        if (special[i].usage == usage) {
            key.scan = special[i].scan;
            key.unicode = special[i].unicode;
            return key;
        }
    character = input_character(t->machine->input, usage,
                                t->held & (EFI_LEFT_SHIFT_PRESSED | EFI_RIGHT_SHIFT_PRESSED),
                                t->held & EFI_RIGHT_ALT_PRESSED);
    if (character <= 0xffff) /* what is above is on no layout */
        key.unicode = (uint16_t)character;
    return key;
}

static bool take_key(void *ctx, uint16_t usage, bool down)
{
    struct efi_terminal *t = ctx;
    struct efi_key key;
    bool room;

    if (usage >= 0xe0 && usage < 0xe0 + nitems(shift_states)) {
        uint32_t bit = shift_states[usage - 0xe0];

        t->held = down ? t->held | bit : t->held & ~bit;
        return true;
    }
    key = translate(t, usage);
    if (!down || (!key.scan && !key.unicode))
        return true;
    pthread_mutex_lock(&t->lock);
    room = t->count < EFI_TERMINAL_KEYS;
    if (room)
        t->keys[(t->first + t->count++) % EFI_TERMINAL_KEYS] = key;
    pthread_mutex_unlock(&t->lock);
    return room;
}

static bool take_pointer(void *ctx, const struct input_pointer *state)
{
    return true; /* EFI programs have none */
}

static bool is_booting(void *ctx)
{
    return machine_efi_booting(((struct efi_terminal *)ctx)->machine);
}

static bool read_key(void *ctx, struct efi_key *key)
{
    struct efi_terminal *t = ctx;
    bool some, was_full;

    pthread_mutex_lock(&t->lock);
    some = t->count > 0;
    was_full = t->count == EFI_TERMINAL_KEYS;
    if (some) {
        *key = t->keys[t->first];
        t->first = (t->first + 1) % EFI_TERMINAL_KEYS;
        t->count--;
    }
    pthread_mutex_unlock(&t->lock);
    if (was_full)
        input_sink_room(t->machine->input);
    return some;
}

void efi_terminal_drop(struct efi_terminal *t)
{
    if (!t->machine)
        return;
    pthread_mutex_lock(&t->lock);
    t->length = 0;
    t->count = 0;
    pthread_mutex_unlock(&t->lock);
    if (t->machine->uart_console)
        console_resume(t->machine->uart_console);
    if (t->machine->input)
        input_sink_room(t->machine->input);
}

/* --- the display --- */

/* On a screen of which programs know nothing: its pixels are ours alone. */
static void draw_picture(void *ctx, const struct display_rect *rect, const uint32_t *pixels)
{
    struct efi_terminal *t = ctx;
    struct display *display = t->machine->screen.display;

    display_lock(display);
    for (uint32_t y = 0; y < rect->height; y++)
        memcpy(t->picture->pixels + (size_t)(rect->y + y) * t->picture->width + rect->x,
               pixels + (size_t)y * rect->width, (size_t)rect->width * sizeof(*pixels));
    display_unlock(display);
    display_changed(display, rect);
}

/* On the frame buffer that programs may draw on as well (Graphics Output Protocol). */
static void draw_frame_buffer(void *ctx, const struct display_rect *rect, const uint32_t *pixels)
{
    struct efi_terminal *t = ctx;
    uint64_t stride = (uint64_t)t->machine->config.gpu.width * sizeof(*pixels);
    uint64_t line = t->frame_buffer + rect->y * stride + rect->x * sizeof(*pixels);

    for (uint32_t y = 0; y < rect->height; y++, line += stride)
        mem_write(t->machine->mem, line, pixels + (size_t)y * rect->width,
                  rect->width * sizeof(*pixels));
}

static int begin_display(struct efi_terminal *t, struct efi_config *config, struct error *err)
{
    const struct atoll_gpu *gpu = &t->machine->config.gpu;

    t->frame_buffer = config->gop.base;
    config->display = (struct efi_display){gpu->width, gpu->height, draw_frame_buffer, t};
    if (gpu->gop)
        return 0;
    config->display.draw = draw_picture;
    t->picture = picture_new(gpu->width, gpu->height);
    return t->picture ? 0 : error_set(err, ENOMEM, "out of memory");
}

void efi_terminal_power_on(struct efi_terminal *t)
{
    const struct atoll_gpu *gpu = &t->machine->config.gpu;

    if (t->picture)
        display_show(t->machine->screen.display, t->picture,
                     &(struct display_rect){0, 0, gpu->width, gpu->height}, true);
    else if (t->machine->gpu)
        virtio_gpu_firmware_scanout(t->machine->gpu, t->frame_buffer, gpu->width, gpu->height,
                                    gpu->width * 4);
    t->held = 0;
}

/* --- life --- */

int efi_terminal_begin(struct efi_terminal *t, struct machine *m, struct efi_config *config,
                       struct error *err)
{
    pthread_mutex_init(&t->lock, NULL);
    t->machine = m;
    if (m->uart_console)
        config->console = (struct efi_console){write_serial, read_serial, t};
    if (m->input) {
        config->keyboard = (struct efi_keyboard){read_key, t};
        t->sink = (struct input_sink){is_booting, take_key, take_pointer, t, NULL};
        input_attach(m->input, &t->sink);
    }
    return m->gpu ? begin_display(t, config, err) : 0;
}

void efi_terminal_end(struct efi_terminal *t)
{
    if (!t->machine)
        return;
    if (t->machine->input)
        input_detach(t->machine->input, &t->sink);
    picture_release(t->picture);
    pthread_mutex_destroy(&t->lock);
    t->machine = NULL;
}
