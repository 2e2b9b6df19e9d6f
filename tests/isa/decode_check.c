/* SPDX-License-Identifier: ISC */
/*
 * Compares the decoder and the disassembler of arm/ with LLVM's, word by word (make check-decode).
 *
 *   decode_check DIFFERENCES sample COUNT [SEED]
 *   decode_check DIFFERENCES all [FIRST LAST]
 *
 * "sample" takes every system instruction, then COUNT words: random ones, random instances of every
 * line of the table, and those with one bit changed; it compares allocation and text. "all" takes
 * every word and compares allocation.
 *
 * LLVM is given exactly the features of the declared CPUs (arm/cpuid.c), all that any has. Where
 * both differ, the Arm ARM decides, and a row of DIFFERENCES says why: "MASK VALUE RELATION KIND
 * reason". KIND is atoll (allocated here only), llvm (there only) or text; RELATION is "-", or two
 * fields that are equal (Rt=Rt2), or a register field that is not 31 (Rs!=31). A difference without
 * a row fails.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <llvm-c/Disassembler.h>
#include <llvm-c/Target.h>

#include "arm/a64.h"

#define FEATURES                                                                                   \
    "+fp-armv8,+neon,+fullfp16,+lse,+crc,+rdm,+dotprod,+aes,+sha2,+rcpc,+ccpp,+pan,+pan-rwv,"      \
    "+uaops,+sb,+ssbs,+pauth,+el3,+v8.2a,-lor,-ras,-vh"
#define MAX_ROWS  256
#define MAX_SHOWN 60

static const struct relation {
    const char *name;
    uint32_t (*a)(uint32_t w);
    uint32_t (*b)(uint32_t w); /* NULL: the number 31, and they differ */
} RELATIONS[] = {
    {"Rt=Rt2", a64_Rt, a64_Rt2}, {"Rt=Rn", a64_Rt, a64_Rn},  {"Rt2=Rn", a64_Rt2, a64_Rn},
    {"Rs!=31", a64_Rs, NULL},    {"Rt2!=31", a64_Rt2, NULL},
};

enum kind { KIND_ATOLL, KIND_LLVM, KIND_TEXT };

struct row {
    uint32_t mask, value;
    const struct relation *relation; /* NULL: none */
    enum kind kind;
    char *reason;
    uint64_t used;
};

struct check {
    LLVMDisasmContextRef llvm;
    struct row row[MAX_ROWS];
    size_t rows;
    uint64_t words, failures;
    uint64_t rng;
};

/* False when there is no relation of that name. */
static bool find_relation(struct row *r, const char *name)
{
    r->relation = NULL;
    for (size_t i = 0; i < sizeof(RELATIONS) / sizeof(RELATIONS[0]); i++) {
        if (strcmp(RELATIONS[i].name, name) == 0) {
            r->relation = &RELATIONS[i];
        }
    }
    return r->relation || strcmp(name, "-") == 0;
}

static bool row_matches(const struct row *r, uint32_t w, enum kind kind)
{
    const struct relation *rel = r->relation;

    if (r->kind != kind || (w & r->mask) != r->value) {
        return false;
    }
    return !rel || (rel->b ? rel->a(w) == rel->b(w) : rel->a(w) != 31);
}

static bool read_rows(struct check *c, const char *path)
{
    static const char *const KINDS[] = {"atoll", "llvm", "text"};
    FILE *in = fopen(path, "r");
    char buf[512], relation[16], kind[8], reason[400];

    if (!in) {
        perror(path);
        return false;
    }
    for (unsigned line = 1; fgets(buf, sizeof(buf), in); line++) {
        struct row *r = &c->row[c->rows];
        unsigned k = 0;

        if (buf[0] == '#' || buf[0] == '\n') {
            continue;
        }
        if (c->rows == MAX_ROWS || sscanf(buf, "%" SCNx32 " %" SCNx32 " %15s %7s %399[^\n]",
                                          &r->mask, &r->value, relation, kind, reason) != 5) {
            fprintf(stderr, "%s:%u: a row is 'MASK VALUE RELATION KIND reason'\n", path, line);
            return false;
        }
        while (k < 3 && strcmp(KINDS[k], kind) != 0) {
            k++;
        }
        if (k == 3 || !find_relation(r, relation) || (r->value & ~r->mask)) {
            fprintf(stderr, "%s:%u: no such kind or relation, or a value outside its mask\n", path,
                    line);
            return false;
        }
        r->kind = (enum kind)k;
        r->reason = strdup(reason);
        c->rows++;
    }
    fclose(in);
    return true;
}

static void differ(struct check *c, uint32_t w, enum kind kind, const char *ours,
                   const char *theirs)
{
    for (size_t i = 0; i < c->rows; i++) {
        if (row_matches(&c->row[i], w, kind)) {
            c->row[i].used++;
            return;
        }
    }
    if (c->failures++ < MAX_SHOWN) {
        printf("%08" PRIx32 "  atoll: %-40s llvm: %s  [%s]\n", w, ours, theirs,
               a64_op_name(a64_decode(w)));
    }
}

/* LLVM's text as ours is: one blank for runs of them, without comments. */
static void normalise(char *text)
{
    char *to = text, *comment = strstr(text, "//");

    if (comment) {
        *comment = '\0';
    }
    for (const char *from = text; *from; from++) {
        bool blank = *from == ' ' || *from == '\t';

        if (!blank) {
            *to++ = *from;
        } else if (to != text && to[-1] != ' ') {
            *to++ = ' ';
        }
    }
    while (to != text && to[-1] == ' ') {
        to--;
    }
    *to = '\0';
}

/* Branch targets are addresses here and offsets there: only what stands before the last operand
 * counts. */
static bool has_target(enum a64_op op)
{
    switch (op) {
    case A64_ADR:
    case A64_ADRP:
    case A64_B:
    case A64_BL:
    case A64_B_cond:
    case A64_CBZ:
    case A64_CBNZ:
    case A64_TBZ:
    case A64_TBNZ:
    case A64_LDR_lit:
    case A64_LDRSW_lit:
    case A64_PRFM_lit:
    case A64_LDR_fp_lit: return true;
    default: return false;
    }
}

static void cut_target(char *text)
{
    char *at = strrchr(text, ' ');

    if (at) {
        *at = '\0';
    }
}

/* A register or SYS instruction that the declared CPU does not have is written by numbers, LLVM
 * knows its name. */
static bool is_generic(enum a64_op op, const char *ours)
{
    switch (op) {
    case A64_MRS:
    case A64_MSR_reg: return strstr(ours, " S2_") || strstr(ours, " S3_");
    case A64_SYS: return strncmp(ours, "sys ", 4) == 0;
    default: return false;
    }
}

static void compare(struct check *c, uint32_t w, bool text)
{
    char theirs[256], ours[256] = "";
    size_t length =
        LLVMDisasmInstruction(c->llvm, (uint8_t *)&w, sizeof(w), 0, theirs, sizeof(theirs));
    enum a64_op op = a64_decode(w);

    c->words++;
    if (!length && op == A64_UNDEFINED) {
        return;
    }
    if (text || (length != 0) != (op != A64_UNDEFINED)) {
        a64_disasm(w, 0, ours, sizeof(ours));
    }
    if (!length) {
        differ(c, w, KIND_ATOLL, ours, "-");
        return;
    }
    if (op == A64_UNDEFINED) {
        normalise(theirs);
        differ(c, w, KIND_LLVM, "-", theirs);
        return;
    }
    if (text) {
        normalise(theirs);
        if (has_target(op)) {
            cut_target(theirs);
            cut_target(ours);
        }
        if (strcmp(ours, theirs) != 0 && !is_generic(op, ours)) {
            differ(c, w, KIND_TEXT, ours, theirs);
        }
    }
}

/* SplitMix64. */
static uint32_t next_random(void *arg)
{
    struct check *c = arg;
    uint64_t z = c->rng += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(z >> 32);
}

/* The whole space of system instructions and registers, with X1 and with XZR. */
static void system_space(struct check *c)
{
    for (uint32_t code = 0; code < 1u << 17; code++) {
        compare(c, UINT32_C(0xd5000001) | code << 5, true);
        compare(c, UINT32_C(0xd500001f) | code << 5, true);
    }
}

/* A third each: any word, an instance of a line, an instance with one bit changed. */
static void sample(struct check *c, uint64_t count)
{
    for (uint64_t i = 0; i < count; i += 3) {
        enum a64_op op = (enum a64_op)(1 + next_random(c) % (A64_OP_COUNT - 1));
        uint32_t w = a64_random(op, next_random, c);

        compare(c, next_random(c), true);
        compare(c, w, true);
        compare(c, w ^ UINT32_C(1) << next_random(c) % 32, true);
    }
}

int main(int argc, char **argv)
{
    static struct check c;

    if (argc < 3 || !read_rows(&c, argv[1])) {
        fprintf(stderr, "usage: decode_check DIFFERENCES sample COUNT [SEED] | all [FIRST LAST]\n");
        return 2;
    }
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64Disassembler();
    c.llvm = LLVMCreateDisasmCPUFeatures("aarch64", "", FEATURES, NULL, 0, NULL, NULL);
    if (!c.llvm) {
        fprintf(stderr, "decode_check: this LLVM has no AArch64 disassembler\n");
        return 2;
    }
    if (strcmp(argv[2], "all") == 0) {
        uint64_t first = argc > 4 ? strtoull(argv[3], NULL, 0) : 0;
        uint64_t last = argc > 4 ? strtoull(argv[4], NULL, 0) : UINT32_MAX;

        for (uint64_t w = first; w <= last; w++) {
            compare(&c, (uint32_t)w, false);
        }
    } else {
        c.rng = argc > 4 ? strtoull(argv[4], NULL, 0) : 1;
        system_space(&c);
        sample(&c, argc > 3 ? strtoull(argv[3], NULL, 0) : 10000000);
    }
    LLVMDisasmDispose(c.llvm);
    for (size_t i = 0; i < c.rows; i++) {
        printf("%10" PRIu64 "  %s\n", c.row[i].used, c.row[i].reason);
        free(c.row[i].reason);
    }
    printf("%" PRIu64 " words, %" PRIu64 " unexplained differences\n", c.words, c.failures);
    return c.failures != 0;
}
