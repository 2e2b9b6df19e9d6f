/* SPDX-License-Identifier: ISC */
/*
 * Guest memory: KVM's slots (KVM 4.35). What vm_map maps is one slot at first; dirty.c may divide
 * it, and then every piece is a slot.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kvm/private.h"

int kvm_slot_set(struct engine_vm *vm, unsigned index)
{
    const struct kvm_slot *slot = &vm->slots[index];
    struct kvm_userspace_memory_region region = {.slot = index,
                                                 .flags = (slot->writable ? 0 : KVM_MEM_READONLY) |
                                                          (slot->log ? KVM_MEM_LOG_DIRTY_PAGES : 0),
                                                 .guest_phys_addr = slot->ipa,
                                                 .memory_size = slot->size,
                                                 .userspace_addr = (uintptr_t)slot->host};

    return kvm_ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

int kvm_slot_drop(struct engine_vm *vm, unsigned index)
{
    struct kvm_slot *slot = &vm->slots[index];

    free(slot->log);
    *slot = (struct kvm_slot){.ipa = slot->ipa};
    return kvm_slot_set(vm, index);
}

int kvm_slot_add(struct engine_vm *vm, const struct kvm_slot *slot)
{
    for (unsigned i = 0; i < KVM_SLOTS; i++) {
        int ret;

        if (vm->slots[i].size != 0)
            continue;
        vm->slots[i] = *slot;
        ret = kvm_slot_set(vm, i);
        if (ret)
            vm->slots[i].size = 0;
        return ret ? ret : (int)i;
    }
    return -ENOSPC;
}

static int add(struct engine_vm *vm, const struct kvm_slot *slot)
{
    int ret;

    pthread_mutex_lock(&vm->lock);
    ret = kvm_slot_add(vm, slot);
    pthread_mutex_unlock(&vm->lock);
    return MIN(ret, 0);
}

int kvm_vm_map(struct engine_vm *vm, uint64_t ipa, uint64_t size, bool writable, struct error *err)
{
    const struct mem_region *region = mem_find(vm->config.mem, ipa, size);
    int ret = -EINVAL;

    if (region)
        ret = add(vm, &(struct kvm_slot){.ipa = ipa,
                                         .size = size,
                                         .host = region->host + (ipa - region->ipa),
                                         .writable = writable,
                                         .region = region});
    return ret ? error_set(err, -ret, "KVM does not map guest memory: %s", strerror(-ret)) : 0;
}

int kvm_vm_map_reads(struct engine_vm *vm, uint64_t ipa, uint64_t size, const void *from)
{
    return add(vm, &(struct kvm_slot){.ipa = ipa, .size = size, .host = from});
}

typedef int (*slot_change)(struct engine_vm *vm, unsigned index);

/* Every slot of [ipa, ipa + size). */
static int change(struct engine_vm *vm, uint64_t ipa, uint64_t size, slot_change to)
{
    int ret = -ENOENT;

    pthread_mutex_lock(&vm->lock);
    for (unsigned i = 0; i < KVM_SLOTS && (!ret || ret == -ENOENT); i++) {
        const struct kvm_slot *slot = &vm->slots[i];

        if (slot->size != 0 && slot->ipa >= ipa && slot->ipa + slot->size <= ipa + size)
            ret = to(vm, i);
    }
    pthread_mutex_unlock(&vm->lock);
    return ret;
}

int kvm_vm_unmap(struct engine_vm *vm, uint64_t ipa, uint64_t size)
{
    return change(vm, ipa, size, kvm_slot_drop);
}

/* Whether it may be written cannot change: it is made anew (KVM 4.35), with a new log. */
static int protect(struct engine_vm *vm, unsigned index, bool writable)
{
    struct kvm_slot *slot = &vm->slots[index];
    uint64_t size;
    int ret;

    kvm_pause(vm);
    size = slot->size;
    slot->size = 0;
    ret = kvm_slot_set(vm, index);
    slot->size = size;
    if (ret == 0) {
        if (slot->log)
            mem_mark_dirty(vm->config.mem, slot->ipa, slot->size);
        slot->writable = writable;
        ret = kvm_slot_set(vm, index);
    }
    kvm_resume(vm);
    return ret;
}

static int make_writable(struct engine_vm *vm, unsigned index)
{
    return protect(vm, index, true);
}

static int make_read_only(struct engine_vm *vm, unsigned index)
{
    return protect(vm, index, false);
}

int kvm_vm_protect(struct engine_vm *vm, uint64_t ipa, uint64_t size, bool writable)
{
    return change(vm, ipa, size, writable ? make_writable : make_read_only);
}
