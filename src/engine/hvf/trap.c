/* SPDX-License-Identifier: ISC */
/*
 * System registers that trap: those of the GIC's CPU interface go to machine/, the others are
 * answered here by the table of arm/sysregs.def, as on the soft engines. What the table does not
 * have is UNDEFINED, which is what a feature that guests are not shown has to be.
 */
#include "engine/hvf/private.h"

#include "arm/esr.h"

/* The key of a trapped MRS, MSR or SYS (Arm ARM D19.2.37, "Trapped MSR, MRS or System
 * instruction"). */
static uint32_t key_of(uint32_t esr)
{
    return SYSREG_KEY(bits_get(esr, 21, 20), bits_get(esr, 16, 14), bits_get(esr, 13, 10),
                      bits_get(esr, 4, 1), bits_get(esr, 19, 17));
}

static bool leave_to_gic(struct vcpu *v, uint32_t key, bool write)
{
    v->exit.kind = EXIT_SYSREG;
    v->exit.sysreg.key = key;
    v->exit.sysreg.write = write;
    v->exit.sysreg.undefined = false;
    v->exit.sysreg.value = write ? hvf_x(v, v->rt) : 0;
    v->pending = HVF_PENDING_SYSREG;
    return true;
}

void hvf_trap_complete(struct vcpu *v)
{
    if (v->exit.sysreg.undefined) {
        hvf_inject_undefined(v);
        return;
    }
    if (!v->exit.sysreg.write)
        hvf_set_x(v, v->rt, v->exit.sysreg.value);
    hvf_advance(v);
}

static bool permitted(struct vcpu *v, const struct sysreg_info *info, bool write)
{
    bool kernel = hvf_get(v, HV_REG_CPSR) & PSTATE_EL;
    unsigned who = kernel ? write ? SYSREG_W1 : SYSREG_R1 : write ? SYSREG_W0 : SYSREG_R0;

    return info->access & who;
}

static void answer(struct vcpu *v, const struct sysreg_info *info, bool write)
{
    if (!write)
        hvf_set_x(v, v->rt, info->kind == SYSREG_ZERO ? 0 : hvf_sysreg(v, info->id));
    else if (info->kind == SYSREG_STORAGE || info->kind == SYSREG_SPECIAL)
        hvf_set_sysreg(v, info->id, (hvf_x(v, v->rt) & info->writable) | info->fixed);
}

bool hvf_trap(struct vcpu *v, uint32_t esr)
{
    uint32_t key = key_of(esr);
    const struct sysreg_info *info = key >> 14 >= 2 ? sysreg_lookup(key) : NULL;
    bool write = !(esr & 1);

    v->rt = (uint8_t)bits_get(esr, 9, 5);
    if (!info || !permitted(v, info, write)) {
        hvf_inject_undefined(v);
        return false;
    }
    if (info->kind == SYSREG_GIC)
        return leave_to_gic(v, key, write);
    answer(v, info, write);
    hvf_advance(v);
    return false;
}
