/* SPDX-License-Identifier: ISC */
/*
 * The public face (include/atoll/atoll.h): what a machine does is its kind's (lib/ops.h), and
 * public errors are ours by another name.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "atoll/atoll.h"
#include "firmware/acpi.h"
#include "firmware/devicetree.h"
#include "machine/identity.h"
#include "machine/machine.h"
#include "vz/vz.h"

_Static_assert(sizeof(struct atoll_error) == sizeof(struct error), "one error, two names");
_Static_assert(PLATFORM_MAX_CPUS == ATOLL_CPUS_MAX, "the tables describe every CPU");

static struct error *error_of(struct atoll_error *error)
{
    return (struct error *)error;
}

int atoll_config_check(const struct atoll_config *config, struct atoll_error *error)
{
    return config_check(config, error_of(error));
}

static bool is_vz(const struct atoll_config *config)
{
    return config->engine && strcmp(config->engine, VZ_ENGINE) == 0;
}

/* A machine with an identifier has addresses of its own on every engine. */
static void settle_addresses(struct atoll_config *config)
{
    uint8_t uuid[IDENTITY_LENGTH];

    if (!config->uuid || identity_parse(config->uuid, uuid))
        return;
    for (size_t i = 0; i < config->net_count; i++)
        if (!config->nets[i].has_mac) {
            identity_mac(uuid, i, config->nets[i].mac);
            config->nets[i].has_mac = true;
        }
}

static int create_vz(struct atoll **vm, const struct atoll_config *config, struct error *err)
{
    struct atoll_config settled;
    int ret = config_check(config, err);

    if (ret)
        return ret;
    ret = config_copy(&settled, config) ? error_set(err, ENOMEM, "out of memory") : 0;
    settle_addresses(&settled);
    ret = ret ? ret : vz_create(vm, &settled, machine_open_net, err);
    config_free(&settled);
    return ret;
}

int atoll_create(struct atoll **vm, const struct atoll_config *config, struct atoll_error *error)
{
    if (is_vz(config))
        return create_vz(vm, config, error_of(error));
    return machine_create((struct machine **)vm, config, error_of(error));
}

int atoll_start(struct atoll *vm, struct atoll_error *error)
{
    return vm->ops->start(vm, error_of(error));
}

enum atoll_stop atoll_wait(struct atoll *vm)
{
    return vm->ops->wait(vm);
}

void atoll_quit(struct atoll *vm)
{
    vm->ops->quit(vm);
}

void atoll_reset(struct atoll *vm)
{
    vm->ops->reset(vm);
}

void atoll_power_button(struct atoll *vm)
{
    vm->ops->power_button(vm);
}

int atoll_pause(struct atoll *vm)
{
    return vm->ops->pause(vm);
}

int atoll_resume(struct atoll *vm)
{
    return vm->ops->resume(vm);
}

enum atoll_state atoll_state(struct atoll *vm)
{
    return vm->ops->state(vm);
}

void atoll_stats(struct atoll *vm, struct atoll_stats *stats)
{
    vm->ops->stats(vm, stats);
}

const char *atoll_exit_name(unsigned reason)
{
    static const char *const names[ATOLL_EXIT_REASONS] = {
        [EXIT_MMIO] = "mmio",     [EXIT_SMCCC] = "smccc",   [EXIT_SYSREG] = "sysreg",
        [EXIT_WFI] = "wfi",       [EXIT_VTIMER] = "vtimer", [EXIT_DEBUG] = "debug",
        [EXIT_KICKED] = "kicked", [EXIT_POWER] = "power",   [EXIT_FAULT] = "fault",
    };

    return reason < ATOLL_EXIT_REASONS ? names[reason] : NULL;
}

const char *atoll_kernel_exit_name(unsigned kind)
{
    static const char *const names[ATOLL_KERNEL_EXITS] = {
        [KERNEL_EXIT_ALL] = "all",
        [KERNEL_EXIT_MMIO] = "mmio",
        [KERNEL_EXIT_MMIO_USER] = "mmio-user",
        [KERNEL_EXIT_WFI] = "wfi",
        [KERNEL_EXIT_WFE] = "wfe",
        [KERNEL_EXIT_HVC] = "hvc",
        [KERNEL_EXIT_SIGNAL] = "signal",
    };

    return kind < ATOLL_KERNEL_EXITS ? names[kind] : NULL;
}

int atoll_device_stats(struct atoll *vm, size_t index, struct atoll_device_stats *stats)
{
    return vm->ops->device_stats ? vm->ops->device_stats(vm, index, stats) : -ENOENT;
}

void atoll_destroy(struct atoll *vm)
{
    if (vm)
        vm->ops->destroy(vm);
}

int64_t atoll_console_write(struct atoll *vm, size_t index, const void *bytes, size_t length)
{
    return vm->ops->console_write(vm, index, bytes, length);
}

int64_t atoll_console_read(struct atoll *vm, size_t index, void *bytes, size_t room)
{
    return vm->ops->console_read(vm, index, bytes, room);
}

/* A struct atoll_follower is a struct console_follower. */
int atoll_console_follow(struct atoll *vm, size_t index,
                         void (*output)(void *ctx, const void *bytes, size_t length), void *ctx,
                         struct atoll_follower **follower)
{
    return vm->ops->console_follow(vm, index, output, ctx, follower);
}

void atoll_console_unfollow(struct atoll_follower *follower)
{
    console_unfollow((struct console_follower *)follower);
}

void atoll_restore_terminal(struct atoll *vm)
{
    vm->ops->restore_terminal(vm);
}

int atoll_balloon(struct atoll *vm, uint64_t bytes)
{
    return vm->ops->balloon(vm, bytes);
}

/* --- what one kind of machine has and another has not --- */

static int cannot(const struct atoll *vm, const char *what, struct atoll_error *error)
{
    return error_set(error_of(error), ENOTSUP, "%s cannot %s", vm->ops->kind, what);
}

int atoll_save(struct atoll *vm, void **bytes, size_t *length, struct atoll_error *error)
{
    return vm->ops->save ? vm->ops->save(vm, bytes, length, error_of(error))
                         : cannot(vm, "be saved", error);
}

int atoll_load(struct atoll *vm, const void *bytes, size_t length, struct atoll_error *error)
{
    return vm->ops->load ? vm->ops->load(vm, bytes, length, error_of(error))
                         : cannot(vm, "be loaded", error);
}

int atoll_screenshot(struct atoll *vm, const char *path, struct atoll_error *error)
{
    return vm->ops->screenshot ? vm->ops->screenshot(vm, path, error_of(error))
                               : cannot(vm, "give a picture of its screen", error);
}

int atoll_picture(struct atoll *vm, void **bytes, size_t *length, struct atoll_error *error)
{
    return vm->ops->picture ? vm->ops->picture(vm, bytes, length, error_of(error))
                            : cannot(vm, "give a picture of its screen", error);
}

int atoll_screen_text(struct atoll *vm, struct atoll_text *text, struct atoll_error *error)
{
    return vm->ops->screen_text ? vm->ops->screen_text(vm, text, error_of(error))
                                : cannot(vm, "give the text on its screen", error);
}

int atoll_key(struct atoll *vm, unsigned usage, bool down, unsigned timeout_ms,
              struct atoll_error *error)
{
    return vm->ops->key ? vm->ops->key(vm, usage, down, timeout_ms, error_of(error))
                        : cannot(vm, "be given keys", error);
}

int atoll_chord(struct atoll *vm, const char *keys, unsigned timeout_ms, struct atoll_error *error)
{
    return vm->ops->chord ? vm->ops->chord(vm, keys, timeout_ms, error_of(error))
                          : cannot(vm, "be given keys", error);
}

int atoll_type(struct atoll *vm, const char *utf8, size_t length, unsigned timeout_ms,
               struct atoll_error *error)
{
    return vm->ops->type ? vm->ops->type(vm, utf8, length, timeout_ms, error_of(error))
                         : cannot(vm, "be given keys", error);
}

int atoll_pointer(struct atoll *vm, unsigned x, unsigned y, unsigned buttons, int wheel,
                  unsigned timeout_ms, struct atoll_error *error)
{
    return vm->ops->pointer
               ? vm->ops->pointer(vm, x, y, buttons, wheel, timeout_ms, error_of(error))
               : cannot(vm, "be given a pointer's movements", error);
}

int atoll_display_address(struct atoll *vm, size_t index, char *text, size_t room)
{
    return vm->ops->display_address ? vm->ops->display_address(vm, index, text, room) : -EINVAL;
}

/* --- without a machine --- */

/* The description that a guest of this configuration is given. */
static int describe(const struct atoll_config *config, struct platform *platform, struct error *err)
{
    struct quirks quirks;
    int ret = config_check(config, err);

    if (!ret && is_vz(config))
        ret = error_set(err, ENOTSUP,
                        "Apple's framework makes the tables of its machines itself, "
                        "and shows them to the guest alone (--engine vz)");
    ret = ret ? ret : config_quirks(config, &quirks, err);
    if (!ret)
        machine_describe(config, &quirks, platform);
    return ret;
}

int atoll_fdt(const struct atoll_config *config, void **blob, size_t *length,
              struct atoll_error *error)
{
    const struct fdt_chosen chosen = {.bootargs = config->append};
    struct platform platform;
    int64_t built;
    int ret = describe(config, &platform, error_of(error));

    if (ret)
        return ret;
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
    uint64_t end;
    int64_t built;
    int ret = describe(config, &platform, error_of(error));

    if (ret)
        return ret;
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
    struct engine_caps caps;
    struct error err = {0};
    size_t count = 0;

    _Static_assert(sizeof(info->shown) == sizeof(caps.shown), "copied whole");
    while (engines[count])
        count++;
    if (index > count)
        return -ENOENT;
    if (index == count) {
        *info = (struct atoll_engine_info){
            .name = VZ_ENGINE, .about = "a whole machine of Apple's Virtualization.framework"};
        info->available = vz_probe(&err) == 0;
        info->nested = info->available && vz_nested();
    } else {
        *info = (struct atoll_engine_info){.name = engines[index]->name,
                                           .about = engines[index]->about};
        info->available = engines[index]->probe(&err) == 0;
        if (info->available && engines[index]->caps(&caps) == 0) {
            memcpy(info->shown, caps.shown, sizeof(info->shown));
            info->nested = caps.el2;
        }
    }
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

int atoll_keyboard_info(size_t index, const char **name, const char **about)
{
    return input_layout_info(index, name, about);
}
