/* SPDX-License-Identifier: ISC */
/*
 * Watched pages (mem/watch.c): RAM whose granules are mapped without the right to write, so that
 * the first store to each comes here, is noted for the watches, and has the right from then on.
 */
#include "engine/hvf/private.h"

#define PAGE (UINT64_C(1) << MEM_PAGE_SHIFT)

static bool granule_watched(const struct mem_region *region, uint64_t ipa)
{
    for (uint64_t page = ipa; page < ipa + HVF_GRANULE; page += PAGE)
        if (mem_page_watched(region, page))
            return true;
    return false;
}

static void protect(struct engine_vm *vm, uint64_t ipa, uint64_t size)
{
    hv_return_t ret = hv_vm_protect(ipa, size, HV_MEMORY_READ | HV_MEMORY_EXEC);

    if (ret != HV_SUCCESS)
        log_error(vm->config.log, "hvf: stores to %#llx are not seen: %s", (unsigned long long)ipa,
                  hvf_reason(ret));
}

/* The watched granules of [ipa, end), run by run. */
static void protect_watched(struct engine_vm *vm, const struct mem_region *region, uint64_t ipa,
                            uint64_t end)
{
    uint64_t first = ipa;

    for (; ipa < end; ipa += HVF_GRANULE) {
        if (granule_watched(region, ipa))
            continue;
        if (first < ipa)
            protect(vm, first, ipa - first);
        first = ipa + HVF_GRANULE;
    }
    if (first < end)
        protect(vm, first, end - first);
}

/* Taking the right away and noting a store exclude each other, so that no store is left unnoted. */
static void rearm(void *ctx, uint64_t ipa, uint64_t len, bool all)
{
    struct engine_vm *vm = ctx;
    const struct mem_region *region;
    size_t count = mem_regions(vm->config.mem, &region);

    pthread_mutex_lock(&vm->protect_lock);
    for (size_t i = 0; i < count; i++, region++) {
        uint64_t first = MAX(align_down(ipa, HVF_GRANULE), region->ipa);
        uint64_t end = region->ipa + region->size; /* regions are of whole granules (mem.h) */

        if (ipa >= end)
            continue;
        if (len < end - ipa)
            end = align_up(ipa + len, HVF_GRANULE);
        if (first < end)
            protect_watched(vm, region, first, end);
    }
    pthread_mutex_unlock(&vm->protect_lock);
}

bool hvf_dirty_fault(struct engine_vm *vm, uint64_t ipa)
{
    uint64_t first = align_down(ipa, HVF_GRANULE);

    if (!mem_is_ram(vm->config.mem, first, HVF_GRANULE) || hvf_read_only(vm, first))
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
    mem_set_tracker(vm->config.mem, &(struct mem_tracker){.rearm = rearm, .ctx = vm});
}

void hvf_dirty_fini(struct engine_vm *vm)
{
    mem_set_tracker(vm->config.mem, &(struct mem_tracker){0});
    pthread_mutex_destroy(&vm->protect_lock);
}
