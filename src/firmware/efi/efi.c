/* SPDX-License-Identifier: ISC */
/*
 * EFI as a whole: made with the machine, laid out at power-on, saved and loaded like a device.
 */
#include "firmware/efi/efi.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/efi/core.h"

const struct efi_config *efi_config_of(const struct efi *efi)
{
    return &efi->config;
}

struct efi_storage **efi_storage_of(struct efi *efi)
{
    return &efi->storage;
}

int efi_create(struct efi **out, const struct efi_config *config, struct error *err)
{
    struct efi *efi;
    struct pe_image pe;
    int ret;

    if (config->program &&
        pe_check(config->program, config->program_length, config->program_name, &pe, err))
        return -ENOEXEC;
    efi = calloc(1, sizeof(*efi));
    if (!efi)
        return error_set(err, ENOMEM, "out of memory");
    efi->config = *config;
    ret = variables_create(&efi->variables, config->nvram, config->nvram_path, config->log, err);
    if (!ret && efi_services_start(efi) != EFI_SUCCESS)
        ret = error_set(err, ENOMEM, "out of memory");
    if (ret) {
        variables_destroy(efi->variables);
        free(efi->services);
        free(efi);
        return ret;
    }
    pthread_mutex_init(&efi->lock, NULL);
    *out = efi;
    return 0;
}

/* Everything but what outlives a reset. */
static void stop(struct efi *efi)
{
    efi_boot_stop(efi);
    efi_storage_stop(efi);
    efi_console_stop(efi);
    efi_images_stop(efi);
    efi_events_stop(efi);
    efi_handles_stop(efi);
    efi_interfaces_stop(efi);
    efi_pool_stop(efi);
    efi_memory_stop(efi);
    efi->boot = efi->dead = efi->mapped = false;
    efi->depth = 0;
    efi->tpl = TPL_APPLICATION;
}

void efi_destroy(struct efi *efi)
{
    if (!efi)
        return;
    stop(efi);
    variables_destroy(efi->variables);
    pthread_mutex_destroy(&efi->lock);
    free(efi->services);
    free(efi);
}

/* What loaders ask about Secure Boot (32.3): there is none, and no keys. */
static void set_variables(struct efi *efi)
{
    static const struct efi_guid global = {
        0x8be4df61, 0x93ca, 0x11d2, {0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c}};
    static const struct {
        const uint16_t *name;
        const char *value;
        size_t length;
    } volatiles[] = {
        {u"SecureBoot", "\0", 1},
        {u"SetupMode", "\1", 1},
        {u"PlatformLangCodes", "en", 3},
        {u"PlatformLang", "en", 3},
        {u"OsIndicationsSupported", "\0\0\0\0\0\0\0", 8},
    };

    for (size_t i = 0; i < nitems(volatiles); i++)
        variables_set(efi->variables, volatiles[i].name, &global, false,
                      VARIABLE_BOOTSERVICE_ACCESS | VARIABLE_RUNTIME_ACCESS, volatiles[i].value,
                      volatiles[i].length);
}

/* Where a frame buffer for programs lies, its owner has said: nobody else gets it. */
static efi_status reserve_frame_buffer(struct efi *efi)
{
    const struct efi_config *c = &efi->config;
    uint64_t base = c->gop.base, size = (uint64_t)c->gop.width * c->gop.height * 4;

    if (!c->gop.width)
        return EFI_SUCCESS;
    return efi_pages_new(efi, EFI_ALLOCATE_ADDRESS, EFI_RESERVED, (size + EFI_PAGE - 1) / EFI_PAGE,
                         &base);
}

static efi_status start(struct efi *efi, uint64_t *entry)
{
    static efi_status (*const steps[])(struct efi * efi) = {
        efi_tables_start,         efi_storage_start,  efi_rng_start,       efi_load_file_start,
        efi_path_protocols_start, efi_graphics_start, efi_collation_start,
    };
    efi_status status = efi_memory_start(efi);

    if (status == EFI_SUCCESS)
        status = reserve_frame_buffer(efi);
    if (status == EFI_SUCCESS)
        status = efi_stub_load(efi, entry);
    for (size_t i = 0; i < nitems(steps) && status == EFI_SUCCESS; i++)
        status = steps[i](efi);
    return status;
}

int efi_power_on(struct efi *efi, struct kernel_entry *entry, struct error *err)
{
    efi_status status;

    pthread_mutex_lock(&efi->lock);
    stop(efi);
    variables_reset(efi->variables);
    set_variables(efi);
    efi->boot = true;
    *entry = (struct kernel_entry){.kind = KERNEL_EFI};
    status = start(efi, &entry->pc);
    pthread_mutex_unlock(&efi->lock);
    if (status == EFI_OUT_OF_RESOURCES)
        return error_set(err, ENOMEM, "there is not enough memory for EFI");
    return status == EFI_SUCCESS ? 0 : error_set(err, EINVAL, "EFI cannot describe this machine");
}

bool efi_is_booting(struct efi *efi)
{
    return efi->boot;
}

static const struct state_field fields[] = {
    STATE_FIELD(struct efi, mapped, STATE_BOOL),
    STATE_FIELD(struct efi, stub, STATE_U64),
    STATE_FIELD(struct efi, system_table, STATE_U64),
    STATE_FIELD(struct efi, runtime_table, STATE_U64),
    STATE_FIELD(struct efi, config_table, STATE_U64),
    STATE_FIELD(struct efi, vendor, STATE_U64),
    STATE_FIELD(struct efi, high_count, STATE_U32),
    STATE_FIELD(struct efi, time_offset, STATE_U64),
};
static const struct state_table table = {"efi", 1, fields, nitems(fields)};

static const char *variables_name(const char *instance, char name[64])
{
    snprintf(name, 64, "%s/variables", instance);
    return name;
}

int efi_save(struct efi *efi, struct state *state, const char *instance)
{
    char name[64];
    int ret;

    if (efi_is_booting(efi))
        return -EBUSY;
    ret = state_save(state, instance, &table, efi);
    return ret ? ret : variables_save(efi->variables, state, variables_name(instance, name));
}

int efi_load(struct efi *efi, const struct state *state, const char *instance, struct error *err)
{
    char name[64];
    int ret;

    stop(efi);
    ret = state_load(state, instance, &table, efi, err);
    return ret ? ret : variables_load(efi->variables, state, variables_name(instance, name), err);
}
