/* SPDX-License-Identifier: ISC */
/*
 * The block device (VIRTIO 1.2, 5.2): a request queue for each CPU, so that a request ends where it
 * began, or one, like Apple's. All of them are served on the device's loop, one request at a time.
 *
 * A request is a header of 16 bytes, data, and a status byte; where descriptors begin and end means
 * nothing (2.7.4). A request that cannot be understood at all puts the device into NEEDS_RESET; one
 * that is understood and wrong is answered with an error status.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "virtio/devices.h"
#include "virtio/queue.h"

#define QUEUE_SIZE 256
#define BATCH      16 /* requests before the loop's other devices have their turn */

/* Feature bits (5.2.3) */
#define F_SEG_MAX      BIT(2)
#define F_RO           BIT(5)
#define F_BLK_SIZE     BIT(6)
#define F_FLUSH        BIT(9)
#define F_TOPOLOGY     BIT(10)
#define F_CONFIG_WCE   BIT(11)
#define F_MQ           BIT(12)
#define F_DISCARD      BIT(13)
#define F_WRITE_ZEROES BIT(14)

enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2 };

#define HEADER_SIZE    16
#define ID_SIZE        20
#define SEGMENT_SIZE   16 /* of DISCARD and WRITE_ZEROES (5.2.6) */
#define SEGMENT_UNMAP  1u
#define MAX_SEGMENTS   32
#define MAX_SECTORS    (1u << 22) /* in one segment: 2 GiB */
#define PHYSICAL_SHIFT 3          /* log2 of sectors in what the host writes at once, 4 KiB */

/* Offsets in the configuration (5.2.4) */
enum {
    CONFIG_CAPACITY = 0,
    CONFIG_SEG_MAX = 12,
    CONFIG_BLK_SIZE = 20,
    CONFIG_PHYSICAL_SHIFT = 24,
    CONFIG_MIN_IO_SIZE = 26,
    CONFIG_OPT_IO_SIZE = 28,
    CONFIG_WRITEBACK = 32,
    CONFIG_NUM_QUEUES = 34,
    CONFIG_MAX_DISCARD_SECTORS = 36,
    CONFIG_MAX_DISCARD_SEG = 40,
    CONFIG_DISCARD_ALIGNMENT = 44,
    CONFIG_MAX_ZEROES_SECTORS = 48,
    CONFIG_MAX_ZEROES_SEG = 52,
    CONFIG_ZEROES_MAY_UNMAP = 56,
    CONFIG_SIZE = 60,
};

struct virtio_blk {
    struct virtio_device dev;
    struct disk *disk;
    char id[ID_SIZE];
    _Atomic bool writeback; /* the cache mode that the driver chose through CONFIG_WCE */
    struct virtq_chain chain;
};

struct request {
    uint32_t type;
    uint64_t sector;
    uint64_t out, in; /* bytes of data from the driver, and to it, without header and status */
};

static struct virtio_blk *blk_of(struct virtio_device *dev)
{
    return container_of(dev, struct virtio_blk, dev);
}

static uint64_t blk_features(struct virtio_device *dev)
{
    uint64_t features = F_SEG_MAX | F_BLK_SIZE | F_FLUSH;

    if (dev->queue_count > 1)
        features |= F_MQ;
    if (blk_of(dev)->disk->readonly)
        return features | F_RO;
    if (!dev->host.strict)
        features |= F_TOPOLOGY | F_CONFIG_WCE | F_DISCARD | F_WRITE_ZEROES;
    return features;
}

/* Configuration */

static void blk_config_read(struct virtio_device *dev, unsigned offset, unsigned size, void *to)
{
    struct virtio_blk *blk = blk_of(dev);
    uint8_t config[CONFIG_SIZE] = {0};

    store_le64(config + CONFIG_CAPACITY, blk->disk->size / DISK_SECTOR);
    store_le32(config + CONFIG_SEG_MAX, QUEUE_SIZE - 2);
    store_le32(config + CONFIG_BLK_SIZE, DISK_SECTOR);
    config[CONFIG_PHYSICAL_SHIFT] = PHYSICAL_SHIFT;
    store_le16(config + CONFIG_MIN_IO_SIZE, 1 << PHYSICAL_SHIFT);
    store_le32(config + CONFIG_OPT_IO_SIZE, 0);
    config[CONFIG_WRITEBACK] = atomic_load(&blk->writeback);
    store_le16(config + CONFIG_NUM_QUEUES, (uint16_t)dev->queue_count);
    store_le32(config + CONFIG_MAX_DISCARD_SECTORS, MAX_SECTORS);
    store_le32(config + CONFIG_MAX_DISCARD_SEG, MAX_SEGMENTS);
    store_le32(config + CONFIG_DISCARD_ALIGNMENT, 1 << PHYSICAL_SHIFT);
    store_le32(config + CONFIG_MAX_ZEROES_SECTORS, MAX_SECTORS);
    store_le32(config + CONFIG_MAX_ZEROES_SEG, MAX_SEGMENTS);
    config[CONFIG_ZEROES_MAY_UNMAP] = 1;
    memcpy(to, config + offset, size);
}

static void blk_config_write(struct virtio_device *dev, unsigned offset, unsigned size,
                             const void *from)
{
    if (offset == CONFIG_WRITEBACK && size == 1 && virtio_has(dev, F_CONFIG_WCE))
        atomic_store(&blk_of(dev)->writeback, *(const uint8_t *)from & 1);
}

/* Without FLUSH the driver has no way to ask, so that each write must last (5.2.5.2). */
static bool write_through(struct virtio_blk *blk)
{
    if (virtio_has(&blk->dev, F_CONFIG_WCE))
        return !atomic_load(&blk->writeback);
    return !virtio_has(&blk->dev, F_FLUSH);
}

/* Requests */

static bool sectors_fit(const struct virtio_blk *blk, uint64_t sector, uint64_t bytes)
{
    uint64_t sectors = blk->disk->size / DISK_SECTOR;

    return bytes % DISK_SECTOR == 0 && range_fits(sector, bytes / DISK_SECTOR, sectors);
}

static uint8_t status_of(int ret)
{
    return ret == 0 ? S_OK : ret == -ENOTSUP ? S_UNSUPP : S_IOERR;
}

static uint8_t blk_in(struct virtio_blk *blk, const struct request *request)
{
    struct virtq_chain *chain = &blk->chain;
    unsigned count = chain->writable;
    struct iovec *iov;

    if (!sectors_fit(blk, request->sector, request->in))
        return S_IOERR;
    if (request->in == 0)
        return S_OK;
    iov = virtq_iov_cut(chain->iov + chain->readable, &count, 0, request->in);
    return status_of(disk_readv(blk->disk, iov, (int)count, request->sector * DISK_SECTOR));
}

static uint8_t blk_out(struct virtio_blk *blk, const struct request *request)
{
    struct virtq_chain *chain = &blk->chain;
    unsigned count = chain->readable;
    struct iovec *iov;
    int ret;

    if (blk->disk->readonly || !sectors_fit(blk, request->sector, request->out))
        return S_IOERR;
    if (request->out == 0)
        return S_OK;
    iov = virtq_iov_cut(chain->iov, &count, HEADER_SIZE, request->out);
    ret = disk_writev(blk->disk, iov, (int)count, request->sector * DISK_SECTOR);
    if (ret == 0 && write_through(blk))
        ret = disk_flush(blk->disk);
    return status_of(ret);
}

static uint8_t blk_get_id(struct virtio_blk *blk, const struct request *request)
{
    virtq_chain_write(&blk->chain, 0, blk->id, MIN(request->in, ID_SIZE));
    return S_OK;
}

/* One segment of DISCARD or WRITE_ZEROES (5.2.6.2). */
static uint8_t blk_clear_segment(struct virtio_blk *blk, bool discard, const uint8_t *segment)
{
    uint64_t sector = load_le64(segment);
    uint32_t sectors = load_le32(segment + 8), flags = load_le32(segment + 12);
    uint64_t offset = sector * DISK_SECTOR, length = (uint64_t)sectors * DISK_SECTOR;

    if (flags & ~(discard ? 0 : SEGMENT_UNMAP))
        return S_UNSUPP;
    if (sectors > MAX_SECTORS || !sectors_fit(blk, sector, length))
        return S_IOERR;
    if (sectors == 0)
        return S_OK;
    return status_of(discard ? disk_discard(blk->disk, offset, length)
                             : disk_write_zeroes(blk->disk, offset, length, flags & SEGMENT_UNMAP));
}

static uint8_t blk_clear(struct virtio_blk *blk, const struct request *request)
{
    bool discard = request->type == T_DISCARD;
    uint8_t segments[MAX_SEGMENTS * SEGMENT_SIZE], status = S_OK;

    if (!virtio_has(&blk->dev, discard ? F_DISCARD : F_WRITE_ZEROES))
        return S_UNSUPP;
    if (blk->disk->readonly || request->out == 0 || request->out % SEGMENT_SIZE ||
        request->out > sizeof(segments))
        return S_IOERR;
    virtq_chain_read(&blk->chain, HEADER_SIZE, segments, (size_t)request->out);
    for (unsigned at = 0; at < request->out && status == S_OK; at += SEGMENT_SIZE)
        status = blk_clear_segment(blk, discard, segments + at);
    if (status == S_OK && !discard && write_through(blk))
        status = status_of(disk_flush(blk->disk));
    return status;
}

static uint8_t blk_execute(struct virtio_blk *blk, const struct request *request)
{
    switch (request->type) {
    case T_IN: return blk_in(blk, request);
    case T_OUT: return blk_out(blk, request);
    case T_FLUSH: return status_of(disk_flush(blk->disk));
    case T_GET_ID: return blk_get_id(blk, request);
    case T_DISCARD:
    case T_WRITE_ZEROES: return blk_clear(blk, request);
    default: return S_UNSUPP;
    }
}

static void blk_serve(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
{
    struct virtio_blk *blk = blk_of(dev);
    uint64_t written = chain->writable_bytes;
    uint8_t header[HEADER_SIZE], status;
    struct request request;

    if (chain->readable_bytes < HEADER_SIZE || written == 0 || written > UINT32_MAX) {
        virtio_needs_reset(dev, q->index, "block request without room for header or status",
                           chain->readable_bytes);
        return;
    }
    virtq_chain_read(chain, 0, header, sizeof(header));
    request = (struct request){
        .type = load_le32(header),
        .sector = load_le64(header + 8),
        .out = chain->readable_bytes - HEADER_SIZE,
        .in = written - 1,
    };
    /* The status goes to the last byte, found before the vectors are cut for the disk. */
    struct iovec *last = &chain->iov[chain->readable + chain->writable - 1];
    uint8_t *status_at = (uint8_t *)last->iov_base + last->iov_len - 1;

    virtq_written(q, chain, written);
    status = blk_execute(blk, &request);
    *status_at = status;
    mem_mark_dirty(dev->host.mem, chain->address[chain->readable + chain->writable - 1], 1);
    chain->used.written = (uint32_t)written;
    virtq_done_all(q, &chain->used, 1);
}

static void blk_notify(struct virtio_device *dev, unsigned index)
{
    virtq_serve(&dev->queues[index], BATCH, &blk_of(dev)->chain, blk_serve);
}

/* Life */

static void blk_reset(struct virtio_device *dev)
{
    atomic_store(&blk_of(dev)->writeback, true);
}

struct blk_state {
    uint64_t size;
    bool readonly, writeback;
};

static const struct state_field blk_fields[] = {
    STATE_FIELD(struct blk_state, size, STATE_U64),
    STATE_FIELD(struct blk_state, readonly, STATE_BOOL),
    STATE_FIELD(struct blk_state, writeback, STATE_BOOL),
};
static const struct state_table blk_table = {"virtio-blk", 1, blk_fields, nitems(blk_fields)};

/* What the device has finished must be in the image when the state is used with it. */
static int blk_save(struct virtio_device *dev, struct state *state, const char *instance)
{
    struct virtio_blk *blk = blk_of(dev);
    const struct blk_state own = {blk->disk->size, blk->disk->readonly,
                                  atomic_load(&blk->writeback)};
    int ret = blk->disk->readonly ? 0 : disk_flush(blk->disk);

    return ret ? ret : state_save(state, instance, &blk_table, &own);
}

static int blk_load(struct virtio_device *dev, const struct state *state, const char *instance,
                    struct error *err)
{
    struct virtio_blk *blk = blk_of(dev);
    struct blk_state own;
    int ret = state_load(state, instance, &blk_table, &own, err);

    if (ret)
        return ret;
    if (own.size != blk->disk->size || own.readonly != blk->disk->readonly)
        return error_set(
            err, EINVAL,
            "%s: the state was saved with a %s disk of %llu bytes, this one is %s and has %llu",
            instance, own.readonly ? "read-only" : "writable", (unsigned long long)own.size,
            blk->disk->readonly ? "read-only" : "writable", (unsigned long long)blk->disk->size);
    atomic_store(&blk->writeback, own.writeback);
    return 0;
}

static void blk_free(struct virtio_device *dev)
{
    struct virtio_blk *blk = blk_of(dev);

    virtio_device_fini(dev);
    disk_close(blk->disk);
    free(blk);
}

static const struct virtio_ops blk_ops = {
    .name = "virtio-blk",
    .id = VIRTIO_ID_BLOCK,
    .pci_class = 0x018000,
    .config_size = CONFIG_SIZE,
    .features = blk_features,
    .notify = blk_notify,
    .config_read = blk_config_read,
    .config_write = blk_config_write,
    .reset = blk_reset,
    .save = blk_save,
    .load = blk_load,
    .free = blk_free,
};

int virtio_blk_create(struct virtio_device **dev, const struct virtio_host *host,
                      const char *instance, struct disk *disk, const char *serial, unsigned queues)
{
    struct virtio_blk *blk = calloc(1, sizeof(*blk));
    uint16_t sizes[VIRTIO_BLK_MAX_QUEUES];
    int ret;

    if (!blk)
        return -ENOMEM;
    for (unsigned i = 0; i < nitems(sizes); i++)
        sizes[i] = QUEUE_SIZE;
    queues = host->strict ? 1 : MIN(queues, nitems(sizes));
    blk->disk = disk;
    blk->writeback = true;
    if (serial)
        memcpy(blk->id, serial, strnlen(serial, ID_SIZE));
    ret = virtio_device_init(&blk->dev, &blk_ops, host, instance, queues, sizes);
    if (ret) {
        free(blk);
        return ret;
    }
    *dev = &blk->dev;
    return 0;
}
