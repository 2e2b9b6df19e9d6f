/* SPDX-License-Identifier: ISC */
/*
 * The system table, the tables of boot and runtime services, and the configuration table that leads
 * to what describes the machine (UEFI 2.10, chapter 4).
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "firmware/acpi.h"
#include "firmware/devicetree.h"
#include "firmware/efi/core.h"
#include "firmware/smbios.h"

#define REVISION          0x00020046u /* 2.70, as Apple's machine has */
#define VENDOR_REVISION   0x00010000u
#define SYSTEM_SIGNATURE  UINT64_C(0x5453595320494249)
#define BOOT_SIGNATURE    UINT64_C(0x56524553544f4f42)
#define RUNTIME_SIGNATURE UINT64_C(0x56524553544e5552)
#define BOOT_LENGTH       376u
#define RUNTIME_LENGTH    136u
#define MAX_TABLES        64u

/* EFI_SYSTEM_TABLE (4.3) */
enum {
    SYSTEM_VENDOR = 24,
    SYSTEM_VENDOR_REVISION = 32,
    SYSTEM_CONSOLE_IN_HANDLE = 40, /* and its interface; then those of output and of errors */
    SYSTEM_RUNTIME = 88,
    SYSTEM_BOOT = 96,
    SYSTEM_TABLES = 104,
    SYSTEM_TABLE_LIST = 112,
    SYSTEM_LENGTH = 120,
};

/* EFI_TABLE_HEADER (4.2) */
enum { HEADER_REVISION = 8, HEADER_SIZE = 12, HEADER_CRC = 16 };

static const struct efi_guid acpi20_guid = {
    0x8868e871, 0xe4f1, 0x11d3, {0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81}};
static const struct efi_guid smbios_guid = {
    0xeb9d2d31, 0x2d88, 0x11d3, {0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};
static const struct efi_guid smbios3_guid = {
    0xf2fd1544, 0x9794, 0x4a2c, {0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20, 0xe3, 0x94}};
static const struct efi_guid dtb_guid = {
    0xb1b621d5, 0xf19c, 0x41a5, {0x83, 0x0b, 0xd9, 0x15, 0x2c, 0x69, 0xaa, 0xe0}};

struct config_entry {
    struct efi_guid guid;
    uint64_t table;
};
_Static_assert(sizeof(struct config_entry) == 24, "EFI_CONFIGURATION_TABLE");

void efi_table_checksum(struct efi *efi, uint64_t table, uint32_t length)
{
    uint8_t bytes[BOOT_LENGTH];

    efi_poke32(efi, table + HEADER_CRC, 0);
    if (efi_phys_read(efi, table, bytes, length))
        efi_poke32(efi, table + HEADER_CRC, (uint32_t)crc32_z(0, bytes, length));
}

static efi_status new_table(struct efi *efi, uint32_t type, uint64_t signature, uint32_t length,
                            uint64_t *table)
{
    efi_status status = efi_pool_typed(efi, type, length, table);

    if (status != EFI_SUCCESS)
        return status;
    mem_fill(efi->config.mem, *table, 0, length);
    efi_poke64(efi, *table, signature);
    efi_poke32(efi, *table + HEADER_REVISION, REVISION);
    efi_poke32(efi, *table + HEADER_SIZE, length);
    return EFI_SUCCESS;
}

static void point(struct efi *efi, uint64_t table, const struct efi_method *methods, size_t count)
{
    size_t first = efi_service_of(efi, methods);

    for (size_t i = 0; i < count; i++)
        efi_poke64(efi, table + methods[i].offset, efi_stub_entry(efi, first + i));
}

efi_status efi_config_table_set(struct efi *efi, const struct efi_guid *guid, uint64_t table)
{
    struct config_entry entries[MAX_TABLES + 1];
    size_t count = efi->config_count, i = 0;

    if (!efi_phys_read(efi, efi->config_table, entries, count * sizeof(*entries)))
        return EFI_INVALID_PARAMETER;
    while (i < count && !efi_guid_equal(&entries[i].guid, guid))
        i++;
    if (i == count && !table)
        return EFI_NOT_FOUND;
    if (i == MAX_TABLES)
        return EFI_OUT_OF_RESOURCES;
    entries[i] = (struct config_entry){*guid, table};
    count = MAX(count, i + 1);
    if (!table) /* an entry without a table is taken out */
        memmove(&entries[i], &entries[i + 1], (--count - i) * sizeof(*entries));
    efi->config_count = count;
    efi_poke(efi, efi->config_table, entries, count * sizeof(*entries));
    efi_poke64(efi, efi->system_table + SYSTEM_TABLES, count);
    efi_table_checksum(efi, efi->system_table, SYSTEM_LENGTH);
    return EFI_SUCCESS;
}

/* InstallConfigurationTable(*Guid, *Table) */
efi_status efi_install_configuration_table(struct efi_call *call)
{
    struct efi_guid guid;

    if (efi_read_guid(call, call->arg[0], &guid))
        return EFI_INVALID_PARAMETER;
    efi_events_signal_group(call->efi, &guid);
    return efi_config_table_set(call->efi, &guid, call->arg[1]);
}

/* --- what describes the machine --- */

static efi_status refused(struct efi *efi, const struct error *err)
{
    log_error(efi->config.log, "%s", err->text);
    return EFI_UNSUPPORTED;
}

static efi_status add_acpi(struct efi *efi)
{
    uint8_t *blob = malloc(ACPI_MAX_SIZE);
    struct error err = {0};
    uint64_t base;
    int64_t length = 0;
    efi_status status = blob ? EFI_SUCCESS : EFI_OUT_OF_RESOURCES;

    if (status == EFI_SUCCESS)
        status = efi_pages_new(efi, EFI_ALLOCATE_ANY, EFI_ACPI_RECLAIM,
                               (ACPI_MAX_SIZE + EFI_PAGE - 1) / EFI_PAGE, &base);
    if (status == EFI_SUCCESS) {
        length = acpi_build(efi->config.platform, base, blob, ACPI_MAX_SIZE, &err);
        status = length > 0 ? EFI_SUCCESS : refused(efi, &err);
    }
    if (status == EFI_SUCCESS) {
        efi_poke(efi, base, blob, (size_t)length);
        status = efi_config_table_set(efi, &acpi20_guid, base);
    }
    free(blob);
    return status;
}

static efi_status add_fdt(struct efi *efi)
{
    const struct fdt_chosen chosen = {0};
    uint8_t *blob = malloc(FDT_MAX_SIZE);
    struct error err = {0};
    uint64_t base;
    int64_t length = 0;
    efi_status status = blob ? EFI_SUCCESS : EFI_OUT_OF_RESOURCES;

    if (status == EFI_SUCCESS)
        length = fdt_build(efi->config.platform, &chosen, blob, FDT_MAX_SIZE, &err);
    if (length < 0)
        status = refused(efi, &err);
    if (length > 0)
        status =
            efi_pages_new(efi, EFI_ALLOCATE_ANY, EFI_ACPI_RECLAIM, FDT_MAX_SIZE / EFI_PAGE, &base);
    if (length > 0 && status == EFI_SUCCESS) {
        efi_poke(efi, base, blob, (size_t)length);
        status = efi_config_table_set(efi, &dtb_guid, base);
    }
    free(blob);
    return status;
}

static efi_status add_smbios(struct efi *efi)
{
    uint8_t blob[SMBIOS_MAX_SIZE], uuid[16];
    struct smbios_entry_points entries;
    struct error err = {0};
    uint64_t base = UINT32_MAX;
    int64_t length;
    efi_status status = efi_pages_new(efi, EFI_ALLOCATE_MAX, EFI_RUNTIME_DATA, 1, &base);

    if (status != EFI_SUCCESS)
        return status;
    variables_identifier(efi->variables, uuid);
    if (efi->config.identified)
        memcpy(uuid, efi->config.uuid, sizeof(uuid));
    length = smbios_build(efi->config.platform, uuid, base, blob, sizeof(blob), &entries, &err);
    if (length <= 0)
        return refused(efi, &err);
    efi_poke(efi, base, blob, (size_t)length);
    status = efi_config_table_set(efi, &smbios3_guid, entries.entry64);
    if (status == EFI_SUCCESS && entries.entry32)
        status = efi_config_table_set(efi, &smbios_guid, entries.entry32);
    return status;
}

static efi_status add_consoles(struct efi *efi)
{
    uint64_t at = efi->system_table + SYSTEM_CONSOLE_IN_HANDLE, handle, in, out;
    efi_status status = efi_console_start(efi, &in, &out, &handle);

    if (status != EFI_SUCCESS)
        return status;
    for (unsigned i = 0; i < 3; i++) {
        efi_poke64(efi, at + i * 16, handle);
        efi_poke64(efi, at + i * 16 + 8, i == 0 ? in : out);
    }
    return EFI_SUCCESS;
}

static efi_status new_tables(struct efi *efi)
{
    static const uint16_t vendor[] = {'A', 't', 'o', 'l', 'l', 0};
    efi_status status =
        new_table(efi, EFI_RUNTIME_DATA, SYSTEM_SIGNATURE, SYSTEM_LENGTH, &efi->system_table);

    if (status == EFI_SUCCESS)
        status = new_table(efi, EFI_RUNTIME_DATA, RUNTIME_SIGNATURE, RUNTIME_LENGTH,
                           &efi->runtime_table);
    if (status == EFI_SUCCESS)
        status = new_table(efi, EFI_BOOT_DATA, BOOT_SIGNATURE, BOOT_LENGTH, &efi->boot_table);
    if (status == EFI_SUCCESS)
        status = efi_pool_typed(efi, EFI_RUNTIME_DATA, MAX_TABLES * sizeof(struct config_entry),
                                &efi->config_table);
    if (status == EFI_SUCCESS)
        status = efi_pool_typed(efi, EFI_RUNTIME_DATA, sizeof(vendor), &efi->vendor);
    if (status == EFI_SUCCESS)
        efi_poke(efi, efi->vendor, vendor, sizeof(vendor));
    return status;
}

static void fill_tables(struct efi *efi)
{
    point(efi, efi->boot_table, efi_boot_services, efi_boot_service_count);
    point(efi, efi->boot_table, efi_handle_services, efi_handle_service_count);
    point(efi, efi->boot_table, efi_event_services, efi_event_service_count);
    point(efi, efi->boot_table, efi_image_services, efi_image_service_count);
    point(efi, efi->runtime_table, efi_runtime_services, efi_runtime_service_count);
    efi_table_checksum(efi, efi->boot_table, BOOT_LENGTH);
    efi_table_checksum(efi, efi->runtime_table, RUNTIME_LENGTH);
    efi_poke64(efi, efi->system_table + SYSTEM_VENDOR, efi->vendor);
    efi_poke32(efi, efi->system_table + SYSTEM_VENDOR_REVISION, VENDOR_REVISION);
    efi_poke64(efi, efi->system_table + SYSTEM_RUNTIME, efi->runtime_table);
    efi_poke64(efi, efi->system_table + SYSTEM_BOOT, efi->boot_table);
    efi_poke64(efi, efi->system_table + SYSTEM_TABLE_LIST, efi->config_table);
}

efi_status efi_tables_start(struct efi *efi)
{
    efi_status status = new_tables(efi);

    efi->config_count = 0;
    if (status != EFI_SUCCESS)
        return status;
    fill_tables(efi);
    status = add_consoles(efi);
    if (status == EFI_SUCCESS && efi->config.acpi)
        status = add_acpi(efi);
    if (status == EFI_SUCCESS && efi->config.fdt)
        status = add_fdt(efi);
    return status == EFI_SUCCESS ? add_smbios(efi) : status;
}

static uint64_t converted(struct efi *efi, uint64_t address,
                          uint64_t (*convert)(void *ctx, uint64_t physical), void *ctx)
{
    return address ? convert(ctx, address) : 0;
}

void efi_tables_convert(struct efi *efi, uint64_t (*convert)(void *ctx, uint64_t physical),
                        void *ctx)
{
    size_t first = efi_service_of(efi, efi_runtime_services);

    for (size_t i = 0; i < efi_runtime_service_count; i++)
        efi_poke64(efi, efi->runtime_table + efi_runtime_services[i].offset,
                   converted(efi, efi_stub_entry(efi, first + i), convert, ctx));
    efi_table_checksum(efi, efi->runtime_table, RUNTIME_LENGTH);
    efi_poke64(efi, efi->system_table + SYSTEM_VENDOR, converted(efi, efi->vendor, convert, ctx));
    efi_poke64(efi, efi->system_table + SYSTEM_RUNTIME,
               converted(efi, efi->runtime_table, convert, ctx));
    efi_poke64(efi, efi->system_table + SYSTEM_TABLE_LIST,
               converted(efi, efi->config_table, convert, ctx));
    efi_table_checksum(efi, efi->system_table, SYSTEM_LENGTH);
}
