/* SPDX-License-Identifier: ISC */
/*
 * A guest for EFI's services without an engine: what the stub does (stub.S), in C, over a machine
 * that is memory, a clock and two disks. A test, or a fuzzer, writes a program as a C function; EFI
 * starts it like any other, from an image whose code says which function it stands for, and what
 * the program calls goes through the tables in guest memory and the doorbell.
 *
 * Everything a program passes is a guest address, and RAM is mapped one to one. The clock moves
 * when the guest waits, so nothing depends on the host's.
 */
#ifndef TESTS_FIRMWARE_EFI_RIG_H
#define TESTS_FIRMWARE_EFI_RIG_H

#include "firmware/efi/private.h"

#define RIG_RAM      UINT64_C(0x70000000)
#define RIG_RAM_SIZE (UINT64_C(64) << 20)
#define RIG_DOORBELL UINT64_C(0x20110000)
#define RIG_DISK     (UINT32_C(1) << 20)
#define RIG_OUTPUT   (64u << 10)
#define RIG_LOG      (64u << 10)

struct efi_rig;

/* A function of the guest's: its first five arguments; what it returns is X0. */
typedef uint64_t (*rig_function)(struct efi_rig *rig, const uint64_t *args);

struct efi_rig {
    struct mem *mem;
    struct platform platform;
    struct log log;
    struct efi *efi;
    struct efi_config config;

    rig_function main;                     /* the program that EFI starts */
    void *ctx;                             /* the test's */
    uint64_t image, system, boot, runtime; /* what the program got, while it runs */

    uint64_t now_ns, waits, max_waits;
    unsigned resets, stops, code_writes;
    enum efi_reset reset;
    uint64_t offset;   /* of virtual addresses, once the program has set its own map */
    uint8_t *disk;     /* RIG_DISK bytes: an empty FAT12 volume */
    const char *typed; /* on the console */
    char output[RIG_OUTPUT], said[RIG_LOG];
    size_t output_length, said_length;

    struct rig_private *private;
};

/* Makes machine and EFI; the caller may change rig->config before rig_power_on(). */
struct efi_rig *rig_new(rig_function main, void *ctx);
void rig_free(struct efi_rig *rig);

/* Power-on to the end: until the program has been started and EFI gave up, was reset, or waits for
 * something that never comes. Returns 0, or what efi_create or efi_power_on refused with; `err`
 * says what. */
int rig_run(struct efi_rig *rig, struct error *err);
/* Ends the run from inside the program, as a power switch does. */
_Noreturn void rig_end(struct efi_rig *rig);

/* An arm64 program for EFI whose code stands for the function; `subsystem` as in pe.h. malloc'ed.
 */
uint8_t *rig_program(struct efi_rig *rig, rig_function function, unsigned subsystem,
                     size_t *length);

/* --- for programs --- */

/* Calls what the pointer at `table` + `offset` leads to, with any number of arguments up to 16. */
uint64_t rig_call(struct efi_rig *rig, uint64_t table, unsigned offset, unsigned count,
                  const uint64_t *args);
/* The same, with the arguments written out. */
#define RIG_CALL(rig, table, offset, ...)                                                          \
    rig_call(rig, table, offset, sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t),             \
             (uint64_t[]){__VA_ARGS__})
/* Boot services by their number in the table (UEFI 2.10, 4.4), runtime services likewise. */
#define RIG_BOOT(rig, n, ...)    RIG_CALL(rig, (rig)->boot, 24 + 8 * (n), __VA_ARGS__)
#define RIG_RUNTIME(rig, n, ...) RIG_CALL(rig, (rig)->runtime, 24 + 8 * (n), __VA_ARGS__)

enum {
    BS_RAISE_TPL,
    BS_RESTORE_TPL,
    BS_ALLOCATE_PAGES,
    BS_FREE_PAGES,
    BS_GET_MEMORY_MAP,
    BS_ALLOCATE_POOL,
    BS_FREE_POOL,
    BS_CREATE_EVENT,
    BS_SET_TIMER,
    BS_WAIT_FOR_EVENT,
    BS_SIGNAL_EVENT,
    BS_CLOSE_EVENT,
    BS_CHECK_EVENT,
    BS_INSTALL,
    BS_REINSTALL,
    BS_UNINSTALL,
    BS_HANDLE_PROTOCOL,
    BS_RESERVED,
    BS_REGISTER_NOTIFY,
    BS_LOCATE_HANDLE,
    BS_LOCATE_DEVICE_PATH,
    BS_INSTALL_TABLE,
    BS_LOAD_IMAGE,
    BS_START_IMAGE,
    BS_EXIT,
    BS_UNLOAD_IMAGE,
    BS_EXIT_BOOT,
    BS_NEXT_COUNT,
    BS_STALL,
    BS_WATCHDOG,
    BS_CONNECT,
    BS_DISCONNECT,
    BS_OPEN_PROTOCOL,
    BS_CLOSE_PROTOCOL,
    BS_OPEN_INFORMATION,
    BS_PROTOCOLS_PER_HANDLE,
    BS_LOCATE_HANDLE_BUFFER,
    BS_LOCATE_PROTOCOL,
    BS_INSTALL_MULTIPLE,
    BS_UNINSTALL_MULTIPLE,
    BS_CRC32,
    BS_COPY_MEM,
    BS_SET_MEM,
    BS_CREATE_EVENT_EX,
    BS_SERVICES
};

enum {
    RS_GET_TIME,
    RS_SET_TIME,
    RS_GET_WAKEUP,
    RS_SET_WAKEUP,
    RS_SET_VIRTUAL,
    RS_CONVERT,
    RS_GET_VARIABLE,
    RS_NEXT_VARIABLE,
    RS_SET_VARIABLE,
    RS_NEXT_HIGH_COUNT,
    RS_RESET,
    RS_UPDATE_CAPSULE,
    RS_QUERY_CAPSULE,
    RS_QUERY_INFO,
    RS_SERVICES
};

/* Guest memory that the program has to itself: from the top of the stub's stack down, never freed.
 */
uint64_t rig_scratch(struct efi_rig *rig, size_t length);
uint64_t rig_guid(struct efi_rig *rig, const struct efi_guid *guid); /* scratch */
uint64_t rig_string(struct efi_rig *rig, const char *text);          /* scratch, CHAR16 */
/* The address of a function of the guest's: for notify functions and protocols. */
uint64_t rig_address(struct efi_rig *rig, rig_function function);

uint64_t rig_load(struct efi_rig *rig, uint64_t at, unsigned size);
void rig_store(struct efi_rig *rig, uint64_t at, unsigned size, uint64_t value);

/* The timer's interrupt, as it may come between any two instructions. */
void rig_tick(struct efi_rig *rig);

#endif
