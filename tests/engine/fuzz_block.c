/* SPDX-License-Identifier: ISC */
/* Random blocks: the structures, and how they become a block. See fuzz_block.h. */
#include "fuzz_block.h"

#include <string.h>

#include "arm/regs.h"
#include "arm/sysreg.h"
#include "base/bits.h"
#include "fuzz.h"
#include "fuzz_gen.h"

#define COUNTER    28 /* of loops */
#define ROOM       64 /* words that a piece may take, nearly always */
#define PAGE_WORDS 1024
#define LINK       29 /* where the harness goes on after a failed fetch */

static bool one_in(struct gen *g, unsigned n)
{
    return random_below(&g->r, n) == 0;
}

static unsigned between(struct gen *g, unsigned low, unsigned high)
{
    return low + random_below(&g->r, high - low + 1);
}

/* --- the emitter --- */

unsigned gen_at(const struct gen *g)
{
    return g->b->count;
}

void gen_emit(struct gen *g, uint32_t word)
{
    if (g->b->count < FUZZ_MAX_WORDS)
        g->b->word[g->b->count++] = word;
}

unsigned gen_reg(struct gen *g, unsigned other)
{
    for (;;) {
        unsigned n = random_below(&g->r, 31);

        if (n != other && !(g->reserved >> n & 1))
            return n;
    }
}

void gen_mov(struct gen *g, unsigned rd, uint64_t value)
{
    gen_emit(g, 0xd2800000 | (uint32_t)(value & 0xffff) << 5 | rd);
    for (unsigned i = 1; i < 4; i++)
        if (value >> 16 * i & 0xffff)
            gen_emit(g, 0xf2800000 | i << 21 | (uint32_t)(value >> 16 * i & 0xffff) << 5 | rd);
}

void gen_link(struct gen *g, unsigned at, unsigned target)
{
    uint32_t *w = &g->b->word[at], words = target - at;

    if ((*w & 0x9f000000) == A64W_ADR)
        *w = (*w & 0x9f00001f) | (words & 0x7ffff) << 5; /* a distance in bytes: immlo is 0 */
    else if ((*w & 0x7c000000) == A64W_B)
        *w = (*w & 0xfc000000) | (words & 0x3ffffff);
    else if ((*w & 0x7e000000) == 0x36000000)
        *w = (*w & ~(0x3fffu << 5)) | (words & 0x3fff) << 5;
    else
        *w = (*w & ~(0x7ffffu << 5)) | (words & 0x7ffff) << 5;
}

void gen_forward(struct gen *g, uint32_t word, unsigned pieces)
{
    if (g->fixups == GEN_FIXUPS || g->b->count == FUZZ_MAX_WORDS) {
        gen_emit(g, A64W_NOP);
        return;
    }
    g->fixup[g->fixups].at = gen_at(g);
    g->fixup[g->fixups++].left = pieces;
    gen_emit(g, word);
}

static void keep_fixups(struct gen *g, unsigned scope, bool all)
{
    unsigned kept = scope;

    for (unsigned i = scope; i < g->fixups; i++) {
        if (all || g->fixup[i].left == 0)
            gen_link(g, g->fixup[i].at, gen_at(g));
        else
            g->fixup[kept++] = g->fixup[i];
    }
    g->fixups = kept;
}

void gen_arrive(struct gen *g, unsigned scope)
{
    keep_fixups(g, scope, true);
}

void gen_piece(struct gen *g)
{
    for (unsigned i = g->scope; i < g->fixups; i++)
        g->fixup[i].left--;
    keep_fixups(g, g->scope, false);
}

/* --- flags --- */

static void emit_op(struct gen *g, enum a64_op op)
{
    uint32_t w;

    gen_emit(g, gen_word(g, op, &w) ? w : A64W_NOP);
}

/* Something sets the flags, something else comes in between, and then they are used. */
static void flags(struct gen *g)
{
    static const enum a64_op set[] = {
        A64_ADDS_imm, A64_SUBS_imm,   A64_ADDS_shift, A64_SUBS_shift, A64_ADDS_ext, A64_SUBS_ext,
        A64_ANDS_imm, A64_ANDS_shift, A64_BICS_shift, A64_ADCS,       A64_SBCS,     A64_CCMP_imm,
        A64_CCMP_reg, A64_CCMN_imm,   A64_CCMN_reg,   A64_FCMP,       A64_FCMPE,    A64_FCMP_zero,
        A64_FCCMP,    A64_SUBS_imm,   A64_SUBS_shift, A64_ADDS_imm,
    };
    static const enum a64_op use[] = {
        A64_B_cond,   A64_B_cond,   A64_CSEL,     A64_CSINC,    A64_CSINV,  A64_CSNEG,
        A64_CCMP_imm, A64_CCMP_reg, A64_CCMN_reg, A64_CCMN_imm, A64_ADC,    A64_SBC,
        A64_ADCS,     A64_SBCS,     A64_FCSEL,    A64_FCCMP,    A64_FCCMPE, A64_MRS,
    };
    unsigned gap = one_in(g, 2) ? 0 : random_below(&g->r, 5), uses = between(g, 1, 3);

    emit_op(g, set[random_below(&g->r, nitems(set))]);
    while (gap--)
        gen_emit(g, gen_plain(g));
    while (uses--) {
        enum a64_op op = use[random_below(&g->r, nitems(use))];
        uint32_t w;

        if (op == A64_MRS)
            gen_emit(g, A64W_MRS(sysreg_info(SYSREG_NZCV)->key, gen_reg(g, 31)));
        else if (op == A64_B_cond && gen_word(g, op, &w))
            gen_forward(g, w, between(g, 1, 4));
        else
            emit_op(g, op);
    }
}

/* --- memory --- */

/* Several accesses of one place, by different sizes. */
static void accesses(struct gen *g)
{
    static const enum a64_op ops[] = {
        A64_LDR_imm_uoff,
        A64_STR_imm_uoff,
        A64_LDRS_imm_uoff,
        A64_LDUR,
        A64_STUR,
        A64_LDURS,
        A64_LDR_imm_post,
        A64_STR_imm_post,
        A64_LDR_imm_pre,
        A64_STR_imm_pre,
        A64_LDR_reg,
        A64_STR_reg,
        A64_LDP_off,
        A64_STP_off,
        A64_LDP_post,
        A64_STP_pre,
        A64_LDPSW_off,
        A64_LDR_fp_imm_uoff,
        A64_STR_fp_imm_uoff,
        A64_LDP_fp_off,
        A64_STP_fp_off,
        A64_LDUR_fp,
        A64_STUR_fp,
        A64_LDR_fp_reg,
        A64_STR_fp_reg,
        A64_LDAR,
        A64_STLR,
        A64_LDTR,
        A64_STTR,
        A64_LDADD,
        A64_CAS,
        A64_SWP,
    };

    for (unsigned i = between(g, 1, 4); i > 0; i--) {
        uint32_t w;

        if (gen_word(g, ops[random_below(&g->r, nitems(ops))], &w))
            gen_access(g, w);
    }
}

/* Load-exclusive, change, store-exclusive, until it succeeds. */
static void exclusive_loop(struct gen *g)
{
    unsigned n = gen_reg(g, 31), t = gen_reg(g, n), s = gen_reg(g, n),
             size = random_below(&g->r, 4);
    uint64_t target = gen_target(g, true);
    uint32_t acquire = random_below(&g->r, 2) << 15, release = random_below(&g->r, 2) << 15;

    while (s == t)
        s = gen_reg(g, n);
    if (g->options & FUZZ_PORTABLE) /* where neither faults */
        target = fuzz_va(FUZZ_PAGE_DATA) + random_below(&g->r, FUZZ_DATA_PAGES * 256) * 16;
    gen_mov(g, n, target);
    gen_emit(g, 0x085f7c00 | size << 30 | acquire | n << 5 | t);
    gen_emit(g, 0x91000400 | t << 5 | t);
    gen_emit(g, 0x08007c00 | size << 30 | s << 16 | release | n << 5 | t);
    gen_emit(g, 0x35000000 | (uint32_t)(-3 & 0x7ffff) << 5 | s);
}

/* --- translations --- */

static uint64_t some_descriptor(struct gen *g)
{
    static const unsigned flags[] = {FUZZ_USER,           FUZZ_USER, 0,
                                     FUZZ_USER | FUZZ_RO, FUZZ_RO,   FUZZ_USER | FUZZ_NO_AF};

    if (one_in(g, 6))
        return 0;
    return fuzz_descriptor(FUZZ_DATA + random_below(&g->r, FUZZ_DATA_PAGES),
                           flags[random_below(&g->r, nitems(flags))]);
}

static void invalidate(struct gen *g, unsigned page)
{
    static const enum sysop_id by_va[] = {SYSOP_TLBI_VAE1IS, SYSOP_TLBI_VAAE1IS, SYSOP_TLBI_VALE1IS,
                                          SYSOP_TLBI_VAE1,   SYSOP_TLBI_VAALE1,  SYSOP_TLBI_VAAE1};
    static const enum sysop_id all[] = {SYSOP_TLBI_VMALLE1, SYSOP_TLBI_VMALLE1IS};
    unsigned r = gen_reg(g, 31);
    enum sysop_id op =
        one_in(g, 3) ? all[random_below(&g->r, 2)] : by_va[random_below(&g->r, nitems(by_va))];

    gen_mov(g, r, fuzz_va(page) >> 12);
    gen_emit(g, A64W_DSB);
    gen_emit(g, 0xd5000000 | sysop_info(op)->key << 5 | r);
    gen_emit(g, A64W_DSB);
    gen_emit(g, A64W_ISB);
}

/* A page of the window is used, is another one, and is used again. */
static void translation(struct gen *g)
{
    unsigned a = gen_reg(g, 31), b = gen_reg(g, a);
    unsigned page = between(g, FUZZ_PAGE_RO, FUZZ_PAGE_FREE + 1);
    uint64_t va;

    if (page == FUZZ_PAGE_DEVICE)
        page = FUZZ_PAGE_FREE;
    va = fuzz_va(page) + random_below(&g->r, 512) * 8;
    if (one_in(g, 2))
        gen_emit(g, A64W_SVC(FUZZ_SVC_EL1));
    gen_mov(g, a, va);
    gen_emit(g, (one_in(g, 2) ? 0xf9400000 : 0xf9000000) | a << 5 | b);
    gen_mov(g, a, FUZZ_WRITE + FUZZ_TABLE * 4096 + page * 8);
    gen_mov(g, b, some_descriptor(g));
    gen_emit(g, 0xf9000000 | a << 5 | b);
    gen_mov(g, a, 0); /* nobody else writes there */
    invalidate(g, page);
    gen_mov(g, a, va);
    gen_emit(g, (one_in(g, 2) ? 0xf9400000 : 0xf9000000) | a << 5 | b);
    g->b->flush = true;
}

/* --- code --- */

/* An instruction is replaced, made visible, and runs. In a loop it runs before as well. */
static void self_modify(struct gen *g)
{
    unsigned a = gen_reg(g, 31), b = gen_reg(g, a), patch, slot = between(g, 0, 4), value;
    bool counted = g->in_loop && one_in(g, 2);

    if (gen_at(g) + ROOM > FUZZ_MAX_WORDS)
        return;
    value = gen_reg(g, 31);
    patch = gen_at(g);
    gen_emit(g, 0xd2800000 | a); /* movz a, #low half, and movk: below */
    gen_emit(g, 0xf2a00000 | a);
    gen_mov(g, b, counted ? 0xd2800000 | value : gen_plain(g));
    if (counted) /* mov value, #counter */
        gen_emit(g, 0xaa000000 | COUNTER << 16 | 5 << 10 | b << 5 | b);
    gen_emit(g, 0xb9000000 | a << 5 | b);
    gen_emit(g, 0xd50b7b20 | a); /* dc cvau */
    gen_emit(g, A64W_DSB);
    gen_emit(g, 0xd50b7520 | a); /* ic ivau */
    gen_emit(g, A64W_DSB);
    gen_emit(g, A64W_ISB);
    gen_emit(g, 0xd2800000 | a);
    while (slot--)
        gen_emit(g, gen_plain(g));
    slot = g->b->start + gen_at(g);
    g->b->word[patch] |= (slot * 4 & 0xffff) << 5;
    g->b->word[patch + 1] |= (uint32_t)(FUZZ_WRITE >> 16) << 5;
    gen_emit(g, gen_plain(g));
}

static void call(struct gen *g)
{
    unsigned jump, link = gen_at(g), n = gen_reg(g, 30);
    bool indirect = one_in(g, 2);

    if ((g->reserved >> 30 & 1) || gen_at(g) + ROOM > FUZZ_MAX_WORDS)
        return;
    gen_emit(g, indirect ? A64W_ADR | n : A64W_BL);
    if (indirect)
        gen_emit(g, 0xd63f0000 | n << 5);
    jump = gen_at(g);
    gen_emit(g, A64W_B);
    gen_link(g, link, gen_at(g));
    g->reserved |= BIT(30);
    for (unsigned i = between(g, 1, 5); i > 0; i--)
        gen_emit(g, gen_plain(g));
    g->reserved &= ~(uint32_t)BIT(30);
    gen_emit(g, A64W_RET);
    gen_link(g, jump, gen_at(g));
}

/* A branch to what cannot be fetched. The harness goes on at X29. */
static void wild_branch(struct gen *g)
{
    unsigned n = gen_reg(g, LINK), link = gen_at(g);
    uint64_t target;

    switch (random_below(&g->r, 6)) {
    case 0: target = fuzz_va(FUZZ_PAGE_NONE); break;
    case 1: target = fuzz_va(FUZZ_PAGE_DATA) + random_below(&g->r, 1024) * 4; break;
    case 2: target = fuzz_va(FUZZ_PAGE_CODE0) + (random_below(&g->r, 4096) | 2); break;
    case 3: target = fuzz_va(FUZZ_PAGE_NO_AF); break;
    case 4: target = UINT64_C(0x0012345678901234); break;
    default: target = 0; break;
    }
    if ((g->reserved >> LINK & 1) || gen_at(g) + ROOM > FUZZ_MAX_WORDS)
        return;
    if ((g->options & FUZZ_PORTABLE) && target % 4)
        target = 0; /* QEMU looks at permissions before alignment */
    gen_emit(g, A64W_ADR | LINK);
    gen_mov(g, n, target);
    gen_emit(g, A64W_BR(n));
    gen_link(g, link, gen_at(g));
}

/* --- exception levels --- */

static uint64_t some_pstate(struct gen *g, uint64_t mode)
{
    uint64_t value = mode | (random_u64(&g->r) & UINT64_C(0xf0000000));

    if (one_in(g, 4))
        value |= random_u64(&g->r) & (PSTATE_D | PSTATE_A | PSTATE_F | PSTATE_I);
    if (one_in(g, 8))
        value |= random_u64(&g->r) & (PSTATE_PAN | PSTATE_UAO | PSTATE_SSBS);
    if (g->options & FUZZ_PORTABLE)
        value &= ~PSTATE_PAN;
    return value;
}

static void exception_return(struct gen *g)
{
    static const uint64_t modes[] = {PSTATE_EL0T, PSTATE_EL0T, PSTATE_EL1T,
                                     PSTATE_EL1H, PSTATE_EL1T, 9 /* EL2: illegal */};
    /* UAO and SSBS are UNKNOWN after an illegal return. */
    unsigned choices = nitems(modes) - !!(g->options & FUZZ_PORTABLE);
    uint64_t mode = modes[random_below(&g->r, choices)], pstate;
    unsigned a = gen_reg(g, 31), b = gen_reg(g, a), link;
    bool authenticated = !(g->options & FUZZ_PORTABLE) && one_in(g, 4);

    if (gen_at(g) + ROOM > FUZZ_MAX_WORDS)
        return;
    gen_emit(g, A64W_MASK_IRQ); /* an interrupt would change what is set here */
    link = gen_at(g);
    gen_emit(g, A64W_ADR | a);
    if (mode == PSTATE_EL0T) {
        gen_mov(g, b, FUZZ_ALIAS);
        gen_emit(g, 0x8b000000 | b << 16 | a << 5 | a);
    }
    if (authenticated)
        gen_emit(g, 0xdac103e0 | a); /* pacia a, sp */
    gen_emit(g, A64W_MSR(sysreg_info(SYSREG_ELR_EL1)->key, a));
    pstate = some_pstate(g, mode) | (one_in(g, 32) ? PSTATE_IL : 0);
    gen_mov(g, b, pstate);
    gen_emit(g, A64W_MSR(sysreg_info(SYSREG_SPSR_EL1)->key, b));
    gen_emit(g, authenticated ? 0xd69f0bff /* eretaa */ : A64W_ERET);
    gen_link(g, link, gen_at(g));
}

static void change_level(struct gen *g)
{
    switch (random_below(&g->r, 4)) {
    case 0: gen_emit(g, A64W_SVC(FUZZ_SVC_EL1)); break;
    case 1: gen_emit(g, A64W_SVC(FUZZ_SVC_EL0)); break;
    default: exception_return(g); break;
    }
}

/* --- loops --- */

static unsigned iterations(struct gen *g)
{
    if (one_in(g, 64))
        return between(g, 300, 3000);
    return one_in(g, 8) ? between(g, 20, 300) : between(g, 2, 20);
}

static void loop_body(struct gen *g)
{
    switch (random_below(&g->r, 12)) {
    case 0:
    case 1:
    case 2: flags(g); break;
    case 3:
    case 4: accesses(g); break;
    case 5: gen_random(g); break;
    case 6: one_in(g, 2) ? self_modify(g) : call(g); break;
    default: gen_emit(g, gen_plain(g)); break;
    }
}

static void loop(struct gen *g)
{
    unsigned scope = g->scope, top;

    if (gen_at(g) + 3 * ROOM > FUZZ_MAX_WORDS)
        return;
    gen_mov(g, COUNTER, iterations(g));
    top = gen_at(g);
    g->scope = g->fixups; /* nobody jumps into the loop, or out of it */
    g->reserved |= BIT(COUNTER);
    g->in_loop = true;
    for (unsigned i = between(g, 1, 6); i > 0 && gen_at(g) + 2 * ROOM < FUZZ_MAX_WORDS; i--) {
        gen_piece(g);
        loop_body(g);
    }
    gen_arrive(g, g->scope);
    if (one_in(g, 2)) {
        gen_emit(g, 0xd1000400 | COUNTER << 5 | COUNTER); /* sub, cbnz */
        gen_emit(g, 0xb5000000 | COUNTER);
    } else {
        gen_emit(g, 0xf1000400 | COUNTER << 5 | COUNTER); /* subs, b.gt or b.ne */
        gen_emit(g, 0x54000000 | (one_in(g, 2) ? 12 : 1));
    }
    gen_link(g, gen_at(g) - 1, top);
    g->in_loop = false;
    g->reserved &= ~(uint32_t)BIT(COUNTER);
    g->scope = scope;
}

/* --- blocks --- */

static void set_fpcr(struct gen *g)
{
    unsigned n = gen_reg(g, 31);

    gen_mov(g, n, random_fpcr(&g->r));
    gen_emit(g, A64W_MSR(sysreg_info(SYSREG_FPCR)->key, n));
}

static void piece(struct gen *g)
{
    static const struct {
        void (*make)(struct gen *g);
        unsigned weight;
    } kinds[] = {{gen_random, 120},   {flags, 16},       {accesses, 12},   {loop, 8},
                 {exclusive_loop, 3}, {translation, 3},  {self_modify, 3}, {call, 4},
                 {wild_branch, 2},    {change_level, 5}, {set_fpcr, 2}};
    unsigned n = 0;

    for (unsigned i = 0; i < nitems(kinds); i++)
        n += kinds[i].weight;
    n = random_below(&g->r, n);
    gen_piece(g);
    for (unsigned i = 0; i < nitems(kinds); i++) {
        if (n < kinds[i].weight) {
            kinds[i].make(g);
            return;
        }
        n -= kinds[i].weight;
    }
}

static void fill_state(struct gen *g)
{
    static const uint64_t modes[] = {PSTATE_EL0T, PSTATE_EL0T, PSTATE_EL1T, PSTATE_EL1H};
    struct fuzz_state *s = &g->b->state;
    unsigned kind = random_below(&g->r, RANDOM_KINDS);
    uint64_t mode = modes[random_below(&g->r, nitems(modes))];

    for (unsigned i = 0; i < 31; i++)
        s->x[i] = one_in(g, 4) ? gen_target(g, one_in(g, 2)) : random_integer(&g->r);
    for (unsigned i = 0; i < 64; i++)
        s->v[i / 2][i % 2] = random_lanes(&g->r, one_in(g, 4) ? random_below(&g->r, 5) : kind);
    s->sp_el0 = gen_target(g, true);
    s->sp_el1 = gen_target(g, true);
    s->pstate = some_pstate(g, mode);
    s->fpcr = one_in(g, 2) ? random_fpcr(&g->r) : 0;
    s->fpsr = one_in(g, 4) ? 0x0800009f & random_bits(&g->r) : 0;
    s->cpacr = one_in(g, 64) ? (uint64_t)random_below(&g->r, 4) << CPACR_FPEN_SHIFT : CPACR_FPEN;
    s->tpidr = random_u64(&g->r);
    s->pc = fuzz_va(mode == PSTATE_EL0T ? FUZZ_PAGE_CODE0 : FUZZ_PAGE_CODE1) + g->b->start * 4;
}

void fuzz_block_make(struct fuzz_block *b, uint64_t seed, unsigned options)
{
    struct gen g = {.r = {seed}, .b = b, .options = options};
    unsigned pieces;

    g.r.state = random_u64(&g.r); /* sequences of neighbouring seeds have nothing in common */
    pieces = between(&g, 12, 48);
    b->seed = seed;
    b->options = options;
    b->count = 0;
    b->flush = false;
    memset(&b->state, 0, sizeof(b->state));
    /* Half of them lie across two pages. */
    b->start = one_in(&g, 2) ? PAGE_WORDS * between(&g, 1, 2) - between(&g, 4, 90)
                             : random_below(&g.r, PAGE_WORDS);
    fill_state(&g);
    while (pieces-- && b->count + 4 * ROOM < FUZZ_MAX_WORDS)
        piece(&g);
    gen_arrive(&g, 0);
    gen_emit(&g, A64W_SVC(FUZZ_SVC_END));
}
