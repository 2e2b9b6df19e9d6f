/* SPDX-License-Identifier: ISC */
/*
 * Single random instructions for random blocks: each line of the encoding table as often as the
 * others, with what makes it mean something before it (a base register, a target, a value that the
 * system register takes), and without what would make a block depend on time, or not end.
 */
#include "access.h"
#include "arm/sysreg.h"
#include "base/bits.h"
#include "fuzz.h"
#include "fuzz_gen.h"

#define PAGE 4096

static bool one_in(struct gen *g, unsigned n)
{
    return random_below(&g->r, n) == 0;
}

/* --- which words --- */

static bool is_exclusive(enum a64_op op)
{
    return op == A64_LDXR || op == A64_LDXP || op == A64_STXR || op == A64_STXP;
}

/* STXR and STXP are CONSTRAINED UNPREDICTABLE when Rs is another of their registers. */
static bool is_unpredictable(enum a64_op op, uint32_t w)
{
    if (op != A64_STXR && op != A64_STXP)
        return false;
    return a64_Rs(w) == a64_Rt(w) || a64_Rs(w) == a64_Rn(w) ||
           (op == A64_STXP && a64_Rs(w) == a64_Rt2(w));
}

/* Whether a field of the word could name a reserved register. */
static bool touches_reserved(const struct gen *g, enum a64_op op, uint32_t w)
{
    uint32_t named = BIT(w & 31) | BIT(w >> 5 & 31) | BIT(w >> 10 & 31) | BIT(w >> 16 & 31);

    if (op == A64_CASP)
        named |= named << 1;
    if (op == A64_BL || op == A64_BLR || op == A64_BLRAA || op == A64_BLRAAZ || op == A64_RETAA ||
        op == A64_PAC_x30 || op == A64_XPACLRI)
        named |= BIT(30);
    if (op == A64_PAC_x17)
        named |= BIT(17);
    return (named & g->reserved) != 0;
}

/* Calls and waits have nobody to answer them. Whether a store-exclusive without a monitor faults is
 * IMPLEMENTATION DEFINED (C6.2), and there is no telling whether PAN will make it. */
static bool is_portable(enum a64_op op)
{
    return op != A64_HVC && op != A64_SMC && op != A64_WFI && op != A64_WFE && op != A64_STXR &&
           op != A64_STXP && op != A64_MSR_PAN;
}

static bool is_allowed(const struct gen *g, enum a64_op op, uint32_t w)
{
    if (touches_reserved(g, op, w) || is_unpredictable(op, w))
        return false;
    if ((g->options & FUZZ_INTERRUPTED) && is_exclusive(op))
        return false; /* an interrupt in between makes the store fail */
    return !(g->options & FUZZ_PORTABLE) || is_portable(op);
}

bool gen_word(struct gen *g, enum a64_op op, uint32_t *word)
{
    for (unsigned i = 0; i < 16; i++) {
        *word = a64_random(op, random_bits, &g->r);
        if (is_allowed(g, op, *word))
            return true;
    }
    return false;
}

static bool is_data_processing(uint32_t w)
{
    return (w & 0x1c000000) == 0x10000000 || (w & 0x0e000000) == 0x0a000000 ||
           (w & 0x0e000000) == 0x0e000000;
}

uint32_t gen_plain(struct gen *g)
{
    for (unsigned i = 0; i < 64; i++) {
        enum a64_op op = (enum a64_op)(1 + random_below(&g->r, A64_OP_COUNT - 1));
        uint32_t w;

        if (is_data_processing(a64_op_value(op)) && gen_word(g, op, &w))
            return w;
    }
    return A64W_NOP;
}

/* --- loads and stores --- */

/* About the border between two pages, on either side. */
static uint64_t border(struct gen *g, unsigned window_page)
{
    return fuzz_va(window_page) + random_below(&g->r, 33) - 20;
}

static uint64_t somewhere(struct gen *g)
{
    switch (random_below(&g->r, 24)) {
    case 0:
    case 1:
    case 2: return border(g, FUZZ_PAGE_DATA + 1 + random_below(&g->r, FUZZ_DATA_PAGES - 1));
    case 3: return border(g, FUZZ_PAGE_RO);
    case 4: return border(g, FUZZ_PAGE_NONE);
    case 5: return border(g, FUZZ_PAGE_DATA);
    case 6: return fuzz_va(FUZZ_PAGE_EL1) + random_below(&g->r, PAGE);
    case 7: return border(g, FUZZ_PAGE_NO_AF);
    case 8: return fuzz_va(FUZZ_PAGE_RO) + random_below(&g->r, PAGE);
    case 9: return fuzz_va(FUZZ_PAGE_FREE) + random_below(&g->r, 2 * PAGE);
    case 10:
        if (!(g->options & FUZZ_PORTABLE))
            return fuzz_va(FUZZ_PAGE_DEVICE) + random_below(&g->r, 64);
        /* fallthrough */
    default: return fuzz_va(FUZZ_PAGE_DATA) + random_below(&g->r, FUZZ_DATA_PAGES * PAGE - 64);
    }
}

/* Whether all that an access there could touch has the same permissions. */
static bool is_uniform(uint64_t va)
{
    uint64_t first = (va - 64) / PAGE, last = (va + 64) / PAGE,
             data = fuzz_va(FUZZ_PAGE_DATA) / PAGE;

    return first == last || (first >= data && last < data + FUZZ_DATA_PAGES);
}

uint64_t gen_target(struct gen *g, bool aligned)
{
    uint64_t va;

    do
        va = somewhere(g);
    while ((g->options & FUZZ_PORTABLE) && !is_uniform(va));
    return aligned ? align_down(va, 16) : va;
}

/* The offset register of a register-offset access: small, mostly. */
static void set_offset(struct gen *g, unsigned rm, uint64_t *value)
{
    *value = one_in(g, 4) ? (uint64_t) - (int64_t)random_below(&g->r, 32) : random_below(&g->r, 64);
    gen_mov(g, rm, *value);
}

static bool has_offset_register(uint32_t w)
{
    return (w & 0x3b200c00) == 0x38200800;
}

bool gen_access(struct gen *g, uint32_t w)
{
    unsigned n = a64_Rn(w), m = a64_Rm(w), base = n;
    uint64_t x[31] = {0}, target;

    if (n != 31 && (g->reserved >> n & 1))
        return false;
    if (has_offset_register(w) && m != 31) {
        if (m == n || (g->reserved >> m & 1))
            return false;
        set_offset(g, m, &x[m]);
        if (n == 31)
            base = gen_reg(g, m);
    } else if (n == 31) {
        base = gen_reg(g, 31);
    }
    target = gen_target(g, access_must_align(w) ? (g->options & FUZZ_PORTABLE) || !one_in(g, 8)
                                                : one_in(g, 2));
    if (n == 31 && !one_in(g, 8))
        target = align_down(target - access_offset(w, x), 16) + access_offset(w, x);
    gen_mov(g, base, target - access_offset(w, x));
    if (n == 31)
        gen_emit(g, 0x9100001f | base << 5); /* mov sp, base */
    gen_emit(g, w);
    return true;
}

/* A literal within the data, seen from EL1's code. */
static uint32_t aim_literal(struct gen *g, uint32_t w)
{
    uint64_t pc = fuzz_va(FUZZ_PAGE_CODE1) + (g->b->start + gen_at(g)) * 4;
    uint64_t offset = fuzz_va(FUZZ_PAGE_DATA) + random_below(&g->r, 2 * PAGE) - pc;

    return (w & ~UINT32_C(0x00ffffe0)) | (uint32_t)(offset >> 2 & 0x7ffff) << 5;
}

/* --- system instructions --- */

/* Registers that blocks may write and read; what the harness and the clock change is not here. */
static const enum sysreg_id registers[] = {
    SYSREG_NZCV,    SYSREG_FPCR,      SYSREG_FPSR, SYSREG_TPIDR_EL0, SYSREG_CONTEXTIDR_EL1,
    SYSREG_PAR_EL1, SYSREG_CurrentEL, SYSREG_DAIF, SYSREG_UAO,       SYSREG_AFSR0_EL1,
    SYSREG_SSBS,    SYSREG_SPSel,
};
/* These besides, where only engines are compared: read-only ones, and what QEMU has too much of. */
static const enum sysreg_id more_registers[] = {
    SYSREG_MIDR_EL1,         SYSREG_MPIDR_EL1,   SYSREG_ID_AA64ISAR0_EL1,
    SYSREG_ID_AA64MMFR2_EL1, SYSREG_ID_RESERVED, SYSREG_CTR_EL0,
    SYSREG_DCZID_EL0,        SYSREG_CCSIDR_EL1,  SYSREG_CSSELR_EL1,
    SYSREG_ACTLR_EL1,        SYSREG_RVBAR_EL1,   SYSREG_SP_EL0,
    SYSREG_DBGCLAIMSET_EL1,  SYSREG_MDRAR_EL1,   SYSREG_DBGBVR0_EL1,
    SYSREG_CNTKCTL_EL1,      SYSREG_PAN,         SYSREG_APIAKeyHi_EL1,
};

static void random_register(struct gen *g, enum a64_op op, uint32_t w)
{
    bool more = !(g->options & FUZZ_PORTABLE) && one_in(g, 4);
    enum sysreg_id id = more ? more_registers[random_below(&g->r, nitems(more_registers))]
                             : registers[random_below(&g->r, nitems(registers))];
    const struct sysreg_info *info = sysreg_info(id);
    unsigned rt = a64_Rt(w);

    if (id == SYSREG_CNTKCTL_EL1 && op == A64_MSR_reg)
        return; /* what EL0 sees of the counter */
    if (op == A64_MSR_reg && rt != 31)
        gen_mov(g, rt, id == SYSREG_FPCR ? random_fpcr(&g->r) : random_u64(&g->r) & info->writable);
    gen_emit(g, op == A64_MRS ? A64W_MRS(info->key, rt) : A64W_MSR(info->key, rt));
}

/* Cache and TLB maintenance, address translation. */
static void random_operation(struct gen *g, uint32_t w)
{
    const struct sysop_info *op = sysop_info((enum sysop_id)random_below(&g->r, SYSOP_COUNT));
    bool tlb = op->id >= SYSOP_TLBI_VMALLE1IS;
    unsigned rt = a64_Rt(w);
    uint64_t va;

    if (op->id == SYSOP_DC_IVAC && (g->options & FUZZ_PORTABLE))
        return;
    if ((g->options & FUZZ_PORTABLE) || !one_in(g, 4))
        va = fuzz_va(FUZZ_PAGE_DATA) + random_below(&g->r, FUZZ_DATA_PAGES * PAGE);
    else
        va = gen_target(g, false);
    if (rt == 31)
        rt = gen_reg(g, 31);
    gen_mov(g, rt, tlb ? va >> 12 : va);
    gen_emit(g, 0xd5000000 | op->key << 5 | rt);
}

/* --- branches --- */

static void random_indirect(struct gen *g, uint32_t w)
{
    unsigned n = a64_Rn(w);

    if (n == 31)
        n = gen_reg(g, 31);
    gen_forward(g, A64W_ADR | n, 1 + random_below(&g->r, 6));
    gen_emit(g, (w & ~(31u << 5)) | n << 5);
}

/* --- pointer authentication --- */

#define PACIA(d, n, keyB) (0xdac10000 | (uint32_t)(keyB) << 10 | (uint32_t)(n) << 5 | (d))
#define PACIZA(d, keyB)   (0xdac123e0 | (uint32_t)(keyB) << 10 | (d))
#define PAC_AUTHENTICATE  (UINT32_C(4) << 10) /* bit 2 of pacop */

/* Mostly with a signed address of somewhere further on. */
static void random_authenticated(struct gen *g, enum a64_op op, uint32_t w)
{
    unsigned n = op == A64_RETAA ? 30 : a64_Rn(w);
    bool zero = op == A64_BRAAZ || op == A64_BLRAAZ;

    if (n == 31)
        n = gen_reg(g, 31);
    gen_forward(g, A64W_ADR | n, 3 + random_below(&g->r, 6));
    if (!one_in(g, 8))
        gen_emit(g, zero ? PACIZA(n, a64_keyB(w))
                         : PACIA(n, op == A64_RETAA ? 31 : a64_Rd(w), a64_keyB(w)));
    gen_emit(g, op == A64_RETAA ? w : (w & ~(31u << 5)) | n << 5);
}

/* A random value, or an address, signed, and often authenticated again. */
static void random_pac(struct gen *g, uint32_t w)
{
    if (a64_Rd(w) != 31 && one_in(g, 2))
        gen_mov(g, a64_Rd(w), gen_target(g, false));
    gen_emit(g, w);
    if (!(w & PAC_AUTHENTICATE) && one_in(g, 2))
        gen_emit(g, w | PAC_AUTHENTICATE);
}

/* An immediate that no special call has. */
static uint32_t harmless_call(struct gen *g, enum a64_op op, uint32_t w)
{
    if (op == A64_SVC)
        return w & ~(0x8000u << 5);
    return one_in(g, 2) ? w : w & ~(0xffffu << 5); /* HVC and SMC: 0 is a call to the machine */
}

/* Returns false when nothing was made of it. */
static bool random_of(struct gen *g, enum a64_op op)
{
    uint32_t w;

    if (!gen_word(g, op, &w))
        return false;
    switch (op) {
    case A64_B:
    case A64_BL:
    case A64_B_cond:
    case A64_CBZ:
    case A64_CBNZ:
    case A64_TBZ:
    case A64_TBNZ: gen_forward(g, w, 1 + random_below(&g->r, 6)); return true;
    case A64_BR:
    case A64_BLR:
    case A64_RET: random_indirect(g, w); return true;
    case A64_MRS:
    case A64_MSR_reg: random_register(g, op, w); return true;
    case A64_SYS: random_operation(g, w); return true;
    case A64_SVC:
    case A64_HVC:
    case A64_SMC: gen_emit(g, harmless_call(g, op, w)); return true;
    case A64_BRAA:
    case A64_BRAAZ:
    case A64_BLRAA:
    case A64_BLRAAZ:
    case A64_RETAA: random_authenticated(g, op, w); return true;
    case A64_PAC: random_pac(g, w); return true;
    case A64_ERET:
    case A64_ERETAA: return false; /* fuzz_block.c makes ERET */
    case A64_LDR_lit:
    case A64_LDRSW_lit:
    case A64_LDR_fp_lit: gen_emit(g, one_in(g, 8) ? w : aim_literal(g, w)); return true;
    default: break;
    }
    if (access_is(w) && !one_in(g, 8) && gen_access(g, w))
        return true;
    if ((g->options & FUZZ_PORTABLE) && access_must_align(w))
        return false; /* QEMU does not mind the alignment of all of them */
    gen_emit(g, w);
    return true;
}

void gen_random(struct gen *g)
{
    if (!(g->options & FUZZ_PORTABLE) && one_in(g, 128)) {
        uint32_t w = random_bits(&g->r);

        gen_emit(g, a64_decode(w) == A64_UNDEFINED ? w : A64W_NOP);
        return;
    }
    for (unsigned i = 0; i < 16; i++)
        if (random_of(g, (enum a64_op)(1 + random_below(&g->r, A64_OP_COUNT - 1))))
            return;
    gen_emit(g, A64W_NOP);
}
