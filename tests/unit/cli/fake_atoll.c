/* SPDX-License-Identifier: ISC */
#include "fake_atoll.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bits.h"
#include "base/error.h"

void fake_init(struct atoll *vm)
{
    memset(vm, 0, sizeof(*vm));
    pthread_mutex_init(&vm->lock, NULL);
    vm->state = ATOLL_STATE_RUNNING;
    vm->gpu = true;
    vm->columns = 80;
    vm->picture_size = 1000;
    vm->room = sizeof(vm->given);
}

void fake_say(struct atoll *vm, const void *bytes, size_t length)
{
    size_t kept = MIN(length, sizeof(vm->history) - vm->history_length);

    pthread_mutex_lock(&vm->lock);
    memcpy(vm->history + vm->history_length, bytes, kept);
    vm->history_length += kept;
    for (struct atoll_follower *at = vm->followers; at; at = at->next)
        at->output(at->ctx, bytes, length);
    pthread_mutex_unlock(&vm->lock);
}

static int set_state(struct atoll *vm, enum atoll_state from, enum atoll_state to)
{
    int ret = -EINVAL;

    pthread_mutex_lock(&vm->lock);
    if (vm->state == from) {
        vm->state = to;
        ret = 0;
    } else if (vm->state == to && to == ATOLL_STATE_PAUSED) {
        ret = -EALREADY;
    }
    pthread_mutex_unlock(&vm->lock);
    return ret;
}

enum atoll_state atoll_state(struct atoll *vm)
{
    enum atoll_state state;

    pthread_mutex_lock(&vm->lock);
    state = vm->state;
    pthread_mutex_unlock(&vm->lock);
    return state;
}

int atoll_pause(struct atoll *vm)
{
    return set_state(vm, ATOLL_STATE_RUNNING, ATOLL_STATE_PAUSED);
}

int atoll_resume(struct atoll *vm)
{
    return set_state(vm, ATOLL_STATE_PAUSED, ATOLL_STATE_RUNNING);
}

void atoll_reset(struct atoll *vm)
{
    vm->resets++;
}

void atoll_power_button(struct atoll *vm)
{
    vm->power_buttons++;
}

void atoll_quit(struct atoll *vm)
{
    vm->quits++;
}

void atoll_stats(struct atoll *vm, struct atoll_stats *stats)
{
    *stats = (struct atoll_stats){.engine = "fake",
                                  .instructions = 1000000,
                                  .exits = 17,
                                  .exits_by[1] = 16,
                                  .kernel_exits = {40, 23},
                                  .memory_resident = 4096,
                                  .code_limit = 65536};
}

const char *atoll_exit_name(unsigned reason)
{
    static const char *const names[ATOLL_EXIT_REASONS] = {"a", "b", "c", "d", "e",
                                                          "f", "g", "h", "i"};

    return reason < nitems(names) ? names[reason] : NULL;
}

const char *atoll_kernel_exit_name(unsigned kind)
{
    static const char *const names[ATOLL_KERNEL_EXITS] = {"A", "B", "C", "D", "E", "F", "G"};

    return kind < nitems(names) ? names[kind] : NULL;
}

int atoll_device_stats(struct atoll *vm, size_t index, struct atoll_device_stats *stats)
{
    if (index > 0)
        return -ENOENT;
    *stats = (struct atoll_device_stats){
        .name = "disk", .requests = 1, .notifications = 2, .interrupts = 3, .dropped = 4};
    return 0;
}

int atoll_engine_info(size_t index, struct atoll_engine_info *info)
{
    static const char *const names[] = {"missing", "fake"};

    if (index >= nitems(names))
        return -ENOENT;
    *info = (struct atoll_engine_info){.name = names[index], .available = index == 1};
    return 0;
}

int atoll_display_address(struct atoll *vm, size_t index, char *text, size_t room)
{
    snprintf(text, room, "127.0.0.1:%zu", 5900 + index);
    return 0;
}

/* Not random, and different in every part of itself. */
int atoll_picture(struct atoll *vm, void **bytes, size_t *length, struct atoll_error *error)
{
    uint8_t *picture;

    if (!vm->gpu)
        return error_set((struct error *)error, ENODEV, "no GPU");
    picture = malloc(vm->picture_size);
    for (size_t i = 0; i < vm->picture_size; i++)
        picture[i] = (uint8_t)(i * 7 + (i >> 8) * 13);
    *bytes = picture;
    *length = vm->picture_size;
    return 0;
}

int atoll_screen_text(struct atoll *vm, struct atoll_text *text, struct atoll_error *error)
{
    static const uint32_t odd[] = {'o', 'k', 0, 7, 0x20ac, 0xd800, 0x1f600, 0x110000, 0xe9, 'x'};

    if (!vm->gpu)
        return error_set((struct error *)error, ENODEV, "no GPU");
    *text = (struct atoll_text){.columns = vm->columns,
                                .rows = 2,
                                .cell_width = 8,
                                .cell_height = 16,
                                .left = 4,
                                .cursor = true,
                                .cursor_column = 2,
                                .cursor_row = 1};
    text->cells = calloc((size_t)vm->columns * 2, sizeof(*text->cells));
    for (size_t i = 0; i < (size_t)vm->columns * 2; i++)
        text->cells[i] = (struct atoll_cell){.character = i < nitems(odd) ? odd[i] : ' ',
                                             .foreground = 0xffffff,
                                             .background = i < 4 ? 0xaa : 0};
    return 0;
}

int atoll_type(struct atoll *vm, const char *utf8, size_t length, unsigned timeout_ms,
               struct atoll_error *error)
{
    if (vm->input_stalls) {
        struct timespec wait = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000};

        nanosleep(&wait, NULL);
        return error_set((struct error *)error, ETIMEDOUT, "nobody reads the keyboard");
    }
    pthread_mutex_lock(&vm->lock);
    length = MIN(length, sizeof(vm->typed) - vm->typed_length);
    memcpy(vm->typed + vm->typed_length, utf8, length);
    vm->typed_length += length;
    pthread_mutex_unlock(&vm->lock);
    return 0;
}

int atoll_chord(struct atoll *vm, const char *keys, unsigned timeout_ms, struct atoll_error *error)
{
    if (strcmp(keys, "NONE") == 0)
        return error_set((struct error *)error, EINVAL, "no key is called \"NONE\"");
    vm->chords++;
    return 0;
}

int atoll_pointer(struct atoll *vm, unsigned x, unsigned y, unsigned buttons, int wheel,
                  unsigned timeout_ms, struct atoll_error *error)
{
    pthread_mutex_lock(&vm->lock);
    if (vm->button_count < nitems(vm->buttons))
        vm->buttons[vm->button_count++] = buttons;
    pthread_mutex_unlock(&vm->lock);
    return 0;
}

/* --- its one console --- */

int atoll_console_follow(struct atoll *vm, size_t index,
                         void (*output)(void *ctx, const void *bytes, size_t length), void *ctx,
                         struct atoll_follower **follower)
{
    struct atoll_follower *one = malloc(sizeof(*one));

    pthread_mutex_lock(&vm->lock);
    *one = (struct atoll_follower){.vm = vm, .next = vm->followers, .output = output, .ctx = ctx};
    output(ctx, vm->history, vm->history_length);
    vm->followers = one;
    pthread_mutex_unlock(&vm->lock);
    *follower = one;
    return 0;
}

void atoll_console_unfollow(struct atoll_follower *follower)
{
    struct atoll_follower **at;
    struct atoll *vm;

    if (!follower)
        return;
    vm = follower->vm;
    pthread_mutex_lock(&vm->lock);
    for (at = &vm->followers; *at != follower; at = &(*at)->next)
        ;
    *at = follower->next;
    pthread_mutex_unlock(&vm->lock);
    free(follower);
}

int64_t atoll_console_write(struct atoll *vm, size_t index, const void *bytes, size_t length)
{
    pthread_mutex_lock(&vm->lock);
    length = MIN(length, vm->room - vm->given_length);
    memcpy(vm->given + vm->given_length, bytes, length);
    vm->given_length += length;
    pthread_mutex_unlock(&vm->lock);
    return (int64_t)length;
}
