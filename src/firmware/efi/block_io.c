/* SPDX-License-Identifier: ISC */
/*
 * EFI_BLOCK_IO_PROTOCOL (UEFI 2.10, 13.9): blocks of 512 bytes, of a medium that never changes.
 */
#include <stddef.h>

#include "firmware/efi/storage.h"

#define REVISION3 UINT64_C(0x0002001f)

/* As they lie in guest memory. */
struct block_io {
    uint64_t revision, media;
    uint64_t reset, read, write, flush;
};

struct block_io_media {
    uint32_t media_id;
    uint8_t removable, present, logical, readonly, write_caching, pad[3];
    uint32_t block_size, io_align, pad2;
    uint64_t last_block, lowest_aligned;
    uint32_t logical_per_physical, optimal_granularity;
};
_Static_assert(sizeof(struct block_io_media) == 48, "EFI_BLOCK_IO_MEDIA");

static efi_status block_reset(struct efi_call *call)
{
    return efi_this(call, &efi_block_io) ? EFI_SUCCESS : EFI_INVALID_PARAMETER;
}

/* (This, MediaId, LBA, BufferSize, Buffer): what reading and writing check alike. */
static efi_status check(struct efi_call *call, struct storage_device **device)
{
    uint64_t lba = call->arg[2], size = call->arg[3], blocks;

    *device = efi_this(call, &efi_block_io);
    if (!*device)
        return EFI_INVALID_PARAMETER;
    blocks = (*device)->medium.size / MEDIUM_BLOCK;
    if ((uint32_t)call->arg[1] != STORAGE_MEDIA_ID)
        return EFI_MEDIA_CHANGED;
    if (size % MEDIUM_BLOCK)
        return EFI_BAD_BUFFER_SIZE;
    if (!range_fits(lba, size / MEDIUM_BLOCK, blocks))
        return EFI_INVALID_PARAMETER;
    return EFI_SUCCESS;
}

static efi_status block_read(struct efi_call *call)
{
    struct storage_device *device;
    efi_status status = check(call, &device);

    return status == EFI_SUCCESS
               ? storage_read(call, device, call->arg[2] * MEDIUM_BLOCK, call->arg[4], call->arg[3])
               : status;
}

static efi_status block_write(struct efi_call *call)
{
    struct storage_device *device;
    efi_status status = check(call, &device);

    return status == EFI_SUCCESS ? storage_write(call, device, call->arg[2] * MEDIUM_BLOCK,
                                                 call->arg[4], call->arg[3])
                                 : status;
}

static efi_status block_flush(struct efi_call *call)
{
    struct storage_device *device = efi_this(call, &efi_block_io);

    return device ? storage_status(medium_flush(&device->medium)) : EFI_INVALID_PARAMETER;
}

static const struct efi_method methods[] = {
    {offsetof(struct block_io, reset), "Reset", block_reset},
    {offsetof(struct block_io, read), "ReadBlocks", block_read},
    {offsetof(struct block_io, write), "WriteBlocks", block_write},
    {offsetof(struct block_io, flush), "FlushBlocks", block_flush},
};

const struct efi_protocol efi_block_io = {
    {0x964e5b21, 0x6459, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}},
    "Block I/O",
    sizeof(struct block_io),
    methods,
    nitems(methods),
};

efi_status storage_install_block_io(struct storage_device *device)
{
    const struct block_io_media media = {
        .media_id = STORAGE_MEDIA_ID,
        .present = true,
        .logical = device->partition.scheme != PARTITION_NONE,
        .readonly = !device->medium.write,
        .block_size = MEDIUM_BLOCK,
        .last_block = device->medium.size / MEDIUM_BLOCK - 1,
        .logical_per_physical = 1,
    };
    uint64_t revision = REVISION3, at;
    efi_status status =
        efi_interface_new(device->efi, &efi_block_io, device, sizeof(media), &device->block_io);

    if (status != EFI_SUCCESS)
        return status;
    at = device->block_io + sizeof(struct block_io);
    efi_poke(device->efi, device->block_io, &revision, sizeof(revision));
    efi_poke(device->efi, device->block_io + offsetof(struct block_io, media), &at, sizeof(at));
    efi_poke(device->efi, at, &media, sizeof(media));
    return efi_install(device->efi, &device->handle, &efi_block_io.guid, device->block_io);
}
