/* SPDX-License-Identifier: ISC */
/*
 * What the test programs use of EFI (UEFI 2.10), and of each other. Every function pointer is a
 * plain number, called through EFI_CALL: a table is an array, and its entries have the numbers of
 * the specification.
 */
#ifndef GUEST_EFI_H
#define GUEST_EFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EFI_ERROR(n)          (UINT64_C(1) << 63 | (n))
#define EFI_INVALID_PARAMETER EFI_ERROR(2)
#define EFI_UNSUPPORTED       EFI_ERROR(3)
#define EFI_NOT_READY         EFI_ERROR(6)

/* EFI_SYSTEM_TABLE, in words of 64 bits */
enum { SYSTEM_OUT = 8, SYSTEM_RUNTIME = 11, SYSTEM_BOOT = 12 };

/* EFI_BOOT_SERVICES and EFI_RUNTIME_SERVICES, likewise: three words of header come first. */
enum {
    RAISE_TPL = 3,
    RESTORE_TPL,
    ALLOCATE_PAGES,
    FREE_PAGES,
    GET_MEMORY_MAP,
    ALLOCATE_POOL,
    FREE_POOL,
    CREATE_EVENT,
    SET_TIMER,
    WAIT_FOR_EVENT,
    SIGNAL_EVENT,
    CLOSE_EVENT,
    CHECK_EVENT,
    INSTALL_PROTOCOL,
    HANDLE_PROTOCOL = 19,
    LOAD_IMAGE = 25,
    START_IMAGE,
    EXIT,
    UNLOAD_IMAGE,
    EXIT_BOOT_SERVICES,
    STALL = 31,
    BOOT_SERVICES = 47,
};
enum {
    GET_TIME = 3,
    SET_VIRTUAL_ADDRESS_MAP = 7,
    GET_VARIABLE = 9,
    SET_VARIABLE = 11,
    RESET_SYSTEM = 13,
    RUNTIME_SERVICES = 17,
};

enum { LOADER_DATA = 2 };
enum { TPL_APPLICATION = 4, TPL_CALLBACK = 8, TPL_NOTIFY = 16 };
#define EVT_TIMER         0x80000000u
#define EVT_NOTIFY_SIGNAL 0x200u
enum { TIMER_CANCEL, TIMER_PERIODIC, TIMER_RELATIVE };
enum { RESET_SHUTDOWN = 2 };

#define EFI_MEMORY_RUNTIME (UINT64_C(1) << 63)

struct guid {
    uint32_t a;
    uint16_t b, c;
    uint8_t d[8];
};

struct loaded_image {
    uint64_t revision, parent, system_table, device, path, reserved;
    uint32_t options_size, pad;
    uint16_t *options;
    uint64_t base, size;
};

struct descriptor {
    uint32_t type, pad;
    uint64_t physical, virtual, pages, attributes;
};

typedef uint64_t (*efi_function)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

/* Calls entry `n` of a table with up to six arguments. */
#define EFI_CALL(table, n, ...) EFI_CALL_((table)[n], __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define EFI_CALL_(f, a, b, c, d, e, g, ...)                                                        \
    ((efi_function)(f))((uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), (uint64_t)(e), \
                        (uint64_t)(g))

/* What a program was started with. */
struct program {
    uint64_t image;
    uint64_t *system, *boot, *runtime;
    struct loaded_image *loaded;
};

/* Says "FAIL", where, and what was found, and powers off. */
#define CHECK(program, what, expected)                                                             \
    check(program, __LINE__, (uint64_t)(what), (uint64_t)(expected))
void check(struct program *p, unsigned line, uint64_t is, uint64_t expected);
/* Text, until ExitBootServices by EFI's console, then by the PL011. */
void say(struct program *p, const char *text);
_Noreturn void power_off(struct program *p);

/* head.S */
uint64_t call_kept(uint64_t function, uint64_t a, uint64_t b, uint64_t c, uint64_t *lost);
uint64_t spin(volatile uint64_t *flag, uint64_t limit);

/* The tests; the first word of the load options says which. */
void test_timers(struct program *p);
void test_images(struct program *p);
void test_crash(struct program *p);
void test_bad_stack(struct program *p);
_Noreturn void test_wait(struct program *p);
void test_take_over(struct program *p);
void test_wild(struct program *p, uint64_t seed);
/* What test_images starts. */
uint64_t run_child(struct program *p);

#endif
