/* SPDX-License-Identifier: ISC */
/*
 * The guest's counter, which is the host's less an offset for the whole VM. It stands while the
 * machine clock does: what it was then is put back when that goes on. In between nothing is
 * corrected: the clock follows CLOCK_MONOTONIC, which is slewed, and a counter must not jump.
 *
 * Linux 6.4 and later take the offset itself, for the physical counter too (KVM 4.138). Before, the
 * virtual counter alone can be set.
 */
#include "base/units.h"
#include "engine/kvm/private.h"
#include "host/clock.h"

/* linux/kvm.h has it since 6.4. */
#define SET_OFFSET _IOW(KVMIO, 0xb5, struct offset_request)

struct offset_request {
    uint64_t offset, reserved;
};

uint32_t kvm_counter_hz(void)
{
    uint64_t hz;

    __asm__("mrs %0, cntfrq_el0" : "=r"(hz));
    return (uint32_t)hz;
}

/* To Linux at EL2 the virtual counter is the physical one. */
static uint64_t host_counter(void)
{
    uint64_t ticks;

    __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
    return ticks;
}

static uint64_t clock_now(const struct engine_vm *vm)
{
    return vm->config.clock_ns ? vm->config.clock_ns(vm->config.clock_ctx) : host_clock_monotonic();
}

void kvm_time_init(struct engine_vm *vm)
{
    vm->time.runs = false;
    vm->time.counter = vm->time.clock_ns = 0;
}

static void stand(struct engine_vm *vm)
{
    kvm_reg_get(vm->cpus[0], KVM_REG_ARM_TIMER_CNT, &vm->time.counter);
    vm->time.clock_ns = clock_now(vm);
}

static void go(struct engine_vm *vm)
{
    uint64_t now = clock_now(vm);
    struct offset_request request = {0};
    uint64_t counter;

    if (now < vm->time.clock_ns) /* a reset: the clock began anew */
        kvm_time_init(vm);
    counter = vm->time.counter + units_scale(now - vm->time.clock_ns, kvm_counter_hz(), NS_PER_SEC);
    request.offset = host_counter() - counter;
    if (kvm_ioctl(vm->fd, SET_OFFSET, &request))
        kvm_reg_set(vm->cpus[0], KVM_REG_ARM_TIMER_CNT, &counter);
}

void kvm_vm_clock(struct engine_vm *vm, bool runs)
{
    if (!vm->cpus[0] || vm->time.runs == runs)
        return;
    if (runs)
        go(vm);
    else
        stand(vm);
    vm->time.runs = runs;
}

uint64_t kvm_time_get(const struct engine_vm *vm)
{
    return vm->time.counter;
}

void kvm_time_set(struct engine_vm *vm, uint64_t counter)
{
    vm->time.counter = counter;
    vm->time.clock_ns = clock_now(vm);
}
