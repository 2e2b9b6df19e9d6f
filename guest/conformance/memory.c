/* SPDX-License-Identifier: ISC */
/* RAM: widths, atomics, translation, code. */
#include "conformance.h"

static uint8_t page[8192] __attribute__((aligned(4096)));

#define LOAD(insn, reg, address)                                                                   \
    ({                                                                                             \
        uint64_t value_ = ~UINT64_C(0);                                                            \
        __asm__ volatile(insn " %" reg "0, [%1]" : "+r"(value_) : "r"(address) : "memory");        \
        value_;                                                                                    \
    })
#define STORE(insn, reg, value, address)                                                           \
    __asm__ volatile(insn " %" reg "0, [%1]" : : "r"((uint64_t)(value)), "r"(address) : "memory")

static void fill(void)
{
    for (unsigned i = 0; i < sizeof(page); i++)
        *(volatile uint8_t *)&page[i] = PROBE_BYTE(i);
}

/* At each alignment, and over the boundary of two pages. */
static void widths_at(uint64_t at, unsigned n)
{
    expect("LDRB", LOAD("ldrb", "w", at), probe_pattern(n, 1));
    expect("LDRH", LOAD("ldrh", "w", at), probe_pattern(n, 2));
    expect("LDR W", LOAD("ldr", "w", at), probe_pattern(n, 4));
    expect("LDR X", LOAD("ldr", "", at), probe_pattern(n, 8));
    expect("LDRSB X", LOAD("ldrsb", "", at), (uint64_t)(int8_t)probe_pattern(n, 1));
    expect("LDRSB W", LOAD("ldrsb", "w", at), (uint32_t)(int8_t)probe_pattern(n, 1));
    expect("LDRSH X", LOAD("ldrsh", "", at), (uint64_t)(int16_t)probe_pattern(n, 2));
    expect("LDRSH W", LOAD("ldrsh", "w", at), (uint32_t)(int16_t)probe_pattern(n, 2));
    expect("LDRSW", LOAD("ldrsw", "", at), (uint64_t)(int32_t)probe_pattern(n, 4));
}

static void pairs(uint64_t at)
{
    uint64_t a, b, base = at;

    __asm__ volatile("ldp %0, %1, [%2], #16" : "=&r"(a), "=&r"(b), "+r"(base) : : "memory");
    expect("LDP", a, probe_pattern(0, 8));
    expect("LDP", b, probe_pattern(8, 8));
    expect("LDP's writeback", base, at + 16);
    __asm__ volatile("ldpsw %0, %1, [%2, #-16]!" : "=&r"(a), "=&r"(b), "+r"(base) : : "memory");
    expect("LDPSW", a, (uint64_t)(int32_t)probe_pattern(0, 4));
    expect("LDPSW", b, (uint64_t)(int32_t)probe_pattern(4, 4));
    expect("LDPSW's writeback", base, at);
    __asm__ volatile("ldr q0, [%2]; mov %0, v0.d[0]; mov %1, v0.d[1]"
                     : "=&r"(a), "=&r"(b)
                     : "r"(at + 3)
                     : "v0", "memory");
    expect("LDR Q", a, probe_pattern(3, 8));
    expect("LDR Q", b, probe_pattern(11, 8));
    __asm__ volatile("str q0, [%0]" : : "r"(at + 4091) : "memory");
    expect("STR Q over two pages", LOAD("ldr", "", at + 4091), a);
    expect("STR Q over two pages", LOAD("ldr", "", at + 4099), b);
}

void memory_widths(void)
{
    uint64_t at = (uint64_t)page;

    mmu_on();
    fill();
    for (unsigned i = 0; i < 9; i++)
        widths_at(at + i, i);
    for (unsigned i = 4088; i < 4097; i++)
        widths_at(at + i, i);
    pairs(at);
    STORE("strb", "w", 0x1122334455667788, at);
    expect("STRB", LOAD("ldr", "", at), (probe_pattern(0, 8) & ~UINT64_C(0xff)) | 0x88);
    STORE("strh", "w", 0x1122334455667788, at + 1);
    expect("STRH", LOAD("ldr", "w", at), (probe_pattern(0, 4) & 0xff000000) | 0x778888);
    STORE("str", "w", 0x1122334455667788, at + 4093);
    expect("STR W over two pages", LOAD("ldr", "w", at + 4093), 0x55667788);
    STORE("str", "", 0x1122334455667788, at + 4090);
    expect("STR X over two pages", LOAD("ldr", "", at + 4090), 0x1122334455667788);
}

/* --- */

void memory_atomics(void)
{
    uint64_t at = (uint64_t)page, value, status, other;

    mmu_on();
    write64(at, 5);
    __asm__ volatile("ldxr %0, [%2]; add %0, %0, #1; stxr %w1, %0, [%2]"
                     : "=&r"(value), "=&r"(status)
                     : "r"(at)
                     : "memory");
    expect("STXR", status, 0);
    expect("what it stored", read64(at), 6);
    __asm__ volatile("ldxr %0, [%2]; clrex; stxr %w1, xzr, [%2]"
                     : "=&r"(value), "=&r"(status)
                     : "r"(at)
                     : "memory");
    expect("STXR after CLREX", status, 1);
    expect("nothing stored", read64(at), 6);
    write64(at + 8, 7);
    __asm__ volatile("ldaxp %0, %1, [%3]; stlxp %w2, %1, %0, [%3]"
                     : "=&r"(value), "=&r"(other), "=&r"(status)
                     : "r"(at)
                     : "memory");
    expect("STLXP", status, 0);
    expect("what it stored", read64(at) << 8 | read64(at + 8), 7 << 8 | 6);
    if ((read_sysreg(id_aa64isar0_el1) >> 20 & 15) < 2)
        return;
    write64(at, 0x10);
    __asm__ volatile(".arch_extension lse\n ldadd %1, %0, [%2]"
                     : "=&r"(value)
                     : "r"(UINT64_C(3)), "r"(at)
                     : "memory");
    expect("LDADD", value, 0x10);
    __asm__ volatile("swpal %1, %0, [%2]" : "=&r"(value) : "r"(UINT64_C(-1)), "r"(at) : "memory");
    expect("SWPAL", value, 0x13);
    __asm__ volatile("ldclrb %w1, %w0, [%2]" : "=&r"(value) : "r"(0x0f), "r"(at) : "memory");
    expect("LDCLRB", value, 0xff);
    expect("what it stored", read64(at), 0xfffffffffffffff0);
    __asm__ volatile("ldsmin %1, %0, [%2]" : "=&r"(value) : "r"(UINT64_C(5)), "r"(at) : "memory");
    expect("LDSMIN", read64(at), 0xfffffffffffffff0);
    value = 0xfffffffffffffff0;
    __asm__ volatile("cas %0, %1, [%2]" : "+r"(value) : "r"(UINT64_C(9)), "r"(at) : "memory");
    expect("CAS", read64(at), 9);
    value = 1;
    __asm__ volatile("cas %0, %1, [%2]" : "+r"(value) : "r"(UINT64_C(2)), "r"(at) : "memory");
    expect("a CAS that fails", value, 9);
    expect("a CAS that fails", read64(at), 9);
}

/* --- */

#define WINDOW    (UINT64_C(4) << 30)
#define PAGE_FLAG (PTE_PAGE | PTE_AF | PTE_NORMAL | PTE_UXN)

void memory_translation(void)
{
    uint64_t first = (uint64_t)page, second = first + 4096;

    mmu_on();
    fill();
    mmu_map(WINDOW, first | PAGE_FLAG);
    mmu_map(WINDOW + 4096, first | PAGE_FLAG);
    write64(WINDOW + 8, 0x123456789abcdef0);
    expect("another address of the page", read64(WINDOW + 4096 + 8), 0x123456789abcdef0);
    expect("the page itself", read64(first + 8), 0x123456789abcdef0);
    mmu_map(WINDOW, second | PAGE_FLAG);
    expect("a page that was mapped elsewhere", read64(WINDOW + 16), probe_pattern(4096 + 16, 8));
    traps_begin();
    mmu_map(WINDOW, first | PAGE_FLAG | PTE_RO);
    expect("a read of what is read-only", read64(WINDOW + 8), 0x123456789abcdef0);
    expect_no_trap("a read of what is read-only");
    write64(WINDOW + 8, 1);
    expect_abort("a write to what is read-only", FSC_PERMISSION(3), WINDOW + 8, true);
    expect("what is read-only", read64(first + 8), 0x123456789abcdef0);
    mmu_map(WINDOW, 0);
    read32(WINDOW + 4);
    expect_abort("a read of what is not mapped", FSC_TRANSLATION(3), WINDOW + 4, false);
    write8(WINDOW + 3, 1);
    expect_abort("a write to what is not mapped", FSC_TRANSLATION(3), WINDOW + 3, true);
    read64(UINT64_C(8) << 30);
    expect_abort("a read without a table", FSC_TRANSLATION(1), UINT64_C(8) << 30, false);
    /* The second half of an access that begins in a page that is there. */
    mmu_map(WINDOW, first | PAGE_FLAG);
    mmu_map(WINDOW + 4096, 0);
    read64(WINDOW + 4092);
    expect_abort("a read that leaves what is mapped", FSC_TRANSLATION(3), WINDOW + 4096, false);
    __asm__ volatile("at s1e1r, %0; isb" : : "r"(WINDOW + 0x123));
    expect("AT", read_sysreg(par_el1) & 0xfffffffff001, first);
    __asm__ volatile("at s1e1r, %0; isb" : : "r"(WINDOW + 4096));
    expect("AT of what is not mapped", read_sysreg(par_el1) & 0x7f, FSC_TRANSLATION(3) << 1 | 1);
    traps_end();
}

/* --- */

static uint64_t run(uint64_t code)
{
    return ((uint64_t(*)(void))code)();
}

static void write_code(uint64_t at, uint32_t word)
{
    write32(at, word);
    __asm__ volatile("dc cvau, %0; dsb ish; ic ivau, %0; dsb ish; isb" : : "r"(at) : "memory");
}

void memory_code(void)
{
    uint64_t at = (uint64_t)page;

    mmu_on();
    write_code(at + 4, 0xd65f03c0); /* ret */
    for (unsigned i = 0; i < 300; i++) {
        write_code(at, 0xd2800000 | i << 5); /* mov x0, #i */
        expect("code that was written again", run(at), i);
    }
    /* By another address of the page. */
    mmu_map(WINDOW, at | PTE_PAGE | PTE_AF | PTE_NORMAL);
    expect("by another address", run(WINDOW), 299);
    write_code(at, 0xd2800000 | 7 << 5);
    expect("written by another address", run(WINDOW), 7);
    traps_begin();
    mmu_map(WINDOW, at | PTE_PAGE | PTE_AF | PTE_NORMAL | PTE_PXN);
    run(WINDOW);
    expect_trap("code that may not be run", EC_IABT);
    expect("FSC", trap.esr & 0x3f, FSC_PERMISSION(3));
    expect("FAR_EL1", trap.far, WINDOW);
    traps_end();
}
