/* SPDX-License-Identifier: ISC */
/* See machine.h. */
#include "machine.h"

#define MAX_CPUS   16
#define STACK_SIZE 16384

extern uint64_t device_tree;

void expect(const char *what, uint64_t got, uint64_t want)
{
    if (got == want)
        return;
    put_text("FAIL ");
    put_text(what);
    put_text(": got ");
    put_hex(got);
    put_text(", want ");
    put_hex(want);
    put_char('\n');
}

static uint32_t big_endian(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
}

const char *guest_argument(void)
{
    static const char mark[] = "guest:";
    const uint8_t *tree = (const uint8_t *)device_tree;
    uint32_t length = big_endian(tree + 4);

    for (uint32_t i = 0; i + sizeof(mark) < length; i++) {
        uint32_t n = 0;

        while (mark[n] && tree[i + n] == (uint8_t)mark[n])
            n++;
        if (!mark[n])
            return (const char *)tree + i + n;
    }
    return "";
}

uint64_t parse_number(const char *text)
{
    uint64_t value = 0;

    while (*text >= '0' && *text <= '9')
        value = value * 10 + (uint64_t)(*text++ - '0');
    return value;
}

/* --- PSCI --- */

uint64_t psci(bool smc, uint64_t id, uint64_t a1, uint64_t a2, uint64_t a3)
{
    register uint64_t x0 __asm__("x0") = id;
    register uint64_t x1 __asm__("x1") = a1;
    register uint64_t x2 __asm__("x2") = a2;
    register uint64_t x3 __asm__("x3") = a3;

    if (smc)
        __asm__ volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
    else
        __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
    return x0;
}

static struct secondary secondaries[MAX_CPUS];
static uint8_t stacks[MAX_CPUS][STACK_SIZE] __attribute__((aligned(16)));

struct secondary *secondary_of(unsigned cpu)
{
    return &secondaries[cpu];
}

uint64_t secondary_start(unsigned cpu, void (*run)(uint64_t), uint64_t argument)
{
    struct secondary *s = &secondaries[cpu];

    *s = (struct secondary){(uint64_t)(stacks[cpu] + STACK_SIZE), run, argument, {0}};
    dsb();
    return psci(false, PSCI_CPU_ON, cpu, (uint64_t)secondary_entry, (uint64_t)s);
}

/* --- interrupts (IHI 0069) --- */

#define GICD_CTLR               0x0000
#define GICD_IGROUPR            0x0080
#define GICD_ISENABLER          0x0100
#define GICD_IROUTER            0x6000
#define GICR_WAKER              0x0014
#define GICR_SGI_FRAME          0x10000
#define ICC_SRE_EL1             S3_0_C12_C12_5
#define ICC_PMR_EL1             S3_0_C4_C6_0
#define ICC_IGRPEN1_EL1         S3_0_C12_C12_7
#define ICC_IAR1_EL1            S3_0_C12_C12_0
#define ICC_EOIR1_EL1           S3_0_C12_C12_1
#define ICC_SGI1R_EL1           S3_0_C12_C11_5
#define get(name)               read_sysreg_(name)
#define read_sysreg_(n)         read_sysreg(n)
#define put(name, value)        write_sysreg_(name, value)
#define write_sysreg_(n, value) write_sysreg(n, value)

static uint64_t redistributor(void)
{
    return GICR + cpu_index() * GICR_SIZE;
}

void gic_init(void)
{
    write32(GICD + GICD_CTLR, 0x12); /* affinity routing, group 1 */
    write32(redistributor() + GICR_WAKER, 0);
    while (read32(redistributor() + GICR_WAKER) & 4)
        ;
    write32(redistributor() + GICR_SGI_FRAME + GICD_IGROUPR, UINT32_MAX);
    put(ICC_SRE_EL1, 7);
    isb();
    put(ICC_PMR_EL1, 0xff);
    put(ICC_IGRPEN1_EL1, 1);
    isb();
}

void gic_enable(unsigned intid)
{
    uint64_t word = intid / 32 * 4;
    uint32_t bit = UINT32_C(1) << intid % 32;

    if (intid < 32) {
        write32(redistributor() + GICR_SGI_FRAME + GICD_ISENABLER, bit);
        return;
    }
    write64(GICD + GICD_IROUTER + 8 * intid, cpu_index());
    write32(GICD + GICD_IGROUPR + word, read32(GICD + GICD_IGROUPR + word) | bit);
    write32(GICD + GICD_ISENABLER + word, bit);
}

unsigned gic_acknowledge(void)
{
    unsigned intid = (unsigned)get(ICC_IAR1_EL1);

    dsb();
    return intid;
}

void gic_end(unsigned intid)
{
    put(ICC_EOIR1_EL1, intid);
    isb();
}

void gic_send_sgi(unsigned intid, uint16_t targets)
{
    dsb();
    put(ICC_SGI1R_EL1, (uint64_t)intid << 24 | targets);
    isb();
}

unsigned irq_wait(void)
{
    for (;;) {
        unsigned intid = gic_acknowledge();

        if (intid < 1020)
            return intid;
        wfi();
    }
}

/* --- UART (PL011) --- */

bool uart_has_input(void)
{
    return !(read32(UART + 0x18) & 0x10);
}

char uart_get(void)
{
    while (!uart_has_input())
        ;
    return (char)read32(UART);
}

/* --- PCI and virtio (VIRTIO 1.2, 4.1) --- */

static uint64_t bar_address(const struct virtio *dev, unsigned bar)
{
    uint64_t at = dev->config + 0x10 + 4 * bar, low = read32(at);

    return (low & 4) ? (low & ~UINT64_C(15)) | (uint64_t)read32(at + 4) << 32 : low & ~UINT64_C(15);
}

static void take_capability(struct virtio *dev, uint64_t cap)
{
    uint64_t at;

    if (read8(cap) == 0x11) { /* MSI-X */
        uint32_t table = read32(cap + 4);

        dev->msix = bar_address(dev, table & 7) + (table & ~7u);
        return;
    }
    if (read8(cap) != 0x09)
        return;
    at = bar_address(dev, read8(cap + 4)) + read32(cap + 8);
    switch (read8(cap + 3)) {
    case 1: dev->common = at; break;
    case 2:
        dev->notify = at;
        dev->notify_multiplier = read32(cap + 16);
        break;
    case 4: dev->device = at; break;
    }
}

static bool find_function(struct virtio *dev, unsigned type)
{
    for (unsigned slot = 0; slot < 32; slot++) {
        dev->config = ECAM + slot * UINT64_C(0x8000);
        if (read32(dev->config) == (0x1af4u | (0x1040u + type) << 16))
            return true;
    }
    return false;
}

bool virtio_open(struct virtio *dev, unsigned type)
{
    if (!find_function(dev, type))
        return false;
    write16(dev->config + 4, 6); /* memory, bus master */
    for (unsigned cap = read8(dev->config + 0x34); cap; cap = read8(dev->config + cap + 1))
        take_capability(dev, dev->config + cap);
    write8(dev->common + 0x14, 0);
    while (read8(dev->common + 0x14))
        ;
    write8(dev->common + 0x14, 1);
    write8(dev->common + 0x14, 3);
    write32(dev->common + 0x08, 0);
    write32(dev->common + 0x0c, 0);
    write32(dev->common + 0x08, 1);
    write32(dev->common + 0x0c, 1); /* VIRTIO_F_VERSION_1 */
    write8(dev->common + 0x14, 11);
    expect("FEATURES_OK", read8(dev->common + 0x14), 11);
    return true;
}

void virtio_queue(struct virtio *dev, unsigned index, struct virtio_ring *ring, unsigned vector)
{
    const uint64_t parts[] = {(uint64_t)ring->desc, (uint64_t)&ring->avail, (uint64_t)&ring->used};

    ring->avail.flags = vector == 0xffff;
    ring->avail.index = 0;
    ring->used.index = 0;
    write16(dev->common + 0x16, (uint16_t)index);
    write16(dev->common + 0x18, VIRTIO_QUEUE_SIZE);
    write16(dev->common + 0x1a, (uint16_t)vector);
    expect("queue's vector", read16(dev->common + 0x1a), vector);
    for (unsigned i = 0; i < 3; i++) {
        write32(dev->common + 0x20 + 8 * i, (uint32_t)parts[i]);
        write32(dev->common + 0x24 + 8 * i, (uint32_t)(parts[i] >> 32));
    }
    write16(dev->common + 0x1c, 1);
}

void virtio_msix(struct virtio *dev, unsigned vector, unsigned intid)
{
    uint64_t entry = dev->msix + 16 * vector;

    for (unsigned cap = read8(dev->config + 0x34); cap; cap = read8(dev->config + cap + 1))
        if (read8(dev->config + cap) == 0x11)
            write16(dev->config + cap + 2, 0x8000);
    write32(entry, (uint32_t)MSI_SETSPI);
    write32(entry + 4, 0);
    write32(entry + 8, intid);
    write32(entry + 12, 0);
}

void virtio_driver_ok(struct virtio *dev)
{
    write8(dev->common + 0x14, 15);
}

void virtio_submit(struct virtio *dev, unsigned index, struct virtio_ring *ring,
                   const struct virtio_part *parts, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        ring->desc[i].address = (uint64_t)parts[i].at;
        ring->desc[i].length = parts[i].length;
        ring->desc[i].flags = (uint16_t)((parts[i].write ? RING_WRITE : 0) | (i + 1 < count));
        ring->desc[i].next = (uint16_t)(i + 1);
    }
    ring->avail.ring[ring->avail.index % VIRTIO_QUEUE_SIZE] = 0;
    dsb();
    *(volatile uint16_t *)&ring->avail.index = (uint16_t)(ring->avail.index + 1);
    dsb();
    write16(dev->common + 0x16, (uint16_t)index);
    write16(dev->notify + (uint64_t)read16(dev->common + 0x1e) * dev->notify_multiplier,
            (uint16_t)index);
}

uint32_t virtio_await(struct virtio_ring *ring)
{
    volatile uint16_t *used = &ring->used.index;

    while (*used != ring->avail.index)
        ;
    dsb();
    return ring->used.ring[(uint16_t)(*used - 1) % VIRTIO_QUEUE_SIZE].length;
}
