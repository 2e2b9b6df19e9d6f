/* SPDX-License-Identifier: ISC */
/*
 * What is started, in which order (UEFI 2.10, chapter 3): the program that the user gave, BootNext,
 * the options of BootOrder, and the removable-media path of every volume. A program that returns is
 * followed by the next.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "firmware/efi/core.h"

#define MAX_OPTIONS        64u
#define MAX_VOLUMES        64u
#define OPTION_MAX         4096u
#define LOAD_OPTION_ACTIVE 1u

enum candidate_kind { CANDIDATE_PROGRAM, CANDIDATE_OPTION, CANDIDATE_VOLUME };

struct candidate {
    enum candidate_kind kind;
    uint16_t option; /* Boot#### */
    uint64_t volume; /* a handle */
};

struct efi_boot {
    struct candidate candidates[1 + MAX_OPTIONS + MAX_VOLUMES];
    size_t count, next;
};

static const struct efi_guid global = {
    0x8be4df61, 0x93ca, 0x11d2, {0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c}};
static const uint16_t media_path[] = u"\\EFI\\BOOT\\BOOTAA64.EFI";

static void add(struct efi_boot *boot, struct candidate candidate)
{
    if (boot->count < nitems(boot->candidates))
        boot->candidates[boot->count++] = candidate;
}

/* Reads a global variable; returns its length, 0 when there is none. */
static size_t get(struct efi *efi, const uint16_t *name, void *data, size_t room)
{
    uint32_t attributes;
    size_t length = room;

    return variables_get(efi->variables, name, &global, false, &attributes, data, &length) ==
                   EFI_SUCCESS
               ? length
               : 0;
}

static void find_candidates(struct efi *efi)
{
    struct efi_boot *boot = efi->manager;
    uint16_t order[MAX_OPTIONS], next;
    uint64_t volumes[MAX_VOLUMES];
    size_t count;

    if (efi->config.program)
        add(boot, (struct candidate){.kind = CANDIDATE_PROGRAM});
    if (get(efi, u"BootNext", &next, sizeof(next)) == sizeof(next)) {
        add(boot, (struct candidate){.kind = CANDIDATE_OPTION, .option = next});
        variables_set(efi->variables, u"BootNext", &global, false, 0, NULL, 0);
    }
    count = get(efi, u"BootOrder", order, sizeof(order)) / sizeof(*order);
    for (size_t i = 0; i < count; i++)
        add(boot, (struct candidate){.kind = CANDIDATE_OPTION, .option = order[i]});
    count = MIN(efi_storage_volumes(efi, volumes, nitems(volumes)), nitems(volumes));
    for (size_t i = 0; i < count; i++)
        add(boot, (struct candidate){.kind = CANDIDATE_VOLUME, .volume = volumes[i]});
}

/* Loads `file` of a volume as the path says. */
static efi_status load_file(struct efi *efi, uint64_t volume, const uint16_t *file,
                            struct efi_image **image)
{
    const struct device_path *own = efi_path_of(efi, volume);
    struct device_path path;
    struct error err = {0};
    uint8_t *bytes;
    size_t length;
    char name[128];
    efi_status status =
        own ? efi_storage_read_file(efi, volume, file, &bytes, &length) : EFI_NOT_FOUND;

    if (status != EFI_SUCCESS)
        return status;
    path = *own;
    device_path_add_file(&path, file);
    device_path_text(path.bytes, path.length, name, sizeof(name));
    status =
        efi_image_load(efi, bytes, length, name, 0, volume, path.bytes, path.length, image, &err);
    free(bytes);
    if (status != EFI_SUCCESS)
        log_warn(efi->config.log, "%s",
                 err.text[0] ? err.text : "a boot loader could not be loaded: out of memory");
    return status;
}

/* The parts of Boot#### (3.1.3): its device path, and what is left over as load options. */
struct load_option {
    uint8_t bytes[OPTION_MAX];
    const uint8_t *path, *options;
    size_t path_length, options_length;
    bool active;
};

static bool parse_option(struct load_option *o, size_t length)
{
    size_t at = 6, path_length;

    if (length < at)
        return false;
    o->active = load_le32(o->bytes) & LOAD_OPTION_ACTIVE;
    path_length = load_le16(o->bytes + 4);
    while (at + 2 <= length && load_le16(o->bytes + at))
        at += 2;
    at += 2;
    if (at > length || path_length > length - at)
        return false;
    o->path = o->bytes + at;
    o->path_length = device_path_size(o->path, path_length);
    o->options = o->path + path_length;
    o->options_length = length - at - path_length;
    return o->path_length != 0;
}

static efi_status load_option(struct efi *efi, uint16_t number, struct efi_image **image)
{
    struct load_option option;
    uint16_t name[16], file[512];
    char text[16];
    uint64_t volume;
    size_t rest;
    efi_status status;

    snprintf(text, sizeof(text), "Boot%04X", number);
    for (size_t i = 0; i <= strlen(text); i++)
        name[i] = (uint8_t)text[i];
    if (!parse_option(&option, get(efi, name, option.bytes, sizeof(option.bytes))) ||
        !option.active ||
        efi_path_find(efi, option.path, option.path_length, &volume, &rest) != EFI_SUCCESS ||
        device_path_file(option.path, option.path_length, rest, file, nitems(file)))
        return EFI_NOT_FOUND;
    status = load_file(efi, volume, file[0] ? file : media_path, image);
    if (status == EFI_SUCCESS)
        status = efi_image_options(efi, *image, option.options, option.options_length);
    variables_set(efi->variables, u"BootCurrent", &global, false,
                  VARIABLE_BOOTSERVICE_ACCESS | VARIABLE_RUNTIME_ACCESS, &number, sizeof(number));
    return status;
}

/* The user's words for the program, as CHAR16. */
static efi_status append_options(struct efi *efi, struct efi_image *image)
{
    const char *text = efi->config.append;
    uint16_t wide[2048];
    size_t n = 0;

    if (!text)
        return EFI_SUCCESS;
    for (; text[n] && n < nitems(wide) - 1; n++)
        wide[n] = (uint8_t)text[n];
    wide[n++] = 0;
    return efi_image_options(efi, image, wide, n * sizeof(*wide));
}

static efi_status load_program(struct efi *efi, struct efi_image **image)
{
    const struct efi_config *c = &efi->config;
    struct device_path path;
    struct error err = {0};
    efi_status status;

    device_path_empty(&path);
    status = efi_image_load(efi, c->program, c->program_length, c->program_name, 0, 0, path.bytes,
                            path.length, image, &err);
    if (status != EFI_SUCCESS)
        log_warn(c->log, "%s", err.text);
    return status;
}

static efi_status load_candidate(struct efi *efi, const struct candidate *c,
                                 struct efi_image **image)
{
    efi_status status;

    if (c->kind == CANDIDATE_OPTION)
        return load_option(efi, c->option, image);
    status = c->kind == CANDIDATE_PROGRAM ? load_program(efi, image)
                                          : load_file(efi, c->volume, media_path, image);
    return status == EFI_SUCCESS ? append_options(efi, *image) : status;
}

static void say_nothing_boots(struct efi *efi)
{
    char disks[256] = "";
    size_t used = 0;

    for (size_t i = 0; i < efi->config.disk_count && used < sizeof(disks); i++)
        used += (size_t)snprintf(disks + used, sizeof(disks) - used, "%s%s", i ? ", " : "",
                                 efi->config.disks[i].name);
    if (!efi->config.disk_count)
        log_error(efi->config.log, "nothing to boot is left: there is no disk");
    else
        log_error(efi->config.log,
                  "nothing to boot: no boot option, and no \\EFI\\BOOT\\BOOTAA64.EFI for arm64 on "
                  "a FAT partition of %s",
                  disks);
}

static efi_status next_candidate(struct efi_call *call);

static efi_status program_ended(struct efi_call *call, uint64_t status)
{
    struct efi_image *image = call->image;

    log_info(call->efi->config.log, "the EFI program %s returned with status 0x%llx", image->name,
             (unsigned long long)status);
    call->image = NULL;
    efi_image_unload(call->efi, image);
    return next_candidate(call);
}

static efi_status waited(struct efi_call *call, uint64_t result)
{
    return next_candidate(call);
}

/* After a file that was read in vain the CPU leaves for a tick: it may be wanted elsewhere, and a
 * disk may hold many. */
static efi_status next_candidate(struct efi_call *call)
{
    struct efi *efi = call->efi;
    struct efi_boot *boot = efi->manager;
    struct efi_image *image;

    while (boot->next < boot->count) {
        efi_status status = load_candidate(efi, &boot->candidates[boot->next++], &image);

        if (status == EFI_NOT_FOUND)
            continue;
        if (status != EFI_SUCCESS)
            return efi_call_wait(call, waited);
        log_info(efi->config.log, "EFI: starting %s", image->name);
        efi_events_signal_group(efi, &efi_group_ready_to_boot);
        return efi_image_start(call, image, program_ended);
    }
    say_nothing_boots(efi);
    return efi_stop(call);
}

efi_status efi_boot_start(struct efi_call *call)
{
    struct efi *efi = call->efi;

    if (efi->manager)
        return EFI_UNSUPPORTED; /* a program that jumps to the stub's start */
    efi->manager = calloc(1, sizeof(*efi->manager));
    if (!efi->manager)
        return EFI_OUT_OF_RESOURCES;
    find_candidates(efi);
    return next_candidate(call);
}

void efi_boot_stop(struct efi *efi)
{
    free(efi->manager);
    efi->manager = NULL;
}
