/* SPDX-License-Identifier: ISC */
/*
 * What EFI_FILE_PROTOCOL says of files and volumes in structures (UEFI 2.10, 13.5.16 to 13.5.18).
 */
#ifndef FIRMWARE_EFI_FILE_INFO_H
#define FIRMWARE_EFI_FILE_INFO_H

#include "firmware/efi/private.h"
#include "firmware/efi/volume.h"

#define FILE_INFO_MAX (80u + 2 * VOLUME_NAME_MAX)

/* An EFI_FILE_INFO of FILE_INFO_MAX bytes at most; returns its length. */
size_t file_info_encode(const struct volume_stat *stat, uint8_t *info);

/* The information of that type; EFI_UNSUPPORTED when there is none. */
efi_status file_info_get(const struct efi_guid *type, struct volume *volume,
                         const struct volume_file *file, uint8_t *info, size_t *length);

/* Changes what differs; `info` has FILE_INFO_MAX bytes, of which the guest gave `length` and the
 * others are zero. `writable`: how the file is open. */
efi_status file_info_set(const struct efi_guid *type, struct volume *volume,
                         struct volume_file *file, bool writable, const uint8_t *info,
                         size_t length);

#endif
