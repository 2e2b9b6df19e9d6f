/* SPDX-License-Identifier: ISC */
/*
 * Runtime services (UEFI 2.10, chapter 8): time, variables, reset, and the change to virtual
 * addresses. They work before ExitBootServices and after it, with SetVirtualAddressMap or without.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/endian.h"
#include "base/units.h"
#include "firmware/efi/core.h"

#define SERVICE(n) (EFI_TABLE_HEADER + 8 * (n))

#define MAX_DESCRIPTORS    4096u
#define DESCRIPTOR_LEAST   40u
#define DOORBELL_PARAMETER 0u /* in the stub page (stub.S) */

/* EFI_TIME (8.3) */
enum {
    TIME_YEAR = 0,
    TIME_MONTH = 2,
    TIME_DAY = 3,
    TIME_HOUR = 4,
    TIME_MINUTE = 5,
    TIME_SECOND = 6,
    TIME_ZONE = 12,
    TIME_LENGTH = 16,
};

#define TIME_ZONE_UNSAID 0x7ff

/* The host's time, and how far off it the guest has set its own. */
static uint64_t wall_seconds(const struct efi *efi)
{
    return efi->config.wall_seconds(efi->config.ctx) + efi->time_offset;
}

/* GetTime(*Time, *Capabilities), in UTC. */
static efi_status get_time(struct efi_call *call)
{
    const uint32_t capabilities[3] = {1, 0, 0}; /* one second, no accuracy promised, kept on set */
    time_t now = (time_t)wall_seconds(call->efi);
    uint8_t out[TIME_LENGTH] = {0};
    struct tm tm;

    if (!gmtime_r(&now, &tm) || tm.tm_year < 0 || tm.tm_year > 8099)
        return EFI_DEVICE_ERROR; /* a file of a machine's state may say any offset */
    store_le16(out + TIME_YEAR, (uint16_t)(tm.tm_year + 1900));
    out[TIME_MONTH] = (uint8_t)(tm.tm_mon + 1);
    out[TIME_DAY] = (uint8_t)tm.tm_mday;
    out[TIME_HOUR] = (uint8_t)tm.tm_hour;
    out[TIME_MINUTE] = (uint8_t)tm.tm_min;
    out[TIME_SECOND] = (uint8_t)MIN(tm.tm_sec, 59);
    if (efi_write(call, call->arg[0], out, sizeof(out)) ||
        (call->arg[1] && efi_write(call, call->arg[1], capabilities, sizeof(capabilities))))
        return EFI_INVALID_PARAMETER;
    return EFI_SUCCESS;
}

/* SetTime(*Time): until the machine ends. A time zone, in minutes to UTC, is taken off. */
static efi_status set_time(struct efi_call *call)
{
    uint8_t in[TIME_LENGTH];
    struct tm tm = {0};
    int16_t zone;

    if (efi_read(call, call->arg[0], in, sizeof(in)))
        return EFI_INVALID_PARAMETER;
    tm.tm_year = load_le16(in + TIME_YEAR) - 1900;
    tm.tm_mon = in[TIME_MONTH] - 1;
    tm.tm_mday = in[TIME_DAY];
    tm.tm_hour = in[TIME_HOUR];
    tm.tm_min = in[TIME_MINUTE];
    tm.tm_sec = in[TIME_SECOND];
    zone = (int16_t)load_le16(in + TIME_ZONE);
    if (tm.tm_year < 0 || tm.tm_year > 8099 || tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 ||
        tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 59 ||
        (zone != TIME_ZONE_UNSAID && (zone < -1440 || zone > 1440)))
        return EFI_INVALID_PARAMETER;
    call->efi->time_offset = (uint64_t)timegm(&tm) +
                             (zone == TIME_ZONE_UNSAID ? 0 : (uint64_t)(int64_t)zone * 60) -
                             call->efi->config.wall_seconds(call->efi->config.ctx);
    return EFI_SUCCESS;
}

static efi_status unsupported(struct efi_call *call)
{
    return EFI_UNSUPPORTED;
}

/* --- variables (8.2) --- */

static efi_status read_name(struct efi_call *call, uint64_t name_at, uint64_t vendor_at,
                            uint16_t *name, struct efi_guid *vendor)
{
    if (efi_read_string(call, name_at, name, VARIABLE_NAME_MAX) ||
        efi_read_guid(call, vendor_at, vendor))
        return EFI_INVALID_PARAMETER;
    return EFI_SUCCESS;
}

/* GetVariable(*VariableName, *VendorGuid, *Attributes, *DataSize, *Data) */
static efi_status get_variable(struct efi_call *call)
{
    uint16_t name[VARIABLE_NAME_MAX];
    uint8_t *data = malloc(VARIABLE_DATA_MAX);
    struct efi_guid vendor;
    uint32_t attributes;
    uint64_t room = 0;
    size_t length = 0;
    efi_status status =
        data ? read_name(call, call->arg[0], call->arg[1], name, &vendor) : EFI_OUT_OF_RESOURCES;

    if (status == EFI_SUCCESS && efi_read_u64(call, call->arg[3], &room))
        status = EFI_INVALID_PARAMETER;
    if (status == EFI_SUCCESS) {
        length = MIN(room, VARIABLE_DATA_MAX);
        status = variables_get(call->efi->variables, name, &vendor, !call->efi->boot, &attributes,
                               data, &length);
    }
    if (status == EFI_SUCCESS || status == EFI_BUFFER_TOO_SMALL) {
        if (efi_write_u64(call, call->arg[3], length) ||
            (call->arg[2] && efi_write_u32(call, call->arg[2], attributes)) ||
            (status == EFI_SUCCESS && efi_write(call, call->arg[4], data, length)))
            status = EFI_INVALID_PARAMETER;
    }
    free(data);
    return status;
}

/* SetVariable(*VariableName, *VendorGuid, Attributes, DataSize, *Data) */
static efi_status set_variable(struct efi_call *call)
{
    uint16_t name[VARIABLE_NAME_MAX];
    size_t length = call->arg[3];
    struct efi_guid vendor;
    uint8_t *data;
    efi_status status = read_name(call, call->arg[0], call->arg[1], name, &vendor);

    if (status != EFI_SUCCESS)
        return status;
    if (length > VARIABLE_DATA_MAX)
        return EFI_OUT_OF_RESOURCES;
    data = malloc(length + 1);
    if (!data)
        return EFI_OUT_OF_RESOURCES;
    if (length && efi_read(call, call->arg[4], data, length))
        status = EFI_INVALID_PARAMETER;
    else
        status = variables_set(call->efi->variables, name, &vendor, !call->efi->boot,
                               (uint32_t)call->arg[2], data, length);
    free(data);
    return status;
}

static size_t string_units(const uint16_t *name)
{
    size_t n = 0;

    while (name[n])
        n++;
    return n + 1;
}

/* GetNextVariableName(*VariableNameSize, *VariableName, *VendorGuid) */
static efi_status next_variable(struct efi_call *call)
{
    uint16_t name[VARIABLE_NAME_MAX];
    struct efi_guid vendor;
    uint64_t room, need;
    efi_status status = read_name(call, call->arg[1], call->arg[2], name, &vendor);

    if (status != EFI_SUCCESS || efi_read_u64(call, call->arg[0], &room))
        return EFI_INVALID_PARAMETER;
    status = variables_next(call->efi->variables, !call->efi->boot, name, &vendor);
    if (status != EFI_SUCCESS)
        return status;
    need = string_units(name) * sizeof(*name);
    if (efi_write_u64(call, call->arg[0], need))
        return EFI_INVALID_PARAMETER;
    if (room < need)
        return EFI_BUFFER_TOO_SMALL;
    if (efi_write(call, call->arg[1], name, need) ||
        efi_write(call, call->arg[2], &vendor, sizeof(vendor)))
        return EFI_INVALID_PARAMETER;
    return EFI_SUCCESS;
}

/* QueryVariableInfo(Attributes, *Maximum, *Remaining, *MaximumOfOne) */
static efi_status query_variable_info(struct efi_call *call)
{
    uint64_t maximum, remaining, largest;

    if (!call->arg[0] || !(call->arg[0] & VARIABLE_BOOTSERVICE_ACCESS))
        return EFI_INVALID_PARAMETER;
    variables_info(call->efi->variables, &maximum, &remaining, &largest);
    if (efi_write_u64(call, call->arg[1], maximum) ||
        efi_write_u64(call, call->arg[2], remaining) || efi_write_u64(call, call->arg[3], largest))
        return EFI_INVALID_PARAMETER;
    return EFI_SUCCESS;
}

/* --- virtual addresses (8.4) --- */

struct map {
    uint64_t (*range)[3]; /* physical, virtual, pages */
    size_t count;
};

static uint64_t to_virtual(void *ctx, uint64_t physical)
{
    const struct map *map = ctx;

    for (size_t i = 0; i < map->count; i++) {
        const uint64_t *r = map->range[i];

        if (physical >= r[0] && (physical - r[0]) / EFI_PAGE < r[2])
            return r[1] + (physical - r[0]);
    }
    return physical;
}

static efi_status read_map(struct efi_call *call, struct map *map)
{
    uint64_t size = call->arg[1];

    if (size < DESCRIPTOR_LEAST || call->arg[0] / size > MAX_DESCRIPTORS || call->arg[0] == 0)
        return EFI_INVALID_PARAMETER;
    map->range = calloc(call->arg[0] / size, sizeof(*map->range));
    if (!map->range)
        return EFI_OUT_OF_RESOURCES;
    for (uint64_t i = 0; i < call->arg[0] / size; i++) {
        uint64_t d[5]; /* type and padding, physical, virtual, pages, attributes */

        if (efi_read(call, call->arg[3] + i * size, d, sizeof(d)))
            return EFI_INVALID_PARAMETER;
        if (d[4] & EFI_MEMORY_RUNTIME)
            memcpy(map->range[map->count++], &d[1], sizeof(*map->range));
    }
    return EFI_SUCCESS;
}

/* SetVirtualAddressMap(MemoryMapSize, DescriptorSize, DescriptorVersion, *VirtualMap), once. */
static efi_status set_virtual_address_map(struct efi_call *call)
{
    struct efi *efi = call->efi;
    struct map map = {0};
    efi_status status;

    if (efi->boot || efi->mapped)
        return EFI_UNSUPPORTED;
    status = (uint32_t)call->arg[2] == 1 ? read_map(call, &map) : EFI_INVALID_PARAMETER;
    if (status == EFI_SUCCESS) {
        efi->mapped = true;
        efi_poke64(efi, efi->stub + DOORBELL_PARAMETER, to_virtual(&map, efi->config.doorbell));
        efi_tables_convert(efi, to_virtual, &map);
    }
    free(map.range);
    return status;
}

/* --- the rest --- */

/* GetNextHighMonotonicCount(*HighCount) */
static efi_status next_high_count(struct efi_call *call)
{
    return efi_write_u32(call, call->arg[0], ++call->efi->high_count) ? EFI_INVALID_PARAMETER
                                                                      : EFI_SUCCESS;
}

static efi_status reset_wait(struct efi_call *call, uint64_t result)
{
    return efi_call_wait(call, reset_wait);
}

/* ResetSystem(ResetType, ResetStatus, DataSize, *ResetData): does not return. */
static efi_status reset_system(struct efi_call *call)
{
    static const enum efi_reset how[] = {EFI_RESET_COLD, EFI_RESET_WARM, EFI_RESET_SHUTDOWN,
                                         EFI_RESET_COLD};
    uint32_t type = (uint32_t)call->arg[0];

    call->efi->config.reset(call->efi->config.ctx, how[MIN(type, nitems(how) - 1)]);
    return efi_call_wait(call, reset_wait);
}

const struct efi_method efi_runtime_services[] = {
    {SERVICE(0), "GetTime", get_time},
    {SERVICE(1), "SetTime", set_time},
    {SERVICE(2), "GetWakeupTime", unsupported},
    {SERVICE(3), "SetWakeupTime", unsupported},
    {SERVICE(4), "SetVirtualAddressMap", set_virtual_address_map},
    {SERVICE(5), "ConvertPointer", unsupported},
    {SERVICE(6), "GetVariable", get_variable},
    {SERVICE(7), "GetNextVariableName", next_variable},
    {SERVICE(8), "SetVariable", set_variable},
    {SERVICE(9), "GetNextHighMonotonicCount", next_high_count},
    {SERVICE(10), "ResetSystem", reset_system},
    {SERVICE(11), "UpdateCapsule", unsupported},
    {SERVICE(12), "QueryCapsuleCapabilities", unsupported},
    {SERVICE(13), "QueryVariableInfo", query_variable_info},
};
const size_t efi_runtime_service_count = nitems(efi_runtime_services);
