/* SPDX-License-Identifier: ISC */
/*
 * The memory balloon (VIRTIO 1.2, 5.5): pages that the guest gives up go back to the host at once.
 *
 * The driver names pages by number. Whatever it names, it can only lose what is its own: numbers
 * outside of RAM are passed over. Deflating needs no work here, since a page comes back, as zeros,
 * when it is touched.
 *
 * Queues from the third on exist by negotiated feature. The specification numbers the reporting
 * queue 4; QEMU and Linux number only those that are there. Any queue that is not the statistics'
 * is therefore taken for reporting.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "virtio/devices.h"
#include "virtio/queue.h"

#define QUEUE_SIZE 128
#define BATCH      8
#define PAGE_SHIFT 12    /* the balloon's own page size, whatever the guest's (5.5.6) */
#define MAX_PAGES  65536 /* numbers in one buffer; Linux sends 256 */

enum { QUEUE_INFLATE = 0, QUEUE_DEFLATE = 1, QUEUE_STATS = 2, QUEUE_COUNT = 5 };

/* Feature bits (5.5.3) */
#define F_MUST_TELL_HOST BIT(0)
#define F_STATS_VQ       BIT(1)
#define F_DEFLATE_ON_OOM BIT(2)
#define F_REPORTING      BIT(5)

/* Offsets in the configuration (5.5.4) */
enum { CONFIG_NUM_PAGES = 0, CONFIG_ACTUAL = 4, CONFIG_SIZE = 8 };

#define STAT_SIZE 10 /* a 16-bit tag and a 64-bit value */

struct virtio_balloon {
    struct virtio_device dev;
    _Atomic uint32_t target, actual; /* pages */
    _Atomic uint64_t stats[VIRTIO_BALLOON_STATS];
    _Atomic bool stats_wanted;
    struct virtq_chain chain;
};

static struct virtio_balloon *balloon_of(struct virtio_device *dev)
{
    return container_of(dev, struct virtio_balloon, dev);
}

static uint64_t balloon_features(struct virtio_device *dev)
{
    return dev->host.strict ? F_MUST_TELL_HOST
                            : F_MUST_TELL_HOST | F_STATS_VQ | F_DEFLATE_ON_OOM | F_REPORTING;
}

static void balloon_config_read(struct virtio_device *dev, unsigned offset, unsigned size, void *to)
{
    struct virtio_balloon *balloon = balloon_of(dev);
    uint8_t config[CONFIG_SIZE];

    store_le32(config + CONFIG_NUM_PAGES, atomic_load(&balloon->target));
    store_le32(config + CONFIG_ACTUAL, atomic_load(&balloon->actual));
    memcpy(to, config + offset, size);
}

static void balloon_config_write(struct virtio_device *dev, unsigned offset, unsigned size,
                                 const void *from)
{
    if (offset == CONFIG_ACTUAL && size == 4)
        atomic_store(&balloon_of(dev)->actual, load_le32(from));
}

/* A run of neighbouring pages, which go back together: the host can only take whole pages of its
 * own size. */
struct run {
    uint64_t first, count;
};

static void run_discard(struct virtio_device *dev, struct run *run)
{
    if (run->count)
        mem_discard(dev->host.mem, run->first << PAGE_SHIFT, run->count << PAGE_SHIFT);
    run->count = 0;
}

/* Pages come in either direction. One outside of RAM must not spoil the run that it would belong
 * to. */
static void run_add(struct virtio_device *dev, struct run *run, uint64_t page)
{
    if (!mem_is_ram(dev->host.mem, page << PAGE_SHIFT, BIT(PAGE_SHIFT)))
        return;
    if (run->count && page + 1 == run->first) {
        run->first--;
        run->count++;
    } else if (run->count && page == run->first + run->count) {
        run->count++;
    } else {
        run_discard(dev, run);
        *run = (struct run){page, 1};
    }
}

static void serve_inflate(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
{
    uint64_t pages = chain->readable_bytes / 4;
    struct run run = {0};

    if (pages > MAX_PAGES) {
        virtio_needs_reset(dev, q->index, "balloon buffer is too long", chain->readable_bytes);
        return;
    }
    for (uint64_t done = 0; done < pages;) {
        uint8_t numbers[4 * 256];
        size_t length =
            virtq_chain_read(chain, done * 4, numbers, MIN(sizeof(numbers), (pages - done) * 4));

        for (size_t i = 0; i < length; i += 4)
            run_add(dev, &run, load_le32(numbers + i));
        done += length / 4;
    }
    run_discard(dev, &run);
    virtq_done(q, chain, 0);
}

static void serve_deflate(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
{
    virtq_done(q, chain, 0);
}

/* Free page reporting (5.5.6.7): the buffers themselves are the free pages. */
static void serve_reporting(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain)
{
    for (unsigned i = chain->readable; i < chain->readable + chain->writable; i++)
        mem_discard(dev->host.mem, chain->address[i], chain->iov[i].iov_len);
    virtq_done(q, chain, 0);
}

static void read_stats(struct virtio_balloon *balloon)
{
    uint8_t stat[STAT_SIZE];
    uint64_t offset = 0;

    for (unsigned i = 0; i < 2 * VIRTIO_BALLOON_STATS; i++, offset += sizeof(stat)) {
        if (virtq_chain_read(&balloon->chain, offset, stat, sizeof(stat)) != sizeof(stat))
            break;
        if (load_le16(stat) < VIRTIO_BALLOON_STATS)
            atomic_store(&balloon->stats[load_le16(stat)], load_le64(stat + 2));
    }
}

/* The device keeps the driver's one buffer, in the ring, and gives it back to ask for news
 * (5.5.6.3). */
static void notify_stats(struct virtio_balloon *balloon)
{
    struct virtq *q = &balloon->dev.queues[QUEUE_STATS];

    do {
        while (virtq_next(q, &balloon->chain)) {
            if (!atomic_exchange(&balloon->stats_wanted, false)) {
                read_stats(balloon);
                virtq_wait(q);
                virtq_unget(q, &balloon->chain.used, 1);
                return;
            }
            virtq_done(q, &balloon->chain, 0);
            virtq_signal(q);
        }
    } while (virtq_wait(q));
}

static void balloon_notify(struct virtio_device *dev, unsigned index)
{
    struct virtio_balloon *balloon = balloon_of(dev);
    struct virtq *q = &dev->queues[index];

    if (index == QUEUE_INFLATE)
        virtq_serve(q, BATCH, &balloon->chain, serve_inflate);
    else if (index == QUEUE_DEFLATE)
        virtq_serve(q, BATCH, &balloon->chain, serve_deflate);
    else if (index == QUEUE_STATS && virtio_has(dev, F_STATS_VQ))
        notify_stats(balloon);
    else if (virtio_has(dev, F_REPORTING))
        virtq_serve(q, BATCH, &balloon->chain, serve_reporting);
}

void virtio_balloon_target(struct virtio_device *dev, uint32_t pages)
{
    atomic_store(&balloon_of(dev)->target, pages);
    virtio_config_changed(dev);
}

uint32_t virtio_balloon_actual(struct virtio_device *dev)
{
    return atomic_load(&balloon_of(dev)->actual);
}

void virtio_balloon_stats_request(struct virtio_device *dev)
{
    if (dev->queue_count <= QUEUE_STATS)
        return;
    atomic_store(&balloon_of(dev)->stats_wanted, true);
    virtio_device_schedule(dev, QUEUE_STATS);
}

void virtio_balloon_stats(struct virtio_device *dev, uint64_t value[VIRTIO_BALLOON_STATS])
{
    for (unsigned i = 0; i < VIRTIO_BALLOON_STATS; i++)
        value[i] = atomic_load(&balloon_of(dev)->stats[i]);
}

/* Life. The target is the host's wish and survives the guest's resets. */

static void balloon_reset(struct virtio_device *dev)
{
    struct virtio_balloon *balloon = balloon_of(dev);

    atomic_store(&balloon->actual, 0);
    atomic_store(&balloon->stats_wanted, false);
    for (unsigned i = 0; i < VIRTIO_BALLOON_STATS; i++)
        atomic_store(&balloon->stats[i], UINT64_MAX);
}

struct balloon_state {
    uint32_t target, actual;
    bool stats_wanted;
};

static const struct state_field balloon_fields[] = {
    STATE_FIELD(struct balloon_state, target, STATE_U32),
    STATE_FIELD(struct balloon_state, actual, STATE_U32),
    STATE_FIELD(struct balloon_state, stats_wanted, STATE_BOOL),
};
static const struct state_table balloon_table = {"virtio-balloon", 1, balloon_fields,
                                                 nitems(balloon_fields)};

static int balloon_save(struct virtio_device *dev, struct state *state, const char *instance)
{
    struct virtio_balloon *balloon = balloon_of(dev);
    const struct balloon_state own = {atomic_load(&balloon->target), atomic_load(&balloon->actual),
                                      atomic_load(&balloon->stats_wanted)};

    return state_save(state, instance, &balloon_table, &own);
}

static int balloon_load(struct virtio_device *dev, const struct state *state, const char *instance,
                        struct error *err)
{
    struct virtio_balloon *balloon = balloon_of(dev);
    struct balloon_state own;
    int ret = state_load(state, instance, &balloon_table, &own, err);

    if (ret)
        return ret;
    atomic_store(&balloon->target, own.target);
    atomic_store(&balloon->actual, own.actual);
    atomic_store(&balloon->stats_wanted, own.stats_wanted);
    return 0;
}

static void balloon_free(struct virtio_device *dev)
{
    virtio_device_fini(dev);
    free(balloon_of(dev));
}

static const struct virtio_ops balloon_ops = {
    .name = "virtio-balloon",
    .id = VIRTIO_ID_BALLOON,
    .pci_class = 0x058000,
    .config_size = CONFIG_SIZE,
    .features = balloon_features,
    .notify = balloon_notify,
    .config_read = balloon_config_read,
    .config_write = balloon_config_write,
    .reset = balloon_reset,
    .save = balloon_save,
    .load = balloon_load,
    .free = balloon_free,
};

int virtio_balloon_create(struct virtio_device **dev, const struct virtio_host *host,
                          const char *instance)
{
    static const uint16_t sizes[QUEUE_COUNT] = {QUEUE_SIZE, QUEUE_SIZE, QUEUE_SIZE, QUEUE_SIZE,
                                                QUEUE_SIZE};
    struct virtio_balloon *balloon = calloc(1, sizeof(*balloon));
    int ret;

    if (!balloon)
        return -ENOMEM;
    ret = virtio_device_init(&balloon->dev, &balloon_ops, host, instance,
                             host->strict ? QUEUE_STATS : QUEUE_COUNT, sizes);
    if (ret) {
        free(balloon);
        return ret;
    }
    balloon_reset(&balloon->dev);
    *dev = &balloon->dev;
    return 0;
}
