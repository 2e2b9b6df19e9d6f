/* SPDX-License-Identifier: ISC */
/*
 * qcow2 images that lie, and what a guest does to them.
 *
 * An image with a bit of everything is made in memory; the input says where to damage it and how to
 * use the disk then. Whatever happens, the driver returns: with success, or with one of the errors
 * of its contract.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/disk.h"
#include "base/endian.h"
#include "fuzz.h"

#define CLUSTERS     24
#define DISK_SIZE    (UINT64_C(1) << 20)
#define MAX_TRANSFER 20000

/* Clusters by what they hold. */
enum { HEADER, REFTABLE, REFBLOCK, L1, L2, DATA, PACKED = DATA + 4, SNAPSHOT, END };

struct image {
    unsigned bits, version;
    size_t size;
    uint8_t bytes[CLUSTERS << 12];
};

static uint8_t *cluster(struct image *image, unsigned n)
{
    return image->bytes + ((size_t)n << image->bits);
}

static void header_make(struct image *image)
{
    uint8_t *h = image->bytes;
    uint64_t covered = UINT64_C(1) << (2 * image->bits - 3);

    memcpy(h, "QFI\xfb", 4);
    store_be32(h + 4, image->version);
    store_be32(h + 20, image->bits);
    store_be64(h + 24, DISK_SIZE);
    store_be32(h + 36, (uint32_t)((DISK_SIZE + covered - 1) / covered));
    store_be64(h + 40, (uint64_t)L1 << image->bits);
    store_be64(h + 48, (uint64_t)REFTABLE << image->bits);
    store_be32(h + 56, 1);
    store_be32(h + 60, 1);
    store_be64(h + 64, (uint64_t)SNAPSHOT << image->bits);
    store_be32(h + 96, 4);
    store_be32(h + 100, 104);
}

/* Four data clusters, one of them shared, a zero cluster, a compressed one, and a snapshot of no
 * size. */
static void tables_make(struct image *image)
{
    uint8_t *l2 = cluster(image, L2);
    static const uint8_t stored[] = {0x01, 0x04, 0x00, 0xfb, 0xff,
                                     1,    2,    3,    4}; /* deflate, too short */

    store_be64(cluster(image, REFTABLE), (uint64_t)REFBLOCK << image->bits);
    for (unsigned i = 0; i < END; i++)
        store_be16(cluster(image, REFBLOCK) + 2 * i, 1);
    store_be64(cluster(image, L1), (uint64_t)L2 << image->bits | BIT(63));
    for (unsigned i = 0; i < 4; i++)
        store_be64(l2 + 8 * i, (uint64_t)(DATA + i) << image->bits | BIT(63));
    store_be64(l2 + 8, (uint64_t)(DATA + 1) << image->bits);
    store_be16(cluster(image, REFBLOCK) + 2 * (DATA + 1), 2);
    store_be64(l2 + 32, image->version == 3);
    store_be64(l2 + 40, (uint64_t)PACKED << image->bits | BIT(62));
    memcpy(cluster(image, PACKED), stored, sizeof(stored));
}

static void image_make(struct image *image, struct fuzz_input *input)
{
    uint64_t choice = fuzz_take(input, 1);

    memset(image, 0, sizeof(*image));
    image->bits = 9 + choice % 4;
    image->version = choice & 0x80 ? 2 : 3;
    image->size = (size_t)END << image->bits;
    header_make(image);
    tables_make(image);
    if (choice & 0x40)
        image->size -= fuzz_take(input, 2) % image->size;
    for (uint64_t damage = fuzz_take(input, 1) % 16; damage; damage--) {
        /* Half of them in the header, the others anywhere. */
        uint64_t at = fuzz_take(input, 3), count = 1 + fuzz_take(input, 1) % 8;

        at = at & 1 ? (at >> 1) % 112 : (at >> 1) % ((size_t)END << image->bits);
        for (; count && at < sizeof(image->bytes); count--, at++)
            image->bytes[at] = (uint8_t)fuzz_take(input, 1);
    }
}

static void check(int ret)
{
    switch (-ret) {
    case 0:
    case EIO:
    case EFBIG:
    case ENOSPC:
    case EINVAL: /* the host's, for an offset past what a file may have */
    case EROFS: return;
    default: fprintf(stderr, "unexpected error %d\n", -ret); abort();
    }
}

static void use(struct disk *disk, struct fuzz_input *input)
{
    static uint8_t bytes[MAX_TRANSFER];

    for (int i = 0; i < 200 && input->at < input->end; i++) {
        unsigned what = (unsigned)fuzz_take(input, 1);
        uint64_t offset =
            what & 0x80 ? fuzz_take(input, 5) * DISK_SECTOR : fuzz_take(input, 2) * 16;
        struct iovec iov[2] = {{bytes, fuzz_take(input, 1)},
                               {bytes + 256, fuzz_take(input, 2) % 16384}};

        offset = disk->size ? offset % disk->size : 0;
        switch (what & 7) {
        case 0: check(disk_flush(disk)); break;
        case 1: check(disk_discard(disk, offset, iov[1].iov_len)); break;
        case 2: check(disk_write_zeroes(disk, offset, iov[1].iov_len, what & 8)); break;
        case 3:
        case 4: check(disk_readv(disk, iov, 2, offset)); break;
        default: check(disk_writev(disk, iov, 2, offset));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, bytes + length};
    static struct image image;
    struct error err;
    struct disk *disk;
    char path[32];
    int fd = memfd_create("image", MFD_CLOEXEC);
    struct disk_config config = {.path = path, .format = DISK_FORMAT_QCOW2};

    image_make(&image, &input);
    config.readonly = fuzz_take(&input, 1) % 4 == 0;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (fd < 0 || write(fd, image.bytes, image.size) != (ssize_t)image.size)
        abort();
    if (disk_open(&disk, &config, NULL, &err) == 0) {
        use(disk, &input);
        disk_close(disk);
    } else if (err.code == 0 || err.text[0] == 0) {
        abort(); /* a refusal says why */
    }
    close(fd);
    return 0;
}
