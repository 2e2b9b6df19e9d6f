/* SPDX-License-Identifier: ISC */
/* vCPUs: KVM_RUN and what comes back from it (KVM 4.10). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arm/esr.h"
#include "engine/kvm/private.h"

/* The machine's threads take no signals: this one takes the kick's. */
static void take_kicks(void)
{
    sigset_t kick;

    sigemptyset(&kick);
    sigaddset(&kick, KVM_KICK_SIGNAL);
    pthread_sigmask(SIG_UNBLOCK, &kick, NULL);
}

/* Once: SVE's vector length is settled with that (KVM 4.119). */
static int finalize(struct vcpu *v)
{
    int feature = KVM_ARM_VCPU_SVE, ret = 0;

    if (v->vm->features & 1u << KVM_ARM_VCPU_SVE && !v->finalized)
        ret = kvm_ioctl(v->fd, KVM_ARM_VCPU_FINALIZE, &feature);
    v->finalized = true;
    return ret;
}

int kvm_vcpu_init(struct vcpu *v)
{
    struct kvm_vcpu_init init = {0};
    int ret = kvm_ioctl(v->vm->fd, KVM_ARM_PREFERRED_TARGET, &init);

    init.features[0] |= 1u << KVM_ARM_VCPU_PSCI_0_2 | v->vm->features;
    if (v->index > 0) /* until CPU_ON */
        init.features[0] |= 1u << KVM_ARM_VCPU_POWER_OFF;
    ret = ret ? ret : kvm_ioctl(v->fd, KVM_ARM_VCPU_INIT, &init);
    return ret ? ret : finalize(v);
}

static int fail(struct vcpu *v, int code, struct error *err)
{
    unsigned index = v->index;

    if (v->run != MAP_FAILED)
        munmap(v->run, v->vm->run_size);
    if (v->fd >= 0)
        close(v->fd);
    free(v);
    return error_set(err, code, "KVM makes no CPU %u: %s", index, strerror(code));
}

int kvm_vcpu_create(struct engine_vm *vm, unsigned index, struct vcpu **out, struct error *err)
{
    struct vcpu *v = calloc(1, sizeof(*v));
    int ret;

    if (!v)
        return error_set(err, ENOMEM, "out of memory");
    v->vm = vm;
    v->index = index;
    v->thread = pthread_self();
    v->fd = kvm_ioctl_value(vm->fd, KVM_CREATE_VCPU, index);
    v->run = v->fd < 0 ? MAP_FAILED
                       : mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
    if (v->run == MAP_FAILED)
        return fail(v, v->fd < 0 ? -v->fd : errno, err);
    ret = kvm_vcpu_init(v);
    if (ret)
        return fail(v, -ret, err);
    kvm_stats_open(&v->kernel, v->fd);
    take_kicks();
    if (index == 0)
        kvm_id_hide(v);
    pthread_mutex_lock(&vm->lock);
    vm->vcpus++;
    vm->cpus[index] = v;
    pthread_mutex_unlock(&vm->lock);
    *out = v;
    return 0;
}

void kvm_vcpu_destroy(struct vcpu *v)
{
    pthread_mutex_lock(&v->vm->lock);
    v->vm->cpus[v->index] = NULL;
    pthread_mutex_unlock(&v->vm->lock);
    kvm_stats_close(&v->kernel);
    munmap(v->run, v->vm->run_size);
    close(v->fd);
    free(v);
}

void kvm_vcpu_reset(struct vcpu *v)
{
    kvm_settle(v);
    kvm_vcpu_init(v);
    v->pending = KVM_NOTHING;
}

/* One that comes before KVM_RUN is seen by it, one that comes during it ends it. */
void kvm_interrupt(struct vcpu *v)
{
    __atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
    pthread_kill(v->thread, KVM_KICK_SIGNAL);
}

void kvm_vcpu_kick(struct vcpu *v)
{
    atomic_store(&v->kicked, true);
    kvm_interrupt(v);
}

void kvm_vcpu_stats(struct vcpu *v, struct vcpu_stats *stats)
{
    *stats = v->stats;
}

/* The kernel's GIC and timers see to these. */
void kvm_vcpu_irq(struct vcpu *v, bool irq, bool fiq)
{
}

void kvm_vcpu_vtimer(struct vcpu *v, bool *virt, bool *phys, uint64_t *deadline_ns)
{
    *virt = *phys = false;
    *deadline_ns = UINT64_MAX;
}

#define BREAKPOINT 0x1e7 /* DBGBCR_EL1: enabled, at EL0 and EL1, of a whole instruction */

int kvm_vcpu_debug(struct vcpu *v, const struct vcpu_debug *debug)
{
    struct kvm_guest_debug guest = {0};

    if (debug->step)
        guest.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
    if (debug->breakpoints)
        guest.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW;
    for (unsigned i = 0; i < debug->breakpoints && i < nitems(debug->breakpoint); i++) {
        guest.arch.dbg_bcr[i] = BREAKPOINT;
        guest.arch.dbg_bvr[i] = debug->breakpoint[i];
    }
    return kvm_ioctl(v->fd, KVM_SET_GUEST_DEBUG, &guest);
}

/* --- exits --- */

static bool leave(struct vcpu *v, enum exit_kind kind)
{
    v->exit.kind = kind;
    return true;
}

static bool leave_fault(struct vcpu *v, const char *text, uint64_t number)
{
    snprintf(v->exit.fault.text, sizeof(v->exit.fault.text), "%s 0x%llx", text,
             (unsigned long long)number);
    kvm_vcpu_get(v, VCPU_PC, &v->exit.fault.pc);
    return leave(v, EXIT_FAULT);
}

static bool system_event(struct vcpu *v)
{
    switch (v->run->system_event.type) {
    case KVM_SYSTEM_EVENT_SHUTDOWN: v->exit.power.what = EXIT_POWER_OFF; break;
    case KVM_SYSTEM_EVENT_RESET: v->exit.power.what = EXIT_POWER_RESET; break;
    default: return leave_fault(v, "KVM tells of system event", v->run->system_event.type);
    }
    return leave(v, EXIT_POWER);
}

static bool debug_exit(struct vcpu *v)
{
    kvm_vcpu_get(v, VCPU_PC, &v->exit.debug.pc);
    v->exit.debug.esr = v->run->debug.arch.hsr;
    v->exit.debug.address = v->run->debug.arch.far;
    return leave(v, EXIT_DEBUG);
}

static bool translate(struct vcpu *v)
{
    switch (v->run->exit_reason) {
    case KVM_EXIT_MMIO: return kvm_mmio_exit(v);
    case KVM_EXIT_ARM_NISV: return kvm_decoded_exit(v);
    case KVM_EXIT_SYSTEM_EVENT: return system_event(v);
    case KVM_EXIT_DEBUG: return debug_exit(v);
    case KVM_EXIT_INTR: return false;
    case KVM_EXIT_FAIL_ENTRY:
        return leave_fault(
            v, "KVM cannot enter the guest:", v->run->fail_entry.hardware_entry_failure_reason);
    case KVM_EXIT_INTERNAL_ERROR:
        return leave_fault(v, "KVM's internal error", v->run->internal.suberror);
    default: return leave_fault(v, "KVM gives an exit unknown to Atoll:", v->run->exit_reason);
    }
}

static bool complete(struct vcpu *v)
{
    int pending = v->pending;

    v->pending = KVM_NOTHING;
    switch (pending) {
    case KVM_PENDING_MMIO: return kvm_mmio_complete(v);
    case KVM_PENDING_DECODED: return kvm_decoded_complete(v);
    default: return false;
    }
}

static bool take_kick(struct vcpu *v)
{
    if (!atomic_exchange(&v->kicked, false))
        return false;
    __atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
    /* One that came in between has set `kicked` as well: it is seen before the next KVM_RUN. */
    return leave(v, EXIT_KICKED);
}

/* KVM_RUN completes an instruction before anything else, and with immediate_exit does nothing else.
 * A vCPU that has not run has none; and then its identification registers can still be set. */
void kvm_settle(struct vcpu *v)
{
    if (!v->ran)
        return;
    if (complete(v)) /* a part of an instruction, which is executed again */
        v->pending = KVM_NOTHING;
    __atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
    kvm_ioctl_value(v->fd, KVM_RUN, 0);
    __atomic_store_n(&v->run->immediate_exit, atomic_load(&v->kicked), __ATOMIC_SEQ_CST);
}

static int run(struct vcpu *v, bool *left)
{
    int ret;

    *left = take_kick(v);
    if (*left)
        return 0;
    v->ran = true;
    ret = kvm_enter(v);
    if (ret == -EINTR || ret == -EAGAIN)
        return 0;
    /* Nothing decodes for a kernel that cannot give such an access to us. */
    if (ret == -ENOSYS) {
        *left = leave_fault(v, "KVM cannot decode an access of the guest's; syndrome unknown;", 0);
        return 0;
    }
    if (ret < 0)
        return ret;
    *left = translate(v);
    return 0;
}

int kvm_vcpu_run(struct vcpu *v, struct vcpu_exit **exit)
{
    bool left = complete(v);
    int ret = 0;

    while (!left && !ret)
        ret = run(v, &left);
    if (ret)
        return ret;
    v->stats.exits[v->exit.kind]++;
    *exit = &v->exit;
    return 0;
}
