/* SPDX-License-Identifier: ISC */
/*
 * A GICv3 (IHI 0069) as far as one CPU and message interrupts need it: the distributor, this CPU's
 * redistributor, the system-register interface, and the GICv2m frame ("arm,gic-v2m-frame", SBSA 1.0
 * appendix E): a doorbell register, and a range of SPIs that a write of their number makes pending.
 */
#include "fdt.h"
#include "pmap.h"

#define GICD_CTLR       0x0000
#define GICD_IGROUPR    0x0080
#define GICD_ISENABLER  0x0100
#define GICD_ICFGR      0x0c00
#define GICD_IROUTER    0x6000
#define GICR_WAKER      0x0014
#define GICR_SGI_FRAME  0x10000
#define WAKER_ASLEEP    4u
#define V2M_MSI_TYPER   0x08
#define V2M_MSI_SETSPI  0x40
#define ICC_SRE_EL1     S3_0_C12_C12_5
#define ICC_PMR_EL1     S3_0_C4_C6_0
#define ICC_IGRPEN1_EL1 S3_0_C12_C12_7
#define ICC_IAR1_EL1    S3_0_C12_C12_0
#define ICC_EOIR1_EL1   S3_0_C12_C12_1
#define get_icc_(n)     read_sysreg(n)
#define get_icc(n)      get_icc_(n)
#define set_icc_(n, v)  write_sysreg(n, v)
#define set_icc(n, v)   set_icc_(n, v)

#define INTID_VTIMER 27
#define HANDLERS     64

static vaddr_t distributor, redistributor;
static struct {
    paddr_t doorbell;
    uint32_t base, count, used;
} v2m;
static struct {
    void (*run)(void *);
    void *arg;
} handlers[HANDLERS]; /* of the v2m frame's interrupts, from its first on */

static void v2m_attach(void)
{
    struct fdt_node node = fdt_compatible("arm,gic-v2m-frame");
    uint64_t address, size;
    uint32_t typer;

    if (!node.at || !fdt_reg(&node, 0, &address, &size)) {
        kprintf("agintc0: no v2m frame: virtio is polled\n");
        return;
    }
    v2m.doorbell = address + V2M_MSI_SETSPI;
    typer = mmio_read32(pmap_device(address, size) + V2M_MSI_TYPER);
    v2m.base = fdt_cell(&node, "arm,msi-base-spi", typer >> 16 & 0x3ff);
    v2m.count = fdt_cell(&node, "arm,msi-num-spis", typer & 0x3ff);
    kprintf("ampintcmsi0: INTID %u to %u\n", v2m.base, v2m.base + v2m.count - 1);
}

void gic_attach(void)
{
    struct fdt_node node = fdt_compatible("arm,gic-v3");
    uint64_t d, d_size, r, r_size;

    if (!node.at || !fdt_reg(&node, 0, &d, &d_size) || !fdt_reg(&node, 1, &r, &r_size))
        panic("no GICv3 in the device tree");
    distributor = pmap_device(d, d_size);
    redistributor = pmap_device(r, 0x20000);
    mmio_write32(distributor + GICD_CTLR, 0x12); /* affinity routing, group 1 */
    mmio_write32(redistributor + GICR_WAKER, 0);
    while (mmio_read32(redistributor + GICR_WAKER) & WAKER_ASLEEP)
        ;
    mmio_write32(redistributor + GICR_SGI_FRAME + GICD_IGROUPR, UINT32_MAX);
    mmio_write32(redistributor + GICR_SGI_FRAME + GICD_ISENABLER, 1u << INTID_VTIMER);
    set_icc(ICC_SRE_EL1, 7);
    isb();
    set_icc(ICC_PMR_EL1, 0xff);
    set_icc(ICC_IGRPEN1_EL1, 1);
    isb();
    kprintf("agintc0: GICv3 at 0x%lx\n", d);
    if (!bootarg_is("intr", "poll"))
        v2m_attach();
}

int gic_msi_allocate(unsigned count, paddr_t *address, uint32_t *data)
{
    if (v2m.used + count > MIN(v2m.count, HANDLERS))
        return ENXIO;
    *address = v2m.doorbell;
    *data = v2m.base + v2m.used;
    v2m.used += count;
    return 0;
}

void gic_msi_establish(uint32_t intid, void (*handler)(void *), void *arg)
{
    vaddr_t word = distributor + intid / 32 * 4, config = distributor + GICD_ICFGR + intid / 16 * 4;
    uint32_t bit = 1u << intid % 32;

    handlers[intid - v2m.base].run = handler;
    handlers[intid - v2m.base].arg = arg;
    mmio_write32(word + GICD_IGROUPR, mmio_read32(word + GICD_IGROUPR) | bit);
    mmio_write32(config, mmio_read32(config) | 2u << intid % 16 * 2); /* edge */
    mmio_write64(distributor + GICD_IROUTER + 8 * intid, read_sysreg(mpidr_el1) & 0xffffff);
    mmio_write32(word + GICD_ISENABLER, bit);
}

void gic_interrupt(void)
{
    for (;;) {
        uint32_t intid = (uint32_t)get_icc(ICC_IAR1_EL1);

        dsb(sy);
        if (intid >= 1020)
            return;
        if (intid == INTID_VTIMER)
            write_sysreg(cntv_ctl_el0, 0);
        else if (intid >= v2m.base && intid - v2m.base < v2m.used && handlers[intid - v2m.base].run)
            handlers[intid - v2m.base].run(handlers[intid - v2m.base].arg);
        set_icc(ICC_EOIR1_EL1, intid);
        isb();
    }
}

void gic_idle(void)
{
    write_sysreg(cntv_tval_el0, read_sysreg(cntfrq_el0) / 10);
    write_sysreg(cntv_ctl_el0, 1);
    isb();
    __asm__ volatile("dsb sy; wfi" : : : "memory"); /* masked: it is only woken up */
    __asm__ volatile("msr daifclr, #2; isb; msr daifset, #2" : : : "memory");
    write_sysreg(cntv_ctl_el0, 0);
}
