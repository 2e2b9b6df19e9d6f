/* SPDX-License-Identifier: ISC */
/*
 * Saving and loading a vCPU. An exit that machine/ has answered is completed first, so that no exit
 * is part of the state; between the accesses of one instruction nothing is saved (exit.mmio.more).
 */
#include <errno.h>
#include <string.h>

#include "engine/hvf/private.h"

struct image {
    uint64_t x[31], sp[2], pc, v[64], pstate, fpcr, fpsr;
    uint8_t serror;
    uint64_t icc[HVF_ICC_REGS];
    uint64_t sysreg[SYSREG_COUNT];
};

#define SYSREG_FIELD_0(name)
#define SYSREG_FIELD_2(name) SYSREG_FIELD_1(name)
#define SYSREG_FIELD_1(name)                                                                       \
    {#name, STATE_U64, offsetof(struct image, sysreg) + 8 * SYSREG_##name, 1, false},

static const struct state_field fields[] = {
    STATE_ARRAY(struct image, x, STATE_U64, 31),
    STATE_ARRAY(struct image, sp, STATE_U64, 2),
    STATE_FIELD(struct image, pc, STATE_U64),
    STATE_ARRAY(struct image, v, STATE_U64, 64),
    STATE_FIELD(struct image, pstate, STATE_U64),
    STATE_FIELD(struct image, fpcr, STATE_U64),
    STATE_FIELD(struct image, fpsr, STATE_U64),
    STATE_FIELD(struct image, serror, STATE_U8),
    STATE_ARRAY(struct image, icc, STATE_U64, HVF_ICC_REGS),
#define X(name, op0, op1, crn, crm, op2, access, gate, kind, saved, ...) SYSREG_FIELD_##saved(name)
#include "arm/sysregs.def"
#undef X
};

static const struct state_table table = {"hvf-vcpu", 1, fields, nitems(fields)};

_Static_assert(nitems(fields) <= STATE_MAX_FIELDS, "fields of a table");

static void swap_stack(struct vcpu *v, uint64_t pstate, uint64_t *to, const uint64_t *from)
{
    uint64_t before = hvf_get(v, HV_REG_CPSR);

    hvf_set(v, HV_REG_CPSR, pstate);
    if (to)
        hvf_vcpu_get(v, VCPU_SP, to);
    else
        hvf_vcpu_set(v, VCPU_SP, *from);
    hvf_set(v, HV_REG_CPSR, before);
}

int hvf_vcpu_save(struct vcpu *v, struct state *state, const char *instance)
{
    struct image image = {0};

    if (hvf_complete(v))
        return -EBUSY;
    for (unsigned i = 0; i < 31; i++)
        image.x[i] = hvf_x(v, i);
    for (unsigned i = 0; i < 32; i++)
        hvf_vcpu_get_v(v, i, &image.v[2 * i]);
    swap_stack(v, PSTATE_EL1T, &image.sp[0], NULL);
    swap_stack(v, PSTATE_EL1H, &image.sp[1], NULL);
    image.pc = hvf_get(v, HV_REG_PC);
    image.pstate = hvf_get(v, HV_REG_CPSR);
    image.fpcr = hvf_get(v, HV_REG_FPCR);
    image.fpsr = hvf_get(v, HV_REG_FPSR);
    image.serror = v->serror;
    hvf_gic_cpu_get(v, image.icc);
    for (unsigned id = 0; id < SYSREG_COUNT; id++)
        if (sysreg_info(id)->saved)
            image.sysreg[id] = hvf_sysreg(v, id);
    return state_save(state, instance, &table, &image);
}

static bool plausible(const struct image *image)
{
    uint64_t mode = image->pstate & PSTATE_MODE;

    return mode == PSTATE_EL0T || mode == PSTATE_EL1T || mode == PSTATE_EL1H;
}

int hvf_vcpu_load(struct vcpu *v, const struct state *state, const char *instance,
                  struct error *err)
{
    struct image image = {0};
    int ret = state_load(state, instance, &table, &image, err);

    if (ret)
        return ret;
    if (!plausible(&image))
        return error_set(err, EINVAL, "%s: its state is damaged", instance);
    hvf_vcpu_reset(v);
    for (unsigned id = 0; id < SYSREG_COUNT; id++) {
        const struct sysreg_info *info = sysreg_info(id);

        if (info->saved)
            hvf_set_sysreg(v, id, (image.sysreg[id] & info->writable) | info->fixed);
    }
    for (unsigned i = 0; i < 31; i++)
        hvf_set_x(v, i, image.x[i]);
    for (unsigned i = 0; i < 32; i++)
        hvf_vcpu_set_v(v, i, &image.v[2 * i]);
    swap_stack(v, PSTATE_EL1T, NULL, &image.sp[0]);
    swap_stack(v, PSTATE_EL1H, NULL, &image.sp[1]);
    hvf_set(v, HV_REG_PC, image.pc);
    hvf_set(v, HV_REG_CPSR, image.pstate);
    hvf_set(v, HV_REG_FPCR, image.fpcr);
    hvf_set(v, HV_REG_FPSR, image.fpsr);
    v->serror = image.serror;
    hvf_gic_cpu_set(v, image.icc);
    return 0;
}
