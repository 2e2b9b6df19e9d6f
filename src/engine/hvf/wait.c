/* SPDX-License-Identifier: ISC */
/*
 * WFI where the framework has the GIC. The instruction leaves hv_vcpu_run all the same, and nothing
 * tells the process when an interrupt becomes pending; but most of what can make one passes through
 * it: devices' lines and messages (hvf_wake), and the timers, whose deadlines are known. What does
 * not is what other vCPUs send. So where there are others the wait is cut into naps, short at first
 * and longer while nothing comes: an idle vCPU costs little, and one that has just become idle
 * hears an interrupt of that kind soon.
 *
 * The guest goes on after a nap as if WFI had ended by itself, which it may at any time (Arm ARM
 * D1.7.2).
 */
#include "base/units.h"
#include "engine/hvf/private.h"
#include "host/clock.h"
#include "host/thread.h"

#define NAP_FIRST_NS (NS_PER_MSEC / 20)
#define NAP_LAST_NS  NS_PER_MSEC

void hvf_wait_init(struct engine_vm *vm)
{
    pthread_mutex_init(&vm->wait.lock, NULL);
    host_cond_init(&vm->wait.changed);
}

void hvf_wait_fini(struct engine_vm *vm)
{
    pthread_cond_destroy(&vm->wait.changed);
    pthread_mutex_destroy(&vm->wait.lock);
}

/* Who is about to sleep either finds what changed, or is counted and woken. */
static void wake_sleepers(struct engine_vm *vm)
{
    if (!atomic_load(&vm->wait.sleepers))
        return;
    pthread_mutex_lock(&vm->wait.lock);
    pthread_cond_broadcast(&vm->wait.changed);
    pthread_mutex_unlock(&vm->wait.lock);
}

void hvf_wake(struct engine_vm *vm)
{
    atomic_fetch_add(&vm->wait.raised, 1);
    wake_sleepers(vm);
}

void hvf_wake_kicked(struct engine_vm *vm)
{
    wake_sleepers(vm);
}

void hvf_wait_enter(struct vcpu *v)
{
    v->raised = atomic_load(&v->vm->wait.raised);
}

static uint64_t next_nap(struct vcpu *v)
{
    v->nap = v->nap ? MIN(v->nap * 2, NAP_LAST_NS) : NAP_FIRST_NS;
    return v->nap;
}

/* When a wait ends at the latest, in host_clock_monotonic() time. A timer whose output is high
 * already, and which ended no WFI, is one that the GIC does not let through. */
static uint64_t wait_end(struct vcpu *v)
{
    uint64_t deadline, now = host_clock_monotonic(), guest = hvf_clock(v->vm), nap = next_nap(v);
    bool virt, phys;

    hvf_vcpu_vtimer(v, &virt, &phys, &deadline);
    if (!virt && !phys && v->vm->config.vcpus <= 1)
        nap = UINT64_MAX;
    if (deadline != UINT64_MAX)
        nap = MIN(nap, deadline > guest ? deadline - guest : 0);
    return nap == UINT64_MAX ? nap : now + nap;
}

void hvf_wait(struct vcpu *v)
{
    struct hvf_wait *w = &v->vm->wait;
    uint64_t end = wait_end(v);

    pthread_mutex_lock(&w->lock);
    atomic_fetch_add(&w->sleepers, 1);
    while (atomic_load(&w->raised) == v->raised && !atomic_load(&v->kicked) &&
           host_clock_monotonic() < end)
        host_cond_wait_until(&w->changed, &w->lock, end);
    atomic_fetch_sub(&w->sleepers, 1);
    pthread_mutex_unlock(&w->lock);
}
