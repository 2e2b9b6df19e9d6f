/* SPDX-License-Identifier: ISC */
/*
 * Interrupts from the machine's devices: the UART, the power button, the clock's alarm, and MSI-X
 * from a virtio device. It says "input?" and "button?" when it waits for those. (Timers, SGIs and
 * the interrupt controller itself: guest/conformance/.)
 *
 * With the argument "reset" it asks "boot?": told 1, it resets while the virtual timer's output is
 * high; told anything else, it looks for what is left of that.
 */
#include "machine.h"

void guest_exception(struct frame *f)
{
    put_value("FAIL unexpected exception, esr", f->esr);
    put_value("elr", f->elr);
    psci(false, PSCI_SYSTEM_OFF, 0, 0, 0);
}

static void uart(void)
{
    gic_enable(INTID_UART);
    write32(UART + 0x2c, 0x70); /* LCR_H: 8 bits, FIFO */
    write32(UART + 0x30, 0x301);
    write32(UART + 0x38, 0x50); /* IMSC: receive, receive time-out */
    put_text("input?\n");
    expect("the UART's interrupt", irq_wait(), INTID_UART);
    expect("UARTMIS", (read32(UART + 0x40) & 0x50) != 0, 1);
    expect("what was typed", (uint64_t)uart_get(), 'x');
    write32(UART + 0x44, 0x7ff);
    write32(UART + 0x38, 0);
    gic_end(INTID_UART);
    expect("UARTMIS", read32(UART + 0x40), 0);
}

static void button(void)
{
    gic_enable(INTID_GPIO);
    write32(GPIO + 0x404, 0);      /* edge */
    write32(GPIO + 0x408, 0);      /* one */
    write32(GPIO + 0x40c, 1 << 6); /* rising */
    write32(GPIO + 0x410, 1 << 6);
    put_text("button?\n");
    expect("the button's interrupt", irq_wait(), INTID_GPIO);
    expect("GPIOMIS", read32(GPIO + 0x418), 1 << 6);
    write32(GPIO + 0x41c, 1 << 6);
    expect("GPIOMIS", read32(GPIO + 0x418), 0);
    gic_end(INTID_GPIO);
    while (read32(GPIO + (1 << 6 << 2)) != 0) /* until it is released, by itself */
        ;
    expect("no interrupt at release", gic_acknowledge(), 1023);
    write32(GPIO + 0x410, 0);
}

static void rtc(void)
{
    uint32_t now = read32(RTC);

    gic_enable(INTID_RTC);
    write32(RTC + 0x04, now + 1);
    write32(RTC + 0x10, 1);
    expect("the alarm's interrupt", irq_wait(), INTID_RTC);
    expect("the alarm's time", read32(RTC) >= now + 1, 1);
    expect("RTCMIS", read32(RTC + 0x18), 1);
    write32(RTC + 0x1c, 1);
    expect("RTCMIS", read32(RTC + 0x18), 0);
    gic_end(INTID_RTC);
}

static struct virtio_ring ring;
static uint8_t entropy[64] __attribute__((aligned(8)));

static void msi(void)
{
    const struct virtio_part part = {entropy, sizeof(entropy), true};
    struct virtio dev;
    unsigned sum = 0;

    if (!virtio_open(&dev, 4)) {
        put_text("FAIL no entropy device\n");
        return;
    }
    virtio_msix(&dev, 0, INTID_MSI + 9);
    /* MSIs are edges (GICD_ICFGR). */
    write32(GICD + 0xc00 + (INTID_MSI + 9) / 16 * 4, UINT32_C(2) << 2 * ((INTID_MSI + 9) % 16));
    gic_enable(INTID_MSI + 9);
    virtio_queue(&dev, 0, &ring, 0);
    virtio_driver_ok(&dev);
    for (int i = 0; i < 20; i++) {
        virtio_submit(&dev, 0, &ring, &part, 1);
        expect("the message's interrupt", irq_wait(), INTID_MSI + 9);
        gic_end(INTID_MSI + 9);
        expect("bytes of entropy", virtio_await(&ring), sizeof(entropy));
    }
    for (unsigned i = 0; i < sizeof(entropy); i++)
        sum |= entropy[i];
    expect("entropy", sum != 0, 1);
    expect("nothing more", gic_acknowledge(), 1023);
}

/* A reset switches the timers off (D11.2.4), and their wires are low. */
static void reset_lowers_wires(void)
{
    uint64_t pending = GICR + 0x10200; /* GICR_ISPENDR0 */

    put_text("boot?\n");
    if (uart_get() == '1') {
        write_sysreg(cntv_cval_el0, 0);
        write_sysreg(cntv_ctl_el0, 1);
        isb();
        while (!(read32(pending) & UINT32_C(1) << INTID_VTIMER))
            ;
        psci(false, PSCI_SYSTEM_RESET, 0, 0, 0);
    }
    gic_init();
    gic_enable(INTID_VTIMER);
    gic_enable(INTID_PTIMER);
    expect("CNTV_CTL_EL0.ENABLE", read_sysreg(cntv_ctl_el0) & 1, 0);
    expect("GICR_ISPENDR0 after a reset", read32(pending), 0);
    expect("an interrupt after a reset", gic_acknowledge(), 1023);
    put_text("done\n");
}

int main(void)
{
    if (guest_argument()[0] == 'r') {
        reset_lowers_wires();
        return 0;
    }
    gic_init();
    expect("a spurious interrupt", gic_acknowledge(), 1023);
    uart();
    button();
    rtc();
    msi();
    put_text("done\n");
    return 0;
}
