/* SPDX-License-Identifier: ISC */
/*
 * What guests see of the processor: of every field of the identification registers the less of what
 * the CPU model promises and what the host has (engine/native/id.h). With --cpu host it is what the
 * host has.
 */
#include <os/object.h>

#include "engine/hvf/private.h"
#include "engine/native/id.h"

static const struct {
    enum sysreg_id id;
    hv_feature_reg_t feature;
} feature_regs[] = {
    {SYSREG_ID_AA64DFR0_EL1, HV_FEATURE_REG_ID_AA64DFR0_EL1},
    {SYSREG_ID_AA64DFR1_EL1, HV_FEATURE_REG_ID_AA64DFR1_EL1},
    {SYSREG_ID_AA64ISAR0_EL1, HV_FEATURE_REG_ID_AA64ISAR0_EL1},
    {SYSREG_ID_AA64ISAR1_EL1, HV_FEATURE_REG_ID_AA64ISAR1_EL1},
    {SYSREG_ID_AA64MMFR0_EL1, HV_FEATURE_REG_ID_AA64MMFR0_EL1},
    {SYSREG_ID_AA64MMFR1_EL1, HV_FEATURE_REG_ID_AA64MMFR1_EL1},
    {SYSREG_ID_AA64MMFR2_EL1, HV_FEATURE_REG_ID_AA64MMFR2_EL1},
    {SYSREG_ID_AA64PFR0_EL1, HV_FEATURE_REG_ID_AA64PFR0_EL1},
    {SYSREG_ID_AA64PFR1_EL1, HV_FEATURE_REG_ID_AA64PFR1_EL1},
    {SYSREG_CTR_EL0, HV_FEATURE_REG_CTR_EL0},
    {SYSREG_CLIDR_EL1, HV_FEATURE_REG_CLIDR_EL1},
    {SYSREG_DCZID_EL0, HV_FEATURE_REG_DCZID_EL0},
};

/* CTR_EL0, CLIDR_EL1 and DCZID_EL0 do not trap: guests read the host's. */
static bool readable(enum sysreg_id id)
{
    return id == SYSREG_CTR_EL0 || id == SYSREG_CLIDR_EL1 || id == SYSREG_DCZID_EL0;
}

static uint64_t masked(const struct cpuid *cpu, enum sysreg_id id, uint64_t host)
{
    const uint64_t promise = cpuid_value(cpu, id);
    uint64_t value = 0;

    if (readable(id))
        return host;
    for (unsigned low = 0; low < 64; low += 4)
        value |= native_id_less(sysreg_info(id)->key, low, promise >> low & 0xf, host >> low & 0xf)
                 << low;
    return value;
}

/* Either GIC has system registers (ID_AA64PFR0_EL1.GIC), which the framework may not say. */
static uint64_t with_gic(enum sysreg_id id, uint64_t value)
{
    const uint64_t field = UINT64_C(0xf) << 24;

    return id == SYSREG_ID_AA64PFR0_EL1 ? (value & ~field) | UINT64_C(1) << 24 : value;
}

/* What a guest that has EL2 finds there is the host's, which may not say that there is one. */
static uint64_t with_el2(enum sysreg_id id, uint64_t value, uint64_t host)
{
    static const struct {
        enum sysreg_id id;
        uint64_t fields, least;
    } of_el2[] = {
        {SYSREG_ID_AA64PFR0_EL1, UINT64_C(0xf) << 8, UINT64_C(1) << 8}, /* EL2 */
        {SYSREG_ID_AA64MMFR0_EL1, UINT64_C(0xfff) << 32, 0},            /* granules of stage 2 */
        {SYSREG_ID_AA64MMFR1_EL1, UINT64_C(0xff) << 4, 0},              /* VH, VMIDBits */
    };

    for (size_t i = 0; i < nitems(of_el2); i++)
        if (of_el2[i].id == id)
            return (value & ~of_el2[i].fields) | MAX(host & of_el2[i].fields, of_el2[i].least);
    return value;
}

static hv_return_t read_host(uint64_t host[SYSREG_COUNT])
{
    hv_vcpu_config_t config = hv_vcpu_config_create();
    hv_return_t ret = config ? HV_SUCCESS : HV_NO_RESOURCES;

    for (size_t i = 0; i < nitems(feature_regs) && ret == HV_SUCCESS; i++) {
        enum sysreg_id id = feature_regs[i].id;

        ret = hv_vcpu_config_get_feature_reg(config, feature_regs[i].feature, &host[id]);
        host[id] = with_gic(id, host[id]);
    }
    if (config)
        os_release(config);
    return ret;
}

int hvf_id_init(struct engine_vm *vm, struct error *err)
{
    uint64_t host[SYSREG_COUNT] = {0};
    int ret = hvf_check(read_host(host), "cannot read the processor's features", err);

    if (ret)
        return ret;
    for (unsigned id = 0; id < SYSREG_COUNT; id++)
        if (sysreg_info(id)->kind == SYSREG_CONSTANT)
            vm->id[id] = cpuid_value(vm->cpuid, id);
    for (size_t i = 0; i < nitems(feature_regs); i++) {
        enum sysreg_id id = feature_regs[i].id;

        vm->id[id] = vm->config.cpu == ENGINE_CPU_HOST ? host[id] : masked(vm->cpuid, id, host[id]);
        if (vm->config.el2)
            vm->id[id] = with_el2(id, vm->id[id], host[id]);
    }
    return 0;
}

int hvf_id_describe(const struct cpuid *cpu, unsigned *pa_range, char *text, size_t room)
{
    uint64_t host[SYSREG_COUNT] = {0}, seen[NATIVE_ID_REGS];
    hv_return_t ret = read_host(host);

    if (ret != HV_SUCCESS)
        return -hvf_errno(ret);
    *pa_range =
        (unsigned)(masked(cpu, SYSREG_ID_AA64MMFR0_EL1, host[SYSREG_ID_AA64MMFR0_EL1]) & 0xf);
    for (unsigned n = 0; n < NATIVE_ID_REGS; n++)
        seen[n] = native_id_promise(cpu, native_id_key(n));
    for (size_t i = 0; i < nitems(feature_regs); i++) {
        enum sysreg_id id = feature_regs[i].id;

        if (!readable(id))
            seen[native_id_index(sysreg_info(id)->key)] = masked(cpu, id, host[id]);
    }
    text[0] = '\0';
    native_id_describe(cpu, seen, text, room);
    return 0;
}

void hvf_id_apply(struct vcpu *v)
{
    for (size_t i = 0; i < nitems(feature_regs); i++) {
        enum sysreg_id id = feature_regs[i].id;

        if (v->native[id] && !readable(id))
            hvf_set_sysreg(v, id, v->vm->id[id]);
    }
    if (v->vm->config.cpu != ENGINE_CPU_HOST)
        hvf_set_sysreg(v, SYSREG_MIDR_EL1, v->vm->id[SYSREG_MIDR_EL1]);
    hvf_set_sysreg(v, SYSREG_MPIDR_EL1, cpuid_mpidr(v->index));
}
