/* SPDX-License-Identifier: ISC */
/*
 * Programs: loaded, started, ended, unloaded (UEFI 2.10, 7.4), and what they find about themselves
 * (Loaded Image Protocol, 9.1).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/efi/handle.h"
#include "firmware/file.h"

#define SERVICE(n) (EFI_TABLE_HEADER + 8 * (n))

#define LOADED_IMAGE_REVISION 0x1000u
#define MAX_IMAGES            256u
#define MAX_EXIT_DATA         4096u

/* EFI_LOADED_IMAGE_PROTOCOL */
enum {
    LOADED_REVISION = 0,
    LOADED_PARENT = 8,
    LOADED_SYSTEM_TABLE = 16,
    LOADED_DEVICE = 24,
    LOADED_FILE_PATH = 32,
    LOADED_OPTIONS_SIZE = 48,
    LOADED_OPTIONS = 56,
    LOADED_BASE = 64,
    LOADED_SIZE = 72,
    LOADED_CODE_TYPE = 80,
    LOADED_DATA_TYPE = 84,
    LOADED_UNLOAD = 88,
    LOADED_LENGTH = 96,
};

const struct efi_guid efi_loaded_image_guid = {
    0x5b1b31a1, 0x9562, 0x11d2, {0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const struct efi_guid loaded_image_path_guid = {
    0xbc62157e, 0x3e33, 0x4fec, {0x99, 0x20, 0x2d, 0x3b, 0x36, 0xd7, 0x50, 0xdf}};

static struct efi_image *find(struct efi *efi, uint64_t handle)
{
    struct efi_image *image = efi->images;

    while (image && image->handle != handle)
        image = image->next;
    return image;
}

const struct efi_image *efi_image_at(const struct efi *efi, uint64_t address)
{
    const struct efi_image *image = efi->images;

    while (image && !(address >= image->base && address - image->base < image->size))
        image = image->next;
    return image;
}

void efi_images_stop(struct efi *efi)
{
    while (efi->images) {
        struct efi_image *image = efi->images;

        efi->images = image->next;
        free(image);
    }
}

void efi_image_unload(struct efi *efi, struct efi_image *image)
{
    struct efi_image **at = &efi->images;

    while (*at && *at != image)
        at = &(*at)->next;
    if (*at)
        *at = image->next;
    efi_opens_forget(efi, image->handle);
    efi_uninstall(efi, image->handle, &efi_loaded_image_guid);
    efi_uninstall(efi, image->handle, &loaded_image_path_guid);
    efi_pool_free(efi, image->loaded);
    efi_pages_free(efi, image->base, image->pages);
    free(image);
}

/* The types of memory that a program's code and data are in (7.2). */
static void memory_types(enum pe_subsystem subsystem, uint32_t *code, uint32_t *data)
{
    static const uint32_t types[][2] = {
        [PE_SUBSYSTEM_APPLICATION - 10] = {EFI_LOADER_CODE, EFI_LOADER_DATA},
        [PE_SUBSYSTEM_BOOT_DRIVER - 10] = {EFI_BOOT_CODE, EFI_BOOT_DATA},
        [PE_SUBSYSTEM_RUNTIME_DRIVER - 10] = {EFI_RUNTIME_CODE, EFI_RUNTIME_DATA},
    };

    *code = types[subsystem - PE_SUBSYSTEM_APPLICATION][0];
    *data = types[subsystem - PE_SUBSYSTEM_APPLICATION][1];
}

/* Puts the program into guest memory, ready to run. */
static efi_status place(struct efi *efi, const uint8_t *bytes, size_t length,
                        const struct pe_image *pe, uint32_t type, struct efi_image *image,
                        struct error *err)
{
    uint8_t *laid_out;
    efi_status status;

    image->pages = pe->size / EFI_PAGE;
    image->size = pe->size;
    status = efi_pages_aligned(efi, type, image->pages, pe->alignment, &image->base);
    if (status != EFI_SUCCESS) {
        error_set(err, ENOMEM, "there is not enough memory for the EFI program \"%s\"",
                  image->name);
        return status;
    }
    laid_out = calloc(1, pe->size);
    if (!laid_out || pe_load(bytes, length, pe, laid_out, image->base, err)) {
        efi_pages_free(efi, image->base, image->pages);
        status = laid_out ? EFI_LOAD_ERROR : EFI_OUT_OF_RESOURCES;
    } else {
        efi_poke(efi, image->base, laid_out, pe->size);
        efi->config.code_written(efi->config.ctx, image->base, pe->size);
        image->entry = image->base + pe->entry;
    }
    free(laid_out);
    return status;
}

/* A copy in guest memory of a device path's part; 0: none. */
static uint64_t path_copy(struct efi *efi, const uint8_t *path, size_t length)
{
    uint64_t at;

    if (!path || !length || efi_pool_new(efi, length, &at) != EFI_SUCCESS)
        return 0;
    efi_poke(efi, at, path, length);
    return at;
}

/* Where in a whole path the device ends and the file begins. */
static size_t file_part(struct efi *efi, const uint8_t *path, size_t length)
{
    uint64_t handle;
    size_t rest;

    return efi_path_find(efi, path, length, &handle, &rest) == EFI_SUCCESS ? rest : 0;
}

static efi_status describe(struct efi *efi, struct efi_image *image, uint64_t parent,
                           uint64_t device, const uint8_t *path, size_t length,
                           const uint32_t types[2])
{
    uint64_t whole = path_copy(efi, path, length);
    efi_status status = efi_pool_new(efi, LOADED_LENGTH, &image->loaded);

    if (status != EFI_SUCCESS)
        return status;
    mem_fill(efi->config.mem, image->loaded, 0, LOADED_LENGTH);
    efi_poke32(efi, image->loaded + LOADED_REVISION, LOADED_IMAGE_REVISION);
    efi_poke64(efi, image->loaded + LOADED_PARENT, parent);
    efi_poke64(efi, image->loaded + LOADED_SYSTEM_TABLE, efi->system_table);
    efi_poke64(efi, image->loaded + LOADED_DEVICE, device);
    efi_poke64(efi, image->loaded + LOADED_FILE_PATH,
               whole ? whole + file_part(efi, path, length) : 0);
    efi_poke64(efi, image->loaded + LOADED_BASE, image->base);
    efi_poke64(efi, image->loaded + LOADED_SIZE, image->size);
    efi_poke32(efi, image->loaded + LOADED_CODE_TYPE, types[0]);
    efi_poke32(efi, image->loaded + LOADED_DATA_TYPE, types[1]);
    status = efi_install(efi, &image->handle, &efi_loaded_image_guid, image->loaded);
    if (status == EFI_SUCCESS)
        status = efi_install(efi, &image->handle, &loaded_image_path_guid, whole);
    return status;
}

efi_status efi_image_load(struct efi *efi, const uint8_t *bytes, size_t length, const char *name,
                          uint64_t parent, uint64_t device, const uint8_t *path, size_t path_length,
                          struct efi_image **loaded, struct error *err)
{
    struct pe_image pe;
    struct efi_image *image;
    uint32_t types[2];
    size_t count = 0;
    efi_status status;

    if (pe_check(bytes, length, name, &pe, err))
        return EFI_UNSUPPORTED;
    for (image = efi->images; image; image = image->next)
        count++;
    image = count < MAX_IMAGES ? calloc(1, sizeof(*image)) : NULL;
    if (!image)
        return EFI_OUT_OF_RESOURCES;
    snprintf(image->name, sizeof(image->name), "%s", name);
    image->application = pe.subsystem == PE_SUBSYSTEM_APPLICATION;
    memory_types(pe.subsystem, &types[0], &types[1]);
    status = place(efi, bytes, length, &pe, types[0], image, err);
    if (status != EFI_SUCCESS) {
        free(image);
        return status;
    }
    image->next = efi->images;
    efi->images = image;
    status = describe(efi, image, parent, device, path, path_length, types);
    if (status != EFI_SUCCESS) {
        efi_image_unload(efi, image);
        return status;
    }
    *loaded = image;
    return EFI_SUCCESS;
}

efi_status efi_image_options(struct efi *efi, struct efi_image *image, const void *options,
                             size_t length)
{
    uint64_t at;
    efi_status status;

    if (!length)
        return EFI_SUCCESS;
    status = efi_pool_new(efi, length, &at);
    if (status != EFI_SUCCESS)
        return status;
    efi_poke(efi, at, options, length);
    efi_poke32(efi, image->loaded + LOADED_OPTIONS_SIZE, (uint32_t)length);
    efi_poke64(efi, image->loaded + LOADED_OPTIONS, at);
    return EFI_SUCCESS;
}

efi_status efi_image_start(struct efi_call *call, struct efi_image *image, efi_resume resume)
{
    const uint64_t args[] = {image->handle, call->efi->system_table};

    image->started = true;
    call->image = image;
    call->tpl = call->efi->tpl;
    return efi_call_guest(call, image->entry, args, nitems(args), resume);
}

/* --- services --- */

/* The program's bytes, malloc'ed: from memory, or the file that the path leads to. */
static efi_status fetch(struct efi_call *call, const uint8_t *path, size_t path_length,
                        uint64_t *device, uint8_t **bytes, size_t *length)
{
    struct efi *efi = call->efi;
    uint16_t name[512];
    size_t rest;
    efi_status status = EFI_SUCCESS;

    *bytes = NULL;
    *device = 0;
    if (path_length)
        status = efi_path_find(efi, path, path_length, device, &rest);
    if (call->arg[3]) {
        *length = call->arg[4];
        if (!*length || *length > BOOT_FILE_MAX ||
            !mem_is_ram(efi->config.mem, call->arg[3], *length))
            return EFI_INVALID_PARAMETER;
        *bytes = malloc(*length);
        if (!*bytes)
            return EFI_OUT_OF_RESOURCES;
        return efi_phys_read(efi, call->arg[3], *bytes, *length) ? EFI_SUCCESS
                                                                 : EFI_INVALID_PARAMETER;
    }
    if (!path_length || status != EFI_SUCCESS)
        return path_length ? EFI_NOT_FOUND : EFI_INVALID_PARAMETER;
    if (device_path_file(path, path_length, rest, name, nitems(name)) || !name[0])
        return EFI_NOT_FOUND;
    return efi_storage_read_file(efi, *device, name, bytes, length);
}

/* Ends LoadImage with a program that has been fetched; frees its bytes. */
static efi_status load_bytes(struct efi_call *call, uint8_t *bytes, size_t length, uint64_t device)
{
    struct efi *efi = call->efi;
    struct efi_image *image;
    struct error err = {0};
    uint8_t path[DEVICE_PATH_MAX];
    size_t path_length = 0;
    char name[128] = "(from memory)";
    efi_status status;

    if (call->arg[2])
        path_length = efi_path_read(efi, call->arg[2], path, sizeof(path));
    if (path_length)
        device_path_text(path, path_length, name, sizeof(name));
    status = efi_image_load(efi, bytes, length, name, call->arg[1], device, path, path_length,
                            &image, &err);
    free(bytes);
    if (err.text[0])
        log_warn(efi->config.log, "%s", err.text);
    if (status == EFI_SUCCESS && efi_write_u64(call, call->arg[5], image->handle)) {
        efi_image_unload(efi, image);
        return EFI_INVALID_PARAMETER;
    }
    return status;
}

/* A program behind a Load File 2 Protocol of the guest's (13.2), as Linux's zboot kernels are: the
 * guest is called twice, for the size and for the bytes. */
enum { LOAD_DEVICE, LOAD_INTERFACE, LOAD_FUNCTION, LOAD_PATH, LOAD_SIZE, LOAD_BUFFER };

static efi_status ask(struct efi_call *call, efi_resume resume)
{
    const uint64_t args[] = {call->state[LOAD_INTERFACE], call->state[LOAD_PATH], 0,
                             call->state[LOAD_SIZE], call->state[LOAD_BUFFER]};

    return efi_call_guest(call, call->state[LOAD_FUNCTION], args, nitems(args), resume);
}

/* The size that the guest has said; 0: none that a program could have. */
static size_t asked_size(struct efi_call *call)
{
    uint64_t size = 0;

    efi_phys_read(call->efi, call->state[LOAD_SIZE], &size, sizeof(size));
    return size <= BOOT_FILE_MAX ? size : 0;
}

static efi_status loaded_bytes(struct efi_call *call, uint64_t result)
{
    uint64_t pages = call->state[LOAD_PATH];
    size_t length = asked_size(call);
    uint8_t *bytes = NULL;
    efi_status status = result;

    if (status == EFI_SUCCESS)
        status = length && length <= pages * EFI_PAGE ? EFI_SUCCESS : EFI_LOAD_ERROR;
    if (status == EFI_SUCCESS && !(bytes = malloc(length)))
        status = EFI_OUT_OF_RESOURCES;
    if (status == EFI_SUCCESS && !efi_phys_read(call->efi, call->state[LOAD_BUFFER], bytes, length))
        status = EFI_LOAD_ERROR;
    efi_pages_free(call->efi, call->state[LOAD_BUFFER], pages);
    efi_pool_free(call->efi, call->state[LOAD_SIZE]);
    if (status == EFI_SUCCESS)
        return load_bytes(call, bytes, length, call->state[LOAD_DEVICE]);
    free(bytes);
    return status;
}

static efi_status loaded_size(struct efi_call *call, uint64_t result)
{
    uint64_t pages = align_up(asked_size(call), EFI_PAGE) / EFI_PAGE;
    efi_status status = result & EFI_ERROR_BIT ? result : EFI_LOAD_ERROR;

    if (result == EFI_BUFFER_TOO_SMALL)
        status = pages ? efi_pages_new(call->efi, EFI_ALLOCATE_ANY, EFI_BOOT_DATA, pages,
                                       &call->state[LOAD_BUFFER])
                       : EFI_LOAD_ERROR;
    if (status != EFI_SUCCESS) {
        efi_pool_free(call->efi, call->state[LOAD_SIZE]);
        return status;
    }
    status = ask(call, loaded_bytes);
    call->state[LOAD_PATH] = pages; /* the path has been handed over for the last time */
    return status;
}

static efi_status load_by_protocol(struct efi_call *call, const uint8_t *path, size_t length)
{
    struct efi *efi = call->efi;
    size_t covered;
    uint64_t handle = efi_handle_on_path(efi, &efi_load_file2.guid, path, length, &covered);
    efi_status status;

    if (!handle)
        return EFI_NOT_FOUND;
    call->state[LOAD_DEVICE] = handle;
    call->state[LOAD_INTERFACE] = efi_interface_on(efi, handle, &efi_load_file2.guid);
    call->state[LOAD_PATH] = call->arg[2] + covered;
    call->state[LOAD_BUFFER] = 0;
    if (!efi_phys_read(efi, call->state[LOAD_INTERFACE], &call->state[LOAD_FUNCTION],
                       sizeof(call->state[LOAD_FUNCTION])))
        return EFI_NOT_FOUND;
    status = efi_pool_new(efi, sizeof(uint64_t), &call->state[LOAD_SIZE]);
    if (status != EFI_SUCCESS)
        return status;
    efi_poke64(efi, call->state[LOAD_SIZE], 0);
    return ask(call, loaded_size);
}

/* LoadImage(BootPolicy, ParentImageHandle, *DevicePath, *SourceBuffer, SourceSize, *ImageHandle) */
static efi_status load_image(struct efi_call *call)
{
    uint8_t path[DEVICE_PATH_MAX], *bytes;
    size_t path_length = 0, length;
    uint64_t device;
    efi_status status;

    if (!find(call->efi, call->arg[1]) || !call->arg[5])
        return EFI_INVALID_PARAMETER;
    if (call->arg[2])
        path_length = efi_path_read(call->efi, call->arg[2], path, sizeof(path));
    status = fetch(call, path, path_length, &device, &bytes, &length);
    if (status == EFI_SUCCESS)
        return load_bytes(call, bytes, length, device);
    free(bytes);
    if (status == EFI_NOT_FOUND && path_length && !call->arg[3] && !(uint8_t)call->arg[0])
        return load_by_protocol(call, path, path_length);
    return status;
}

/* A program that returns is gone; a driver stays, unless it failed. */
static efi_status started(struct efi_call *call, uint64_t result)
{
    struct efi_image *image = call->image;

    call->image = NULL;
    if (image->application || result & EFI_ERROR_BIT)
        efi_image_unload(call->efi, image);
    if (call->arg[1])
        efi_write_u64(call, call->arg[1], call->state[0]);
    if (call->arg[2])
        efi_write_u64(call, call->arg[2], call->state[1]);
    return result;
}

/* StartImage(ImageHandle, *ExitDataSize, **ExitData) */
static efi_status start_image(struct efi_call *call)
{
    struct efi_image *image = find(call->efi, call->arg[0]);

    if (!image || image->started)
        return EFI_INVALID_PARAMETER;
    return efi_image_start(call, image, started);
}

/* What Exit says goes to the call that started the image; `started` gives it on. */
static void keep_exit_data(struct efi_call *call, const struct efi_image *image)
{
    struct efi *efi = call->efi;

    for (unsigned i = 0; i < efi->depth; i++) {
        if (efi->calls[i].image != image)
            continue;
        efi->calls[i].state[0] = call->arg[3] ? MIN(call->arg[2], MAX_EXIT_DATA) : 0;
        efi->calls[i].state[1] = call->arg[3];
    }
}

/* Exit(ImageHandle, ExitStatus, ExitDataSize, *ExitData) */
static efi_status exit_image(struct efi_call *call)
{
    struct efi_image *image = find(call->efi, call->arg[0]);

    if (!image)
        return EFI_INVALID_PARAMETER;
    if (!image->started) {
        efi_image_unload(call->efi, image);
        return EFI_SUCCESS;
    }
    keep_exit_data(call, image);
    return efi_unwind(call, image, call->arg[1]);
}

static bool is_running(const struct efi *efi, const struct efi_image *image)
{
    for (unsigned i = 0; i < efi->depth; i++)
        if (efi->calls[i].image == image)
            return true;
    return false;
}

static efi_status unload_answered(struct efi_call *call, uint64_t result)
{
    struct efi_image *image = find(call->efi, call->arg[0]);

    if (result == EFI_SUCCESS && image && !is_running(call->efi, image))
        efi_image_unload(call->efi, image);
    return result;
}

/* UnloadImage(ImageHandle): a driver that was started is asked first. */
static efi_status unload_image(struct efi_call *call)
{
    struct efi_image *image = find(call->efi, call->arg[0]);
    uint64_t unload = 0;

    if (!image || is_running(call->efi, image))
        return EFI_INVALID_PARAMETER;
    efi_phys_read(call->efi, image->loaded + LOADED_UNLOAD, &unload, sizeof(unload));
    if (!image->started)
        return unload_answered(call, EFI_SUCCESS);
    return unload ? efi_call_guest(call, unload, &image->handle, 1, unload_answered)
                  : EFI_UNSUPPORTED;
}

const struct efi_method efi_image_services[] = {
    {SERVICE(22), "LoadImage", load_image},
    {SERVICE(23), "StartImage", start_image},
    {SERVICE(24), "Exit", exit_image},
    {SERVICE(25), "UnloadImage", unload_image},
};
const size_t efi_image_service_count = nitems(efi_image_services);
