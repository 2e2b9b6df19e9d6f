/* SPDX-License-Identifier: ISC */
/*
 * A vCPU's state: saved in one VM, loaded in another, continued there, also in the middle of an
 * instruction; reset; the CPU models.
 */
#include "rig.h"

#include <string.h>

#define X(n) ((enum vcpu_reg)(n))

/* Another VM with the same RAM contents, CPU 0 loaded from rig's. rig is gone then. */
static struct rig *move(struct rig *from)
{
    struct rig *to = rig_create(ENGINE_CPU_ATOLL);
    struct state *state = state_new();
    static uint8_t page[4096];
    struct error err;

    assert_int_equal(from->ops->vcpu_save(from->cpu, state, "cpu0"), 0);
    for (uint64_t at = RAM; at < RAM + RAM_LEN; at += sizeof(page)) {
        assert_int_equal(mem_read(from->mem, at, page, sizeof(page)), 0);
        assert_int_equal(mem_write(to->mem, at, page, sizeof(page)), 0);
    }
    rig_destroy(from);
    assert_int_equal(to->ops->vcpu_load(to->cpu, state, "cpu0", &err), 0);
    state_free(state);
    return to;
}

static void registers_survive(void **state)
{
    struct rig *rig = rig_create(ENGINE_CPU_ATOLL);
    const uint64_t v[2] = {0x1111, 0x2222};
    uint64_t got[2];

    for (unsigned i = 0; i <= 30; i++)
        rig_set(rig, X(i), i * 3);
    rig_set(rig, VCPU_SP, 0x5000);
    rig_sys_set(rig, SP_EL0, 0x6000);
    rig->ops->vcpu_set_v(rig->cpu, 31, v);
    rig_sys_set(rig, TPIDR_EL0, 0xabc);
    rig_sys_set(rig, FPCR, FPCR_DN);
    rig_sys_set(rig, APIAKeyLo_EL1, 0x1234);
    rig_sys_set(rig, APGAKeyHi_EL1, 0x5678);
    rig_sys_set(rig, CNTV_CVAL_EL0, 99);
    rig_set(rig, VCPU_PSTATE, PSTATE_EL1T | PSTATE_Z | PSTATE_PAN | PSTATE_I);
    rig = move(rig);
    for (unsigned i = 0; i <= 30; i++)
        assert_int_equal(rig_get(rig, X(i)), i * 3);
    assert_int_equal(rig_get(rig, VCPU_PSTATE), PSTATE_EL1T | PSTATE_Z | PSTATE_PAN | PSTATE_I);
    assert_int_equal(rig_get(rig, VCPU_SP), 0x6000);
    rig_set(rig, VCPU_PSTATE, PSTATE_EL1H);
    assert_int_equal(rig_get(rig, VCPU_SP), 0x5000);
    rig->ops->vcpu_get_v(rig->cpu, 31, got);
    assert_memory_equal(got, v, sizeof(v));
    assert_int_equal(rig_sys_get(rig, TPIDR_EL0), 0xabc);
    assert_int_equal(rig_sys_get(rig, FPCR), FPCR_DN);
    assert_int_equal(rig_sys_get(rig, APIAKeyLo_EL1), 0x1234);
    assert_int_equal(rig_sys_get(rig, APGAKeyHi_EL1), 0x5678);
    assert_int_equal(rig_sys_get(rig, CNTV_CVAL_EL0), 99);
    rig_destroy(rig);
}

/* LDP from MMIO: the first half is answered in one VM, the second in another. */
static void an_instruction_survives(void **state)
{
    struct rig *rig = rig_create(ENGINE_CPU_ATOLL);

    rig_mmu_on(rig);
    rig_sys_set(rig, SCTLR_EL1, 0);
    rig_code(rig, 1, LDP);
    rig_set(rig, X(1), MMIO);
    assert_int_equal(rig_run(rig), EXIT_MMIO);
    rig->exit->mmio.value = 0x1234;
    rig = move(rig);
    assert_int_equal(rig_run(rig), EXIT_MMIO);
    assert_int_equal(rig->exit->mmio.ipa, MMIO + 8);
    rig->exit->mmio.value = 0x5678;
    rig = move(rig);
    rig_run_to_end(rig);
    assert_int_equal(rig_get(rig, X(0)), 0x1234);
    assert_int_equal(rig_get(rig, X(2)), 0x5678);
    rig_destroy(rig);
}

static void calls_survive(void **state)
{
    struct rig *rig = rig_create(ENGINE_CPU_ATOLL);

    rig_code(rig, 2, HVC, MRS(ICC_IAR1_EL1, 7));
    assert_int_equal(rig_run(rig), EXIT_SMCCC);
    rig->exit->smccc.x[0] = 41;
    rig = move(rig);
    assert_int_equal(rig_run(rig), EXIT_SYSREG);
    assert_int_equal(rig_get(rig, X(0)), 41);
    rig->exit->sysreg.value = 1023;
    rig = move(rig);
    rig_run_to_end(rig);
    assert_int_equal(rig_get(rig, X(7)), 1023);
    rig_destroy(rig);
}

static void damaged_state_is_refused(void **unused)
{
    struct rig *rig = rig_create(ENGINE_CPU_ATOLL);
    struct state *state = state_new();
    struct error err = {0};

    assert_true(rig->ops->vcpu_load(rig->cpu, state, "cpu0", &err) < 0);
    assert_true(strlen(err.text) > 0);
    state_free(state);
    rig_destroy(rig);
}

static void reset(void **state)
{
    struct rig *rig = rig_create(ENGINE_CPU_ATOLL);

    rig_mmu_on(rig);
    rig_set(rig, X(3), 5);
    rig_code(rig, 1, LDP);
    rig_set(rig, X(1), MMIO);
    rig->ops->vcpu_reset(rig->cpu);
    assert_int_equal(rig_get(rig, X(3)), 0);
    assert_int_equal(rig_get(rig, VCPU_PC), 0);
    assert_int_equal(rig_get(rig, VCPU_PSTATE), PSTATE_EL1H | PSTATE_DAIF);
    assert_int_equal(rig_sys_get(rig, SCTLR_EL1), sysreg_info(SYSREG_SCTLR_EL1)->reset);
    rig_set(rig, VCPU_PC, CODE + 4); /* the HVC, with the MMU off */
    assert_int_equal(rig_run(rig), EXIT_SMCCC);
    rig_destroy(rig);
}

static void cpu_models(void **state)
{
    struct rig *rig = rig_create(ENGINE_CPU_APPLE);

    rig_code(rig, 2, MRS(MIDR_EL1, 4), MRS(ID_AA64MMFR0_EL1, 5));
    rig_run_to_end(rig);
    assert_int_equal(rig_get(rig, X(4)), 0x610f0000);
    assert_int_equal(rig_get(rig, X(5)) >> 24 & 0xf, 0xf); /* no 64K granule */
    assert_int_equal(rig_get(rig, X(5)) >> 4 & 0xf, 0);    /* 8-bit ASIDs */
    rig_destroy(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_survive),
        cmocka_unit_test(an_instruction_survives),
        cmocka_unit_test(calls_survive),
        cmocka_unit_test(damaged_state_is_refused),
        cmocka_unit_test(reset),
        cmocka_unit_test(cpu_models),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
