/* SPDX-License-Identifier: ISC */
/*
 * A driver of the balloon: it follows the target as the configuration gives it, with pages from a
 * part of RAM that it has written to before. It says "full" and "empty" when it is there.
 */
#include "machine.h"

#define POOL       (RAM_BASE + (UINT64_C(32) << 20))
#define POOL_PAGES 16384u /* 64 MiB */
#define PAGE       4096u
#define BATCH      256u

static struct virtio dev;
static struct virtio_ring inflate, deflate;
static uint32_t numbers[BATCH];

void guest_exception(struct frame *f)
{
    put_value("FAIL unexpected exception, esr", f->esr);
    put_value("elr", f->elr);
    psci(false, PSCI_SYSTEM_OFF, 0, 0, 0);
}

static void touch(void)
{
    for (uint64_t i = 0; i < POOL_PAGES; i++)
        write64(POOL + i * PAGE, i + 1);
}

static void give(unsigned queue, struct virtio_ring *ring, uint32_t first, uint32_t count)
{
    const struct virtio_part part = {numbers, count * sizeof(numbers[0]), false};

    for (uint32_t i = 0; i < count; i++)
        numbers[i] = (uint32_t)((POOL + (uint64_t)(first + i) * PAGE) / PAGE);
    virtio_submit(&dev, queue, ring, &part, 1);
    virtio_await(ring);
}

/* Until the device's target is what it was asked for. */
static void follow(uint32_t *have, uint32_t want)
{
    while (*have != want) {
        uint32_t count = want > *have ? want - *have : *have - want;

        if (count > BATCH)
            count = BATCH;
        if (want > *have) {
            give(0, &inflate, *have, count);
            *have += count;
        } else {
            *have -= count;
            give(1, &deflate, *have, count);
        }
        write32(dev.device + 4, *have);
    }
}

int main(void)
{
    uint32_t have = 0;

    touch();
    if (!virtio_open(&dev, 5)) {
        put_text("FAIL no balloon\n");
        return 1;
    }
    virtio_queue(&dev, 0, &inflate, 0xffff);
    virtio_queue(&dev, 1, &deflate, 0xffff);
    virtio_driver_ok(&dev);
    put_text("ready\n");
    while (read32(dev.device) == 0)
        ;
    follow(&have, read32(dev.device));
    put_text("full\n");
    expect("a page in the balloon reads as zero", read64(POOL), 0);
    while (read32(dev.device) != 0)
        ;
    follow(&have, 0);
    touch();
    expect("a page that came back", read64(POOL), 1);
    put_text("empty\n");
    uart_get();
    put_text("done\n");
    return 0;
}
