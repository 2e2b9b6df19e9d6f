/* SPDX-License-Identifier: ISC */
/*
 * The generic timer with a counted clock (Arm ARM D11): counters, TVAL, CVAL, CTL, outputs as
 * exits, WFI deadlines.
 */
#include "rig.h"

#define X(n)     ((enum vcpu_reg)(n))
#define TICKS(n) ((n)*NS_PER_SEC / 24000000)

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

static void set_seconds(struct rig *rig, uint64_t seconds)
{
    atomic_store(&rig->now_ns, seconds * NS_PER_SEC);
}

static void counters(void **state)
{
    struct rig *rig = *state;

    set_seconds(rig, 3);
    rig_code(rig, 3, MRS(CNTVCT_EL0, 4), MRS(CNTPCT_EL0, 5), MRS(CNTFRQ_EL0, 6));
    rig_run_to_end(rig);
    assert_int_equal(rig_get(rig, X(4)), 72000000);
    assert_int_equal(rig_get(rig, X(5)), 72000000);
    assert_int_equal(rig_get(rig, X(6)), 24000000);
}

static void tval_is_a_view_of_cval(void **state)
{
    struct rig *rig = *state;

    set_seconds(rig, 1);
    rig_code(rig, 3, MSR(CNTV_TVAL_EL0, 4), MRS(CNTV_CVAL_EL0, 5), MRS(CNTV_TVAL_EL0, 6));
    rig_set(rig, X(4), 1000);
    rig_run_to_end(rig);
    assert_int_equal(rig_get(rig, X(5)), 24001000);
    assert_int_equal(rig_get(rig, X(6)), 1000);
    /* It is signed. */
    rig_code(rig, 3, MSR(CNTV_TVAL_EL0, 4), MRS(CNTV_CVAL_EL0, 5), MRS(CNTV_TVAL_EL0, 6));
    rig_set(rig, X(4), 0xffffffff);
    rig_run_to_end(rig);
    assert_int_equal(rig_get(rig, X(5)), 23999999);
    assert_int_equal(rig_get(rig, X(6)), 0xffffffff);
}

/* Runs to the next exit, a timer's change too. */
static enum exit_kind run_once(struct rig *rig)
{
    assert_int_equal(rig->ops->vcpu_run(rig->cpu, &rig->exit), 0);
    return rig->exit->kind;
}

static void output_rises_and_falls(void **state)
{
    struct rig *rig = *state;
    bool virt, phys;
    uint64_t deadline;

    rig_sys_set(rig, CNTV_CVAL_EL0, 2400);
    rig_sys_set(rig, CNTV_CTL_EL0, CNT_CTL_ENABLE);
    rig->ops->vcpu_vtimer(rig->cpu, &virt, &phys, &deadline);
    assert_false(virt);
    assert_in_range(deadline, TICKS(2400), TICKS(2400) + 100);
    rig_code(rig, 1, 0x14000000 /* b . */);
    atomic_store(&rig->now_ns, deadline);
    assert_int_equal(run_once(rig), EXIT_VTIMER);
    assert_true(rig->exit->vtimer.virt);
    assert_false(rig->exit->vtimer.phys);
    /* Said once; then ISTATUS is there to read, and IMASK lowers the output. */
    rig_code(rig, 2, MRS(CNTV_CTL_EL0, 4), MSR(CNTV_CTL_EL0, 5));
    rig_set(rig, X(5), CNT_CTL_ENABLE | CNT_CTL_IMASK);
    assert_int_equal(run_once(rig), EXIT_VTIMER);
    assert_false(rig->exit->vtimer.virt);
    assert_int_equal(rig_get(rig, X(4)), CNT_CTL_ENABLE | CNT_CTL_ISTATUS);
    assert_int_equal(run_once(rig), EXIT_SMCCC);
    /* A timer that is off has no status. */
    rig_code(rig, 2, MSR(CNTV_CTL_EL0, 31), MRS(CNTV_CTL_EL0, 4));
    rig_run_to_end(rig);
    assert_int_equal(rig_get(rig, X(4)), 0);
}

static void both_timers(void **state)
{
    struct rig *rig = *state;

    set_seconds(rig, 1);
    rig_code(rig, 2, MSR(CNTP_CVAL_EL0, 31), MSR(CNTP_CTL_EL0, 4));
    rig_set(rig, X(4), CNT_CTL_ENABLE);
    assert_int_equal(run_once(rig), EXIT_VTIMER);
    assert_true(rig->exit->vtimer.phys);
    assert_false(rig->exit->vtimer.virt);
    rig_run_to_end(rig);
}

static void wfi_has_the_deadline(void **state)
{
    struct rig *rig = *state;

    set_seconds(rig, 1);
    rig_sys_set(rig, CNTV_CVAL_EL0, 48000000);
    rig_sys_set(rig, CNTV_CTL_EL0, CNT_CTL_ENABLE);
    rig_sys_set(rig, CNTP_CVAL_EL0, 36000000);
    rig_sys_set(rig, CNTP_CTL_EL0, CNT_CTL_ENABLE);
    rig_code(rig, 1, WFI);
    assert_int_equal(run_once(rig), EXIT_WFI);
    assert_in_range(rig->exit->wfi.deadline_ns, 1500000000, 1500000100);
    /* At the deadline the output is up. */
    atomic_store(&rig->now_ns, rig->exit->wfi.deadline_ns);
    assert_int_equal(run_once(rig), EXIT_VTIMER);
    assert_true(rig->exit->vtimer.phys);
    rig_run_to_end(rig);
    /* Whether an output that is up ends a WFI is for the interrupt controller to say. */
    set_seconds(rig, 3);
    rig_code(rig, 1, WFI);
    assert_int_equal(run_once(rig), EXIT_VTIMER);
    assert_int_equal(run_once(rig), EXIT_WFI);
    assert_int_equal(rig->exit->wfi.deadline_ns, UINT64_MAX);
    rig_run_to_end(rig);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(counters),    TEST(tval_is_a_view_of_cval), TEST(output_rises_and_falls),
        TEST(both_timers), TEST(wfi_has_the_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
