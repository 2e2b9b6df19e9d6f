/* SPDX-License-Identifier: ISC */
/* Whether there is KVM, and what it offers. What guests would see is read off a virtual machine
 * that never runs. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engine/kvm/private.h"

#define IPA_BITS 40 /* of the machine; KVM's own when nothing else is asked for */

int kvm_open(struct error *err)
{
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

    if (fd >= 0)
        return fd;
    if (errno == ENOENT)
        return error_set(err, ENOENT,
                         "there is no /dev/kvm: the kernel was not started at EL2, or has no KVM");
    return error_set(err, errno, "cannot open /dev/kvm: %s%s", strerror(errno),
                     errno == EACCES ? "; your user has to be in the group kvm" : "");
}

/* Not every processor has 40 bits. */
static unsigned ipa_bits(int kvm)
{
    int most = kvm_ioctl_value(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);

    return most > 0 ? MIN((unsigned)most, IPA_BITS) : IPA_BITS;
}

int kvm_open_vm(int kvm, struct error *err)
{
    unsigned bits = ipa_bits(kvm);
    int vm =
        kvm_ioctl_value(kvm, KVM_CREATE_VM, bits == IPA_BITS ? 0 : KVM_VM_TYPE_ARM_IPA_SIZE(bits));

    return vm < 0 ? error_set(err, -vm, "KVM makes no virtual machine: %s", strerror(-vm)) : vm;
}

int kvm_probe(struct error *err)
{
    int kvm = kvm_open(err), vm, ret;

    if (kvm < 0)
        return kvm;
    vm = kvm_open_vm(kvm, err);
    close(kvm);
    if (vm < 0)
        return vm;
    ret = kvm_gic_probe(vm);
    close(vm);
    return ret == 0 ? 0
                    : error_set(err, ENOTSUP,
                                "this host's interrupt controller is a GICv2; Atoll's machine has "
                                "a GICv3, which KVM can only give it on a host with one");
}

/* Since Linux 6.4 the kernel hears SMC as it does HVC, and can be told which calls of both to hand
 * on (KVM_ARM_VM_SMCCC_FILTER), which can be asked for. */
static bool hears_smc(int vm)
{
    const struct kvm_device_attr filter = {0}; /* group KVM_ARM_VM_SMCCC_CTRL, of 0 both */

    return kvm_ioctl(vm, KVM_HAS_DEVICE_ATTR, (void *)(uintptr_t)&filter) == 0;
}

static int look(int kvm, struct engine_caps *caps)
{
    struct engine_vm vm = {.config = {.cpu = ENGINE_CPU_ATOLL}, .kvm = kvm, .gic = -1};
    struct vcpu v = {.vm = &vm};
    int ret;

    vm.fd = kvm_open_vm(kvm, NULL);
    if (vm.fd < 0)
        return vm.fd;
    caps->psci_smc = hears_smc(vm.fd);
    kvm_features(&vm);
    v.fd = kvm_ioctl_value(vm.fd, KVM_CREATE_VCPU, 0);
    ret = v.fd < 0 ? v.fd : kvm_vcpu_init(&v);
    if (ret == 0) {
        kvm_id_hide(&v);
        kvm_id_describe(&v, &caps->pa_range, caps->shown, sizeof(caps->shown));
    }
    if (v.fd >= 0)
        close(v.fd);
    close(vm.fd);
    return ret;
}

int kvm_caps(struct engine_caps *caps)
{
    int kvm = kvm_open(NULL), vcpus, ret;

    if (kvm < 0)
        return kvm;
    vcpus = kvm_ioctl_value(kvm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
    *caps = (struct engine_caps){
        .counter_hz = kvm_counter_hz(),
        .ipa_bits = ipa_bits(kvm),
        .host_page_size = (uint64_t)sysconf(_SC_PAGESIZE),
        .max_vcpus = (unsigned)MIN(MAX(vcpus, 1), ENGINE_MAX_VCPUS),
        .gic = ENGINE_GIC_IN_ENGINE,
        .psci_hvc = true,
        .psci_in_engine = true,
        .many_vms = true,
    };
    ret = look(kvm, caps);
    close(kvm);
    return ret;
}
