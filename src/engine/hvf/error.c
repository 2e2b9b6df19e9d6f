/* SPDX-License-Identifier: ISC */
/* hv_return_t in words. */
#include <errno.h>

#include "engine/hvf/private.h"

static const struct {
    hv_return_t code;
    int number;
    const char *reason;
} reasons[] = {
    {HV_SUCCESS, 0, "success"},
    {HV_ERROR, EIO, "the framework does not say why"},
    {HV_BUSY, EBUSY,
     "this process has a virtual machine already, and Hypervisor.framework allows one: run each "
     "machine in a process of its own"},
    {HV_BAD_ARGUMENT, EINVAL, "an argument that this version of macOS does not take"},
    {HV_ILLEGAL_GUEST_STATE, EIO, "a state of the guest that the processor does not have"},
    {HV_NO_RESOURCES, ENOMEM, "the host has no memory or no virtual machine left for it"},
    {HV_NO_DEVICE, ENODEV, "the virtual machine or the CPU is not there"},
    {HV_DENIED, EPERM,
     "macOS denies it: the program lacks the entitlement com.apple.security.hypervisor; sign it "
     "with `codesign --sign - --force --entitlements macos/atoll.entitlements PROGRAM` (`make` "
     "does that)"},
    {HV_UNSUPPORTED, ENOTSUP, "this Mac or this version of macOS does not offer it"},
};

const char *hvf_reason(hv_return_t code)
{
    for (size_t i = 0; i < nitems(reasons); i++)
        if (reasons[i].code == code)
            return reasons[i].reason;
    return "an error that Hypervisor.framework did not have when this was written";
}

int hvf_errno(hv_return_t code)
{
    for (size_t i = 0; i < nitems(reasons); i++)
        if (reasons[i].code == code)
            return reasons[i].number;
    return EIO;
}

int hvf_check(hv_return_t code, const char *what, struct error *err)
{
    if (code == HV_SUCCESS)
        return 0;
    return error_set(err, hvf_errno(code), "%s: %s (0x%08x)", what, hvf_reason(code),
                     (unsigned)code);
}
