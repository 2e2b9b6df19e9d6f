/* SPDX-License-Identifier: ISC */
/*
 * Addresses that lead nowhere: reported with what is needed to explain them, and ended by the
 * machine with a synchronous abort, an SError or a value.
 */
#include "rig.h"

#include "base/bits.h"

#define VA   UINT64_C(0x1234567000)
#define HIGH UINT64_C(0xff8012345000) /* what a table keeps of a kernel's address */

struct seen {
    struct event last;
    unsigned count;
};

static void take(void *ctx, const struct event *event)
{
    struct seen *seen = ctx;

    if (event->kind != EVENT_WILD_ACCESS)
        return;
    seen->last = *event;
    seen->count++;
}

/* VA leads to HIGH, RAM to itself. */
static struct rig *make(bool wild_accesses, const struct event_sink *sink)
{
    struct rig *rig = rig_create_with((struct engine_vm_config){
        .cpu = ENGINE_CPU_ATOLL, .events = sink, .wild_accesses = wild_accesses});

    rig_map(rig, rig_mmu_on(rig), 12, 48, VA, HIGH, 3, LEAF);
    return rig;
}

static void access_high(struct rig *rig, uint32_t word)
{
    rig_code(rig, 1, word);
    rig_set(rig, (enum vcpu_reg)1, VA + 0x18);
}

static void reported(void **state)
{
    struct seen seen = {.count = 0};
    struct event_sink sink = {take, &seen};
    struct rig *rig = make(false, &sink);

    access_high(rig, STR);
    rig_run_to_vector(rig, VECTOR_CURRENT_SPX);
    assert_int_equal(rig_sys_get(rig, ESR_EL1),
                     esr_data_abort(true, ESR_FSC_ADDRESS_SIZE + 3, true));
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.last.a, VA + 0x18);
    assert_int_equal(align_down(seen.last.b, 4096), HIGH);
    assert_int_equal(seen.last.c, CODE);
    assert_true(seen.last.write);
    assert_null(seen.last.text);
    /* An ordinary fault is nobody's business. */
    access_high(rig, LDR);
    rig_set(rig, (enum vcpu_reg)1, VA + 0x1000);
    rig_run_to_vector(rig, VECTOR_CURRENT_SPX);
    assert_int_equal(seen.count, 1);
    rig_destroy(rig);
}

/* The machine is asked instead. */
static void answered(void **state)
{
    struct rig *rig = make(true, NULL);

    access_high(rig, LDR);
    assert_int_equal(rig_run(rig), EXIT_MMIO);
    assert_int_equal(rig->exit->mmio.ipa, HIGH + 0x18);
    assert_int_equal(rig->exit->mmio.va, VA + 0x18);
    rig->exit->mmio.value = 0x1122;
    rig_run_to_end(rig);
    assert_int_equal(rig_get(rig, VCPU_X0), 0x1122);

    access_high(rig, LDR);
    assert_int_equal(rig_run(rig), EXIT_MMIO);
    rig->exit->mmio.abort = EXIT_ABORT_SYNC;
    rig_run_to_vector(rig, VECTOR_CURRENT_SPX);
    assert_int_equal(rig_sys_get(rig, ESR_EL1), esr_data_abort(true, ESR_FSC_EXTERNAL, false));
    rig_destroy(rig);
}

/* Taken at once where PSTATE.A is clear; the access is over by then. */
static void serror(void **state)
{
    struct rig *rig = make(true, NULL);

    access_high(rig, STR);
    rig_set(rig, VCPU_PSTATE, PSTATE_EL1H | PSTATE_D | PSTATE_I | PSTATE_F);
    assert_int_equal(rig_run(rig), EXIT_MMIO);
    rig->exit->mmio.abort = EXIT_ABORT_SERROR;
    rig_run_to_vector(rig, VECTOR_CURRENT_SPX + VECTOR_SERROR);
    assert_int_equal(rig_sys_get(rig, ESR_EL1), esr_make(ESR_EC_SERROR, 0));
    assert_int_equal(rig_sys_get(rig, ELR_EL1), CODE + 4);
    rig_destroy(rig);
}

/* Kept while PSTATE.A is set, over a save and a load too, and taken once. */
static void serror_masked(void **state)
{
    struct rig *rig = make(true, NULL);
    struct state *saved = state_new();
    const uint32_t unmask = 0xd50344ff; /* msr daifclr, #4 */

    rig_code(rig, 2, STR, unmask);
    rig_set(rig, (enum vcpu_reg)1, VA);
    assert_int_equal(rig_run(rig), EXIT_MMIO);
    rig->exit->mmio.abort = EXIT_ABORT_SERROR;
    assert_int_equal(rig->ops->vcpu_save(rig->cpu, saved, "cpu0"), 0);
    assert_int_equal(rig->ops->vcpu_load(rig->cpu, saved, "cpu0", NULL), 0);
    rig_run_to_vector(rig, VECTOR_CURRENT_SPX + VECTOR_SERROR);
    assert_int_equal(rig_sys_get(rig, ELR_EL1), CODE + 8);
    rig_set(rig, VCPU_PSTATE, PSTATE_EL1H);
    rig_code(rig, 1, NOP);
    rig_run_to_end(rig);
    state_free(saved);
    rig_destroy(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reported),
        cmocka_unit_test(answered),
        cmocka_unit_test(serror),
        cmocka_unit_test(serror_masked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
