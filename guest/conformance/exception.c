/* SPDX-License-Identifier: ISC */
/* Synchronous exceptions, and EL0. */
#include "conformance.h"

#define VECTOR_SYNC_USER 0x400
#define NOWHERE          UINT64_C(0x00200000) /* below every device */
#define FAR_AWAY         UINT64_C(0xff0000000)

void exception_kinds(void)
{
    uint64_t here;

    mmu_on();
    traps_begin();
    __asm__ volatile("svc #0x1234");
    expect_trap("SVC", EC_SVC);
    expect("its immediate", trap.esr & 0xffff, 0x1234);
    expect("its vector", trap.vector, VECTOR_SYNC);
    __asm__ volatile("adr %0, 1f\n 1: brk #0x4321" : "=r"(here));
    expect_trap("BRK", EC_BRK);
    expect("its immediate", trap.esr & 0xffff, 0x4321);
    expect("ELR_EL1 is the BRK", trap.elr, here);
    __asm__ volatile("adr %0, 1f\n 1: udf #0" : "=r"(here));
    expect_trap("UDF", EC_UNKNOWN);
    expect("ELR_EL1 is the UDF", trap.elr, here);
    __asm__ volatile(".inst 0xd53ffd00" : : : "x0", "memory"); /* a register that no CPU has */
    expect_trap("a system register that is not there", EC_UNKNOWN);
    ((void (*)(void))((uint64_t)exception_user + 2))();
    expect_trap("a PC that is not aligned", EC_PC);
    expect("FAR_EL1", trap.far, (uint64_t)exception_user + 2);
    __asm__ volatile("msr nzcv, %0; svc #0" : : "r"(UINT64_C(0xa0000000)) : "cc");
    expect_trap("SVC", EC_SVC);
    expect("the flags in SPSR_EL1", trap.spsr & 0xf0000000, 0xa0000000);
    expect("the mode in SPSR_EL1", trap.spsr & 0x1f, 5);
    /* ERET to a state that is not there (AArch32 at EL1) sets PSTATE.IL. */
    __asm__ volatile("adr %0, 1f\n msr elr_el1, %0\n msr spsr_el1, %1\n isb\n eret\n 1: nop"
                     : "=&r"(here)
                     : "r"(UINT64_C(0x3c0 | 0x10 | 0x3))
                     : "memory");
    expect_trap("an illegal return", EC_ILLEGAL);
    traps_end();
}

/* --- EL0 --- */

#define USER_CODE (UINT64_C(5) << 30)
#define USER_DATA (USER_CODE + 4096)

static uint32_t code[1024] __attribute__((aligned(4096)));
static uint64_t data[512] __attribute__((aligned(4096)));

enum {
    SVC_7 = 0xd40000e1,
    LDR = 0xf9400001,       /* ldr x1, [x0] */
    STR = 0xf9000000,       /* str x0, [x0] */
    MRS_SCTLR = 0xd5381001, /* mrs x1, sctlr_el1 */
    MSR_DAIFSET = 0xd5034fdf,
    MRS_CTR = 0xd53b0021,
    LOOP = 0x14000000, /* b . */
};

/* Two words at EL0. */
static void user(uint32_t first, uint32_t second, uint64_t argument)
{
    ((volatile uint32_t *)code)[0] = first;
    ((volatile uint32_t *)code)[1] = second;
    __asm__ volatile("dc cvau, %0; dsb ish; ic ialluis; dsb ish; isb" : : "r"(code) : "memory");
    user_call(USER_CODE, argument);
}

void exception_user(void)
{
    uint64_t when;

    gic_init();
    gic_enable(INTID_VTIMER);
    mmu_on();
    mmu_map(USER_CODE, (uint64_t)code | PTE_PAGE | PTE_AF | PTE_NORMAL | PTE_USER | PTE_RO);
    mmu_map(USER_DATA, (uint64_t)data | PTE_PAGE | PTE_AF | PTE_NORMAL | PTE_USER | PTE_UXN);
    data[3] = 33;
    traps_begin();
    user(SVC_7, SVC_7, 0);
    expect_trap("SVC from EL0", EC_SVC);
    expect("its immediate", trap.esr & 0xffff, 7);
    expect("its vector", trap.vector, VECTOR_SYNC_USER);
    expect("ELR_EL1", trap.elr, USER_CODE + 4);
    expect("SPSR_EL1's mode", trap.spsr & 0x1f, 0);
    user(STR, SVC_7, USER_DATA + 24);
    expect_trap("a store from EL0", EC_SVC);
    expect("what EL0 stored", ((volatile uint64_t *)data)[3], USER_DATA + 24);
    user(STR, SVC_7, USER_CODE);
    expect_abort("a store to what EL0 may only read", FSC_PERMISSION(3), USER_CODE, true);
    user(LDR, SVC_7, (uint64_t)data);
    expect_abort("a load of what is not EL0's", FSC_PERMISSION(1), (uint64_t)data, false);
    user(MRS_SCTLR, SVC_7, 0);
    expect("SCTLR_EL1 from EL0", trap.count, 1);
    expect("its class", trap.esr >> 26 == EC_UNKNOWN || trap.esr >> 26 == EC_SYSREG, 1);
    trap.count = 0;
    user(MSR_DAIFSET, SVC_7, 0);
    expect_trap("DAIF from EL0", EC_SYSREG);
    user(MRS_CTR, SVC_7, 0);
    expect_trap("CTR_EL0 from EL0, trapped", EC_SYSREG);
    write_sysreg(sctlr_el1, read_sysreg(sctlr_el1) | 1 << 15);
    isb();
    user(MRS_CTR, SVC_7, 0);
    expect_trap("CTR_EL0 from EL0", EC_SVC);
    user_call(USER_DATA, 0);
    expect_trap("code that EL0 may not run", EC_IABT_LOWER);
    /* An interrupt takes EL0 out of a loop. */
    taken[0] = 0;
    when = read_sysreg(cntvct_el0) + read_sysreg(cntfrq_el0) / 500;
    write_sysreg(cntv_cval_el0, when);
    write_sysreg(cntv_ctl_el0, 1);
    isb();
    while (!taken[0])
        user(LOOP, LOOP, 0);
    expect("an interrupt of EL0", taken[0], INTID_VTIMER);
    expect("not early", read_sysreg(cntvct_el0) >= when, 1);
    traps_end();
}

/* --- */

static void nowhere_at(uint64_t address)
{
    uint64_t x;

    read8(address);
    expect_abort("a load of a byte", FSC_EXTERNAL, address, false);
    read64(address + 8);
    expect_abort("a load of a doubleword", FSC_EXTERNAL, address + 8, false);
    write16(address + 2, 1);
    expect_abort("a store of a halfword", FSC_EXTERNAL, address + 2, true);
    write64(address, 1);
    expect_abort("a store of a doubleword", FSC_EXTERNAL, address, true);
    __asm__ volatile("ldp %0, xzr, [%1]" : "=&r"(x) : "r"(address) : "memory");
    expect_abort("a load of a pair", FSC_EXTERNAL, address, false);
    __asm__ volatile("stp xzr, xzr, [%0]" : : "r"(address) : "memory");
    expect_abort("a store of a pair", FSC_EXTERNAL, address, true);
    __asm__ volatile("str q0, [%0]" : : "r"(address) : "memory");
    expect_abort("a store of a vector", FSC_EXTERNAL, address, true);
}

/* With the MMU off. Fetches: an engine may have the instruction abort as external or not tell the
 * two apart, but it is an instruction abort, at its address. */
void exception_nowhere(void)
{
    traps_begin();
    nowhere_at(NOWHERE);
    nowhere_at(FAR_AWAY);
    ((void (*)(void))NOWHERE)();
    expect_trap("a fetch from nowhere", EC_IABT);
    expect("FSC", trap.esr & 0x3f, FSC_EXTERNAL);
    expect("FAR_EL1", trap.far, NOWHERE);
    traps_end();
}
