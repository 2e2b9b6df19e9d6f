/* SPDX-License-Identifier: ISC */
/*
 * The walk from outside (arm/walk.h) against the soft engines' own, on random tables, registers and
 * addresses: the same address, attributes and permissions, or the same fault.
 */
#include "rig.h"

#include <stdlib.h>

#include "arm/walk.h"
#include "engine/soft/private.h"

#define PAGES  24u /* of 64 KiB, that tables are in */
#define ROUNDS 200000u

static uint64_t seed = 1;

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static uint64_t page(void)
{
    return TABLES + rnd() % PAGES * 65536;
}

/* Most descriptors lead on, few are leaves, some are anything. */
static uint64_t descriptor(void)
{
    uint64_t attributes = rnd() & ~bits_mask(48) & ~UINT64_C(0xffff000000000000);

    attributes |= (rnd() & UINT64_C(0xfc00000000000000)) | (rnd() & 0xffc);
    switch (rnd() % 16) {
    case 0: return rnd();
    case 1: return 0;
    case 2:
    case 3: return (rnd() & UINT64_C(0x000000fffffff000)) | attributes | 1 | 1 << 10;
    case 4: return (UINT64_C(0xff8012345) << 12) | attributes | 3 | 1 << 10;
    case 5: return (page() + (rnd() % 65536 & ~UINT64_C(0xfff))) | 3;
    default: return page() | attributes | 3;
    }
}

static bool read_ram(void *ctx, uint64_t pa, uint64_t *value)
{
    struct rig *rig = ctx;

    assert_int_equal(pa % 8, 0);
    if (pa < RAM || pa > RAM + RAM_LEN - 8)
        return false;
    *value = rig_peek(rig, pa);
    return true;
}

static uint64_t random_tcr(void)
{
    uint64_t tcr = rnd() & (TCR_TBI0 | TCR_TBI1 | TCR_HPD0 | TCR_HPD1);

    tcr |= rnd() % 7 << TCR_IPS_SHIFT;
    tcr |= (16 + rnd() % 28) | (16 + rnd() % 28) << TCR_T1SZ_SHIFT;
    tcr |= rnd() % 4 << TCR_TG0_SHIFT | rnd() % 4 << TCR_TG1_SHIFT;
    if (rnd() % 16 == 0)
        tcr |= rnd() & (TCR_EPD0 | TCR_EPD1 | TCR_E0PD0 | TCR_E0PD1);
    return tcr;
}

static struct arm_walk_regs random_regs(struct rig *rig)
{
    struct arm_walk_regs regs = {
        .sctlr = (rnd() % 16 ? SCTLR_M : 0) | (rnd() & SCTLR_WXN),
        .tcr = random_tcr(),
        .ttbr = {page() | (rnd() & 0xfc0), page() | (rnd() & 0xfc0)},
        .mair = rnd(),
        .el = rnd() % 2,
    };

    if (rnd() % 64 == 0)
        regs.ttbr[rnd() % 2] = rnd();
    rig_sys_set(rig, SCTLR_EL1, regs.sctlr);
    rig_sys_set(rig, TCR_EL1, regs.tcr);
    rig_sys_set(rig, TTBR0_EL1, regs.ttbr[0]);
    rig_sys_set(rig, TTBR1_EL1, regs.ttbr[1]);
    rig_sys_set(rig, MAIR_EL1, regs.mair);
    regs.mmfr0 = rig_sys_get(rig, ID_AA64MMFR0_EL1);
    return regs;
}

static uint64_t random_va(void)
{
    uint64_t va = rnd() & bits_mask(12 + rnd() % 37);

    if (rnd() % 2)
        va |= ~bits_mask(21 + rnd() % 28);
    if (rnd() % 8 == 0)
        va ^= rnd() % 256 << 56;
    return va;
}

static bool permitted(const struct soft_walk *w, unsigned el, enum arm_walk_access access)
{
    return access == ARM_WALK_FETCH   ? w->exec[el]
           : access == ARM_WALK_WRITE ? w->write[el]
                                      : w->read[el];
}

static void compare(struct rig *rig, uint64_t va, unsigned found[2])
{
    const struct arm_walk_memory memory = {read_ram, rig};
    struct arm_walk_regs regs = random_regs(rig);
    enum arm_walk_access access = rnd() % 3;
    struct soft_walk own;
    struct arm_walk w;
    bool ok = arm_walk(&regs, &memory, va, access, &w);

    soft_walk(&rig->cpu->cpu, va, regs.el, access == ARM_WALK_FETCH, &own);
    found[ok]++;
    assert_int_equal(ok, !w.faulted);
    assert_in_range(w.steps, 0, ARM_WALK_STEPS);
    if (own.faulted) {
        assert_false(ok);
        assert_int_equal(w.fault, own.fault);
        return;
    }
    assert_int_equal(w.pa, own.pa);
    assert_int_equal(ok, permitted(&own, regs.el, access));
    if (!ok) {
        assert_int_equal(w.fault, ESR_FSC_PERMISSION + own.level);
        return;
    }
    assert_int_equal(w.shift, own.shift);
    assert_int_equal(w.level, own.level);
    assert_int_equal(w.user, own.user);
    if (regs.sctlr & SCTLR_M) /* without, the engine tells fetches from data */
        assert_int_equal(w.attr, own.attr);
    assert_memory_equal(w.read, own.read, sizeof(w.read));
    assert_memory_equal(w.write, own.write, sizeof(w.write));
    assert_memory_equal(w.exec, own.exec, sizeof(w.exec));
}

static void both_models(void **state)
{
    for (enum engine_cpu cpu = ENGINE_CPU_ATOLL; cpu <= ENGINE_CPU_APPLE; cpu++) {
        struct rig *rig = rig_create(cpu);
        unsigned found[2] = {0};

        for (uint64_t at = TABLES; at < TABLES + (PAGES + 1) * 65536; at += 8)
            rig_poke(rig, at, descriptor());
        for (unsigned i = 0; i < ROUNDS; i++)
            compare(rig, random_va(), found);
        assert_true(found[true] > ROUNDS / 20);
        assert_true(found[false] > ROUNDS / 20);
        rig_destroy(rig);
    }
}

/* A kernel's own address where a physical one belongs: what the walk says of it. */
static void kernel_address(void **state)
{
    struct rig *rig = rig_create(ENGINE_CPU_ATOLL);
    const struct arm_walk_memory memory = {read_ram, rig};
    struct arm_walk_regs regs = {
        .sctlr = SCTLR_M,
        .tcr = UINT64_C(25) | UINT64_C(25) << TCR_T1SZ_SHIFT | UINT64_C(2) << TCR_TG1_SHIFT |
               UINT64_C(2) << TCR_IPS_SHIFT,
        .ttbr = {TABLES, TABLES + 4096},
        .mmfr0 = rig_sys_get(rig, ID_AA64MMFR0_EL1),
    };
    struct arm_walk w;

    rig_poke(rig, TABLES, (TABLES + 8192) | 3); /* VA 0: level 1, then 2 */
    rig_poke(rig, TABLES + 8192, (TABLES + 12288) | 3);
    rig_poke(rig, TABLES + 12288, UINT64_C(0x0060ff8012345000) | 1 << 10 | 3 << 8 | 1 << 6 | 3);
    assert_false(arm_walk(&regs, &memory, 0x678, ARM_WALK_READ, &w));
    assert_int_equal(w.fault, ESR_FSC_ADDRESS_SIZE + 3);
    assert_int_equal(w.pa, UINT64_C(0xff8012345678));
    assert_int_equal(w.steps, 3);
    assert_int_equal(w.step[0].level, 1);
    assert_int_equal(w.step[2].address, TABLES + 12288);
    assert_string_equal(arm_fault_name(w.fault), "address size fault");
    assert_int_equal(arm_walk_upper_base(&regs), UINT64_C(0xffffff8000000000));
    assert_int_equal(arm_walk_output_bits(&regs), 40);
    rig_destroy(rig);
}

/* PAN, which the engines look at after the walk. */
static void pan(void **state)
{
    struct rig *rig = rig_create(ENGINE_CPU_ATOLL);
    const struct arm_walk_memory memory = {read_ram, rig};
    struct arm_walk_regs regs = {
        .sctlr = SCTLR_M,
        .tcr = 25 | UINT64_C(2) << TCR_IPS_SHIFT,
        .ttbr = {TABLES, 0},
        .mmfr0 = rig_sys_get(rig, ID_AA64MMFR0_EL1),
        .el = 1,
    };
    struct arm_walk w;

    rig_poke(rig, TABLES, RAM | LEAF | LEAF_USER | 1);
    assert_true(arm_walk(&regs, &memory, 0x1000, ARM_WALK_WRITE, &w));
    assert_int_equal(w.pa, RAM + 0x1000);
    assert_int_equal(w.shift, 30);
    regs.pan = true;
    assert_false(arm_walk(&regs, &memory, 0x1000, ARM_WALK_READ, &w));
    assert_int_equal(w.fault, ESR_FSC_PERMISSION + 1);
    regs.el = 0;
    assert_true(arm_walk(&regs, &memory, 0x1000, ARM_WALK_READ, &w));
    rig_destroy(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_models),
        cmocka_unit_test(kernel_address),
        cmocka_unit_test(pan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
