/* SPDX-License-Identifier: ISC */
/*
 * The twin's verbs (lib/ops.h): a struct atoll that machine_create made is the head of a struct
 * machine.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/confine.h"
#include "machine/machine.h"
#include "virtio/devices.h"

_Static_assert(ATOLL_CONSOLE_HISTORY == CONSOLE_HISTORY, "one history, two names");
_Static_assert(ATOLL_EXIT_REASONS == EXIT_FAULT + 1, "every exit has its count");
_Static_assert(ATOLL_KERNEL_EXITS == KERNEL_EXITS, "and every one that the kernel counts");

static struct machine *inside(struct atoll *vm)
{
    return (struct machine *)vm;
}

static int twin_start(struct atoll *vm, struct error *err)
{
    struct machine *m = inside(vm);

    if (m->config.confine) {
        int ret = host_confine(HOST_CONFINE_VM, err);

        if (ret == -ENOSYS)
            log_warn(&m->log, "this host cannot confine the process: the guest runs with all of "
                              "your rights behind it");
        else if (ret)
            return ret;
    }
    return machine_start(m, err);
}

static enum atoll_stop twin_wait(struct atoll *vm)
{
    return machine_wait(inside(vm));
}

static void twin_quit(struct atoll *vm)
{
    machine_request(inside(vm), REQUEST_QUIT);
}

static void twin_reset(struct atoll *vm)
{
    machine_request(inside(vm), REQUEST_FORCED_RESET);
}

static void twin_power_button(struct atoll *vm)
{
    machine_request(inside(vm), REQUEST_POWER_BUTTON);
}

static int twin_pause(struct atoll *vm)
{
    return machine_pause(inside(vm));
}

static int twin_resume(struct atoll *vm)
{
    return machine_resume(inside(vm));
}

static int twin_save(struct atoll *vm, void **bytes, size_t *length, struct error *err)
{
    struct state *state = state_new();
    const void *saved;
    int ret;

    if (!state)
        return error_set(err, ENOMEM, "out of memory");
    ret = machine_save(inside(vm), state, err);
    if (!ret) {
        saved = state_bytes(state, length);
        *bytes = malloc(*length);
        if (*bytes)
            memcpy(*bytes, saved, *length);
        else
            ret = error_set(err, ENOMEM, "out of memory");
    }
    state_free(state);
    return ret;
}

static int twin_load(struct atoll *vm, const void *bytes, size_t length, struct error *err)
{
    struct state *state = state_parse(bytes, length, err);
    int ret;

    if (!state)
        return -EINVAL;
    ret = machine_load(inside(vm), state, err);
    state_free(state);
    return ret;
}

static struct console *console_of(struct machine *m, size_t index)
{
    return index < m->config.console_count ? m->consoles[index] : NULL;
}

static int64_t twin_console_write(struct atoll *vm, size_t index, const void *bytes, size_t length)
{
    struct console *console = console_of(inside(vm), index);

    return console ? (int64_t)console_input(console, bytes, length) : -EINVAL;
}

static int64_t twin_console_read(struct atoll *vm, size_t index, void *bytes, size_t room)
{
    struct machine *m = inside(vm);
    struct console *console = console_of(m, index);

    if (!console || m->config.consoles[index].kind != ATOLL_CONSOLE_MEMORY)
        return -EINVAL;
    return (int64_t)console_memory_output(console, bytes, room);
}

/* A struct atoll_follower is a struct console_follower. */
static int twin_console_follow(struct atoll *vm, size_t index,
                               void (*output)(void *ctx, const void *bytes, size_t length),
                               void *ctx, struct atoll_follower **follower)
{
    struct console *console = console_of(inside(vm), index);

    return console ? console_follow(console, output, ctx, (struct console_follower **)follower)
                   : -EINVAL;
}

static void twin_restore_terminal(struct atoll *vm)
{
    struct machine *m = inside(vm);

    for (size_t i = 0; i < m->config.console_count; i++)
        if (m->consoles[i] && m->config.consoles[i].kind == ATOLL_CONSOLE_STDIO)
            console_restore_terminal(m->consoles[i]);
}

static int twin_balloon(struct atoll *vm, uint64_t bytes)
{
    struct machine *m = inside(vm);

    if (!m->balloon)
        return -ENODEV;
    virtio_balloon_target(m->balloon, (uint32_t)(MIN(bytes, m->config.memory) >> MEM_PAGE_SHIFT));
    return 0;
}

static int twin_screenshot(struct atoll *vm, const char *path, struct error *err)
{
    return screen_shoot(&inside(vm)->screen, path, err);
}

/* One at a time: a guest's screen may be large. */
static int twin_picture(struct atoll *vm, void **bytes, size_t *length, struct error *err)
{
    struct machine *m = inside(vm);
    int ret;

    if (!m->screen.display)
        return error_set(err, ENODEV, "the machine has no GPU; give it one with --gpu WxH");
    pthread_mutex_lock(&m->screen.lock);
    ret = display_png(m->screen.display, false, bytes, length, err);
    pthread_mutex_unlock(&m->screen.lock);
    return ret;
}

static int twin_display_address(struct atoll *vm, size_t index, char *text, size_t room)
{
    return displays_address(inside(vm), index, text, room);
}

static enum atoll_state twin_state(struct atoll *vm)
{
    static const enum atoll_state states[] = {[MACHINE_OFF] = ATOLL_STATE_OFF,
                                              [MACHINE_RUNNING] = ATOLL_STATE_RUNNING,
                                              [MACHINE_PAUSED] = ATOLL_STATE_PAUSED,
                                              [MACHINE_STOPPED] = ATOLL_STATE_STOPPED};
    struct machine *m = inside(vm);
    enum machine_phase phase;

    pthread_mutex_lock(&m->lock);
    phase = m->phase;
    pthread_mutex_unlock(&m->lock);
    return states[phase];
}

static uint64_t published(const _Atomic uint64_t *from)
{
    return atomic_load_explicit(from, memory_order_relaxed);
}

static void twin_stats(struct atoll *vm, struct atoll_stats *stats)
{
    struct machine *m = inside(vm);

    *stats =
        (struct atoll_stats){.engine = m->engine->name, .memory_resident = mem_resident(m->mem)};
    for (unsigned i = 0; i < m->config.cpus; i++) {
        const struct cpu *cpu = &m->cpus[i];

        stats->instructions += published(&cpu->instructions);
        for (unsigned reason = 0; reason < nitems(cpu->exits); reason++) {
            stats->exits_by[reason] += published(&cpu->exits[reason]);
            stats->exits += published(&cpu->exits[reason]);
        }
        stats->regions += published(&cpu->regions);
        stats->translated += published(&cpu->translated);
        stats->code_bytes += published(&cpu->code_bytes);
        stats->code_limit += published(&cpu->code_limit);
        stats->code_flushes += published(&cpu->code_flushes);
        stats->code_misses += published(&cpu->code_misses);
        if (m->engine->vcpu_kernel_exits)
            m->engine->vcpu_kernel_exits(cpu->vcpu, stats->kernel_exits);
    }
}

static int twin_device_stats(struct atoll *vm, size_t index, struct atoll_device_stats *stats)
{
    const struct virtio_device *dev = devices_virtio(inside(vm), index);

    if (!dev)
        return -ENOENT;
    *stats = (struct atoll_device_stats){.requests = published(&dev->requests),
                                         .notifications = published(&dev->notifications),
                                         .interrupts = published(&dev->interrupts),
                                         .dropped = published(&dev->dropped)};
    snprintf(stats->name, sizeof(stats->name), "%s", dev->instance);
    return 0;
}

static void twin_destroy(struct atoll *vm)
{
    machine_destroy(inside(vm));
}

const struct atoll_ops twin_ops = {
    .kind = "Atoll's own",
    .start = twin_start,
    .wait = twin_wait,
    .quit = twin_quit,
    .reset = twin_reset,
    .power_button = twin_power_button,
    .pause = twin_pause,
    .resume = twin_resume,
    .state = twin_state,
    .stats = twin_stats,
    .device_stats = twin_device_stats,
    .destroy = twin_destroy,
    .console_write = twin_console_write,
    .console_read = twin_console_read,
    .console_follow = twin_console_follow,
    .restore_terminal = twin_restore_terminal,
    .balloon = twin_balloon,
    .save = twin_save,
    .load = twin_load,
    .screenshot = twin_screenshot,
    .picture = twin_picture,
    .screen_text = machine_screen_text,
    .key = machine_key,
    .chord = machine_chord,
    .type = machine_type,
    .pointer = machine_pointer,
    .display_address = twin_display_address,
};
