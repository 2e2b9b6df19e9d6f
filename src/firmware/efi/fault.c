/* SPDX-License-Identifier: ISC */
/*
 * A program's crash, in words. The stub's vectors say which exception it was (stub.S).
 */
#include <stdio.h>

#include "arm/esr.h"
#include "firmware/efi/core.h"

/* Entry of the vector table (Arm ARM D1.3.1.5): the low two bits are the kind. */
enum { VECTOR_SYNC, VECTOR_IRQ, VECTOR_FIQ, VECTOR_SERROR };

static const char *class_name(uint32_t esr)
{
    switch (esr >> ESR_EC_SHIFT & 0x3f) {
    case ESR_EC_UNKNOWN: return "an instruction that is none";
    case ESR_EC_FP: return "floating point that is switched off";
    case ESR_EC_ILLEGAL: return "an illegal state of execution";
    case ESR_EC_SVC64: return "SVC";
    case ESR_EC_SYS64: return "a system register that is not there";
    case ESR_EC_PC_ALIGN: return "a misaligned pc";
    case ESR_EC_SP_ALIGN: return "a misaligned stack pointer";
    case ESR_EC_BRK64: return "BRK";
    default: return "an exception";
    }
}

static const char *abort_name(uint32_t esr)
{
    switch (esr & 0x3f) {
    case ESR_FSC_EXTERNAL: return "where there is nothing";
    case ESR_FSC_ALIGNMENT: return "which is misaligned";
    default: break;
    }
    switch (esr & 0x3c) {
    case ESR_FSC_ADDRESS_SIZE:
    case ESR_FSC_TRANSLATION: return "which is not mapped";
    case ESR_FSC_PERMISSION: return "which is not allowed";
    case ESR_FSC_EXTERNAL_WALK: return "whose tables are not in memory";
    default: return "which failed";
    }
}

static void describe(uint64_t vector, uint32_t esr, uint64_t far, char *text, size_t room)
{
    uint32_t ec = esr >> ESR_EC_SHIFT & 0x3f;

    if (vector % 4 != VECTOR_SYNC)
        snprintf(text, room, "%s", vector % 4 == VECTOR_SERROR ? "an SError" : "an interrupt");
    else if (ec == ESR_EC_IABT || ec == ESR_EC_DABT)
        snprintf(text, room, "%s 0x%llx, %s",
                 ec == ESR_EC_IABT    ? "a jump to"
                 : esr & ESR_DABT_WNR ? "a write to"
                                      : "a read from",
                 (unsigned long long)far, abort_name(esr));
    else
        snprintf(text, room, "%s", class_name(esr));
}

efi_status efi_fault(struct efi_call *call)
{
    const struct efi_image *image = efi_image_at(call->efi, call->arg[2]);
    unsigned long long pc = call->arg[2];
    char what[96];

    describe(call->arg[0], (uint32_t)call->arg[1], call->arg[3], what, sizeof(what));
    if (image)
        log_error(call->efi->config.log,
                  "the EFI program %s crashed at pc 0x%llx (0x%llx in it): %s (ESR 0x%llx)",
                  image->name, pc, pc - image->base, what, (unsigned long long)call->arg[1]);
    else
        log_error(call->efi->config.log,
                  "an EFI program crashed at pc 0x%llx, where none is loaded: %s (ESR 0x%llx)", pc,
                  what, (unsigned long long)call->arg[1]);
    return efi_stop(call);
}
