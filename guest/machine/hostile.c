/* SPDX-License-Identifier: ISC */
/*
 * A guest that tries to break what runs it (tests/machine/hostile.c): from all CPUs, for ever, it
 * does random things to devices, holes, rings, the interrupt controller, system registers,
 * translation tables, PSCI, and executes random words. It prints dots while it lives; a test resets
 * it when it has damaged itself too much.
 *
 * Argument: a number, which goes into the seed together with what the device tree has at random.
 */
#include "machine.h"

#define SCRATCH      (RAM_BASE + (UINT64_C(32) << 20)) /* what devices and random code get to see */
#define SCRATCH_SIZE (UINT64_C(4) << 20)
#define RAM_END      (RAM_BASE + (UINT64_C(128) << 20))
#define MEM64        UINT64_C(0x80000000) * 2
#define CPUS         4

bool attempt(void (*function)(void));
void hostile_vectors(void);
void recover(void);

struct registers {
    uint64_t x[31], pc, pstate, sp, sp_el0, pad[1];
    uint64_t v[64];
} __attribute__((aligned(16)));
_Static_assert(offsetof(struct registers, v) == 288, "recover.S knows the layout");
_Noreturn void enter(const struct registers *registers);

extern const uint8_t *device_tree;

/* Each CPU has its own everything. */
static uint64_t seeds[16];
static struct registers registers[16];
static uint32_t code[16][64] __attribute__((aligned(4096)));
static uint64_t tables[16][3][512] __attribute__((aligned(4096)));

void guest_exception(struct frame *f)
{
    recover();
}

static uint64_t random(void)
{
    uint64_t *x = &seeds[cpu_index() & 15];

    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static uint64_t below(uint64_t n)
{
    return random() % n;
}

static bool one_in(uint64_t n)
{
    return below(n) == 0;
}

/* The machine's windows, and some of what is not in one. */
static const struct {
    uint64_t base, size;
} windows[] = {
    {GICD, 0x10000},
    {GICR, GICR_SIZE *CPUS},
    {UINT64_C(0x1fff0000), 0x1000},
    {RTC, 0x1000},
    {GPIO, 0x1000},
    {UART, 0x1000},
    {ECAM, 0x60000},
    {ECAM, 0x10000000},
    {PCI_MEM32, 0x200000},
    {MEM64, 0x200000},
    {0x6fff0000, 0x10000},
    {SCRATCH, SCRATCH_SIZE},
    {RAM_END - 0x2000, 0x4000},
    {0, 0x10000000},
    {0x20110000, 0x100000},
    {UINT64_C(1) << 36, UINT64_C(1) << 36},
};
#define WINDOWS (sizeof(windows) / sizeof(windows[0]))

static uint64_t some_address(void)
{
    unsigned i = (unsigned)below(WINDOWS);
    uint64_t offset = one_in(2) ? below(0x1000) : below(windows[i].size);

    if (one_in(16))
        return random();
    if (!one_in(4))
        offset &= ~UINT64_C(7);
    return windows[i].base + offset % windows[i].size;
}

static uint64_t some_value(void)
{
    switch (below(8)) {
    case 0: return 0;
    case 1: return UINT64_MAX;
    case 2: return below(256);
    case 3: return UINT64_C(1) << below(64);
    case 4: return some_address();
    case 5: return SCRATCH + below(SCRATCH_SIZE);
    case 6: return (uint32_t)random();
    default: return random();
    }
}

/* --- loads and stores of every shape --- */

static void access(void)
{
    uint64_t at = some_address(), x = some_value(), y = some_value();
    uint32_t w;

    switch (below(20)) {
    case 0: read8(at); break;
    case 1: read16(at); break;
    case 2:
    case 3: read32(at); break;
    case 4: read64(at); break;
    case 5: write8(at, (uint8_t)x); break;
    case 6: write16(at, (uint16_t)x); break;
    case 7:
    case 8: write32(at, (uint32_t)x); break;
    case 9: write64(at, x); break;
    case 10: __asm__ volatile("ldp %0, %1, [%2]" : "=&r"(x), "=&r"(y) : "r"(at) : "memory"); break;
    case 11: __asm__ volatile("stp %0, %1, [%2]" : : "r"(x), "r"(y), "r"(at) : "memory"); break;
    case 12: __asm__ volatile("ldr q0, [%0]" : : "r"(at) : "memory"); break;
    case 13: __asm__ volatile("stp q0, q1, [%0]" : : "r"(at) : "memory"); break;
    case 14:
        __asm__ volatile("ldxr %0, [%1]\n stxr %w2, %0, [%1]"
                         : "=&r"(x), "+r"(at), "=&r"(w)
                         :
                         : "memory");
        break;
    case 15: __asm__ volatile("ld4 {v0.16b-v3.16b}, [%0]" : : "r"(at) : "memory"); break;
    case 16: __asm__ volatile("st3 {v0.b-v2.b}[5], [%0]" : : "r"(at) : "memory"); break;
    case 17:
        __asm__ volatile(".arch_extension lse\n ldaddal %0, %1, [%2]"
                         : "+r"(x), "=&r"(y)
                         : "r"(at)
                         : "memory");
        break;
    case 18:
        __asm__ volatile("ldaxp %0, %1, [%2]\n stlxp %w3, %0, %1, [%2]"
                         : "=&r"(x), "=&r"(y), "+r"(at), "=&r"(w)
                         :
                         : "memory");
        break;
    default: __asm__ volatile("dc zva, %0" : : "r"(at) : "memory"); break;
    }
}

static void accesses(void)
{
    for (int i = 0; i < 50; i++)
        attempt(access);
}

/* --- PCI configuration and virtio --- */

static uint64_t function_config(void)
{
    return ECAM + below(9) * 0x8000;
}

static void configure(void)
{
    uint64_t at = function_config();

    switch (below(4)) {
    case 0: write32(at + 0x10 + 4 * below(6), (uint32_t)some_value()); break;
    case 1: write32(at + 0x10 + 4 * below(6), (uint32_t)(PCI_MEM32 + (below(64) << 16))); break;
    case 2: write16(at + 4, (uint16_t)random()); break;
    default: write32(at + (below(4096) & ~UINT64_C(3)), (uint32_t)some_value()); break;
    }
}

static void storm_of_configuration(void)
{
    for (int i = 0; i < 20; i++)
        attempt(configure);
}

/* Where rings are and what is in them: descriptors, what is available, headers of requests, what is
 * used. */
#define ARENA_SIZE  0x10000
#define AVAILABLE   0x1000
#define HEADERS     0x2000
#define USED        0x3000
#define DESCRIPTORS 256

static uint64_t arena(void)
{
    return SCRATCH + below(SCRATCH_SIZE / ARENA_SIZE) * ARENA_SIZE;
}

static void fill_descriptor(uint64_t base, unsigned i)
{
    uint64_t desc = base + 16 * i, at = SCRATCH + below(SCRATCH_SIZE);
    uint16_t flags = (uint16_t)(one_in(2) ? 1 : one_in(2) ? 2 : 0);
    bool header = one_in(2);

    if (header)
        at = base + HEADERS + 16 * below(64);
    if (one_in(32))
        at = some_value();
    if (one_in(32))
        flags = (uint16_t)below(8);
    write64(desc, at);
    write32(desc + 8, (uint32_t)(one_in(32) ? some_value() : header ? 16 : below(8192)));
    write16(desc + 12, flags);
    write16(desc + 14, (uint16_t)(one_in(32) ? random() : i + 1));
}

/* Mostly right: chains that end, counts that do not run ahead. The rest is not. */
static void fill_arena(uint64_t base)
{
    for (unsigned i = 0; i < DESCRIPTORS; i++)
        fill_descriptor(base, i);
    write16(base + AVAILABLE, (uint16_t)below(2));
    write16(base + AVAILABLE + 2, (uint16_t)(one_in(16) ? random() : below(9)));
    for (unsigned i = 0; i < DESCRIPTORS; i++)
        write16(base + AVAILABLE + 4 + 2 * i, (uint16_t)(one_in(64) ? random() : below(16)));
    for (unsigned i = 0; i < 64;
         i++) { /* of block requests; network and others make do with them */
        write32(base + HEADERS + 16 * i, (uint32_t)(one_in(16) ? random() : below(15)));
        write32(base + HEADERS + 16 * i + 4, (uint32_t)(one_in(4) ? random() : 0));
        write64(base + HEADERS + 16 * i + 8, one_in(4) ? some_value() : below(8192));
    }
    write16(base + USED + 2, 0);
}

static uint64_t ring_address(uint64_t base, unsigned part)
{
    static const uint64_t at[] = {0, AVAILABLE, USED};

    if (one_in(64))
        return some_value();
    return base + at[part];
}

/* A device brought up with rings of chance; its BAR is put back first when it is elsewhere. */
static void drive(void)
{
    uint64_t at = function_config() + 0x8000, common, notify, base = arena();

    if (one_in(2)) {
        write32(at + 0x10, (uint32_t)(PCI_MEM32 + (at - ECAM) * 4));
        write16(at + 4, 6);
    }
    common = read32(at + 0x10) & ~UINT64_C(0xf);
    if ((read32(at + 0x10) & 4) && read32(at + 0x14))
        common |= (uint64_t)read32(at + 0x14) << 32;
    notify = common + 0x4000;
    fill_arena(base);
    if (!one_in(4))
        write8(common + 0x14, 0);
    write8(common + 0x14, 1);
    write8(common + 0x14, 3);
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t offered;

        write32(common, i);
        offered = read32(common + 4);
        write32(common + 0x08, i);
        write32(common + 0x0c, one_in(8)
                                   ? (uint32_t)random()
                                   : offered & (uint32_t)(one_in(2) ? ~0u : random() | (i == 1)));
    }
    write8(common + 0x14, 11);
    for (unsigned i = 0; i < 4; i++) {
        write16(common + 0x16, (uint16_t)(one_in(32) ? random() : i));
        write16(common + 0x18, (uint16_t)(one_in(32) ? random() : 16u << below(5)));
        write16(common + 0x1a, (uint16_t)(one_in(8) ? random() : below(4)));
        for (unsigned part = 0; part < 3; part++) {
            uint64_t ring = ring_address(base, part);

            write32(common + 0x20 + 8 * part, (uint32_t)ring);
            write32(common + 0x24 + 8 * part, (uint32_t)(ring >> 32));
        }
        write16(common + 0x1c, 1);
    }
    write8(common + 0x14, one_in(8) ? (uint8_t)random() : 15);
    for (int i = 0; i < 16; i++) {
        unsigned queue = (unsigned)below(4);

        write32(notify + 4 * (one_in(16) ? below(64) : queue),
                one_in(16) ? (uint32_t)random() : queue);
        if (one_in(4))
            write16(base + AVAILABLE + 2, (uint16_t)(read16(base + AVAILABLE + 2) + below(4)));
        if (one_in(8)) /* the device's own configuration */
            write32(common + 0x8000 + 4 * below(16), (uint32_t)some_value());
    }
}

static void storm_of_resets(void)
{
    uint64_t common = read32(function_config() + 0x8010) & ~UINT64_C(0xf);

    for (int i = 0; i < 40; i++) {
        write8(common + 0x14, (uint8_t)(i % 4 == 0 ? 0 : 15));
        write32(common + 0x4000 + 4 * below(4), (uint32_t)below(4));
    }
}

static void drive_devices(void)
{
    for (int i = 0; i < 4; i++)
        attempt(drive);
    attempt(storm_of_resets);
}

/* --- the interrupt controller --- */

static void scribble_gic(void)
{
    for (int i = 0; i < 100; i++) {
        uint64_t at = one_in(2) ? GICD + (below(0x8000) & ~UINT64_C(3))
                                : GICR + (below(GICR_SIZE * CPUS) & ~UINT64_C(3));

        if (one_in(3))
            write32(at, (uint32_t)some_value());
        else
            read32(at);
    }
    write32(UINT64_C(0x1fff0040), (uint32_t)(one_in(2) ? 128 + below(128) : random()));
    if (one_in(2)) {
        gic_init();
        gic_enable(INTID_VTIMER);
    }
}

/* --- instructions made here --- */

/* Runs `count` words of code[] at EL1 or EL0, with registers full of addresses. */
static void run_words(unsigned count, bool user)
{
    unsigned cpu = cpu_index() & 15;
    struct registers *r = &registers[cpu];

    code[cpu][count] = 0xd4200000; /* BRK */
    for (unsigned i = 0; i < 31; i++)
        r->x[i] = some_value();
    for (unsigned i = 0; i < 64; i++)
        r->v[i] = some_value();
    r->pc = (uint64_t)code[cpu];
    r->sp = SCRATCH + 0x10000;
    r->sp_el0 = one_in(4) ? some_value() : SCRATCH + 0x20000;
    r->pstate = (user ? 0 : 5) | (random() & UINT64_C(0xf0000000)) | (one_in(2) ? 0 : 0x3c0);
    if (one_in(64))
        r->pstate = random();
    dsb();
    for (unsigned i = 0; i <= count; i += 8)
        __asm__ volatile("ic ivau, %0" : : "r"(&code[cpu][i]) : "memory");
    isb();
    if (one_in(2)) { /* a way out of a loop */
        write_sysreg(cntv_tval_el0, read_sysreg(cntfrq_el0) / 1000);
        write_sysreg(cntv_ctl_el0, 1);
    }
    enter(r);
}

static void random_words(void)
{
    unsigned cpu = cpu_index() & 15, count = 1 + (unsigned)below(24);

    for (unsigned i = 0; i < count; i++) {
        uint32_t word = (uint32_t)random();

        switch (below(4)) { /* the groups that are dense: loads, data processing, SIMD */
        case 0: word = (word & ~0x0a000000u) | 0x08000000; break;
        case 1: word = (word & ~0x0e000000u) | 0x0a000000; break;
        case 2: word |= 0x0e000000; break;
        }
        code[cpu][i] = word;
    }
    run_words(count, one_in(2));
}

/* MSR, MRS, MSR to PSTATE, SYS and SYSL with any encoding. */
static void system_words(void)
{
    unsigned cpu = cpu_index() & 15, count = 1 + (unsigned)below(16);

    for (unsigned i = 0; i < count; i++) {
        uint32_t word = 0xd5000000 | (uint32_t)(random() & 0x3fffff);
        uint32_t crn = word >> 12 & 15;

        /* What translates and where vectors are is left alone, mostly. */
        if ((crn == 1 || crn == 2 || crn == 12) && (word >> 16 & 7) == 0 && !one_in(16))
            word |= UINT32_C(1) << 21;
        if (word >> 19 == (0xd5080000 >> 19) && (crn == 7 || one_in(2)))
            word = (word & ~0xf000u) | 0x8000; /* TLBI */
        code[cpu][i] = word;
    }
    run_words(count, one_in(8));
}

static void instructions(void)
{
    for (int i = 0; i < 20; i++) {
        attempt(random_words);
        attempt(system_words);
    }
}

/* --- translation --- */

static uint64_t some_descriptor(void)
{
    uint64_t attributes = (random() & UINT64_C(0xfff0000000000ffc)) | below(4);

    return attributes | (some_address() & UINT64_C(0xfffffffff000));
}

static void translate(void)
{
    unsigned cpu = cpu_index() & 15;
    uint64_t(*t)[512] = tables[cpu];
    bool wild = one_in(64); /* hardly any CPU comes back from that */

    for (unsigned level = 0; level < 3; level++)
        for (unsigned i = 0; i < 512; i++)
            t[level][i] = one_in(4) ? ((uint64_t)t[below(3)] | 3) : some_descriptor();
    for (unsigned i = 0; i < 3; i++) /* the code, the stack and the UART stay where they are */
        t[0][i] = (uint64_t)i << 30 | (i == 1 ? 4 : 0) | 3 << 8 | 1 << 10 | 1;
    write_sysreg(mair_el1, one_in(2) ? 0x04 : random());
    write_sysreg(tcr_el1,
                 wild ? random() : 25 | UINT64_C(25) << 16 | UINT64_C(2) << 30 | UINT64_C(2) << 32);
    write_sysreg(ttbr0_el1, (wild ? some_value() : (uint64_t)t[0]) | random() << 48);
    write_sysreg(ttbr1_el1, one_in(4) ? some_value() : (uint64_t)t[1]);
    isb();
    write_sysreg(sctlr_el1, (wild ? random() : UINT64_C(0x30d00980)) | 1);
    isb();
    for (int i = 0; i < 30; i++) {
        uint64_t va = one_in(2) ? random() >> 25 : some_address();

        if (one_in(4))
            va |= UINT64_C(0xffffff8000000000);
        switch (below(6)) {
        case 0: __asm__ volatile("at s1e1r, %0" : : "r"(va)); break;
        case 1: __asm__ volatile("at s1e0w, %0" : : "r"(va)); break;
        case 2: __asm__ volatile("tlbi vaae1is, %0" : : "r"(va >> 12)); break;
        case 3: __asm__ volatile("dc civac, %0" : : "r"(va)); break;
        case 4: read32(va); break;
        default: ((void (*)(void))va)(); break;
        }
    }
}

static void translations(void)
{
    for (int i = 0; i < 5; i++)
        attempt(translate);
}

static void storm_of_maintenance(void)
{
    for (int i = 0; i < 200; i++) {
        uint64_t x = some_value();

        switch (below(6)) {
        case 0: __asm__ volatile("tlbi vmalle1is"); break;
        case 1: __asm__ volatile("tlbi vae1is, %0" : : "r"(x)); break;
        case 2: __asm__ volatile("ic iallu"); break;
        case 3: __asm__ volatile("ic ialluis"); break;
        case 4: __asm__ volatile("dc cvac, %0" : : "r"(SCRATCH + x % SCRATCH_SIZE)); break;
        default: __asm__ volatile("dsb ish; isb"); break;
        }
    }
}

static void maintenance(void)
{
    attempt(storm_of_maintenance);
}

/* --- PSCI --- */

static void call_firmware(void)
{
    uint64_t id = (one_in(2) ? 0x84000000 : 0xc4000000) + below(32);

    if (one_in(8))
        id = random();
    if ((uint32_t)id == PSCI_SYSTEM_OFF)
        return;
    if ((uint32_t)id == PSCI_SYSTEM_RESET && !one_in(16))
        return;
    if ((id & 0xffff) == 2 && !one_in(16)) /* CPU_OFF */
        return;
    if ((id & 0xffff) == 1) { /* CPU_SUSPEND: something must come */
        gic_init();
        gic_enable(INTID_VTIMER);
        write_sysreg(cntv_tval_el0, 1000);
        write_sysreg(cntv_ctl_el0, 1);
    }
    psci(one_in(2), id, one_in(2) ? below(CPUS + 1) : some_value(), some_value(), some_value());
}

static void firmware(void)
{
    for (int i = 0; i < 5; i++)
        attempt(call_firmware);
}

static void live(uint64_t cpu);

static void wake_others(void)
{
    for (unsigned i = 0; i < CPUS; i++)
        if (i != cpu_index())
            secondary_start(i, live, i);
}

static void live(uint64_t unused)
{
    static void (*const actions[])(void) = {
        accesses,     storm_of_configuration, drive_devices, scribble_gic,
        instructions, translations,           maintenance,   firmware};

    for (;;) {
        unsigned i = (unsigned)below(sizeof(actions) / sizeof(actions[0]));

        write8(UART, (uint8_t)('a' + i));
        if (actions[i] == scribble_gic)
            attempt(actions[i]);
        else
            actions[i]();
        if (one_in(8))
            attempt(wake_others);
    }
}

int main(void)
{
    uint64_t seed = 0x9e3779b97f4a7c15 + parse_number(guest_argument());

    for (unsigned i = 0; i < 8192; i++) /* the tree has seeds of the host's entropy in it */
        seed = seed * 31 + device_tree[i];
    for (unsigned i = 0; i < 16; i++)
        seeds[i] = (seed ^ (uint64_t)(i + 1) << 32) | 1;
    put_value("start", seed);
    live(0);
    return 0;
}
