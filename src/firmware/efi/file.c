/* SPDX-License-Identifier: ISC */
/*
 * EFI_SIMPLE_FILE_SYSTEM_PROTOCOL and EFI_FILE_PROTOCOL (UEFI 2.10, 13.4 and 13.5) over FAT
 * volumes. The calls of revision 2 that take a token are done when they return, and signal its
 * event.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/efi/file_info.h"
#include "firmware/efi/storage.h"

#define SYSTEM_REVISION     UINT64_C(0x00010000)
#define FILE_REVISION2      UINT64_C(0x00020000)
#define WARN_DELETE_FAILURE UINT64_C(2)

#define OPEN_READ      UINT64_C(1)
#define OPEN_WRITE     UINT64_C(2)
#define OPEN_CREATE    BIT(63)
#define END_OF_FILE    UINT64_MAX
#define PATH_MAX_UNITS 1024u
#define OPEN_FILES_MAX 1024u
#define BOUNCE         65536u

struct file_system {
    uint64_t revision, open_volume;
};

struct file {
    uint64_t revision, open, close, delete, read, write, get_position, set_position, get_info,
        set_info, flush, open_ex, read_ex, write_ex, flush_ex;
};

/* EFI_FILE_IO_TOKEN */
struct token {
    uint64_t event, status, size, buffer;
};

/* A file as the guest has it open. */
struct open_file {
    struct open_file *next; /* of its device */
    struct storage_device *device;
    struct volume_file *file;
    uint64_t interface;
    uint64_t position; /* of a directory: its next entry */
    bool writable;
};

static efi_status file_new(struct storage_device *device, struct volume_file *file, bool writable,
                           struct open_file **new)
{
    struct open_file *open = calloc(1, sizeof(*open));
    uint64_t revision = FILE_REVISION2;
    efi_status status = EFI_OUT_OF_RESOURCES;
    unsigned count = 0;

    for (struct open_file *f = device->files; f; f = f->next)
        count++;
    if (open && count < OPEN_FILES_MAX)
        status = efi_interface_new(device->efi, &efi_file, open, 0, &open->interface);
    if (status != EFI_SUCCESS) {
        free(open);
        return status;
    }
    efi_poke(device->efi, open->interface, &revision, sizeof(revision));
    open->device = device;
    open->file = file;
    open->writable = writable;
    open->next = device->files;
    device->files = open;
    *new = open;
    return EFI_SUCCESS;
}

/* Whether everything reached the disk. */
static int file_free(struct open_file *open)
{
    struct open_file **at = &open->device->files;
    int ret = volume_sync(open->file);

    while (*at != open)
        at = &(*at)->next;
    *at = open->next;
    volume_release(open->file);
    efi_interface_free(open->device->efi, open->interface, open);
    free(open);
    return ret;
}

void storage_close_files(struct storage_device *device)
{
    while (device->files)
        file_free(device->files);
}

/* Gives the guest a new handle for `file`, or releases it. */
static efi_status hand_out(struct efi_call *call, struct storage_device *device,
                           struct volume_file *file, bool writable, uint64_t to)
{
    struct open_file *open;
    efi_status status = file_new(device, file, writable, &open);

    if (status != EFI_SUCCESS) {
        volume_release(file);
        return status;
    }
    if (efi_write_u64(call, to, open->interface)) {
        file_free(open);
        return EFI_INVALID_PARAMETER;
    }
    return EFI_SUCCESS;
}

/* (This, **Root) */
static efi_status open_volume(struct efi_call *call)
{
    struct storage_device *device = efi_this(call, &efi_simple_file_system);
    struct volume_file *root = device ? volume_root(device->volume) : NULL;

    if (!device || !call->arg[1]) {
        volume_release(root);
        return EFI_INVALID_PARAMETER;
    }
    return root ? hand_out(call, device, root, true, call->arg[1]) : EFI_OUT_OF_RESOURCES;
}

static efi_status check_open(const struct open_file *from, uint64_t mode, uint64_t attributes)
{
    if (mode != OPEN_READ && mode != (OPEN_READ | OPEN_WRITE) &&
        mode != (OPEN_READ | OPEN_WRITE | OPEN_CREATE))
        return EFI_INVALID_PARAMETER;
    if (mode & OPEN_CREATE && (attributes & ~UINT64_C(0x37) || attributes & VOLUME_READ_ONLY))
        return EFI_INVALID_PARAMETER;
    if (mode & OPEN_WRITE && volume_is_readonly(from->device->volume))
        return EFI_WRITE_PROTECTED;
    return EFI_SUCCESS;
}

static efi_status find_file(const struct open_file *from, const uint16_t *path, uint64_t mode,
                            uint64_t attributes, struct volume_file **file)
{
    struct volume_stat stat;
    bool created = false;
    int ret = mode & OPEN_CREATE
                  ? volume_create(from->file, path, (uint8_t)attributes, file, &created)
                  : volume_lookup(from->file, path, file);

    if (ret)
        return storage_status(ret);
    volume_stat(*file, &stat);
    if ((mode & OPEN_CREATE && (attributes ^ stat.attributes) & VOLUME_DIRECTORY) ||
        (mode & OPEN_WRITE && !created && stat.attributes & VOLUME_READ_ONLY)) {
        volume_release(*file);
        return EFI_ACCESS_DENIED;
    }
    return EFI_SUCCESS;
}

/* (This, **New, *FileName, OpenMode, Attributes) */
static efi_status file_open(struct efi_call *call)
{
    struct open_file *from = efi_this(call, &efi_file);
    uint16_t path[PATH_MAX_UNITS];
    struct volume_file *file;
    efi_status status;

    if (!from || !call->arg[1] || efi_read_string(call, call->arg[2], path, PATH_MAX_UNITS))
        return EFI_INVALID_PARAMETER;
    status = check_open(from, call->arg[3], call->arg[4]);
    if (status == EFI_SUCCESS)
        status = find_file(from, path, call->arg[3], call->arg[4], &file);
    if (status != EFI_SUCCESS)
        return status;
    return hand_out(call, from->device, file, call->arg[3] & OPEN_WRITE, call->arg[1]);
}

static efi_status file_close(struct efi_call *call)
{
    struct open_file *open = efi_this(call, &efi_file);

    if (!open)
        return EFI_INVALID_PARAMETER;
    file_free(open); /* 13.5: the only status of Close is success */
    return EFI_SUCCESS;
}

static efi_status file_delete(struct efi_call *call)
{
    struct open_file *open = efi_this(call, &efi_file);
    int ret;

    if (!open)
        return EFI_INVALID_PARAMETER;
    ret = open->writable ? volume_remove(open->file) : -EACCES;
    file_free(open);
    return ret ? WARN_DELETE_FAILURE : EFI_SUCCESS;
}

/* The next entry as an EFI_FILE_INFO; *size: room in, length out. */
static efi_status read_entry(struct efi_call *call, struct open_file *open, uint64_t buffer,
                             uint64_t *size)
{
    uint8_t info[FILE_INFO_MAX];
    uint32_t position = (uint32_t)open->position;
    struct volume_stat stat;
    size_t length;
    int ret = volume_next(open->file, &position, &stat);

    if (ret == -ENOENT)
        *size = 0;
    if (ret)
        return ret == -ENOENT ? EFI_SUCCESS : storage_status(ret);
    length = file_info_encode(&stat, info);
    if (*size < length) {
        *size = length;
        return EFI_BUFFER_TOO_SMALL;
    }
    *size = length;
    if (efi_write(call, buffer, info, length))
        return EFI_INVALID_PARAMETER;
    open->position = position;
    return EFI_SUCCESS;
}

static efi_status read_bytes(struct efi_call *call, struct open_file *open, uint64_t buffer,
                             uint64_t *size)
{
    uint8_t *bounce = malloc(BOUNCE);
    efi_status status = bounce ? EFI_SUCCESS : EFI_OUT_OF_RESOURCES;
    uint64_t done = 0;
    size_t got = BOUNCE;

    while (done < *size && got == BOUNCE && status == EFI_SUCCESS) {
        int ret =
            volume_read(open->file, open->position + done, bounce, MIN(*size - done, BOUNCE), &got);

        if (ret)
            status = storage_status(ret);
        else if (efi_write(call, buffer + done, bounce, got))
            status = EFI_INVALID_PARAMETER;
        else
            done += got;
    }
    free(bounce);
    *size = done;
    open->position += done;
    return status;
}

static efi_status do_read(struct efi_call *call, struct open_file *open, uint64_t buffer,
                          uint64_t *size)
{
    struct volume_stat stat;

    if (volume_is_directory(open->file))
        return read_entry(call, open, buffer, size);
    volume_stat(open->file, &stat);
    if (open->position > stat.size) {
        *size = 0;
        return EFI_DEVICE_ERROR;
    }
    return read_bytes(call, open, buffer, size);
}

static efi_status do_write(struct efi_call *call, struct open_file *open, uint64_t buffer,
                           uint64_t *size)
{
    uint8_t *bounce;
    efi_status status = EFI_SUCCESS;
    uint64_t done = 0;

    if (volume_is_directory(open->file))
        return EFI_UNSUPPORTED;
    if (!open->writable)
        return EFI_ACCESS_DENIED;
    bounce = malloc(BOUNCE);
    if (!bounce)
        return EFI_OUT_OF_RESOURCES;
    while (done < *size && status == EFI_SUCCESS) {
        size_t n = MIN(*size - done, BOUNCE);

        if (efi_read(call, buffer + done, bounce, n))
            status = EFI_INVALID_PARAMETER;
        else
            status = storage_status(volume_write(open->file, open->position, bounce, n));
        if (status == EFI_SUCCESS) {
            done += n;
            open->position += n;
        }
    }
    free(bounce);
    *size = done;
    return status;
}

typedef efi_status (*mover)(struct efi_call *call, struct open_file *open, uint64_t buffer,
                            uint64_t *size);

/* (This, *BufferSize, *Buffer) */
static efi_status file_transfer(struct efi_call *call, mover move)
{
    struct open_file *open = efi_this(call, &efi_file);
    efi_status status;
    uint64_t size;

    if (!open || efi_read_u64(call, call->arg[1], &size))
        return EFI_INVALID_PARAMETER;
    status = move(call, open, call->arg[2], &size);
    return efi_write_u64(call, call->arg[1], size) ? EFI_INVALID_PARAMETER : status;
}

static efi_status file_read(struct efi_call *call)
{
    return file_transfer(call, do_read);
}

static efi_status file_write(struct efi_call *call)
{
    return file_transfer(call, do_write);
}

static efi_status get_position(struct efi_call *call)
{
    struct open_file *open = efi_this(call, &efi_file);

    if (!open)
        return EFI_INVALID_PARAMETER;
    if (volume_is_directory(open->file))
        return EFI_UNSUPPORTED;
    return efi_write_u64(call, call->arg[1], open->position) ? EFI_INVALID_PARAMETER : EFI_SUCCESS;
}

static efi_status set_position(struct efi_call *call)
{
    struct open_file *open = efi_this(call, &efi_file);
    uint64_t position = call->arg[1];
    struct volume_stat stat;

    if (!open)
        return EFI_INVALID_PARAMETER;
    if (volume_is_directory(open->file) && position)
        return EFI_UNSUPPORTED;
    if (position == END_OF_FILE) {
        volume_stat(open->file, &stat);
        position = stat.size;
    }
    open->position = position;
    return EFI_SUCCESS;
}

/* (This, *InformationType, *BufferSize, *Buffer) */
static efi_status get_info(struct efi_call *call)
{
    struct open_file *open = efi_this(call, &efi_file);
    uint8_t info[FILE_INFO_MAX];
    struct efi_guid type;
    efi_status status;
    uint64_t room;
    size_t length;

    if (!open || efi_read_guid(call, call->arg[1], &type) ||
        efi_read_u64(call, call->arg[2], &room))
        return EFI_INVALID_PARAMETER;
    status = file_info_get(&type, open->device->volume, open->file, info, &length);
    if (status != EFI_SUCCESS)
        return status;
    if (efi_write_u64(call, call->arg[2], length))
        return EFI_INVALID_PARAMETER;
    if (room < length)
        return EFI_BUFFER_TOO_SMALL;
    return efi_write(call, call->arg[3], info, length) ? EFI_INVALID_PARAMETER : EFI_SUCCESS;
}

/* (This, *InformationType, BufferSize, *Buffer) */
static efi_status set_info(struct efi_call *call)
{
    struct open_file *open = efi_this(call, &efi_file);
    uint8_t info[FILE_INFO_MAX] = {0};
    struct efi_guid type;
    size_t length = (size_t)MIN(call->arg[2], sizeof(info));

    if (!open || efi_read_guid(call, call->arg[1], &type) ||
        efi_read(call, call->arg[3], info, length))
        return EFI_INVALID_PARAMETER;
    return file_info_set(&type, open->device->volume, open->file, open->writable, info, length);
}

static efi_status do_flush(const struct open_file *open)
{
    return open->writable ? storage_status(volume_sync(open->file)) : EFI_ACCESS_DENIED;
}

static efi_status file_flush(struct efi_call *call)
{
    const struct open_file *open = efi_this(call, &efi_file);

    return open ? do_flush(open) : EFI_INVALID_PARAMETER;
}

/* What a token's call came to: into the token, and its event is signalled. */
static efi_status complete(struct efi_call *call, uint64_t at, struct token *token,
                           efi_status status)
{
    if (!token->event)
        return status;
    token->status = status;
    if (efi_write(call, at, token, sizeof(*token)))
        return EFI_INVALID_PARAMETER;
    efi_event_signal(call->efi, token->event);
    return EFI_SUCCESS;
}

/* (This, **New, *FileName, OpenMode, Attributes, *Token) */
static efi_status open_ex(struct efi_call *call)
{
    struct token token;

    if (efi_read(call, call->arg[5], &token, sizeof(token)))
        return EFI_INVALID_PARAMETER;
    return complete(call, call->arg[5], &token, file_open(call));
}

/* (This, *Token) */
static efi_status transfer_ex(struct efi_call *call, mover move)
{
    struct open_file *open = efi_this(call, &efi_file);
    struct token token;
    efi_status status;

    if (!open || efi_read(call, call->arg[1], &token, sizeof(token)))
        return EFI_INVALID_PARAMETER;
    status = move(call, open, token.buffer, &token.size);
    if (efi_write(call, call->arg[1], &token, sizeof(token)))
        return EFI_INVALID_PARAMETER;
    return complete(call, call->arg[1], &token, status);
}

static efi_status read_ex(struct efi_call *call)
{
    return transfer_ex(call, do_read);
}

static efi_status write_ex(struct efi_call *call)
{
    return transfer_ex(call, do_write);
}

static efi_status flush_ex(struct efi_call *call)
{
    const struct open_file *open = efi_this(call, &efi_file);
    struct token token;

    if (!open || efi_read(call, call->arg[1], &token, sizeof(token)))
        return EFI_INVALID_PARAMETER;
    return complete(call, call->arg[1], &token, do_flush(open));
}

static const struct efi_method file_methods[] = {
    {offsetof(struct file, open), "Open", file_open},
    {offsetof(struct file, close), "Close", file_close},
    {offsetof(struct file, delete), "Delete", file_delete},
    {offsetof(struct file, read), "Read", file_read},
    {offsetof(struct file, write), "Write", file_write},
    {offsetof(struct file, get_position), "GetPosition", get_position},
    {offsetof(struct file, set_position), "SetPosition", set_position},
    {offsetof(struct file, get_info), "GetInfo", get_info},
    {offsetof(struct file, set_info), "SetInfo", set_info},
    {offsetof(struct file, flush), "Flush", file_flush},
    {offsetof(struct file, open_ex), "OpenEx", open_ex},
    {offsetof(struct file, read_ex), "ReadEx", read_ex},
    {offsetof(struct file, write_ex), "WriteEx", write_ex},
    {offsetof(struct file, flush_ex), "FlushEx", flush_ex},
};

/* A file is no protocol that a handle has: its GUID is nobody's. */
const struct efi_protocol efi_file = {
    {0}, "File", sizeof(struct file), file_methods, nitems(file_methods),
};

static const struct efi_method file_system_methods[] = {
    {offsetof(struct file_system, open_volume), "OpenVolume", open_volume},
};

const struct efi_protocol efi_simple_file_system = {
    {0x964e5b22, 0x6459, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}},
    "Simple File System",
    sizeof(struct file_system),
    file_system_methods,
    nitems(file_system_methods),
};

efi_status storage_install_file_system(struct storage_device *device)
{
    uint64_t revision = SYSTEM_REVISION;
    efi_status status =
        efi_interface_new(device->efi, &efi_simple_file_system, device, 0, &device->file_system);

    if (status != EFI_SUCCESS)
        return status;
    efi_poke(device->efi, device->file_system, &revision, sizeof(revision));
    return efi_install(device->efi, &device->handle, &efi_simple_file_system.guid,
                       device->file_system);
}
