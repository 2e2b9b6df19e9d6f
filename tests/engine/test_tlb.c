/* SPDX-License-Identifier: ISC */
/*
 * What a TLB may keep and what each TLBI must drop (Arm ARM D8.13, D8.14): by address, by ASID, of
 * all ASIDs, of blocks, of instructions, in address spaces that do not run; and that a switch of
 * address spaces by itself drops nothing.
 *
 * Each frame of memory holds its own number, so a load says where it went. A translation that was
 * not invalidated since may be any that it has been.
 */
#include "rig.h"

enum {
    TLBI_VA = 0xd5088721, /* by x1, as the following */
    TLBI_ASID = 0xd5088741,
    TLBI_VAA = 0xd5088761,
    TLBI_VAL_IS = 0xd50883a1,
    TLBI_VAAL_IS = 0xd50883e1,
    TLBI_ASID_IS = 0xd5088341,
};
#define LDR_AT_X4  0xf9400080u /* ldr x0, [x4] */
#define LDTR_AT_X4 0xf8400880u /* ldtr x0, [x4] */

#define UPPER   UINT64_C(0xffff800000000000)
#define FRAME   (RAM + 32 * MIB) /* frame n of FRAMES, 2 MiB each */
#define FRAMES  12
#define SPACES  12
#define PAGE_VA UINT64_C(0x0000001234400000)

struct tables {
    struct rig *rig;
    uint64_t kernel;      /* for TTBR1 */
    uint64_t top[SPACES]; /* for TTBR0, by ASID */
    bool a1;              /* the ASID is TTBR1's */
};

static uint64_t frame(unsigned n)
{
    return FRAME + n * 2 * MIB;
}

/* Code runs in the upper half, mapped by global blocks; the lower half is a space's own. */
static int setup(void **state)
{
    struct tables *t = test_malloc(sizeof(*t));
    struct rig *rig = rig_create(ENGINE_CPU_ATOLL);

    *t = (struct tables){.rig = rig, .kernel = rig_mmu_on(rig)};
    for (uint64_t at = RAM; at < RAM + RAM_LEN; at += 2 * MIB)
        rig_map(rig, t->kernel, 12, 48, UPPER + at, at, 2, LEAF);
    rig_sys_set(rig, TTBR1_EL1, t->kernel);
    rig_sys_set(rig, VBAR_EL1, UPPER + VECTORS);
    for (unsigned i = 0; i < SPACES; i++)
        t->top[i] = rig_table(rig, 12);
    for (unsigned i = 0; i < FRAMES; i++)
        for (uint64_t at = 0; at < 2 * MIB; at += 4096)
            rig_poke(rig, frame(i) + at, i);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    rig_destroy(((struct tables *)*state)->rig);
    test_free(*state);
    return 0;
}

/* Runs `word` with X1 and X4 in the space `asid`, entered as Linux does: by way of a table base
 * that maps nothing. Returns X0. */
static uint64_t run_in(struct tables *t, unsigned asid, uint32_t word, uint64_t x1, uint64_t x4)
{
    struct rig *rig = t->rig;
    uint64_t low = t->top[asid], high = t->kernel;

    *(t->a1 ? &high : &low) |= (uint64_t)asid << 48;
    rig_code(rig, 7, MSR(TTBR0_EL1, 6), MSR(TTBR1_EL1, 3), MSR(TTBR0_EL1, 2), ISB, word, DSB, ISB);
    rig_set(rig, (enum vcpu_reg)1, x1);
    rig_set(rig, (enum vcpu_reg)2, low);
    rig_set(rig, (enum vcpu_reg)3, high);
    rig_set(rig, (enum vcpu_reg)4, x4);
    rig_set(rig, (enum vcpu_reg)6, RAM + 48 * MIB);
    rig_set(rig, VCPU_PC, UPPER + CODE);
    assert_int_equal(rig_run(rig), EXIT_SMCCC);
    assert_int_equal(rig_get(rig, VCPU_PC), UPPER + CODE + 32);
    return rig_get(rig, VCPU_X0);
}

static void set_a1(struct tables *t, bool a1)
{
    uint64_t tcr = rig_sys_get(t->rig, TCR_EL1) & ~(TCR_A1 | TCR_AS);

    t->a1 = a1;
    rig_sys_set(t->rig, TCR_EL1, tcr | (a1 ? TCR_A1 : 0) | TCR_AS);
}

static void map(struct tables *t, unsigned asid, uint64_t va, unsigned n, unsigned level,
                uint64_t attributes)
{
    rig_map(t->rig, t->top[asid], 12, 48, va, frame(n), level, LEAF | LEAF_USER | attributes);
}

static uint64_t load(struct tables *t, unsigned asid, uint64_t va)
{
    return run_in(t, asid, LDR_AT_X4, 0, va);
}

static uint64_t load_user(struct tables *t, unsigned asid, uint64_t va)
{
    return run_in(t, asid, LDTR_AT_X4, 0, va);
}

static void tlbi(struct tables *t, unsigned current, uint32_t word, unsigned asid, uint64_t va)
{
    run_in(t, current, word, (uint64_t)asid << 48 | (va >> 12 & bits_mask(44)), 0);
}

static uint64_t walks(struct tables *t)
{
    struct vcpu_stats stats;

    t->rig->ops->vcpu_stats(t->rig->cpu, &stats);
    return stats.tlb_walks;
}

/* --- one thing each --- */

static void switches_drop_nothing(void **state)
{
    struct tables *t = *state;
    uint64_t before;

    for (unsigned a1 = 0; a1 < 2; a1++) {
        set_a1(t, a1);
        for (unsigned i = 0; i < SPACES; i++) {
            map(t, i, PAGE_VA, i, 3, LEAF_NG);
            assert_int_equal(load(t, i, PAGE_VA), i);
            assert_int_equal(load_user(t, i, PAGE_VA), i);
        }
        before = walks(t);
        /* As many as a cache of any reasonable make holds under one address. */
        for (unsigned round = 0; round < 3; round++)
            for (unsigned i = SPACES - 3; i < SPACES; i++) {
                assert_int_equal(load(t, i, PAGE_VA), i);
                assert_int_equal(load_user(t, i, PAGE_VA), i);
            }
        assert_int_equal(walks(t), before);
    }
}

/* Each TLBI that must reach a translation of another address space than the one that runs. */
static void reaches_other_spaces(void **state)
{
    static const struct {
        uint32_t word;
        unsigned asid; /* in the operand */
    } cases[] = {{TLBI_VA, 1},   {TLBI_VAL_IS, 1},  {TLBI_VAA, 2}, {TLBI_VAAL_IS, 0},
                 {TLBI_ASID, 1}, {TLBI_ASID_IS, 1}, {TLBI_ALL, 0}};
    struct tables *t = *state;

    for (unsigned a1 = 0; a1 < 2; a1++) {
        set_a1(t, a1);
        for (unsigned i = 0; i < nitems(cases); i++)
            for (unsigned current = 1; current < 3; current++) {
                map(t, 1, PAGE_VA, 3, 3, LEAF_NG);
                tlbi(t, 2, TLBI_ALL, 0, 0);
                assert_int_equal(load(t, 1, PAGE_VA), 3);
                assert_int_equal(load_user(t, 1, PAGE_VA), 3);
                map(t, 1, PAGE_VA, 4, 3, LEAF_NG);
                tlbi(t, current, cases[i].word, cases[i].asid, PAGE_VA);
                assert_int_equal(load_user(t, 1, PAGE_VA), 4);
                assert_int_equal(load(t, 1, PAGE_VA), 4);
            }
    }
}

/* The same without a switch in between, which drops what EL1 has seen of a space. */
static void reaches_this_space(void **state)
{
    static const uint32_t words[] = {TLBI_VA,   TLBI_VAL_IS,  TLBI_VAA,
                                     TLBI_ASID, TLBI_ASID_IS, TLBI_ALL};
    struct tables *t = *state;
    struct rig *rig = t->rig;

    for (unsigned i = 0; i < nitems(words); i++) {
        map(t, 1, PAGE_VA, 3, 3, LEAF_NG);
        tlbi(t, 1, TLBI_ALL, 0, 0);
        rig_code(rig, 2, LDTR_AT_X4, LDR_AT_X4);
        for (unsigned after = 0; after < 2; after++) {
            rig_set(rig, (enum vcpu_reg)1, UINT64_C(1) << 48 | PAGE_VA >> 12);
            rig_set(rig, (enum vcpu_reg)4, PAGE_VA);
            rig_set(rig, VCPU_PC, UPPER + CODE);
            assert_int_equal(rig_run(rig), EXIT_SMCCC);
            assert_int_equal(rig_get(rig, VCPU_X0), after ? 4 : 3);
            assert_int_equal(rig_get(rig, (enum vcpu_reg)5), after ? 4 : 0);
            map(t, 1, PAGE_VA, 4, 3, LEAF_NG);
            rig_code(rig, 5, words[i], DSB, ISB, LDR_AT_X4, 0xf8400885 /* ldtr x5, [x4] */);
        }
        rig_set(rig, (enum vcpu_reg)5, 0);
    }
}

/* A global translation goes with a TLBI by address of any ASID, and stays with others'. */
static void global_translations(void **state)
{
    struct tables *t = *state;

    for (unsigned asid = 0; asid < 3; asid++) {
        for (unsigned i = 0; i < 3; i++)
            map(t, i, PAGE_VA, 3, 3, 0);
        tlbi(t, 0, TLBI_ALL, 0, 0);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(load(t, i, PAGE_VA), 3);
            assert_int_equal(load_user(t, i, PAGE_VA), 3);
        }
        for (unsigned i = 0; i < 3; i++)
            map(t, i, PAGE_VA, 4, 3, 0);
        tlbi(t, 0, TLBI_VA, asid, PAGE_VA);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(load_user(t, i, PAGE_VA), 4);
            assert_int_equal(load(t, i, PAGE_VA), 4);
        }
    }
}

/* Any address of a block names it, also in a space that does not run. */
static void blocks(void **state)
{
    struct tables *t = *state;
    static const uint32_t words[] = {TLBI_VA, TLBI_VAA};

    for (unsigned i = 0; i < 64; i++) {
        uint64_t va = PAGE_VA + i * 2 * MIB, other = va + i * 0x7000 % (2 * MIB);

        map(t, 1, va, 3, 2, LEAF_NG);
        assert_int_equal(load(t, 1, va + 0x5000), 3);
        assert_int_equal(load_user(t, 1, va + 0x9000), 3);
        map(t, 1, va, 4, 2, LEAF_NG);
        tlbi(t, 1 + i % 2, words[i / 2 % 2], 1, other);
        assert_int_equal(load_user(t, 1, va + 0x9000), 4);
        assert_int_equal(load(t, 1, va + 0x5000), 4);
    }
}

/* Code at EL0 in one space, replaced while another runs. */
static uint64_t svc_at(struct tables *t, unsigned asid, uint64_t va)
{
    struct rig *rig = t->rig;

    load(t, asid, UPPER + RAM); /* enters the space */
    rig_set(rig, VCPU_PSTATE, PSTATE_EL0T);
    rig_set(rig, VCPU_PC, va);
    assert_int_equal(rig_run(rig), EXIT_SMCCC);
    rig_set(rig, VCPU_PSTATE, PSTATE_EL1H | PSTATE_DAIF);
    return rig_sys_get(rig, ESR_EL1) & 0xffff;
}

static void code(void **state)
{
    static const uint32_t words[] = {TLBI_VA, TLBI_VAA, TLBI_ASID, TLBI_ALL};
    struct tables *t = *state;

    for (unsigned i = 0; i < 2; i++) {
        uint32_t svc[2] = {SVC(100 + i), SVC(200 + i)};

        rig_poke(t->rig, frame(i), svc[0]);
        rig_poke(t->rig, frame(i) + 0x1000, svc[1]);
        t->rig->ops->vm_code_written(t->rig->vm, frame(i), 8192);
    }
    for (unsigned i = 0; i < nitems(words); i++) {
        map(t, 1, PAGE_VA, 0, 3, LEAF_NG);
        map(t, 2, PAGE_VA, 1, 3, LEAF_NG);
        tlbi(t, 0, TLBI_ALL, 0, 0);
        assert_int_equal(svc_at(t, 1, PAGE_VA), 100);
        assert_int_equal(svc_at(t, 2, PAGE_VA), 101);
        assert_int_equal(svc_at(t, 1, PAGE_VA), 100);
        map(t, 1, PAGE_VA, 1, 3, LEAF_NG);
        tlbi(t, 2, words[i], 1, PAGE_VA);
        assert_int_equal(svc_at(t, 1, PAGE_VA), 101);
    }
}

/* What EL1 has seen is not what EL0 may see. */
static void hidden_from_el0(void **state)
{
    struct tables *t = *state;
    struct rig *rig = t->rig;

    map(t, 1, PAGE_VA, 3, 3, LEAF_NG);
    rig_map(rig, t->top[1], 12, 48, PAGE_VA + 0x1000, frame(4), 3, LEAF | LEAF_NG);
    rig_sys_set(rig, TCR_EL1, rig_sys_get(rig, TCR_EL1) | TCR_E0PD0);
    assert_int_equal(load(t, 1, PAGE_VA), 3);
    assert_int_equal(load(t, 1, PAGE_VA + 0x1000), 4);
    for (unsigned hidden = 0; hidden < 2; hidden++) {
        rig_code(rig, 1, LDTR_AT_X4);
        rig_set(rig, (enum vcpu_reg)4, PAGE_VA + (hidden ? 0 : 0x1000));
        rig_set(rig, VCPU_PC, UPPER + CODE);
        if (hidden)
            rig_sys_set(rig, TCR_EL1, rig_sys_get(rig, TCR_EL1) | TCR_E0PD0);
        else
            rig_sys_set(rig, TCR_EL1, rig_sys_get(rig, TCR_EL1) & ~TCR_E0PD0);
        load(t, 1, PAGE_VA);
        load(t, 1, PAGE_VA + 0x1000);
        rig_code(rig, 1, LDTR_AT_X4);
        rig_set(rig, (enum vcpu_reg)4, PAGE_VA + (hidden ? 0 : 0x1000));
        rig_set(rig, VCPU_PC, UPPER + CODE);
        assert_int_equal(rig_run(rig), EXIT_SMCCC);
        assert_int_equal(rig_get(rig, VCPU_PC), UPPER + VECTORS + VECTOR_CURRENT_SPX + 4);
        assert_int_equal(
            rig_sys_get(rig, ESR_EL1),
            esr_data_abort(true, hidden ? ESR_FSC_TRANSLATION : ESR_FSC_PERMISSION + 3, false));
    }
}

/* Tagged addresses are the same page to a TLBI. */
static void tagged(void **state)
{
    struct tables *t = *state;
    uint64_t with_tag = PAGE_VA | UINT64_C(0x5a) << 56;

    rig_sys_set(t->rig, TCR_EL1, rig_sys_get(t->rig, TCR_EL1) | TCR_TBI0);
    map(t, 1, PAGE_VA, 3, 3, LEAF_NG);
    assert_int_equal(load(t, 1, with_tag), 3);
    assert_int_equal(load_user(t, 1, with_tag), 3);
    map(t, 1, PAGE_VA, 4, 3, LEAF_NG);
    tlbi(t, 2, TLBI_VA, 1, PAGE_VA);
    assert_int_equal(load_user(t, 1, with_tag), 4);
    assert_int_equal(load(t, 1, with_tag), 4);
}

/* LDTR and STTR have a way of their own to the TLB: it follows UAO and the space. */
static void unprivileged(void **state)
{
    struct tables *t = *state;
    struct rig *rig = t->rig;
    uint64_t va = PAGE_VA + 0x3000;

    map(t, 1, PAGE_VA, 3, 3, LEAF_NG);
    map(t, 2, PAGE_VA, 4, 3, LEAF_NG);
    rig_map(rig, t->top[1], 12, 48, va, frame(5), 3, LEAF | LEAF_NG); /* EL1's */
    assert_int_equal(load_user(t, 1, PAGE_VA), 3);
    assert_int_equal(load_user(t, 2, PAGE_VA), 4);
    rig_set(rig, VCPU_PSTATE, PSTATE_EL1H | PSTATE_DAIF | PSTATE_UAO);
    assert_int_equal(load_user(t, 1, va), 5);
    assert_int_equal(load_user(t, 1, PAGE_VA), 3);
    rig_set(rig, VCPU_PSTATE, PSTATE_EL1H | PSTATE_DAIF);
    assert_int_equal(load_user(t, 1, PAGE_VA), 3);
    rig_code(rig, 1, LDTR_AT_X4);
    rig_set(rig, (enum vcpu_reg)4, va);
    rig_set(rig, VCPU_PC, UPPER + CODE);
    assert_int_equal(rig_run(rig), EXIT_SMCCC);
    assert_int_equal(rig_sys_get(rig, ESR_EL1),
                     esr_data_abort(true, ESR_FSC_PERMISSION + 3, false));
    /* With UAO, PAN counts, whatever EL0 has seen. */
    for (unsigned at_once = 0; at_once < 2; at_once++) {
        uint64_t pstate = PSTATE_EL1H | PSTATE_DAIF | PSTATE_PAN;

        assert_int_equal(load_user(t, 1, PAGE_VA), 3);
        rig_set(rig, VCPU_PSTATE, at_once ? pstate : pstate | PSTATE_UAO);
        rig_code(rig, 2, at_once ? 0xd500417f : NOP, LDTR_AT_X4);
        rig_set(rig, (enum vcpu_reg)4, PAGE_VA);
        rig_set(rig, VCPU_PC, UPPER + CODE);
        assert_int_equal(rig_run(rig), EXIT_SMCCC);
        assert_int_equal(rig_get(rig, VCPU_PC), UPPER + VECTORS + VECTOR_CURRENT_SPX + 4);
        rig_set(rig, VCPU_PSTATE, PSTATE_EL1H | PSTATE_DAIF);
    }
    /* And within one run: UAO set, cleared, the space changed. */
    rig_code(rig, 5, 0xd500417f /* msr uao, #1 */, 0xf8400885 /* ldtr x5, [x4] */,
             0xd500407f /* msr uao, #0 */, MSR(TTBR0_EL1, 2), LDTR);
    rig_set(rig, (enum vcpu_reg)1, PAGE_VA);
    rig_set(rig, (enum vcpu_reg)2, t->top[2] | UINT64_C(2) << 48);
    rig_set(rig, (enum vcpu_reg)4, va);
    rig_set(rig, VCPU_PC, UPPER + CODE);
    rig_run_to_end(rig);
    assert_int_equal(rig_get(rig, (enum vcpu_reg)5), 5);
    assert_int_equal(rig_get(rig, VCPU_X0), 4);
}

/* --- anything in any order --- */

#define ROOMS       10 /* where things are mapped: pages and, from ROOM_BLOCK on, blocks */
#define ROOM_BLOCK  6
#define ROOM_GLOBAL 4 /* of every five, the last is mapped alike in all spaces */

/* What a load may find, by space and room: a set of frames. */
struct model {
    struct tables *t;
    uint64_t seed;
    uint32_t may[SPACES][ROOMS];
    uint8_t now[SPACES][ROOMS];
};

static unsigned draw(struct model *m, unsigned limit)
{
    m->seed = m->seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(m->seed >> 33) % limit;
}

static bool is_global(unsigned room)
{
    return room % 5 == ROOM_GLOBAL;
}

static uint64_t room_va(struct model *m, unsigned room)
{
    uint64_t va = PAGE_VA + (uint64_t)room * 2 * MIB;

    /* Pages lie so that some share slots of a direct-mapped cache. */
    return room < ROOM_BLOCK ? va : va + draw(m, 512) * 4096;
}

static void change(struct model *m)
{
    unsigned asid = draw(m, SPACES), room = draw(m, ROOMS), n = draw(m, FRAMES);

    for (unsigned i = 0; i < SPACES; i++)
        if (is_global(room) || i == asid) {
            map(m->t, i, PAGE_VA + (uint64_t)room * 2 * MIB, n, room < ROOM_BLOCK ? 3 : 2,
                is_global(room) ? 0 : LEAF_NG);
            m->now[i][room] = (uint8_t)n;
            m->may[i][room] |= 1u << n;
        }
}

/* By address when `by_va`, of one ASID when `by_asid`. */
static void invalidate(struct model *m, bool by_va, bool by_asid)
{
    static const uint32_t words[2][2][2] = {{{TLBI_ALL, 0xd508831f}, {TLBI_ASID, TLBI_ASID_IS}},
                                            {{TLBI_VAA, TLBI_VAAL_IS}, {TLBI_VA, TLBI_VAL_IS}}};
    unsigned asid = draw(m, SPACES), room = draw(m, ROOMS);

    tlbi(m->t, draw(m, SPACES), words[by_va][by_asid][draw(m, 2)], asid, room_va(m, room));
    for (unsigned i = 0; i < SPACES; i++)
        for (unsigned r = 0; r < ROOMS; r++)
            if ((!by_va || r == room) &&
                (!by_asid || (by_va && is_global(r)) || (i == asid && !is_global(r))))
                m->may[i][r] = 1u << m->now[i][r];
}

static void look(struct model *m)
{
    unsigned asid = draw(m, SPACES), room = draw(m, ROOMS), user = draw(m, 2);
    uint64_t va = room_va(m, room);
    uint64_t n = user ? load_user(m->t, asid, va) : load(m->t, asid, va);

    if (n >= FRAMES || !(m->may[asid][room] >> n & 1))
        fail_msg("ASID %u, room %u, %s: frame %u, not of %#x", asid, room, user ? "LDTR" : "LDR",
                 (unsigned)n, m->may[asid][room]);
}

static void any_order(void **state)
{
    struct model m = {.t = *state, .seed = 1};

    for (unsigned a1 = 0; a1 < 2; a1++) {
        set_a1(m.t, a1);
        for (unsigned i = 0; i < SPACES; i++)
            for (unsigned room = 0; room < ROOMS; room++) {
                map(m.t, i, PAGE_VA + (uint64_t)room * 2 * MIB, 0, room < ROOM_BLOCK ? 3 : 2,
                    is_global(room) ? 0 : LEAF_NG);
                m.may[i][room] = 1;
                m.now[i][room] = 0;
            }
        tlbi(m.t, 0, TLBI_ALL, 0, 0);
        for (unsigned i = 0; i < 6000; i++) {
            unsigned what = draw(&m, 100);

            if (what < 15)
                change(&m);
            else if (what < 30)
                invalidate(&m, what < 27, what & 1);
            else
                look(&m);
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(switches_drop_nothing),
        TEST(reaches_other_spaces),
        TEST(reaches_this_space),
        TEST(global_translations),
        TEST(blocks),
        TEST(code),
        TEST(hidden_from_el0),
        TEST(tagged),
        TEST(unprivileged),
        TEST(any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
