/* SPDX-License-Identifier: ISC */
/*
 * A machine in the middle of its work, to be saved and to go on elsewhere: a second CPU that counts
 * timer interrupts, input that nobody has read, a disk and an entropy source at work.
 *
 * It says "ready" when there is input to read, and goes on when the power button is pressed.
 */
#include "machine.h"

#define SECTOR  512
#define SECTORS 8

static volatile uint64_t ticks;

void guest_exception(struct frame *f)
{
    unsigned intid;

    if (f->vector != VECTOR_IRQ) {
        put_value("FAIL unexpected exception, esr", f->esr);
        put_value("elr", f->elr);
        psci(false, PSCI_SYSTEM_OFF, 0, 0, 0);
    }
    intid = gic_acknowledge();
    if (intid == INTID_VTIMER) {
        write_sysreg(cntv_tval_el0, read_sysreg(cntfrq_el0) / 1000);
        ticks++;
    }
    isb();
    gic_end(intid);
}

static void count(uint64_t unused)
{
    gic_init();
    gic_enable(INTID_VTIMER);
    write_sysreg(cntv_tval_el0, 1);
    write_sysreg(cntv_ctl_el0, 1);
    irq_unmask();
    for (;;)
        wfi();
}

static struct virtio disk, rng;
static struct virtio_ring disk_ring, rng_ring;
static struct {
    uint32_t type, reserved;
    uint64_t sector;
} header;
static uint64_t data[SECTORS * SECTOR / 8];
static uint8_t status, entropy[32];

static void transfer(bool write, uint64_t sector)
{
    const struct virtio_part parts[] = {
        {&header, sizeof(header), false}, {data, sizeof(data), !write}, {&status, 1, true}};

    header.type = write;
    header.sector = sector;
    *(volatile uint8_t *)&status = 0xff;
    virtio_submit(&disk, 0, &disk_ring, parts, 3);
    virtio_await(&disk_ring);
    expect("the disk's status", *(volatile uint8_t *)&status, 0);
}

static void fill(uint64_t seed)
{
    for (unsigned i = 0; i < sizeof(data) / sizeof(data[0]); i++)
        data[i] = seed * 1000003 + i;
}

static void check(uint64_t seed)
{
    for (unsigned i = 0; i < sizeof(data) / sizeof(data[0]); i++)
        if (((volatile uint64_t *)data)[i] != seed * 1000003 + i) {
            expect("what the disk has", data[i], seed * 1000003 + i);
            return;
        }
}

static void round_trip(uint64_t seed)
{
    const struct virtio_part part = {entropy, sizeof(entropy), true};

    fill(seed);
    transfer(true, seed * SECTORS);
    fill(0);
    transfer(false, seed * SECTORS);
    check(seed);
    virtio_submit(&rng, 0, &rng_ring, &part, 1);
    expect("bytes of entropy", virtio_await(&rng_ring), sizeof(entropy));
}

static void wait_ticks(uint64_t more)
{
    uint64_t until = ticks + more;

    while (ticks < until)
        ;
}

int main(void)
{
    uint64_t before, counter;

    write32(UART + 0x2c, 0x70); /* LCR_H: 8 bits, FIFO */
    gic_init();
    if (!virtio_open(&disk, 2) || !virtio_open(&rng, 4)) {
        put_text("FAIL no disk or no entropy\n");
        return 1;
    }
    virtio_queue(&disk, 0, &disk_ring, 0xffff);
    virtio_driver_ok(&disk);
    virtio_queue(&rng, 0, &rng_ring, 0xffff);
    virtio_driver_ok(&rng);
    expect("CPU_ON", secondary_start(1, count, 0), 0);
    round_trip(1);
    wait_ticks(5);
    put_text("input?\n");
    while (!uart_has_input())
        ;
    wait_ticks(5);
    put_text("ready\n");
    before = ticks;
    counter = read_sysreg(cntvct_el0);
    while (read32(GPIO + (1 << 6 << 2)) == 0)
        ;
    put_text("read: ");
    while (uart_has_input())
        put_char(uart_get());
    put_char('\n');
    expect("the counter goes on", read_sysreg(cntvct_el0) > counter, 1);
    expect("and by less than a minute",
           read_sysreg(cntvct_el0) - counter < 60 * read_sysreg(cntfrq_el0), 1);
    wait_ticks(5);
    expect("ticks go on", ticks > before, 1);
    fill(0);
    transfer(false, SECTORS); /* what was written before */
    check(1);
    for (uint64_t i = 2; i < 10; i++)
        round_trip(i);
    put_text("done\n");
    return 0;
}
