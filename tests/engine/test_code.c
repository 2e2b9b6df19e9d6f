/* SPDX-License-Identifier: ISC */
/*
 * What an engine remembers of code, and when it must forget: a reset of the vCPU, and the host's
 * word that it wrote (vm_code_written). The guest's own ways are guest/code.c's.
 */
#include "rig.h"

#include <pthread.h>
#include <time.h>

#define MOV_X0(n) (0xd2800000u | (uint32_t)(n) << 5)
#define LDRB_W3   0x39400023u /* ldrb w3, [x1] */
#define B_ITSELF  0x14000000u
#define CACHE_CODE                                                                                 \
    (2 * MIB) /* of straight code: more than any cache of translations holds at once, with many    \
                 vCPUs */

/* Runs from CODE and returns X0. */
static uint64_t run_code(struct rig *rig)
{
    rig_set(rig, VCPU_PC, CODE);
    rig_run_to_end(rig);
    return rig_get(rig, VCPU_X0);
}

static void poke_code(struct rig *rig, unsigned index, uint32_t word)
{
    assert_int_equal(mem_store(rig->mem, CODE + index * 4, 4, word), 0);
}

static void code_written(void **state)
{
    struct rig *rig = rig_create(ENGINE_CPU_ATOLL);

    rig_code(rig, 2, NOP, MOV_X0(1));
    for (unsigned i = 0; i < 2000; i++) {
        poke_code(rig, 1, MOV_X0(i));
        rig->ops->vm_code_written(rig->vm, CODE + 4, 4);
        assert_int_equal(run_code(rig), i);
    }
    rig_destroy(rig);
}

/* As at power-on: nothing of the code that ran before, whatever the MMU said where it was. */
static void reset_forgets(void **state)
{
    struct rig *rig = rig_create(ENGINE_CPU_ATOLL);

    rig_code(rig, 2, NOP, MOV_X0(1));
    for (unsigned i = 0; i < 200; i++) {
        if (i & 1)
            rig_mmu_on(rig);
        poke_code(rig, 1, MOV_X0(i));
        rig->ops->vcpu_reset(rig->cpu);
        assert_int_equal(run_code(rig), i);
        assert_int_equal(run_code(rig), i);
    }
    rig_destroy(rig);
}

/* Translations of addresses go too: after a reset the MMU is off, and the same address is another
 * place. */
static void reset_forgets_translations(void **state)
{
    struct rig *rig = rig_create(ENGINE_CPU_ATOLL);
    uint64_t top = rig_mmu_on(rig);

    rig_poke(rig, DATA, 1);
    rig_poke(rig, DATA + 0x1000, 2);
    rig_map(rig, top, 12, 48, UINT64_C(0x200000000), DATA + 0x1000, 3, LEAF);
    rig_code(rig, 1, (uint32_t)LDR);
    rig_set(rig, (enum vcpu_reg)(VCPU_X0 + 1), UINT64_C(0x200000000));
    assert_int_equal(run_code(rig), 2);
    rig->ops->vcpu_reset(rig->cpu);
    rig_set(rig, (enum vcpu_reg)(VCPU_X0 + 1), DATA);
    assert_int_equal(run_code(rig), 1);
    rig_destroy(rig);
}

/* More code than a cache holds, twice: what was thrown out comes back right. */
static void much_code(void **state)
{
    struct rig *rig = rig_create_with((struct engine_vm_config){.vcpus = ENGINE_MAX_VCPUS});
    uint64_t words = CACHE_CODE / 4;
    struct vcpu_stats stats;

    for (uint64_t i = 0; i < words; i++) /* add x0, x0, #n, and accesses, which make much code */
        assert_int_equal(
            mem_store(rig->mem, DATA + i * 4, 4, i & 1 ? LDRB_W3 : 0x91000000 | (i & 14) << 10), 0);
    assert_int_equal(mem_store(rig->mem, DATA + words * 4, 4, HVC), 0);
    rig->ops->vm_code_written(rig->vm, DATA, words * 4 + 4);
    for (unsigned i = 0; i < 4; i++) {
        rig_set(rig, VCPU_X0, 0);
        rig_set(rig, VCPU_X0 + 1, DATA);
        rig_set(rig, VCPU_PC, DATA);
        rig_run_to_end(rig);
        assert_int_equal(rig_get(rig, VCPU_X0), words / 16 * 56);
    }
    rig->ops->vcpu_stats(rig->cpu, &stats);
    assert_true(stats.code_limit == 0 || stats.code_flushes > 0);
    rig_destroy(rig);
}

static void *kick_soon(void *arg)
{
    struct rig *rig = arg;

    nanosleep(&(struct timespec){.tv_nsec = 300 * 1000}, NULL);
    rig->ops->vcpu_kick(rig->cpu);
    return NULL;
}

/* A branch to itself can be kicked, and its code changed under it. */
static void endless_loop(void **state)
{
    struct rig *rig = rig_create(ENGINE_CPU_ATOLL);
    pthread_t thread;

    rig_code(rig, 2, MOV_X0(1), B_ITSELF);
    for (unsigned i = 0; i < 50; i++) {
        poke_code(rig, 0, MOV_X0(i));
        poke_code(rig, 1, B_ITSELF);
        rig->ops->vm_code_written(rig->vm, CODE, 8);
        rig_set(rig, VCPU_PC, CODE);
        pthread_create(&thread, NULL, kick_soon, rig);
        assert_int_equal(rig_run(rig), EXIT_KICKED);
        pthread_join(thread, NULL);
        poke_code(rig, 1, NOP);
        rig->ops->vm_code_written(rig->vm, CODE + 4, 4);
        rig_run_to_end(rig);
        assert_int_equal(rig_get(rig, VCPU_X0), i);
    }
    rig_destroy(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(code_written),
        cmocka_unit_test(reset_forgets),
        cmocka_unit_test(reset_forgets_translations),
        cmocka_unit_test(much_code),
        cmocka_unit_test(endless_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
