/* SPDX-License-Identifier: ISC */
/*
 * From the first line with the MMU on to power-off: consoles, interrupts, PCI, a driver for each
 * virtio device, and then what each driver can show. Lines "ok ..." and "FAIL ..." are for tests;
 * the last line is "done".
 */
#include "fdt.h"
#include "pmap.h"
#include "virtio.h"

void main(void);

static const struct driver {
    unsigned type;
    const char *names[4];
    void (*attach)(struct virtio_softc *vsc);
} drivers[] = {
    {VIRTIO_ID_NET, {"vio0", "vio1", "vio2", "vio3"}, vio_attach},
    {VIRTIO_ID_BLOCK, {"vioblk0", "vioblk1", "vioblk2", "vioblk3"}, vioblk_attach},
    {VIRTIO_ID_CONSOLE, {"viocon0"}, viocon_attach},
    {VIRTIO_ID_ENTROPY, {"viornd0"}, viornd_attach},
    {VIRTIO_ID_GPU, {"viogpu0"}, viogpu_attach},
};

uint64_t psci(uint64_t function)
{
    struct fdt_node node = fdt_compatible("arm,psci-0.2");
    const char *method = fdt_property(&node, "method", NULL);
    register uint64_t x0 __asm__("x0") = function;

    if (method && method[0] == 's')
        __asm__ volatile("smc #0" : "+r"(x0) : : "x1", "x2", "x3", "memory");
    else
        __asm__ volatile("hvc #0" : "+r"(x0) : : "x1", "x2", "x3", "memory");
    return x0;
}

void power_off(void)
{
    psci(PSCI_SYSTEM_OFF);
    for (;;)
        __asm__ volatile("wfi");
}

uint64_t microtime(void)
{
    isb();
    return read_sysreg(cntvct_el0) / (read_sysreg(cntfrq_el0) / 1000000);
}

static void attach_device(struct pci_device *pci)
{
    static unsigned counts[nitems(drivers)];
    struct virtio_softc *vsc;
    unsigned type;

    kprintf("pci0: slot %u: %04x:%04x\n", pci->slot, pci->vendor, pci->product);
    vsc = kalloc(sizeof(*vsc));
    if (virtio_pci_attach(vsc, pci, &type))
        return;
    for (unsigned i = 0; i < nitems(drivers); i++) {
        if (drivers[i].type != type || counts[i] == nitems(drivers[i].names) ||
            !drivers[i].names[counts[i]])
            continue;
        vsc->name = drivers[i].names[counts[i]++];
        kprintf("%s at slot %u\n", vsc->name, pci->slot);
        drivers[i].attach(vsc);
    }
}

void main(void)
{
    pmap_init(boot_info.kernel);
    fdt_init(pmap_direct(boot_info.fdt));
    pmap_user_init();
    __asm__ volatile("msr daifclr, #4"); /* SError: at once, not when EL0 is entered */
    kprintf("kernel: image at 0x%lx, pa 0x%lx, \"%s\"\n", (uint64_t)image_start, boot_info.image,
            fdt_bootargs());
    pl011_attach();
    gic_attach();
    pci_attach(attach_device);
    viornd_test();
    vioblk_test();
    viocon_test();
    vio_test();
    viogpu_test();
    kprintf("done\n");
    power_off();
}
