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

static int create_vm(bool el2)
{
    struct error err;

    memset(&t, 0, sizeof(t));
    t.ops = &hvf_double_engine;
    if (mem_create(&t.mem) || mem_add_ram(t.mem, RAM, RAM_SIZE, &err))
        return -1;
    t.config = (struct engine_vm_config){
        .mem = t.mem, .log = &t.log, .events = &t.events, .vcpus = 1, .el2 = el2};
    if (t.ops->vm_create(&t.vm, &t.config, &err) ||
        t.ops->vm_map(t.vm, RAM, RAM_SIZE, true, &err) ||
        (hvf_gic_offered() && t.ops->gic_create(t.vm, &gic, &err)) ||
        t.ops->vcpu_create(t.vm, 0, &t.vcpu, &err) || t.ops->vm_ready(t.vm, &err))
        return -1;
    return 0;
}

static int create(void **state)
{
    return create_vm(false);
}

static int create_nested(void **state)
{
    return create_vm(true);
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

static void count(void *ctx, const char *rule)
{
    ++*(unsigned *)ctx;
}

static void test_one_vm(void **state)
{
    struct error err = {0};
    struct engine_vm *other;
    unsigned times = 0;

    double_on_broken(count, &times);
    assert_int_equal(t.ops->vm_create(&other, &t.config, &err), -EBUSY);
    double_on_broken(NULL, NULL);
    assert_int_equal(times, 1);
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

/* --- EL2 for guests --- */

#define SMC       0xd4000003
#define LDP       0xa9400c41 /* ldp x1, x3, [x2] */
#define DEVICE    UINT64_C(0x20000000)
#define VECTORS   (RAM + 2 * MIB)
#define TABLES    (RAM + 3 * MIB)
#define PSTATE_2H UINT64_C(9)

#define EL2_REG(crn, crm, op2) SYSREG_KEY(3, 4, crn, crm, op2)
#define SCTLR_EL2              EL2_REG(1, 0, 0)
#define HCR_EL2                EL2_REG(1, 1, 0)
#define TTBR0_EL2              EL2_REG(2, 0, 0)
#define TCR_EL2                EL2_REG(2, 0, 2)
#define SPSR_EL2               EL2_REG(4, 0, 0)
#define ELR_EL2                EL2_REG(4, 0, 1)
#define ESR_EL2                EL2_REG(5, 2, 0)
#define FAR_EL2                EL2_REG(6, 0, 0)
#define MAIR_EL2               EL2_REG(10, 2, 0)
#define VBAR_EL2               EL2_REG(12, 0, 0)
#define VBAR_EL1               SYSREG_KEY(3, 0, 12, 0, 0)
#define ESR_EL1                SYSREG_KEY(3, 0, 5, 2, 0)
#define HCR_TGE                BIT(27)
#define HCR_E2H                BIT(34)

static uint64_t raw(hv_sys_reg_t key)
{
    uint64_t value = 0;

    assert_int_equal(hv_vcpu_get_sys_reg(t.vcpu->id, key, &value), HV_SUCCESS);
    return value;
}

static void set_raw(hv_sys_reg_t key, uint64_t value)
{
    assert_int_equal(hv_vcpu_set_sys_reg(t.vcpu->id, key, value), HV_SUCCESS);
}

/* A CPU starts, and starts again, at EL2, which its ID registers tell of. */
static void test_el2_reset(void **state)
{
    uint64_t sctlr = raw(SCTLR_EL2), hcr = raw(HCR_EL2);
    struct engine_caps caps;

    assert_int_equal(t.ops->caps(&caps), 0);
    assert_true(caps.el2);
    assert_int_equal(get(VCPU_PSTATE) & PSTATE_MODE, PSTATE_2H);
    assert_int_equal(hvf_sysreg(t.vcpu, SYSREG_ID_AA64PFR0_EL1) >> 8 & 0xf, 1);
    assert_int_equal(t.ops->vcpu_set(t.vcpu, VCPU_SP, 0x1230), 0);
    assert_int_equal(raw(SYSREG_KEY(3, 6, 4, 1, 0)), 0x1230);
    set_raw(SCTLR_EL2, sctlr | SCTLR_M);
    set_raw(HCR_EL2, hcr | HCR_TGE);
    set_raw(VBAR_EL2, VECTORS);
    t.ops->vcpu_set(t.vcpu, VCPU_PSTATE, PSTATE_EL1H);
    t.ops->vcpu_reset(t.vcpu);
    assert_int_equal(get(VCPU_PSTATE) & PSTATE_MODE, PSTATE_2H);
    assert_int_equal(raw(SCTLR_EL2), sctlr);
    assert_int_equal(raw(HCR_EL2), hcr);
    assert_int_equal(raw(VBAR_EL2), 0);
    assert_int_equal(get(VCPU_SP), 0);
}

static void test_el2_not_offered(void **state)
{
    struct engine_vm_config config = {.vcpus = 1, .el2 = true};
    struct error err = {0};
    struct engine_vm *vm;
    struct engine_caps caps;

    double_offer_el2(false);
    assert_int_equal(t.ops->caps(&caps), 0);
    assert_false(caps.el2);
    assert_int_equal(t.ops->vm_create(&vm, &config, &err), -ENOTSUP);
    assert_non_null(strstr(err.text, "this Mac"));
    double_offer_el2(true);
}

/* RAM at 0 and the device at 1 GiB, by TTBR0_EL2, in blocks. */
static void map_el2(void)
{
    enum { BLOCK = 0x1 | 1 << 10, TABLE = 3 };
    const uint64_t l1[] = {TABLES + 0x1000 + TABLE, TABLES + 0x2000 + TABLE};
    const uint64_t ram = RAM | BLOCK, device = DEVICE | BLOCK | 1 << 2;

    assert_int_equal(mem_write(t.mem, TABLES, l1, sizeof(l1)), 0);
    assert_int_equal(mem_write(t.mem, TABLES + 0x1000, &ram, 8), 0);
    assert_int_equal(mem_write(t.mem, TABLES + 0x2000, &device, 8), 0);
    set_raw(TTBR0_EL2, TABLES);
    set_raw(MAIR_EL2, 0x00ff);
    set_raw(TCR_EL2, (64 - 39) | TCR_EPD1 | (64 - 39) << TCR_T1SZ_SHIFT);
    set_raw(SCTLR_EL2, raw(SCTLR_EL2) | SCTLR_M);
}

/* Pairs, which no syndrome describes, are read where EL2's own tables say that the code is. */
static void test_el2_pair(void **state)
{
    const uint32_t code[] = {LDP, SMC};

    map_el2();
    assert_int_equal(mem_write(t.mem, RAM, code, sizeof(code)), 0);
    t.ops->vcpu_set(t.vcpu, VCPU_PC, 0);
    set_x(2, GIB);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(t.ops->vcpu_run(t.vcpu, &t.exit), 0);
        assert_int_equal(t.exit->kind, EXIT_MMIO);
        assert_int_equal(t.exit->mmio.ipa, DEVICE + 8 * i);
        assert_int_equal(t.exit->mmio.va, GIB + 8 * i);
        t.exit->mmio.value = 0x55 + i;
    }
    assert_int_equal(t.ops->vcpu_run(t.vcpu, &t.exit), 0);
    assert_int_equal(t.exit->kind, EXIT_SMCCC);
    assert_true(t.exit->smccc.smc);
    assert_int_equal(get(1), 0x55);
    assert_int_equal(get(3), 0x56);
}

/* Without E2H there is one range, and PS is elsewhere. */
static void test_el2_narrow(void **state)
{
    uint64_t ipa = 0;

    map_el2();
    set_raw(HCR_EL2, raw(HCR_EL2) & ~HCR_E2H);
    set_raw(TCR_EL2, (64 - 39) | UINT64_C(2) << 16);
    assert_int_equal(t.ops->vcpu_translate(t.vcpu, GIB + 0x123, &ipa), 0);
    assert_int_equal(ipa, DEVICE + 0x123);
    assert_int_equal(t.ops->vcpu_translate(t.vcpu, UINT64_MAX - 0xfff, &ipa), -EFAULT);
    /* PS 0: addresses of 32 bits, so that those of the tables are none. */
    set_raw(TTBR0_EL2, TABLES | UINT64_C(1) << 36);
    assert_int_equal(t.ops->vcpu_translate(t.vcpu, GIB, &ipa), -EFAULT);
}

/* A guest of the guest's has a stage of its own in between. */
static void test_el2_guest_of_guest(void **state)
{
    uint64_t ipa;

    t.ops->vcpu_set(t.vcpu, VCPU_PSTATE, PSTATE_DAIF | PSTATE_EL1H);
    assert_int_equal(t.ops->vcpu_translate(t.vcpu, RAM, &ipa), 0);
    set_raw(HCR_EL2, raw(HCR_EL2) | 1);
    assert_int_equal(t.ops->vcpu_translate(t.vcpu, RAM, &ipa), -EFAULT);
}

/* A load of what is nowhere, answered with an abort: the exception is taken at `vector`. */
static void refuse_load(uint64_t vector)
{
    static const uint32_t handler[] = {SMC};

    assert_int_equal(mem_write(t.mem, vector, handler, sizeof(handler)), 0);
    set_x(2, DEVICE);
    assert_int_equal(RUN(LDP, SMC), EXIT_MMIO);
    t.exit->mmio.abort = EXIT_ABORT_SYNC;
    assert_int_equal(t.ops->vcpu_run(t.vcpu, &t.exit), 0);
    assert_int_equal(t.exit->kind, EXIT_SMCCC);
    assert_int_equal(get(VCPU_PC), vector + 4);
}

static void test_el2_takes_its_own(void **state)
{
    set_raw(VBAR_EL2, VECTORS);
    refuse_load(VECTORS + VECTOR_CURRENT_SPX);
    assert_int_equal(esr_ec((uint32_t)raw(ESR_EL2)), ESR_EC_DABT);
    assert_int_equal(raw(FAR_EL2), DEVICE);
    assert_int_equal(raw(SPSR_EL2) & PSTATE_MODE, PSTATE_2H);
    assert_int_equal(get(VCPU_PSTATE) & PSTATE_MODE, PSTATE_2H);
    assert_int_equal(raw(ESR_EL1), 0);
}

/* A program of an operating system that lives at EL2. */
static void test_el2_takes_its_programs(void **state)
{
    set_raw(VBAR_EL2, VECTORS);
    set_raw(HCR_EL2, raw(HCR_EL2) | HCR_TGE);
    t.ops->vcpu_set(t.vcpu, VCPU_PSTATE, PSTATE_EL0T);
    refuse_load(VECTORS + VECTOR_LOWER_64);
    assert_int_equal(esr_ec((uint32_t)raw(ESR_EL2)), ESR_EC_DABT_LOWER);
    assert_int_equal(raw(SPSR_EL2) & PSTATE_MODE, PSTATE_EL0T);
}

/* A kernel at EL1 takes its own, unless EL2 wants them. */
static void test_el1_below_el2(void **state)
{
    t.ops->vcpu_set(t.vcpu, VCPU_PSTATE, PSTATE_DAIF | PSTATE_EL1H);
    set_raw(VBAR_EL1, VECTORS);
    refuse_load(VECTORS + VECTOR_CURRENT_SPX);
    assert_int_equal(esr_ec((uint32_t)raw(ESR_EL1)), ESR_EC_DABT);
    assert_int_equal(raw(ESR_EL2), 0);
    set_raw(HCR_EL2, raw(HCR_EL2) | BIT(37));
    assert_ptr_equal(hvf_level(t.vcpu, HVF_UNDEFINED), hvf_level(t.vcpu, HVF_SERROR));
    assert_int_equal(hvf_level(t.vcpu, HVF_ABORT)->el, 2);
}

/* An SError that goes to EL2 does not wait for EL1's PSTATE.A. */
static void test_el2_serror(void **state)
{
    set_raw(VBAR_EL2, VECTORS);
    set_raw(VBAR_EL1, VECTORS + 0x800);
    t.vcpu->serror = true;
    hvf_inject_serror(t.vcpu); /* masked: at EL2 itself */
    assert_true(t.vcpu->serror);
    t.ops->vcpu_set(t.vcpu, VCPU_PSTATE, PSTATE_DAIF | PSTATE_EL1H);
    hvf_inject_serror(t.vcpu);
    assert_true(t.vcpu->serror);
    set_raw(HCR_EL2, raw(HCR_EL2) | BIT(5));
    hvf_inject_serror(t.vcpu);
    assert_false(t.vcpu->serror);
    assert_int_equal(get(VCPU_PC), VECTORS + VECTOR_LOWER_64 + VECTOR_SERROR);
    assert_int_equal(esr_ec((uint32_t)raw(ESR_EL2)), ESR_EC_SERROR);
}

#define WITH_VM(name)  cmocka_unit_test_setup_teardown(name, create, destroy)
#define WITH_EL2(name) cmocka_unit_test_setup_teardown(name, create_nested, destroy)

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
    const struct CMUnitTest el2_tests[] = {
        WITH_EL2(test_el2_reset),
        cmocka_unit_test(test_el2_not_offered),
        WITH_EL2(test_el2_pair),
        WITH_EL2(test_el2_narrow),
        WITH_EL2(test_el2_guest_of_guest),
        WITH_EL2(test_el2_takes_its_own),
        WITH_EL2(test_el2_takes_its_programs),
        WITH_EL2(test_el1_below_el2),
        WITH_EL2(test_el2_serror),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    return failed + (hv_gic_create ? cmocka_run_group_tests(el2_tests, NULL, NULL) : 0);
}
