/* SPDX-License-Identifier: ISC */
/*
 * Watched pages (mem/watch.c): RAM that is mapped without the right to write, so that the first
 * store to a granule comes here, is noted for the watches, and has the right from then on.
 */
#include "engine/hvf/private.h"

/* Taking the right away and noting a store exclude each other, so that no store is left unnoted. */
static void rearm(void *ctx, uint64_t ipa, uint64_t len, bool all)
{
    struct engine_vm *vm = ctx;
    uint64_t first = align_down(ipa, HVF_GRANULE), end = align_up(ipa + len, HVF_GRANULE);

    pthread_mutex_lock(&vm->protect_lock);
    hv_vm_protect(first, end - first, HV_MEMORY_READ | HV_MEMORY_EXEC);
    pthread_mutex_unlock(&vm->protect_lock);
}

bool hvf_dirty_fault(struct engine_vm *vm, uint64_t ipa)
{
    uint64_t first = align_down(ipa, HVF_GRANULE);

    if (!mem_is_ram(vm->config.mem, first, HVF_GRANULE))
        return false;
    pthread_mutex_lock(&vm->protect_lock);
    hv_vm_protect(first, HVF_GRANULE, HV_MEMORY_READ | HV_MEMORY_WRITE | HV_MEMORY_EXEC);
    mem_mark_dirty(vm->config.mem, first, HVF_GRANULE);
    pthread_mutex_unlock(&vm->protect_lock);
    return true;
}

void hvf_dirty_init(struct engine_vm *vm)
{
    pthread_mutex_init(&vm->protect_lock, NULL);
    mem_set_tracker(vm->config.mem, &(struct mem_tracker){rearm, vm});
}

void hvf_dirty_fini(struct engine_vm *vm)
{
    mem_set_tracker(vm->config.mem, &(struct mem_tracker){0});
    pthread_mutex_destroy(&vm->protect_lock);
}
