/* SPDX-License-Identifier: ISC */
/*
 * The double's own tests: whoever breaks one of Hypervisor.framework's rules is found out. Each
 * test plays a virtual machine monitor that makes one mistake. A guest of a few instructions runs
 * with its MMU off, at RAM.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <Hypervisor/Hypervisor.h>
#include <libkern/OSCacheControl.h>
#include <os/object.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "arm/cpuid.h"
#include "arm/regs.h"
#include "arm/esr.h"
#include "arm/sysreg.h"
#include "base/units.h"
#include "double.h"

#define RAM      UINT64_C(0x70000000)
#define RAM_SIZE (2 * MIB)
#define DEVICE   UINT64_C(0x20000000)

static struct {
    struct mem *mem;
    struct log log;
    struct event_sink events;
    hv_vcpu_t cpu;
    hv_vcpu_exit_t *exit;
    char broken[256];
    unsigned times;
} t;

static void note(void *ctx, const char *rule)
{
    t.times++;
    snprintf(t.broken, sizeof(t.broken), "%s", rule);
}

/* The rule that was broken last says `words`. */
static void expect_broken(const char *words)
{
    if (!strstr(t.broken, words))
        fail_msg("not found out: \"%s\" (but \"%s\")", words, t.broken);
    t.broken[0] = '\0';
}

static void expect_nothing_broken(void)
{
    assert_string_equal(t.broken, "");
}

static int create_vm(void **state)
{
    const struct mem_region *region;
    struct error err;

    memset(&t, 0, sizeof(t));
    if (mem_create(&t.mem) || mem_add_ram(t.mem, RAM, RAM_SIZE, &err))
        return -1;
    double_on_broken(note, NULL);
    double_attach(
        &(struct engine_vm_config){.mem = t.mem, .log = &t.log, .events = &t.events, .vcpus = 1});
    if (hv_vm_create(NULL) != HV_SUCCESS)
        return -1;
    region = mem_find(t.mem, RAM, RAM_SIZE);
    return hv_vm_map(region->host, RAM, RAM_SIZE,
                     HV_MEMORY_READ | HV_MEMORY_WRITE | HV_MEMORY_EXEC) == HV_SUCCESS
               ? 0
               : -1;
}

static int destroy_vm(void **state)
{
    hv_vm_destroy();
    mem_destroy(t.mem);
    double_on_broken(NULL, NULL);
    return 0;
}

/* A vCPU at the first of these instructions. */
static void start(const uint32_t *code, size_t count)
{
    assert_int_equal(hv_vcpu_create(&t.cpu, &t.exit, NULL), HV_SUCCESS);
    assert_int_equal(mem_write(t.mem, RAM, code, count * sizeof(*code)), 0);
    hv_vcpu_set_reg(t.cpu, HV_REG_PC, RAM);
    hv_vcpu_set_reg(t.cpu, HV_REG_CPSR, PSTATE_DAIF | PSTATE_EL1H);
    hv_vcpu_set_sys_reg(t.cpu, SYSREG_KEY(3, 0, 1, 0, 2), CPACR_FPEN);
    hv_vcpu_set_sys_reg(t.cpu, SYSREG_KEY(3, 0, 0, 0, 5), cpuid_mpidr(0));
}

#define START(...) start((const uint32_t[]){__VA_ARGS__}, nitems(((uint32_t[]){__VA_ARGS__})))

static int destroy_all(void **state)
{
    hv_vcpu_destroy(t.cpu);
    return destroy_vm(state);
}

/* Runs to an exception of this class; its syndrome. */
static uint32_t run(enum esr_ec ec)
{
    assert_int_equal(hv_vcpu_run(t.cpu), HV_SUCCESS);
    assert_int_equal(t.exit->reason, HV_EXIT_REASON_EXCEPTION);
    assert_int_equal(esr_ec((uint32_t)t.exit->exception.syndrome), ec);
    return (uint32_t)t.exit->exception.syndrome;
}

/* Enters the guest, and leaves it at once. */
static void enter(void)
{
    hv_vcpus_exit(&t.cpu, 1);
    assert_int_equal(hv_vcpu_run(t.cpu), HV_SUCCESS);
}

static uint64_t pc(void)
{
    uint64_t value;

    hv_vcpu_get_reg(t.cpu, HV_REG_PC, &value);
    return value;
}

static void set_x(unsigned n, uint64_t value)
{
    hv_vcpu_set_reg(t.cpu, HV_REG_X0 + n, value);
}

static void skip_insn(void)
{
    hv_vcpu_set_reg(t.cpu, HV_REG_PC, pc() + 4);
}

#define HVC     0xd4000002
#define SMC     0xd4000003
#define WFI     0xd503207f
#define LOOP    0x14000000 /* b . */
#define LDR_W   0xb9400041 /* ldr w1, [x2] */
#define LDRSH   0x79800041 /* ldrsh x1, [x2] */
#define LDP     0xa9400440 /* ldp x0, x1, [x2] */
#define STP     0xa9000440 /* stp x0, x1, [x2] */
#define LDR_Q   0x3dc00040 /* ldr q0, [x2] */
#define STR_D   0xfd000040 /* str d0, [x2] */
#define LDR_PRE 0xf8408c41 /* ldr x1, [x2, #8]! */
#define ENABLE  0xd51be321 /* msr cntv_ctl_el0, x1 */

/* --- rules --- */

static void test_owner_thread(void **state)
{
    START(LOOP);
    enter();
    expect_nothing_broken();
}

static void *call_elsewhere(void *arg)
{
    uint64_t value;
    hv_return_t *ret = arg;

    ret[0] = hv_vcpu_get_reg(t.cpu, HV_REG_PC, &value);
    ret[1] = hv_vcpu_run(t.cpu);
    ret[2] = hv_vcpus_exit(&t.cpu, 1);
    return NULL;
}

static void test_other_thread(void **state)
{
    hv_return_t ret[3] = {0};
    pthread_t thread;

    START(LOOP);
    assert_int_equal(pthread_create(&thread, NULL, call_elsewhere, ret), 0);
    pthread_join(thread, NULL);
    expect_broken("only the thread that created a vCPU");
    assert_int_equal(t.times, 2);
    assert_int_equal(ret[0], HV_BAD_ARGUMENT);
    assert_int_equal(ret[1], HV_BAD_ARGUMENT);
    assert_int_equal(ret[2], HV_SUCCESS);
}

static void test_granule(void **state)
{
    const struct mem_region *region = mem_find(t.mem, RAM, RAM_SIZE);

    assert_int_equal(hv_vm_unmap(RAM, RAM_SIZE), HV_SUCCESS);
    assert_int_equal(hv_vm_map(region->host, RAM, 0x11000, HV_MEMORY_READ), HV_BAD_ARGUMENT);
    expect_broken("16 KiB");
    assert_int_equal(hv_vm_map(region->host + 4096, RAM + 4096, 0x10000, HV_MEMORY_READ),
                     HV_BAD_ARGUMENT);
    expect_broken("16 KiB");
    assert_int_equal(hv_vm_map(region->host, RAM, 0x10000, HV_MEMORY_READ), HV_SUCCESS);
    assert_int_equal(hv_vm_protect(RAM + 4096, 4096, HV_MEMORY_READ), HV_BAD_ARGUMENT);
    expect_broken("16 KiB");
    assert_int_equal(hv_vm_unmap(RAM, 0x1000), HV_BAD_ARGUMENT);
    expect_broken("16 KiB");
}

static void test_one_vm(void **state)
{
    assert_int_equal(hv_vm_create(NULL), HV_BUSY);
    expect_broken("one virtual machine");
}

static void test_vm_before_cpus(void **state)
{
    START(LOOP);
    assert_int_equal(hv_vm_destroy(), HV_BUSY);
    expect_broken("before its CPUs");
}

/* After HVC PC is past the instruction, after SMC at it. */
static void test_hvc(void **state)
{
    START(HVC, HVC, HVC, HVC, LOOP);
    run(ESR_EC_HVC64);
    assert_int_equal(pc(), RAM + 4);
    run(ESR_EC_HVC64);
    expect_nothing_broken();
    skip_insn();
    enter();
    expect_broken("past an HVC already");
}

static void test_smc(void **state)
{
    START(SMC, SMC, LOOP);
    run(ESR_EC_SMC64);
    assert_int_equal(pc(), RAM);
    skip_insn();
    run(ESR_EC_SMC64);
    expect_nothing_broken();
    enter();
    expect_broken("still at the SMC");
}

static void test_wfi(void **state)
{
    START(WFI, WFI, LOOP);
    run(ESR_EC_WFX);
    assert_int_equal(pc(), RAM);
    skip_insn();
    run(ESR_EC_WFX);
    expect_nothing_broken();
    enter();
    expect_broken("still at the WFI");
}

/* The syndrome describes loads and stores of one register, and nothing else. */
static void test_isv(void **state)
{
    static const uint32_t without[] = {LDP, STP, LDR_Q, STR_D, LDR_PRE};
    uint32_t esr;

    START(LDRSH, LDP, STP, LDR_Q, STR_D, LDR_PRE, LOOP);
    set_x(2, DEVICE);
    esr = run(ESR_EC_DABT_LOWER);
    assert_int_equal(esr & ~(ESR_ISS_MASK & 0x3f),
                     esr_make(ESR_EC_DABT_LOWER, ESR_DABT_ISV | ESR_DABT_SAS(1) | ESR_DABT_SSE |
                                                     ESR_DABT_SRT(1) | ESR_DABT_SF));
    for (size_t i = 0; i < nitems(without); i++) {
        skip_insn();
        esr = run(ESR_EC_DABT_LOWER);
        assert_false(esr & (ESR_DABT_ISV | ESR_DABT_SAS(3) | ESR_DABT_SRT(31)));
        assert_int_equal(t.exit->exception.physical_address & ~UINT64_C(15), DEVICE);
    }
    expect_nothing_broken();
}

#define LDP_34   0xa9401043 /* ldp x3, x4, [x2] */
#define STP_34   0xa9001043 /* stp x3, x4, [x2] */
#define STR_POST 0xf8008441 /* str x1, [x2], #8 */
#define LDP_Q    0xad400440 /* ldp q0, q1, [x2] */
#define STP_PRE  0xa9810440 /* stp x0, x1, [x2, #16]! */

/* Without ISV the syndrome's register, 0, is none: whoever loads it has read what is not there. */
static void test_isv_ignored(void **state)
{
    static const struct {
        uint32_t word;
        unsigned writeback;
    } insns[] = {{LDP_34, 0},  {STP_34, 0}, {LDR_Q, 0},    {STR_D, 0},
                 {LDR_PRE, 8}, {LDP_Q, 0},  {STR_POST, 8}, {STP_PRE, 16}};

    START(LOOP, LOOP);
    for (size_t i = 0; i < nitems(insns); i++) {
        assert_int_equal(mem_write(t.mem, RAM, &insns[i].word, 4), 0);
        sys_icache_invalidate(mem_find(t.mem, RAM, 4)->host, 4);
        hv_vcpu_set_reg(t.cpu, HV_REG_PC, RAM);
        set_x(2, DEVICE);
        run(ESR_EC_DABT_LOWER);
        set_x(0, 0x12345678 + i);
        set_x(2, DEVICE + insns[i].writeback);
        skip_insn();
        enter();
        expect_broken("does not load");
    }
}

static void test_writeback_forgotten(void **state)
{
    static const uint32_t insns[] = {LDR_PRE, STR_POST, STP_PRE};

    START(LOOP, LOOP);
    for (size_t i = 0; i < nitems(insns); i++) {
        assert_int_equal(mem_write(t.mem, RAM, &insns[i], 4), 0);
        sys_icache_invalidate(mem_find(t.mem, RAM, 4)->host, 4);
        hv_vcpu_set_reg(t.cpu, HV_REG_PC, RAM);
        set_x(2, DEVICE);
        run(ESR_EC_DABT_LOWER);
        skip_insn();
        enter();
        expect_broken("not written back");
    }
}

/* What is done right is no rule broken. */
static void test_accesses_emulated(void **state)
{
    START(LDP_34, STP_34, STP_PRE, LOOP);
    set_x(2, DEVICE);
    run(ESR_EC_DABT_LOWER);
    set_x(3, 1);
    set_x(4, 2);
    skip_insn();
    run(ESR_EC_DABT_LOWER);
    skip_insn();
    run(ESR_EC_DABT_LOWER);
    set_x(2, DEVICE + 16);
    skip_insn();
    enter();
    expect_nothing_broken();
}

/* --- timer and interrupts: macOS 13, where they are not hv_gic's --- */

static void fire(void)
{
    START(ENABLE, LOOP, ENABLE, LOOP);
    set_x(1, CNT_CTL_ENABLE); /* CVAL is 0: at once */
    assert_int_equal(hv_vcpu_run(t.cpu), HV_SUCCESS);
    assert_int_equal(t.exit->reason, HV_EXIT_REASON_VTIMER_ACTIVATED);
}

/* Masked by its exit: the guest goes on until something else happens. */
static void test_vtimer_masked(void **state)
{
    fire();
    enter();
    assert_int_equal(t.exit->reason, HV_EXIT_REASON_CANCELED);
    expect_nothing_broken();
}

static void test_vtimer_left_masked(void **state)
{
    fire();
    hv_vcpu_set_sys_reg(t.cpu, SYSREG_KEY(3, 3, 14, 3, 1), 0);
    enter();
    expect_broken("left masked");
}

static void test_vtimer_storm(void **state)
{
    fire();
    for (unsigned i = 0; i < 2000 && !t.times; i++) {
        hv_vcpu_set_vtimer_mask(t.cpu, false);
        hv_vcpu_run(t.cpu);
    }
    expect_broken("unmasked while its output is high");
}

/* An interrupt is pending for one run. */
static void test_pending_interrupt(void **state)
{
    START(LOOP);
    hv_vcpu_set_reg(t.cpu, HV_REG_CPSR, PSTATE_EL1H);
    hv_vcpu_set_sys_reg(t.cpu, SYSREG_KEY(3, 0, 12, 0, 0), RAM + 0x800);
    assert_int_equal(
        mem_write(t.mem, RAM + 0x800 + VECTOR_CURRENT_SPX + VECTOR_IRQ, &(uint32_t){HVC}, 4), 0);
    hv_vcpu_set_pending_interrupt(t.cpu, HV_INTERRUPT_TYPE_IRQ, true);
    run(ESR_EC_HVC64);
    hv_vcpu_set_reg(t.cpu, HV_REG_CPSR, PSTATE_EL1H);
    hv_vcpu_set_reg(t.cpu, HV_REG_PC, RAM);
    enter();
    assert_int_equal(t.exit->reason, HV_EXIT_REASON_CANCELED);
}

/* --- hv_gic: macOS 15 --- */

static hv_return_t create_gic(void)
{
    hv_gic_config_t config = hv_gic_config_create();
    hv_return_t ret;

    hv_gic_config_set_distributor_base(config, 0x10000000);
    hv_gic_config_set_redistributor_base(config, 0x10010000);
    hv_gic_config_set_msi_region_base(config, 0x1fff0000);
    hv_gic_config_set_msi_interrupt_range(config, 128, 128);
    ret = hv_gic_create(config);
    os_release(config);
    return ret;
}

static void test_gic_late(void **state)
{
    START(LOOP);
    assert_int_not_equal(create_gic(), HV_SUCCESS);
    expect_broken("before the first vCPU");
}

static void test_gic_mpidr(void **state)
{
    assert_int_equal(create_gic(), HV_SUCCESS);
    assert_int_equal(hv_vcpu_create(&t.cpu, &t.exit, NULL), HV_SUCCESS);
    enter();
    expect_broken("MPIDR_EL1");
}

#define WITH_CPU(name) cmocka_unit_test_setup_teardown(name, create_vm, destroy_all)
#define WITH_VM(name)  cmocka_unit_test_setup_teardown(name, create_vm, destroy_vm)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CPU(test_owner_thread),
        WITH_CPU(test_other_thread),
        WITH_VM(test_granule),
        WITH_VM(test_one_vm),
        WITH_CPU(test_vm_before_cpus),
        WITH_CPU(test_hvc),
        WITH_CPU(test_smc),
        WITH_CPU(test_wfi),
        WITH_CPU(test_isv),
        WITH_CPU(test_isv_ignored),
        WITH_CPU(test_writeback_forgotten),
        WITH_CPU(test_accesses_emulated),
    };
    const struct CMUnitTest gic_tests[] = {
        WITH_CPU(test_gic_late),
        WITH_CPU(test_gic_mpidr),
    };
    const struct CMUnitTest own_tests[] = {
        WITH_CPU(test_pending_interrupt),
        WITH_CPU(test_vtimer_masked),
        WITH_CPU(test_vtimer_left_masked),
        WITH_CPU(test_vtimer_storm),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    return failed + (hv_gic_create ? cmocka_run_group_tests(gic_tests, NULL, NULL)
                                   : cmocka_run_group_tests(own_tests, NULL, NULL));
}
