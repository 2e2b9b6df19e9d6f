/* SPDX-License-Identifier: ISC */
/*
 * vCPUs are kept out of KVM_RUN while a piece of guest memory is not there: a slot cannot be
 * divided in place (KVM 4.35), and a guest would take an abort for what it does meanwhile.
 *
 * Who is about to enter says so before it looks whether there is a pause, and a pause begins before
 * it looks who is in: one of the two sees the other.
 */
#include <errno.h>

#include "engine/kvm/private.h"

static void outside(struct vcpu *v)
{
    atomic_store(&v->entered, false);
    if (!atomic_load(&v->vm->pausing))
        return;
    pthread_mutex_lock(&v->vm->lock);
    pthread_cond_broadcast(&v->vm->changed);
    while (atomic_load(&v->vm->pausing))
        pthread_cond_wait(&v->vm->changed, &v->vm->lock);
    pthread_mutex_unlock(&v->vm->lock);
}

int kvm_enter(struct vcpu *v)
{
    int ret = -EINTR;

    atomic_store(&v->entered, true);
    if (!atomic_load(&v->vm->pausing))
        ret = kvm_ioctl_value(v->fd, KVM_RUN, 0);
    outside(v);
    /* A pause or a kick has done with it; what a kick means is in `kicked`, which comes first. */
    if (ret == -EINTR)
        __atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
    return ret;
}

void kvm_pause(struct engine_vm *vm)
{
    atomic_store(&vm->pausing, true);
    for (unsigned i = 0; i < ENGINE_MAX_VCPUS; i++) {
        struct vcpu *v = vm->cpus[i];

        if (!v || !atomic_load(&v->entered))
            continue;
        kvm_interrupt(v);
        while (atomic_load(&v->entered))
            pthread_cond_wait(&vm->changed, &vm->lock);
    }
}

void kvm_resume(struct engine_vm *vm)
{
    atomic_store(&vm->pausing, false);
    pthread_cond_broadcast(&vm->changed);
}
