/* SPDX-License-Identifier: ISC */
/*
 * The doorbell: a frame comes in, its service is called, and what the stub does next goes back
 * (docs/efi.md). Before ExitBootServices calls nest: a service that calls the guest waits on
 * efi->calls until the guest's function has returned, and the guest may call services meanwhile.
 * Afterwards runtime services come one at a time, from any CPU and any address space.
 */
#include <errno.h>
#include <string.h>

#include "firmware/efi/core.h"

/* A frame as stub.S lays it out. */
struct frame {
    uint64_t service, command, arg[8], target, sp;
};

enum { FRAME_COMMAND = 0x08, FRAME_ARGUMENTS = 0x10, FRAME_TARGET = 0x50 };

enum { SERVICE_BOOT, SERVICE_TICK, SERVICE_FAULT };

bool efi_phys_read(struct efi *efi, uint64_t pa, void *to, size_t length)
{
    return mem_read(efi->config.mem, pa, to, length) == 0;
}

bool efi_phys_write(struct efi *efi, uint64_t pa, const void *from, size_t length)
{
    return mem_write(efi->config.mem, pa, from, length) == 0;
}

void efi_poke(struct efi *efi, uint64_t guest, const void *from, size_t length)
{
    efi_phys_write(efi, guest, from, length);
}

void efi_poke64(struct efi *efi, uint64_t pa, uint64_t value)
{
    efi_phys_write(efi, pa, &value, sizeof(value));
}

void efi_poke32(struct efi *efi, uint64_t pa, uint32_t value)
{
    efi_phys_write(efi, pa, &value, sizeof(value));
}

/* Copies [va, va + length), page by page through the caller's translation. */
static int copy(struct efi_call *call, uint64_t va, void *bytes, size_t length, bool write)
{
    struct mem *mem = call->efi->config.mem;
    uint8_t *at = bytes;

    if (call->efi->boot)
        return write ? mem_write(mem, va, at, length) : mem_read(mem, va, at, length);
    while (length) {
        size_t n = MIN(length, EFI_PAGE - va % EFI_PAGE);
        uint64_t pa;

        if (!call->cpu || call->cpu->translate(call->cpu->ctx, va, write, &pa))
            return -EFAULT;
        if (write ? mem_write(mem, pa, at, n) : mem_read(mem, pa, at, n))
            return -EFAULT;
        va += n;
        at += n;
        length -= n;
    }
    return 0;
}

int efi_read(struct efi_call *call, uint64_t va, void *to, size_t length)
{
    return copy(call, va, to, length, false);
}

int efi_write(struct efi_call *call, uint64_t va, const void *from, size_t length)
{
    return copy(call, va, (void *)(uintptr_t)from, length, true);
}

int efi_read_u64(struct efi_call *call, uint64_t va, uint64_t *value)
{
    return efi_read(call, va, value, sizeof(*value));
}

int efi_write_u64(struct efi_call *call, uint64_t va, uint64_t value)
{
    return efi_write(call, va, &value, sizeof(value));
}

int efi_write_u32(struct efi_call *call, uint64_t va, uint32_t value)
{
    return efi_write(call, va, &value, sizeof(value));
}

int efi_write_u8(struct efi_call *call, uint64_t va, uint8_t value)
{
    return efi_write(call, va, &value, sizeof(value));
}

int efi_read_guid(struct efi_call *call, uint64_t va, struct efi_guid *guid)
{
    return efi_read(call, va, guid, sizeof(*guid));
}

int efi_read_string(struct efi_call *call, uint64_t va, uint16_t *to, size_t room)
{
    for (size_t i = 0; i < room; i++) {
        int ret = efi_read(call, va + i * 2, &to[i], sizeof(to[i]));

        if (ret || to[i] == 0)
            return ret;
    }
    return -ENAMETOOLONG;
}

uint64_t efi_argument(struct efi_call *call, unsigned n)
{
    uint64_t value = 0;

    if (n < nitems(call->arg))
        return call->arg[n];
    efi_read_u64(call, call->sp + (n - nitems(call->arg)) * 8, &value);
    return value;
}

efi_status efi_call_guest(struct efi_call *call, uint64_t function, const uint64_t *args,
                          unsigned count, efi_resume resume)
{
    call->command = EFI_COMMAND_CALL;
    call->target = function;
    for (unsigned i = 0; i < nitems(call->target_arg); i++)
        call->target_arg[i] = i < count ? args[i] : 0;
    call->resume = resume;
    return EFI_SUCCESS;
}

efi_status efi_call_wait(struct efi_call *call, efi_resume resume)
{
    call->command = EFI_COMMAND_WAIT;
    call->resume = resume;
    return EFI_SUCCESS;
}

static efi_status stay_stopped(struct efi_call *call, uint64_t result)
{
    return efi_call_wait(call, stay_stopped);
}

efi_status efi_stop(struct efi_call *call)
{
    if (!call->efi->dead)
        call->efi->config.stop(call->efi->config.ctx);
    call->efi->dead = true;
    return efi_call_wait(call, stay_stopped);
}

efi_status efi_unwind(struct efi_call *call, const struct efi_image *image, efi_status status)
{
    struct efi *efi = call->efi;
    unsigned at = efi->depth;

    while (at > 0 && efi->calls[at - 1].image != image)
        at--;
    if (at == 0)
        return EFI_INVALID_PARAMETER;
    call->command = EFI_COMMAND_UNWIND;
    call->target = efi->calls[at - 1].frame;
    efi->depth = at;
    return status;
}

/* --- notify functions, which run when a service is about to return --- */

static efi_status notified(struct efi_call *call, uint64_t result)
{
    call->efi->tpl = call->tpl;
    call->command = call->kept.command;
    call->resume = call->kept.resume;
    return call->kept.status;
}

/* Puts the next notify function, if any may run now, before what the call was about to do. */
static efi_status notify(struct efi_call *call, efi_status status)
{
    struct efi *efi = call->efi;
    uint64_t args[2], function, tpl;

    if (call->command == EFI_COMMAND_CALL || !efi->boot || efi->dead ||
        !efi_events_take(efi, &args[0], &function, &args[1], &tpl))
        return status;
    call->kept.status = status;
    call->kept.command = call->command;
    call->kept.resume = call->resume;
    call->tpl = efi->tpl;
    efi->tpl = tpl;
    return efi_call_guest(call, function, args, 2, notified);
}

/* --- what the stub's own entries ask --- */

static efi_status tick(struct efi_call *call)
{
    return EFI_SUCCESS; /* that it rang is all */
}

static efi_status serve(struct efi_call *call, uint64_t number)
{
    struct efi *efi = call->efi;

    if (efi->dead)
        return efi_call_wait(call, stay_stopped);
    switch (number) {
    case SERVICE_BOOT: return efi_boot_start(call);
    case SERVICE_TICK: return tick(call);
    case SERVICE_FAULT: return efi_fault(call);
    default: break;
    }
    if (number >= efi->service_count || !efi->services[number].service)
        return EFI_UNSUPPORTED;
    log_debug(efi->config.log, "EFI: %s(0x%llx, 0x%llx, 0x%llx, 0x%llx)",
              efi->services[number].name, (unsigned long long)call->arg[0],
              (unsigned long long)call->arg[1], (unsigned long long)call->arg[2],
              (unsigned long long)call->arg[3]);
    return efi->services[number].service(call);
}

/* A call that rings again without a result keeps its arguments: after ExitBootServices nothing else
 * remembers them. */
static int reply(struct efi_call *call, efi_status status)
{
    uint64_t out[1 + nitems(call->target_arg)] = {call->command, status};
    size_t length = sizeof(out);
    int ret;

    if (call->command == EFI_COMMAND_CALL)
        memcpy(&out[1], call->target_arg, sizeof(call->target_arg));
    if (call->command == EFI_COMMAND_WAIT || call->command == EFI_COMMAND_QUIET)
        length = sizeof(out[0]);
    ret = efi_write(call, call->frame + FRAME_COMMAND, out, length);
    return ret ? ret : efi_write_u64(call, call->frame + FRAME_TARGET, call->target);
}

static int finish(struct efi_call *call, efi_status status)
{
    struct efi *efi = call->efi;
    int ret;

    efi_events_poll(efi);
    status = notify(call, status);
    ret = reply(call, status);
    if (call->command == EFI_COMMAND_RETURN)
        efi->depth -= efi->depth > 0;
    return ret;
}

static void fill(struct efi_call *call, const struct frame *frame, uint64_t va)
{
    memcpy(call->arg, frame->arg, sizeof(call->arg));
    call->sp = frame->sp;
    call->frame = va;
}

/* The guest's function has returned, or the wait is over, of the call that waits on top. */
static int go_on(struct efi_call *call, const struct efi_cpu *cpu, uint64_t result)
{
    efi_resume resume = call->resume;

    call->cpu = cpu;
    call->resume = NULL;
    call->command = EFI_COMMAND_RETURN;
    return finish(call, resume(call, result));
}

/* The program that `by` ended was started by what is now the top call: that one goes on, and the
 * stub goes back to its frame. */
static int finish_unwound(struct efi_call *by, efi_status status)
{
    struct efi_call exiting = *by;
    struct efi_call *starter = &by->efi->calls[by->efi->depth - 1];
    int ret;

    by->efi->tpl = starter->tpl;
    ret = go_on(starter, by->cpu, status);
    return ret ? ret : reply(&exiting, status);
}

/* Nothing is answered any more: the frame waits until the machine has stopped. */
static int ring_stopped(struct efi *efi, const struct efi_cpu *cpu, uint64_t va)
{
    struct efi_call call = {.efi = efi, .cpu = cpu, .frame = va};

    return reply(&call, efi_stop(&call));
}

static int ring_boot(struct efi *efi, const struct efi_cpu *cpu, const struct frame *frame,
                     uint64_t va)
{
    struct efi_call *top = efi->depth ? &efi->calls[efi->depth - 1] : NULL;
    struct efi_call *call;
    efi_status status;

    if (efi->dead)
        return ring_stopped(efi, cpu, va);
    /* A crash is told from the top of the stack, where the first frame may wait. */
    if (top && top->resume && top->frame == va && frame->service != SERVICE_FAULT)
        return go_on(top, cpu, frame->arg[0]);
    if (efi->depth == EFI_MAX_CALLS) {
        log_error(efi->config.log, "EFI: more than %u calls one within the other", EFI_MAX_CALLS);
        return ring_stopped(efi, cpu, va);
    }
    call = &efi->calls[efi->depth++];
    *call = (struct efi_call){.efi = efi, .cpu = cpu};
    fill(call, frame, va);
    status = serve(call, frame->service);
    return call->command == EFI_COMMAND_UNWIND ? finish_unwound(call, status)
                                               : finish(call, status);
}

static int ring_runtime(struct efi *efi, const struct efi_cpu *cpu, const struct frame *frame,
                        uint64_t va)
{
    struct efi_call call = {.efi = efi, .cpu = cpu};
    efi_status status = EFI_UNSUPPORTED;

    fill(&call, frame, va);
    /* The stub's vectors are there until the operating system has its own. */
    if (frame->service == SERVICE_FAULT ||
        (frame->service < efi->service_count && efi->services[frame->service].runtime))
        status = serve(&call, frame->service);
    return reply(&call, status);
}

int efi_ring(struct efi *efi, const struct efi_cpu *cpu, uint64_t va)
{
    struct efi_call reader = {.efi = efi, .cpu = cpu};
    struct frame frame;
    int ret;

    pthread_mutex_lock(&efi->lock);
    ret = efi_read(&reader, va, &frame, sizeof(frame));
    if (!ret)
        ret = efi->boot ? ring_boot(efi, cpu, &frame, va) : ring_runtime(efi, cpu, &frame, va);
    pthread_mutex_unlock(&efi->lock);
    return ret;
}
