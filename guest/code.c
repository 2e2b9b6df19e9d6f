/* SPDX-License-Identifier: ISC */
/*
 * Code that changes: rewritten in place, made by a small compiler, moved under a CPU that runs it.
 * Prints "name: ok" a test.
 *
 * What makes new code visible is the sequence of Arm ARM B2.7.4.2: DC CVAU, DSB, IC IVAU, DSB, and
 * ISB on every CPU that runs it; what makes a translation go is D8.14: the entry, DSB, TLBI, DSB.
 * After the last DSB nothing may show the old code, and nothing may reach the old page.
 *
 * The guest's argument multiplies the rounds.
 */
#include "guest.h"

#define PAGE     4096
#define WINDOW   UINT64_C(0x100000000) /* pages mapped for the tests, above */
#define ALIAS    (WINDOW + 16 * PAGE)  /* the code area, once more, without execute-never */
#define HAMMERED (WINDOW + 64 * PAGE)  /* what moves about */
#define POISON   UINT64_C(0xbadbadbadbadbad)

#define RET            0xd65f03c0u
#define MOV(d, n)      (0xd2800000u | ((uint32_t)(n)&0xffff) << 5 | (d)) /* mov xd, #n */
#define ADD_I(d, n)    (0x91000000u | ((uint32_t)(n)&0xfff) << 10 | (d) << 5 | (d))
#define B(words)       (0x14000000u | ((uint32_t)(words)&0x3ffffff))
#define CBNZ(r, words) (0xb5000000u | ((uint32_t)(words)&0x7ffff) << 5 | (r))
#define SUB_I(d, n)    (0xd1000000u | ((uint32_t)(n)&0xfff) << 10 | (d) << 5 | (d))
#define NOP            0xd503201fu

typedef uint64_t function(uint64_t);

static uint32_t code[4 * PAGE / 4] __attribute__((aligned(4096)));
static uint64_t pages[4][PAGE / 8] __attribute__((aligned(4096)));
static volatile uint64_t generation, answered, over, wrong;
static volatile bool hammering;
static uint64_t failed_tests;

/* A translation fault of the CPU that hammers is its page being moved: it tries again. */
void guest_exception(struct frame *f)
{
    unsigned ec = f->esr >> 26 & 63;

    if (!hammering || (ec != 0x21 && ec != 0x25) || (f->esr & 0x3c) != 0x04)
        guest_fail(f);
}

/* --- helpers --- */

static uint64_t load_acquire(volatile uint64_t *p)
{
    uint64_t value;

    __asm__ volatile("ldar %0, %1" : "=r"(value) : "Q"(*p) : "memory");
    return value;
}

static void store_release(volatile uint64_t *p, uint64_t value)
{
    __asm__ volatile("stlr %1, %0" : "=Q"(*p) : "r"(value) : "memory");
}

static void count_wrong(bool is)
{
    if (is)
        __asm__ volatile(".arch_extension lse\n stadd %1, %0"
                         : "+Q"(wrong)
                         : "r"(UINT64_C(1))
                         : "memory");
}

static void wait_for(volatile uint64_t *p, uint64_t value)
{
    while (load_acquire(p) < value)
        __asm__ volatile("yield");
}

static uint64_t rounds(uint64_t base)
{
    return base * (guest_x0 ? guest_x0 : 1);
}

static uint64_t call(const volatile void *at, uint64_t x)
{
    return ((function *)(uintptr_t)at)(x);
}

static void publish(const volatile uint32_t *from, unsigned words)
{
    uintptr_t first = (uintptr_t)from & ~UINT64_C(63), end = (uintptr_t)(from + words);

    for (uintptr_t line = first; line < end; line += 64)
        __asm__ volatile("dc cvau, %0" : : "r"(line) : "memory");
    __asm__ volatile("dsb ish" : : : "memory");
    for (uintptr_t line = first; line < end; line += 64)
        __asm__ volatile("ic ivau, %0" : : "r"(line) : "memory");
    __asm__ volatile("dsb ish\n isb" : : : "memory");
}

static void report(const char *name)
{
    put_text(name);
    put_text(wrong ? ": FAILED\n" : ": ok\n");
    failed_tests += wrong != 0;
    wrong = 0;
}

/* --- rewriting in place --- */

/* f(x) = x + n, by way of a loop, so that the old code was hot. */
static void write_loop(volatile uint32_t *at, unsigned n)
{
    at[0] = MOV(1, 8);
    at[1] = ADD_I(0, n);
    at[2] = SUB_I(1, 1);
    at[3] = CBNZ(1, -2);
    at[4] = RET;
}

static void rewrite_own(void)
{
    uint64_t n = rounds(32000);

    for (uint64_t i = 0; i < n; i++) {
        volatile uint32_t *at = &code[i % 3 ? 16 : PAGE / 4 - 3]; /* across two pages too */

        write_loop(at, i & 0xfff);
        publish(at, 5);
        count_wrong(call(at, i) != i + 8 * (i & 0xfff));
    }
    report("rewritten in place");
}

/* One instruction of the loop, by the page's other address; IC IVAU by either. */
static void rewrite_alias(void)
{
    volatile uint32_t *at = &code[200], *alias = (volatile uint32_t *)(ALIAS + 200 * 4);

    write_loop(at, 0);
    publish(at, 5);
    for (uint64_t i = 0; i < rounds(32000); i++) {
        alias[1] = ADD_I(0, i & 0xfff);
        publish(i & 1 ? alias + 1 : at + 1, 1);
        count_wrong(call(i & 2 ? alias : at, i) != i + 8 * (i & 0xfff));
    }
    report("rewritten through an alias");
}

static void rewrite_all(void)
{
    for (uint64_t i = 0; i < rounds(4000); i++) {
        write_loop(&code[300], i & 0xfff);
        __asm__ volatile("dsb ish\n ic iallu\n dsb ish\n isb" : : : "memory");
        count_wrong(call(&code[300], i) != i + 8 * (i & 0xfff));
    }
    report("IC IALLU");
}

/* Code whose next instruction is the one that it has just written. */
static void rewrite_ahead(void)
{
    static const uint32_t words[] = {
        0xb9000001, /* str w1, [x0] */
        0xd50b7b20, /* dc cvau, x0 */
        0xd5033b9f, /* dsb ish */
        0xd50b7520, /* ic ivau, x0 */
        0xd5033b9f, /* dsb ish */
        0xd5033fdf, /* isb */
        MOV(0, 0xdead), RET,
    };
    uint64_t result;

    for (unsigned i = 0; i < sizeof(words) / 4; i++)
        ((volatile uint32_t *)code)[400 + i] = words[i];
    publish(&code[400], sizeof(words) / 4);
    for (uint64_t i = 0; i < rounds(32000); i++) {
        register uint64_t x0 __asm__("x0") = (uint64_t)&code[406];
        register uint64_t x1 __asm__("x1") = MOV(0, i);

        __asm__ volatile("blr %2" : "+r"(x0), "+r"(x1) : "r"(&code[400]) : "x30", "memory");
        result = x0;
        count_wrong(result != (i & 0xffff));
    }
    report("rewritten ahead of itself");
}

/* --- rewriting what another CPU runs --- */

static void rewrite_other(void)
{
    for (uint64_t i = 1; i <= rounds(16000); i++) {
        write_loop(&code[600 + i % 2 * (PAGE / 4 - 603)], i & 0xfff);
        publish(&code[600 + i % 2 * (PAGE / 4 - 603)], 5);
        store_release(&generation, i);
        wait_for(&answered, i);
    }
}

static void run_rewritten(void)
{
    for (uint64_t i = 1; i <= rounds(16000); i++) {
        wait_for(&generation, i);
        __asm__ volatile("isb" : : : "memory");
        count_wrong(call(&code[600 + i % 2 * (PAGE / 4 - 603)], i) != i + 8 * (i & 0xfff));
        store_release(&answered, i);
    }
}

/*
 * B and NOP may be exchanged while another CPU runs them (B2.7.4.1): it sees one of the two. Once
 * it has said that it went through an ISB after the change, it sees the new one.
 */
static void patch_other(void)
{
    for (uint64_t i = 1; i <= rounds(8000); i++) {
        *(volatile uint32_t *)&code[700] = i & 1 ? B(2) : NOP;
        publish(&code[700], 1);
        store_release(&generation, i);
        wait_for(&answered, i);
    }
    store_release(&over, 1);
}

static void run_patched(void)
{
    while (!load_acquire(&over)) {
        uint64_t now = load_acquire(&generation), got;

        __asm__ volatile("isb" : : : "memory");
        got = call(&code[700], 0);
        count_wrong(got != 1 && got != 2);
        /* Nobody changes it again before `now` has been answered. */
        if (now && load_acquire(&answered) < now) {
            count_wrong(got != (now & 1 ? 2 : 1));
            store_release(&answered, now);
        }
    }
}

/* 2 when the first instruction branches, 1 when it does nothing. */
static void prepare_patched(void)
{
    static const uint32_t words[] = {NOP, B(2), B(3), MOV(0, 1), RET, MOV(0, 2), RET};

    for (unsigned i = 0; i < sizeof(words) / 4; i++)
        ((volatile uint32_t *)code)[700 + i] = words[i];
    publish(&code[700], sizeof(words) / 4);
}

/* --- a compiler --- */

static uint64_t random_state = 1;

static uint32_t random_bits(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(random_state >> 33);
}

/* One operation of a program on x0, with the constant n: as code, and as what it does. */
static uint32_t compile(unsigned op, unsigned n)
{
    switch (op) {
    case 0: return ADD_I(0, n);
    case 1: return SUB_I(0, n);
    case 2: return 0xca000000u | (n & 63) << 10; /* eor x0, x0, x0, lsl #n */
    case 3: return 0x93c00000u | (n & 63) << 10; /* ror x0, x0, #n */
    case 4: return 0x9b007c00u;                  /* mul x0, x0, x0 */
    case 5: return 0xdac01000u;                  /* clz x0, x0 */
    default: return 0xaa2003e0u;                 /* mvn x0, x0 */
    }
}

static uint64_t interpret(unsigned op, unsigned n, uint64_t x)
{
    switch (op) {
    case 0: return x + (n & 0xfff);
    case 1: return x - (n & 0xfff);
    case 2: return x ^ x << (n & 63);
    case 3: return n & 63 ? x >> (n & 63) | x << (64 - (n & 63)) : x;
    case 4: return x * x;
    case 5: return x ? (uint64_t)__builtin_clzll(x) : 64;
    default: return ~x;
    }
}

/* Programs of up to 64 operations, each in the place of another. */
static void compiler(void)
{
    for (uint64_t i = 0; i < rounds(24000); i++) {
        unsigned count = 1 + random_bits() % 64, at = 1024 + random_bits() % 1024;
        uint64_t x = random_bits(), expected = x;
        volatile uint32_t *to = &code[at];

        for (unsigned j = 0; j < count; j++) {
            unsigned op = random_bits() % 7, n = random_bits();

            to[j] = compile(op, n);
            expected = interpret(op, n, expected);
        }
        to[count] = RET;
        publish(to, count + 1);
        count_wrong(call(to, x) != expected);
        count_wrong(call(to, x) != expected);
    }
    report("a compiler");
}

/* --- a page that moves --- */

enum { VALUE, STAMP = 64, CODE = 128 }; /* doublewords of a page */

static void unmap(uint64_t va)
{
    mmu_map(va, 0);
}

/* The page at `round`: a value, a place for stamps, and a function, all of this round. */
static void prepare(uint64_t *page, uint64_t round)
{
    volatile uint32_t *f = (volatile uint32_t *)&page[CODE];

    *(volatile uint64_t *)&page[VALUE] = round;
    *(volatile uint64_t *)&page[STAMP] = 0;
    f[0] = MOV(0, round & 0x7fff);
    f[1] = RET;
    publish(f, 2);
}

/* It is something else's now: data, and code that must not run. */
static void reuse(uint64_t *page)
{
    volatile uint32_t *f = (volatile uint32_t *)&page[CODE];

    *(volatile uint64_t *)&page[VALUE] = POISON;
    *(volatile uint64_t *)&page[STAMP] = POISON;
    f[0] = MOV(0, 0xbad0);
    publish(f, 1);
}

static void move_page(void)
{
    for (uint64_t i = 1; i <= rounds(16000); i++) {
        uint64_t *page = pages[i % 4], *old = pages[(i + 3) % 4];

        prepare(page, i);
        unmap(HAMMERED); /* with TLBI and DSB: from here on nobody reaches `old` */
        reuse(old);
        mmu_map(HAMMERED, (uint64_t)page | PTE_AF | PTE_PAGE);
        store_release(&generation, i);
        /* The stores that the other CPU has made since then are not in the page that went. */
        for (unsigned turn = 0; turn < 4; turn++)
            count_wrong(*(volatile uint64_t *)&old[STAMP] != POISON);
        if (i % 16 == 0)
            __asm__ volatile("yield");
        count_wrong(*(volatile uint64_t *)&old[STAMP] != POISON);
    }
    store_release(&over, 1);
}

/* No round may be older than the newest that was known before the access. */
static void hammer(void)
{
    volatile uint64_t *window = (volatile uint64_t *)HAMMERED;

    while (!load_acquire(&over)) {
        uint64_t known = load_acquire(&generation), value, ran;

        __asm__ volatile("isb" : : : "memory");
        value = window[VALUE];
        count_wrong(value == POISON || value < known);
        window[STAMP] = value;
        ran = call(&window[CODE], 0);
        count_wrong(ran == 0xbad0 || (uint16_t)((ran - known) & 0x7fff) > 0x4000);
    }
}

/* --- both CPUs --- */

static volatile uint64_t phase, finished;

static void other(unsigned index)
{
    static void (*const bodies[])(void) = {run_rewritten, run_patched, hammer};

    for (unsigned i = 0; i < 3; i++) {
        wait_for(&phase, i + 1);
        bodies[i]();
        store_release(&finished, i + 1);
    }
}

static void together(const char *name, uint64_t n, void (*body)(void))
{
    generation = answered = over = 0;
    store_release(&phase, n);
    body();
    wait_for(&finished, n);
    report(name);
}

int main(void)
{
    for (unsigned i = 0; i < sizeof(code) / PAGE; i++)
        mmu_map(ALIAS + i * PAGE, ((uint64_t)code + i * PAGE) | PTE_AF | PTE_PAGE);
    mmu_on();
    rewrite_own();
    rewrite_alias();
    rewrite_all();
    rewrite_ahead();
    compiler();
    prepare_patched();
    prepare(pages[0], 0);
    mmu_map(HAMMERED, (uint64_t)pages[0] | PTE_AF | PTE_PAGE);
    hammering = true;
    cpu_start(1, other);
    together("rewritten by another CPU", 1, rewrite_other);
    together("patched under a CPU that runs it", 2, patch_other);
    together("a page that moves", 3, move_page);
    return failed_tests != 0;
}
