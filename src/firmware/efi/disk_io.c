/* SPDX-License-Identifier: ISC */
/*
 * EFI_DISK_IO_PROTOCOL (UEFI 2.10, 13.7): any bytes of a device.
 */
#include <stddef.h>

#include "firmware/efi/storage.h"

#define REVISION UINT64_C(0x00010000)

struct disk_io {
    uint64_t revision, read, write;
};

/* (This, MediaId, Offset, BufferSize, Buffer) */
static efi_status check(struct efi_call *call, struct storage_device **device)
{
    *device = efi_this(call, &efi_disk_io);
    if (!*device)
        return EFI_INVALID_PARAMETER;
    if ((uint32_t)call->arg[1] != STORAGE_MEDIA_ID)
        return EFI_MEDIA_CHANGED;
    if (!range_fits(call->arg[2], call->arg[3], align_down((*device)->medium.size, MEDIUM_BLOCK)))
        return EFI_INVALID_PARAMETER;
    return EFI_SUCCESS;
}

static efi_status disk_read(struct efi_call *call)
{
    struct storage_device *device;
    efi_status status = check(call, &device);

    return status == EFI_SUCCESS
               ? storage_read(call, device, call->arg[2], call->arg[4], call->arg[3])
               : status;
}

static efi_status disk_write(struct efi_call *call)
{
    struct storage_device *device;
    efi_status status = check(call, &device);

    return status == EFI_SUCCESS
               ? storage_write(call, device, call->arg[2], call->arg[4], call->arg[3])
               : status;
}

static const struct efi_method methods[] = {
    {offsetof(struct disk_io, read), "ReadDisk", disk_read},
    {offsetof(struct disk_io, write), "WriteDisk", disk_write},
};

const struct efi_protocol efi_disk_io = {
    {0xce345171, 0xba0b, 0x11d2, {0x8e, 0x4f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}},
    "Disk I/O",
    sizeof(struct disk_io),
    methods,
    nitems(methods),
};

efi_status storage_install_disk_io(struct storage_device *device)
{
    uint64_t revision = REVISION;
    efi_status status = efi_interface_new(device->efi, &efi_disk_io, device, 0, &device->disk_io);

    if (status != EFI_SUCCESS)
        return status;
    efi_poke(device->efi, device->disk_io, &revision, sizeof(revision));
    return efi_install(device->efi, &device->handle, &efi_disk_io.guid, device->disk_io);
}
