/* SPDX-License-Identifier: ISC */
/*
 * What becomes of each kind of access to a device. Native CPUs report plain loads and stores in
 * full and everything else (pairs, vectors, writeback) with no more than an address (Arm ARM,
 * ESR_ELx.ISV): there the engine decodes the instruction, and a device must not see the difference.
 */
#include "conformance.h"

#define AT(n) (PROBE + PROBE_DATA + (n))

#define LOAD(insn, reg, offset)                                                                    \
    ({                                                                                             \
        uint64_t value_ = ~UINT64_C(0);                                                            \
        __asm__ volatile(insn " %" reg "0, [%1]" : "+r"(value_) : "r"(AT(offset)) : "memory");     \
        value_;                                                                                    \
    })

static void load(const char *what, uint64_t got, uint64_t want, unsigned offset, unsigned size)
{
    expect(what, got, want);
    expect_access(what, offset, size, false);
}

static void store(const char *what, unsigned offset, unsigned size, uint64_t value)
{
    expect_access(what, offset, size, true);
    for (unsigned i = 0; i < size; i++)
        expect(what, read8(AT(offset + i)), value >> 8 * i & 0xff);
    log_clear();
}

static void loads_at(unsigned n)
{
    load("LDRB", LOAD("ldrb", "w", n), probe_pattern(n, 1), n, 1);
    if (n % 2 == 0)
        load("LDRH", LOAD("ldrh", "w", n), probe_pattern(n, 2), n, 2);
    if (n % 4 == 0)
        load("LDR W", LOAD("ldr", "w", n), probe_pattern(n, 4), n, 4);
    if (n % 8 == 0)
        load("LDR X", LOAD("ldr", "", n), probe_pattern(n, 8), n, 8);
}

/* Offsets whose top bit is set and clear, for each width (PROBE_BYTE). */
static void signed_loads_at(unsigned n)
{
    int8_t b = (int8_t)probe_pattern(n, 1);
    int16_t h = (int16_t)probe_pattern(n, 2);

    load("LDRSB W", LOAD("ldrsb", "w", n), (uint32_t)b, n, 1);
    load("LDRSB X", LOAD("ldrsb", "", n), (uint64_t)b, n, 1);
    if (n % 2)
        return;
    load("LDRSH W", LOAD("ldrsh", "w", n), (uint32_t)h, n, 2);
    load("LDRSH X", LOAD("ldrsh", "", n), (uint64_t)h, n, 2);
    if (n % 4 == 0)
        load("LDRSW", LOAD("ldrsw", "", n), (uint64_t)(int32_t)probe_pattern(n, 4), n, 4);
}

void mmio_signs(void)
{
    uint64_t x;

    log_clear();
    for (unsigned n = 0; n < 32; n++)
        signed_loads_at(n);
    load("LDTRSB", LOAD("ldtrsb", "", 1), (uint64_t)(int8_t)probe_pattern(1, 1), 1, 1);
    __asm__ volatile("ldrsh %0, [%1, %2, lsl #1]" : "=r"(x) : "r"(AT(32)), "r"(UINT64_C(-3)));
    load("LDRSH by a register", x, (uint64_t)(int16_t)probe_pattern(26, 2), 26, 2);
    mmu_on();
    signed_loads_at(36);
}

void mmio_widths(void)
{
    const uint64_t v = 0x8192a3b4c5d6e7f0;

    log_clear();
    for (unsigned n = 0; n < 32; n++)
        loads_at(n);
    __asm__ volatile("ldr xzr, [%0]" : : "r"(AT(8)) : "memory");
    expect_access("LDR XZR", 8, 8, false);
    __asm__ volatile("strb %w0, [%1]" : : "r"(v), "r"(AT(3)) : "memory");
    store("STRB", 3, 1, v);
    __asm__ volatile("strh %w0, [%1]" : : "r"(v), "r"(AT(6)) : "memory");
    store("STRH", 6, 2, v);
    __asm__ volatile("str %w0, [%1]" : : "r"(v), "r"(AT(12)) : "memory");
    store("STR W", 12, 4, v);
    __asm__ volatile("str %0, [%1]" : : "r"(v), "r"(AT(16)) : "memory");
    store("STR X", 16, 8, v);
    __asm__ volatile("str xzr, [%0]" : : "r"(AT(16)) : "memory");
    store("STR XZR", 16, 8, 0);
    __asm__ volatile("strb wzr, [%0]" : : "r"(AT(15)) : "memory");
    store("STRB WZR", 15, 1, 0);
    mmu_on(); /* the same through a translation */
    loads_at(32);
    __asm__ volatile("str %0, [%1]" : : "r"(v), "r"(AT(24)) : "memory");
    store("STR X, MMU on", 24, 8, v);
}

void mmio_forms(void)
{
    const uint64_t v = 0x0123456789abcdef;
    uint64_t x;

    log_clear();
    load("LDAR W", LOAD("ldar", "w", 4), probe_pattern(4, 4), 4, 4);
    load("LDAR X", LOAD("ldar", "", 8), probe_pattern(8, 8), 8, 8);
    load("LDARB", LOAD("ldarb", "w", 5), probe_pattern(5, 1), 5, 1);
    load("LDARH", LOAD("ldarh", "w", 6), probe_pattern(6, 2), 6, 2);
    load("LDTR", LOAD("ldtr", "", 8), probe_pattern(8, 8), 8, 8);
    __asm__ volatile("ldr %0, [%1, %w2, uxtw #3]"
                     : "=r"(x)
                     : "r"(AT(0)), "r"(UINT64_C(-1) << 32 | 5));
    load("LDR by a register", x, probe_pattern(40, 8), 40, 8);
    __asm__ volatile("ldrh %w0, [%1, %2, lsl #1]" : "=r"(x) : "r"(AT(32)), "r"(UINT64_C(-3)));
    load("LDRH by a register", x, probe_pattern(26, 2), 26, 2);
    __asm__ volatile("ldur %w0, [%1, #-4]" : "=r"(x) : "r"(AT(32)));
    load("LDUR", x, probe_pattern(28, 4), 28, 4);
    __asm__ volatile("ldr %0, [%1, #2040]" : "=r"(x) : "r"(AT(0)));
    load("LDR with an offset", x, probe_pattern(2040, 8), 2040, 8);
    __asm__ volatile("stlr %0, [%1]" : : "r"(v), "r"(AT(8)) : "memory");
    store("STLR X", 8, 8, v);
    __asm__ volatile("stlrh %w0, [%1]" : : "r"(v), "r"(AT(2)) : "memory");
    store("STLRH", 2, 2, v);
    __asm__ volatile("sttr %w0, [%1]" : : "r"(v), "r"(AT(4)) : "memory");
    store("STTR W", 4, 4, v);
    __asm__ volatile("strb %w0, [%1, %2]" : : "r"(v), "r"(AT(0)), "r"(UINT64_C(7)) : "memory");
    store("STRB by a register", 7, 1, v);
    __asm__ volatile("prfm pldl1keep, [%0]" : : "r"(AT(0)));
    expect("PRFM touches no device", probe(PROBE_LOG_COUNT), 0);
    /* The base register is the destination as well. */
    x = AT(16);
    __asm__ volatile("ldr %0, [%0]" : "+r"(x) : : "memory");
    load("LDR into its base", x, probe_pattern(16, 8), 16, 8);
}

void mmio_writeback(void)
{
    uint64_t x, base = AT(64), w = 0x55667788;

    log_clear();
    __asm__ volatile("ldr %0, [%1], #8" : "=&r"(x), "+r"(base) : : "memory");
    load("LDR, post-index", x, probe_pattern(64, 8), 64, 8);
    expect("its base", base, AT(72));
    __asm__ volatile("ldr %w0, [%1, #-4]!" : "=&r"(x), "+r"(base) : : "memory");
    load("LDR W, pre-index", x, probe_pattern(68, 4), 68, 4);
    expect("its base", base, AT(68));
    __asm__ volatile("ldrb %w0, [%1], #-1" : "=&r"(x), "+r"(base) : : "memory");
    load("LDRB, post-index", x, probe_pattern(68, 1), 68, 1);
    expect("its base", base, AT(67));
    __asm__ volatile("ldrsb %0, [%1, #2]!" : "=&r"(x), "+r"(base) : : "memory");
    load("LDRSB X, pre-index", x, (uint64_t)(int8_t)probe_pattern(69, 1), 69, 1);
    expect("its base", base, AT(69));
    __asm__ volatile("ldrsh %w0, [%1, #1]!" : "=&r"(x), "+r"(base) : : "memory");
    load("LDRSH W, pre-index", x, (uint32_t)(int16_t)probe_pattern(70, 2), 70, 2);
    __asm__ volatile("ldrsw %0, [%1, #2]!" : "=&r"(x), "+r"(base) : : "memory");
    load("LDRSW, pre-index", x, (uint64_t)(int32_t)probe_pattern(72, 4), 72, 4);
    expect("its base", base, AT(72));
    __asm__ volatile("str %1, [%0], #16" : "+r"(base) : "r"(w) : "memory");
    store("STR, post-index", 72, 8, w);
    expect("its base", base, AT(88));
    __asm__ volatile("strh %w1, [%0, #-2]!" : "+r"(base) : "r"(w) : "memory");
    store("STRH, pre-index", 86, 2, w);
    expect("its base", base, AT(86));
    __asm__ volatile("strb wzr, [%0], #1" : "+r"(base) : : "memory");
    store("STRB WZR, post-index", 86, 1, 0);
    expect("its base", base, AT(87));
    /* SP as the base. */
    __asm__ volatile("mov x9, sp; mov sp, %1; str %2, [sp, #-16]!; mov %0, sp; mov sp, x9"
                     : "=&r"(x)
                     : "r"(AT(256)), "r"(w)
                     : "x9", "memory");
    store("STR by SP, pre-index", 240, 8, w);
    expect("SP", x, AT(240));
    __asm__ volatile("mov x9, sp; mov sp, %2; ldr %1, [sp], #32; mov %0, sp; mov sp, x9"
                     : "=&r"(x), "=&r"(w)
                     : "r"(AT(272))
                     : "x9", "memory");
    load("LDR by SP, post-index", w, probe_pattern(272, 8), 272, 8);
    expect("SP", x, AT(304));
}

static void read_back(const char *what, unsigned offset, unsigned size, uint64_t value)
{
    expect(what, size == 4 ? read32(AT(offset)) : read64(AT(offset)), value);
    log_clear();
}

void mmio_pairs(void)
{
    const uint64_t v = 0x0011223344556677, w = 0x8899aabbccddeeff;
    uint64_t a, b, base = AT(64);

    log_clear();
    __asm__ volatile("ldp %0, %1, [%2]" : "=&r"(a), "=&r"(b) : "r"(AT(16)) : "memory");
    expect_accesses("LDP X", 16, 16, 8, false);
    expect("LDP X", a, probe_pattern(16, 8));
    expect("LDP X", b, probe_pattern(24, 8));
    __asm__ volatile("ldp %w0, %w1, [%2, #8]" : "=&r"(a), "=&r"(b) : "r"(AT(16)) : "memory");
    expect_accesses("LDP W", 24, 8, 4, false);
    expect("LDP W", a, probe_pattern(24, 4));
    expect("LDP W", b, probe_pattern(28, 4));
    __asm__ volatile("ldpsw %0, %1, [%2]" : "=&r"(a), "=&r"(b) : "r"(AT(16)) : "memory");
    expect_accesses("LDPSW", 16, 8, 4, false);
    expect("LDPSW", a, (uint64_t)(int32_t)probe_pattern(16, 4));
    expect("LDPSW", b, (uint64_t)(int32_t)probe_pattern(20, 4));
    __asm__ volatile("ldnp %0, xzr, [%1]" : "=&r"(a) : "r"(AT(32)) : "memory");
    expect_accesses("LDNP", 32, 16, 8, false);
    expect("LDNP", a, probe_pattern(32, 8));
    __asm__ volatile("ldp %0, %1, [%2], #16" : "=&r"(a), "=&r"(b), "+r"(base) : : "memory");
    expect_accesses("LDP, post-index", 64, 16, 8, false);
    expect("LDP, post-index", b, probe_pattern(72, 8));
    expect("its base", base, AT(80));
    __asm__ volatile("stp %1, %2, [%0, #-16]!" : "+r"(base) : "r"(v), "r"(w) : "memory");
    expect_accesses("STP, pre-index", 64, 16, 8, true);
    read_back("STP, pre-index", 64, 8, v);
    read_back("STP, pre-index", 72, 8, w);
    expect("its base", base, AT(64));
    __asm__ volatile("stp %w1, wzr, [%0], #8" : "+r"(base) : "r"(w) : "memory");
    expect_accesses("STP W, post-index", 64, 8, 4, true);
    read_back("STP W", 64, 4, (uint32_t)w);
    read_back("STP W", 68, 4, 0);
    expect("its base", base, AT(72));
    __asm__ volatile("stnp %0, %1, [%2, #16]" : : "r"(w), "r"(v), "r"(AT(96)) : "memory");
    expect_accesses("STNP", 112, 16, 8, true);
    read_back("STNP", 112, 8, w);
    read_back("STNP", 120, 8, v);
    __asm__ volatile("mov %0, %2; ldp %0, %1, [%0]" : "=&r"(a), "=&r"(b) : "r"(AT(16)) : "memory");
    expect_accesses("LDP into its base", 16, 16, 8, false);
    expect("LDP into its base", a, probe_pattern(16, 8));
    expect("LDP into its base", b, probe_pattern(24, 8));
}

/* Both halves of V`n`. */
#define HALF(n, half)                                                                              \
    ({                                                                                             \
        uint64_t value_;                                                                           \
        __asm__ volatile("mov %0, v" #n ".d[" #half "]" : "=r"(value_));                           \
        value_;                                                                                    \
    })

#define LOAD_V(insn, reg, offset)                                                                  \
    __asm__ volatile("movi v3.2d, #0xffffffffffffffff\n" insn " " reg ", [%0]"                     \
                     :                                                                             \
                     : "r"(AT(offset))                                                             \
                     : "v3", "memory")

static void loaded_v(const char *what, unsigned offset, unsigned size)
{
    uint64_t low = HALF(3, 0), high = HALF(3, 1);

    expect_accesses(what, offset, size, size > 8 ? 0 : size, false);
    expect(what, low, probe_pattern(offset, size < 8 ? size : 8));
    expect(what, high, size > 8 ? probe_pattern(offset + 8, 8) : 0);
}

static void vector_pairs(void)
{
    uint64_t base = AT(0);

    __asm__ volatile("ldp q4, q5, [%0], #32" : "+r"(base) : : "v4", "v5", "memory");
    expect("V4", HALF(4, 0), probe_pattern(0, 8));
    expect("V4", HALF(4, 1), probe_pattern(8, 8));
    expect("V5", HALF(5, 0), probe_pattern(16, 8));
    expect("V5", HALF(5, 1), probe_pattern(24, 8));
    expect_accesses("LDP Q", 0, 32, 0, false);
    expect("its base", base, AT(32));
    __asm__ volatile("stp q5, q4, [%0, #32]!" : "+r"(base) : : "memory");
    expect_accesses("STP Q", 64, 32, 0, true);
    read_back("STP Q", 64, 8, probe_pattern(16, 8));
    read_back("STP Q", 88, 8, probe_pattern(8, 8));
    expect("its base", base, AT(64));
    __asm__ volatile("stp d4, d5, [%0]" : : "r"(AT(128)) : "memory");
    expect_accesses("STP D", 128, 16, 8, true);
    read_back("STP D", 136, 8, probe_pattern(16, 8));
    __asm__ volatile("ldp s6, s7, [%0]" : : "r"(AT(8)) : "v6", "v7", "memory");
    expect("S6", HALF(6, 0), probe_pattern(8, 4));
    expect("S7", HALF(7, 0), probe_pattern(12, 4));
    expect_accesses("LDP S", 8, 8, 4, false);
}

static void structures(void)
{
    uint64_t base = AT(0);

    __asm__ volatile("ld1 {v4.2d, v5.2d}, [%0], #32" : "+r"(base) : : "v4", "v5", "memory");
    expect("V4", HALF(4, 1), probe_pattern(8, 8));
    expect("V5", HALF(5, 1), probe_pattern(24, 8));
    expect_accesses("LD1", 0, 32, 0, false);
    expect("its base", base, AT(32));
    __asm__ volatile("st1 {v4.2d}, [%0]" : : "r"(AT(192)) : "memory");
    expect_accesses("ST1", 192, 16, 0, true);
    read_back("ST1", 192, 8, probe_pattern(0, 8));
    read_back("ST1", 200, 8, probe_pattern(8, 8));
    __asm__ volatile("ld1 {v4.s}[2], [%0]" : : "r"(AT(20)) : "v4", "memory");
    expect("V4.S[2]", HALF(4, 1),
           (probe_pattern(8, 8) & ~UINT64_C(0xffffffff)) | probe_pattern(20, 4));
    expect_accesses("LD1 of a lane", 20, 4, 4, false);
    __asm__ volatile("ld1r {v5.4s}, [%0]" : : "r"(AT(24)) : "v5", "memory");
    expect("V5", HALF(5, 1), probe_pattern(24, 4) * UINT64_C(0x100000001));
    expect_accesses("LD1R", 24, 4, 4, false);
    __asm__ volatile("ld2 {v4.2s, v5.2s}, [%0]" : : "r"(AT(32)) : "v4", "v5", "memory");
    expect("V4", HALF(4, 0), probe_pattern(32, 4) | probe_pattern(40, 4) << 32);
    expect("V5", HALF(5, 0), probe_pattern(36, 4) | probe_pattern(44, 4) << 32);
    expect_accesses("LD2", 32, 16, 0, false);
}

void mmio_vectors(void)
{
    uint64_t base = AT(48);

    log_clear();
    LOAD_V("ldr", "b3", 5);
    loaded_v("LDR B", 5, 1);
    LOAD_V("ldr", "h3", 6);
    loaded_v("LDR H", 6, 2);
    LOAD_V("ldr", "s3", 12);
    loaded_v("LDR S", 12, 4);
    LOAD_V("ldr", "d3", 24);
    loaded_v("LDR D", 24, 8);
    LOAD_V("ldr", "q3", 32);
    loaded_v("LDR Q", 32, 16);
    __asm__ volatile("ldr q3, [%0, #16]!" : "+r"(base) : : "v3", "memory");
    loaded_v("LDR Q, pre-index", 64, 16);
    expect("its base", base, AT(64));
    __asm__ volatile("str q3, [%0], #-64" : "+r"(base) : : "memory");
    expect_accesses("STR Q, post-index", 64, 16, 0, true);
    expect("its base", base, AT(0));
    __asm__ volatile("str s3, [%0]" : : "r"(AT(100)) : "memory");
    store("STR S", 100, 4, probe_pattern(64, 4));
    __asm__ volatile("str b3, [%0]" : : "r"(AT(107)) : "memory");
    store("STR B", 107, 1, probe_pattern(64, 1));
    vector_pairs();
    structures();
}

/* --- */

#define WINDOW      (UINT64_C(6) << 30)
#define WINDOW_CODE (WINDOW + 0x10000)
#define DEVICE_PAGE (PTE_PAGE | PTE_AF | PTE_DEVICE | PTE_UXN | PTE_PXN)
#define CODE_PAGE   (PTE_PAGE | PTE_AF | PTE_NORMAL)

static uint32_t code[1024] __attribute__((aligned(4096)));

enum {
    LDR = 0xf9400001,      /* ldr x1, [x0] */
    STR_POST = 0xf8008401, /* str x1, [x0], #8 */
    LDP = 0xa9400800,      /* ldp x0, x2, [x0] */
    STP = 0xa9000400,      /* stp x0, x1, [x0] */
    STR_Q = 0x3d800004,    /* str q4, [x0] */
    SVC = 0xd4000001,
    RET = 0xd65f03c0,
};

static void write_code(uint32_t first, uint32_t second)
{
    ((volatile uint32_t *)code)[0] = first;
    ((volatile uint32_t *)code)[1] = second;
    __asm__ volatile("dc cvau, %0; dsb ish; ic ialluis; dsb ish; isb" : : "r"(code) : "memory");
}

static uint64_t call(uint32_t word, uint64_t argument)
{
    write_code(word, RET);
    return ((uint64_t(*)(uint64_t))WINDOW_CODE)(argument);
}

/* Neither the device nor the code is where its address says: who decodes the instruction has to go
 * through the guest's tables for both. */
void mmio_translated(void)
{
    mmu_on();
    mmu_map(WINDOW, PROBE | DEVICE_PAGE);
    mmu_map(WINDOW_CODE, (uint64_t)code | CODE_PAGE);
    log_clear();
    call(LDR, WINDOW + 24);
    expect_access("LDR", 24, 8, false);
    expect("LDP", call(LDP, WINDOW + 16), probe_pattern(16, 8));
    expect_accesses("LDP", 16, 16, 8, false);
    expect("STR, post-index", call(STR_POST, WINDOW + 32), WINDOW + 40);
    expect_access("STR, post-index", 32, 8, true);
    call(STP, WINDOW + 64);
    expect_accesses("STP", 64, 16, 8, true);
    expect("STP", read64(AT(64)), WINDOW + 64);
    log_clear();
    call(STR_Q, WINDOW + 96);
    expect_accesses("STR Q", 96, 16, 0, true);
}

static void user(uint32_t word, uint64_t argument)
{
    write_code(word, SVC);
    user_call(WINDOW_CODE, argument);
    expect_trap("EL0 comes back by its SVC", EC_SVC);
}

void mmio_user(void)
{
    mmu_on();
    mmu_map(WINDOW, PROBE | DEVICE_PAGE | PTE_USER);
    mmu_map(WINDOW_CODE, (uint64_t)code | CODE_PAGE | PTE_USER | PTE_RO);
    log_clear();
    traps_begin();
    user(LDR, WINDOW + 24);
    expect_access("LDR at EL0", 24, 8, false);
    user(LDP, WINDOW + 16);
    expect_accesses("LDP at EL0", 16, 16, 8, false);
    user(STR_POST, WINDOW + 32);
    expect_access("STR at EL0, post-index", 32, 8, true);
    user(STP, WINDOW + 64);
    expect_accesses("STP at EL0", 64, 16, 8, true);
    traps_end();
}

/* --- */

static void attempt_result(const char *what, bool soft)
{
    uint64_t esr = trap.count ? trap.esr : 0;

    if (!soft) {
        note(what, esr); /* 0: it was carried out */
        note("  accesses that the device saw", probe(PROBE_LOG_COUNT));
    } else {
        expect(what, trap.count, 1);
        expect(what, esr >> 26, EC_DABT);
        expect("accesses that the device saw", probe(PROBE_LOG_COUNT), 0);
    }
    trap.count = 0;
    log_clear();
}

/* Arm ARM B2.9.2: exclusives and atomics to Device memory may abort. The soft engines have them do
 * so; what a native one makes of them is written down. */
void mmio_atomics(void)
{
    bool soft = probe(PROBE_CAPS) & PROBE_CAP_SOFT;
    uint64_t x = 0, y = 0;

    mmu_on();
    log_clear();
    traps_begin();
    __asm__ volatile("ldxr %0, [%1]" : "=&r"(x) : "r"(AT(8)) : "memory");
    attempt_result("LDXR", soft);
    __asm__ volatile("ldaxrb %w0, [%1]" : "=&r"(x) : "r"(AT(8)) : "memory");
    attempt_result("LDAXRB", soft);
    __asm__ volatile("ldxp %0, %1, [%2]" : "=&r"(x), "=&r"(y) : "r"(AT(16)) : "memory");
    attempt_result("LDXP", soft);
    __asm__ volatile("clrex");
    if ((read_sysreg(id_aa64isar0_el1) >> 20 & 15) < 2) {
        traps_end();
        return;
    }
    __asm__ volatile(".arch_extension lse\n ldadd %1, %0, [%2]"
                     : "=&r"(x)
                     : "r"(y), "r"(AT(8))
                     : "memory");
    attempt_result("LDADD", soft);
    __asm__ volatile("swpb %w1, %w0, [%2]" : "=&r"(x) : "r"(y), "r"(AT(8)) : "memory");
    attempt_result("SWPB", soft);
    __asm__ volatile("casal %0, %1, [%2]" : "+r"(x) : "r"(y), "r"(AT(8)) : "memory");
    attempt_result("CASAL", soft);
    traps_end();
}

/* --- */

static volatile uint64_t finished;

static void hammer(uint64_t cpu)
{
    for (unsigned i = 0; i < 500; i++) {
        uint64_t at = AT(cpu * 512 + i % 64 * 8), value = i * UINT64_C(0x0101010101010101) + cpu;

        write64(at, value);
        expect("what this CPU wrote", read64(at), value);
    }
    if (cpu)
        finished = 1;
}

static void second_hammer(uint64_t cpu)
{
    hammer(cpu);
    psci(false, PSCI_CPU_OFF, 0, 0, 0);
}

void mmio_many(void)
{
    expect("CPU_ON", secondary_start(1, second_hammer, 1), 0);
    hammer(0);
    while (!finished)
        ;
}
