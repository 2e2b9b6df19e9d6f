/* SPDX-License-Identifier: ISC */
/*
 * Virtqueues, split and packed, behind one interface. VIRTIO 1.2, sections 2.6 to 2.8.
 *
 * A virtqueue is how a driver hands buffers to a device and gets them back. A buffer is a chain of
 * descriptors, each an address, a length and a direction; what the device reads comes first, what
 * it writes comes after. All of it lies in guest memory in one of two layouts.
 *
 * The split ring (2.7) has three parts, each written by one side only:
 *
 *      descriptor area            driver area (available)      device area (used)
 *      +----------------------+   +-----------------------+    +--------------------------+
 *    0 | address              |   | flags                 |    | flags                    |
 *      | length  flags  next -+-, | idx ------------------+-,  | idx ---------------------+-,
 *    1 | address              |<' | ring[0]   head of a   | |  | ring[0]   head, length   | |
 *      | length  flags  next  |   | ring[1]   chain       | |  | ring[1]                  | |
 *      |         ...          |   |   ...                 |<'  |   ...                    |<'
 *      +----------------------+   | used_event            |    | avail_event              |
 *                                 +-----------------------+    +--------------------------+
 *
 * Both idx count freely modulo 2^16 and say where their owner writes next: what lies between the
 * device's own counter and the driver's idx is available. Chains are linked by `next`, in any order
 * over the table.
 *
 * The packed ring (2.8) has one part that both sides write, and two words to hold back
 * notifications:
 *
 *      descriptor area                         driver area        device area
 *      +-------------------------------+       +-----------+      +-----------+
 *    0 | address | length | id | flags |       | off, wrap |      | off, wrap |
 *    1 | address | length | id | flags |       | flags     |      | flags     |
 *      |              ...              |       +-----------+      +-----------+
 *      +-------------------------------+
 *
 * A chain is consecutive descriptors. Two bits in flags, AVAIL and USED, take the place of the
 * counters: each side keeps a wrap counter that flips whenever it passes the ring's end. A
 * descriptor is available when AVAIL equals the device's wrap counter and USED does not; the device
 * makes it used by writing id and length there and setting both bits to its wrap counter. A used
 * chain takes one descriptor, and the rest of its slots are skipped.
 *
 * In both, a descriptor may instead point to a table of descriptors elsewhere (indirect, 2.7.5.3
 * and 2.8.7).
 *
 * Notifications are held back by flags, or, with EVENT_IDX, by naming the position whose crossing
 * is worth one. Who announces and who goes to sleep can cross each other: each side stores its own
 * word, then reads the other's, with a full barrier in between (virtq_wait and virtq_signal).
 *
 * Nothing in guest memory is trusted: it can be anything and can change under way, so each word is
 * read once and checked where it is read. What breaks the rules puts the device into NEEDS_RESET
 * (virtio_needs_reset) and looks like an empty queue. The work for one chain is bounded by the
 * queue's size and VIRTQ_MAX_SEGMENTS.
 *
 * All functions run on the device's loop, except where they say otherwise.
 */
#ifndef VIRTIO_QUEUE_H
#define VIRTIO_QUEUE_H

#include <sys/uio.h>

#include "virtio/virtio.h"

#define VIRTQ_MAX_SIZE     1024 /* descriptors in a ring */
#define VIRTQ_MAX_SEGMENTS 1024 /* in a chain; no more than the host's readv takes (IOV_MAX) */

struct virtq {
    struct virtio_device *dev;
    unsigned index;
    uint16_t max_size;

    /* The driver's configuration; the transport writes it under dev->lock until it is enabled. */
    uint16_t size;
    bool enabled;
    uint64_t desc, driver, device; /* guest physical addresses of the three areas */

    /* Taken over when the driver says DRIVER_OK. */
    bool live;
    bool packed, event_idx, indirect;
    uint8_t *desc_host, *driver_host, *device_host;

    /* Where the device takes and gives: counters that run freely in a split ring, a slot and a
     * wrap counter each in a packed one. */
    uint16_t next, done;
    bool next_wrap, done_wrap;
    uint16_t unsignalled; /* how far `done` has moved since virtq_signal last looked */
    bool quiet;           /* the driver has been told not to notify */
    unsigned looks;       /* virtq_serve_stream looks so often yet before it wants to be notified */
    bool answers;         /* and has found something since virtq_expect */
};

/* What the device gives back for a chain: also the chain's identity while it is out. */
struct virtq_used {
    uint16_t id;          /* split: the head's index; packed: the driver's buffer id */
    uint16_t descriptors; /* slots that the chain takes in a packed ring; 1 in a split one */
    uint32_t written;     /* bytes */
};

/* One buffer, checked: iov[0 .. readable) for the device to read, then `writable` more for it to
 * write. */
struct virtq_chain {
    struct virtq_used used;
    unsigned readable, writable;
    uint64_t readable_bytes, writable_bytes;
    struct iovec iov[VIRTQ_MAX_SEGMENTS];
    uint64_t address[VIRTQ_MAX_SEGMENTS]; /* guest physical address of each segment */
};

void virtq_init(struct virtq *q, struct virtio_device *dev, unsigned index, uint16_t max_size);

/* Power-on values. Under dev->lock, with no queue work. */
void virtq_reset(struct virtq *q);

/* DRIVER_OK: checks size, alignment and addresses and takes the configuration over. A queue that
 * the driver did not enable stays dead. Returns 0, or -EINVAL with *what and *where saying why. */
int virtq_start(struct virtq *q, const char **what, uint64_t *where);

/* Takes the next available chain. False when there is none (or the device needs a reset). */
bool virtq_next(struct virtq *q, struct virtq_chain *chain);

/* Whether virtq_next may find something. */
bool virtq_has_buffers(const struct virtq *q);

/* Puts back the last `count` chains taken, none of which is done; the next virtq_next starts with
 * the first of them. */
void virtq_unget(struct virtq *q, const struct virtq_used *used, unsigned count);

/* Gives a chain back with its first `written` writable bytes written; in any order. The driver can
 * see it at once. */
void virtq_done(struct virtq *q, struct virtq_chain *chain, uint32_t written);

/* Gives back several chains, which the driver sees all at once or not at all. The caller has called
 * virtq_written. */
void virtq_done_all(struct virtq *q, const struct virtq_used *used, unsigned count);

/* Marks the first `length` writable bytes dirty. virtq_done does it by itself. */
void virtq_written(const struct virtq *q, const struct virtq_chain *chain, uint64_t length);

/* Interrupts the driver if it wants to know of what was done since the last call (2.7.7.2, 2.8.10).
 */
void virtq_signal(struct virtq *q);

/* Asks the driver not to notify, as the device is looking anyway; a hint. */
void virtq_quiet(struct virtq *q);

/* Asks for a notification of the chain after those that were taken. True when there is one already:
 * then no notification may come, and the caller looks again. To be called before virtq_unget of
 * chains that were not enough. */
bool virtq_wait(struct virtq *q);

/*
 * The loop of nearly every queue: hands chains to `serve`, which gives each back with virtq_done,
 * until there are no more or `batch` were served; then comes back later, so that other devices have
 * their turn. `chain` is scratch.
 */
typedef void (*virtq_server)(struct virtio_device *dev, struct virtq *q, struct virtq_chain *chain);

void virtq_serve(struct virtq *q, unsigned batch, struct virtq_chain *chain, virtq_server serve);

/* The same for a queue that a driver fills as a stream: when it is empty, the loop's next turns
 * look again before a notification is asked for, as each costs the guest an exit. */
void virtq_serve_stream(struct virtq *q, unsigned batch, struct virtq_chain *chain,
                        virtq_server serve);

/* What the driver is told now will make it fill this queue of virtq_serve_stream's: looks for some
 * turns instead of being notified, unless that was of no use the last time. */
void virtq_expect(struct virtq *q);

/* Copies up to `length` bytes from the readable part at `offset`, or to the writable part. Return
 * bytes copied. */
size_t virtq_chain_read(const struct virtq_chain *chain, uint64_t offset, void *to, size_t length);
size_t virtq_chain_write(const struct virtq_chain *chain, uint64_t offset, const void *from,
                         size_t length);

/* Cuts `skip` bytes off the front of iov[0 .. count) and what exceeds `length` off its end, in
 * place. Returns the first segment left; *count becomes the number of them. */
struct iovec *virtq_iov_cut(struct iovec *iov, unsigned *count, uint64_t skip, uint64_t length);

/* Ring state, mid-flight but with no chain out. Any thread, with queue work stopped. virtq_load
 * leaves the queue as the state says, unchecked until virtq_start. Return 0 or -errno. */
int virtq_save(const struct virtq *q, struct state *state);
int virtq_load(struct virtq *q, const struct state *state, struct error *err);

#endif
