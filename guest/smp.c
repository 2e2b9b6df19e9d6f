/* SPDX-License-Identifier: ISC */
/*
 * Four CPUs against each other: counters by exclusives and by atomics, on the same words and under
 * the same lock; translations that change under a reader; code that changes under a caller; message
 * passing. Prints "ok" a test.
 */
#include "guest.h"

#define CPUS   4
#define ROUNDS 20000
#define WINDOW UINT64_C(0x100000000) /* the page that the TLB test moves about */
#define GOOD   0x600d
#define POISON 0xbad

static volatile uint64_t phase, arrived, counter, pair[2] __attribute__((aligned(16)));
static volatile uint64_t failures, stop, lock, guarded, mailbox, flag, generation;
static uint64_t page_a[512] __attribute__((aligned(4096)));
static uint64_t page_b[512] __attribute__((aligned(4096)));
static uint32_t code[16] __attribute__((aligned(4096)));

void guest_exception(struct frame *f)
{
    guest_fail(f);
}

static void atomic_add(volatile uint64_t *p, uint64_t n)
{
    __asm__ volatile(".arch_extension lse\n ldaddal %1, xzr, %0" : "+Q"(*p) : "r"(n) : "memory");
}

static void exclusive_add(volatile uint64_t *p, uint64_t n)
{
    uint64_t old, sum;
    uint32_t failed;

    do
        __asm__ volatile("ldxr %0, %3\n add %1, %0, %4\n stxr %w2, %1, %3"
                         : "=&r"(old), "=&r"(sum), "=&r"(failed), "+Q"(*p)
                         : "r"(n)
                         : "memory");
    while (failed);
}

/* Both halves go up together, or not at all. */
static void pair_add(volatile uint64_t *p)
{
    uint64_t low, high;
    uint32_t failed;

    do
        __asm__ volatile("ldxp %0, %1, %3\n add %0, %0, #1\n add %1, %1, #3\n stxp %w2, %0, %1, %3"
                         : "=&r"(low), "=&r"(high), "=&r"(failed), "+Q"(*(volatile uint64_t(*)[2])p)
                         :
                         : "memory");
    while (failed);
}

/* The CPUs may be threads that share fewer processors. */
static void relax(void)
{
    __asm__ volatile("yield");
}

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

static void take(void)
{
    uint32_t busy, failed;

    do {
        failed = 1;
        __asm__ volatile("ldaxr %w0, %1" : "=r"(busy) : "Q"(lock) : "memory");
        if (!busy)
            __asm__ volatile("stxr %w0, %w2, %1" : "=&r"(failed), "+Q"(lock) : "r"(1) : "memory");
        if (failed)
            relax();
    } while (failed);
}

static void give(void)
{
    __asm__ volatile("stlr %w1, %0" : "=Q"(lock) : "r"(0) : "memory");
}

/* --- bodies; CPU 0 runs them too --- */

static void add_all_ways(unsigned index)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        if ((i ^ index) & 1)
            atomic_add(&counter, 1);
        else
            exclusive_add(&counter, 1);
        if (i % 4 == 0)
            pair_add(pair);
        if (i % 8 == 0) {
            take();
            guarded = guarded + 1;
            give();
        }
    }
}

/* CPU 0 moves the window between two pages and poisons the one that is out; the others must never
 * see poison. */
static void tlb_writer(void)
{
    for (unsigned i = 0; i < 300; i++) {
        uint64_t *in = i & 1 ? page_a : page_b, *out = i & 1 ? page_b : page_a;

        *(volatile uint64_t *)&in[5] = GOOD;
        dsb();
        mmu_map(WINDOW, (uint64_t)in | PTE_AF | PTE_PAGE);
        *(volatile uint64_t *)&out[5] = POISON;
    }
    store_release(&stop, 1);
}

static void tlb_reader(unsigned index)
{
    volatile uint64_t *window = (volatile uint64_t *)WINDOW;

    while (!load_acquire(&stop)) {
        if (window[5] != GOOD)
            atomic_add(&failures, 1);
        /* TLBI and DSB of its own, so that several wait for each other. */
        if (index > 1)
            __asm__ volatile("tlbi vae1is, %0\n dsb ish"
                             :
                             : "r"(UINT64_C(0x200000) + index)
                             : "memory");
    }
}

/* CPU 0 changes a function; the others call it once they are told. */
static void code_writer(void)
{
    for (unsigned i = 1; i <= 300; i++) {
        while (load_acquire(&flag) != 0)
            relax();
        *(volatile uint32_t *)&code[0] = 0xd2800000 | i << 5; /* mov x0, #i */
        *(volatile uint32_t *)&code[1] = 0xd65f03c0;          /* ret */
        __asm__ volatile("dc cvau, %0\n dsb ish\n ic ivau, %0\n dsb ish\n isb"
                         :
                         : "r"(code)
                         : "memory");
        flag = CPUS - 1;
        store_release(&generation, i);
    }
    while (load_acquire(&flag) != 0)
        relax();
}

static void code_reader(void)
{
    for (uint64_t i = 1; i <= 300; i++) {
        while (load_acquire(&generation) < i)
            relax();
        isb();
        if (((uint64_t(*)(void))(uintptr_t)code)() != i)
            atomic_add(&failures, 1);
        atomic_add(&flag, UINT64_MAX);
    }
}

static void messages(unsigned index)
{
    if (index > 1)
        return;
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        if (index == 0) {
            mailbox = i * 3;
            store_release(&flag, i);
            while (load_acquire(&generation) != i)
                relax();
        } else {
            while (load_acquire(&flag) != i)
                relax();
            if (mailbox != i * 3)
                atomic_add(&failures, 1);
            store_release(&generation, i);
        }
    }
}

static void run_phase(unsigned index, uint64_t n)
{
    switch (n) {
    case 1: add_all_ways(index); break;
    case 2: index == 0 ? tlb_writer() : tlb_reader(index); break;
    case 3: index == 0 ? code_writer() : code_reader(); break;
    case 4: messages(index); break;
    }
}

static void secondary(unsigned index)
{
    for (uint64_t n = 1; n <= 4; n++) {
        while (load_acquire(&phase) < n)
            relax();
        run_phase(index, n);
        atomic_add(&arrived, 1);
    }
}

static int failed_checks;

static void check(const char *name, bool good)
{
    good = good && !failures;
    put_text(name);
    put_text(good ? ": ok\n" : ": FAILED\n");
    failed_checks += !good;
    failures = 0;
}

static void do_phase(uint64_t n)
{
    arrived = 0;
    flag = generation = 0;
    store_release(&phase, n);
    run_phase(0, n);
    while (load_acquire(&arrived) != CPUS - 1)
        relax();
}

int main(void)
{
    mmu_map(WINDOW, (uint64_t)page_a | PTE_AF | PTE_PAGE);
    page_a[5] = GOOD;
    mmu_on();
    for (unsigned i = 1; i < CPUS; i++)
        cpu_start(i, secondary);
    do_phase(1);
    check("atomics and exclusives", counter == CPUS * ROUNDS);
    check("pairs", pair[0] == CPUS * ROUNDS / 4 && pair[1] == 3 * pair[0]);
    check("lock", guarded == CPUS * ROUNDS / 8);
    do_phase(2);
    check("translations", true);
    do_phase(3);
    check("code", true);
    do_phase(4);
    check("messages", true);
    return failed_checks;
}
