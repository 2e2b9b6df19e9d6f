/* SPDX-License-Identifier: ISC */
/*
 * Store-exclusives against plain stores (Arm ARM B2.9): one CPU changes a word and changes it back
 * by plain stores, between the other's load-exclusive and store-exclusive, which must fail. Prints
 * how often it met that, and how often the store-exclusive missed it.
 *
 * CPU 1 stores B, counts, and stores A, each ordered before the next. CPU 0 reads A by a
 * load-exclusive and then the count, waits, and reads the count again. When it has changed, B was
 * stored after A was read: the A that was read came before that B, or the first count would have
 * been the new one. A store-exclusive that then succeeds has missed a store.
 *
 * The guest's argument multiplies the rounds.
 */
#include "guest.h"

#define ATTEMPTS 50000
#define A        0xa
#define B        0xb

static volatile uint64_t subject __attribute__((aligned(64)));
static volatile uint64_t count __attribute__((aligned(64)));
static volatile uint64_t over __attribute__((aligned(64)));

void guest_exception(struct frame *f)
{
    guest_fail(f);
}

static uint64_t load_acquire(volatile uint64_t *p)
{
    uint64_t value;

    __asm__ volatile("ldar %0, %1" : "=r"(value) : "Q"(*p) : "memory");
    return value;
}

static void wait(unsigned turns)
{
    while (turns--)
        __asm__ volatile("nop");
}

static void change_and_back(unsigned index)
{
    for (uint64_t n = index; !load_acquire(&over); n++) {
        subject = B;
        __asm__ volatile("dmb ish" : : : "memory");
        count = n;
        __asm__ volatile("dmb ish" : : : "memory");
        subject = A;
        wait(50);
    }
}

/* 1: the store-exclusive missed a store; 0: it failed, as it must; -1: nothing was to be missed. */
static int attempt(void)
{
    uint64_t value, before, after;
    uint32_t failed;

    __asm__ volatile("ldaxr %0, %1" : "=r"(value) : "Q"(subject) : "memory");
    before = load_acquire(&count);
    wait(100);
    after = load_acquire(&count);
    __asm__ volatile("stlxr %w0, %2, %1" : "=&r"(failed), "+Q"(subject) : "r"(value) : "memory");
    return value == A && before != after ? !failed : -1;
}

int main(void)
{
    uint64_t attempts = ATTEMPTS * (guest_x0 ? guest_x0 : 1), met = 0, missed = 0;

    mmu_on();
    cpu_start(1, change_and_back);
    for (uint64_t i = 0; i < attempts; i++) {
        int result = attempt();

        met += result >= 0;
        missed += result == 1;
        if (i % 16 == 0)
            __asm__ volatile("yield");
    }
    over = 1;
    put_value("A-B-A by plain stores, met", met);
    put_value("and missed", missed);
    return missed != 0;
}
