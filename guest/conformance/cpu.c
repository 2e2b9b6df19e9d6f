/* SPDX-License-Identifier: ISC */
/* What the CPU says that it is, what EL1 can have trapped, and maintenance. */
#include "conformance.h"

/* clang-format off */
#define ID_REGISTERS(X) \
    X(midr_el1) X(revidr_el1) X(id_aa64pfr0_el1) X(id_aa64pfr1_el1) X(id_aa64dfr0_el1) \
    X(id_aa64dfr1_el1) X(id_aa64afr0_el1) X(id_aa64isar0_el1) X(id_aa64isar1_el1) \
    X(id_aa64mmfr0_el1) X(id_aa64mmfr1_el1) X(id_aa64mmfr2_el1) X(S3_0_C0_C4_2) X(S3_0_C0_C4_4) \
    X(S3_0_C0_C6_2) X(S3_0_C0_C7_7) X(id_pfr0_el1) X(id_isar0_el1) X(id_mmfr0_el1) X(mvfr0_el1) \
    X(ctr_el0) X(dczid_el0) X(clidr_el1) X(cntfrq_el0)
/* clang-format on */
#define ID_COUNT 24

static uint64_t identity[4][ID_COUNT];
static volatile uint64_t finished;

static void identify(uint64_t cpu)
{
    uint64_t *to = identity[cpu];

#define X(name) *to++ = read_sysreg(name);
    ID_REGISTERS(X)
#undef X
}

static void second_identify(uint64_t cpu)
{
    identify(cpu);
    expect("MPIDR_EL1", read_sysreg(mpidr_el1) & 0xff00ffffff, cpu);
    finished++;
    psci(false, PSCI_CPU_OFF, 0, 0, 0);
}

void cpu_identity(void)
{
    static const char *const names[] = {
#define X(name) #name,
        ID_REGISTERS(X)
#undef X
    };
    uint64_t granules;

    identify(0);
    for (unsigned i = 1; i < 4; i++) {
        expect("CPU_ON", secondary_start(i, second_identify, i), 0);
        while (finished != i)
            ;
        for (unsigned n = 0; n < ID_COUNT; n++)
            expect(names[n], identity[i][n], identity[0][n]);
    }
    expect("EL0 in AArch64", (read_sysreg(id_aa64pfr0_el1) & 15) != 0, 1);
    expect("EL1 in AArch64", (read_sysreg(id_aa64pfr0_el1) >> 4 & 15) != 0, 1);
    expect("the GIC's system registers", (read_sysreg(id_aa64pfr0_el1) >> 24 & 15) != 0, 1);
    granules = read_sysreg(id_aa64mmfr0_el1);
    expect("pages of 4 KiB", (granules >> 28 & 15) == 0 || (granules >> 28 & 15) == 1, 1);
    expect("a counter that counts", read_sysreg(cntfrq_el0) >= 1000000, 1);
}

/* --- */

#define USER_CODE (UINT64_C(7) << 30)

static uint32_t code[1024] __attribute__((aligned(4096)));

enum {
    WFI = 0xd503207f,
    DC_CIVAC = 0xd50b7e20, /* dc civac, x0 */
    SVC = 0xd4000001,
};

static void user(uint32_t word)
{
    ((volatile uint32_t *)code)[0] = word;
    ((volatile uint32_t *)code)[1] = SVC;
    __asm__ volatile("dc cvau, %0; dsb ish; ic ialluis; dsb ish; isb" : : "r"(code) : "memory");
    user_call(USER_CODE, USER_CODE);
}

static void set_sctlr(uint64_t bits, bool on)
{
    uint64_t value = read_sysreg(sctlr_el1);

    write_sysreg(sctlr_el1, on ? value | bits : value & ~bits);
    isb();
}

void exception_trapped(void)
{
    static uint64_t words[2];

    mmu_on();
    mmu_map(USER_CODE, (uint64_t)code | PTE_PAGE | PTE_AF | PTE_NORMAL | PTE_USER | PTE_RO);
    traps_begin();
    write_sysreg(cpacr_el1, 0);
    isb();
    __asm__ volatile("fmov d0, xzr" : : : "memory");
    expect_trap("floating point", 0x07);
    write_sysreg(cpacr_el1, 3 << 20);
    isb();
    __asm__ volatile("fmov d0, xzr" : : : "memory");
    expect_no_trap("floating point that is not trapped");
    set_sctlr(1 << 1, true);
    read32((uint64_t)words + 2);
    expect_abort("alignment", FSC_ALIGNMENT, (uint64_t)words + 2, false);
    set_sctlr(1 << 1, false);
    read32((uint64_t)words + 2);
    expect_no_trap("alignment that is not checked");
    user(DC_CIVAC);
    expect_trap("DC CIVAC of EL0", EC_SYSREG);
    set_sctlr(1 << 26, true);
    user(DC_CIVAC);
    expect_trap("DC CIVAC of EL0 that is not trapped", EC_SVC);
    user(WFI);
    expect_trap("WFI of EL0", 0x01);
    traps_end();
}

/* --- */

static uint8_t block[4096] __attribute__((aligned(4096)));

void cpu_maintenance(void)
{
    uint64_t at = (uint64_t)block, dczid = read_sysreg(dczid_el0);

    mmu_on();
    for (unsigned i = 0; i < sizeof(block); i++)
        *(volatile uint8_t *)&block[i] = 0xa5;
    if (!(dczid & 16)) {
        uint64_t size = UINT64_C(4) << (dczid & 15);

        __asm__ volatile("dc zva, %0" : : "r"(at + size + 5) : "memory");
        expect("before DC ZVA's block", *(volatile uint8_t *)(at + size - 1), 0xa5);
        expect("DC ZVA's block", read64(at + size), 0);
        expect("its end", *(volatile uint8_t *)(at + 2 * size - 1), 0);
        expect("after it", *(volatile uint8_t *)(at + 2 * size), 0xa5);
    }
    __asm__ volatile("dc cvac, %0; dc civac, %0; dc ivac, %0; dc cvau, %0; ic ivau, %0; ic iallu\n"
                     "dsb sy; isb"
                     :
                     : "r"(at + 2048)
                     : "memory");
    __asm__ volatile("dc isw, %0; dc csw, %0; dc cisw, %0; dsb sy" : : "r"(UINT64_C(0)) : "memory");
    __asm__ volatile("tlbi vmalle1; tlbi vmalle1is; tlbi aside1, %0; tlbi vale1is, %0; dsb sy; isb"
                     :
                     : "r"(UINT64_C(0))
                     : "memory");
    expect("memory after all that", *(volatile uint8_t *)(at + 2048), 0xa5);
}
