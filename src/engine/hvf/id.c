/* SPDX-License-Identifier: ISC */
/*
 * What guests see of the processor: of every field of the identification registers the less of what
 * the CPU model promises (arm/cpuid.c) and what the host has (Arm ARM D19.2; how fields compare,
 * D19.1.3). With --cpu host it is what the host has.
 */
#include <os/object.h>
#include <stdio.h>
#include <string.h>

#include "engine/hvf/private.h"

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

/* Fields in which 0xf is less than 0, and fields that are facts about the host, not features. */
enum rule { SIGNED, HOSTS };

static const struct {
    enum sysreg_id id;
    uint8_t low;
    uint8_t rule;
} special_fields[] = {
    {SYSREG_ID_AA64PFR0_EL1, 16, SIGNED},  /* FP */
    {SYSREG_ID_AA64PFR0_EL1, 20, SIGNED},  /* AdvSIMD */
    {SYSREG_ID_AA64PFR0_EL1, 56, HOSTS},   /* CSV2 */
    {SYSREG_ID_AA64PFR0_EL1, 60, HOSTS},   /* CSV3 */
    {SYSREG_ID_AA64DFR0_EL1, 36, HOSTS},   /* DoubleLock */
    {SYSREG_ID_AA64MMFR0_EL1, 24, SIGNED}, /* TGran64 */
    {SYSREG_ID_AA64MMFR0_EL1, 28, SIGNED}, /* TGran4 */
};

/* Fields that software minds; `less` says what guests go without. */
static const struct {
    enum sysreg_id id;
    uint8_t low;
    const char *less;
} words[] = {
    {SYSREG_ID_AA64MMFR0_EL1, 4, "8-bit ASIDs"},
    {SYSREG_ID_AA64MMFR0_EL1, 20, "no 16 KiB pages"},
    {SYSREG_ID_AA64MMFR0_EL1, 24, "no 64 KiB pages"},
    {SYSREG_ID_AA64MMFR0_EL1, 28, "no 4 KiB pages"},
    {SYSREG_ID_AA64DFR0_EL1, 12, "fewer breakpoints"},
    {SYSREG_ID_AA64DFR0_EL1, 20, "fewer watchpoints"},
};

static int compare(enum sysreg_id id, unsigned low, uint64_t a, uint64_t b)
{
    for (size_t i = 0; i < nitems(special_fields); i++)
        if (special_fields[i].id == id && special_fields[i].low == low) {
            if (special_fields[i].rule == HOSTS)
                return 1; /* the promise gives way */
            a ^= 8;
            b ^= 8;
        }
    return a < b ? -1 : a > b;
}

/* CTR_EL0, CLIDR_EL1 and DCZID_EL0 do not trap: guests read the host's. */
static bool readable(enum sysreg_id id)
{
    return id == SYSREG_CTR_EL0 || id == SYSREG_CLIDR_EL1 || id == SYSREG_DCZID_EL0;
}

static uint64_t masked(const struct cpuid *cpu, enum sysreg_id id, uint64_t host)
{
    uint64_t promise = cpuid_value(cpu, id), value = 0;

    if (readable(id))
        return host;
    for (unsigned low = 0; low < 64; low += 4) {
        uint64_t p = promise >> low & 0xf, h = host >> low & 0xf;

        value |= (compare(id, low, p, h) < 0 ? p : h) << low;
    }
    return value;
}

/* Either GIC has system registers (ID_AA64PFR0_EL1.GIC), which the framework may not say. */
static uint64_t with_gic(enum sysreg_id id, uint64_t value)
{
    const uint64_t field = UINT64_C(0xf) << 24;

    return id == SYSREG_ID_AA64PFR0_EL1 ? (value & ~field) | UINT64_C(1) << 24 : value;
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
    }
    return 0;
}

static void append(char *text, size_t room, const char *word)
{
    size_t n = strlen(text);

    snprintf(text + n, room - n, "%s%s", n ? ", " : "", word);
}

int hvf_id_describe(const struct cpuid *cpu, unsigned *pa_range, char *text, size_t room)
{
    uint64_t host[SYSREG_COUNT] = {0};
    hv_return_t ret = read_host(host);

    if (ret != HV_SUCCESS)
        return -hvf_errno(ret);
    *pa_range =
        (unsigned)(masked(cpu, SYSREG_ID_AA64MMFR0_EL1, host[SYSREG_ID_AA64MMFR0_EL1]) & 0xf);
    text[0] = '\0';
    for (size_t i = 0; i < nitems(words); i++) {
        uint64_t p = cpuid_value(cpu, words[i].id) >> words[i].low & 0xf;
        uint64_t h = host[words[i].id] >> words[i].low & 0xf;

        if (compare(words[i].id, words[i].low, p, h) > 0)
            append(text, room, words[i].less);
    }
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
