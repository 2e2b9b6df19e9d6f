/* SPDX-License-Identifier: ISC */
/*
 * The controller's registers (xHCI 1.1, 5): one BAR of 4 KiB with all of them.
 *
 *      0x000  capability registers, 0x020 operational, 0x420 the ports'
 *      0x800  doorbells
 *      0x980  extended capabilities (HCCPARAMS1 says where: as on Apple's machine)
 *      0xa00  runtime registers
 *
 * All are 32 bits wide; 64-bit ones are two, low one first. Wider and narrower reads are made of
 * these; narrower writes are not defined (5.1) and dropped.
 */
#include "host/clock.h"
#include "usb/xhci_internal.h"

#define OPERATIONAL 0x020u
#define PORTS       0x420u
#define DOORBELLS   0x800u
#define EXTENDED    0x980u
#define RUNTIME     0xa00u
#define PORT_SET    0x10u

/* Operational registers (5.4), from OPERATIONAL */
enum {
    USBCMD = 0x00,
    USBSTS = 0x04,
    PAGESIZE = 0x08,
    DNCTRL = 0x14,
    CRCR = 0x18,
    DCBAAP = 0x30,
    CONFIG = 0x38,
};

/* An interrupter's (5.5.2) */
enum { IMAN = 0x00, IMOD = 0x04, ERSTSZ = 0x08, ERSTBA = 0x10, ERDP = 0x18 };

#define CRCR_RCS BIT(0)
#define CRCR_CS  BIT(1)
#define CRCR_CA  BIT(2)
#define CRCR_CRR BIT(3)

/* 5.3; 0x02600001 is Apple's HCCPARAMS1: 64-bit addresses, extended capabilities at 4 * 0x260 */
static const uint32_t capability[OPERATIONAL / 4] = {
    0x01100000 | OPERATIONAL, /* HCIVERSION 1.1, CAPLENGTH */
    (uint32_t)XHCI_PORTS << 24 | XHCI_INTERRUPTERS << 8 | XHCI_SLOTS,
    0, /* one event ring segment, no scratchpad, no threshold for isochronous transfers */
    0,
    0x02600001,
    DOORBELLS,
    RUNTIME,
    0,
};

/* Supported Protocol capabilities (7.2): USB 2.0 and USB 3.0 */
static const uint32_t extended[] = {
    0x02000402,
    0x20425355,
    XHCI_USB2_PORTS << 8 | 1,
    0,
    0x03000002,
    0x20425355,
    (XHCI_PORTS - XHCI_USB2_PORTS) << 8 | (XHCI_USB2_PORTS + 1),
    0,
};

static uint32_t low(uint64_t value)
{
    return (uint32_t)value;
}

static uint32_t high(uint64_t value)
{
    return (uint32_t)(value >> 32);
}

static uint64_t with_low(uint64_t old, uint32_t value)
{
    return (old & ~bits_mask(32)) | value;
}

static uint64_t with_high(uint64_t old, uint32_t value)
{
    return (uint64_t)value << 32 | low(old);
}

/* --- the clock --- */

uint64_t xhci_microframes(const struct xhci *x)
{
    if (!(x->usbcmd & CMD_RS))
        return x->mfindex_stopped;
    return (host_clock_monotonic() - x->mfindex_start_ns) / XHCI_MICROFRAME_NS;
}

/* --- operational --- */

static uint32_t operational_read(const struct xhci *x, unsigned reg)
{
    switch (reg) {
    case USBCMD: return x->usbcmd;
    case USBSTS: return x->usbsts;
    case PAGESIZE: return 1; /* 4 KiB */
    case DNCTRL: return x->dnctrl;
    case CRCR: return x->command_running ? (uint32_t)CRCR_CRR : 0; /* the rest reads as 0 */
    case DCBAAP: return low(x->dcbaap);
    case DCBAAP + 4: return high(x->dcbaap);
    case CONFIG: return x->config;
    default: return 0;
    }
}

static void start(struct xhci *x)
{
    if (x->usbsts & (STS_HSE | STS_HCE))
        return; /* after a reset (4.24.1) */
    x->mfindex_start_ns = host_clock_monotonic() - x->mfindex_stopped * XHCI_MICROFRAME_NS;
    x->usbcmd |= CMD_RS;
    x->usbsts &= (uint32_t)~STS_HCH;
    xhci_ports_started(x);
    xhci_wake(x);
}

/* Save and Restore State (4.23.2) have nothing to do: state outlives a guest's sleep. */
static void usbcmd_write(struct xhci *x, uint32_t value)
{
    const uint32_t kept = CMD_INTE | CMD_HSEE | CMD_EWE;

    if (value & CMD_HCRST) {
        xhci_reset_registers(x);
        xhci_wake(x); /* the devices' backends are told */
        return;
    }
    x->usbcmd = (x->usbcmd & ~kept) | (value & kept);
    if ((value & CMD_RS) && !(x->usbcmd & CMD_RS))
        start(x);
    else if (!(value & CMD_RS) && (x->usbcmd & CMD_RS))
        xhci_stop(x);
    if (value & CMD_EWE) {
        x->wraps = xhci_microframes(x) >> XHCI_MFINDEX_BITS;
        xhci_wake(x);
    }
    xhci_interrupts_update(x);
}

static void usbsts_write(struct xhci *x, uint32_t value)
{
    x->usbsts &= ~(value & (uint32_t)(STS_HSE | STS_EINT | STS_PCD | STS_SRE));
}

/* The pointer is not taken while the ring runs; then only what stops it is (5.4.5). */
static void crcr_write(struct xhci *x, uint32_t value)
{
    if (x->command_running) {
        if (value & (CRCR_CS | CRCR_CA)) {
            x->command_stopping = true;
            xhci_wake(x);
        }
        return;
    }
    x->command.dequeue = with_low(x->command.dequeue, value & ~0x3fu);
    x->command.cycle = value & CRCR_RCS;
}

static void operational_write(struct xhci *x, unsigned reg, uint32_t value)
{
    switch (reg) {
    case USBCMD: usbcmd_write(x, value); break;
    case USBSTS: usbsts_write(x, value); break;
    case DNCTRL: x->dnctrl = value & 0xffff; break;
    case CRCR: crcr_write(x, value); break;
    case CRCR + 4:
        if (!x->command_running)
            x->command.dequeue = with_high(x->command.dequeue, value);
        break;
    case DCBAAP: x->dcbaap = with_low(x->dcbaap, value & ~0x3fu); break;
    case DCBAAP + 4: x->dcbaap = with_high(x->dcbaap, value); break;
    case CONFIG: x->config = MIN(value & 0xff, XHCI_SLOTS); break;
    default: break;
    }
}

/* --- runtime --- */

static uint32_t runtime_read(const struct xhci *x, unsigned offset)
{
    const struct xhci_interrupter *in;

    if (offset == 0)
        return (uint32_t)(xhci_microframes(x) & bits_mask(XHCI_MFINDEX_BITS));
    if (offset < 0x20)
        return 0;
    in = &x->interrupters[(offset - 0x20) / 0x20];
    switch (offset % 0x20) {
    case IMAN: return in->iman;
    case IMOD: return in->imod;
    case ERSTSZ: return in->erstsz;
    case ERSTBA: return low(in->erstba);
    case ERSTBA + 4: return high(in->erstba);
    case ERDP: return low(in->erdp);
    case ERDP + 4: return high(in->erdp);
    default: return 0;
    }
}

static void interrupter_write(struct xhci *x, unsigned index, unsigned reg, uint32_t value)
{
    struct xhci_interrupter *in = &x->interrupters[index];

    switch (reg) {
    case IMAN: in->iman = (uint32_t)((in->iman & IMAN_IP & ~value) | (value & IMAN_IE)); break;
    case IMOD:
        in->imod = value;
        in->not_before_ns = 0;
        break;
    case ERSTSZ:
        in->erstsz = value & 0xffff;
        xhci_interrupter_ring_changed(in);
        break;
    case ERSTBA:
        in->erstba = with_low(in->erstba, value & ~0x3fu);
        xhci_interrupter_ring_changed(in);
        break;
    case ERSTBA + 4:
        in->erstba = with_high(in->erstba, value);
        xhci_interrupter_ring_changed(in);
        break;
    case ERDP:
        xhci_interrupter_consumed(x, index, with_low(in->erdp, value), value & ERDP_EHB);
        break;
    case ERDP + 4: xhci_interrupter_consumed(x, index, with_high(in->erdp, value), false); break;
    default: break;
    }
    xhci_interrupts_run(x);
}

/* --- the BAR --- */

static uint32_t read_word(const struct xhci *x, unsigned offset)
{
    if (offset < OPERATIONAL)
        return capability[offset / 4];
    if (offset < PORTS)
        return operational_read(x, offset - OPERATIONAL);
    if (offset < PORTS + XHCI_PORTS * PORT_SET)
        return xhci_port_read(x, (offset - PORTS) / PORT_SET, offset % PORT_SET);
    if (offset >= EXTENDED && offset < EXTENDED + sizeof(extended))
        return extended[(offset - EXTENDED) / 4];
    if (offset >= RUNTIME && offset < RUNTIME + 0x20 * (1 + XHCI_INTERRUPTERS))
        return runtime_read(x, offset - RUNTIME);
    return 0; /* doorbells too */
}

/* 5.6: 0 is the command ring's */
static void doorbell_write(struct xhci *x, unsigned index, uint32_t value)
{
    unsigned target = value & 0xff;

    if (!(x->usbcmd & CMD_RS))
        return;
    if (index > 0) {
        xhci_doorbell(x, index, target);
    } else if (target == 0) {
        x->command_running = x->command_doorbell = true;
        xhci_wake(x);
    }
}

static void write_word(struct xhci *x, unsigned offset, uint32_t value)
{
    if (offset >= OPERATIONAL && offset < PORTS)
        operational_write(x, offset - OPERATIONAL, value);
    else if (offset >= PORTS && offset < PORTS + XHCI_PORTS * PORT_SET)
        xhci_port_write(x, (offset - PORTS) / PORT_SET, offset % PORT_SET, value);
    else if (offset >= DOORBELLS && offset < DOORBELLS + 4 * (1 + XHCI_SLOTS))
        doorbell_write(x, (offset - DOORBELLS) / 4, value);
    else if (offset >= RUNTIME + 0x20 && offset < RUNTIME + 0x20 * (1 + XHCI_INTERRUPTERS))
        interrupter_write(x, (offset - RUNTIME - 0x20) / 0x20, offset % 0x20, value);
}

static uint64_t bar_read(void *dev, uint64_t offset, unsigned size)
{
    struct xhci *x = dev;
    unsigned at = (unsigned)align_down(offset, 4);
    uint64_t value;

    pthread_mutex_lock(&x->lock);
    value = read_word(x, at);
    if (size == 8)
        value |= (uint64_t)read_word(x, at + 4) << 32;
    pthread_mutex_unlock(&x->lock);
    return (value >> 8 * (offset - at)) & bits_mask(8 * size);
}

static void bar_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
    struct xhci *x = dev;

    if (size < 4)
        return;
    pthread_mutex_lock(&x->lock);
    write_word(x, (unsigned)offset, low(value));
    if (size == 8)
        write_word(x, (unsigned)offset + 4, high(value));
    pthread_mutex_unlock(&x->lock);
}

const struct bus_ops xhci_bar_ops = {bar_read, bar_write};
