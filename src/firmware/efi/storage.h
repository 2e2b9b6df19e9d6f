/* SPDX-License-Identifier: ISC */
/*
 * Disks and partitions as EFI devices: what storage.c, block_io.c, disk_io.c and file.c share, and
 * what the boot manager asks.
 */
#ifndef FIRMWARE_EFI_STORAGE_H
#define FIRMWARE_EFI_STORAGE_H

#include "firmware/efi/device_path.h"
#include "firmware/efi/partition.h"
#include "firmware/efi/private.h"
#include "firmware/efi/volume.h"

#define STORAGE_MEDIA_ID 1u

struct open_file; /* file.c's */

/* A disk or a partition. */
struct storage_device {
    struct storage_device *next;
    struct efi *efi;
    const struct efi_disk *disk;
    struct medium medium;
    struct partition partition; /* its scheme is PARTITION_NONE: a whole disk */
    struct device_path path;
    uint64_t handle;
    uint64_t block_io, disk_io, file_system; /* interfaces; 0: none */
    struct volume *volume;                   /* NULL: none is on it */
    struct open_file *files;
};

struct efi_storage {
    struct storage_device *devices; /* in the order of disks and partitions */
};

extern const struct efi_protocol efi_block_io, efi_disk_io, efi_simple_file_system, efi_file;

/* Install the protocol on the device's handle. */
efi_status storage_install_block_io(struct storage_device *device);
efi_status storage_install_disk_io(struct storage_device *device);
efi_status storage_install_file_system(struct storage_device *device);
/* Closes every file that the guest has open on it. */
void storage_close_files(struct storage_device *device);

/* Moves bytes between the device and guest memory; all arguments are a guest's. */
efi_status storage_read(struct efi_call *call, struct storage_device *device, uint64_t offset,
                        uint64_t va, uint64_t length);
efi_status storage_write(struct efi_call *call, struct storage_device *device, uint64_t offset,
                         uint64_t va, uint64_t length);

/* What volume.h's and medium.h's errors are in EFI's words. */
efi_status storage_status(int ret);

/* Finds the device that a device path leads to: by the whole path, or by a Hard Drive node in it
 * (the short form of boot options, or a disk that is in another slot by now). *rest is where in
 * `path` the device's own nodes end: see device_path_file(). EFI_NOT_FOUND, EFI_INVALID_PARAMETER.
 */
efi_status efi_path_find(struct efi *efi, const uint8_t *path, size_t length, uint64_t *handle,
                         size_t *rest);

/* The device path of a handle that storage made; NULL: it is none. */
const struct device_path *efi_path_of(struct efi *efi, uint64_t handle);

#endif
