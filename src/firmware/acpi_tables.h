/* SPDX-License-Identifier: ISC */
/*
 * The tables as they lie in memory, with the fields in the specification's order and under its
 * names. ACPI 6.5 unless said otherwise. Numbers are little-endian and unaligned.
 */
#ifndef FIRMWARE_ACPI_TABLES_H
#define FIRMWARE_ACPI_TABLES_H

#include "firmware/aml.h"
#include "firmware/platform.h"

#define ACPI_PACKED __attribute__((packed))

/* 5.2.5.3 */
struct acpi_rsdp {
    char signature[8];
    uint8_t checksum; /* of the first 20 bytes */
    char oem_id[6];
    uint8_t revision;
    uint32_t rsdt_address;
    uint32_t length;
    uint64_t xsdt_address;
    uint8_t extended_checksum; /* of all of it */
    uint8_t reserved[3];
} ACPI_PACKED;

/* 5.2.6 */
struct acpi_header {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem_id[6], oem_table_id[8];
    uint32_t oem_revision;
    char creator_id[4];
    uint32_t creator_revision;
} ACPI_PACKED;

/* 5.2.8 */
#define ACPI_XSDT_ENTRIES 5 /* FACP, GTDT, APIC, MCFG, SPCR */

struct acpi_xsdt {
    struct acpi_header header;
    uint64_t entry[ACPI_XSDT_ENTRIES]; /* as many as header.length says */
} ACPI_PACKED;

/* 5.2.3.2 */
struct acpi_gas {
    uint8_t space, bit_width, bit_offset, access_size;
    uint64_t address;
} ACPI_PACKED;

enum { ACPI_GAS_MEMORY = 0, ACPI_GAS_DWORD_ACCESS = 3 };

/* 5.2.9. A hardware-reduced platform (4.1) has none of the register blocks. */
struct acpi_fadt {
    struct acpi_header header;
    uint32_t firmware_ctrl, dsdt;
    uint8_t reserved0, preferred_pm_profile;
    uint16_t sci_int;
    uint32_t smi_cmd;
    uint8_t acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
    uint32_t pm1a_evt_blk, pm1b_evt_blk, pm1a_cnt_blk, pm1b_cnt_blk, pm2_cnt_blk, pm_tmr_blk;
    uint32_t gpe0_blk, gpe1_blk;
    uint8_t pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len, gpe0_blk_len, gpe1_blk_len;
    uint8_t gpe1_base, cst_cnt;
    uint16_t p_lvl2_lat, p_lvl3_lat, flush_size, flush_stride;
    uint8_t duty_offset, duty_width, day_alrm, mon_alrm, century;
    uint16_t iapc_boot_arch;
    uint8_t reserved1;
    uint32_t flags;
    struct acpi_gas reset_reg;
    uint8_t reset_value;
    uint16_t arm_boot_arch;
    uint8_t minor_version;
    uint64_t x_firmware_ctrl, x_dsdt;
    struct acpi_gas x_pm1a_evt_blk, x_pm1b_evt_blk, x_pm1a_cnt_blk, x_pm1b_cnt_blk, x_pm2_cnt_blk;
    struct acpi_gas x_pm_tmr_blk, x_gpe0_blk, x_gpe1_blk, sleep_control_reg, sleep_status_reg;
    uint64_t hypervisor_vendor_identity;
} ACPI_PACKED;

/* Flags (table 5.10) and ArmBootArch (table 5.12). */
enum {
    ACPI_FADT_PWR_BUTTON = 1 << 4, /* set: no fixed-feature power button */
    ACPI_FADT_SLP_BUTTON = 1 << 5,
    ACPI_FADT_HW_REDUCED = 1 << 20,
    ACPI_FADT_PSCI_COMPLIANT = 1 << 0,
    ACPI_FADT_PSCI_USE_HVC = 1 << 1,
};

/* 5.2.25 */
struct acpi_gtdt {
    struct acpi_header header;
    uint64_t cnt_control_base;
    uint32_t reserved;
    uint32_t secure_el1_gsiv, secure_el1_flags;
    uint32_t nonsecure_el1_gsiv, nonsecure_el1_flags;
    uint32_t virtual_el1_gsiv, virtual_el1_flags;
    uint32_t el2_gsiv, el2_flags;
    uint64_t cnt_read_base;
    uint32_t platform_timer_count, platform_timer_offset;
    uint32_t virtual_el2_gsiv, virtual_el2_flags;
} ACPI_PACKED;

enum { ACPI_GTDT_ALWAYS_ON = 1 << 2 }; /* else: level-triggered, active high (table 5.117) */

/* 5.2.12 */
struct acpi_madt {
    struct acpi_header header;
    uint32_t local_controller_address, flags;
} ACPI_PACKED;

/* The interrupt controller structures (table 5.21). */
enum { ACPI_MADT_GICC = 0x0b, ACPI_MADT_GICD, ACPI_MADT_GIC_MSI, ACPI_MADT_GICR };

/* 5.2.12.14, as of ACPI 6.3 (Apple's): later ones have a TRBE interrupt behind it. */
struct acpi_gicc {
    uint8_t type, length;
    uint16_t reserved0;
    uint32_t cpu_interface_number, acpi_processor_uid, flags, parking_protocol_version;
    uint32_t performance_gsiv;
    uint64_t parked_address, base_address, gicv, gich;
    uint32_t vgic_maintenance_interrupt;
    uint64_t gicr_base_address, mpidr;
    uint8_t efficiency_class, reserved1;
    uint16_t spe_overflow_interrupt;
} ACPI_PACKED;

enum { ACPI_GICC_ENABLED = 1 << 0 };

/* 5.2.12.15 */
struct acpi_gicd {
    uint8_t type, length;
    uint16_t reserved0;
    uint32_t gic_id;
    uint64_t base_address;
    uint32_t vector_base;
    uint8_t version, reserved1[3];
} ACPI_PACKED;

/* 5.2.12.16 */
struct acpi_gic_msi {
    uint8_t type, length;
    uint16_t reserved;
    uint32_t frame_id;
    uint64_t base_address;
    uint32_t flags;
    uint16_t spi_count, spi_base;
} ACPI_PACKED;

/* 5.2.12.17 */
struct acpi_gicr {
    uint8_t type, length;
    uint16_t reserved;
    uint64_t discovery_range_base;
    uint32_t discovery_range_length;
} ACPI_PACKED;

/* PCI Firmware Specification 3.3, 4.1.2 */
struct acpi_mcfg {
    struct acpi_header header;
    uint8_t reserved0[8];
    uint64_t base_address;
    uint16_t segment;
    uint8_t start_bus, end_bus;
    uint8_t reserved1[4];
} ACPI_PACKED;

/* Serial Port Console Redirection Table 1.03, revision 2 */
struct acpi_spcr {
    struct acpi_header header;
    uint8_t interface_type, reserved0[3];
    struct acpi_gas base_address;
    uint8_t interrupt_type, irq;
    uint32_t gsiv;
    uint8_t baud_rate, parity, stop_bits, flow_control, terminal_type, reserved1;
    uint16_t pci_device_id, pci_vendor_id;
    uint8_t pci_bus, pci_device, pci_function;
    uint32_t pci_flags;
    uint8_t pci_segment;
    uint32_t reserved2;
} ACPI_PACKED;

enum {
    ACPI_SPCR_PL011 = 3,
    ACPI_SPCR_GIC = 1 << 3,
    ACPI_SPCR_115200 = 7,
    ACPI_SPCR_ONE_STOP_BIT = 1,
    ACPI_SPCR_ANSI = 3,
    ACPI_SPCR_NO_PCI = 0xffff,
};

_Static_assert(sizeof(struct acpi_rsdp) == 36, "table 5.3");
_Static_assert(sizeof(struct acpi_header) == 36, "table 5.4");
_Static_assert(sizeof(struct acpi_fadt) == 0x114, "table 5.9");
_Static_assert(sizeof(struct acpi_gtdt) == 0x68, "table 5.116");
_Static_assert(sizeof(struct acpi_gicc) == 80, "table 5.36 of ACPI 6.3");
_Static_assert(sizeof(struct acpi_gicd) == 24, "table 5.38");
_Static_assert(sizeof(struct acpi_gic_msi) == 24, "table 5.39");
_Static_assert(sizeof(struct acpi_gicr) == 16, "table 5.41");
_Static_assert(sizeof(struct acpi_mcfg) == 0x3c, "one allocation");
_Static_assert(sizeof(struct acpi_spcr) == 80, "revision 2");

/* The definition block's terms, after the DSDT's header (acpi_dsdt.c). */
void acpi_dsdt_terms(struct aml *aml, const struct platform *platform);

#endif
