/* SPDX-License-Identifier: ISC */
/*
 * What EFI boot reads and writes until the operating system drives its devices itself: the serial
 * port, the display and the keyboard.
 */
#ifndef MACHINE_EFI_TERMINAL_H
#define MACHINE_EFI_TERMINAL_H

#include "firmware/efi/efi.h"
#include "machine/machine.h"

#define EFI_TERMINAL_BYTES 256u
#define EFI_TERMINAL_KEYS  64u

struct efi_terminal {
    struct machine *machine; /* NULL: not begun */
    pthread_mutex_t lock;    /* over what was typed and not read yet; before it the input's */
    uint8_t bytes[EFI_TERMINAL_BYTES];
    size_t length;
    struct efi_key keys[EFI_TERMINAL_KEYS];
    unsigned first, count;
    _Atomic uint32_t held; /* shift keys that are down, as KeyShiftState */

    struct input_sink sink;
    struct picture *picture; /* of the display; NULL: none, or programs have a frame buffer (GOP) */
    uint64_t frame_buffer;   /* its address */
};

/* Fills in what EFI is told of console, display and keyboard. After the devices, and after the
 * frame buffer has its place in `config`. Returns 0 or -errno; efi_terminal_end is called either
 * way. */
int efi_terminal_begin(struct efi_terminal *terminal, struct machine *machine,
                       struct efi_config *config, struct error *err);
void efi_terminal_end(struct efi_terminal *terminal);

/* Shows the display that EFI draws on. With vCPUs parked. */
void efi_terminal_power_on(struct efi_terminal *terminal);

/* Bytes from the serial console. Returns how many were taken. Any thread. */
size_t efi_terminal_receive(struct efi_terminal *terminal, const uint8_t *bytes, size_t length);

/* Drops what EFI has not read: a console that waits for room goes on, and what is typed reaches
 * whoever reads next. */
void efi_terminal_drop(struct efi_terminal *terminal);

#endif
