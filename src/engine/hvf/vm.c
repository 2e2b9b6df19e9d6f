/* SPDX-License-Identifier: ISC */
/*
 * The engine's verbs that concern the whole VM, and its table.
 */
#include <errno.h>
#include <libkern/OSCacheControl.h>
#include <os/object.h>
#include <stdlib.h>

#include "engine/hvf/hvf.h"
#include "engine/hvf/private.h"

#ifdef __clang__
/* What is newer than macOS 13 is asked for by its address. */
#pragma clang diagnostic ignored "-Wunguarded-availability-new"
#endif

/* --- what there is --- */

static bool el2_offered(void)
{
    bool supported = false;

    return hv_vm_config_get_el2_supported && hv_vm_config_set_el2_enabled &&
           hv_vm_config_get_el2_supported(&supported) == HV_SUCCESS && supported;
}

static int probe(struct error *err)
{
    uint32_t cpus;

    return hvf_check(hv_vm_get_max_vcpu_count(&cpus), "this Mac does not run virtual machines",
                     err);
}

static int caps(struct engine_caps *caps)
{
    uint32_t bits, cpus;
    int ret;

    *caps = (struct engine_caps){
        .counter_hz = hvf_counter_hz(),
        .host_page_size = HVF_GRANULE,
        .gic = hvf_gic_offered() ? ENGINE_GIC_IN_ENGINE : ENGINE_GIC_NONE,
        .msi_in_engine = hvf_gic_offered(),
        .psci_hvc = true,
        .psci_smc = true,
        .el2 = el2_offered(),
    };
    if (hv_vm_config_get_max_ipa_size(&bits) != HV_SUCCESS ||
        hv_vm_get_max_vcpu_count(&cpus) != HV_SUCCESS)
        return -EIO;
    caps->max_vcpus = MIN(cpus, ENGINE_MAX_VCPUS);
    ret = hvf_id_describe(&cpuid_atoll, &caps->pa_range, caps->shown, sizeof(caps->shown));
    caps->ipa_bits = MIN(bits, cpuid_pa_bits(&cpuid_atoll));
    return ret;
}

/* --- creation --- */

static hv_return_t create(const struct engine_vm_config *config)
{
    hv_vm_config_t hv = hv_vm_config_create();
    uint32_t bits;
    hv_return_t ret = hv ? hv_vm_config_get_max_ipa_size(&bits) : HV_NO_RESOURCES;

    if (ret == HV_SUCCESS)
        ret = hv_vm_config_set_ipa_size(hv, MIN(bits, cpuid_pa_bits(&cpuid_atoll)));
    if (ret == HV_SUCCESS && config->el2)
        ret = el2_offered() ? hv_vm_config_set_el2_enabled(hv, true) : HV_UNSUPPORTED;
    if (ret == HV_SUCCESS)
        ret = hv_vm_create(hv);
    if (hv)
        os_release(hv);
    return ret;
}

static int prepare(struct engine_vm *vm, struct error *err)
{
    int ret = hvf_id_init(vm, err);

    ret = ret ? ret : hvf_timer_init(vm, err);
    if (ret)
        return ret;
    ret = hvf_check(create(&vm->config), "cannot create a virtual machine", err);
    if (ret)
        hvf_timer_fini(vm);
    return ret;
}

static int vm_create(struct engine_vm **out, const struct engine_vm_config *config,
                     struct error *err)
{
    struct engine_vm *vm;
    int ret;

    if (config->dump.to || config->trace.to)
        return error_set(err, ENOTSUP,
                         "the hvf engine does not translate: there is nothing to dump or to "
                         "trace; --engine jit does, on x86-64");
    vm = calloc(1, sizeof(*vm));
    if (!vm)
        return error_set(err, ENOMEM, "no memory for a virtual machine");
    vm->config = *config;
    vm->cpuid = config->cpu == ENGINE_CPU_APPLE ? &cpuid_apple : &cpuid_atoll;
    ret = prepare(vm, err);
    if (ret) {
        free(vm);
        return ret;
    }
    hvf_wait_init(vm);
    hvf_dirty_init(vm);
    *out = vm;
    return 0;
}

static void vm_destroy(struct engine_vm *vm)
{
    hvf_timer_fini(vm);
    hv_vm_destroy();
    hvf_dirty_fini(vm);
    hvf_wait_fini(vm);
    free(vm);
}

/* --- memory --- */

static hv_memory_flags_t rights(bool writable)
{
    return HV_MEMORY_READ | HV_MEMORY_EXEC | (writable ? HV_MEMORY_WRITE : 0);
}

bool hvf_read_only(const struct engine_vm *vm, uint64_t ipa)
{
    for (size_t i = 0; i < nitems(vm->read_only); i++)
        if (ipa - vm->read_only[i].ipa < vm->read_only[i].size)
            return true;
    return false;
}

/* -ENOSPC: there are too many of them. With the vCPUs stopped, as whenever maps change. */
static int note_rights(struct engine_vm *vm, uint64_t ipa, uint64_t size, bool writable)
{
    size_t i = 0;

    while (i < nitems(vm->read_only) && (vm->read_only[i].ipa != ipa || !vm->read_only[i].size))
        i++;
    if (writable) {
        if (i < nitems(vm->read_only))
            vm->read_only[i].size = 0;
        return 0;
    }
    for (i = 0; i < nitems(vm->read_only) && vm->read_only[i].size; i++)
        ;
    if (i == nitems(vm->read_only))
        return -ENOSPC;
    vm->read_only[i].ipa = ipa;
    vm->read_only[i].size = size;
    return 0;
}

static int vm_map(struct engine_vm *vm, uint64_t ipa, uint64_t size, bool writable,
                  struct error *err)
{
    const struct mem_region *region = mem_find(vm->config.mem, ipa, size);

    if (!region || (ipa | size) & (HVF_GRANULE - 1))
        return error_set(err, EINVAL,
                         "engine: [%#llx, +%#llx) is not whole pages of 16 KiB of one RAM region",
                         (unsigned long long)ipa, (unsigned long long)size);
    if (note_rights(vm, ipa, size, writable))
        return error_set(err, ENOSPC, "engine: more than %d read-only maps", HVF_READ_ONLY);
    return hvf_check(hv_vm_map(region->host + (ipa - region->ipa), ipa, size, rights(writable)),
                     "cannot map the guest's memory", err);
}

static int vm_unmap(struct engine_vm *vm, uint64_t ipa, uint64_t size)
{
    note_rights(vm, ipa, size, true);
    return -hvf_errno(hv_vm_unmap(ipa, size));
}

static int vm_protect(struct engine_vm *vm, uint64_t ipa, uint64_t size, bool writable)
{
    int ret = note_rights(vm, ipa, size, true);

    ret = writable ? ret : note_rights(vm, ipa, size, false);
    return ret ? ret : -hvf_errno(hv_vm_protect(ipa, size, rights(writable)));
}

/* Guests are promised that clean data is seen by fetches (CTR_EL0.IDC); the instruction cache is
 * the host's affair. Pages that are not resident hold no code: to go through them would make the
 * host find memory for each. */
static void vm_code_written(struct engine_vm *vm, uint64_t ipa, uint64_t len)
{
    uint64_t end = len > UINT64_MAX - ipa ? UINT64_MAX : ipa + len, at = ipa, size;
    const uint8_t *host;

    for (; at < end && (host = mem_next_resident(vm->config.mem, &at, &size)); at += size) {
        uint64_t skip = at < ipa ? ipa - at : 0;

        if (at < end && skip < size)
            sys_icache_invalidate((void *)(uintptr_t)(host + skip), MIN(size, end - at) - skip);
    }
}

static int vm_ready(struct engine_vm *vm, struct error *err)
{
    return 0;
}

const struct engine_ops hvf_engine = {
    .name = "hvf",
    .about = "native speed by Apple's Hypervisor.framework",
    .probe = probe,
    .caps = caps,
    .vm_create = vm_create,
    .vm_destroy = vm_destroy,
    .vm_map = vm_map,
    .vm_unmap = vm_unmap,
    .vm_protect = vm_protect,
    .vm_code_written = vm_code_written,
    .vm_ready = vm_ready,
    .gic_create = hvf_gic_create,
    .gic_spi = hvf_gic_spi,
    .gic_msi = hvf_gic_msi,
    .gic_reset = hvf_gic_reset,
    .gic_save = hvf_gic_save,
    .gic_load = hvf_gic_load,
    .vcpu_create = hvf_vcpu_create,
    .vcpu_destroy = hvf_vcpu_destroy,
    .vcpu_reset = hvf_vcpu_reset,
    .vcpu_run = hvf_vcpu_run,
    .vcpu_kick = hvf_vcpu_kick,
    .vcpu_stats = hvf_vcpu_stats,
    .vcpu_get = hvf_vcpu_get,
    .vcpu_set = hvf_vcpu_set,
    .vcpu_get_v = hvf_vcpu_get_v,
    .vcpu_set_v = hvf_vcpu_set_v,
    .vcpu_sysreg_get = hvf_vcpu_sysreg_get,
    .vcpu_sysreg_set = hvf_vcpu_sysreg_set,
    .vcpu_irq = hvf_vcpu_irq,
    .vcpu_vtimer = hvf_vcpu_vtimer,
    .vcpu_debug = hvf_vcpu_debug,
    .vcpu_save = hvf_vcpu_save,
    .vcpu_load = hvf_vcpu_load,
    .vcpu_translate = hvf_vcpu_translate,
};
