/* SPDX-License-Identifier: ISC */
/*
 * Disks: raw images, and block devices where macOS can hand them over. Images are cached by the
 * host (without that, file systems of Linux guests have been corrupted: utmapp/UTM 4840,
 * lima-vm/lima 1957), and a guest's flush reaches the medium.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vz/private.h"

#define CACHED    2 /* VZDiskImageCachingModeCached */
#define SYNC_FULL 1 /* VZDiskImageSynchronizationModeFull */

#define DEVICE_SYNC_FULL 0 /* VZDiskSynchronizationModeFull */

struct image_format {
    const char *magic, *name;
};

/* At the start of the file. */
static const struct image_format formats[] = {
    {"QFI\xfb", "qcow2"}, {"KDMV", "VMDK"},    {"# Disk DescriptorFile", "VMDK"},
    {"vhdxfile", "VHDX"}, {"conectix", "VHD"}, {"<<< Oracle VM VirtualBox Disk Image", "VDI"},
};

static int refuse(const char *path, const char *format, struct error *err)
{
    return error_set(err, ENOTSUP,
                     "%s: it is a %s image, and Apple's framework takes raw images alone; convert "
                     "it with `qemu-img convert -O raw`, or use another engine",
                     path, format);
}

/* Whether the file can be such a disk, and which kind it is. */
static int look(const struct atoll_disk *disk, bool *device, struct error *err)
{
    int fd = open(disk->path, (disk->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
    char head[64] = {0};
    struct stat st;

    if (fd < 0)
        return error_set(err, errno, "%s: cannot open the image: %s", disk->path, strerror(errno));
    if (fstat(fd, &st) == 0)
        *device = S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode);
    if (pread(fd, head, sizeof(head), 0) < 0)
        memset(head, 0, sizeof(head));
    close(fd);
    if (disk->backing || disk->format == ATOLL_DISK_QCOW2)
        return refuse(disk->path, "qcow2", err);
    for (size_t i = 0; i < nitems(formats) && disk->format == ATOLL_DISK_PROBE; i++)
        if (strncmp(head, formats[i].magic, strlen(formats[i].magic)) == 0)
            return refuse(disk->path, formats[i].name, err);
    return 0;
}

static int image(id *attachment, const struct atoll_disk *disk, struct error *err)
{
    id url, error = NULL;
    int ret = vz_need_method(VZ_METHOD_init_image, "a disk image", err);

    ret = ret ? ret : vz_file_url(disk->path, &url, err);
    if (ret)
        return ret;
    *attachment = vz_alloc(VZ_CLASS_VZDiskImageStorageDeviceAttachment);
    *attachment =
        vz_made(SEND(*attachment, init_image, url, disk->readonly, CACHED, SYNC_FULL, &error));
    return *attachment ? 0 : vz_explain(error, err, "%s: cannot be a disk", disk->path);
}

static int block_device(id *attachment, const struct atoll_disk *disk, struct error *err)
{
    id handle, error = NULL;
    int ret = vz_need_class(VZ_CLASS_VZDiskBlockDeviceStorageDeviceAttachment,
                            "a block device as a disk", err);
    int fd;

    if (ret)
        return ret;
    fd = open(disk->path, (disk->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, errno, "%s: cannot open the device: %s", disk->path, strerror(errno));
    handle = vz_file_handle(fd);
    if (!handle)
        return error_set(err, ENOMEM, "out of memory");
    *attachment = vz_alloc(VZ_CLASS_VZDiskBlockDeviceStorageDeviceAttachment);
    *attachment = vz_made(
        SEND(*attachment, init_block_device, handle, disk->readonly, DEVICE_SYNC_FULL, &error));
    return *attachment ? 0 : vz_explain(error, err, "%s: cannot be a disk", disk->path);
}

static int configure(id *device, const struct atoll_disk *disk, struct error *err)
{
    bool is_device = false;
    id attachment = NULL, serial;
    int ret = look(disk, &is_device, err);

    ret = ret ? ret
              : (is_device ? block_device(&attachment, disk, err) : image(&attachment, disk, err));
    if (ret)
        return ret;
    *device = vz_alloc(VZ_CLASS_VZVirtioBlockDeviceConfiguration);
    *device = vz_made(SEND(*device, init_disk, attachment));
    if (!disk->serial)
        return 0;
    ret = vz_need_method(VZ_METHOD_set_serial, "a disk's serial number", err);
    ret = ret ? ret : vz_string(disk->serial, &serial, err);
    if (!ret)
        SEND(*device, set_serial, serial);
    return ret;
}

int vz_configure_disks(id configuration, const struct atoll_config *config, struct error *err)
{
    id devices[ATOLL_DISKS_MAX], array, meta = vz_class(VZ_CLASS_NSArray);

    for (size_t i = 0; i < config->disk_count; i++) {
        int ret = configure(&devices[i], &config->disks[i], err);

        if (ret)
            return ret;
    }
    array = SEND(meta, array_of, devices, config->disk_count);
    SEND(configuration, set_storage, array);
    return 0;
}
