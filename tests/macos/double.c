/* SPDX-License-Identifier: ISC */
/* The double's VM: creation, memory, configuration, the counter. See double.h. */
#include "double_private.h"

#include <libkern/OSCacheControl.h>
#include <mach/mach_time.h>
#include <os/object.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arm/cpuid.h"
#include "base/units.h"
#include "host/clock.h"

#define IPA_BITS 40

struct double_vm double_vm = {.lock = PTHREAD_MUTEX_INITIALIZER};
const struct double_gic *double_gic;

/* --- rules --- */

void double_broken(const char *rule)
{
    if (double_vm.broken) {
        double_vm.broken(double_vm.broken_ctx, rule);
        return;
    }
    fprintf(stderr, "Hypervisor.framework's double: %s\n", rule);
    abort();
}

void double_on_broken(void (*broken)(void *ctx, const char *rule), void *ctx)
{
    double_vm.broken = broken;
    double_vm.broken_ctx = ctx;
}

void double_offer_el2(bool offer)
{
    double_vm.without_el2 = !offer;
}

void double_attach(const struct engine_vm_config *config)
{
    if (!double_vm.there)
        double_vm.config = *config;
}

/* --- counted objects --- */

static void free_object(struct double_object *object)
{
    free(object);
}

static void *new_object(size_t size)
{
    struct double_object *object = calloc(1, size);

    if (object) {
        object->references = 1;
        object->destroy = free_object;
    }
    return object;
}

void *os_retain(void *object)
{
    ((struct double_object *)object)->references++;
    return object;
}

void os_release(void *object)
{
    struct double_object *o = object;

    if (--o->references == 0)
        o->destroy(o);
}

/* --- the counter: 24 MHz, as on Apple silicon --- */

int mach_timebase_info(mach_timebase_info_data_t *info)
{
    *info = (mach_timebase_info_data_t){.numer = 125, .denom = 3};
    return 0;
}

uint64_t mach_absolute_time(void)
{
    return units_scale(host_clock_monotonic(), 3, 125);
}

/* The clock of the engine below, which makes its counter of it. */
static uint64_t guest_ns(void *ctx)
{
    uint64_t ticks = mach_absolute_time() - atomic_load(&double_vm.offset);

    return units_scale(ticks, 125, 3) + 1;
}

/* --- configuration --- */

hv_vm_config_t hv_vm_config_create(void)
{
    hv_vm_config_t config = new_object(sizeof(*config));

    if (config)
        config->ipa_bits = 36;
    return config;
}

hv_return_t hv_vm_config_get_max_ipa_size(uint32_t *bits)
{
    *bits = IPA_BITS;
    return HV_SUCCESS;
}

hv_return_t hv_vm_config_set_ipa_size(hv_vm_config_t config, uint32_t bits)
{
    if (bits < 32 || bits > IPA_BITS)
        return HV_BAD_ARGUMENT;
    config->ipa_bits = bits;
    return HV_SUCCESS;
}

hv_return_t hv_vm_get_max_vcpu_count(uint32_t *count)
{
    *count = ENGINE_MAX_VCPUS;
    return HV_SUCCESS;
}

hv_vcpu_config_t hv_vcpu_config_create(void)
{
    return new_object(sizeof(struct hv_vcpu_config_s));
}

/* A processor that has more than guests are promised, and less: what it has besides the model is
 * added here, and what it lacks follows from the model `apple`. */
static uint64_t host_feature(enum sysreg_id id)
{
    uint64_t value = cpuid_value(&cpuid_apple, id);

    switch (id) {
    case SYSREG_ID_AA64PFR0_EL1: return value & ~(UINT64_C(0xf) << 24); /* GIC */
    case SYSREG_ID_AA64ISAR0_EL1: return value | UINT64_C(1) << 48;     /* FHM */
    case SYSREG_ID_AA64MMFR1_EL1: return value | UINT64_C(2);           /* HAFDBS */
    default: return value;
    }
}

hv_return_t hv_vcpu_config_get_feature_reg(hv_vcpu_config_t config, hv_feature_reg_t reg,
                                           uint64_t *value)
{
    static const enum sysreg_id ids[] = {
        [HV_FEATURE_REG_ID_AA64DFR0_EL1] = SYSREG_ID_AA64DFR0_EL1,
        [HV_FEATURE_REG_ID_AA64DFR1_EL1] = SYSREG_ID_AA64DFR1_EL1,
        [HV_FEATURE_REG_ID_AA64ISAR0_EL1] = SYSREG_ID_AA64ISAR0_EL1,
        [HV_FEATURE_REG_ID_AA64ISAR1_EL1] = SYSREG_ID_AA64ISAR1_EL1,
        [HV_FEATURE_REG_ID_AA64MMFR0_EL1] = SYSREG_ID_AA64MMFR0_EL1,
        [HV_FEATURE_REG_ID_AA64MMFR1_EL1] = SYSREG_ID_AA64MMFR1_EL1,
        [HV_FEATURE_REG_ID_AA64MMFR2_EL1] = SYSREG_ID_AA64MMFR2_EL1,
        [HV_FEATURE_REG_ID_AA64PFR0_EL1] = SYSREG_ID_AA64PFR0_EL1,
        [HV_FEATURE_REG_ID_AA64PFR1_EL1] = SYSREG_ID_AA64PFR1_EL1,
        [HV_FEATURE_REG_CTR_EL0] = SYSREG_CTR_EL0,
        [HV_FEATURE_REG_CLIDR_EL1] = SYSREG_CLIDR_EL1,
        [HV_FEATURE_REG_DCZID_EL0] = SYSREG_DCZID_EL0,
    };

    if (!config || reg >= nitems(ids))
        return HV_BAD_ARGUMENT;
    *value = host_feature(ids[reg]);
    return HV_SUCCESS;
}

/* --- the VM --- */

static const struct engine_ops *engine_below(void)
{
    const char *name = getenv("HVF_DOUBLE_UNDER");
    struct error err;

    return engine_find(name ? name : DOUBLE_UNDER, &err);
}

static hv_return_t create_below(void)
{
    struct engine_vm_config config = double_vm.config;
    struct error err = {0};

    double_vm.ops = engine_below();
    if (!double_vm.ops || !config.mem)
        return HV_ERROR;
    config.clock_ns = guest_ns;
    config.clock_ctx = NULL;
    config.wild_accesses = true;
    config.ptimer_traps = !hv_gic_create;
    if (config.cpu == ENGINE_CPU_HOST)
        config.cpu = ENGINE_CPU_ATOLL;
    if (double_vm.ops->vm_create(&double_vm.under, &config, &err))
        return HV_ERROR;
    double_rights(double_vm.under);
    return HV_SUCCESS;
}

hv_return_t hv_vm_create(hv_vm_config_t config)
{
    hv_return_t ret = HV_BUSY;

    pthread_mutex_lock(&double_vm.lock);
    if (!double_vm.there) {
        ret = create_below();
        double_vm.there = ret == HV_SUCCESS;
        double_vm.el2 = config ? config->el2 : NULL;
        double_vm.maps = double_vm.ever = 0;
        atomic_store(&double_vm.offset, 0);
    }
    pthread_mutex_unlock(&double_vm.lock);
    if (ret == HV_BUSY)
        double_broken("one virtual machine lives in a process, and there is one already");
    return ret;
}

hv_return_t hv_vm_destroy(void)
{
    hv_return_t ret = HV_SUCCESS;

    pthread_mutex_lock(&double_vm.lock);
    for (unsigned i = 0; i < nitems(double_vm.cpu); i++)
        if (double_vm.cpu[i].there)
            ret = HV_BUSY;
    if (!double_vm.there)
        ret = HV_NO_DEVICE;
    if (ret == HV_SUCCESS) {
        double_vm.ops->vm_destroy(double_vm.under);
        double_vm.there = false;
        for (unsigned i = 0; i < double_vm.maps; i++)
            free(double_vm.map[i].denied);
        if (double_gic)
            double_gic->destroy();
        double_gic = NULL;
    }
    pthread_mutex_unlock(&double_vm.lock);
    if (ret == HV_BUSY)
        double_broken("the virtual machine is destroyed before its CPUs");
    return ret;
}

/* --- memory --- */

static bool granular(hv_ipa_t ipa, size_t size)
{
    if (size && !((ipa | size) & (DOUBLE_GRANULE - 1)))
        return true;
    double_broken("memory is mapped, unmapped or protected in granules of 16 KiB");
    return false;
}

/* Which granules may not be written: a bit each. */
static bool get_denied(const struct double_map *map, uint64_t ipa)
{
    uint64_t granule = (ipa - map->ipa) / DOUBLE_GRANULE;

    return atomic_load(&map->denied[granule / 64]) >> granule % 64 & 1;
}

static void set_denied(struct double_map *map, uint64_t ipa, size_t size, bool denied)
{
    for (uint64_t at = ipa; at < ipa + size; at += DOUBLE_GRANULE) {
        uint64_t granule = (at - map->ipa) / DOUBLE_GRANULE;

        if (denied)
            atomic_fetch_or(&map->denied[granule / 64], BIT(granule % 64));
        else
            atomic_fetch_and(&map->denied[granule / 64], ~BIT(granule % 64));
    }
}

static unsigned find_map(hv_ipa_t ipa, size_t size)
{
    unsigned i = 0;

    while (i < double_vm.maps &&
           !(ipa >= double_vm.map[i].ipa &&
             range_fits(ipa - double_vm.map[i].ipa, size, double_vm.map[i].size)))
        i++;
    return i;
}

bool double_may_store(uint64_t ipa)
{
    unsigned i = find_map(ipa, 1);

    return i < double_vm.maps && !get_denied(&double_vm.map[i], ipa);
}

static bool add_map(hv_ipa_t ipa, size_t size, bool writable)
{
    struct double_map *map = &double_vm.map[double_vm.maps];

    *map = (struct double_map){ipa, size, calloc(size / DOUBLE_GRANULE / 64 + 1, 8)};
    if (!map->denied)
        return false;
    set_denied(map, ipa, size, !writable);
    double_vm.maps++;
    return true;
}

hv_return_t hv_vm_map(void *addr, hv_ipa_t ipa, size_t size, hv_memory_flags_t flags)
{
    const struct mem_region *region;
    struct error err;

    if (!granular(ipa, size) || !granular((uintptr_t)addr, size))
        return HV_BAD_ARGUMENT;
    if (!double_vm.there)
        return HV_NO_DEVICE;
    region = mem_find(double_vm.config.mem, ipa, size);
    if (!region || region->host + (ipa - region->ipa) != addr ||
        find_map(ipa, size) < double_vm.maps || double_vm.maps == nitems(double_vm.map))
        return HV_BAD_ARGUMENT;
    return double_vm.ops->vm_map(double_vm.under, ipa, size, true, &err) ||
                   !add_map(ipa, size, flags & HV_MEMORY_WRITE)
               ? HV_ERROR
               : HV_SUCCESS;
}

hv_return_t hv_vm_unmap(hv_ipa_t ipa, size_t size)
{
    unsigned i;

    if (!granular(ipa, size))
        return HV_BAD_ARGUMENT;
    i = find_map(ipa, size);
    if (i == double_vm.maps || double_vm.map[i].size != size ||
        double_vm.ops->vm_unmap(double_vm.under, ipa, size))
        return HV_BAD_ARGUMENT;
    free(double_vm.map[i].denied);
    double_vm.map[i] = double_vm.map[--double_vm.maps];
    return HV_SUCCESS;
}

/* When it returns, no vCPU stores there any more. */
hv_return_t hv_vm_protect(hv_ipa_t ipa, size_t size, hv_memory_flags_t flags)
{
    unsigned i;

    if (!granular(ipa, size))
        return HV_BAD_ARGUMENT;
    i = find_map(ipa, size);
    if (i == double_vm.maps) {
        double_broken("memory is protected that is not mapped");
        return HV_BAD_ARGUMENT;
    }
    set_denied(&double_vm.map[i], ipa, size, !(flags & HV_MEMORY_WRITE));
    if (!(flags & HV_MEMORY_WRITE))
        double_flush(double_vm.under);
    return HV_SUCCESS;
}

/* Maintenance by address touches what it goes through. */
void sys_icache_invalidate(void *start, size_t length)
{
    const struct mem_region *first;
    size_t count = mem_regions(double_vm.config.mem, &first);

    for (size_t i = 0; i < length; i += 4096)
        (void)((volatile uint8_t *)start)[i];
    for (size_t i = 0; i < count && double_vm.there; i++) {
        const uint8_t *at = start;

        if (at >= first[i].host && at < first[i].host + first[i].size)
            double_vm.ops->vm_code_written(double_vm.under,
                                           first[i].ipa + (uint64_t)(at - first[i].host), length);
    }
}
