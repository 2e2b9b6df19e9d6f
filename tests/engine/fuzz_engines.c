/* SPDX-License-Identifier: ISC */
/*
 * The differential fuzzer: blocks of random code (fuzz_block.h) on two engines in one process.
 * After each, everything that a block can change must be the same: registers, flags, memory, the
 * translation table, the exceptions that it took, what it did to the device.
 *
 *     fuzz_engines [--blocks N] [--seconds N] [--seed N] [--repeat N] [--count N] HARNESS A B
 *
 * HARNESS is guest/fuzz.S as a flat image, A and B name engines; A is the reference. Runs N blocks
 * from a seed on, each once on A and `repeat` times on B (so that the last time meets translations
 * that are there already), and ends after so many seconds at the latest. A fifth of the blocks is
 * interrupted at random. One block in `count` runs once more on A, stepped, to count instructions.
 *
 * A difference is made smaller, by taking instructions away while it stays, and printed. Exit
 * status 0: no difference, at least half of the instructions completed, and after a million blocks
 * every operation ran a thousand times.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "arm/regs.h"
#include "fuzz.h"
#include "fuzz_gen.h"
#include "fuzz_side.h"

#define PATIENCE        20000 /* milliseconds for a block */
#define LITTLE_PATIENCE 200   /* for one that is being made smaller */
#define PROGRESS        10    /* seconds */
#define MAX_DIFFERENCES 10
#define FULL_COVERAGE   1000000 /* blocks, after which each operation must have run so often: */
#define FULL_COUNT      1000

struct fuzz {
    struct fuzz_side side[2];
    uint64_t blocks, seconds, seed, repeat, count;
    uint64_t done, generated, differences;
    struct fuzz_counts counts;
    _Atomic(struct fuzz_side *) running;
    _Atomic bool interrupt;   /* the block that runs wants kicks */
    _Atomic uint64_t started; /* milliseconds, as the next */
    _Atomic uint64_t patience;
    _Atomic bool over;
};

static uint64_t milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- the other thread: interrupts, and a watch over blocks that do not end --- */

static void *kick_at_random(void *arg)
{
    struct fuzz *f = arg;
    struct random r = {f->seed};

    while (!atomic_load(&f->over)) {
        struct fuzz_side *s = atomic_load(&f->running);

        nanosleep(&(struct timespec){.tv_nsec = random_below(&r, 200) * 1000}, NULL);
        if (!s)
            continue;
        if (atomic_load(&f->interrupt))
            fuzz_side_kick(s);
        if (milliseconds() > atomic_load(&f->started) + atomic_load(&f->patience)) {
            atomic_store(&s->give_up, true);
            fuzz_side_kick(s);
        }
    }
    return NULL;
}

static enum fuzz_end run(struct fuzz *f, unsigned side, const struct fuzz_block *b,
                         struct fuzz_state *state)
{
    enum fuzz_end end;

    atomic_store(&f->side[side].give_up, false);
    atomic_store(&f->started, milliseconds());
    atomic_store(&f->interrupt, (b->options & FUZZ_INTERRUPTED) != 0);
    atomic_store(&f->running, &f->side[side]);
    end = fuzz_side_run(&f->side[side], b, state);
    atomic_store(&f->running, NULL);
    return end;
}

/* --- comparison --- */

static bool same_memory(const struct fuzz *f)
{
    uint64_t entries[2];
    const uint64_t *a = fuzz_side_log(&f->side[0], &entries[0]);
    const uint64_t *b = fuzz_side_log(&f->side[1], &entries[1]);

    return entries[0] == entries[1] && memcmp(a, b, entries[0] * 32) == 0 &&
           memcmp(fuzz_side_arena(&f->side[0]), fuzz_side_arena(&f->side[1]), FUZZ_ARENA_LEN) == 0;
}

/* Whether the block leaves the same on both. */
static bool agree(struct fuzz *f, const struct fuzz_block *b)
{
    struct fuzz_state state[2];
    enum fuzz_end end = run(f, 0, b, &state[0]);

    for (uint64_t i = 0; i < f->repeat; i++) {
        if (run(f, 1, b, &state[1]) != end)
            return false;
        if (end == FUZZ_DONE &&
            (memcmp(&state[0], &state[1], sizeof(state[0])) != 0 || !same_memory(f)))
            return false;
    }
    return true;
}

/* --- what to say of a difference --- */

static void line(const char *name, unsigned index, uint64_t a, uint64_t b)
{
    if (a != b)
        printf("    %s%u: %016" PRIx64 " and %016" PRIx64 "\n", name, index, a, b);
}

static void print_states(const struct fuzz_state *a, const struct fuzz_state *b)
{
    static const char *const names[] = {"PC",     "SP_EL0", "SP_EL1",    "PSTATE",   "FPCR",
                                        "FPSR",   "CPACR",  "TPIDR_EL0", "PAR",      "CONTEXTIDR",
                                        "device", "CSSELR", "DBGBVR0",   "DBGCLAIM", "CNTKCTL"};
    const uint64_t *one = &a->pc, *two = &b->pc;

    for (unsigned i = 0; i < 31; i++)
        line("X", i, a->x[i], b->x[i]);
    for (unsigned i = 0; i < nitems(names); i++)
        if (one[i] != two[i])
            printf("    %s: %016" PRIx64 " and %016" PRIx64 "\n", names[i], one[i], two[i]);
    for (unsigned i = 0; i < 32; i++)
        if (memcmp(a->v[i], b->v[i], 16) != 0)
            printf("    V%u: %016" PRIx64 "%016" PRIx64 " and %016" PRIx64 "%016" PRIx64 "\n", i,
                   a->v[i][1], a->v[i][0], b->v[i][1], b->v[i][0]);
}

static void print_memory(const struct fuzz *f)
{
    const uint64_t *a = (const void *)fuzz_side_arena(&f->side[0]);
    const uint64_t *b = (const void *)fuzz_side_arena(&f->side[1]);
    uint64_t entries[2];
    const uint64_t *log[2];
    unsigned shown = 0;

    for (unsigned i = 0; i < FUZZ_ARENA_LEN / 8 && shown < 8; i++)
        if (a[i] != b[i]) {
            printf("    arena+%#x: %016" PRIx64 " and %016" PRIx64 "\n", i * 8, a[i], b[i]);
            shown++;
        }
    for (unsigned i = 0; i < 2; i++)
        log[i] = fuzz_side_log(&f->side[i], &entries[i]);
    for (uint64_t i = 0; i < MAX(entries[0], entries[1]); i++) {
        bool same =
            i < MIN(entries[0], entries[1]) && memcmp(&log[0][i * 4], &log[1][i * 4], 32) == 0;

        for (unsigned j = 0; j < 2 && i < 12; j++)
            if (i < entries[j] && (!same || j == 0))
                printf("    exception %" PRIu64 " %s: ESR %09" PRIx64 " FAR %" PRIx64
                       " ELR %" PRIx64 " SPSR %" PRIx64 "\n",
                       i, same ? "of both" : f->side[j].ops->name, log[j][i * 4], log[j][i * 4 + 1],
                       log[j][i * 4 + 2], log[j][i * 4 + 3]);
    }
}

static void print_code(const struct fuzz_block *b)
{
    uint64_t entry = b->state.pc - b->start * 4;

    for (unsigned i = 0; i < b->count; i++) {
        uint64_t pc = entry + (b->start + i) * 4;
        char text[80];

        if (b->word[i] == A64W_NOP)
            continue;
        a64_disasm(b->word[i], pc, text, sizeof(text));
        printf("    %#" PRIx64 ": %08x  %s\n", pc, b->word[i], text);
    }
}

static void print_start(const struct fuzz_block *b)
{
    const struct fuzz_state *s = &b->state;

    printf("    starts with PSTATE %#" PRIx64 ", FPCR %#" PRIx64 ", FPSR %#" PRIx64
           ", CPACR %#" PRIx64 ", SP_EL0 %#" PRIx64 ", SP_EL1 %#" PRIx64 "\n",
           s->pstate, s->fpcr, s->fpsr, s->cpacr, s->sp_el0, s->sp_el1);
    for (unsigned i = 0; i < 31; i++)
        printf("    X%u=%" PRIx64 "%s", i, s->x[i], i % 6 == 5 || i == 30 ? "\n" : "");
    for (unsigned i = 0; i < 32; i++)
        printf("    V%u=%016" PRIx64 "%016" PRIx64 "%s", i, s->v[i][1], s->v[i][0],
               i % 3 == 2 || i == 31 ? "\n" : "");
}

/* --- making it smaller --- */

/* Interrupts come when they come: what they break does not break every time. */
static bool still_differs(struct fuzz *f, const struct fuzz_block *b)
{
    unsigned tries = b->options & FUZZ_INTERRUPTED ? 30 : 1;

    while (tries--)
        if (!agree(f, b))
            return true;
    return false;
}

static bool take_away(struct fuzz *f, struct fuzz_block *b, unsigned first, unsigned count)
{
    struct fuzz_block less = *b;
    bool any = false;

    for (unsigned i = first; i < first + count && i < less.count - 1; i++) {
        any |= less.word[i] != A64W_NOP;
        less.word[i] = A64W_NOP;
    }
    if (!any || !still_differs(f, &less))
        return false;
    *b = less;
    return true;
}

static void shrink(struct fuzz *f, struct fuzz_block *b)
{
    struct fuzz_block calm = *b;
    bool again = true;

    calm.options &= ~(unsigned)FUZZ_INTERRUPTED;
    if (calm.options != b->options && !agree(f, &calm))
        *b = calm;
    for (unsigned n = 64; n > 0; n /= 2)
        for (unsigned i = 0; i < b->count - 1; i += n)
            take_away(f, b, i, n);
    while (again) {
        again = false;
        for (unsigned i = 0; i < b->count - 1; i++)
            again |= take_away(f, b, i, 1);
    }
}

static void explain(struct fuzz *f, struct fuzz_block *b)
{
    static const char *const ends[] = {"ended", "did not end", "could not go on"};
    struct fuzz_state state[2];
    enum fuzz_end end[2] = {FUZZ_DONE, FUZZ_DONE};
    unsigned tries = b->options & FUZZ_INTERRUPTED ? 100 : 1;

    printf("seed %" PRIu64 "%s: %s and %s differ\n", b->seed,
           b->options & FUZZ_INTERRUPTED ? " (interrupted)" : "", f->side[0].ops->name,
           f->side[1].ops->name);
    fflush(stdout);
    atomic_store(&f->patience, LITTLE_PATIENCE);
    shrink(f, b);
    do {
        end[0] = run(f, 0, b, &state[0]);
        for (uint64_t i = 0; i < f->repeat; i++) {
            end[1] = run(f, 1, b, &state[1]);
            if (end[0] != end[1] || memcmp(&state[0], &state[1], sizeof(state[0])) ||
                !same_memory(f))
                break;
        }
    } while (--tries && end[0] == end[1] && !memcmp(&state[0], &state[1], sizeof(state[0])) &&
             same_memory(f));
    print_code(b);
    print_start(b);
    if (end[0] != end[1])
        printf("    it %s and %s\n", ends[end[0]], ends[end[1]]);
    else if (end[0] == FUZZ_DONE)
        print_states(&state[0], &state[1]);
    print_memory(f);
    fflush(stdout);
    atomic_store(&f->patience, PATIENCE);
}

/* --- the run --- */

static void progress(const struct fuzz *f, uint64_t start)
{
    struct vcpu_stats stats;
    double seconds = (double)(milliseconds() - start) / 1e3;

    f->side[0].ops->vcpu_stats(f->side[0].vcpu, &stats);
    printf("%" PRIu64 " blocks, %" PRIu64 " instructions made, %.1f million run by %s (%.2f "
           "million a second), %" PRIu64 " interrupts, %" PRIu64 " differences\n",
           f->done, f->generated, (double)stats.instructions / 1e6, f->side[0].ops->name,
           (double)stats.instructions / 1e6 / seconds, fuzz_side_interrupts(&f->side[1]),
           f->differences);
    fflush(stdout);
}

static void fuzz(struct fuzz *f)
{
    static struct fuzz_block b;
    uint64_t start = milliseconds(), next = PROGRESS;

    for (; f->done < f->blocks && f->differences < MAX_DIFFERENCES; f->done++) {
        uint64_t seed = f->seed + f->done;

        uint64_t seconds = (milliseconds() - start) / 1000;

        if (seconds >= next) {
            progress(f, start);
            next = seconds + PROGRESS;
        }
        if (f->seconds && seconds >= f->seconds)
            break;
        fuzz_block_make(&b, seed, seed % 5 == 0 ? FUZZ_INTERRUPTED : 0);
        f->generated += b.count;
        if (!agree(f, &b)) {
            f->differences++;
            explain(f, &b);
        } else if (f->count && f->done % f->count == 0) {
            fuzz_side_count(&f->side[0], &b, &f->counts);
        }
    }
    progress(f, start);
}

/* What was run: the operations that were met least, and the part that completed. */
static bool enough(const struct fuzz *f)
{
    const struct fuzz_counts *c = &f->counts;
    uint64_t least = UINT64_MAX;
    unsigned never = 0;
    bool good = true;

    if (!f->count)
        return true;
    for (unsigned op = 1; op < A64_OP_COUNT; op++) {
        least = MIN(least, c->op[op]);
        if (c->op[op] == 0 && never++ < 10)
            printf("never run: %s\n", a64_op_name((enum a64_op)op));
    }
    printf("of one block in %" PRIu64 ": %" PRIu64 " instructions, %.1f%% completed; of %d "
           "operations, %u never ran and each ran %" PRIu64 " times at least\n",
           f->count, c->executed, 100.0 * (double)c->completed / (double)MAX(c->executed, 1),
           A64_OP_COUNT - 1, never, least);
    if (c->completed * 2 < c->executed)
        good = false;
    if (f->done >= FULL_COVERAGE && least * f->count < FULL_COUNT)
        good = false;
    return good;
}

static uint64_t *option_value(struct fuzz *f, const char *name)
{
    const struct {
        const char *name;
        uint64_t *value;
    } options[] = {{"--blocks", &f->blocks},
                   {"--seconds", &f->seconds},
                   {"--seed", &f->seed},
                   {"--repeat", &f->repeat},
                   {"--count", &f->count}};

    for (unsigned i = 0; i < nitems(options); i++)
        if (strcmp(name, options[i].name) == 0)
            return options[i].value;
    return NULL;
}

int main(int argc, char **argv)
{
    static struct fuzz f = {.blocks = 1000, .seed = 1, .repeat = 2, .count = 16};
    struct error err = {0};
    pthread_t kicker;
    int at = 1;
    bool good;

    for (; at + 1 < argc && option_value(&f, argv[at]); at += 2)
        *option_value(&f, argv[at]) = strtoull(argv[at + 1], NULL, 0);
    if (argc - at != 3) {
        fprintf(stderr, "usage: fuzz_engines [--blocks N] [--seconds N] [--seed N] [--repeat N] "
                        "[--count N] HARNESS A B\n");
        return 2;
    }
    for (unsigned i = 0; i < 2; i++)
        if (fuzz_side_create(&f.side[i], argv[at + 1 + (int)i], argv[at], &err)) {
            fprintf(stderr, "fuzz_engines: %s\n", err.text);
            return 2;
        }
    atomic_store(&f.patience, PATIENCE);
    pthread_create(&kicker, NULL, kick_at_random, &f);
    fuzz(&f);
    atomic_store(&f.over, true);
    pthread_join(kicker, NULL);
    good = enough(&f) && f.differences == 0;
    for (unsigned i = 0; i < 2; i++)
        fuzz_side_destroy(&f.side[i]);
    return good ? 0 : 1;
}
