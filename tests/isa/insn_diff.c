/* SPDX-License-Identifier: ISC */
/*
 * The differential instruction test: every EL0 instruction of the encoding table, with random
 * operands on random state, through Atoll and through an oracle. X, SP, V, PC, NZCV, FPCR, FPSR and
 * memory must agree to the bit.
 *
 *   insn_diff EXCEPTIONS ENGINE COUNT SEED ORACLE... [-- OPERATION...]
 *
 * ENGINE runs COUNT cases of each operation (insn_runner.h); SEED makes them repeatable. ORACLE is
 * a command that turns struct insn_case on its standard input into struct case_state on its
 * standard output: "qemu-aarch64 -cpu max insn_oracle". EXCEPTIONS lists, with reasons, what is
 * left out: what an oracle cannot run or gets wrong. An operation of which no case could be run
 * fails the test.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arm/a64.h"
#include "insn_case.h"
#include "insn_random.h"
#include "insn_runner.h"

#define BATCH          4096
#define MAX_EXCEPTIONS 64
#define MAX_SHOWN      3 /* differences of one operation */

/* Words of an operation that are left out. */
struct exception {
    enum a64_op op;
    uint32_t mask, value;
};

struct diff {
    struct exception exception[MAX_EXCEPTIONS];
    size_t exceptions;
    bool wanted[A64_OP_COUNT];
    char **oracle;
    struct random random;
    struct runner *runner;
    struct insn_case in[BATCH];
    struct case_state ours[BATCH], theirs[BATCH];
    enum a64_op op[BATCH];
    unsigned used;
    unsigned ran[A64_OP_COUNT], differ[A64_OP_COUNT];
    uint64_t cases, dropped, failures;
};

/* --- the table of exceptions --- */

static enum a64_op op_by_name(const char *name)
{
    for (unsigned op = 1; op < A64_OP_COUNT; op++) {
        if (strcmp(a64_op_name((enum a64_op)op), name) == 0)
            return (enum a64_op)op;
    }
    return A64_UNDEFINED;
}

/* A line is "MASK VALUE OPERATION reason". */
static bool read_exceptions(struct diff *d, const char *path)
{
    FILE *in = fopen(path, "r");
    char buf[512], name[64], reason[400];
    bool good = in != NULL;

    if (!in)
        perror(path);
    for (unsigned line = 1; good && fgets(buf, sizeof(buf), in); line++) {
        struct exception *e = &d->exception[d->exceptions];

        if (buf[0] == '#' || buf[0] == '\n')
            continue;
        good = d->exceptions++ < MAX_EXCEPTIONS &&
               sscanf(buf, "%" SCNx32 " %" SCNx32 " %63s %399[^\n]", &e->mask, &e->value, name,
                      reason) == 4;
        if (good) {
            e->op = op_by_name(name);
            good = e->op != A64_UNDEFINED;
        }
        if (!good)
            fprintf(stderr, "%s:%u: a line is 'MASK VALUE OPERATION reason'\n", path, line);
    }
    if (in)
        fclose(in);
    return good;
}

static bool left_out(const struct diff *d, uint32_t word)
{
    enum a64_op op = a64_decode(word);

    for (size_t i = 0; i < d->exceptions; i++) {
        const struct exception *e = &d->exception[i];

        if (e->op == op && (word & e->mask) == e->value)
            return true;
    }
    return false;
}

static bool any_left_out(const struct diff *d, const struct insn_case *c)
{
    for (unsigned i = 0; i < c->count; i++) {
        if (left_out(d, c->word[i]))
            return true;
    }
    return false;
}

/* --- Atoll's side --- */

/* Runs the case. False: it is not one that the oracle could run as well. */
static bool run_ours(struct diff *d, const struct insn_case *c, struct case_state *out)
{
    if (!runner_run(d->runner, c, out))
        return false;
    /* A branch to where the oracle's own code and data are would run on there. */
    if (out->signal == SIGSEGV)
        return out->pc >= UINT64_C(0x10000000) || out->pc < UINT64_C(0x100000);
    return true;
}

/* --- the oracle's side --- */

static bool write_all(int fd, const void *buf, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, (const char *)buf + done, size - done);

        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static bool read_all(int fd, void *buf, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = read(fd, (char *)buf + done, size - done);

        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static bool run_theirs(struct diff *d)
{
    FILE *in = tmpfile(), *out = tmpfile();
    bool good = in && out && write_all(fileno(in), d->in, d->used * sizeof(d->in[0]));
    pid_t pid = -1;
    int status = 0;

    if (good && lseek(fileno(in), 0, SEEK_SET) == 0)
        pid = fork();
    if (pid == 0) {
        dup2(fileno(in), 0);
        dup2(fileno(out), 1);
        execvp(d->oracle[0], d->oracle);
        _exit(127);
    }
    good = pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 &&
           lseek(fileno(out), 0, SEEK_SET) == 0 &&
           read_all(fileno(out), d->theirs, d->used * sizeof(d->theirs[0]));
    if (!good)
        fprintf(stderr, "insn_diff: the oracle %s failed (status 0x%x)\n", d->oracle[0], status);
    if (in)
        fclose(in);
    if (out)
        fclose(out);
    return good;
}

/* --- comparison --- */

static void show_u64(const char *name, unsigned n, uint64_t before, uint64_t ours, uint64_t theirs)
{
    if (ours != theirs)
        printf("    %s%-3u was %016" PRIx64 "  atoll %016" PRIx64 "  oracle %016" PRIx64 "\n", name,
               n, before, ours, theirs);
}

static void show_operands(const struct insn_case *c)
{
    uint32_t w = c->word[c->count - 1];
    const unsigned regs[] = {a64_Rd(w), a64_Rn(w), a64_Rm(w), a64_Ra(w)};
    static const char *const NAMES[] = {"d", "n", "m", "a"};

    printf("    fpcr %08x fpsr %08x nzcv %08x\n", c->state.fpcr, c->state.fpsr, c->state.nzcv);
    for (unsigned i = 0; i < 4; i++)
        printf("    %s: x%-2u %016" PRIx64 "  v%-2u %016" PRIx64 "'%016" PRIx64 "\n", NAMES[i],
               regs[i], c->state.x[regs[i]], regs[i], c->state.v[regs[i]][1],
               c->state.v[regs[i]][0]);
}

static void show(const struct insn_case *c, const struct case_state *ours,
                 const struct case_state *theirs)
{
    for (unsigned i = 0; i < c->count; i++) {
        char text[80];

        a64_disasm(c->word[i], CASE_CODE + 4 * i, text, sizeof(text));
        printf("%-22s %08x  %s\n", a64_op_name(a64_decode(c->word[i])), c->word[i], text);
    }
    show_operands(c);
    show_u64("signal ", 0, 0, ours->signal, theirs->signal);
    show_u64("pc", 0, c->state.pc, ours->pc, theirs->pc);
    for (unsigned i = 0; i < 32; i++)
        show_u64("x", i, c->state.x[i], ours->x[i], theirs->x[i]);
    for (unsigned i = 0; i < 32; i++) {
        show_u64("v.lo ", i, c->state.v[i][0], ours->v[i][0], theirs->v[i][0]);
        show_u64("v.hi ", i, c->state.v[i][1], ours->v[i][1], theirs->v[i][1]);
    }
    show_u64("nzcv", 0, c->state.nzcv, ours->nzcv, theirs->nzcv);
    show_u64("fpcr", 0, c->state.fpcr, ours->fpcr, theirs->fpcr);
    show_u64("fpsr", 0, c->state.fpsr, ours->fpsr, theirs->fpsr);
    for (unsigned i = 0; i < CASE_MEMORY_SIZE; i++)
        show_u64("memory ", i, c->state.memory[i], ours->memory[i], theirs->memory[i]);
}

static bool agree(const struct case_state *ours, const struct case_state *theirs)
{
    if (ours->signal != theirs->signal || ours->pc != theirs->pc)
        return false;
    if (ours->signal == SIGILL)
        return true;
    return memcmp(ours->x, theirs->x, sizeof(ours->x)) == 0 &&
           memcmp(ours->v, theirs->v, sizeof(ours->v)) == 0 && ours->nzcv == theirs->nzcv &&
           ours->fpcr == theirs->fpcr && ours->fpsr == theirs->fpsr &&
           memcmp(ours->memory, theirs->memory, sizeof(ours->memory)) == 0;
}

static bool flush(struct diff *d)
{
    if (!run_theirs(d))
        return false;
    for (unsigned i = 0; i < d->used; i++) {
        enum a64_op op = d->op[i];

        if (agree(&d->ours[i], &d->theirs[i]))
            continue;
        d->failures++;
        if (d->differ[op]++ < MAX_SHOWN)
            show(&d->in[i], &d->ours[i], &d->theirs[i]);
    }
    d->cases += d->used;
    d->used = 0;
    return true;
}

static bool test_op(struct diff *d, enum a64_op op, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct insn_case *c = &d->in[d->used];

        random_case(&d->random, op, c);
        if (any_left_out(d, c) || !run_ours(d, c, &d->ours[d->used])) {
            d->dropped++;
            continue;
        }
        d->ran[op]++;
        d->op[d->used++] = op;
        if (d->used == BATCH && !flush(d))
            return false;
    }
    return true;
}

/* The rest of the command line: the oracle's words, and after "--" the operations that are wanted
 * (all, if none). */
static bool read_arguments(struct diff *d, char **argv)
{
    bool all = true;

    d->oracle = argv;
    for (; *argv; argv++) {
        if (strcmp(*argv, "--") == 0) {
            *argv++ = NULL;
            break;
        }
    }
    for (; *argv; argv++) {
        enum a64_op op = op_by_name(*argv);

        if (op == A64_UNDEFINED) {
            fprintf(stderr, "insn_diff: no operation is called %s\n", *argv);
            return false;
        }
        d->wanted[op] = true;
        all = false;
    }
    for (unsigned op = 1; all && op < A64_OP_COUNT; op++)
        d->wanted[op] = true;
    return true;
}

/* Whether all words of the operation are left out. */
static bool skipped(const struct diff *d, enum a64_op op)
{
    for (size_t i = 0; i < d->exceptions; i++) {
        if (d->exception[i].op == op && d->exception[i].mask == 0)
            return true;
    }
    return false;
}

static bool test_all(struct diff *d, unsigned count)
{
    for (unsigned op = 1; op < A64_OP_COUNT; op++) {
        if (d->wanted[op] && !skipped(d, (enum a64_op)op) && !test_op(d, (enum a64_op)op, count))
            return false;
    }
    return d->used == 0 || flush(d);
}

static bool summarise(const struct diff *d)
{
    unsigned tested = 0, left = 0;

    for (unsigned op = 1; op < A64_OP_COUNT; op++) {
        const char *name = a64_op_name((enum a64_op)op);
        bool skip = skipped(d, (enum a64_op)op);

        left += skip;
        tested += d->ran[op] != 0;
        if (d->differ[op])
            printf("%s: %u of %u cases differ\n", name, d->differ[op], d->ran[op]);
        if (d->wanted[op] && !skip && d->ran[op] == 0) {
            printf("%s: no case could be run\n", name);
            return false;
        }
    }
    printf("%u operations tested, %u left out; %" PRIu64 " cases (%" PRIu64 " dropped), %" PRIu64
           " differ\n",
           tested, left, d->cases, d->dropped, d->failures);
    return d->failures == 0;
}

int main(int argc, char **argv)
{
    struct diff *d = calloc(1, sizeof(*d));
    struct error err = {0};
    bool good;

    if (!d || argc < 6 || !read_exceptions(d, argv[1]) || !read_arguments(d, argv + 5)) {
        fprintf(stderr,
                "usage: insn_diff EXCEPTIONS ENGINE COUNT SEED ORACLE... [-- OPERATION...]\n");
        free(d);
        return 2;
    }
    d->runner = runner_new(argv[2], &err);
    if (!d->runner) {
        fprintf(stderr, "insn_diff: %s: %s\n", argv[2], err.text);
        free(d);
        return 2;
    }
    d->random.state = strtoull(argv[4], NULL, 0);
    good = test_all(d, (unsigned)strtoul(argv[3], NULL, 0)) && summarise(d);
    runner_free(d->runner);
    free(d);
    return !good;
}
