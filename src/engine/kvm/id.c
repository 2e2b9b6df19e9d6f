/* SPDX-License-Identifier: ISC */
/*
 * What guests see of the host's processor.
 *
 * A vCPU is made without what KVM_ARM_VCPU_INIT can leave out (KVM 4.82): no PMU and no SVE, and
 * pointer authentication only where the CPU model has it. Of the rest, Linux 6.7 and later let the
 * fields of identification registers be lowered (KVM 4.139): one by one, since kernels differ in
 * which. What stays is said by kvm_id_describe. With --cpu host nothing is left out but the PMU,
 * for which the machine has no interrupt.
 *
 * Always the host's are MIDR_EL1, by which guests know the processor's errata, and the caches'
 * geometry: CTR_EL0, CLIDR_EL1, DCZID_EL0.
 */
#include <stdio.h>

#include "engine/kvm/private.h"
#include "engine/native/id.h"

/* linux/kvm.h has them since 6.7. */
#define MASKS_SIZE (3 * 8 * 8)
#define GET_MASKS  _IOR(KVMIO, 0xb6, struct masks_request)

struct masks_request {
    uint64_t masks; /* the address of MASKS_SIZE words */
    uint32_t range; /* 0: all of op0 3, op1 0, 1 and 3, CRn 0 */
    uint32_t reserved[13];
};

static bool has(const struct engine_vm *vm, unsigned long capability)
{
    return kvm_ioctl_value(vm->kvm, KVM_CHECK_EXTENSION, capability) > 0;
}

static const struct cpuid *model(const struct engine_vm *vm)
{
    return vm->config.cpu == ENGINE_CPU_APPLE ? &cpuid_apple : &cpuid_atoll;
}

/* The two kinds of pointer authentication can only be had together (KVM 4.82). */
void kvm_features(struct engine_vm *vm)
{
    bool host = vm->config.cpu == ENGINE_CPU_HOST;

    vm->features = 0;
    if ((host || cpuid_has_pauth(model(vm))) && has(vm, KVM_CAP_ARM_PTRAUTH_ADDRESS) &&
        has(vm, KVM_CAP_ARM_PTRAUTH_GENERIC))
        vm->features |= 1u << KVM_ARM_VCPU_PTRAUTH_ADDRESS | 1u << KVM_ARM_VCPU_PTRAUTH_GENERIC;
    if (host && has(vm, KVM_CAP_ARM_SVE))
        vm->features |= 1u << KVM_ARM_VCPU_SVE;
}

static void hide(struct vcpu *v, uint32_t key, uint64_t writable)
{
    const uint64_t promise = native_id_promise(model(v->vm), key);
    uint64_t now;

    if (!writable || kvm_vcpu_sysreg_get(v, key, &now))
        return;
    for (unsigned low = 0; low < 64; low += 4) {
        uint64_t field = UINT64_C(0xf) << low, have = now >> low & 0xf;
        uint64_t want = native_id_less(key, low, promise >> low & 0xf, have);
        uint64_t less = (now & ~field) | want << low;

        if (want != have && (writable & field) == field && kvm_vcpu_sysreg_set(v, key, less) == 0)
            now = less;
    }
}

void kvm_id_hide(struct vcpu *v)
{
    uint64_t masks[MASKS_SIZE] = {0};
    struct masks_request request = {.masks = (uintptr_t)masks};

    if (v->vm->config.cpu == ENGINE_CPU_HOST || kvm_ioctl(v->vm->fd, GET_MASKS, &request))
        return;
    for (unsigned n = 0; n < NATIVE_ID_REGS; n++)
        hide(v, native_id_key(n), masks[native_id_key(n) & 0x3f]);
}

void kvm_id_describe(struct vcpu *v, unsigned *pa_range, char *text, size_t room)
{
    const uint32_t mmfr0 = sysreg_info(SYSREG_ID_AA64MMFR0_EL1)->key;
    uint64_t seen[NATIVE_ID_REGS];

    snprintf(text, room, "MIDR_EL1");
    for (unsigned n = 0; n < NATIVE_ID_REGS; n++) {
        kvm_vcpu_sysreg_get(v, native_id_key(n), &seen[n]);
        if (native_id_key(n) == mmfr0)
            *pa_range = (unsigned)native_id_less(
                mmfr0, 0, native_id_promise(model(v->vm), mmfr0) & 0xf, seen[n] & 0xf);
    }
    native_id_describe(model(v->vm), seen, text, room);
}
