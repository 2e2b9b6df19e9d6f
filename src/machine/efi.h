/* SPDX-License-Identifier: ISC */
/*
 * The machine's side of EFI boot (firmware/efi/efi.h): disks, console, files and clocks for it, and
 * the doorbell.
 */
#ifndef MACHINE_EFI_H
#define MACHINE_EFI_H

#include "machine/machine.h"

struct machine_efi;

/* Whether the machine boots by EFI: nothing says which kernel. */
bool machine_boots_efi(const struct atoll_config *config);

/* Opens the files that EFI boot wants, before anything else exists. Returns 0 or -errno. */
int machine_efi_open(struct machine *machine, struct error *err);
/* Makes EFI when the devices are there. Returns 0 or -errno. */
int machine_efi_create(struct machine *machine, struct error *err);
void machine_efi_destroy(struct machine *machine);

/* Power-on: where CPU 0 starts. With vCPUs parked and RAM cleared. */
int machine_efi_power_on(struct machine *machine, struct kernel_entry *entry, struct error *err);

/* A store to a device's address on the CPU's own thread: whether it was the doorbell's, with *ret
 * what efi_ring() returned. */
bool machine_efi_store(struct cpu *cpu, uint64_t ipa, uint64_t value, int *ret);

/* Whether boot services are there: console and keyboard are EFI's. Any thread. */
bool machine_efi_booting(struct machine *machine);

/* Takes what was typed while boot services read the console; false: they do not. Any thread. */
bool machine_efi_input(struct machine *machine, const uint8_t *bytes, size_t length, size_t *taken);

#endif
