/* SPDX-License-Identifier: ISC */
/*
 * Accesses to addresses where nothing is: loads, stores, instruction fetches and table walks end in
 * external aborts with the right syndrome (Arm ARM D17.2.37); holes inside of windows read as their
 * fill.
 */
#include "machine.h"

#define NOWHERE  UINT64_C(0x00200000) /* below every device */
#define FAR_AWAY UINT64_C(0xff0000000)
#define TOO_FAR  (UINT64_C(1) << 50)

#define EC_IABT              UINT64_C(0x21)
#define EC_DABT              UINT64_C(0x25)
#define IL                   (UINT64_C(1) << 25)
#define WNR                  (UINT64_C(1) << 6)
#define FSC_ADDRESS_SIZE     0x00 /* level 0 */
#define FSC_EXTERNAL         0x10 /* synchronous external abort, not on a walk */
#define FSC_EXTERNAL_WALK(l) (0x14 + (l))

static volatile uint64_t esr, far, elr;
static void (*volatile recover)(void);

void guest_exception(struct frame *f)
{
    esr = f->esr;
    far = f->far;
    elr = f->elr;
    if (f->vector != VECTOR_SYNC) {
        put_value("FAIL vector", f->vector);
        psci(false, PSCI_SYSTEM_OFF, 0, 0, 0);
    }
    if (f->esr >> 26 == EC_IABT) /* return to the caller of the function that is not there */
        f->elr = f->x[30];
    else
        f->elr += 4;
}

static void clear(void)
{
    esr = far = elr = 0;
}

/* ISS.{FnV, EA, S1PTW, FSC, WnR} of a data abort; the syndrome's validity bits are not promised at
 * EL1. */
static void check_data(const char *what, uint64_t address, bool write)
{
    expect(what, esr >> 26, EC_DABT);
    expect("IL", esr & IL, IL);
    expect("FSC", esr & 0x3f, FSC_EXTERNAL);
    expect("WnR", (esr & WNR) != 0, write);
    expect("FAR_EL1", far, address);
    clear();
}

static void data(void)
{
    uint64_t x, y;

    read8(NOWHERE);
    check_data("a load of a byte", NOWHERE, false);
    read64(NOWHERE + 8);
    check_data("a load of a doubleword", NOWHERE + 8, false);
    write16(NOWHERE + 2, 1);
    check_data("a store of a halfword", NOWHERE + 2, true);
    write64(NOWHERE, 1);
    check_data("a store of a doubleword", NOWHERE, true);
    __asm__ volatile("ldp %0, %1, [%2]" : "=&r"(x), "=&r"(y) : "r"(NOWHERE));
    check_data("a load of a pair", NOWHERE, false);
    __asm__ volatile("stp %0, %0, [%1]" : : "r"(x), "r"(NOWHERE));
    check_data("a store of a pair", NOWHERE, true);
    read32(RAM_BASE - 4);
    clear(); /* the I/O window's end, or nothing: either is fine, but no more than an abort */
    read32(FAR_AWAY);
    check_data("a load far away", FAR_AWAY, false);
    read32(TOO_FAR); /* the MMU is off, so this is a physical address that the CPU does not have */
    expect("a load too far away", esr & 0x3f, FSC_ADDRESS_SIZE);
    clear();
}

static void fetches(void)
{
    ((void (*)(void))NOWHERE)();
    expect("a fetch from nowhere", esr >> 26, EC_IABT);
    expect("FSC", esr & 0x3f, FSC_EXTERNAL);
    expect("FAR_EL1", far, NOWHERE);
    expect("ELR_EL1", elr, NOWHERE);
    clear();
    ((void (*)(void))UART)();
    expect("a fetch from a device", esr >> 26, EC_IABT);
    expect("FSC", esr & 0x3f, FSC_EXTERNAL);
    expect("FAR_EL1", far, UART);
    clear();
}

static void holes(void)
{
    expect("an absent function", read32(ECAM + 31 * 0x8000), UINT32_MAX);
    expect("PCI memory that nobody claims", read32(PCI_MEM32 + 0x10000000), UINT32_MAX);
    expect("a register that the GIC does not have", read32(GICD + 0xf000), 0);
    write32(ECAM + 31 * 0x8000, 1);
    write32(PCI_MEM32 + 0x10000000, 1);
    write32(GICD + 0xf000, 1);
    expect("no abort in a hole", esr, 0);
}

/* --- table walks: 4 KiB granule, 39-bit TTBR0, so that walks begin at level 1 --- */

static uint64_t level1[512] __attribute__((aligned(4096)));
static uint64_t level2[512] __attribute__((aligned(4096)));

#define BLOCK(pa, attr) ((pa) | (attr) << 2 | 3 << 8 | 1 << 10 | 1)
#define TABLE(pa)       ((pa) | 3)

static void translation_on(void)
{
    /* RAM's gigabytes and the devices' one to one; all Device, as the guest's code expects. */
    for (uint64_t i = 0; i < 3; i++)
        level1[i] = BLOCK(i << 30, UINT64_C(0));
    level1[8] = TABLE(NOWHERE); /* a table that is nowhere */
    level1[9] = TABLE((uint64_t)level2);
    level2[0] = TABLE(NOWHERE);
    dsb();
    write_sysreg(mair_el1, 0);
    write_sysreg(tcr_el1, 25 | UINT64_C(1) << 23 | UINT64_C(5) << 32);
    write_sysreg(ttbr0_el1, level1);
    isb();
    __asm__ volatile("tlbi vmalle1; dsb sy; isb" : : : "memory");
    write_sysreg(sctlr_el1, read_sysreg(sctlr_el1) | 1);
    isb();
}

static void check_walk(const char *what, uint64_t address, unsigned level)
{
    expect(what, esr >> 26, EC_DABT);
    expect("FSC", esr & 0x3f, FSC_EXTERNAL_WALK(level));
    expect("FAR_EL1", far, address);
    clear();
}

static void walks(void)
{
    translation_on();
    read32(UINT64_C(8) << 30);
    check_walk("a walk with level 2 nowhere", UINT64_C(8) << 30, 2);
    read32(UINT64_C(9) << 30);
    check_walk("a walk with level 3 nowhere", UINT64_C(9) << 30, 3);
    __asm__ volatile("at s1e1r, %0; isb" : : "r"(UINT64_C(8) << 30) : "memory");
    if (esr) /* AT may report in PAR_EL1 or take the abort (D8.3: an external abort on AT's walk) */
        check_walk("AT with level 2 nowhere", UINT64_C(8) << 30, 2);
    else
        expect("PAR_EL1", read_sysreg(par_el1) & 0x7f, (FSC_EXTERNAL_WALK(2) << 1) | 1);
    write_sysreg(ttbr0_el1, level1);
    write_sysreg(sctlr_el1, read_sysreg(sctlr_el1) & ~UINT64_C(1));
    isb();
}

int main(void)
{
    data();
    fetches();
    holes();
    walks();
    put_text("done\n");
    return 0;
}
