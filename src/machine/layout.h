/* SPDX-License-Identifier: ISC */
/*
 * The machine's memory map and interrupt numbers: Apple's, then Atoll's extensions from 0x2010_0000
 * up, 64 KiB each.
 */
#ifndef MACHINE_LAYOUT_H
#define MACHINE_LAYOUT_H

#include "base/units.h"

#define LAYOUT_GICD_BASE UINT64_C(0x10000000)
#define LAYOUT_GICD_SIZE (64 * KIB)
#define LAYOUT_GICR_BASE UINT64_C(0x10010000)
#define LAYOUT_GICR_SIZE (128 * KIB) /* each vCPU */

#define LAYOUT_GICV2M_BASE UINT64_C(0x1fff0000)
#define LAYOUT_GICV2M_SIZE (4 * KIB)
#define LAYOUT_MSI_BASE    128 /* INTIDs of the MSI frame */
#define LAYOUT_MSI_COUNT   128

#define LAYOUT_RTC_BASE  UINT64_C(0x20050000)
#define LAYOUT_GPIO_BASE UINT64_C(0x20060000)
#define LAYOUT_CHIP_SIZE (4 * KIB)

#define LAYOUT_ECAM_BASE  UINT64_C(0x40000000)
#define LAYOUT_ECAM_SIZE  (256 * MIB)
#define LAYOUT_MEM32_BASE UINT64_C(0x50000000)
#define LAYOUT_MEM32_SIZE UINT64_C(0x1ffe0000)
#define LAYOUT_IO_BASE    UINT64_C(0x6fff0000)
#define LAYOUT_IO_SIZE    (64 * KIB)

#define LAYOUT_RAM_BASE UINT64_C(0x70000000)
/* The 64-bit PCI window follows RAM, from the next 2 GiB boundary. */
#define LAYOUT_MEM64_ALIGN UINT64_C(0x80000000)
#define LAYOUT_MEM64_SIZE  (16 * GIB)

/* Extensions, absent on a strict machine. */
#define LAYOUT_UART_BASE UINT64_C(0x20100000)
/* The doorbell of EFI (firmware/efi/efi.h): there on a strict machine too, under EFI boot alone. */
#define LAYOUT_EFI_BASE UINT64_C(0x20110000)

/* Interrupts by INTID. Slot d's wire is 64 + d: XEN26's PL061 on 37 leaves no other reading
 * (docs/apple-machine.md). */
#define LAYOUT_INTID_RTC          34
#define LAYOUT_INTID_GPIO         37
#define LAYOUT_INTID_UART         48
#define LAYOUT_INTID_POWER_BUTTON 49
#define LAYOUT_INTID_INTX         64

/* Apple's says where the performance monitors' interrupt would be. */
#define LAYOUT_PPI_PMU         23
#define LAYOUT_PPI_MAINTENANCE 25
#define LAYOUT_PPI_HYP_TIMER   26
#define LAYOUT_PPI_VTIMER      27
#define LAYOUT_PPI_PTIMER      30

#define LAYOUT_POWER_BUTTON_LINE 6
#define LAYOUT_COUNTER_HZ        24000000
#define LAYOUT_UART_CLOCK_HZ     24000000

#endif
