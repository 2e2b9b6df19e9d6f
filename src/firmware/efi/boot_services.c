/* SPDX-License-Identifier: ISC */
/*
 * The boot services that are about nothing else: memory operations, time, task priority, and the
 * end of them all, ExitBootServices (UEFI 2.10, 7.1, 7.4, 7.5).
 */
#include <stdlib.h>
#include <zlib.h>

#include "base/units.h"
#include "firmware/efi/core.h"
#include "host/clock.h"

#define SERVICE(n) (EFI_TABLE_HEADER + 8 * (n))
#define CHUNK      65536u

/* The tick comes every 10 ms: what is shorter is waited for on the host. */
#define SHORT_WAIT_NS (10 * UINT64_C(1000000))

static efi_status raise_tpl(struct efi_call *call)
{
    uint64_t old = call->efi->tpl;

    if (call->arg[0] <= TPL_HIGH_LEVEL)
        call->efi->tpl = MAX(call->arg[0], old);
    return old;
}

static efi_status restore_tpl(struct efi_call *call)
{
    if (call->arg[0] <= call->efi->tpl)
        call->efi->tpl = MAX(call->arg[0], TPL_APPLICATION);
    return EFI_SUCCESS;
}

/* state[0]: when the time is over. */
static efi_status stall_on(struct efi_call *call, uint64_t result)
{
    uint64_t now = call->efi->config.now_ns(call->efi->config.ctx);

    if (now >= call->state[0])
        return EFI_SUCCESS;
    if (call->state[0] - now > SHORT_WAIT_NS)
        return efi_call_wait(call, stall_on);
    host_sleep(call->state[0] - now);
    return EFI_SUCCESS;
}

/* Stall(Microseconds) */
static efi_status stall(struct efi_call *call)
{
    uint64_t span = MIN(call->arg[0], UINT64_MAX / 4000) * 1000;

    call->state[0] = call->efi->config.now_ns(call->efi->config.ctx) + span;
    return stall_on(call, 0);
}

/* SetWatchdogTimer: a guest that hangs is looked at by its user, not reset. */
static efi_status set_watchdog_timer(struct efi_call *call)
{
    return EFI_SUCCESS;
}

/* GetNextMonotonicCount(*Count): boot services' own, which a reset starts again. */
static efi_status next_monotonic_count(struct efi_call *call)
{
    return efi_write_u64(call, call->arg[0], ++call->efi->event_order) ? EFI_INVALID_PARAMETER
                                                                       : EFI_SUCCESS;
}

/* Moves up to CHUNK bytes; the caller goes in the direction that overlaps allow. */
static bool move_chunk(struct efi *efi, uint8_t *bounce, uint64_t to, uint64_t from, size_t length)
{
    return efi_phys_read(efi, from, bounce, length) && efi_phys_write(efi, to, bounce, length);
}

/* CopyMem(*Destination, *Source, Length) */
static efi_status copy_mem(struct efi_call *call)
{
    uint64_t to = call->arg[0], from = call->arg[1], left = call->arg[2];
    bool backwards = to > from;
    uint8_t *bounce = malloc(CHUNK);
    bool ok = bounce && mem_is_ram(call->efi->config.mem, to, left) &&
              mem_is_ram(call->efi->config.mem, from, left);

    while (ok && left) {
        size_t n = MIN(left, CHUNK);
        uint64_t at = backwards ? left - n : 0;

        ok = move_chunk(call->efi, bounce, to + at, from + at, n);
        left -= n;
        to += backwards ? 0 : n;
        from += backwards ? 0 : n;
    }
    free(bounce);
    return EFI_SUCCESS;
}

/* SetMem(*Buffer, Size, Value) */
static efi_status set_mem(struct efi_call *call)
{
    if (mem_is_ram(call->efi->config.mem, call->arg[0], call->arg[1]))
        mem_fill(call->efi->config.mem, call->arg[0], (uint8_t)call->arg[2], call->arg[1]);
    return EFI_SUCCESS;
}

/* CalculateCrc32(*Data, DataSize, *Crc32) */
static efi_status calculate_crc32(struct efi_call *call)
{
    uint64_t at = call->arg[0], left = call->arg[1];
    uint8_t *bytes = malloc(CHUNK);
    uint32_t crc = 0;
    efi_status status = bytes ? EFI_SUCCESS : EFI_OUT_OF_RESOURCES;

    if (!at || !left || !call->arg[2])
        status = EFI_INVALID_PARAMETER;
    for (size_t n; left && status == EFI_SUCCESS; left -= n, at += n) {
        n = MIN(left, CHUNK);
        if (efi_read(call, at, bytes, n))
            status = EFI_INVALID_PARAMETER;
        else
            crc = (uint32_t)crc32_z(crc, bytes, n);
    }
    free(bytes);
    if (status == EFI_SUCCESS && efi_write_u32(call, call->arg[2], crc))
        return EFI_INVALID_PARAMETER;
    return status;
}

/* Nothing of boot services is left; memory that they had is the operating system's. */
static void leave_boot(struct efi *efi)
{
    efi->boot = false;
    efi->depth = 0;
    efi_boot_stop(efi);
    efi_storage_stop(efi);
    efi_console_stop(efi);
    efi_images_stop(efi);
    efi_events_stop(efi);
    efi_handles_stop(efi);
    efi_interfaces_stop(efi);
    efi_pool_stop(efi);
    efi_memory_stop(efi);
}

static efi_status exit_quiet(struct efi_call *call, uint64_t result)
{
    log_debug(call->efi->config.log, "EFI: the operating system has taken over");
    leave_boot(call->efi);
    return EFI_SUCCESS;
}

/* ExitBootServices(ImageHandle, MapKey) */
static efi_status exit_boot_services(struct efi_call *call)
{
    if (call->arg[1] != call->efi->memory.key)
        return EFI_INVALID_PARAMETER;
    efi_events_signal_group(call->efi, &efi_group_exit_boot_services);
    call->command = EFI_COMMAND_QUIET;
    call->resume = exit_quiet;
    return EFI_SUCCESS;
}

const struct efi_method efi_boot_services[] = {
    {SERVICE(0), "RaiseTPL", raise_tpl},
    {SERVICE(1), "RestoreTPL", restore_tpl},
    {SERVICE(2), "AllocatePages", efi_allocate_pages},
    {SERVICE(3), "FreePages", efi_free_pages},
    {SERVICE(4), "GetMemoryMap", efi_get_memory_map},
    {SERVICE(5), "AllocatePool", efi_allocate_pool},
    {SERVICE(6), "FreePool", efi_free_pool},
    {SERVICE(21), "InstallConfigurationTable", efi_install_configuration_table},
    {SERVICE(26), "ExitBootServices", exit_boot_services},
    {SERVICE(27), "GetNextMonotonicCount", next_monotonic_count},
    {SERVICE(28), "Stall", stall},
    {SERVICE(29), "SetWatchdogTimer", set_watchdog_timer},
    {SERVICE(40), "CalculateCrc32", calculate_crc32},
    {SERVICE(41), "CopyMem", copy_mem},
    {SERVICE(42), "SetMem", set_mem},
};
const size_t efi_boot_service_count = nitems(efi_boot_services);
