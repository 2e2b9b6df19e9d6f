/* SPDX-License-Identifier: ISC */
/*
 * The public face (include/atoll/atoll.h): a struct atoll is a struct machine, and public errors
 * are ours by another name.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "atoll/atoll.h"
#include "firmware/acpi.h"
#include "firmware/devicetree.h"
#include "host/confine.h"
#include "machine/machine.h"
#include "virtio/devices.h"

_Static_assert(sizeof(struct atoll_error) == sizeof(struct error), "one error, two names");
_Static_assert(ATOLL_CONSOLE_HISTORY == CONSOLE_HISTORY, "one history, two names");
_Static_assert(PLATFORM_MAX_CPUS == ATOLL_CPUS_MAX, "the tables describe every CPU");

static struct machine *inside(struct atoll *vm)
{
    return (struct machine *)vm;
}

static struct error *error_of(struct atoll_error *error)
{
    return (struct error *)error;
}

int atoll_config_check(const struct atoll_config *config, struct atoll_error *error)
{
    return config_check(config, error_of(error));
}

int atoll_create(struct atoll **vm, const struct atoll_config *config, struct atoll_error *error)
{
    return machine_create((struct machine **)vm, config, error_of(error));
}

int atoll_start(struct atoll *vm, struct atoll_error *error)
{
    struct machine *m = inside(vm);

    if (m->config.confine) {
        int ret = host_confine(HOST_CONFINE_VM, error_of(error));

        if (ret == -ENOSYS)
            log_warn(&m->log, "this host cannot confine the process: the guest runs with all of "
                              "your rights behind it");
        else if (ret)
            return ret;
    }
    return machine_start(m, error_of(error));
}

enum atoll_stop atoll_wait(struct atoll *vm)
{
    return machine_wait(inside(vm));
}

void atoll_quit(struct atoll *vm)
{
    machine_request(inside(vm), REQUEST_QUIT);
}

void atoll_reset(struct atoll *vm)
{
    machine_request(inside(vm), REQUEST_FORCED_RESET);
}

void atoll_power_button(struct atoll *vm)
{
    machine_request(inside(vm), REQUEST_POWER_BUTTON);
}

int atoll_pause(struct atoll *vm)
{
    return machine_pause(inside(vm));
}

int atoll_resume(struct atoll *vm)
{
    return machine_resume(inside(vm));
}

int atoll_save(struct atoll *vm, void **bytes, size_t *length, struct atoll_error *error)
{
    struct state *state = state_new();
    const void *saved;
    int ret;

    if (!state)
        return error_set(error_of(error), ENOMEM, "out of memory");
    ret = machine_save(inside(vm), state, error_of(error));
    if (!ret) {
        saved = state_bytes(state, length);
        *bytes = malloc(*length);
        if (*bytes)
            memcpy(*bytes, saved, *length);
        else
            ret = error_set(error_of(error), ENOMEM, "out of memory");
    }
    state_free(state);
    return ret;
}

int atoll_load(struct atoll *vm, const void *bytes, size_t length, struct atoll_error *error)
{
    struct state *state = state_parse(bytes, length, error_of(error));
    int ret;

    if (!state)
        return -EINVAL;
    ret = machine_load(inside(vm), state, error_of(error));
    state_free(state);
    return ret;
}

static struct console *console_of(struct machine *m, size_t index)
{
    return index < m->config.console_count ? m->consoles[index] : NULL;
}

int64_t atoll_console_write(struct atoll *vm, size_t index, const void *bytes, size_t length)
{
    struct console *console = console_of(inside(vm), index);

    return console ? (int64_t)console_input(console, bytes, length) : -EINVAL;
}

int64_t atoll_console_read(struct atoll *vm, size_t index, void *bytes, size_t room)
{
    struct machine *m = inside(vm);
    struct console *console = console_of(m, index);

    if (!console || m->config.consoles[index].kind != ATOLL_CONSOLE_MEMORY)
        return -EINVAL;
    return (int64_t)console_memory_output(console, bytes, room);
}

/* A struct atoll_follower is a struct console_follower. */
int atoll_console_follow(struct atoll *vm, size_t index,
                         void (*output)(void *ctx, const void *bytes, size_t length), void *ctx,
                         struct atoll_follower **follower)
{
    struct console *console = console_of(inside(vm), index);

    return console ? console_follow(console, output, ctx, (struct console_follower **)follower)
                   : -EINVAL;
}

void atoll_console_unfollow(struct atoll_follower *follower)
{
    console_unfollow((struct console_follower *)follower);
}

void atoll_restore_terminal(struct atoll *vm)
{
    struct machine *m = inside(vm);

    for (size_t i = 0; i < m->config.console_count; i++)
        if (m->consoles[i] && m->config.consoles[i].kind == ATOLL_CONSOLE_STDIO)
            console_restore_terminal(m->consoles[i]);
}

int atoll_balloon(struct atoll *vm, uint64_t bytes)
{
    struct machine *m = inside(vm);

    if (!m->balloon)
        return -ENODEV;
    virtio_balloon_target(m->balloon, (uint32_t)(MIN(bytes, m->config.memory) >> MEM_PAGE_SHIFT));
    return 0;
}

int atoll_screenshot(struct atoll *vm, const char *path, struct atoll_error *error)
{
    return screen_shoot(&inside(vm)->screen, path, error_of(error));
}

int atoll_picture(struct atoll *vm, void **bytes, size_t *length, struct atoll_error *error)
{
    struct machine *m = inside(vm);

    if (!m->screen.display)
        return error_set(error_of(error), ENODEV,
                         "the machine has no GPU; give it one with --gpu WxH");
    return display_png(m->screen.display, false, bytes, length, error_of(error));
}

int atoll_display_address(struct atoll *vm, size_t index, char *text, size_t room)
{
    return displays_address(inside(vm), index, text, room);
}

enum atoll_state atoll_state(struct atoll *vm)
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

void atoll_stats(struct atoll *vm, struct atoll_stats *stats)
{
    struct machine *m = inside(vm);

    *stats = (struct atoll_stats){.memory_resident = mem_resident(m->mem)};
    for (unsigned i = 0; i < m->config.cpus; i++) {
        const struct cpu *cpu = &m->cpus[i];

        stats->instructions += published(&cpu->instructions);
        stats->exits += published(&cpu->exits);
        stats->regions += published(&cpu->regions);
        stats->translated += published(&cpu->translated);
        stats->code_bytes += published(&cpu->code_bytes);
        stats->code_limit += published(&cpu->code_limit);
        stats->code_flushes += published(&cpu->code_flushes);
        stats->code_misses += published(&cpu->code_misses);
    }
}

void atoll_destroy(struct atoll *vm)
{
    if (vm)
        machine_destroy(inside(vm));
}

int atoll_fdt(const struct atoll_config *config, void **blob, size_t *length,
              struct atoll_error *error)
{
    const struct fdt_chosen chosen = {.bootargs = config->append};
    struct platform platform;
    struct quirks quirks;
    int64_t built;
    int ret = config_check(config, error_of(error));

    ret = ret ? ret : config_quirks(config, &quirks, error_of(error));
    if (ret)
        return ret;
    machine_describe(config, &quirks, &platform);
    *blob = calloc(1, FDT_MAX_SIZE);
    if (!*blob)
        return error_set(error_of(error), ENOMEM, "out of memory");
    built = fdt_build(&platform, &chosen, *blob, FDT_MAX_SIZE, error_of(error));
    if (built < 0) {
        free(*blob);
        *blob = NULL;
        return (int)built;
    }
    *length = (size_t)built;
    return 0;
}

int atoll_acpi(const struct atoll_config *config, void **blob, size_t *length,
               struct atoll_error *error)
{
    struct platform platform;
    struct quirks quirks;
    uint64_t end;
    int64_t built;
    int ret = config_check(config, error_of(error));

    ret = ret ? ret : config_quirks(config, &quirks, error_of(error));
    if (ret)
        return ret;
    machine_describe(config, &quirks, &platform);
    *blob = malloc(ACPI_MAX_SIZE);
    if (!*blob)
        return error_set(error_of(error), ENOMEM, "out of memory");
    /* At the top of RAM, for want of a better place before EFI has given one. */
    end = platform.ram.base + platform.ram.size;
    built = acpi_build(&platform, end - ACPI_MAX_SIZE, *blob, ACPI_MAX_SIZE, error_of(error));
    if (built < 0) {
        free(*blob);
        *blob = NULL;
        return (int)built;
    }
    *length = (size_t)built;
    return 0;
}

int atoll_acpi_table(const void *blob, size_t length, size_t *at, struct atoll_acpi_table *table)
{
    struct acpi_table found;

    if (!acpi_next(blob, length, at, &found))
        return -ENOENT;
    *table = (struct atoll_acpi_table){.bytes = found.bytes, .length = found.length};
    memcpy(table->signature, found.signature, sizeof(table->signature));
    return 0;
}

int atoll_engine_info(size_t index, struct atoll_engine_info *info)
{
    struct error err = {0};
    size_t count = 0;

    while (engines[count])
        count++;
    if (index >= count)
        return -ENOENT;
    *info =
        (struct atoll_engine_info){.name = engines[index]->name, .about = engines[index]->about};
    info->available = engines[index]->probe(&err) == 0;
    if (!info->available)
        memcpy(info->reason, err.text, sizeof(info->reason));
    return 0;
}

int atoll_quirk_info(size_t index, struct atoll_quirk_info *info)
{
    const struct quirk_row *row;

    if (index >= QUIRK_COUNT)
        return -ENOENT;
    row = &quirk_table[index];
    *info = (struct atoll_quirk_info){
        .name = row->name, .about = row->about, .source = row->source, .values = row->values};
    quirk_value_name(row, row->strict, info->strict, sizeof(info->strict));
    quirk_value_name(row, row->normal, info->normal, sizeof(info->normal));
    return 0;
}
