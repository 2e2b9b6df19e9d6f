/* SPDX-License-Identifier: ISC */
/*
 * A guest that means harm: random instructions at EL1 and EL0 with random registers and tables,
 * system registers included, from two CPUs at once, with kicks, interrupts and MMIO answers at
 * random. Nothing is expected of what it computes; the engine must neither crash, nor hang, nor
 * reach outside of RAM (AddressSanitizer sees to that), and what a vCPU has become can be saved and
 * loaded.
 *
 *     test_random [ROUNDS [SEED]]
 */
#include "rig.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "arm/a64.h"

#define CODE_WORDS   1024
#define EXITS        400 /* of one CPU in one round */
#define GUEST_CPUS   2
#define DEFAULT_SEED 1

struct hostile {
    struct rig *rig;
    struct vcpu *vcpu[GUEST_CPUS];
    uint64_t seed;
    pthread_barrier_t created;
    _Atomic bool done;
};

struct hostile_cpu {
    struct hostile *all;
    unsigned index;
    uint64_t random;
};

static unsigned rounds = 30;
static uint64_t first_seed = DEFAULT_SEED;

/* xorshift64* */
static uint64_t next_random(uint64_t *x)
{
    *x ^= *x >> 12;
    *x ^= *x << 25;
    *x ^= *x >> 27;
    return *x * UINT64_C(0x2545f4914f6cdd1d);
}

static uint32_t word_random(void *x)
{
    return (uint32_t)(next_random(x) >> 32);
}

/* Mostly instructions that exist. */
static uint32_t random_word(uint64_t *x)
{
    uint64_t r = next_random(x);

    if (r % 8 == 0)
        return (uint32_t)(r >> 32);
    return a64_random((enum a64_op)(r >> 8) % A64_OP_COUNT, word_random, x);
}

/* Numbers that are addresses of something, or nearly. */
static uint64_t random_value(uint64_t *x)
{
    uint64_t r = next_random(x);

    switch (r % 6) {
    case 0: return r;
    case 1: return r % 64;
    case 2: return MMIO + (r >> 8 & 0xfff);
    case 3: return DATA + (r >> 8 & 0xfffff);
    case 4: return CODE + (r >> 8 & 0xfff);
    default: return RAM + (r >> 8) % RAM_LEN;
    }
}

/* MSR of a register that EL1 may write, so that the control registers take random values often. */
static uint32_t random_msr(uint64_t *x)
{
    for (;;) {
        const struct sysreg_info *info =
            sysreg_info((enum sysreg_id)(next_random(x) % SYSREG_COUNT));

        if ((info->access & SYSREG_W1) && info->id != SYSREG_VBAR_EL1)
            return 0xd5000000u | info->key << 5 | (uint32_t)(next_random(x) & 31);
    }
}

static void fill(struct rig *rig, uint64_t *x)
{
    for (unsigned i = 0; i < CODE_WORDS; i++)
        assert_int_equal(mem_store(rig->mem, CODE + i * 4, 4,
                                   next_random(x) % 16 ? random_word(x) : random_msr(x)),
                         0);
    /* Vectors that go back into the code, most of the time past what failed. */
    for (unsigned i = 0; i < 16; i++) {
        uint32_t offset = (uint32_t)(next_random(x) % CODE_WORDS) * 4;
        uint64_t from = VECTORS + i * 0x80;

        assert_int_equal(
            mem_store(rig->mem, from, 4,
                      0x14000000 | ((uint32_t)(CODE + offset - from) >> 2 & 0x3ffffff)),
            0);
    }
    rig->ops->vm_code_written(rig->vm, CODE, CODE_WORDS * 4);
    rig->ops->vm_code_written(rig->vm, VECTORS, 0x800);
}

static void scramble(struct rig *rig, struct vcpu *vcpu, uint64_t *x)
{
    const struct engine_ops *ops = rig->ops;
    static const uint64_t modes[] = {PSTATE_EL0T, PSTATE_EL1T, PSTATE_EL1H};

    ops->vcpu_reset(vcpu);
    for (unsigned i = 0; i <= 30; i++)
        ops->vcpu_set(vcpu, (enum vcpu_reg)i, random_value(x));
    for (unsigned i = 0; i < 32; i++)
        ops->vcpu_set_v(vcpu, i, (uint64_t[2]){next_random(x), next_random(x)});
    ops->vcpu_set(vcpu, VCPU_PSTATE, modes[next_random(x) % 3] | (next_random(x) & PSTATE_DAIF));
    ops->vcpu_set(vcpu, VCPU_SP, DATA + (next_random(x) & 0xff0));
    ops->vcpu_set(vcpu, VCPU_PC, CODE + next_random(x) % CODE_WORDS * 4);
    ops->vcpu_sysreg_set(vcpu, sysreg_info(SYSREG_VBAR_EL1)->key, VECTORS);
    ops->vcpu_sysreg_set(vcpu, sysreg_info(SYSREG_CPACR_EL1)->key, CPACR_FPEN);
    if (next_random(x) & 1) { /* the tables that rig_mmu_on made */
        ops->vcpu_sysreg_set(vcpu, sysreg_info(SYSREG_MAIR_EL1)->key, 0x04ff);
        ops->vcpu_sysreg_set(vcpu, sysreg_info(SYSREG_TCR_EL1)->key,
                             16 | 16 << TCR_T1SZ_SHIFT | UINT64_C(2) << 32);
        ops->vcpu_sysreg_set(vcpu, sysreg_info(SYSREG_TTBR0_EL1)->key, TABLES);
        ops->vcpu_sysreg_set(vcpu, sysreg_info(SYSREG_SCTLR_EL1)->key, SCTLR_M | SCTLR_C | SCTLR_I);
    }
}

static void answer(struct vcpu_exit *e, uint64_t *x)
{
    switch (e->kind) {
    case EXIT_MMIO:
        e->mmio.value = next_random(x);
        e->mmio.abort = next_random(x) % 4 == 0;
        break;
    case EXIT_SYSREG:
        e->sysreg.value = next_random(x);
        e->sysreg.undefined = next_random(x) % 4 == 0;
        break;
    case EXIT_SMCCC: e->smccc.x[0] = next_random(x); break;
    default: break;
    }
}

/* Out of the loop that it has found, most likely. */
static void move_on(struct rig *rig, struct vcpu *vcpu, uint64_t *x)
{
    if (next_random(x) % 4 == 0) {
        scramble(rig, vcpu, x);
        return;
    }
    for (unsigned i = 0; i < 4; i++)
        rig->ops->vcpu_set(vcpu, (enum vcpu_reg)(next_random(x) % 31), random_value(x));
    rig->ops->vcpu_set(vcpu, VCPU_PC, CODE + next_random(x) % CODE_WORDS * 4);
}

static void save_and_load(struct rig *rig, struct vcpu *vcpu)
{
    struct state *state = state_new();
    struct error err;

    assert_int_equal(rig->ops->vcpu_save(vcpu, state, "cpu"), 0);
    assert_int_equal(rig->ops->vcpu_load(vcpu, state, "cpu", &err), 0);
    state_free(state);
}

static void *hostile_thread(void *arg)
{
    struct hostile_cpu *cpu = arg;
    struct rig *rig = cpu->all->rig;
    uint64_t *x = &cpu->random;
    struct vcpu_exit *e;
    struct error err;

    if (cpu->index)
        assert_int_equal(
            rig->ops->vcpu_create(rig->vm, cpu->index, &cpu->all->vcpu[cpu->index], &err), 0);
    pthread_barrier_wait(&cpu->all->created);
    scramble(rig, cpu->all->vcpu[cpu->index], x);
    for (unsigned i = 0; i < EXITS; i++) {
        struct vcpu *vcpu = cpu->all->vcpu[cpu->index];

        rig->ops->vcpu_irq(vcpu, next_random(x) % 16 == 0, next_random(x) % 16 == 0);
        assert_int_equal(rig->ops->vcpu_run(vcpu, &e), 0);
        assert_int_not_equal(e->kind, EXIT_FAULT);
        answer(e, x);
        if (e->kind == EXIT_KICKED)
            move_on(rig, vcpu, x);
        if (next_random(x) % 32 == 0)
            save_and_load(rig, vcpu);
    }
    return NULL;
}

/* Keeps the vCPUs from running for ever, and the clock going. */
static void *watchdog(void *arg)
{
    struct hostile *all = arg;

    while (!atomic_load(&all->done)) {
        nanosleep(&(struct timespec){.tv_nsec = 100 * 1000}, NULL);
        atomic_fetch_add(&all->rig->now_ns, 1000 * 1000);
        for (unsigned i = 0; i < GUEST_CPUS; i++)
            all->rig->ops->vcpu_kick(all->vcpu[i]);
    }
    return NULL;
}

static void one_round(uint64_t seed)
{
    struct hostile all = {.rig = rig_create(seed & 1 ? ENGINE_CPU_APPLE : ENGINE_CPU_ATOLL)};
    struct hostile_cpu cpu[GUEST_CPUS];
    pthread_t thread[GUEST_CPUS], dog;
    uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;

    all.vcpu[0] = all.rig->cpu;
    rig_mmu_on(all.rig);
    fill(all.rig, &x);
    pthread_barrier_init(&all.created, NULL, GUEST_CPUS + 1);
    for (unsigned i = 0; i < GUEST_CPUS; i++) {
        cpu[i] = (struct hostile_cpu){&all, i, next_random(&x) | 1};
        pthread_create(&thread[i], NULL, hostile_thread, &cpu[i]);
    }
    pthread_barrier_wait(&all.created);
    pthread_create(&dog, NULL, watchdog, &all);
    for (unsigned i = 0; i < GUEST_CPUS; i++)
        pthread_join(thread[i], NULL);
    atomic_store(&all.done, true);
    pthread_join(dog, NULL);
    all.rig->ops->vcpu_destroy(all.vcpu[1]);
    pthread_barrier_destroy(&all.created);
    rig_destroy(all.rig);
}

static void random_programs(void **state)
{
    for (unsigned i = 0; i < rounds; i++)
        one_round(first_seed + i);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_programs)};

    if (argc > 1)
        rounds = (unsigned)strtoul(argv[1], NULL, 0);
    if (argc > 2)
        first_seed = strtoull(argv[2], NULL, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
