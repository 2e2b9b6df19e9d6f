/* SPDX-License-Identifier: ISC */
/*
 * The VM verbs of engine.h for the soft engines. Maps change only before vm_ready or with every
 * vCPU stopped.
 */
#include "engine/soft/private.h"

#include <errno.h>
#include <stdlib.h>

#include "arm/cpuid.h"

const struct soft_map *soft_find_map(const struct soft_vm *vm, uint64_t pa, uint64_t len)
{
    for (size_t i = 0; i < vm->maps; i++) {
        const struct soft_map *map = &vm->map[i];

        if (pa >= map->ipa && range_fits(pa - map->ipa, len, map->size))
            return map;
    }
    return NULL;
}

int soft_caps(struct engine_caps *caps)
{
    *caps = (struct engine_caps){
        .counter_hz = 24000000,
        .ipa_bits = cpuid_pa_bits(&cpuid_atoll),
        .pa_range = cpuid_field(&cpuid_atoll, SYSREG_ID_AA64MMFR0_EL1, 0),
        .host_page_size = SOFT_PAGE_SIZE,
        .max_vcpus = ENGINE_MAX_VCPUS,
        .gic = ENGINE_GIC_NONE,
        .psci_hvc = true,
        .psci_smc = true,
        .id_regs_masked = true,
        .many_vms = true,
    };
    return 0;
}

int soft_vm_create(const struct soft_engine *engine, struct engine_vm **out,
                   const struct engine_vm_config *config, struct error *err)
{
    struct engine_vm *vm;

    if (config->cpu == ENGINE_CPU_HOST)
        return error_set(err, EINVAL,
                         "engine %s does not use this host's CPU: take --cpu atoll or --cpu apple",
                         engine->name);
    vm = calloc(1, sizeof(*vm));
    if (!vm)
        return error_set(err, ENOMEM, "no memory for a virtual machine");
    vm->soft.engine = engine;
    vm->soft.config = *config;
    vm->soft.cpuid = config->cpu == ENGINE_CPU_APPLE ? &cpuid_apple : &cpuid_atoll;
    vm->soft.pa_bits = cpuid_pa_bits(vm->soft.cpuid);
    vm->soft.asid_bits = cpuid_asid_bits(vm->soft.cpuid);
    pthread_mutex_init(&vm->soft.rearm_lock, NULL);
    mem_set_tracker(config->mem, &(struct mem_tracker){.rearm = soft_rearm, .ctx = &vm->soft});
    *out = vm;
    return 0;
}

void soft_vm_destroy(struct engine_vm *vm)
{
    mem_set_tracker(vm->soft.config.mem, &(struct mem_tracker){0});
    pthread_mutex_destroy(&vm->soft.rearm_lock);
    free(vm);
}

static void post_to_all(struct soft_vm *vm, const struct soft_request *r)
{
    for (unsigned i = 0; i < atomic_load(&vm->cpus); i++) {
        struct soft_cpu *c = atomic_load(&vm->cpu[i]);

        if (c)
            soft_request_post(c, r);
    }
}

/* After a change of the maps, with the vCPUs stopped: they do it when they enter vcpu_run. */
static void maps_changed(struct soft_vm *vm)
{
    post_to_all(vm, &(struct soft_request){.kind = SOFT_FLUSH_ALL});
    post_to_all(vm, &(struct soft_request){.kind = SOFT_DROP_CODE, .len = UINT64_MAX});
}

int soft_vm_map(struct engine_vm *e, uint64_t ipa, uint64_t size, bool writable, struct error *err)
{
    struct soft_vm *vm = &e->soft;
    const struct mem_region *region = mem_find(vm->config.mem, ipa, size);

    if (!region || (ipa | size) % SOFT_PAGE_SIZE)
        return error_set(err, EINVAL,
                         "engine: [%#llx, +%#llx) is not whole pages of one RAM region",
                         (unsigned long long)ipa, (unsigned long long)size);
    if (vm->maps == SOFT_MAX_MAPS)
        return error_set(err, ENOSPC, "engine: more than %d maps", SOFT_MAX_MAPS);
    vm->map[vm->maps++] = (struct soft_map){
        .ipa = ipa,
        .size = size,
        .host = region->host + (ipa - region->ipa),
        .region = region,
        .writable = writable,
    };
    maps_changed(vm);
    return 0;
}

static struct soft_map *exact_map(struct soft_vm *vm, uint64_t ipa, uint64_t size)
{
    for (size_t i = 0; i < vm->maps; i++)
        if (vm->map[i].ipa == ipa && vm->map[i].size == size)
            return &vm->map[i];
    return NULL;
}

int soft_vm_unmap(struct engine_vm *e, uint64_t ipa, uint64_t size)
{
    struct soft_map *map = exact_map(&e->soft, ipa, size);

    if (!map)
        return -ENOENT;
    *map = e->soft.map[--e->soft.maps];
    maps_changed(&e->soft);
    return 0;
}

int soft_vm_protect(struct engine_vm *e, uint64_t ipa, uint64_t size, bool writable)
{
    struct soft_map *map = exact_map(&e->soft, ipa, size);

    if (!map)
        return -ENOENT;
    map->writable = writable;
    maps_changed(&e->soft);
    return 0;
}

void soft_vm_code_written(struct engine_vm *e, uint64_t ipa, uint64_t len)
{
    post_to_all(&e->soft, &(struct soft_request){.kind = SOFT_DROP_CODE, .arg = ipa, .len = len});
}

int soft_vm_ready(struct engine_vm *vm, struct error *err)
{
    return 0;
}
