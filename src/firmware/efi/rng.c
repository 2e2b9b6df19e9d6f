/* SPDX-License-Identifier: ISC */
/*
 * EFI_RNG_PROTOCOL (UEFI 2.10, 37.5): the host's entropy, as the raw algorithm.
 */
#include "firmware/efi/core.h"
#include "host/entropy.h"

#define CHUNK 256u

static const struct efi_guid algorithm_raw = {
    0xe43176d7, 0xb6e8, 0x4827, {0xb7, 0x84, 0x7f, 0xfd, 0xc4, 0xb6, 0x85, 0x61}};

/* GetInfo(This, *RNGAlgorithmListSize, *RNGAlgorithmList) */
static efi_status get_info(struct efi_call *call)
{
    uint64_t room;

    if (efi_read_u64(call, call->arg[1], &room) ||
        efi_write_u64(call, call->arg[1], sizeof(algorithm_raw)))
        return EFI_INVALID_PARAMETER;
    if (room < sizeof(algorithm_raw))
        return EFI_BUFFER_TOO_SMALL;
    return efi_write(call, call->arg[2], &algorithm_raw, sizeof(algorithm_raw))
               ? EFI_INVALID_PARAMETER
               : EFI_SUCCESS;
}

/* GetRNG(This, *RNGAlgorithm, RNGValueLength, *RNGValue) */
static efi_status get_rng(struct efi_call *call)
{
    uint64_t left = call->arg[2], at = call->arg[3];
    struct efi_guid algorithm;
    uint8_t bytes[CHUNK];

    if (!left || !at)
        return EFI_INVALID_PARAMETER;
    if (call->arg[1] && (efi_read_guid(call, call->arg[1], &algorithm) ||
                         !efi_guid_equal(&algorithm, &algorithm_raw)))
        return EFI_UNSUPPORTED;
    for (size_t n; left; left -= n, at += n) {
        n = MIN(left, CHUNK);
        if (host_entropy(bytes, n))
            return EFI_DEVICE_ERROR;
        if (efi_write(call, at, bytes, n))
            return EFI_INVALID_PARAMETER;
    }
    return EFI_SUCCESS;
}

static const struct efi_method methods[] = {{0, "RNG.GetInfo", get_info}, {8, "GetRNG", get_rng}};

const struct efi_protocol efi_rng = {
    {0x3152bca5, 0xeade, 0x433d, {0x86, 0x2e, 0xc0, 0x1c, 0xdc, 0x29, 0x1f, 0x44}},
    "RNG",
    16,
    methods,
    nitems(methods),
};

efi_status efi_rng_start(struct efi *efi)
{
    uint64_t guest, handle = 0;
    efi_status status = efi_interface_new(efi, &efi_rng, efi, 0, &guest);

    return status == EFI_SUCCESS ? efi_install(efi, &handle, &efi_rng.guid, guest) : status;
}
