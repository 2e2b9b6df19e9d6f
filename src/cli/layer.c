/* SPDX-License-Identifier: ISC */
/* The format: docs/interop/qcow2.txt of QEMU. */
#include "cli/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/endian.h"

#define MAGIC            UINT32_C(0x514649fb)
#define CLUSTER_BITS     16
#define CLUSTER          (UINT64_C(1) << CLUSTER_BITS)
#define L1_REACH         (CLUSTER / 8 * CLUSTER) /* bytes of the disk that one L2 table maps */
#define HEADER_LENGTH    104
#define EXTENSION_FORMAT UINT32_C(0xe2792aca)
#define NAME_MAX_BYTES   1023
#define SECTOR           512

/* Where things are, in clusters. */
enum { AT_HEADER, AT_REFCOUNT_TABLE, AT_REFCOUNTS, AT_L1 };

static int open_image(const char *image, struct error *err)
{
    int fd = open(image, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    return fd >= 0 ? fd
                   : error_set(err, errno, "%s: cannot open the image: %s", image, strerror(errno));
}

int layer_is_qcow2(const char *image, struct error *err)
{
    int fd = open_image(image, err);
    uint8_t magic[4];
    bool is;

    if (fd < 0)
        return fd;
    is = pread(fd, magic, sizeof(magic), 0) == sizeof(magic) && load_be32(magic) == MAGIC;
    close(fd);
    return is;
}

/* The size of the disk that an image holds. */
static int virtual_size(const char *image, bool qcow2, uint64_t *size, struct error *err)
{
    int fd = open_image(image, err), ret = 0;
    uint8_t header[32];
    struct stat st;

    *size = 0;
    if (fd < 0)
        return fd;
    if (fstat(fd, &st))
        ret = error_set(err, errno, "%s: %s", image, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        ret = error_set(err, EINVAL, "%s: the image is no file", image);
    else if (!qcow2)
        *size = ((uint64_t)st.st_size + SECTOR - 1) / SECTOR * SECTOR;
    else if (pread(fd, header, sizeof(header), 0) != sizeof(header) || load_be32(header) != MAGIC)
        ret = error_set(err, EINVAL, "%s: this is no qcow2 image", image);
    else
        *size = load_be64(header + 24);
    close(fd);
    if (!ret && (*size == 0 || *size > UINT64_C(1) << 50))
        ret = error_set(err, EINVAL,
                        *size ? "%s: the image is larger than any disk" : "%s: the image is empty",
                        image);
    return ret;
}

int layer_check(const char *image, bool qcow2, struct error *err)
{
    uint64_t size;

    return virtual_size(image, qcow2, &size, err);
}

static void fill_header(uint8_t *header, const char *base, bool qcow2, uint64_t size,
                        uint32_t l1_size)
{
    const char *format = qcow2 ? "qcow2" : "raw";
    uint8_t *extension = header + HEADER_LENGTH, *name = extension + 8 + 8 + 8;

    store_be32(header, MAGIC);
    store_be32(header + 4, 3);
    store_be64(header + 8, (uint64_t)(name - header));
    store_be32(header + 16, (uint32_t)strlen(base));
    store_be32(header + 20, CLUSTER_BITS);
    store_be64(header + 24, size);
    store_be32(header + 36, l1_size);
    store_be64(header + 40, AT_L1 * CLUSTER);
    store_be64(header + 48, AT_REFCOUNT_TABLE * CLUSTER);
    store_be32(header + 56, 1);
    store_be32(header + 96, 4); /* refcounts of 1 << 4 bits */
    store_be32(header + 100, HEADER_LENGTH);
    store_be32(extension, EXTENSION_FORMAT);
    store_be32(extension + 4, (uint32_t)strlen(format));
    memcpy(extension + 8, format, strlen(format));
    memcpy(name, base, strlen(base)); /* after the end of the extensions, zeros */
}

static bool put(int fd, const void *bytes, size_t length, uint64_t at)
{
    return pwrite(fd, bytes, length, (off_t)at) == (ssize_t)length;
}

static int write_layer(int fd, const char *base, bool qcow2, uint64_t size)
{
    uint64_t l1_size = (size + L1_REACH - 1) / L1_REACH;
    uint64_t clusters = AT_L1 + (l1_size * 8 + CLUSTER - 1) / CLUSTER;
    uint8_t header[HEADER_LENGTH + 24 + NAME_MAX_BYTES] = {0}, entry[8], one[2];

    fill_header(header, base, qcow2, size, (uint32_t)l1_size);
    store_be64(entry, AT_REFCOUNTS * CLUSTER);
    store_be16(one, 1);
    errno = ENOSPC; /* what keeps a few bytes from being written, if nothing else is said */
    if (ftruncate(fd, (off_t)(clusters * CLUSTER)) || !put(fd, header, sizeof(header), 0) ||
        !put(fd, entry, sizeof(entry), AT_REFCOUNT_TABLE * CLUSTER))
        return -errno;
    for (uint64_t i = 0; i < clusters; i++)
        if (!put(fd, one, sizeof(one), AT_REFCOUNTS * CLUSTER + 2 * i))
            return -errno;
    return 0;
}

int layer_create(const char *path, const char *base, bool qcow2, struct error *err)
{
    uint64_t size = 0;
    int fd, ret = virtual_size(base, qcow2, &size, err);

    if (ret)
        return ret;
    if (strlen(base) > NAME_MAX_BYTES)
        return error_set(err, ENAMETOOLONG, "%s: the path is too long for a layer", base);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_set(err, errno, "%s: cannot make it: %s", path, strerror(errno));
    ret = write_layer(fd, base, qcow2, size);
    close(fd);
    if (ret) {
        unlink(path);
        error_set(err, -ret, "%s: cannot write it: %s", path, strerror(-ret));
    }
    return ret;
}
