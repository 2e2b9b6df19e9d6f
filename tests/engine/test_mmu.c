/* SPDX-License-Identifier: ISC */
/*
 * Translation (Arm ARM D8): every granule and level, each kind of fault with its exact ESR and FAR,
 * permissions by exception level, PAN, UAO, WXN, E0PD, EPD, HPD, hierarchical attributes, tags, AT
 * and PAR.
 */
#include "rig.h"

#define DABT(fsc)       esr_data_abort(true, fsc, false)
#define DABT_W(fsc)     esr_data_abort(true, fsc, true)
#define DABT_EL0(fsc)   esr_data_abort(false, fsc, false)
#define DABT_EL0_W(fsc) esr_data_abort(false, fsc, true)
#define VA              UINT64_C(0x0000001234567000)

static int setup(void **state)
{
    *state = rig_create(ENGINE_CPU_ATOLL);
    return 0;
}

static int teardown(void **state)
{
    rig_destroy(*state);
    return 0;
}

/* `word` with X1 = va, at EL1, faults with `esr` and FAR = va. */
static void expect_fault(struct rig *rig, uint32_t word, uint64_t va, uint32_t esr)
{
    rig_set(rig, VCPU_PSTATE, (rig_get(rig, VCPU_PSTATE) & ~PSTATE_MODE) | PSTATE_EL1H);
    rig_code(rig, 1, word);
    rig_set(rig, (enum vcpu_reg)1, va);
    rig_run_to_vector(rig, VECTOR_CURRENT_SPX);
    assert_int_equal(rig_sys_get(rig, ESR_EL1), esr);
    assert_int_equal(rig_sys_get(rig, FAR_EL1), va);
    assert_int_equal(rig_sys_get(rig, ELR_EL1), CODE);
}

static void expect_ok(struct rig *rig, uint32_t word, uint64_t va)
{
    rig_code(rig, 1, word);
    rig_set(rig, (enum vcpu_reg)1, va);
    rig_run_to_end(rig);
}

/* At EL0: CODE must be executable there. */
static void expect_fault_el0(struct rig *rig, uint32_t word, uint64_t va, uint32_t esr)
{
    rig_code(rig, 1, word);
    rig_set(rig, VCPU_PSTATE, PSTATE_EL0T);
    rig_set(rig, (enum vcpu_reg)1, va);
    rig_run_to_vector(rig, VECTOR_LOWER_64);
    assert_int_equal(rig_sys_get(rig, ESR_EL1), esr);
    assert_int_equal(rig_sys_get(rig, FAR_EL1), va);
}

static void expect_ok_el0(struct rig *rig, uint32_t word, uint64_t va)
{
    rig_code(rig, 2, word, SVC(7));
    rig_set(rig, VCPU_PSTATE, PSTATE_EL0T);
    rig_set(rig, (enum vcpu_reg)1, va);
    rig_run_to_vector(rig, VECTOR_LOWER_64);
    assert_int_equal(rig_sys_get(rig, ESR_EL1), esr_imm(ESR_EC_SVC64, 7));
}

/* Makes CODE executable at EL0: a page of its own, under the block that maps it for the rest. */
static void code_for_el0(struct rig *rig, uint64_t top)
{
    uint64_t block = rig_map(rig, top, 12, 48, CODE, CODE & ~(2 * MIB - 1), 2, LEAF);

    rig_poke(rig, block, 0);
    for (uint64_t at = CODE & ~(2 * MIB - 1), n = 0; n < 512; n++, at += 4096)
        rig_map(rig, top, 12, 48, at, at, 3, LEAF | LEAF_USER | LEAF_RO);
}

/* What was cached of the tables goes. */
static void tlbi_all(struct rig *rig)
{
    rig_set(rig, VCPU_PSTATE, PSTATE_EL1H | PSTATE_DAIF);
    rig_code(rig, 3, TLBI_ALL, DSB, ISB);
    rig_run_to_end(rig);
}

/* --- granules and levels --- */

struct granule {
    unsigned shift, tg0, va_bits, first, block;
};

static const struct granule granules[] = {
    {12, 0, 48, 0, 1}, {12, 0, 39, 1, 1}, {12, 0, 36, 1, 1}, {12, 0, 30, 2, 2},
    {14, 2, 48, 0, 2}, {14, 2, 47, 1, 2}, {14, 2, 36, 2, 2}, {14, 2, 25, 3, 3},
    {16, 1, 48, 1, 2}, {16, 1, 42, 2, 2}, {16, 1, 29, 3, 3},
};

/* Maps RAM one to one with the granule's pages and blocks, then the MMU on. */
static uint64_t mmu_with(struct rig *rig, const struct granule *g)
{
    uint64_t top = rig_table(rig, g->shift);
    uint64_t tcr = (64 - g->va_bits) | (uint64_t)g->tg0 << TCR_TG0_SHIFT |
                   UINT64_C(2) << TCR_TG1_SHIFT | (uint64_t)16 << TCR_T1SZ_SHIFT |
                   UINT64_C(5) << 32;

    rig_sys_set(rig, MAIR_EL1, 0x04ff);
    rig_sys_set(rig, TCR_EL1, tcr);
    rig_sys_set(rig, TTBR0_EL1, top);
    return top;
}

static void walks_each_granule(void **state)
{
    struct rig *rig = *state;

    for (size_t i = 0; i < nitems(granules); i++) {
        const struct granule *g = &granules[i];
        uint64_t top = mmu_with(rig, g), mask = bits_mask(g->va_bits);
        uint64_t top_va = mask & ~bits_mask(16), page = RAM + 8 * MIB, ipa;
        unsigned stride = g->shift - 3;

        rig_map(rig, top, g->shift, g->va_bits, top_va, page, 3, LEAF);
        rig_sys_set(rig, SCTLR_EL1, SCTLR_M | SCTLR_C | SCTLR_I);
        assert_int_equal(rig->ops->vcpu_translate(rig->cpu, top_va + 0x128, &ipa), 0);
        assert_int_equal(ipa, page + 0x128);
        assert_int_equal(rig->ops->vcpu_translate(rig->cpu, top_va - BIT(g->shift), &ipa), -EFAULT);
        for (unsigned level = g->block; level < 3; level++) {
            unsigned shift = (3 - level) * stride + g->shift;

            if (shift >= g->va_bits)
                continue;
            rig_map(rig, top, g->shift, g->va_bits, 0, 0, level, LEAF);
            assert_int_equal(rig->ops->vcpu_translate(rig->cpu, BIT(shift) - 8, &ipa), 0);
            assert_int_equal(ipa, BIT(shift) - 8);
            rig_sys_set(rig, TTBR0_EL1, top = rig_table(rig, g->shift));
        }
        rig_sys_set(rig, SCTLR_EL1, 0);
    }
}

/* An entry that is invalid at each level, and one reserved. */
static void translation_faults_by_level(void **state)
{
    struct rig *rig = *state;
    uint64_t top = rig_mmu_on(rig);

    expect_fault(rig, LDR, UINT64_C(0x0000800000000000), DABT(ESR_FSC_TRANSLATION + 0));
    rig_map(rig, top, 12, 48, VA, DATA, 3, LEAF);
    expect_ok(rig, LDR, VA);
    expect_fault(rig, LDR, VA + 0x1000, DABT(ESR_FSC_TRANSLATION + 3));
    expect_fault(rig, STR, VA + 0x1000, DABT_W(ESR_FSC_TRANSLATION + 3));
    expect_fault(rig, LDR, VA + 0x200000, DABT(ESR_FSC_TRANSLATION + 2));
    expect_fault(rig, LDR, VA + 0x40000000, DABT(ESR_FSC_TRANSLATION + 1));
    /* Bits 1:0 = 01 at level 3 are reserved. */
    rig_poke(rig, rig_map(rig, top, 12, 48, VA + 0x2000, DATA, 3, LEAF), DATA | LEAF | 1);
    expect_fault(rig, LDR, VA + 0x2000, DABT(ESR_FSC_TRANSLATION + 3));
    /* A block at level 0 too. */
    rig_map(rig, top, 12, 48, UINT64_C(0x100000000000), 0, 0, LEAF);
    expect_fault(rig, LDR, UINT64_C(0x100000000000), DABT(ESR_FSC_TRANSLATION + 0));
    /* Neither half, and a half that is switched off. */
    expect_fault(rig, LDR, UINT64_C(0x0123000000000000), DABT(ESR_FSC_TRANSLATION + 0));
    rig_sys_set(rig, TCR_EL1, rig_sys_get(rig, TCR_EL1) | TCR_EPD1);
    expect_fault(rig, LDR, UINT64_C(0xffffff8000000000), DABT(ESR_FSC_TRANSLATION + 0));
}

static void address_size_faults(void **state)
{
    struct rig *rig = *state;
    uint64_t top = rig_mmu_on(rig);
    uint64_t slot = rig_map(rig, top, 12, 48, VA, BIT(41), 3, LEAF), table;

    /* PARange is 40 bits: an output address above it faults at its level, also when TCR_EL1.IPS
     * says 48. */
    expect_fault(rig, LDR, VA, DABT(ESR_FSC_ADDRESS_SIZE + 3));
    rig_map(rig, top, 12, 48, VA + 0x40000000, BIT(41), 2, LEAF);
    expect_fault(rig, LDR, VA + 0x40000000, DABT(ESR_FSC_ADDRESS_SIZE + 2));
    /* A table's address too, at the level of the descriptor that names it. */
    table = slot & ~UINT64_C(0xfff);
    for (uint64_t at = TABLES; at < rig->tables; at += 8)
        if ((rig_peek(rig, at) & ~UINT64_C(0xfff)) == table)
            rig_poke(rig, at, rig_peek(rig, at) | BIT(44));
    expect_fault(rig, LDR, VA, DABT(ESR_FSC_ADDRESS_SIZE + 2));
    /* IPS smaller than PARange: 4 GiB. */
    rig_map(rig, top, 12, 48, VA + 0x80000000, BIT(33), 2, LEAF);
    expect_ok(rig, NOP, 0);
    rig_sys_set(rig, TCR_EL1, rig_sys_get(rig, TCR_EL1) & ~(UINT64_C(7) << TCR_IPS_SHIFT));
    expect_fault(rig, LDR, VA + 0x80000000, DABT(ESR_FSC_ADDRESS_SIZE + 2));
    /* TTBR itself: level 0. */
    rig_sys_set(rig, TTBR1_EL1, BIT(45));
    expect_fault(rig, LDR, UINT64_C(0xffffff8000000000), DABT(ESR_FSC_ADDRESS_SIZE + 0));
}

static void address_size_with_mmu_off(void **state)
{
    struct rig *rig = *state;

    expect_fault(rig, LDR, BIT(40), DABT(ESR_FSC_ADDRESS_SIZE + 0));
    expect_fault(rig, STR, UINT64_C(0xff80123450000000), DABT_W(ESR_FSC_ADDRESS_SIZE + 0));
}

static void external_aborts(void **state)
{
    struct rig *rig = *state;
    uint64_t top = rig_mmu_on(rig);

    /* The machine says that nothing is there. */
    rig_map(rig, top, 12, 48, VA, MMIO, 3, LEAF | LEAF_DEVICE);
    for (unsigned write = 0; write < 2; write++) {
        rig_code(rig, 1, write ? STR : LDR);
        rig_set(rig, (enum vcpu_reg)1, VA + 8);
        assert_int_equal(rig_run(rig), EXIT_MMIO);
        assert_int_equal(rig->exit->mmio.ipa, MMIO + 8);
        assert_int_equal(rig->exit->mmio.va, VA + 8);
        assert_int_equal(rig->exit->mmio.size, 8);
        assert_int_equal(rig->exit->mmio.write, write);
        rig->exit->mmio.abort = true;
        rig_run_to_vector(rig, VECTOR_CURRENT_SPX);
        assert_int_equal(rig_sys_get(rig, ESR_EL1),
                         write ? DABT_W(ESR_FSC_EXTERNAL) : DABT(ESR_FSC_EXTERNAL));
        assert_int_equal(rig_sys_get(rig, FAR_EL1), VA + 8);
    }
    /* Instructions from there. */
    rig_code(rig, 1, BR);
    rig_set(rig, (enum vcpu_reg)1, VA);
    rig_run_to_vector(rig, VECTOR_CURRENT_SPX);
    assert_int_equal(rig_sys_get(rig, ESR_EL1), esr_instruction_abort(true, ESR_FSC_EXTERNAL));
    assert_int_equal(rig_sys_get(rig, FAR_EL1), VA);
    assert_int_equal(rig_sys_get(rig, ELR_EL1), VA);
    /* A table that is not memory: level 1 here. */
    rig_poke(rig, top + 8 * 2, MMIO | 3);
    expect_fault(rig, LDR, UINT64_C(0x10000000000), DABT(ESR_FSC_EXTERNAL_WALK + 1));
}

static void access_flag(void **state)
{
    struct rig *rig = *state;
    uint64_t top = rig_mmu_on(rig);

    rig_map(rig, top, 12, 48, VA, DATA, 3, LEAF & ~REG_BIT(10));
    expect_fault(rig, LDR, VA, DABT(ESR_FSC_ACCESS_FLAG + 3));
    rig_map(rig, top, 12, 48, VA + 0x40000000, RAM, 2, LEAF & ~REG_BIT(10));
    expect_fault(rig, STR, VA + 0x40000000, DABT_W(ESR_FSC_ACCESS_FLAG + 2));
    /* A fault is never cached: setting the flag needs no TLBI. */
    rig_map(rig, top, 12, 48, VA, DATA, 3, LEAF);
    expect_ok(rig, LDR, VA);
}

static void permissions(void **state)
{
    struct rig *rig = *state;
    uint64_t top = rig_mmu_on(rig);
    const uint32_t perm = ESR_FSC_PERMISSION + 3;

    code_for_el0(rig, top);
    rig_map(rig, top, 12, 48, VA, DATA, 3, LEAF);
    rig_map(rig, top, 12, 48, VA + 0x1000, DATA, 3, LEAF | LEAF_RO);
    rig_map(rig, top, 12, 48, VA + 0x2000, DATA, 3, LEAF | LEAF_USER);
    rig_map(rig, top, 12, 48, VA + 0x3000, DATA, 3, LEAF | LEAF_USER | LEAF_RO);
    expect_ok(rig, STR, VA);
    expect_ok(rig, LDR, VA + 0x1000);
    expect_fault(rig, STR, VA + 0x1000, DABT_W(perm));
    expect_ok(rig, STR, VA + 0x2000);
    expect_fault(rig, STR, VA + 0x3000, DABT_W(perm));
    expect_fault_el0(rig, LDR, VA, DABT_EL0(perm));
    expect_fault_el0(rig, STR, VA, DABT_EL0_W(perm));
    expect_fault_el0(rig, LDR, VA + 0x1000, DABT_EL0(perm));
    expect_ok_el0(rig, STR, VA + 0x2000);
    expect_ok_el0(rig, LDR, VA + 0x3000);
    expect_fault_el0(rig, STR, VA + 0x3000, DABT_EL0_W(perm));
    /* Unprivileged accesses from EL1, without and with UAO. */
    expect_fault(rig, LDTR, VA, DABT(perm));
    expect_ok(rig, STTR, VA + 0x2000);
    rig_set(rig, VCPU_PSTATE, PSTATE_EL1H | PSTATE_DAIF | PSTATE_UAO);
    expect_ok(rig, LDTR, VA);
}

static void pan(void **state)
{
    struct rig *rig = *state;
    uint64_t top = rig_mmu_on(rig);

    rig_map(rig, top, 12, 48, VA, DATA, 3, LEAF | LEAF_USER);
    expect_ok(rig, LDR, VA);
    rig_set(rig, VCPU_PSTATE, PSTATE_EL1H | PSTATE_DAIF | PSTATE_PAN);
    expect_fault(rig, LDR, VA, DABT(ESR_FSC_PERMISSION + 3));
    expect_fault(rig, STR, VA, DABT_W(ESR_FSC_PERMISSION + 3));
    expect_ok(rig, LDTR, VA);
    expect_ok(rig, LDR, DATA);
}

static void execute_never(void **state)
{
    struct rig *rig = *state;
    uint64_t top = rig_mmu_on(rig);
    static const struct {
        uint64_t attributes;
        bool el1, el0;
    } cases[] = {
        {0, true, true}, /* EL0 needs no read permission to execute */
        {LEAF_PXN, false, true},
        {LEAF_UXN, true, false},
        {LEAF_USER, false, true}, /* writable at EL0: never at EL1 */
        {LEAF_USER | LEAF_RO, true, true},
        {LEAF_USER | LEAF_RO | LEAF_UXN, true, false},
    };

    code_for_el0(rig, top);
    for (size_t i = 0; i < nitems(cases); i++) {
        rig_map(rig, top, 12, 48, VA, CODE, 3, LEAF | LEAF_NG | cases[i].attributes);
        for (unsigned el = 0; el < 2; el++) {
            bool allowed = el ? cases[i].el1 : cases[i].el0;

            rig_sys_set(rig, TTBR0_EL1, top | (uint64_t)(2 * i + el + 1) << 48);
            rig_code(rig, 1, SVC(1));
            rig_set(rig, VCPU_PSTATE, el ? PSTATE_EL1H : PSTATE_EL0T);
            rig_set(rig, VCPU_PC, VA);
            rig_run_to_vector(rig, el ? VECTOR_CURRENT_SPX : VECTOR_LOWER_64);
            assert_int_equal(rig_sys_get(rig, ESR_EL1),
                             allowed ? esr_imm(ESR_EC_SVC64, 1)
                                     : esr_instruction_abort(el, ESR_FSC_PERMISSION + 3));
            assert_int_equal(rig_sys_get(rig, ELR_EL1), allowed ? VA + 4 : VA);
        }
    }
}

static void write_implies_execute_never(void **state)
{
    struct rig *rig = *state;
    uint64_t top = rig_mmu_on(rig);

    code_for_el0(rig, top);
    /* The vectors' block must stay executable: read-only. */
    rig_map(rig, top, 12, 48, VECTORS & ~(2 * MIB - 1), VECTORS & ~(2 * MIB - 1), 2,
            LEAF | LEAF_RO);
    rig_map(rig, top, 12, 48, VA, CODE, 3, LEAF);
    rig_sys_set(rig, SCTLR_EL1, rig_sys_get(rig, SCTLR_EL1) | SCTLR_WXN);
    rig_code(rig, 1, SVC(1));
    rig_set(rig, VCPU_PC, VA);
    rig_run_to_vector(rig, VECTOR_CURRENT_SPX);
    assert_int_equal(rig_sys_get(rig, ESR_EL1),
                     esr_instruction_abort(true, ESR_FSC_PERMISSION + 3));
}

static void hierarchical_attributes(void **state)
{
    struct rig *rig = *state;
    uint64_t top = rig_mmu_on(rig), table;

    code_for_el0(rig, top);
    rig_map(rig, top, 12, 48, VA, DATA, 3, LEAF | LEAF_USER);
    table = top; /* the descriptor at level 0 for VA: index 0, shared with RAM */
    table = rig_peek(rig, table) & ~UINT64_C(0xfff) & bits_mask(48);
    table += (VA >> 30 & 511) * 8; /* the one at level 1 */
    rig_poke(rig, table, rig_peek(rig, table) | BIT(61));
    expect_fault_el0(rig, LDR, VA, DABT_EL0(ESR_FSC_PERMISSION + 3));
    rig_set(rig, VCPU_PSTATE, PSTATE_EL1H);
    expect_ok(rig, STR, VA);
    rig_poke(rig, table, (rig_peek(rig, table) & ~BIT(61)) | BIT(62));
    tlbi_all(rig);
    expect_fault(rig, STR, VA, DABT_W(ESR_FSC_PERMISSION + 3));
    /* HPD0: tables take nothing away. */
    rig_sys_set(rig, TCR_EL1, rig_sys_get(rig, TCR_EL1) | TCR_HPD0);
    expect_ok(rig, STR, VA);
}

static void e0pd(void **state)
{
    struct rig *rig = *state;
    uint64_t top = rig_mmu_on(rig), upper = UINT64_C(0xffff800000000000);

    code_for_el0(rig, top);
    rig_sys_set(rig, TTBR1_EL1, rig_table(rig, 12));
    rig_map(rig, rig_sys_get(rig, TTBR1_EL1), 12, 48, upper, DATA, 3, LEAF | LEAF_USER);
    expect_ok_el0(rig, LDR, upper);
    rig_sys_set(rig, TCR_EL1, rig_sys_get(rig, TCR_EL1) | TCR_E0PD1);
    expect_fault_el0(rig, LDR, upper, DABT_EL0(ESR_FSC_TRANSLATION + 0));
    rig_set(rig, VCPU_PSTATE, PSTATE_EL1H);
    expect_ok(rig, LDR, upper);
    expect_fault(rig, LDTR, upper, DABT(ESR_FSC_TRANSLATION + 0));
}

static void tags(void **state)
{
    struct rig *rig = *state;
    uint64_t top = rig_mmu_on(rig), tagged = VA | UINT64_C(0x5a) << 56;

    rig_map(rig, top, 12, 48, VA, DATA, 3, LEAF);
    rig_poke(rig, DATA, 0x1122334455667788);
    expect_fault(rig, LDR, tagged, DABT(ESR_FSC_TRANSLATION + 0));
    rig_sys_set(rig, TCR_EL1, rig_sys_get(rig, TCR_EL1) | TCR_TBI0);
    expect_ok(rig, LDR, tagged);
    assert_int_equal(rig_get(rig, VCPU_X0), 0x1122334455667788);
    /* A fault reports the address with its tag. */
    expect_fault(rig, LDR, tagged + 0x1000, DABT(ESR_FSC_TRANSLATION + 3));
    /* A branch drops it. */
    rig_map(rig, top, 12, 48, VA, CODE, 3, LEAF);
    tlbi_all(rig);
    rig_code(rig, 1, BR);
    rig_set(rig, (enum vcpu_reg)1, tagged + 4);
    assert_int_equal(rig_run(rig), EXIT_SMCCC);
    assert_int_equal(rig_get(rig, VCPU_PC), VA + 8);
}

/* --- alignment --- */

static void alignment(void **state)
{
    struct rig *rig = *state;
    uint64_t top;

    /* MMU off: data is Device-nGnRnE. */
    expect_fault(rig, LDR, DATA + 1, DABT(ESR_FSC_ALIGNMENT));
    expect_ok(rig, LDRB, DATA + 1);
    top = rig_mmu_on(rig);
    rig_map(rig, top, 12, 48, VA, DATA, 3, LEAF | LEAF_DEVICE);
    expect_ok(rig, LDR, DATA + 1);
    expect_fault(rig, STR, VA + 4, DABT_W(ESR_FSC_ALIGNMENT));
    expect_fault(rig, LDAR, DATA + 4, DABT(ESR_FSC_ALIGNMENT));
    expect_fault(rig, LDXR, DATA + 4, DABT(ESR_FSC_ALIGNMENT));
    expect_fault(rig, LDADD, DATA + 4, DABT(ESR_FSC_ALIGNMENT));
    /* Alignment that does not depend on memory comes before translation. */
    expect_fault(rig, LDAR, UINT64_C(0x8000000000004), DABT(ESR_FSC_ALIGNMENT));
    expect_fault(rig, LDR, UINT64_C(0x0000800000000004), DABT(ESR_FSC_TRANSLATION));
    rig_sys_set(rig, SCTLR_EL1, rig_sys_get(rig, SCTLR_EL1) | SCTLR_A);
    expect_fault(rig, LDR, DATA + 1, DABT(ESR_FSC_ALIGNMENT));
    expect_fault(rig, STR, DATA + 4, DABT_W(ESR_FSC_ALIGNMENT));
}

static void page_crossing(void **state)
{
    struct rig *rig = *state;
    uint64_t top = rig_mmu_on(rig);

    rig_map(rig, top, 12, 48, VA, DATA + 0x5000, 3, LEAF);
    rig_map(rig, top, 12, 48, VA + 0x1000, DATA + 0x2000, 3, LEAF);
    rig_poke(rig, DATA + 0x5ff8, UINT64_C(0x8877665544332211));
    rig_poke(rig, DATA + 0x2000, UINT64_C(0xffeeddccbbaa9988));
    expect_ok(rig, LDR, VA + 0xffd);
    assert_int_equal(rig_get(rig, VCPU_X0), UINT64_C(0xccbbaa9988887766));
    rig_set(rig, VCPU_X0, UINT64_C(0x0102030405060708));
    expect_ok(rig, STR, VA + 0xffd);
    assert_int_equal(rig_peek(rig, DATA + 0x5ff8), UINT64_C(0x0607085544332211));
    assert_int_equal(rig_peek(rig, DATA + 0x2000), UINT64_C(0xffeedd0102030405));
    /* A quadword at every offset around the crossing. */
    for (unsigned offset = 1; offset < 16; offset++) {
        const uint64_t low = UINT64_C(0x1716151413121110), high = UINT64_C(0x1f1e1d1c1b1a1918);
        uint64_t got[2];

        rig->ops->vcpu_set_v(rig->cpu, 0, (const uint64_t[2]){low, high});
        expect_ok(rig, STR_Q, VA + 0x1000 - offset);
        expect_ok(rig, LDR_Q1, VA + 0x1000 - offset);
        rig->ops->vcpu_get_v(rig->cpu, 1, got);
        assert_int_equal(got[0], low);
        assert_int_equal(got[1], high);
        assert_int_equal(rig_peek(rig, DATA + 0x5ff8) >> 56, 0x10 + offset - 1);
        assert_int_equal(rig_peek(rig, DATA + 0x2000) & 0xff, 0x10 + offset);
    }
    /* The second page faults: FAR is its first byte, and nothing was stored. */
    rig_set(rig, VCPU_X0, 0);
    rig_code(rig, 1, STR);
    rig_set(rig, (enum vcpu_reg)1, VA + 0x1ffd);
    rig_run_to_vector(rig, VECTOR_CURRENT_SPX);
    assert_int_equal(rig_sys_get(rig, ESR_EL1), DABT_W(ESR_FSC_TRANSLATION + 3));
    assert_int_equal(rig_sys_get(rig, FAR_EL1), VA + 0x2000);
    assert_int_equal(rig_peek(rig, DATA + 0x2ff8), 0);
}

/* Where the address space ends and starts again, of which an empty TLB must know nothing. */
static void ends(void **state)
{
    struct rig *rig = *state;
    const struct {
        uint64_t va;
        unsigned fsc;
    } end[] = {
        {0, ESR_FSC_TRANSLATION + 1},
        {8, ESR_FSC_TRANSLATION + 1},
        {UINT64_MAX - 7, ESR_FSC_TRANSLATION},
        {UINT64_MAX - 3, ESR_FSC_TRANSLATION},
    };

    rig_mmu_on(rig);
    rig_sys_set(rig, TCR_EL1, rig_sys_get(rig, TCR_EL1) | BIT(23)); /* EPD1 */
    for (unsigned i = 0; i < nitems(end); i++) {
        expect_fault(rig, LDR, end[i].va, DABT(end[i].fsc));
        expect_fault(rig, STR, end[i].va, DABT_W(end[i].fsc));
        expect_fault(rig, STR_Q, end[i].va, DABT_W(end[i].fsc));
    }
}

/* --- atomics, exclusives, cache maintenance --- */

static void kinds_of_access(void **state)
{
    struct rig *rig = *state;
    uint64_t top = rig_mmu_on(rig);

    rig_map(rig, top, 12, 48, VA, DATA, 3, LEAF | LEAF_RO);
    rig_map(rig, top, 12, 48, VA + 0x1000, MMIO, 3, LEAF);
    /* An atomic that even a read would have faulted on is a read. */
    expect_fault(rig, LDADD, VA + 0x2000, DABT(ESR_FSC_TRANSLATION + 3));
    expect_fault(rig, LDADD, VA, DABT_W(ESR_FSC_PERMISSION + 3));
    expect_fault(rig, LDXR, VA + 0x1000, DABT(ESR_FSC_UNSUPPORTED_ATOMIC));
    expect_fault(rig, DC_ZVA, VA + 0x2000, DABT_W(ESR_FSC_TRANSLATION + 3));
    expect_fault(rig, DC_CVAC, VA + 0x2000, DABT_W(ESR_FSC_TRANSLATION + 3) | ESR_DABT_CM);
    expect_fault(rig, IC_IVAU, VA + 0x2000, DABT_W(ESR_FSC_TRANSLATION + 3) | ESR_DABT_CM);
    expect_ok(rig, DC_CVAC, VA);
    rig_poke(rig, DATA + 0x40, 1);
    rig_poke(rig, DATA + 0x78, 2);
    rig_poke(rig, DATA + 0x80, 3);
    expect_ok(rig, DC_ZVA, DATA + 0x55);
    assert_int_equal(rig_peek(rig, DATA + 0x40), 0);
    assert_int_equal(rig_peek(rig, DATA + 0x78), 0);
    assert_int_equal(rig_peek(rig, DATA + 0x80), 3);
    rig_map(rig, top, 12, 48, VA + 0x3000, DATA, 3, LEAF | LEAF_DEVICE);
    expect_fault(rig, DC_ZVA, VA + 0x3040, DABT_W(ESR_FSC_ALIGNMENT));
}

static uint64_t par_after(struct rig *rig, uint32_t word, uint64_t va)
{
    expect_ok(rig, word, va);
    return rig_sys_get(rig, PAR_EL1);
}

static void address_translation(void **state)
{
    struct rig *rig = *state;
    uint64_t top = rig_mmu_on(rig);
    const uint64_t good = PAR_RES1 | BIT(9);

    rig_map(rig, top, 12, 48, VA, DATA, 3, LEAF | LEAF_USER | LEAF_RO);
    rig_map(rig, top, 12, 48, VA + 0x1000, MMIO, 3, LEAF | LEAF_DEVICE);
    assert_int_equal(par_after(rig, AT_S1E1R, VA + 0x123),
                     good | DATA | UINT64_C(3) << PAR_SH_SHIFT | UINT64_C(0xff) << PAR_ATTR_SHIFT);
    assert_int_equal(par_after(rig, AT_S1E1R, VA + 0x1000),
                     good | MMIO | UINT64_C(2) << PAR_SH_SHIFT | UINT64_C(0x04) << PAR_ATTR_SHIFT);
    assert_int_equal(par_after(rig, AT_S1E1W, VA),
                     PAR_F | PAR_RES1 | (ESR_FSC_PERMISSION + 3) << PAR_FST_SHIFT);
    assert_int_equal(par_after(rig, AT_S1E0R, VA) & PAR_F, 0);
    assert_int_equal(par_after(rig, AT_S1E0R, VA + 0x1000),
                     PAR_F | PAR_RES1 | (ESR_FSC_PERMISSION + 3) << PAR_FST_SHIFT);
    assert_int_equal(par_after(rig, AT_S1E1R, VA + 0x2000),
                     PAR_F | PAR_RES1 | (ESR_FSC_TRANSLATION + 3) << PAR_FST_SHIFT);
    /* PAN counts for AT S1E1RP alone. */
    rig_set(rig, VCPU_PSTATE, PSTATE_EL1H | PSTATE_PAN);
    assert_int_equal(par_after(rig, AT_S1E1R, VA) & PAR_F, 0);
    assert_int_equal(par_after(rig, AT_S1E1RP, VA),
                     PAR_F | PAR_RES1 | (ESR_FSC_PERMISSION + 3) << PAR_FST_SHIFT);
}

/* --- the TLB --- */

static void tlb_by_address(void **state)
{
    struct rig *rig = *state;
    uint64_t top = rig_mmu_on(rig);

    rig_poke(rig, DATA, 1);
    rig_poke(rig, DATA + 0x1000, 2);
    rig_map(rig, top, 12, 48, VA, DATA, 3, LEAF);
    expect_ok(rig, LDR, VA);
    rig_map(rig, top, 12, 48, VA, DATA + 0x1000, 3, LEAF);
    rig_code(rig, 4, TLBI_VA_IS, DSB, ISB, 0xf9400040 /* ldr x0, [x2] */);
    rig_set(rig, (enum vcpu_reg)1, VA >> 12);
    rig_set(rig, (enum vcpu_reg)2, VA);
    rig_run_to_end(rig);
    assert_int_equal(rig_get(rig, VCPU_X0), 2);
}

/* One TLBI for any address of a block drops all that was cached of it. */
static void tlb_of_blocks(void **state)
{
    struct rig *rig = *state;
    uint64_t top = rig_mmu_on(rig), va = UINT64_C(0x7000000000);

    rig_poke(rig, RAM + 6 * MIB + 0x5000, 1);
    rig_poke(rig, RAM + 8 * MIB + 0x5000, 2);
    rig_map(rig, top, 12, 48, va, RAM + 6 * MIB, 2, LEAF);
    expect_ok(rig, LDR, va + 0x5000);
    assert_int_equal(rig_get(rig, VCPU_X0), 1);
    rig_map(rig, top, 12, 48, va, RAM + 8 * MIB, 2, LEAF);
    rig_code(rig, 4, TLBI_VA_IS, DSB, ISB, 0xf9400040 /* ldr x0, [x2] */);
    rig_set(rig, (enum vcpu_reg)1, (va + 0x1ff000) >> 12);
    rig_set(rig, (enum vcpu_reg)2, va + 0x5000);
    rig_run_to_end(rig);
    assert_int_equal(rig_get(rig, VCPU_X0), 2);
}

static void asids(void **state)
{
    struct rig *rig = *state;
    uint64_t top = rig_mmu_on(rig), other;

    rig_poke(rig, DATA, 1);
    rig_poke(rig, DATA + 0x1000, 2);
    rig_map(rig, top, 12, 48, VA, DATA, 3, LEAF | LEAF_NG);
    expect_ok(rig, LDR, VA);
    assert_int_equal(rig_get(rig, VCPU_X0), 1);
    other = rig_table(rig, 12);
    for (unsigned i = 0; i < 512; i++)
        rig_poke(rig, other + i * 8, rig_peek(rig, top + i * 8));
    /* Another space, whose tables differ for VA alone. */
    rig_poke(rig, other, rig_table(rig, 12) | 3);
    for (unsigned i = 0; i < 512; i++)
        rig_poke(rig, (rig_peek(rig, other) & ~UINT64_C(3)) + i * 8,
                 rig_peek(rig, (rig_peek(rig, top) & ~UINT64_C(3)) + i * 8));
    rig_poke(rig, (rig_peek(rig, other) & ~UINT64_C(3)) + (VA >> 30 & 511) * 8, 0);
    rig_map(rig, other, 12, 48, VA, DATA + 0x1000, 3, LEAF | LEAF_NG);
    rig_code(rig, 3, MSR(TTBR0_EL1, 2), ISB, LDR);
    rig_set(rig, (enum vcpu_reg)1, VA);
    rig_set(rig, (enum vcpu_reg)2, other | BIT(48));
    rig_run_to_end(rig);
    assert_int_equal(rig_get(rig, VCPU_X0), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(walks_each_granule),
        TEST(translation_faults_by_level),
        TEST(address_size_faults),
        TEST(address_size_with_mmu_off),
        TEST(external_aborts),
        TEST(access_flag),
        TEST(permissions),
        TEST(pan),
        TEST(execute_never),
        TEST(write_implies_execute_never),
        TEST(hierarchical_attributes),
        TEST(e0pd),
        TEST(tags),
        TEST(alignment),
        TEST(page_crossing),
        TEST(ends),
        TEST(kinds_of_access),
        TEST(address_translation),
        TEST(tlb_by_address),
        TEST(tlb_of_blocks),
        TEST(asids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
