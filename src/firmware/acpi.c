/* SPDX-License-Identifier: ISC */
/* Every table but the DSDT's contents. ACPI 6.5; what ids and revisions Apple's have is in
 * docs/apple-machine.md. */
#include "firmware/acpi.h"

#include <errno.h>
#include <string.h>

#include "firmware/acpi_tables.h"

#define RSDP_SIGNATURE "RSD PTR "
#define OEM_ID         "APPLE "
#define OEM_TABLE_ID   "Apple Vz"
#define ABSENT         UINT64_MAX /* of an address in the GTDT */

struct builder {
    const struct platform *p;
    uint64_t base;
    uint8_t *blob;
    size_t room, used;
    struct acpi_xsdt *xsdt;
    bool full;
};

/* Makes the 8-bit sum of all bytes zero (5.2.6). */
static uint8_t checksum(const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    uint8_t sum = 0;

    while (length-- > 0)
        sum += *at++;
    return (uint8_t)-sum;
}

/* The next place for a table of at most `length` bytes; NULL when there is no more room. */
static void *reserve(struct builder *b, size_t length)
{
    size_t at = align_up(b->used, ACPI_ALIGN);

    if (b->full || !range_fits(at, length, b->room)) {
        b->full = true;
        return NULL;
    }
    b->used = at + length;
    return b->blob + at;
}

static uint64_t address_of(const struct builder *b, const void *table)
{
    return b->base + (size_t)((const uint8_t *)table - b->blob);
}

static struct acpi_header header(const char *signature, size_t length, uint8_t revision)
{
    struct acpi_header h = {.length = (uint32_t)length,
                            .revision = revision,
                            .oem_revision = 1,
                            .creator_revision = 0x20180427};

    memcpy(h.signature, signature, sizeof(h.signature));
    memcpy(h.oem_id, OEM_ID, sizeof(h.oem_id));
    memcpy(h.oem_table_id, OEM_TABLE_ID, sizeof(h.oem_table_id));
    memcpy(h.creator_id, "AAPL", sizeof(h.creator_id));
    return h;
}

static void seal(void *table)
{
    struct acpi_header *h = table;

    h->checksum = 0;
    h->checksum = checksum(table, h->length);
}

/* Every table but the DSDT, which the FADT names, is an entry of the XSDT. */
static void list(struct builder *b, const void *table)
{
    size_t count = (b->xsdt->header.length - sizeof(b->xsdt->header)) / sizeof(uint64_t);

    b->xsdt->entry[count] = address_of(b, table);
    b->xsdt->header.length += sizeof(uint64_t);
}

static void add(struct builder *b, const void *table, size_t length)
{
    void *to = reserve(b, length);

    if (!to)
        return;
    memcpy(to, table, length);
    seal(to);
    list(b, to);
}

/* The two that lead to all others. EDK II makes Apple's XSDT, with its own default creator. */
static void rsdp_and_xsdt(struct builder *b)
{
    struct acpi_rsdp *rsdp = reserve(b, sizeof(*rsdp));

    b->xsdt = reserve(b, sizeof(*b->xsdt));
    if (b->full)
        return;
    *b->xsdt = (struct acpi_xsdt){.header = header("XSDT", sizeof(struct acpi_header), 1)};
    memcpy(b->xsdt->header.creator_id, "    ", sizeof(b->xsdt->header.creator_id));
    b->xsdt->header.creator_revision = 0x01000013;

    *rsdp = (struct acpi_rsdp){
        .revision = 2, .length = sizeof(*rsdp), .xsdt_address = address_of(b, b->xsdt)};
    memcpy(rsdp->signature, RSDP_SIGNATURE, sizeof(rsdp->signature));
    memcpy(rsdp->oem_id, OEM_ID, sizeof(rsdp->oem_id));
    rsdp->checksum = checksum(rsdp, offsetof(struct acpi_rsdp, length));
    rsdp->extended_checksum = checksum(rsdp, sizeof(*rsdp));
}

/* Returns its address; 0 when it cannot be made, with the reason in *error. */
static uint64_t dsdt(struct builder *b, int *error)
{
    size_t start = align_up(b->used, ACPI_ALIGN);
    struct acpi_header *h = reserve(b, sizeof(*h));
    struct aml aml;
    int64_t length;

    if (!h) {
        *error = -ENOSPC;
        return 0;
    }
    aml_init(&aml, h + 1, b->room - b->used);
    acpi_dsdt_terms(&aml, b->p);
    length = aml_finish(&aml);
    if (length < 0) {
        *error = (int)length;
        return 0;
    }
    b->used = start + sizeof(*h) + (size_t)length;
    *h = header("DSDT", b->used - start, 2);
    seal(h);
    return address_of(b, h);
}

/* No FACS: a hardware-reduced machine may do without (5.2.10), and Apple's does. Reset and
 * power-off are PSCI's. */
static void fadt(struct builder *b, uint64_t dsdt_address)
{
    const struct acpi_fadt table = {
        .header = header("FACP", sizeof(table), 6),
        .flags = ACPI_FADT_PWR_BUTTON | ACPI_FADT_SLP_BUTTON | ACPI_FADT_HW_REDUCED,
        .arm_boot_arch = ACPI_FADT_PSCI_COMPLIANT | (b->p->psci_smc ? 0 : ACPI_FADT_PSCI_USE_HVC),
        .minor_version = 3,
        .x_dsdt = dsdt_address,
    };

    add(b, &table, sizeof(table));
}

static void gtdt(struct builder *b)
{
    const struct platform *p = b->p;
    const struct acpi_gtdt table = {
        .header = header("GTDT", sizeof(table), 3),
        .cnt_control_base = ABSENT,
        .secure_el1_gsiv = p->ppi_phys_secure,
        .secure_el1_flags = p->ppi_phys_secure ? ACPI_GTDT_ALWAYS_ON : 0,
        .nonsecure_el1_gsiv = p->ppi_phys,
        .nonsecure_el1_flags = ACPI_GTDT_ALWAYS_ON,
        .virtual_el1_gsiv = p->ppi_virt,
        .virtual_el1_flags = ACPI_GTDT_ALWAYS_ON,
        .el2_gsiv = p->ppi_hyp,
        .el2_flags = p->ppi_hyp ? ACPI_GTDT_ALWAYS_ON : 0,
        .cnt_read_base = ABSENT,
    };

    add(b, &table, sizeof(table));
}

static struct acpi_gicc gicc(const struct platform *p, unsigned cpu)
{
    return (struct acpi_gicc){.type = ACPI_MADT_GICC,
                              .length = sizeof(struct acpi_gicc),
                              .cpu_interface_number = cpu,
                              .acpi_processor_uid = cpu,
                              .flags = ACPI_GICC_ENABLED,
                              .performance_gsiv = p->ppi_pmu,
                              .vgic_maintenance_interrupt = p->ppi_maintenance,
                              .mpidr = p->mpidr[cpu]};
}

/* As many GICCs as there are CPUs, with the GICR's range in place of an address in each. */
static void madt(struct builder *b)
{
    const struct platform *p = b->p;
    struct {
        struct acpi_madt head;
        struct acpi_gicc gicc[PLATFORM_MAX_CPUS];
    } ACPI_PACKED table;
    const struct {
        struct acpi_gicd gicd;
        struct acpi_gic_msi msi;
        struct acpi_gicr gicr;
    } ACPI_PACKED gic = {
        .gicd = {.type = ACPI_MADT_GICD,
                 .length = sizeof(gic.gicd),
                 .base_address = p->gicd.base,
                 .version = 3},
        /* No flags: the frame's own MSI_TYPER counts, and says the same. */
        .msi = {.type = ACPI_MADT_GIC_MSI,
                .length = sizeof(gic.msi),
                .base_address = p->gicv2m.base,
                .spi_count = (uint16_t)p->msi_count,
                .spi_base = (uint16_t)p->msi_base},
        .gicr = {.type = ACPI_MADT_GICR,
                 .length = sizeof(gic.gicr),
                 .discovery_range_base = p->gicr.base,
                 .discovery_range_length = (uint32_t)p->gicr.size},
    };
    size_t length = sizeof(table.head) + p->cpus * sizeof(table.gicc[0]);
    uint8_t *to = reserve(b, length + sizeof(gic));

    if (!to)
        return;
    table.head = (struct acpi_madt){.header = header("APIC", length + sizeof(gic), 5)};
    for (unsigned i = 0; i < p->cpus; i++)
        table.gicc[i] = gicc(p, i);
    memcpy(to, &table, length);
    memcpy(to + length, &gic, sizeof(gic));
    seal(to);
    list(b, to);
}

static void mcfg(struct builder *b)
{
    const struct acpi_mcfg table = {
        .header = header("MCFG", sizeof(table), 1),
        .base_address = b->p->ecam.base,
        .end_bus = (uint8_t)((b->p->ecam.size >> 20) - 1),
    };

    add(b, &table, sizeof(table));
}

/* OpenBSD's boot loader reads revision 2 and up, and takes the console from here without being
 * asked; so do OpenBSD's, Linux's and FreeBSD's kernels. */
static void spcr(struct builder *b)
{
    const struct acpi_spcr table = {
        .header = header("SPCR", sizeof(table), 2),
        .interface_type = ACPI_SPCR_PL011,
        .base_address = {.space = ACPI_GAS_MEMORY,
                         .bit_width = 32,
                         .access_size = ACPI_GAS_DWORD_ACCESS,
                         .address = b->p->uart.base},
        .interrupt_type = ACPI_SPCR_GIC,
        .gsiv = b->p->uart_intid,
        .baud_rate = ACPI_SPCR_115200,
        .stop_bits = ACPI_SPCR_ONE_STOP_BIT,
        .terminal_type = ACPI_SPCR_ANSI,
        .pci_device_id = ACPI_SPCR_NO_PCI,
        .pci_vendor_id = ACPI_SPCR_NO_PCI,
    };

    add(b, &table, sizeof(table));
}

int64_t acpi_build(const struct platform *platform, uint64_t base, void *blob, size_t room,
                   struct error *err)
{
    struct builder b = {.p = platform, .base = base, .blob = blob, .room = room};
    uint64_t dsdt_address;
    int error = 0;

    memset(blob, 0, room);
    rsdp_and_xsdt(&b);
    dsdt_address = dsdt(&b, &error);
    if (error == -EINVAL)
        return error_set(err, EINVAL,
                         "the ACPI tables cannot describe this machine: an address "
                         "has no room in its field of the DSDT");
    fadt(&b, dsdt_address);
    gtdt(&b);
    madt(&b);
    mcfg(&b);
    if (platform->uart.size)
        spcr(&b);
    if (b.full || error)
        return error_set(err, ENOSPC, "the ACPI tables do not fit into %zu bytes", room);
    seal(b.xsdt);
    return (int64_t)b.used;
}

bool acpi_next(const void *blob, size_t length, size_t *at, struct acpi_table *table)
{
    const uint8_t *bytes = (const uint8_t *)blob + *at;
    bool first = *at == 0;

    if (!range_fits(*at, sizeof(struct acpi_rsdp), length))
        return false;
    *table = (struct acpi_table){.bytes = bytes};
    if (first) {
        memcpy(table->signature, "RSDP", 4);
        table->length = sizeof(struct acpi_rsdp);
    } else {
        const struct acpi_header *h = (const void *)bytes;

        memcpy(table->signature, h->signature, sizeof(h->signature));
        table->length = h->length;
        if (table->length < sizeof(*h) || !range_fits(*at, table->length, length))
            return false;
    }
    *at = align_up(*at + table->length, ACPI_ALIGN);
    return true;
}
