/* SPDX-License-Identifier: ISC */
/*
 * UEFI without firmware (UEFI Specification 2.10): EFI's services are answered from the host's
 * side, so a boot loader runs within milliseconds of power-on and no firmware image exists.
 *
 * What the guest sees of it. Every function pointer in the EFI tables leads to a short stub that
 * writes a frame on its stack and rings the doorbell, a page of MMIO. The host reads the frame,
 * does the work, and writes into the frame what the stub does next: return to the caller; call a
 * function of the guest's with given arguments and ring again with its result (an image's entry
 * point, a notify function, a protocol that a guest installed); wait for the next timer interrupt
 * and ring again; or go back to an older frame (Exit). docs/efi.md draws it.
 *
 * The doorbell is a guest-facing interface like any device: nothing in a frame, and no pointer in a
 * call, is trusted. Everything here runs on the vCPU's thread that rang, under one lock.
 */
#ifndef FIRMWARE_EFI_EFI_H
#define FIRMWARE_EFI_EFI_H

#include "backend/disk.h"
#include "backend/display.h"
#include "base/error.h"
#include "base/log.h"
#include "firmware/kernel.h"
#include "firmware/platform.h"
#include "mem/mem.h"

struct efi;

#define EFI_DOORBELL_SIZE (UINT64_C(64) << 10)
#define EFI_MAX_DISKS     16

/* A disk that EFI may boot from. The calls run on the vCPU's thread, block until done, and are
 * never made after the operating system has taken over (ExitBootServices). */
struct efi_disk {
    const char *name; /* "virtio-blk0", for messages */
    unsigned slot;    /* of its PCI function, for device paths */
    uint64_t size;    /* bytes */
    bool readonly;
    int (*read)(void *ctx, uint64_t offset, void *to, size_t length);
    int (*write)(void *ctx, uint64_t offset, const void *from, size_t length);
    int (*flush)(void *ctx);
    void *ctx;
};

/* Text in and out, as bytes of a serial terminal; any may be NULL. Never blocks. */
struct efi_console {
    void (*write)(void *ctx, const uint8_t *bytes, size_t length);
    size_t (*read)(void *ctx, uint8_t *bytes, size_t room); /* what has come so far */
    void *ctx;
};

/* A display on which text is drawn, in the machine's only mode of 80 by 25 characters. */
struct efi_display {
    uint32_t width, height; /* pixels; 0: there is none */
    /* Shows rect->width * rect->height pixels, 0x00RRGGBB, line after line. */
    void (*draw)(void *ctx, const struct display_rect *rect, const uint32_t *pixels);
    void *ctx;
};

/* A key that was pressed (UEFI 2.10, 12.2 and 12.3). */
struct efi_key {
    uint16_t scan, unicode; /* a letter with Control down is the letter */
    uint32_t shift;         /* EFI_KEY_STATE.KeyShiftState; 0: not known */
};
#define EFI_SHIFT_STATE_VALID     0x80000000u
#define EFI_RIGHT_SHIFT_PRESSED   0x01u
#define EFI_LEFT_SHIFT_PRESSED    0x02u
#define EFI_RIGHT_CONTROL_PRESSED 0x04u
#define EFI_LEFT_CONTROL_PRESSED  0x08u
#define EFI_RIGHT_ALT_PRESSED     0x10u
#define EFI_LEFT_ALT_PRESSED      0x20u
#define EFI_RIGHT_LOGO_PRESSED    0x40u
#define EFI_LEFT_LOGO_PRESSED     0x80u

/* A keyboard beside the serial terminal. NULL: none. Never blocks. */
struct efi_keyboard {
    bool (*read)(void *ctx, struct efi_key *key); /* the next one; false: nothing was pressed */
    void *ctx;
};

/* What the vCPU that rings looks like from here. */
struct efi_cpu {
    /* Translates one address as the vCPU would for a load (or store) at its exception level.
     * Returns 0 or -EFAULT. */
    int (*translate)(void *ctx, uint64_t va, bool write, uint64_t *pa);
    void *ctx;
};

enum efi_reset { EFI_RESET_COLD, EFI_RESET_WARM, EFI_RESET_SHUTDOWN };

struct efi_config {
    struct mem *mem;
    const struct log *log;
    const struct platform *platform;
    uint64_t doorbell; /* guest physical address of EFI_DOORBELL_SIZE bytes of MMIO */
    bool acpi, fdt;    /* which descriptions the configuration table holds */

    struct efi_disk disks[EFI_MAX_DISKS];
    size_t disk_count;
    struct efi_console console;
    struct efi_display display;
    struct efi_keyboard keyboard;
    struct {
        uint32_t width, height;
        uint64_t base; /* in RAM */
    } gop;             /* width 0: none */

    /* A program that is started before the boot options; and what LoadFile2 gives to a Linux stub.
     * Owned by the caller, unchanged until efi_destroy. NULL: none. */
    const uint8_t *program, *initrd;
    size_t program_length, initrd_length;
    const char *program_name;
    const char *append; /* load options of the program, or of the first boot option */

    bool identified; /* by uuid, and otherwise by the one that the variables' file keeps */
    uint8_t uuid[16];
    int nvram; /* an open file of variables, or -1: they are forgotten */
    const char *nvram_path;

    uint32_t counter_hz;
    uint64_t (*now_ns)(void *ctx);       /* the machine clock */
    uint64_t (*wall_seconds)(void *ctx); /* since 1970 */
    unsigned pa_range; /* ID_AA64MMFR0_EL1.PARange: what the page tables may output */
    void (*reset)(void *ctx, enum efi_reset how);
    void (*stop)(void *ctx); /* nothing boots, or a program crashed; the log says what */
    void (*code_written)(void *ctx, uint64_t ipa, uint64_t length);
    void *ctx;
};

/* Checks what can be checked before the machine runs (the program is a PE image for arm64, the
 * variables' file is sound). Returns 0 or -errno with a line that says what would be right. */
int efi_create(struct efi **efi, const struct efi_config *config, struct error *err);
void efi_destroy(struct efi *efi);

/* Power-on or reset, with vCPUs parked and RAM cleared: lays out stub, tables and memory map, and
 * says where CPU 0 starts: at the stub, which turns the MMU on and rings for the first time. */
int efi_power_on(struct efi *efi, struct kernel_entry *entry, struct error *err);

/* The vCPU stored `frame`, a virtual address, to the doorbell. Returns 0, or -EFAULT when the
 * frame's memory cannot be reached: the store is completed with an external abort. */
int efi_ring(struct efi *efi, const struct efi_cpu *cpu, uint64_t frame);

/* Whether boot services are still there: the console is EFI's, and the disks are. Any thread. */
bool efi_is_booting(struct efi *efi);

/* State as any device's (base/state.h): only what lives after ExitBootServices is kept; before it,
 * saving fails with -EBUSY and the reason. */
int efi_save(struct efi *efi, struct state *state, const char *instance);
int efi_load(struct efi *efi, const struct state *state, const char *instance, struct error *err);

#endif
