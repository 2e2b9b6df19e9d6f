/* SPDX-License-Identifier: ISC */
/*
 * The virtio devices that a machine can be built from, and the PCI transport that carries them.
 *
 *     virtio_blk_create(&dev, &host, "virtio-blk0", disk, "serial")     -> a device, which now owns
 * the disk virtio_pci_create(&pci, pci_host, slot, dev, &err)                      -> a PCI
 * function, which now owns the device virtio_pci_ops.{reset,save,load,free}(pci ...) -> like any
 * device of the machine
 *
 * Creators return 0 or -errno. On success the new object owns what it was given (disk, net,
 * console; the device) and closes it when it is freed; on failure the caller still does. `instance`
 * names the device in logs, events and saved state, and must be unique in its machine.
 */
#ifndef VIRTIO_DEVICES_H
#define VIRTIO_DEVICES_H

#include "backend/console.h"
#include "backend/disk.h"
#include "backend/display.h"
#include "backend/input.h"
#include "backend/net.h"
#include "bus/bus.h"
#include "pci/pci.h"
#include "virtio/virtio.h"

#define VIRTIO_BLK_MAX_QUEUES 8

/* A disk (5.2). `serial` is what GET_ID returns, at most 20 bytes of it; may be NULL. It has
 * `queues` request queues, at least 1; one if the host is strict, and never more than
 * VIRTIO_BLK_MAX_QUEUES. */
int virtio_blk_create(struct virtio_device **dev, const struct virtio_host *host,
                      const char *instance, struct disk *disk, const char *serial, unsigned queues);

/* A network card (5.1) with up to `pairs` (1 to 8) pairs of queues; one and no control queue with
 * the quirk net_apple_features. */
int virtio_net_create(struct virtio_device **dev, const struct virtio_host *host,
                      const char *instance, struct net *net, const uint8_t mac[NET_MAC_LENGTH],
                      unsigned pairs);

/* The cable: down at your wish, up from the start. Any thread. */
void virtio_net_link(struct virtio_device *dev, bool up);

/* Frames that virtio-net dropped since it was made. */
struct virtio_net_drops {
    uint64_t too_long;  /* for the guest, longer than the buffers it posted */
    uint64_t no_driver; /* for the guest, before its driver was there */
    uint64_t malformed; /* from the guest, with a header that makes no sense */
    uint64_t unsent;    /* from the guest, and the backend had no room or nobody to send it to */
};
void virtio_net_drops(struct virtio_device *dev, struct virtio_net_drops *drops);

/* A serial port (5.3): one port, no MULTIPORT. */
int virtio_console_create(struct virtio_device **dev, const struct virtio_host *host,
                          const char *instance, struct console *console);

/* The terminal behind it has this size now. Any thread. */
void virtio_console_resize(struct virtio_device *dev, uint16_t columns, uint16_t rows);

/* A source of entropy (5.4). */
int virtio_rng_create(struct virtio_device **dev, const struct virtio_host *host,
                      const char *instance);

/* A memory balloon (5.5). */
int virtio_balloon_create(struct virtio_device **dev, const struct virtio_host *host,
                          const char *instance);

/* Asks the guest to give up `pages` pages of 4 KiB; and how many it has given up. Any thread. */
void virtio_balloon_target(struct virtio_device *dev, uint32_t pages);
uint32_t virtio_balloon_actual(struct virtio_device *dev);

#define VIRTIO_BALLOON_STATS 16 /* tags that are kept: VIRTIO_BALLOON_S_* (5.5.6.4) */

/* Asks for new statistics, if the driver has the queue for them; and the newest that came:
 * value[tag], with UINT64_MAX for what was not told. Any thread. */
void virtio_balloon_stats_request(struct virtio_device *dev);
void virtio_balloon_stats(struct virtio_device *dev, uint64_t value[VIRTIO_BALLOON_STATS]);

/* A two-dimensional GPU (5.7) that draws on `display`, which it owns from now on. */
int virtio_gpu_create(struct virtio_device **dev, const struct virtio_host *host,
                      const char *instance, struct display *display);

/* Which resource's backing guest physical address `ipa` belongs to, and how far into it. False:
 * none's. Any thread. */
bool virtio_gpu_backing_at(struct virtio_device *dev, uint64_t ipa, uint32_t *resource,
                           uint64_t *offset);

/* Shows a linear frame buffer in guest memory, B8G8R8X8, `width` by `height` pixels with `stride`
 * bytes from line to line, until a driver sets its scanout; width 0 ends it. Returns 0, -EINVAL (it
 * is not all RAM, or the numbers cannot be) or -ENOMEM. With the guest's driver not running. */
int virtio_gpu_firmware_scanout(struct virtio_device *dev, uint64_t ipa, uint32_t width,
                                uint32_t height, uint32_t stride);

/* A keyboard and a pointer with absolute axes (5.8), which take what is put into `input`. The input
 * and the keyboard's device outlive those that are made with them. */
int virtio_keyboard_create(struct virtio_device **dev, const struct virtio_host *host,
                           const char *instance, struct input *input);
int virtio_pointer_create(struct virtio_device **dev, const struct virtio_host *host,
                          const char *instance, struct virtio_device *keyboard);

struct virtio_pci;

/* Plugs `dev` into `slot` of the bus (0: the next free one). */
int virtio_pci_create(struct virtio_pci **pci, struct pci_host *host, unsigned slot,
                      struct virtio_device *dev, struct error *err);

/* Transport, device and backend as one; `dev` of these is the struct virtio_pci. What is in
 * configuration space (BARs, MSI-X) goes with pci_host_ops, before this. Save while quiesced; after
 * load the device stands still until virtio_device_resume. */
extern const struct device_ops virtio_pci_ops;

struct virtio_device *virtio_pci_device(struct virtio_pci *pci);
struct pci_function *virtio_pci_function(struct virtio_pci *pci);

#endif
