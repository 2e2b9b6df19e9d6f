/* SPDX-License-Identifier: ISC */
/*
 * Two CPUs and the memory model (Arm ARM B2.3). Prints "name: ok" a test.
 *
 * A litmus test is many instances of one pattern, each with locations of its own; both CPUs go
 * through the instances at the same time, as close to each other as they can, and afterwards no
 * instance may have ended in an outcome that the architecture forbids. Outcomes that it allows
 * prove nothing. After them: counters that must be exact, and a stack without locks, which loses
 * nodes when a store-exclusive does not notice a value that changed and changed back.
 *
 * The guest's argument multiplies the rounds.
 */
#include "guest.h"

#define INSTANCES 512
#define ROUNDS    200
#define COUNTS    100000

struct line {
    volatile uint64_t value;
    uint64_t pad[7];
};

static struct line x[INSTANCES] __attribute__((aligned(64)));
static struct line y[INSTANCES] __attribute__((aligned(64)));
static volatile uint64_t seen[2][INSTANCES][2];
static volatile uint64_t phase, arrived;
static uint64_t failed_tests;

void guest_exception(struct frame *f)
{
    guest_fail(f);
}

/* --- accesses --- */

#define LSE ".arch_extension lse\n"

typedef volatile uint64_t word;

static inline void dmb(void)
{
    __asm__ volatile("dmb ish" : : : "memory");
}

static inline uint64_t ldr(word *p)
{
    uint64_t value;

    __asm__ volatile("ldr %0, %1" : "=r"(value) : "Q"(*p) : "memory");
    return value;
}

static inline void str(word *p, uint64_t value)
{
    __asm__ volatile("str %1, %0" : "=Q"(*p) : "r"(value) : "memory");
}

static inline uint64_t ldar(word *p)
{
    uint64_t value;

    __asm__ volatile("ldar %0, %1" : "=r"(value) : "Q"(*p) : "memory");
    return value;
}

static inline uint64_t ldapr(word *p)
{
    uint64_t value;

    __asm__ volatile(".arch_extension rcpc\n ldapr %0, %1" : "=r"(value) : "Q"(*p) : "memory");
    return value;
}

static inline void stlr(word *p, uint64_t value)
{
    __asm__ volatile("stlr %1, %0" : "=Q"(*p) : "r"(value) : "memory");
}

/* Atomics, as a store of what was zero or a load that changes nothing. */
#define ATOMIC(NAME)                                                                               \
    static inline uint64_t NAME(word *p, uint64_t operand)                                         \
    {                                                                                              \
        uint64_t old;                                                                              \
                                                                                                   \
        __asm__ volatile(LSE #NAME " %2, %0, %1"                                                   \
                         : "=&r"(old), "+Q"(*p)                                                    \
                         : "r"(operand)                                                            \
                         : "memory");                                                              \
        return old;                                                                                \
    }
ATOMIC(swpal)
ATOMIC(swpl)
ATOMIC(ldadd)
ATOMIC(ldadda)
ATOMIC(ldaddl)
ATOMIC(ldaddal)
ATOMIC(ldset)
ATOMIC(ldclral)
ATOMIC(ldeora)
ATOMIC(ldumax)

#define CAS(NAME)                                                                                  \
    static inline uint64_t NAME(word *p, uint64_t expected, uint64_t desired)                      \
    {                                                                                              \
        __asm__ volatile(LSE #NAME " %0, %2, %1"                                                   \
                         : "+r"(expected), "+Q"(*p)                                                \
                         : "r"(desired)                                                            \
                         : "memory");                                                              \
        return expected;                                                                           \
    }
CAS(cas)
CAS(casa)
CAS(casal)

static inline void relax(void)
{
    __asm__ volatile("yield");
}

/* --- the patterns: what each CPU does with one instance, r are its results --- */

#define PATTERN(NAME, CPU0, CPU1)                                                                  \
    static void NAME##_0(word *X, word *Y, volatile uint64_t *r)                                   \
    {                                                                                              \
        CPU0;                                                                                      \
    }                                                                                              \
    static void NAME##_1(word *X, word *Y, volatile uint64_t *r)                                   \
    {                                                                                              \
        CPU1;                                                                                      \
    }

/* Message passing. */
PATTERN(mp, (str(X, 1), str(Y, 1)), (r[0] = ldr(Y), r[1] = ldr(X)))
PATTERN(mp_dmb, (str(X, 1), dmb(), str(Y, 1)), (r[0] = ldr(Y), dmb(), r[1] = ldr(X)))
PATTERN(mp_rel, (str(X, 1), stlr(Y, 1)), (r[0] = ldar(Y), r[1] = ldr(X)))
PATTERN(mp_rcpc, (str(X, 1), stlr(Y, 1)), (r[0] = ldapr(Y), r[1] = ldr(X)))
PATTERN(mp_swp, (str(X, 1), swpl(Y, 1)), (r[0] = ldadda(Y, 0), r[1] = ldr(X)))
PATTERN(mp_add, (str(X, 1), ldaddl(Y, 1)), (r[0] = casa(Y, 7, 7), r[1] = ldr(X)))
PATTERN(mp_cas, (str(X, 1), casal(Y, 0, 1)), (r[0] = ldeora(Y, 0), r[1] = ldr(X)))
/* Store buffering. */
PATTERN(sb, (str(X, 1), r[0] = ldr(Y)), (str(Y, 1), r[0] = ldr(X)))
PATTERN(sb_dmb, (str(X, 1), dmb(), r[0] = ldr(Y)), (str(Y, 1), dmb(), r[0] = ldr(X)))
PATTERN(sb_rel, (stlr(X, 1), r[0] = ldar(Y)), (stlr(Y, 1), r[0] = ldar(X)))
PATTERN(sb_swp, (swpal(X, 1), r[0] = ldar(Y)), (swpal(Y, 1), r[0] = ldar(X)))
PATTERN(sb_add, (ldaddal(X, 1), r[0] = ldar(Y)), (ldaddal(Y, 1), r[0] = ldar(X)))
PATTERN(sb_cas, (casal(X, 0, 1), r[0] = ldar(Y)), (casal(Y, 0, 1), r[0] = ldar(X)))
/* Load buffering. */
PATTERN(lb_dmb, (r[0] = ldr(X), dmb(), str(Y, 1)), (r[0] = ldr(Y), dmb(), str(X, 1)))
PATTERN(lb_acq, (r[0] = ldar(X), str(Y, 1)), (r[0] = ldar(Y), str(X, 1)))
PATTERN(lb_rel, (r[0] = ldr(X), stlr(Y, 1)), (r[0] = ldr(Y), stlr(X, 1)))
PATTERN(lb_swp, (r[0] = ldadda(X, 0), str(Y, 1)), (r[0] = ldadda(Y, 0), str(X, 1)))
/* Coherence: two loads of one location. */
PATTERN(corr, (str(X, 1), str(X, 2)), (r[0] = ldr(X), r[1] = ldr(X)))
PATTERN(corr_add, (ldadd(X, 1), ldadd(X, 1)), (r[0] = ldr(X), r[1] = ldadd(X, 0)))
/* R and S, and two stores each. */
PATTERN(r_dmb, (str(X, 1), dmb(), str(Y, 1)), (str(Y, 2), dmb(), r[0] = ldr(X)))
PATTERN(s_dmb, (str(X, 2), dmb(), str(Y, 1)), (r[0] = ldr(Y), dmb(), str(X, 1)))
PATTERN(w_dmb, (str(X, 1), dmb(), str(Y, 2)), (str(Y, 1), dmb(), str(X, 2)))

/* Outcomes; r0 and r1 are the CPUs' results, X and Y the locations at the end. */
typedef bool outcome(volatile uint64_t *r0, volatile uint64_t *r1, uint64_t X, uint64_t Y);

static bool stale_message(volatile uint64_t *r0, volatile uint64_t *r1, uint64_t X, uint64_t Y)
{
    return r1[0] == 1 && r1[1] == 0;
}

static bool both_old(volatile uint64_t *r0, volatile uint64_t *r1, uint64_t X, uint64_t Y)
{
    return r0[0] == 0 && r1[0] == 0;
}

static bool both_new(volatile uint64_t *r0, volatile uint64_t *r1, uint64_t X, uint64_t Y)
{
    return r0[0] == 1 && r1[0] == 1;
}

static bool backwards(volatile uint64_t *r0, volatile uint64_t *r1, uint64_t X, uint64_t Y)
{
    return r1[1] < r1[0] || X != 2;
}

static bool r_forbidden(volatile uint64_t *r0, volatile uint64_t *r1, uint64_t X, uint64_t Y)
{
    return Y == 2 && r1[0] == 0;
}

static bool s_forbidden(volatile uint64_t *r0, volatile uint64_t *r1, uint64_t X, uint64_t Y)
{
    return r1[0] == 1 && X == 2;
}

static bool both_first(volatile uint64_t *r0, volatile uint64_t *r1, uint64_t X, uint64_t Y)
{
    return X == 1 && Y == 1;
}

typedef void body(word *X, word *Y, volatile uint64_t *r);

static const struct litmus {
    const char *name;
    body *cpu[2];
    outcome *bad;
    bool allowed;
} litmus[] = {
#define ROW(NAME, BAD)                                                                             \
    {                                                                                              \
#NAME, {NAME##_0, NAME##_1 }, BAD, false                                                   \
    }
#define ALLOWED(NAME, BAD)                                                                         \
    {                                                                                              \
#NAME, {NAME##_0, NAME##_1 }, BAD, true                                                    \
    }
    ALLOWED(mp, stale_message),  ROW(mp_dmb, stale_message), ROW(mp_rel, stale_message),
    ROW(mp_rcpc, stale_message), ROW(mp_swp, stale_message), ROW(mp_add, stale_message),
    ROW(mp_cas, stale_message),  ALLOWED(sb, both_old),      ROW(sb_dmb, both_old),
    ROW(sb_rel, both_old),       ROW(sb_swp, both_old),      ROW(sb_add, both_old),
    ROW(sb_cas, both_old),       ROW(lb_dmb, both_new),      ROW(lb_acq, both_new),
    ROW(lb_rel, both_new),       ROW(lb_swp, both_new),      ROW(corr, backwards),
    ROW(corr_add, backwards),    ROW(r_dmb, r_forbidden),    ROW(s_dmb, s_forbidden),
    ROW(w_dmb, both_first),
};
#define LITMUS (sizeof(litmus) / sizeof(litmus[0]))

/* --- both CPUs together --- */

/* Waits for the other CPU. */
static void meet(void)
{
    uint64_t ticket = ldaddal(&arrived, 1);

    while (ldar(&arrived) < (ticket & ~UINT64_C(1)) + 2)
        relax();
}

static uint64_t rounds_of(uint64_t base)
{
    return base * (guest_x0 ? guest_x0 : 1);
}

static void run_instances(const struct litmus *t, unsigned index, uint64_t round)
{
    /* Not always in step: one starts a little after the other. */
    for (uint64_t i = 0; i < (index ? round % 7 : round % 11) * 16; i++)
        __asm__ volatile("nop");
    for (unsigned i = 0; i < INSTANCES; i++)
        t->cpu[index](&x[i].value, &y[i].value, seen[index][i]);
}

static void clear(unsigned index)
{
    for (unsigned i = index; i < INSTANCES; i += 2) {
        x[i].value = y[i].value = 0;
        for (unsigned j = 0; j < 4; j++)
            seen[j / 2][i][j % 2] = 0;
    }
}

static uint64_t count_bad(const struct litmus *t)
{
    uint64_t bad = 0;

    for (unsigned i = 0; i < INSTANCES; i++)
        bad += t->bad(seen[0][i], seen[1][i], x[i].value, y[i].value);
    return bad;
}

static void report(const char *name, uint64_t failures)
{
    put_text(name);
    if (failures) {
        put_text(": FAILED ");
        put_hex(failures);
        put_char('\n');
        failed_tests++;
    } else {
        put_text(": ok\n");
    }
}

static void run_litmus(unsigned index)
{
    for (unsigned n = 0; n < LITMUS; n++) {
        uint64_t bad = 0;

        for (uint64_t round = 0; round < rounds_of(ROUNDS); round++) {
            clear(index);
            meet();
            run_instances(&litmus[n], index, round);
            meet();
            if (index == 0)
                bad += count_bad(&litmus[n]);
            meet();
        }
        if (index == 0 && !litmus[n].allowed)
            report(litmus[n].name, bad);
    }
}

/* --- counters and bits --- */

static struct line counter[8] __attribute__((aligned(64)));
static struct {
    volatile uint64_t value[2];
} pair __attribute__((aligned(16)));

#define EXCLUSIVE_ADD(NAME, LOAD, STORE, W)                                                        \
    static void NAME(volatile void *p)                                                             \
    {                                                                                              \
        uint64_t value;                                                                            \
        uint32_t failed;                                                                           \
                                                                                                   \
        do                                                                                         \
            __asm__ volatile(LOAD " %" W "0, [%2]\n add %0, %0, #1\n " STORE " %w1, %" W "0, [%2]" \
                             : "=&r"(value), "=&r"(failed)                                         \
                             : "r"(p)                                                              \
                             : "memory");                                                          \
        while (failed);                                                                            \
    }
EXCLUSIVE_ADD(add_byte, "ldxrb", "stxrb", "w")
EXCLUSIVE_ADD(add_half, "ldaxrh", "stxrh", "w")
EXCLUSIVE_ADD(add_word, "ldxr", "stlxr", "w")
EXCLUSIVE_ADD(add_double, "ldaxr", "stlxr", "x")

static void add_pair(void)
{
    uint64_t low, high;
    uint32_t failed;

    do
        __asm__ volatile("ldxp %0, %1, [%3]\n add %0, %0, #1\n add %1, %1, #3\n"
                         "stxp %w2, %0, %1, [%3]"
                         : "=&r"(low), "=&r"(high), "=&r"(failed)
                         : "r"(&pair)
                         : "memory");
    while (failed);
}

static void casp_pair(void)
{
    register uint64_t o0 __asm__("x4"), o1 __asm__("x5"), n0 __asm__("x6"), n1 __asm__("x7");
    uint64_t e0 = pair.value[0], e1 = pair.value[1];

    for (;;) {
        o0 = e0, o1 = e1, n0 = e0 + 1, n1 = e1 + 3;
        __asm__ volatile(LSE "caspal %0, %1, %2, %3, [%4]"
                         : "+r"(o0), "+r"(o1)
                         : "r"(n0), "r"(n1), "r"(&pair)
                         : "memory");
        if (o0 == e0 && o1 == e1)
            return;
        e0 = o0, e1 = o1;
    }
}

static void add_by_cas(word *p)
{
    uint64_t old = *p, was;

    while ((was = cas(p, old, old + 1)) != old)
        old = was;
}

/* Bits 0 to 31 are CPU 0's, the others CPU 1's: each finds its own as it left them. */
static uint64_t own_bits(word *p, unsigned index, uint64_t i)
{
    uint64_t mine = UINT64_C(0xffffffff) << 32 * index, bit = UINT64_C(1) << (32 * index + i % 32);
    uint64_t wrong = 0;

    wrong += (ldset(p, bit) & mine) != 0;
    wrong += (ldeora(p, bit) & mine) != bit;
    wrong += (ldset(p, bit) & mine) != 0;
    wrong += (ldclral(p, bit) & mine) != bit;
    return wrong;
}

static void counters(unsigned index)
{
    uint64_t n = rounds_of(COUNTS), wrong = 0;

    meet();
    for (uint64_t i = 0; i < n; i++) {
        add_byte(&counter[0].value);
        add_half(&counter[1].value);
        add_word(&counter[2].value);
        if (i & 1) {
            add_double(&counter[3].value);
            add_pair();
        } else {
            ldadd(&counter[3].value, 1);
            casp_pair();
        }
        add_by_cas(&counter[4].value);
        ldumax(&counter[5].value, i * 2 + index);
        wrong += own_bits(&counter[6].value, index, i);
    }
    if (wrong)
        ldadd(&counter[7].value, wrong);
    meet();
    if (index)
        return;
    report("count by exclusives, bytes", counter[0].value != (2 * n & 0xff));
    report("count by exclusives, halfwords", counter[1].value != (2 * n & 0xffff));
    report("count by exclusives, words", counter[2].value != (uint32_t)(2 * n));
    report("count by exclusives and LDADD", counter[3].value != 2 * n);
    report("count by LDXP and CASP", pair.value[0] != 2 * n || pair.value[1] != 6 * n);
    report("count by CAS", counter[4].value != 2 * n);
    report("maximum", counter[5].value != 2 * n - 1);
    report("bits", counter[7].value + counter[6].value);
}

/* --- a stack without locks: exclusives only --- */

#define NODES 16

static struct node {
    struct node *volatile next;
    volatile uint64_t owner; /* 0: on the stack */
    uint64_t pad[6];
} node[NODES] __attribute__((aligned(64)));
static struct node *volatile head __attribute__((aligned(64)));

static void push(struct node *n)
{
    struct node *first;
    uint32_t failed;

    do {
        __asm__ volatile("ldxr %0, [%1]" : "=r"(first) : "r"(&head) : "memory");
        n->next = first;
        __asm__ volatile("stlxr %w0, %1, [%2]" : "=&r"(failed) : "r"(n), "r"(&head) : "memory");
    } while (failed);
}

/* The load of `next` stands between the exclusives: an A-B-A in between would take a stale one. */
static struct node *pop(void)
{
    struct node *first, *next;
    uint32_t failed;

    do {
        __asm__ volatile("ldaxr %0, [%1]" : "=r"(first) : "r"(&head) : "memory");
        if (!first)
            return NULL;
        next = first->next;
        __asm__ volatile("stxr %w0, %1, [%2]" : "=&r"(failed) : "r"(next), "r"(&head) : "memory");
    } while (failed);
    return first;
}

static void stack(unsigned index)
{
    static volatile uint64_t wrong;
    uint64_t on = 0;

    if (index == 0)
        for (unsigned i = 0; i < NODES; i++)
            push(&node[i]);
    meet();
    for (uint64_t i = 0; i < rounds_of(COUNTS); i++) {
        struct node *a = pop(), *b = pop();

        /* Whoever pops a node is alone with it. */
        if (a && swpal(&a->owner, index + 1) != 0)
            ldadd(&wrong, 1);
        if (b && swpal(&b->owner, index + 1) != 0)
            ldadd(&wrong, 1);
        if (a) {
            a->owner = 0;
            push(a); /* a is on top again, b is not below: what an A-B-A is made of */
        }
        if (b) {
            b->owner = 0;
            push(b);
        }
    }
    meet();
    if (index)
        return;
    for (struct node *n = head; n && on <= NODES; n = n->next)
        on++;
    report("stack", wrong + (on != NODES));
}

/* --- single-copy atomicity --- */

static void halves(unsigned index)
{
    static struct line shared, over;
    uint64_t torn = 0;

    meet();
    if (index == 1) {
        for (uint32_t n = 1; !ldar(&over.value); n++)
            str(&shared.value, (uint64_t)n << 32 | n);
        return;
    }
    for (uint64_t i = 0; i < rounds_of(COUNTS) * 4; i++) {
        uint64_t value = ldr(&shared.value);

        torn += value >> 32 != (uint32_t)value;
    }
    stlr(&over.value, 1);
    report("doublewords are whole", torn);
}

static void both(unsigned index)
{
    run_litmus(index);
    counters(index);
    stack(index);
    halves(index);
    meet();
}

int main(void)
{
    mmu_on();
    cpu_start(1, both);
    both(0);
    return failed_tests != 0;
}
