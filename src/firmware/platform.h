/* SPDX-License-Identifier: ISC */
/*
 * The machine as its tables describe it: one description from which the FDT (and every other table
 * that a guest reads) is made, so that they never disagree. machine/ fills it from its own layout.
 */
#ifndef FIRMWARE_PLATFORM_H
#define FIRMWARE_PLATFORM_H

#include "base/bits.h"

#define PLATFORM_MAX_CPUS 16

struct platform_range {
    uint64_t base, size;
};

struct platform {
    unsigned cpus;
    uint64_t mpidr[PLATFORM_MAX_CPUS];
    struct platform_range ram;

    struct platform_range gicd, gicr, gicv2m;
    unsigned msi_base, msi_count; /* INTIDs */

    unsigned ppi_phys_secure, ppi_phys, ppi_virt, ppi_hyp; /* INTIDs; 0: absent */
    unsigned ppi_maintenance, ppi_pmu; /* of the GIC; of the performance monitors */
    bool psci_smc;                     /* the conduit that is advertised; both work */

    struct platform_range ecam, pci_mem32, pci_mem64, pci_io;
    unsigned pci_intx_base; /* INTID of slot 0's wire; slot d uses base + d */
    unsigned pci_intx_pin;  /* 1 to 4: INTA to INTD */

    struct platform_range rtc, gpio, uart; /* uart.size 0: none */
    unsigned rtc_intid, gpio_intid, uart_intid;
    unsigned uart_clock_hz;
    unsigned power_button_line;  /* of the GPIO */
    unsigned power_button_intid; /* an interrupt of the button's own, for ACPI; 0: none */
};

#endif
