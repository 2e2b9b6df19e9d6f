/* SPDX-License-Identifier: ISC */
/*
 * The hvf engine over the double, verb by verb: what no guest of the conformance suite can see. A
 * guest of a few instructions runs with its MMU off, at RAM.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "arm/esr.h"
#include "base/units.h"
#include "double.h"
#include "engine/hvf/private.h"

#define RAM      UINT64_C(0x70000000)
#define RAM_SIZE (64 * MIB)
#define DATA     (RAM + MIB)

static const struct engine_gic_config gic = {.distributor = 0x10000000,
                                             .redistributors = 0x10010000,
                                             .msi_frame = 0x1fff0000,
                                             .msi_first = 128,
                                             .msi_count = 128};

static struct {
    const struct engine_ops *ops;
    struct mem *mem;
    struct log log;
    struct event_sink events;
    struct engine_vm_config config;
    struct engine_vm *vm;
    struct vcpu *vcpu;
    struct vcpu_exit *exit;
    unsigned runs;
} t;

static int create(void **state)
{
    struct error err;

    memset(&t, 0, sizeof(t));
    t.ops = &hvf_double_engine;
    if (mem_create(&t.mem) || mem_add_ram(t.mem, RAM, RAM_SIZE, &err))
        return -1;
    t.config =
        (struct engine_vm_config){.mem = t.mem, .log = &t.log, .events = &t.events, .vcpus = 1};
    if (t.ops->vm_create(&t.vm, &t.config, &err) ||
        t.ops->vm_map(t.vm, RAM, RAM_SIZE, true, &err) ||
        (hvf_gic_offered() && t.ops->gic_create(t.vm, &gic, &err)) ||
        t.ops->vcpu_create(t.vm, 0, &t.vcpu, &err) || t.ops->vm_ready(t.vm, &err))
        return -1;
    return 0;
}

static int destroy(void **state)
{
    t.ops->vcpu_destroy(t.vcpu);
    t.ops->vm_destroy(t.vm);
    mem_destroy(t.mem);
    return 0;
}

static void set_x(unsigned n, uint64_t value)
{
    assert_int_equal(t.ops->vcpu_set(t.vcpu, VCPU_X0 + n, value), 0);
}

static uint64_t get(enum vcpu_reg reg)
{
    uint64_t value = 0;

    assert_int_equal(t.ops->vcpu_get(t.vcpu, reg, &value), 0);
    return value;
}

static uint64_t word(uint64_t ipa)
{
    uint64_t value = 0;

    assert_int_equal(mem_load(t.mem, ipa, 8, &value), 0);
    return value;
}

/* Runs these instructions to the first exit. What the last one was is of no interest any more. */
static enum exit_kind run_code(const uint32_t *code, size_t count)
{
    uint64_t at = RAM + 256 * (t.runs++ % 64);

    t.vcpu->pending = HVF_PENDING_NONE;
    assert_int_equal(mem_write(t.mem, at, code, count * sizeof(*code)), 0);
    t.ops->vm_code_written(t.vm, at, count * sizeof(*code));
    assert_int_equal(t.ops->vcpu_set(t.vcpu, VCPU_PC, at), 0);
    assert_int_equal(t.ops->vcpu_run(t.vcpu, &t.exit), 0);
    return t.exit->kind;
}

#define RUN(...) run_code((const uint32_t[]){__VA_ARGS__}, nitems(((uint32_t[]){__VA_ARGS__})))

#define HVC      0xd4000002
#define WFI      0xd503207f
#define STR      0xf9000041 /* str x1, [x2] */
#define STP      0xa9000c41 /* stp x1, x3, [x2] */
#define STR_POST 0xf8008441 /* str x1, [x2], #8 */
#define ST1      0x4c007c41 /* st1 {v1.2d}, [x2] */
#define LDADD    0xf8210044 /* ldadd x1, x4, [x2] */
#define LDXR     0xc85f7c45 /* ldxr x5, [x2] */
#define STXR     0xc8067c41 /* stxr w6, x1, [x2] */

/* --- watched pages --- */

static void watch(struct mem_watch **w, uint64_t ipa, uint64_t size)
{
    assert_int_equal(mem_watch_create(t.mem, w), 0);
    mem_watch_add(*w, ipa, size);
    mem_watch_start(*w);
    mem_watch_take(*w);
    mem_watch_forget_all(*w);
}

/* A store to a watched page is carried out, and noted: each time that somebody has looked. */
static void test_watched_stores(void **state)
{
    static const uint32_t stores[][3] = {{STR, HVC}, {STP, HVC},   {STR_POST, HVC},
                                         {ST1, HVC}, {LDADD, HVC}, {LDXR, STXR, HVC}};
    struct mem_watch *w;

    watch(&w, DATA, 64 * KIB);
    assert_int_equal(t.ops->vcpu_sysreg_set(t.vcpu, SYSREG_KEY(3, 0, 1, 0, 2), CPACR_FPEN), 0);
    for (size_t i = 0; i < 2 * nitems(stores); i++) {
        uint64_t at = DATA + (i % 4) * HVF_GRANULE + 0x1008 * (i % 2);

        set_x(1, 0x1000 + i);
        set_x(2, at & ~UINT64_C(15));
        assert_int_equal(mem_store(t.mem, at & ~UINT64_C(15), 8, 0), 0);
        mem_watch_take(w);
        mem_watch_forget_all(w);
        t.ops->vcpu_set_v(t.vcpu, 1, (const uint64_t[]){0x1000 + i, 0});
        assert_int_equal(run_code(stores[i / 2], nitems(stores[0])), EXIT_SMCCC);
        assert_int_equal(word(at & ~UINT64_C(15)), 0x1000 + i);
        assert_true(mem_watch_take(w));
        assert_true(mem_watch_written(w, at, 1));
        assert_false(mem_watch_take(w));
    }
    mem_watch_destroy(w);
}

/* Only the granule that was stored to. */
static void test_watched_neighbours(void **state)
{
    struct mem_watch *w;

    watch(&w, DATA, 4 * HVF_GRANULE);
    set_x(2, DATA + HVF_GRANULE);
    assert_int_equal(RUN(STR, HVC), EXIT_SMCCC);
    assert_true(mem_watch_take(w));
    assert_false(mem_watch_written(w, DATA, HVF_GRANULE));
    assert_false(mem_watch_written(w, DATA + 2 * HVF_GRANULE, 2 * HVF_GRANULE));
    assert_true(mem_watch_written(w, DATA + HVF_GRANULE, 1));
    mem_watch_destroy(w);
    /* Nobody watches any more, and the store goes on as before. */
    set_x(2, DATA + 2 * HVF_GRANULE);
    assert_int_equal(RUN(STR, HVC), EXIT_SMCCC);
}

/* The ends of RAM, and who watches all of it. */
static void test_watched_all(void **state)
{
    static const uint64_t places[] = {RAM + RAM_SIZE - 16, RAM + RAM_SIZE - HVF_GRANULE, DATA};
    struct mem_watch *w;

    watch(&w, RAM, RAM_SIZE);
    for (size_t i = 0; i < nitems(places); i++) {
        mem_watch_take(w);
        mem_watch_forget_all(w);
        set_x(2, places[i]);
        assert_int_equal(RUN(STP, HVC), EXIT_SMCCC);
        assert_true(mem_watch_take(w));
        assert_true(mem_watch_written(w, places[i], 16));
    }
    mem_watch_destroy(w);
}

/* RAM that the machine has made read-only stays so. */
static void test_read_only(void **state)
{
    struct mem_watch *w;
    struct error err;

    assert_int_equal(t.ops->vm_protect(t.vm, DATA, HVF_GRANULE, false), 0);
    watch(&w, DATA, 2 * HVF_GRANULE);
    set_x(1, 0x55);
    set_x(2, DATA + 8);
    assert_int_equal(RUN(STR, HVC), EXIT_MMIO);
    assert_true(t.exit->mmio.write);
    assert_int_equal(t.exit->mmio.ipa, DATA + 8);
    assert_int_equal(word(DATA + 8), 0);
    assert_int_equal(t.ops->vcpu_run(t.vcpu, &t.exit), 0);
    assert_int_equal(t.exit->kind, EXIT_SMCCC);
    assert_int_equal(t.ops->vm_protect(t.vm, DATA, HVF_GRANULE, true), 0);
    assert_int_equal(RUN(STR, HVC), EXIT_SMCCC);
    assert_int_equal(word(DATA + 8), 0x55);
    mem_watch_destroy(w);
    assert_int_equal(t.ops->vm_map(t.vm, RAM + RAM_SIZE, HVF_GRANULE, true, &err), -EINVAL);
}

/* The processor's own store, to a descriptor's flags, faults with S1PTW. */
static void test_watched_walk(void **state)
{
    hv_vcpu_exit_t *why = t.vcpu->why;
    struct mem_watch *w;

    watch(&w, DATA, HVF_GRANULE);
    why->exception = (hv_vcpu_exit_exception_t){.physical_address = DATA + 8};
    assert_false(
        hvf_abort(t.vcpu, esr_data_abort(false, ESR_FSC_PERMISSION | 2, true) | ESR_ABT_S1PTW));
    assert_true(mem_watch_take(w));
    assert_int_equal(get(VCPU_PC), 0); /* no exception: the walk is made again */
    mem_watch_destroy(w);
}

/* --- the VM --- */

static void test_one_vm(void **state)
{
    struct error err = {0};
    struct engine_vm *other;

    assert_int_equal(t.ops->vm_create(&other, &t.config, &err), -EBUSY);
    assert_non_null(strstr(err.text, "a process of its own"));
    assert_int_equal(RUN(HVC), EXIT_SMCCC); /* the first one goes on */
}

static void test_granules(void **state)
{
    struct error err = {0};

    assert_int_equal(t.ops->vm_map(t.vm, RAM + 4096, HVF_GRANULE, true, &err), -EINVAL);
    assert_non_null(strstr(err.text, "16 KiB"));
}

/* Who looks through all RAM for code brings none of it into being. */
static void test_code_written_sparse(void **state)
{
    int64_t before;

    assert_int_equal(RUN(HVC), EXIT_SMCCC);
    before = mem_resident(t.mem);
    t.ops->vm_code_written(t.vm, 0, UINT64_MAX);
    t.ops->vm_code_written(t.vm, RAM, RAM_SIZE);
    assert_true(mem_resident(t.mem) <= before);
    assert_int_equal(RUN(HVC), EXIT_SMCCC);
}

static void test_reasons(void **state)
{
    static const struct {
        hv_return_t code;
        int number;
        const char *words;
    } wanted[] = {
        {HV_DENIED, EPERM, "com.apple.security.hypervisor"},
        {HV_BUSY, EBUSY, "one"},
        {HV_UNSUPPORTED, ENOTSUP, "this Mac"},
        {HV_NO_RESOURCES, ENOMEM, "no memory"},
        {HV_NO_DEVICE, ENODEV, "not there"},
        {HV_BAD_ARGUMENT, EINVAL, "argument"},
        {HV_ILLEGAL_GUEST_STATE, EIO, "state of the guest"},
        {HV_ERROR, EIO, "does not say why"},
        {0x1234, EIO, "did not have when this was written"},
    };

    for (size_t i = 0; i < nitems(wanted); i++) {
        struct error err = {0};

        assert_int_equal(hvf_check(wanted[i].code, "it", &err), -wanted[i].number);
        assert_non_null(strstr(err.text, wanted[i].words));
    }
}

/* --- WFI with the framework's GIC --- */

static void *raise_line(void *arg)
{
    while (!atomic_load(&t.vm->wait.sleepers))
        sched_yield();
    t.ops->gic_spi(t.vm, 40, true);
    return NULL;
}

static void *send_message(void *arg)
{
    while (!atomic_load(&t.vm->wait.sleepers))
        sched_yield();
    t.ops->gic_msi(t.vm, 130);
    return NULL;
}

static void *kick(void *arg)
{
    while (!atomic_load(&t.vm->wait.sleepers))
        sched_yield();
    t.ops->vcpu_kick(t.vcpu);
    return NULL;
}

/* A vCPU that nobody else can interrupt sleeps until a device or a kick wakes it. */
static void test_wait_woken(void **state)
{
    static void *(*const wakers[])(void *) = {raise_line, send_message, kick};
    static const enum exit_kind then[] = {EXIT_SMCCC, EXIT_SMCCC, EXIT_KICKED};
    struct vcpu_stats before, after;

    if (!hvf_gic_offered())
        skip();
    for (size_t i = 0; i < nitems(wakers); i++) {
        pthread_t thread;

        t.ops->vcpu_stats(t.vcpu, &before);
        assert_int_equal(pthread_create(&thread, NULL, wakers[i], NULL), 0);
        assert_int_equal(RUN(WFI, HVC), then[i]);
        pthread_join(thread, NULL);
        t.ops->vcpu_stats(t.vcpu, &after);
        assert_int_equal(after.exits[EXIT_WFI], before.exits[EXIT_WFI] + 1);
    }
}

/* What came between the guest's WFI and the sleep keeps it from sleeping. */
static void test_wait_raised_before(void **state)
{
    if (!hvf_gic_offered())
        skip();
    hvf_wait_enter(t.vcpu);
    t.ops->gic_msi(t.vm, 130);
    hvf_wait(t.vcpu);
    hvf_wait_enter(t.vcpu);
    t.ops->gic_spi(t.vm, 41, true);
    hvf_wait(t.vcpu);
    hvf_wait_enter(t.vcpu);
    t.ops->vcpu_kick(t.vcpu);
    hvf_wait(t.vcpu);
}

#define CNTV_CTL  SYSREG_KEY(3, 3, 14, 3, 1)
#define CNTV_CVAL SYSREG_KEY(3, 3, 14, 3, 2)

/* A timer ends it, now and in a while. */
static void test_wait_timer(void **state)
{
    static const unsigned ticks[] = {0, 24000};

    if (!hvf_gic_offered())
        skip();
    for (size_t i = 0; i < nitems(ticks); i++) {
        t.ops->vcpu_sysreg_set(t.vcpu, CNTV_CVAL, hvf_counter(t.vm) + ticks[i]);
        t.ops->vcpu_sysreg_set(t.vcpu, CNTV_CTL, CNT_CTL_ENABLE);
        assert_int_equal(RUN(WFI, HVC), EXIT_SMCCC);
    }
}

/* Other vCPUs' interrupts pass by the process: naps, that grow while nothing else happens. */
static void test_wait_naps(void **state)
{
    uint64_t first;

    if (!hvf_gic_offered())
        skip();
    t.vm->config.vcpus = 2;
    hvf_wait_enter(t.vcpu);
    hvf_wait(t.vcpu);
    first = t.vcpu->nap;
    for (unsigned i = 0; i < 10; i++)
        hvf_wait(t.vcpu);
    assert_true(t.vcpu->nap > first);
    assert_true(t.vcpu->nap <= NS_PER_SEC / 500);
    assert_int_equal(RUN(WFI, HVC), EXIT_SMCCC);
    assert_int_equal(t.vcpu->nap, 0);
}

#define WITH_VM(name) cmocka_unit_test_setup_teardown(name, create, destroy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_VM(test_watched_stores),     WITH_VM(test_watched_neighbours),
        WITH_VM(test_watched_all),        WITH_VM(test_read_only),
        WITH_VM(test_watched_walk),       WITH_VM(test_one_vm),
        WITH_VM(test_granules),           WITH_VM(test_code_written_sparse),
        cmocka_unit_test(test_reasons),   WITH_VM(test_wait_woken),
        WITH_VM(test_wait_raised_before), WITH_VM(test_wait_timer),
        WITH_VM(test_wait_naps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
