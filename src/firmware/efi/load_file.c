/* SPDX-License-Identifier: ISC */
/*
 * The initial ramdisk, as Linux's stub asks for it: EFI_LOAD_FILE2_PROTOCOL (UEFI 2.10, 13.2) on a
 * handle whose device path is LINUX_EFI_INITRD_MEDIA_GUID.
 */
#include <string.h>

#include "firmware/efi/core.h"

static const struct efi_guid initrd_media = {
    0x5568e427, 0x68fc, 0x4f3d, {0xac, 0x74, 0xca, 0x55, 0x52, 0x31, 0xcc, 0x68}};

/* LoadFile(This, *FilePath, BootPolicy, *BufferSize, *Buffer) */
static efi_status load_file(struct efi_call *call)
{
    const struct efi_config *config = &call->efi->config;
    uint64_t room;

    if (!efi_this(call, &efi_load_file2) || !call->arg[1] ||
        efi_read_u64(call, call->arg[3], &room))
        return EFI_INVALID_PARAMETER;
    if ((uint8_t)call->arg[2])
        return EFI_UNSUPPORTED;
    if (efi_write_u64(call, call->arg[3], config->initrd_length))
        return EFI_INVALID_PARAMETER;
    if (!call->arg[4] || room < config->initrd_length)
        return EFI_BUFFER_TOO_SMALL;
    return efi_write(call, call->arg[4], config->initrd, config->initrd_length)
               ? EFI_INVALID_PARAMETER
               : EFI_SUCCESS;
}

static const struct efi_method methods[] = {{0, "LoadFile2.LoadFile", load_file}};

const struct efi_protocol efi_load_file2 = {
    {0x4006c0c1, 0xfcb3, 0x403e, {0x99, 0x6d, 0x4a, 0x6c, 0x87, 0x24, 0xe0, 0x6d}},
    "Load File 2",
    8,
    methods,
    nitems(methods),
};

efi_status efi_load_file_start(struct efi *efi)
{
    struct device_path path;
    uint64_t guest, at, handle = 0;
    efi_status status;

    if (!efi->config.initrd)
        return EFI_SUCCESS;
    device_path_empty(&path);
    device_path_add(&path, DEVICE_PATH_MEDIA, DEVICE_PATH_VENDOR, &initrd_media,
                    sizeof(initrd_media));
    status = efi_pool_new(efi, path.length, &at);
    if (status != EFI_SUCCESS)
        return status;
    efi_poke(efi, at, path.bytes, path.length);
    status = efi_interface_new(efi, &efi_load_file2, efi, 0, &guest);
    if (status == EFI_SUCCESS)
        status = efi_install(efi, &handle, &efi_device_path_guid, at);
    return status == EFI_SUCCESS ? efi_install(efi, &handle, &efi_load_file2.guid, guest) : status;
}
