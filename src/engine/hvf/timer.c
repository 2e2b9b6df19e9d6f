/* SPDX-License-Identifier: ISC */
/*
 * The counter and the generic timers (Arm ARM D11).
 *
 * The counter that guests read is the host's less an offset, which follows the machine clock: it
 * changes only when that has stood still or was set, never by how long two readings took.
 *
 * The virtual timer is the processor's. When it fires the framework masks it and exits; its output
 * then stays high until a look at CNTV_CTL_EL0 before a later run finds it low, when it is unmasked
 * again.
 *
 * The physical timer does not exist for guests before macOS 15: its registers trap, and it is kept
 * here (struct hvf_ptimer). A thread, started when a guest first uses it, interrupts the vCPU at
 * its deadline.
 *
 * With the framework's GIC neither output is the engine's affair, and a physical timer that traps
 * nevertheless counts without interrupts.
 */
#include <errno.h>
#include <mach/mach_time.h>

#include "base/units.h"
#include "engine/hvf/private.h"
#include "host/clock.h"
#include "host/thread.h"

uint32_t hvf_counter_hz(void)
{
    mach_timebase_info_data_t info = {0};

    mach_timebase_info(&info);
    return info.numer ? (uint32_t)units_scale(NS_PER_SEC, info.denom, info.numer) : 24000000;
}

uint64_t hvf_clock(const struct engine_vm *vm)
{
    return vm->config.clock_ns ? vm->config.clock_ns(vm->config.clock_ctx) : host_clock_monotonic();
}

static uint64_t to_ticks(const struct engine_vm *vm, uint64_t ns)
{
    return units_scale(ns, vm->denom, vm->numer);
}

/* --- the counter --- */

uint64_t hvf_counter(const struct engine_vm *vm)
{
    return mach_absolute_time() - atomic_load(&vm->offset);
}

#define ROUNDING 2 /* ticks */

/* The machine clock read between two readings of the host's counter says where the offset must be.
 * While it is there it stays, so that no vCPU's counter differs from another's. */
static void follow_clock(struct engine_vm *vm)
{
    uint64_t first, guest, last, offset;

    pthread_mutex_lock(&vm->clock_lock);
    first = mach_absolute_time();
    guest = to_ticks(vm, hvf_clock(vm));
    last = mach_absolute_time();
    offset = atomic_load(&vm->offset);
    if ((int64_t)(offset - (first - guest)) < -ROUNDING ||
        (int64_t)(offset - (last - guest)) > ROUNDING)
        atomic_store(&vm->offset, first - guest);
    pthread_mutex_unlock(&vm->clock_lock);
}

/* --- outputs --- */

static bool fires(uint64_t ctl, uint64_t cval, uint64_t now, uint64_t *next)
{
    if (!(ctl & CNT_CTL_ENABLE) || (ctl & CNT_CTL_IMASK))
        return false;
    if (now >= cval)
        return true;
    *next = MIN(*next, cval);
    return false;
}

/* The clock's time at which the counter has reached `ticks`. */
static uint64_t deadline(const struct engine_vm *vm, uint64_t ticks)
{
    if (ticks > UINT64_MAX / (vm->numer / vm->denom + 1))
        return UINT64_MAX;
    return units_scale(ticks, vm->numer, vm->denom) + 1;
}

static bool virt_output(struct vcpu *v, uint64_t now, uint64_t *next)
{
    return fires(hvf_sysreg(v, SYSREG_CNTV_CTL_EL0), hvf_sysreg(v, SYSREG_CNTV_CVAL_EL0), now,
                 next);
}

/* Of the processor where that has one for guests, else of ptimer. */
static bool phys_output(struct vcpu *v, uint64_t now, uint64_t *next)
{
    return fires(hvf_sysreg(v, SYSREG_CNTP_CTL_EL0), hvf_sysreg(v, SYSREG_CNTP_CVAL_EL0), now,
                 next);
}

void hvf_vcpu_vtimer(struct vcpu *v, bool *virt, bool *phys, uint64_t *deadline_ns)
{
    uint64_t now = hvf_counter(v->vm), next = UINT64_MAX;

    *virt = virt_output(v, now, &next);
    *phys = phys_output(v, now, &next);
    *deadline_ns = next == UINT64_MAX ? UINT64_MAX : deadline(v->vm, next);
}

/* --- the physical timer --- */

static void *alarm_body(void *arg)
{
    struct engine_vm *vm = arg;
    struct hvf_alarm *a = &vm->alarm;

    pthread_mutex_lock(&a->lock);
    while (!a->ending) {
        uint64_t now = host_clock_monotonic(), next = UINT64_MAX;

        for (unsigned i = 0; i < ENGINE_MAX_VCPUS; i++) {
            if (vm->cpu[i] && a->at[i] <= now) {
                a->at[i] = UINT64_MAX;
                hv_vcpus_exit(&vm->cpu[i]->id, 1); /* no kick: the run loop looks and goes on */
            }
            next = MIN(next, a->at[i]);
        }
        host_cond_wait_until(&a->changed, &a->lock, next);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* With a deadline to come: before the vCPU enters. */
static void set_alarm(struct vcpu *v, uint64_t ticks)
{
    struct hvf_alarm *a = &v->vm->alarm;
    uint64_t at = deadline(v->vm, ticks), now = hvf_clock(v->vm);
    uint64_t host = host_clock_monotonic() + (at > now ? at - now : 0);

    pthread_mutex_lock(&a->lock);
    if (!a->started)
        a->started = host_thread_start(&a->thread, "ptimer", alarm_body, v->vm) == 0;
    a->at[v->index] = at == UINT64_MAX ? at : host;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

uint64_t hvf_ptimer_read(struct vcpu *v, enum sysreg_id id)
{
    uint64_t now = hvf_counter(v->vm);

    switch (id) {
    case SYSREG_CNTP_CTL_EL0:
        return v->ptimer.ctl |
               (v->ptimer.ctl & CNT_CTL_ENABLE && now >= v->ptimer.cval ? CNT_CTL_ISTATUS : 0);
    case SYSREG_CNTP_CVAL_EL0: return v->ptimer.cval;
    default: return (uint32_t)(v->ptimer.cval - now);
    }
}

void hvf_ptimer_write(struct vcpu *v, enum sysreg_id id, uint64_t value)
{
    switch (id) {
    case SYSREG_CNTP_CTL_EL0: v->ptimer.ctl = value & (CNT_CTL_ENABLE | CNT_CTL_IMASK); break;
    case SYSREG_CNTP_CVAL_EL0: v->ptimer.cval = value; break;
    default: v->ptimer.cval = hvf_counter(v->vm) + (uint64_t)sign_extend(value, 32); break;
    }
}

/* --- entering --- */

static void set_offset(struct vcpu *v)
{
    uint64_t offset;

    follow_clock(v->vm);
    offset = atomic_load(&v->vm->offset);
    if (offset != v->offset)
        hv_vcpu_set_vtimer_offset(v->id, offset);
    v->offset = offset;
}

static void unmask(struct vcpu *v)
{
    if (v->vtimer_masked)
        hv_vcpu_set_vtimer_mask(v->id, false);
    v->vtimer_masked = false;
}

bool hvf_timer_enter(struct vcpu *v)
{
    uint64_t now, next = UINT64_MAX;
    bool virt = v->virt, phys;

    set_offset(v);
    if (v->vm->gic)
        return false;
    now = hvf_counter(v->vm);
    if (v->vtimer_masked) {
        virt = virt_output(v, now, &next);
        if (!virt)
            unmask(v);
    }
    next = UINT64_MAX;
    phys = phys_output(v, now, &next);
    if (next != UINT64_MAX)
        set_alarm(v, next);
    if (virt == v->virt && phys == v->phys)
        return false;
    v->virt = virt;
    v->phys = phys;
    return true;
}

void hvf_timer_reset(struct vcpu *v)
{
    v->ptimer = (struct hvf_ptimer){0};
    v->virt = v->phys = false;
    hvf_set_sysreg(v, SYSREG_CNTV_CTL_EL0, 0);
    hvf_set_sysreg(v, SYSREG_CNTP_CTL_EL0, 0);
    hv_vcpu_set_vtimer_mask(v->id, false);
    v->vtimer_masked = false;
}

int hvf_timer_init(struct engine_vm *vm, struct error *err)
{
    mach_timebase_info_data_t info = {0};

    mach_timebase_info(&info);
    if (!info.numer || !info.denom)
        return error_set(err, EIO, "the host does not say how fast its counter is");
    vm->numer = info.numer;
    vm->denom = info.denom;
    for (unsigned i = 0; i < ENGINE_MAX_VCPUS; i++)
        vm->alarm.at[i] = UINT64_MAX;
    pthread_mutex_init(&vm->clock_lock, NULL);
    pthread_mutex_init(&vm->alarm.lock, NULL);
    host_cond_init(&vm->alarm.changed);
    return 0;
}

void hvf_timer_fini(struct engine_vm *vm)
{
    struct hvf_alarm *a = &vm->alarm;

    pthread_mutex_lock(&a->lock);
    a->ending = true;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
    if (a->started)
        pthread_join(a->thread, NULL);
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    pthread_mutex_destroy(&vm->clock_lock);
}
