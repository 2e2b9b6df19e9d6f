/* SPDX-License-Identifier: ISC */
/* RAM that the host's side watches (src/mem/watch.c): which pages were written, and that no store
 * is lost while it looks. */
#include "conformance.h"

/* Of the 128 MiB that there are, far from the guest itself. */
#define AREA      (RAM_BASE + (32 << 20))
#define AREA_SIZE (UINT64_C(8) << 20)

static uint64_t page; /* size of the host's */

static void host(unsigned request, uint64_t first, uint64_t second)
{
    probe_set(PROBE_ARG, first);
    probe_set(PROBE_ARG1, second);
    probe_set(PROBE_HOST, request);
}

/* Exactly `count` pages were written since the last look, and at `first` is the first of them. */
static void expect_pages(const char *what, uint64_t first, uint64_t count)
{
    host(PROBE_DO_TAKE, 0, 0);
    expect(what, probe(PROBE_RESULT), count);
    if (count)
        expect(what, probe(PROBE_FOUND), first);
}

/* --- */

static void store_byte(uint64_t at)
{
    write8(at, 1);
}

static void store_pair(uint64_t at)
{
    __asm__ volatile("stp %0, %0, [%0]" : : "r"(at) : "memory");
}

static void store_vector(uint64_t at)
{
    __asm__ volatile("str q0, [%0]" : : "r"(at) : "memory");
}

static void store_exclusive(uint64_t at)
{
    uint64_t value, status;

    do
        __asm__ volatile("ldxr %0, [%2]; stxr %w1, %0, [%2]"
                         : "=&r"(value), "=&r"(status)
                         : "r"(at)
                         : "memory");
    while (status);
}

static void store_atomic(uint64_t at)
{
    uint64_t value = 1;

    if ((read_sysreg(id_aa64isar0_el1) >> 20 & 15) < 2)
        write64(at, value);
    else
        __asm__ volatile(".arch_extension lse\n ldadd %0, %0, [%1]"
                         : "+r"(value)
                         : "r"(at)
                         : "memory");
}

static void store_zeros(uint64_t at)
{
    __asm__ volatile("dc zva, %0" : : "r"(at) : "memory");
}

static const struct {
    const char *what;
    void (*store)(uint64_t at);
} stores[] = {{"STRB", store_byte},      {"STP", store_pair},     {"STR Q", store_vector},
              {"STXR", store_exclusive}, {"LDADD", store_atomic}, {"DC ZVA", store_zeros}};

/* Each look finds what was stored since the one before, however often it was stored to. */
static void each_store(uint64_t at)
{
    for (unsigned i = 0; i < sizeof(stores) / sizeof(stores[0]); i++)
        for (unsigned again = 0; again < 2; again++) {
            stores[i].store(at);
            stores[i].store(at + 64);
            expect_pages(stores[i].what, at, 1);
        }
    read64(at);
    expect_pages("a load", 0, 0);
}

void watch_pages(void)
{
    mmu_on();
    page = probe(PROBE_PAGE);
    write64(AREA, 1); /* the page is known before somebody watches it */
    host(PROBE_DO_WATCH, AREA, AREA_SIZE);
    expect_pages("nothing yet", 0, 0);
    each_store(AREA);
    each_store(AREA + AREA_SIZE - page);
    each_store(AREA + AREA_SIZE / 2 + page);
    write64(AREA + 3 * page - 4, UINT64_MAX);
    expect_pages("a store over two pages", AREA + 2 * page, 2);
    write64(AREA - page, 1);
    write64(AREA + AREA_SIZE, 1);
    expect_pages("the pages around", 0, 0);
    for (uint64_t at = AREA; at < AREA + AREA_SIZE; at += page)
        write8(at + at / page % 8, 1);
    expect_pages("every page", AREA, AREA_SIZE / page);
    /* In the middle of what was watched as a whole, and all of it again. */
    host(PROBE_DO_WATCH, AREA + 5 * page, page);
    write64(AREA + 4 * page, 1);
    write64(AREA + 6 * page, 1);
    expect_pages("around one page", 0, 0);
    each_store(AREA + 5 * page);
    host(PROBE_DO_WATCH, AREA, AREA_SIZE);
    each_store(AREA + 4 * page);
    host(PROBE_DO_WATCH, 0, 0);
    write64(AREA, 2);
    expect("what is watched no more", read64(AREA), 2);
}

/* --- */

#define FOLLOWED 12 /* pages apart from each other, in which CPUs count */
#define BURSTS   8
#define LOOKS    50 /* the host's side watches all of it long before */

static volatile uint64_t bursts[2]; /* of both CPUs: how many they began, or ended */
static volatile bool over;

static uint64_t place(uint64_t n, uint64_t cpu)
{
    return AREA + n % FOLLOWED * (AREA_SIZE / FOLLOWED / page) * page + 8 * cpu;
}

/* Counts in one page after another until CPU 0 says that it is enough. */
static void second_count(uint64_t cpu)
{
    uint64_t n = 0;

    mmu_on();
    for (unsigned burst = 1; burst <= BURSTS; burst++) {
        while (bursts[0] < burst)
            ;
        while (!over || n % FOLLOWED) {
            write64(place(n, cpu), n);
            n++;
        }
        dsb();
        bursts[1] = burst;
    }
    psci(false, PSCI_CPU_OFF, 0, 0, 0);
}

static void count_followed(uint64_t *n)
{
    over = false;
    dsb();
    bursts[0]++;
    while (probe(PROBE_LOOKS) < LOOKS)
        for (unsigned i = 0; i < 20 * FOLLOWED; i++) {
            write64(place(*n, 0), *n);
            ++*n;
        }
    over = true;
    while (bursts[1] < bursts[0])
        ;
}

void watch_busy(void)
{
    uint64_t n = 0;

    mmu_on();
    page = probe(PROBE_PAGE);
    expect("CPU_ON", secondary_start(1, second_count, 1), 0);
    for (unsigned burst = 0; burst < BURSTS; burst++) {
        host(PROBE_DO_FOLLOW, AREA, AREA_SIZE);
        count_followed(&n);
        host(PROBE_DO_FOLLOWED, 0, 0);
        expect("pages that are not as they were seen last", probe(PROBE_RESULT), 0);
    }
}
