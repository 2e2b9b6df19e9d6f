/* SPDX-License-Identifier: ISC */
/*
 * The machine's disks as EFI sees them: a handle for every disk and every partition, with its
 * device path, Block I/O and Disk I/O, and Simple File System where a FAT volume is.
 */
#include "firmware/efi/storage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/units.h"

#define BOUNCE      65536u    /* bytes on their way between a disk and guest memory */
#define PROGRAM_MAX (1 * GIB) /* of a file that is read as a whole; pe.c has no larger images */

static const struct efi_guid device_path_guid = {
    0x09576e91, 0x6d3f, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const struct efi_guid partition_info_guid = {
    0x8cf2f62c, 0xbc9b, 0x4821, {0x80, 0x8d, 0xec, 0x9e, 0xc4, 0x21, 0xa1, 0xa0}};

efi_status storage_status(int ret)
{
    switch (-ret) {
    case 0: return EFI_SUCCESS;
    case ENOENT:
    case ENOTDIR: return EFI_NOT_FOUND;
    case EEXIST:
    case ENOTEMPTY:
    case EACCES: return EFI_ACCESS_DENIED;
    case EISDIR: return EFI_UNSUPPORTED;
    case EINVAL: return EFI_INVALID_PARAMETER;
    case EROFS: return EFI_WRITE_PROTECTED;
    case ENOSPC:
    case EFBIG: return EFI_VOLUME_FULL;
    case ENFILE:
    case ENOMEM: return EFI_OUT_OF_RESOURCES;
    case EBADMSG:
    case ERANGE: return EFI_VOLUME_CORRUPTED;
    default: return EFI_DEVICE_ERROR;
    }
}

efi_status storage_read(struct efi_call *call, struct storage_device *device, uint64_t offset,
                        uint64_t va, uint64_t length)
{
    uint8_t *bounce = malloc(BOUNCE);
    efi_status status = bounce ? EFI_SUCCESS : EFI_OUT_OF_RESOURCES;

    for (size_t n; length && status == EFI_SUCCESS; length -= n, offset += n, va += n) {
        n = MIN(length, BOUNCE);
        if (medium_read(&device->medium, offset, bounce, n))
            status = EFI_DEVICE_ERROR;
        else if (efi_write(call, va, bounce, n))
            status = EFI_INVALID_PARAMETER;
    }
    free(bounce);
    return status;
}

/* Blocks are written under volumes that are open: what those have in hand goes first, and what they
 * know is read again. */
static void each_volume(const struct storage_device *written, void (*each)(struct volume *volume))
{
    struct efi_storage *storage = *efi_storage_of(written->efi);

    for (struct storage_device *d = storage->devices; d; d = d->next) {
        if (d->volume && d->disk == written->disk)
            each(d->volume);
    }
}

static void flush_volume(struct volume *volume)
{
    volume_flush(volume);
}

efi_status storage_write(struct efi_call *call, struct storage_device *device, uint64_t offset,
                         uint64_t va, uint64_t length)
{
    uint8_t *bounce = malloc(BOUNCE);
    efi_status status = bounce ? EFI_SUCCESS : EFI_OUT_OF_RESOURCES;

    if (!device->medium.write)
        status = EFI_WRITE_PROTECTED;
    else
        each_volume(device, flush_volume);
    for (size_t n; length && status == EFI_SUCCESS; length -= n, offset += n, va += n) {
        n = MIN(length, BOUNCE);
        if (efi_read(call, va, bounce, n))
            status = EFI_INVALID_PARAMETER;
        else if (medium_write(&device->medium, offset, bounce, n))
            status = EFI_DEVICE_ERROR;
    }
    if (device->medium.write)
        each_volume(device, volume_forget);
    free(bounce);
    return status;
}

/* Data that a guest may read at its leisure, as a protocol. */
static efi_status install_data(struct storage_device *device, const struct efi_guid *guid,
                               const void *data, size_t length)
{
    uint64_t at;
    efi_status status = efi_pool_new(device->efi, length, &at);

    if (status != EFI_SUCCESS)
        return status;
    efi_poke(device->efi, at, data, length);
    return efi_install(device->efi, &device->handle, guid, at);
}

/* EFI_PARTITION_INFO_PROTOCOL (13.18): the partition's record or entry as it is on the disk. */
static efi_status install_partition_info(struct storage_device *device)
{
    const struct partition *p = &device->partition;
    uint8_t info[144] = {0}, *entry = info + 16;

    if (p->scheme == PARTITION_NONE)
        return EFI_SUCCESS;
    store_le32(info, 0x1000);
    if (p->scheme == PARTITION_MBR) {
        store_le32(info + 4, 1);
        info[8] = p->mbr_type == 0xef;
        memcpy(entry, p->record, sizeof(p->record));
    } else if (p->scheme == PARTITION_GPT) {
        store_le32(info + 4, 2);
        info[8] = partition_is_esp(p);
        memcpy(entry, p->type, 16);
        memcpy(entry + 16, p->guid, 16);
        store_le64(entry + 32, p->start / MEDIUM_BLOCK);
        store_le64(entry + 40, (p->start + p->size) / MEDIUM_BLOCK - 1);
        store_le64(entry + 48, p->attributes);
        memcpy(entry + 56, p->name, sizeof(p->name));
    }
    return install_data(device, &partition_info_guid, info, sizeof(info));
}

static void open_volume(struct storage_device *device)
{
    const struct efi_config *config = efi_config_of(device->efi);
    const struct volume_clock clock = {config->wall_seconds, config->ctx};
    int ret = volume_open(&device->volume, &device->medium, &clock);

    if (ret && ret != -ENODEV)
        log_warn(config->log, "%s: a partition cannot be read: %s", device->disk->name,
                 strerror(-ret));
}

/* Links the device in at the list's end and installs its protocols; `volumes`: there may be a
 * volume on it. */
static efi_status device_start(struct efi_storage *storage, struct storage_device *device,
                               bool volumes)
{
    struct storage_device **at = &storage->devices;
    efi_status status;

    while (*at)
        at = &(*at)->next;
    *at = device;
    status = install_data(device, &device_path_guid, device->path.bytes, device->path.length);
    if (status == EFI_SUCCESS)
        status = storage_install_block_io(device);
    if (status == EFI_SUCCESS)
        status = storage_install_disk_io(device);
    if (status == EFI_SUCCESS)
        status = install_partition_info(device);
    if (status == EFI_SUCCESS && volumes)
        open_volume(device);
    if (status == EFI_SUCCESS && device->volume)
        status = storage_install_file_system(device);
    return status;
}

static struct storage_device *device_new(struct efi *efi, const struct efi_disk *disk,
                                         const struct medium *medium)
{
    struct storage_device *device = calloc(1, sizeof(*device));

    if (device) {
        device->efi = efi;
        device->disk = disk;
        device->medium = *medium;
        device_path_pci(&device->path, disk->slot);
    }
    return device;
}

static efi_status partition_start(struct efi *efi, const struct efi_disk *disk,
                                  const struct medium *whole, const struct partition *partition)
{
    const struct medium medium = medium_part(whole, partition->start, partition->size);
    struct storage_device *device = device_new(efi, disk, &medium);

    if (!device)
        return EFI_OUT_OF_RESOURCES;
    device->partition = *partition;
    device_path_add_partition(&device->path, partition);
    return device_start(*efi_storage_of(efi), device, true);
}

static efi_status disk_start(struct efi *efi, const struct efi_disk *disk)
{
    const struct log *log = efi_config_of(efi)->log;
    const struct medium whole = {disk->read,  disk->readonly ? NULL : disk->write,
                                 disk->flush, disk->ctx,
                                 0,           align_down(disk->size, MEDIUM_BLOCK)};
    struct partition_table *table = calloc(1, sizeof(*table));
    struct storage_device *device = device_new(efi, disk, &whole);
    efi_status status;
    int ret;

    if (!table || !device || !whole.size) {
        free(table);
        free(device);
        return whole.size ? EFI_OUT_OF_RESOURCES : EFI_SUCCESS;
    }
    ret = partitions_read(&whole, disk->name, log, table);
    if (ret)
        log_warn(log, "%s: its partitions cannot be read: %s", disk->name, strerror(-ret));
    status = device_start(*efi_storage_of(efi), device, table->scheme == PARTITION_NONE);
    for (size_t i = 0; i < table->count && status == EFI_SUCCESS; i++)
        status = partition_start(efi, disk, &whole, &table->list[i]);
    free(table);
    return status;
}

efi_status efi_storage_start(struct efi *efi)
{
    const struct efi_config *config = efi_config_of(efi);
    struct efi_storage **storage = efi_storage_of(efi);
    efi_status status = EFI_SUCCESS;

    *storage = calloc(1, sizeof(**storage));
    if (!*storage)
        return EFI_OUT_OF_RESOURCES;
    for (size_t i = 0; i < config->disk_count && status == EFI_SUCCESS; i++)
        status = disk_start(efi, &config->disks[i]);
    return status;
}

static void device_stop(struct storage_device *device)
{
    const uint64_t interfaces[] = {device->block_io, device->disk_io, device->file_system};

    storage_close_files(device);
    volume_close(device->volume);
    for (size_t i = 0; i < nitems(interfaces); i++) {
        if (interfaces[i])
            efi_interface_free(device->efi, interfaces[i], device);
    }
    free(device);
}

void efi_storage_stop(struct efi *efi)
{
    struct efi_storage **storage = efi_storage_of(efi);

    while (*storage && (*storage)->devices) {
        struct storage_device *device = (*storage)->devices;

        (*storage)->devices = device->next;
        device_stop(device);
    }
    free(*storage);
    *storage = NULL;
}

size_t efi_storage_volumes(struct efi *efi, uint64_t *handles, size_t room)
{
    struct efi_storage *storage = *efi_storage_of(efi);
    size_t count = 0;

    for (struct storage_device *d = storage ? storage->devices : NULL; d; d = d->next) {
        if (d->volume && count++ < room)
            handles[count - 1] = d->handle;
    }
    return count;
}

static struct storage_device *device_of(struct efi *efi, uint64_t handle)
{
    struct efi_storage *storage = *efi_storage_of(efi);
    struct storage_device *device = storage ? storage->devices : NULL;

    while (device && device->handle != handle)
        device = device->next;
    return device;
}

const struct device_path *efi_path_of(struct efi *efi, uint64_t handle)
{
    const struct storage_device *device = device_of(efi, handle);

    return device ? &device->path : NULL;
}

static efi_status read_whole(struct volume_file *file, uint64_t most, uint8_t **bytes,
                             size_t *length)
{
    struct volume_stat stat;
    int ret;

    if (volume_is_directory(file))
        return EFI_NOT_FOUND;
    volume_stat(file, &stat);
    if (stat.size > most) /* the entry lies: the volume is smaller */
        return EFI_VOLUME_CORRUPTED;
    if (stat.size > PROGRAM_MAX)
        return EFI_OUT_OF_RESOURCES;
    *bytes = malloc(stat.size + 1);
    if (!*bytes)
        return EFI_OUT_OF_RESOURCES;
    ret = volume_read(file, 0, *bytes, stat.size, length);
    if (ret) {
        free(*bytes);
        *bytes = NULL;
    }
    return storage_status(ret);
}

efi_status efi_storage_read_file(struct efi *efi, uint64_t handle, const uint16_t *path,
                                 uint8_t **bytes, size_t *length)
{
    struct storage_device *device = device_of(efi, handle);
    struct volume_file *root, *file;
    efi_status status;
    int ret;

    *bytes = NULL;
    if (!device || !device->volume)
        return EFI_NOT_FOUND;
    root = volume_root(device->volume);
    if (!root)
        return EFI_OUT_OF_RESOURCES;
    ret = volume_lookup(root, path, &file);
    volume_release(root);
    if (ret)
        return ret == -EINVAL ? EFI_NOT_FOUND : storage_status(ret);
    status = read_whole(file, device->medium.size, bytes, length);
    volume_release(file);
    return status;
}

/* The device whose own path is the longest beginning of `path`. */
static struct storage_device *find_by_path(struct efi_storage *storage, const uint8_t *path,
                                           size_t length, size_t *rest)
{
    struct storage_device *found = NULL;

    for (struct storage_device *d = storage->devices; d; d = d->next) {
        size_t end;

        if (device_path_begins(path, length, &d->path, &end) && (!found || end > *rest)) {
            found = d;
            *rest = end;
        }
    }
    return found;
}

static struct storage_device *find_by_partition(struct efi_storage *storage, const uint8_t *path,
                                                size_t length, size_t *rest)
{
    struct device_node node;

    for (size_t at = 0; device_path_next(path, length, &at, &node) == 1;) {
        for (struct storage_device *d = storage->devices; d; d = d->next) {
            if (device_path_names_partition(&node, &d->partition)) {
                *rest = at;
                return d;
            }
        }
    }
    return NULL;
}

efi_status efi_path_find(struct efi *efi, const uint8_t *path, size_t length, uint64_t *handle,
                         size_t *rest)
{
    struct efi_storage *storage = *efi_storage_of(efi);
    struct storage_device *device;

    if (!storage || device_path_size(path, length) == 0)
        return EFI_INVALID_PARAMETER;
    device = find_by_path(storage, path, length, rest);
    /* A disk found by its place alone may not be the one that was meant. */
    if (!device || device->partition.scheme == PARTITION_NONE) {
        size_t end;
        struct storage_device *partition = find_by_partition(storage, path, length, &end);

        if (partition) {
            device = partition;
            *rest = end;
        }
    }
    if (!device)
        return EFI_NOT_FOUND;
    *handle = device->handle;
    return EFI_SUCCESS;
}
