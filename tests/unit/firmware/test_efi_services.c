/* SPDX-License-Identifier: ISC */
/*
 * EFI's services, family by family, as a program sees them: each test is a program (efi_rig.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "efi_rig.h"
#include "firmware/efi/pe.h"

#define assert_ok(x)         assert_int_equal((x), EFI_SUCCESS)
#define assert_status(x, st) assert_true((x) == (st))

enum { TYPE_LOADER_DATA = 2, TYPE_RUNTIME_DATA = 6, TYPE_CONVENTIONAL = 7 };
enum { EVT_TIMER = 0x80000000u, EVT_WAIT = 0x100, EVT_SIGNAL = 0x200, EVT_EXIT_BOOT = 0x201 };
enum { TPL_APPLICATION = 4, TPL_CALLBACK = 8, TPL_NOTIFY = 16, TPL_HIGH = 31 };

#define NOWHERE UINT64_C(0x40) /* no memory is there */

static const struct efi_guid guid_a = {1, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}};
static const struct efi_guid guid_b = {2, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}};
static const struct efi_guid loaded_image_guid = {
    0x5b1b31a1, 0x9562, 0x11d2, {0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const struct efi_guid file_system_guid = {
    0x964e5b22, 0x6459, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const struct efi_guid device_path_guid = {
    0x09576e91, 0x6d3f, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const struct efi_guid global_guid = {
    0x8be4df61, 0x93ca, 0x11d2, {0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c}};

/* Runs one program to its end; it must have returned. */
static uint64_t returned;
static rig_function body;

static uint64_t whole_program(struct efi_rig *rig, const uint64_t *args)
{
    returned = body(rig, args);
    rig_end(rig);
}

static struct efi_rig *begin(rig_function function)
{
    body = function;
    returned = 1;
    return rig_new(whole_program, NULL);
}

static void finish(struct efi_rig *rig)
{
    struct error err = {0};

    assert_int_equal(rig_run(rig, &err), 0);
    if (returned != 0)
        print_message("%s\n", rig->said);
    assert_int_equal(returned, 0);
    rig_free(rig);
}

static void run(rig_function function)
{
    finish(begin(function));
}

/* --- tables --- */

static void check_table(struct efi_rig *rig, uint64_t table)
{
    uint32_t length = (uint32_t)rig_load(rig, table + 12, 4), crc;
    uint8_t bytes[512];

    assert_in_range(length, 24, sizeof(bytes));
    assert_int_equal(mem_read(rig->mem, table, bytes, length), 0);
    crc = (uint32_t)rig_load(rig, table + 16, 4);
    memset(bytes + 16, 0, 4);
    assert_int_equal(crc, crc32_z(0, bytes, length));
}

static uint64_t read_tables(struct efi_rig *rig, const uint64_t *args)
{
    uint64_t crc = rig_scratch(rig, 8), data = rig_string(rig, "crc"), guid;

    check_table(rig, rig->system);
    check_table(rig, rig->boot);
    check_table(rig, rig->runtime);
    for (unsigned i = 0; i < BS_SERVICES; i++)
        assert_true(i == BS_RESERVED || rig_load(rig, rig->boot + 24 + 8 * i, 8));
    for (unsigned i = 0; i < RS_SERVICES; i++)
        assert_true(rig_load(rig, rig->runtime + 24 + 8 * i, 8));
    assert_ok(RIG_BOOT(rig, BS_CRC32, data, 8, crc));
    assert_int_equal(rig_load(rig, crc, 4), crc32_z(0, (const uint8_t *)"c\0r\0c\0\0\0", 8));
    assert_status(RIG_BOOT(rig, BS_CRC32, NOWHERE, 8, crc), EFI_INVALID_PARAMETER);
    assert_status(RIG_BOOT(rig, BS_CRC32, data, 0, crc), EFI_INVALID_PARAMETER);

    guid = rig_guid(rig, &guid_a);
    assert_status(RIG_BOOT(rig, BS_INSTALL_TABLE, guid, 0), EFI_NOT_FOUND);
    uint64_t count = rig_load(rig, rig->system + 104, 8);
    assert_ok(RIG_BOOT(rig, BS_INSTALL_TABLE, guid, 0x1234));
    assert_int_equal(rig_load(rig, rig->system + 104, 8), count + 1);
    uint64_t list = rig_load(rig, rig->system + 112, 8);
    assert_int_equal(rig_load(rig, list + 24 * count + 16, 8), 0x1234);
    check_table(rig, rig->system);
    assert_ok(RIG_BOOT(rig, BS_INSTALL_TABLE, guid, 0));
    assert_int_equal(rig_load(rig, rig->system + 104, 8), count);
    assert_status(RIG_BOOT(rig, BS_INSTALL_TABLE, NOWHERE, 1), EFI_INVALID_PARAMETER);
    return 0;
}

static void test_tables(void **state)
{
    run(read_tables);
}

/* --- memory --- */

struct map_entry {
    uint32_t type;
    uint64_t start, pages, attributes;
};

static uint64_t map_at, map_room = 16384;

/* The region that holds `address`; *key: the map's. */
static struct map_entry region_at(struct efi_rig *rig, uint64_t address, uint64_t *key)
{
    uint64_t size = rig_scratch(rig, 32), n, step;

    rig_store(rig, size, 8, map_room);
    assert_ok(RIG_BOOT(rig, BS_GET_MEMORY_MAP, size, map_at, size + 8, size + 16, size + 24));
    step = rig_load(rig, size + 16, 8);
    n = rig_load(rig, size, 8) / step;
    *key = rig_load(rig, size + 8, 8);
    for (uint64_t i = 0, at = map_at; i < n; i++, at += step) {
        struct map_entry e = {(uint32_t)rig_load(rig, at, 4), rig_load(rig, at + 8, 8),
                              rig_load(rig, at + 24, 8), rig_load(rig, at + 32, 8)};

        if (address >= e.start && address - e.start < e.pages * 4096)
            return e;
    }
    return (struct map_entry){.type = UINT32_MAX};
}

static uint64_t use_memory(struct efi_rig *rig, const uint64_t *args)
{
    uint64_t at = rig_scratch(rig, 16), key, key2, page;
    struct map_entry e;

    map_at = rig_scratch(rig, map_room);
    rig_store(rig, at, 8, 0);
    assert_status(RIG_BOOT(rig, BS_GET_MEMORY_MAP, at, 0, 0, 0, 0), EFI_BUFFER_TOO_SMALL);
    assert_true(rig_load(rig, at, 8) > 0);
    assert_status(RIG_BOOT(rig, BS_GET_MEMORY_MAP, NOWHERE, 0, 0, 0, 0), EFI_INVALID_PARAMETER);

    assert_int_equal(region_at(rig, RIG_DOORBELL, &key).attributes >> 63, 1);
    assert_ok(RIG_BOOT(rig, BS_ALLOCATE_PAGES, 0, TYPE_LOADER_DATA, 3, at));
    page = rig_load(rig, at, 8);
    e = region_at(rig, page, &key2);
    assert_int_equal(e.type, TYPE_LOADER_DATA);
    assert_true(key != key2);
    assert_ok(RIG_BOOT(rig, BS_FREE_PAGES, page + 4096, 1));
    assert_int_equal(region_at(rig, page + 4096, &key).type, TYPE_CONVENTIONAL);
    assert_int_equal(region_at(rig, page, &key).type, TYPE_LOADER_DATA);
    assert_status(RIG_BOOT(rig, BS_FREE_PAGES, page + 4096, 1), EFI_NOT_FOUND);
    assert_status(RIG_BOOT(rig, BS_FREE_PAGES, page + 1, 1), EFI_INVALID_PARAMETER);
    assert_status(RIG_BOOT(rig, BS_FREE_PAGES, UINT64_MAX & ~UINT64_C(4095), UINT64_MAX),
                  EFI_NOT_FOUND);

    /* Where the caller wants it. */
    rig_store(rig, at, 8, RIG_RAM + 0x1000000);
    assert_ok(RIG_BOOT(rig, BS_ALLOCATE_PAGES, 2, TYPE_LOADER_DATA, 1, at));
    assert_status(RIG_BOOT(rig, BS_ALLOCATE_PAGES, 2, TYPE_LOADER_DATA, 1, at), EFI_NOT_FOUND);
    rig_store(rig, at, 8, RIG_RAM + 0x200000 - 1);
    assert_ok(RIG_BOOT(rig, BS_ALLOCATE_PAGES, 1, TYPE_LOADER_DATA, 4, at));
    assert_true(rig_load(rig, at, 8) + 4 * 4096 <= RIG_RAM + 0x200000);
    rig_store(rig, at, 8, 4095);
    assert_status(RIG_BOOT(rig, BS_ALLOCATE_PAGES, 1, TYPE_LOADER_DATA, 4, at),
                  EFI_OUT_OF_RESOURCES);
    assert_status(RIG_BOOT(rig, BS_ALLOCATE_PAGES, 0, TYPE_LOADER_DATA, UINT64_MAX, at),
                  EFI_OUT_OF_RESOURCES);
    assert_status(RIG_BOOT(rig, BS_ALLOCATE_PAGES, 3, TYPE_LOADER_DATA, 1, at),
                  EFI_INVALID_PARAMETER);
    assert_status(RIG_BOOT(rig, BS_ALLOCATE_PAGES, 0, TYPE_CONVENTIONAL, 1, at),
                  EFI_INVALID_PARAMETER);
    assert_status(RIG_BOOT(rig, BS_ALLOCATE_PAGES, 0, 16, 1, at), EFI_INVALID_PARAMETER);
    assert_status(RIG_BOOT(rig, BS_ALLOCATE_PAGES, 0, TYPE_LOADER_DATA, 1, NOWHERE),
                  EFI_INVALID_PARAMETER);
    assert_ok(RIG_BOOT(rig, BS_ALLOCATE_PAGES, 0, 0x80000001u, 1, at)); /* an OS loader's own */

    /* Runtime regions are whole 64 KiB. */
    assert_ok(RIG_BOOT(rig, BS_ALLOCATE_PAGES, 0, TYPE_RUNTIME_DATA, 1, at));
    e = region_at(rig, rig_load(rig, at, 8), &key);
    assert_int_equal(e.start % 0x10000, 0);
    assert_int_equal(e.pages % 16, 0);
    return 0;
}

static uint64_t use_pool(struct efi_rig *rig, const uint64_t *args)
{
    uint64_t at = rig_scratch(rig, 8), pieces[64], bytes = rig_scratch(rig, 16);

    for (unsigned i = 0; i < 64; i++) {
        assert_ok(RIG_BOOT(rig, BS_ALLOCATE_POOL, TYPE_LOADER_DATA, 1 + i * 97, at));
        pieces[i] = rig_load(rig, at, 8);
        assert_int_equal(pieces[i] % 8, 0);
        RIG_BOOT(rig, BS_SET_MEM, pieces[i], 1 + i * 97, i);
    }
    for (unsigned i = 0; i < 64; i++) {
        assert_int_equal(rig_load(rig, pieces[i] + i * 97, 1), i);
        assert_ok(RIG_BOOT(rig, BS_FREE_POOL, pieces[i]));
        assert_status(RIG_BOOT(rig, BS_FREE_POOL, pieces[i]), EFI_INVALID_PARAMETER);
    }
    assert_status(RIG_BOOT(rig, BS_FREE_POOL, NOWHERE), EFI_INVALID_PARAMETER);
    assert_status(RIG_BOOT(rig, BS_ALLOCATE_POOL, TYPE_CONVENTIONAL, 8, at), EFI_INVALID_PARAMETER);
    assert_status(RIG_BOOT(rig, BS_ALLOCATE_POOL, TYPE_LOADER_DATA, UINT64_MAX, at),
                  EFI_OUT_OF_RESOURCES);
    assert_status(RIG_BOOT(rig, BS_ALLOCATE_POOL, TYPE_LOADER_DATA, 8, 0), EFI_INVALID_PARAMETER);

    rig_store(rig, bytes, 8, UINT64_C(0x0807060504030201));
    RIG_BOOT(rig, BS_COPY_MEM, bytes + 1, bytes, 7);
    assert_true(rig_load(rig, bytes, 8) == UINT64_C(0x0706050403020101));
    RIG_BOOT(rig, BS_COPY_MEM, bytes, bytes + 1, 7);
    assert_true(rig_load(rig, bytes, 8) == UINT64_C(0x0707060504030201));
    RIG_BOOT(rig, BS_COPY_MEM, bytes, NOWHERE, 8);
    RIG_BOOT(rig, BS_COPY_MEM, NOWHERE, bytes, UINT64_MAX);
    RIG_BOOT(rig, BS_SET_MEM, NOWHERE, UINT64_MAX, 1);
    assert_true(rig_load(rig, bytes, 8) == UINT64_C(0x0707060504030201));
    return 0;
}

static void test_memory(void **state)
{
    run(use_memory);
    run(use_pool);
}

/* --- handles --- */

static uint64_t use_handles(struct efi_rig *rig, const uint64_t *args)
{
    uint64_t a = rig_guid(rig, &guid_a), b = rig_guid(rig, &guid_b), at = rig_scratch(rig, 64);
    uint64_t handle, n = rig_scratch(rig, 8), list;

    rig_store(rig, at, 8, 0);
    assert_ok(RIG_BOOT(rig, BS_INSTALL, at, a, 0, 0x111));
    handle = rig_load(rig, at, 8);
    assert_status(RIG_BOOT(rig, BS_INSTALL, at, a, 0, 0x112), EFI_INVALID_PARAMETER);
    assert_status(RIG_BOOT(rig, BS_INSTALL, at, b, 1, 0x112), EFI_INVALID_PARAMETER);
    assert_status(RIG_BOOT(rig, BS_INSTALL, NOWHERE, b, 0, 0x112), EFI_INVALID_PARAMETER);
    assert_ok(RIG_BOOT(rig, BS_INSTALL, at, b, 0, 0x222));
    assert_ok(RIG_BOOT(rig, BS_HANDLE_PROTOCOL, handle, b, at));
    assert_int_equal(rig_load(rig, at, 8), 0x222);
    assert_ok(RIG_BOOT(rig, BS_REINSTALL, handle, b, 0x222, 0x333));
    assert_status(RIG_BOOT(rig, BS_REINSTALL, handle, b, 0x222, 0x333), EFI_NOT_FOUND);
    assert_ok(RIG_BOOT(rig, BS_LOCATE_PROTOCOL, b, 0, at));
    assert_int_equal(rig_load(rig, at, 8), 0x333);
    assert_status(RIG_BOOT(rig, BS_HANDLE_PROTOCOL, 0x5555, b, at), EFI_INVALID_PARAMETER);

    assert_ok(RIG_BOOT(rig, BS_PROTOCOLS_PER_HANDLE, handle, at, n));
    assert_int_equal(rig_load(rig, n, 8), 2);
    list = rig_load(rig, at, 8);
    assert_int_equal(rig_load(rig, rig_load(rig, list + 8, 8), 4), 2);
    assert_ok(RIG_BOOT(rig, BS_FREE_POOL, list));

    assert_ok(RIG_BOOT(rig, BS_LOCATE_HANDLE_BUFFER, 2, a, 0, n, at));
    assert_int_equal(rig_load(rig, n, 8), 1);
    assert_int_equal(rig_load(rig, rig_load(rig, at, 8), 8), handle);
    rig_store(rig, n, 8, 7);
    assert_status(RIG_BOOT(rig, BS_LOCATE_HANDLE, 2, a, 0, n, at), EFI_BUFFER_TOO_SMALL);
    assert_int_equal(rig_load(rig, n, 8), 8);
    assert_ok(RIG_BOOT(rig, BS_LOCATE_HANDLE, 2, a, 0, n, at));
    assert_int_equal(rig_load(rig, at, 8), handle);
    assert_status(RIG_BOOT(rig, BS_LOCATE_HANDLE, 3, a, 0, n, at), EFI_INVALID_PARAMETER);

    assert_ok(RIG_BOOT(rig, BS_UNINSTALL, handle, a, 0x111));
    assert_status(RIG_BOOT(rig, BS_UNINSTALL, handle, a, 0x111), EFI_NOT_FOUND);
    assert_ok(RIG_BOOT(rig, BS_UNINSTALL, handle, b, 0x333));
    assert_status(RIG_BOOT(rig, BS_LOCATE_PROTOCOL, a, 0, at), EFI_NOT_FOUND);
    assert_int_equal(rig_load(rig, at, 8), 0);
    assert_status(RIG_BOOT(rig, BS_CONNECT, handle, 0, 0, 0), EFI_INVALID_PARAMETER);
    return 0;
}

/* The arguments of the variadic ones go on on the stack. */
static uint64_t use_multiple(struct efi_rig *rig, const uint64_t *args)
{
    uint64_t at = rig_scratch(rig, 8), g[6], handle;

    rig_store(rig, at, 8, 0);
    for (unsigned i = 0; i < 6; i++) {
        struct efi_guid guid = guid_a;

        guid.a = 100 + i;
        g[i] = rig_guid(rig, &guid);
    }
    assert_ok(
        RIG_BOOT(rig, BS_INSTALL_MULTIPLE, at, g[0], 1, g[1], 2, g[2], 3, g[3], 4, g[4], 5, 0));
    handle = rig_load(rig, at, 8);
    assert_ok(RIG_BOOT(rig, BS_HANDLE_PROTOCOL, handle, g[4], at));
    assert_int_equal(rig_load(rig, at, 8), 5);
    /* One that is there already: nothing of it stays. */
    rig_store(rig, at, 8, handle);
    assert_status(RIG_BOOT(rig, BS_INSTALL_MULTIPLE, at, g[5], 6, g[1], 2, 0),
                  EFI_INVALID_PARAMETER);
    assert_status(RIG_BOOT(rig, BS_HANDLE_PROTOCOL, handle, g[5], at), EFI_UNSUPPORTED);
    /* One that is not there: all of it stays. */
    assert_status(RIG_BOOT(rig, BS_UNINSTALL_MULTIPLE, handle, g[0], 1, g[5], 6, 0),
                  EFI_INVALID_PARAMETER);
    assert_ok(RIG_BOOT(rig, BS_HANDLE_PROTOCOL, handle, g[0], at));
    assert_ok(RIG_BOOT(rig, BS_UNINSTALL_MULTIPLE, handle, g[0], 1, g[1], 2, g[2], 3, g[3], 4, g[4],
                       5, 0));
    assert_status(RIG_BOOT(rig, BS_HANDLE_PROTOCOL, handle, g[0], at), EFI_INVALID_PARAMETER);
    return 0;
}

enum { BY_HANDLE = 1, GET = 2, TEST = 4, BY_DRIVER = 16, EXCLUSIVE = 32 };

static uint64_t open_protocols(struct efi_rig *rig, const uint64_t *args)
{
    uint64_t a = rig_guid(rig, &guid_a), at = rig_scratch(rig, 16), h;

    rig_store(rig, at, 8, 0);
    assert_ok(RIG_BOOT(rig, BS_INSTALL, at, a, 0, 0x111));
    h = rig_load(rig, at, 8);
    assert_ok(RIG_BOOT(rig, BS_OPEN_INFORMATION, h, a, at, at + 8));
    assert_int_equal(rig_load(rig, at + 8, 8), 0);
    assert_ok(RIG_BOOT(rig, BS_OPEN_PROTOCOL, h, a, 0, rig->image, 0, TEST));
    assert_ok(RIG_BOOT(rig, BS_OPEN_PROTOCOL, h, a, at, rig->image, 0, GET));
    assert_ok(RIG_BOOT(rig, BS_OPEN_PROTOCOL, h, a, at, rig->image, h, BY_DRIVER));
    assert_status(RIG_BOOT(rig, BS_OPEN_PROTOCOL, h, a, at, rig->image, h, BY_DRIVER),
                  EFI_ALREADY_STARTED);
    assert_status(RIG_BOOT(rig, BS_OPEN_PROTOCOL, h, a, at, h, h, BY_DRIVER), EFI_ACCESS_DENIED);
    assert_status(RIG_BOOT(rig, BS_OPEN_PROTOCOL, h, a, at, rig->image, h, 0x40),
                  EFI_INVALID_PARAMETER);
    assert_status(RIG_BOOT(rig, BS_OPEN_PROTOCOL, h, a, 0, rig->image, h, GET),
                  EFI_INVALID_PARAMETER);
    assert_ok(RIG_BOOT(rig, BS_OPEN_INFORMATION, h, a, at, at + 8));
    assert_int_equal(rig_load(rig, at + 8, 8), 2);
    assert_ok(RIG_BOOT(rig, BS_CLOSE_PROTOCOL, h, a, rig->image, h));
    assert_status(RIG_BOOT(rig, BS_CLOSE_PROTOCOL, h, a, rig->image, h), EFI_NOT_FOUND);
    assert_ok(RIG_BOOT(rig, BS_OPEN_PROTOCOL, h, a, at, h, 0, EXCLUSIVE));
    assert_status(RIG_BOOT(rig, BS_OPEN_PROTOCOL, h, a, at, rig->image, 0, EXCLUSIVE),
                  EFI_ACCESS_DENIED);
    return 0;
}

static uint64_t find_by_notify(struct efi_rig *rig, const uint64_t *args)
{
    uint64_t a = rig_guid(rig, &guid_a), at = rig_scratch(rig, 32), key, first;

    assert_ok(RIG_BOOT(rig, BS_CREATE_EVENT, 0, 0, 0, 0, at));
    uint64_t event = rig_load(rig, at, 8);
    assert_ok(RIG_BOOT(rig, BS_REGISTER_NOTIFY, a, event, at));
    key = rig_load(rig, at, 8);
    assert_status(RIG_BOOT(rig, BS_CHECK_EVENT, event), EFI_NOT_READY);
    rig_store(rig, at, 8, 0);
    assert_ok(RIG_BOOT(rig, BS_INSTALL, at, a, 0, 1));
    first = rig_load(rig, at, 8);
    rig_store(rig, at, 8, 0);
    assert_ok(RIG_BOOT(rig, BS_INSTALL, at, a, 0, 2));
    assert_ok(RIG_BOOT(rig, BS_CHECK_EVENT, event));
    rig_store(rig, at, 8, 8);
    assert_ok(RIG_BOOT(rig, BS_LOCATE_HANDLE, 1, 0, key, at, at + 8));
    assert_int_equal(rig_load(rig, at + 8, 8), first);
    assert_ok(RIG_BOOT(rig, BS_LOCATE_HANDLE, 1, 0, key, at, at + 8));
    assert_true(rig_load(rig, at + 8, 8) != first);
    assert_status(RIG_BOOT(rig, BS_LOCATE_HANDLE, 1, 0, key, at, at + 8), EFI_NOT_FOUND);
    assert_status(RIG_BOOT(rig, BS_LOCATE_HANDLE, 1, 0, 999, at, at + 8), EFI_INVALID_PARAMETER);
    return 0;
}

static void test_handles(void **state)
{
    run(use_handles);
    run(use_multiple);
    run(open_protocols);
    run(find_by_notify);
}

/* --- events --- */

static unsigned sequence[8], happened;
static uint64_t seen_context;

static uint64_t note_first(struct efi_rig *rig, const uint64_t *args)
{
    seen_context = args[1];
    sequence[happened++ % 8] = 1;
    return 0;
}

static uint64_t note_second(struct efi_rig *rig, const uint64_t *args)
{
    sequence[happened++ % 8] = 2;
    return 0;
}

static uint64_t create(struct efi_rig *rig, uint32_t type, uint64_t tpl, rig_function function)
{
    uint64_t at = rig_scratch(rig, 8);

    assert_ok(RIG_BOOT(rig, BS_CREATE_EVENT, type, tpl, function ? rig_address(rig, function) : 0,
                       0x77, at));
    return rig_load(rig, at, 8);
}

static uint64_t use_events(struct efi_rig *rig, const uint64_t *args)
{
    uint64_t at = rig_scratch(rig, 32), e, low, high;

    happened = 0;
    assert_status(RIG_BOOT(rig, BS_CREATE_EVENT, EVT_SIGNAL, TPL_CALLBACK, 0, 0, at),
                  EFI_INVALID_PARAMETER);
    assert_status(RIG_BOOT(rig, BS_CREATE_EVENT, EVT_SIGNAL, TPL_HIGH, 4, 0, at),
                  EFI_INVALID_PARAMETER);
    assert_status(RIG_BOOT(rig, BS_CREATE_EVENT, EVT_SIGNAL | EVT_WAIT, TPL_NOTIFY, 4, 0, at),
                  EFI_INVALID_PARAMETER);
    assert_status(RIG_BOOT(rig, BS_CREATE_EVENT, 0, 0, 0, 0, 0), EFI_INVALID_PARAMETER);

    /* By itself. */
    e = create(rig, 0, 0, NULL);
    assert_status(RIG_BOOT(rig, BS_CHECK_EVENT, e), EFI_NOT_READY);
    assert_ok(RIG_BOOT(rig, BS_SIGNAL_EVENT, e));
    assert_ok(RIG_BOOT(rig, BS_CHECK_EVENT, e));
    assert_status(RIG_BOOT(rig, BS_CHECK_EVENT, e), EFI_NOT_READY);
    assert_status(RIG_BOOT(rig, BS_SET_TIMER, e, 2, 0), EFI_INVALID_PARAMETER);

    /* Priorities: the higher first, and neither while the task's own is as high. */
    low = create(rig, EVT_SIGNAL, TPL_CALLBACK, note_first);
    high = create(rig, EVT_SIGNAL, TPL_NOTIFY, note_second);
    assert_status(RIG_BOOT(rig, BS_CHECK_EVENT, low), EFI_INVALID_PARAMETER);
    assert_int_equal(RIG_BOOT(rig, BS_RAISE_TPL, TPL_NOTIFY), TPL_APPLICATION);
    assert_ok(RIG_BOOT(rig, BS_SIGNAL_EVENT, low));
    assert_ok(RIG_BOOT(rig, BS_SIGNAL_EVENT, high));
    assert_int_equal(happened, 0);
    RIG_BOOT(rig, BS_RESTORE_TPL, TPL_APPLICATION);
    assert_int_equal(happened, 2);
    assert_int_equal(sequence[0], 2);
    assert_int_equal(sequence[1], 1);
    assert_int_equal(seen_context, 0x77);

    assert_ok(RIG_BOOT(rig, BS_CLOSE_EVENT, low));
    assert_status(RIG_BOOT(rig, BS_SIGNAL_EVENT, low), EFI_INVALID_PARAMETER);
    assert_status(RIG_BOOT(rig, BS_CLOSE_EVENT, low), EFI_INVALID_PARAMETER);
    return 0;
}

static uint64_t use_timers(struct efi_rig *rig, const uint64_t *args)
{
    uint64_t at = rig_scratch(rig, 32), e, start, ticker;

    happened = 0;
    e = create(rig, EVT_TIMER, 0, NULL);
    start = rig->now_ns;
    assert_ok(RIG_BOOT(rig, BS_SET_TIMER, e, 2, 1000000)); /* 100 ms */
    rig_store(rig, at, 8, e);
    assert_ok(RIG_BOOT(rig, BS_WAIT_FOR_EVENT, 1, at, at + 8));
    assert_int_equal(rig_load(rig, at + 8, 8), 0);
    assert_in_range(rig->now_ns - start, 100000000, 120000000);

    /* A program that spins on a flag: the tick is what calls the function. */
    ticker = create(rig, EVT_TIMER | EVT_SIGNAL, TPL_CALLBACK, note_first);
    assert_ok(RIG_BOOT(rig, BS_SET_TIMER, ticker, 1, 200000)); /* every 20 ms */
    for (unsigned i = 0; i < 10; i++) {
        rig->now_ns += 10000000;
        rig_tick(rig);
    }
    assert_in_range(happened, 4, 5);
    assert_ok(RIG_BOOT(rig, BS_SET_TIMER, ticker, 0, 0));
    happened = 0;
    RIG_BOOT(rig, BS_STALL, 100000);
    assert_int_equal(happened, 0);
    assert_in_range(rig->now_ns - start, 290000000, 330000000);

    rig_store(rig, at + 8, 8, 0x999);
    assert_status(RIG_BOOT(rig, BS_WAIT_FOR_EVENT, 0, at, at + 8), EFI_INVALID_PARAMETER);
    assert_status(RIG_BOOT(rig, BS_WAIT_FOR_EVENT, 1, at + 8, at + 16), EFI_INVALID_PARAMETER);
    RIG_BOOT(rig, BS_RAISE_TPL, TPL_CALLBACK);
    assert_status(RIG_BOOT(rig, BS_WAIT_FOR_EVENT, 1, at, at + 8), EFI_UNSUPPORTED);
    RIG_BOOT(rig, BS_RESTORE_TPL, TPL_APPLICATION);
    return 0;
}

static uint64_t use_groups(struct efi_rig *rig, const uint64_t *args)
{
    uint64_t at = rig_scratch(rig, 8), group = rig_guid(rig, &guid_a), one, other;

    happened = 0;
    assert_ok(RIG_BOOT(rig, BS_CREATE_EVENT_EX, EVT_SIGNAL, TPL_CALLBACK,
                       rig_address(rig, note_first), 0, group, at));
    one = rig_load(rig, at, 8);
    assert_ok(RIG_BOOT(rig, BS_CREATE_EVENT_EX, EVT_SIGNAL, TPL_CALLBACK,
                       rig_address(rig, note_second), 0, group, at));
    other = rig_load(rig, at, 8);
    assert_true(one != other);
    assert_ok(RIG_BOOT(rig, BS_SIGNAL_EVENT, one));
    assert_int_equal(happened, 2);
    assert_status(RIG_BOOT(rig, BS_CREATE_EVENT_EX, EVT_SIGNAL, TPL_CALLBACK, 4, 0, NOWHERE, at),
                  EFI_INVALID_PARAMETER);
    return 0;
}

static void test_events(void **state)
{
    run(use_events);
    run(use_timers);
    run(use_groups);
}

/* --- images --- */

static unsigned depth_reached;

static uint64_t return_42(struct efi_rig *rig, const uint64_t *args)
{
    depth_reached++;
    return 42;
}

/* Exit from within a call from within a notify function's program. */
static uint64_t exit_43(struct efi_rig *rig, const uint64_t *args)
{
    uint64_t data = rig_string(rig, "over"), image = args[0];

    depth_reached++;
    RIG_BOOT(rig, BS_EXIT, image, 43, 10, data);
    fail_msg("Exit came back");
    return 0;
}

static uint64_t fail_driver(struct efi_rig *rig, const uint64_t *args)
{
    return EFI_UNSUPPORTED;
}

static unsigned unloaded;

static uint64_t allow_unload(struct efi_rig *rig, const uint64_t *args)
{
    unloaded++;
    return 0;
}

static uint64_t stay_driver(struct efi_rig *rig, const uint64_t *args)
{
    uint64_t at = rig_scratch(rig, 8);

    assert_ok(RIG_BOOT(rig, BS_HANDLE_PROTOCOL, args[0], rig_guid(rig, &loaded_image_guid), at));
    rig_store(rig, rig_load(rig, at, 8) + 88, 8, rig_address(rig, allow_unload));
    return 0;
}

static uint64_t load(struct efi_rig *rig, rig_function function, unsigned subsystem)
{
    size_t length;
    uint8_t *bytes = rig_program(rig, function, subsystem, &length);
    uint64_t at = rig_scratch(rig, 8), source = rig_scratch(rig, length);

    mem_write(rig->mem, source, bytes, length);
    free(bytes);
    assert_ok(RIG_BOOT(rig, BS_LOAD_IMAGE, 0, rig->image, 0, source, length, at));
    return rig_load(rig, at, 8);
}

static uint64_t use_images(struct efi_rig *rig, const uint64_t *args)
{
    uint64_t at = rig_scratch(rig, 32), guid = rig_guid(rig, &loaded_image_guid), image;

    depth_reached = unloaded = 0;
    image = load(rig, return_42, PE_SUBSYSTEM_APPLICATION);
    assert_ok(RIG_BOOT(rig, BS_HANDLE_PROTOCOL, image, guid, at));
    assert_int_equal(rig_load(rig, rig_load(rig, at, 8) + 8, 8), rig->image);
    assert_int_equal(RIG_BOOT(rig, BS_START_IMAGE, image, 0, 0), 42);
    assert_status(RIG_BOOT(rig, BS_START_IMAGE, image, 0, 0), EFI_INVALID_PARAMETER);

    image = load(rig, exit_43, PE_SUBSYSTEM_APPLICATION);
    assert_int_equal(RIG_BOOT(rig, BS_START_IMAGE, image, at, at + 8), 43);
    assert_int_equal(rig_load(rig, at, 8), 10);
    assert_int_equal(rig_load(rig, rig_load(rig, at + 8, 8), 2), 'o');
    assert_int_equal(depth_reached, 2);

    image = load(rig, return_42, PE_SUBSYSTEM_APPLICATION);
    assert_ok(RIG_BOOT(rig, BS_UNLOAD_IMAGE, image));
    assert_status(RIG_BOOT(rig, BS_START_IMAGE, image, 0, 0), EFI_INVALID_PARAMETER);
    image = load(rig, return_42, PE_SUBSYSTEM_APPLICATION);
    assert_ok(RIG_BOOT(rig, BS_EXIT, image, 0, 0, 0)); /* not started: unloads it */

    image = load(rig, fail_driver, PE_SUBSYSTEM_BOOT_DRIVER);
    assert_status(RIG_BOOT(rig, BS_START_IMAGE, image, 0, 0), EFI_UNSUPPORTED);
    assert_status(RIG_BOOT(rig, BS_HANDLE_PROTOCOL, image, guid, at), EFI_INVALID_PARAMETER);
    image = load(rig, stay_driver, PE_SUBSYSTEM_BOOT_DRIVER);
    assert_ok(RIG_BOOT(rig, BS_START_IMAGE, image, 0, 0));
    assert_ok(RIG_BOOT(rig, BS_HANDLE_PROTOCOL, image, guid, at));
    assert_ok(RIG_BOOT(rig, BS_UNLOAD_IMAGE, image));
    assert_int_equal(unloaded, 1);

    assert_status(RIG_BOOT(rig, BS_LOAD_IMAGE, 0, rig->image, 0, at, 32, at),
                  EFI_UNSUPPORTED); /* no program */
    assert_status(RIG_BOOT(rig, BS_LOAD_IMAGE, 0, 0x123, 0, at, 32, at), EFI_INVALID_PARAMETER);
    assert_status(RIG_BOOT(rig, BS_LOAD_IMAGE, 0, rig->image, 0, NOWHERE, 32, at),
                  EFI_INVALID_PARAMETER);
    assert_status(RIG_BOOT(rig, BS_UNLOAD_IMAGE, rig->image), EFI_INVALID_PARAMETER);
    return 0;
}

static void test_images(void **state)
{
    run(use_images);
}

/* --- boot manager --- */

/* Writes \EFI\BOOT\BOOTAA64.EFI, by the protocols that a guest has. */
static void put_file(struct efi_rig *rig, uint64_t dir, const char *path, const void *bytes,
                     size_t length)
{
    const bool is_dir = !bytes;
    uint64_t at = rig_scratch(rig, 16), file, data = rig_scratch(rig, length + 1);

    assert_ok(RIG_CALL(rig, dir, 8, dir, at, rig_string(rig, path), UINT64_C(1) << 63 | 3,
                       is_dir ? 0x10 : 0));
    file = rig_load(rig, at, 8);
    if (!is_dir) {
        mem_write(rig->mem, data, bytes, length);
        rig_store(rig, at, 8, length);
        assert_ok(RIG_CALL(rig, file, 40, file, at, data));
    }
    assert_ok(RIG_CALL(rig, file, 16, file));
}

static uint64_t boot_volume(struct efi_rig *rig, uint64_t *handle)
{
    uint64_t at = rig_scratch(rig, 32), guid = rig_guid(rig, &file_system_guid), fs;

    assert_ok(RIG_BOOT(rig, BS_LOCATE_HANDLE_BUFFER, 2, guid, 0, at, at + 8));
    *handle = rig_load(rig, rig_load(rig, at + 8, 8), 8);
    assert_ok(RIG_BOOT(rig, BS_HANDLE_PROTOCOL, *handle, guid, at));
    fs = rig_load(rig, at, 8);
    assert_ok(RIG_CALL(rig, fs, 8, fs, at));
    return rig_load(rig, at, 8);
}

static unsigned second_life;

static uint64_t from_disk(struct efi_rig *rig, const uint64_t *args)
{
    second_life++;
    rig_end(rig);
}

/* Writes the boot loader, and a boot option that does not exist before it; then a reset. */
static uint64_t install_loader(struct efi_rig *rig, const uint64_t *args)
{
    size_t length;
    uint8_t *bytes = rig_program(rig, from_disk, PE_SUBSYSTEM_APPLICATION, &length);
    uint64_t volume, root = boot_volume(rig, &volume), order = rig_scratch(rig, 4);

    put_file(rig, root, "EFI", NULL, 0);
    put_file(rig, root, "EFI\\BOOT", NULL, 0);
    put_file(rig, root, "\\EFI\\BOOT\\BOOTAA64.EFI", bytes, length);
    free(bytes);
    rig_store(rig, order, 4, 0x00070001);
    assert_ok(RIG_RUNTIME(rig, RS_SET_VARIABLE, rig_string(rig, "BootOrder"),
                          rig_guid(rig, &global_guid), 7, 4, order));
    assert_ok(RIG_RUNTIME(rig, RS_SET_VARIABLE, rig_string(rig, "Boot0001"),
                          rig_guid(rig, &global_guid), 7, 4, order)); /* cut short */
    return 0;
}

static void test_boot_manager(void **state)
{
    struct efi_rig *rig = begin(install_loader);
    struct error err = {0};

    second_life = 0;
    assert_int_equal(rig_run(rig, &err), 0);
    assert_int_equal(returned, 0);
    body = fail_driver; /* the user's program fails: the disk is next */
    assert_int_equal(rig_run(rig, &err), 0);
    rig->main = return_42;
    rig_free(rig);

    rig = rig_new(return_42, NULL);
    assert_int_equal(rig_run(rig, &err), 0);
    assert_int_equal(rig->stops, 1);
    assert_non_null(strstr(rig->said, "BOOTAA64.EFI"));
    assert_non_null(strstr(rig->said, "disk0"));
    rig->config.disk_count = 0;
    rig_free(rig);
}

/* A program that returns is followed by what the disk holds. */
static uint64_t install_and_return(struct efi_rig *rig, const uint64_t *args)
{
    if (install_loader(rig, args))
        return 1;
    return 42;
}

static void test_next_candidate(void **state)
{
    struct efi_rig *rig = rig_new(install_and_return, NULL);
    struct error err = {0};

    second_life = 0;
    assert_int_equal(rig_run(rig, &err), 0);
    assert_int_equal(second_life, 1);
    assert_int_equal(rig->stops, 0);
    rig_free(rig);
}

/* --- console --- */

static uint64_t use_console(struct efi_rig *rig, const uint64_t *args)
{
    uint64_t in = rig_load(rig, rig->system + 48, 8), out = rig_load(rig, rig->system + 64, 8);
    uint64_t text = rig_string(rig, "hello\r\n?"), key = rig_scratch(rig, 32), mode, list;
    static const struct {
        uint16_t scan, unicode;
    } keys[] = {{0, 'a'}, {1, 0}, {6, 0}, {12, 0}, {0, 0xe4}, {0, '\r'}, {0, '\b'}, {0x17, 0}};

    mode = rig_load(rig, out + 72, 8);
    rig_store(rig, text + 14, 2, 0x2550);
    assert_ok(RIG_CALL(rig, out, 8, out, text));
    assert_string_equal(rig->output, "hello\r\n\xe2\x95\x90");
    assert_int_equal(rig_load(rig, mode + 12, 4), 1);
    assert_ok(RIG_CALL(rig, out, 56, out, 4, 5));
    assert_int_equal(rig_load(rig, mode + 12, 4), 4);
    assert_int_equal(rig_load(rig, mode + 16, 4), 5);
    assert_non_null(strstr(rig->output, "\033[6;5H"));
    assert_status(RIG_CALL(rig, out, 56, out, 80, 5), EFI_UNSUPPORTED);
    assert_ok(RIG_CALL(rig, out, 40, out, 0x1f));
    assert_int_equal(rig_load(rig, mode + 8, 4), 0x1f);
    assert_ok(RIG_CALL(rig, out, 48, out));
    assert_ok(RIG_CALL(rig, out, 24, out, 0, key, key + 8));
    assert_int_equal(rig_load(rig, key, 8), 80);
    assert_status(RIG_CALL(rig, out, 24, out, 9, key, key + 8), EFI_UNSUPPORTED);
    assert_status(RIG_CALL(rig, out, 8, out, NOWHERE), EFI_INVALID_PARAMETER);

    assert_status(RIG_CALL(rig, in, 8, in, key), EFI_NOT_READY);
    rig->typed = "a\033[A\033[F\033OQ\xc3\xa4\r\x7f\033";
    list = rig_scratch(rig, 16);
    rig_store(rig, list, 8, rig_load(rig, in + 16, 8));
    for (unsigned i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        assert_ok(RIG_BOOT(rig, BS_WAIT_FOR_EVENT, 1, list, list + 8));
        assert_ok(RIG_CALL(rig, in, 8, in, key));
        assert_int_equal(rig_load(rig, key, 2), keys[i].scan);
        assert_int_equal(rig_load(rig, key + 2, 2), keys[i].unicode);
    }
    /* No key is there: nobody is told of one. */
    assert_status(RIG_BOOT(rig, BS_CHECK_EVENT, rig_load(rig, in + 16, 8)), EFI_NOT_READY);
    return 0;
}

static void test_console(void **state)
{
    run(use_console);
}

/* --- the keyboard beside it --- */

static uint64_t protocol(struct efi_rig *rig, const struct efi_guid *guid)
{
    uint64_t at = rig_scratch(rig, 8);

    assert_ok(RIG_BOOT(rig, BS_LOCATE_PROTOCOL, rig_guid(rig, guid), 0, at));
    return rig_load(rig, at, 8);
}

static const struct efi_key pressed[] = {
    {0, 'x', EFI_SHIFT_STATE_VALID | EFI_LEFT_CONTROL_PRESSED},
    {0, 'Q', EFI_SHIFT_STATE_VALID | EFI_LEFT_SHIFT_PRESSED},
    {0, '1', EFI_SHIFT_STATE_VALID | EFI_RIGHT_CONTROL_PRESSED},
    {2, 0, EFI_SHIFT_STATE_VALID},
};

static bool next_pressed(void *ctx, struct efi_key *key)
{
    unsigned *at = ctx;

    if (*at == sizeof(pressed) / sizeof(*pressed))
        return false;
    *key = pressed[(*at)++];
    return true;
}

/* The simple protocol gives Control and a letter as a control character, the other as a letter with
 * the state of the shift keys. */
static uint64_t use_keyboard(struct efi_rig *rig, const uint64_t *args)
{
    static const struct efi_guid in_ex_guid = {
        0xdd9e7534, 0x7762, 0x4698, {0x8c, 0x14, 0xf5, 0x85, 0x17, 0xa6, 0x25, 0xaa}};
    static const uint16_t simple[][2] = {{0, 0x18}, {0, 'Q'}, {0, '1'}, {2, 0}};
    uint64_t in = rig_load(rig, rig->system + 48, 8), key = rig_scratch(rig, 32), in_ex;

    for (unsigned i = 0; i < sizeof(simple) / sizeof(*simple); i++) {
        assert_ok(RIG_CALL(rig, in, 8, in, key));
        assert_int_equal(rig_load(rig, key, 2), simple[i][0]);
        assert_int_equal(rig_load(rig, key + 2, 2), simple[i][1]);
    }
    assert_status(RIG_CALL(rig, in, 8, in, key), EFI_NOT_READY);
    *(unsigned *)rig->config.keyboard.ctx = 0;
    in_ex = protocol(rig, &in_ex_guid);
    for (unsigned i = 0; i < sizeof(pressed) / sizeof(*pressed); i++) {
        assert_ok(RIG_CALL(rig, in_ex, 8, in_ex, key));
        assert_int_equal(rig_load(rig, key, 2), pressed[i].scan);
        assert_int_equal(rig_load(rig, key + 2, 2), pressed[i].unicode);
        assert_int_equal(rig_load(rig, key + 4, 4), pressed[i].shift);
    }
    return 0;
}

static void test_keyboard(void **state)
{
    struct efi_rig *rig = begin(use_keyboard);
    unsigned at = 0;

    rig->config.keyboard = (struct efi_keyboard){next_pressed, &at};
    finish(rig);
}

/* --- what an operating system calls --- */

#define KERNEL_OFFSET UINT64_C(0xffff000000000000)

static void set_variable(struct efi_rig *rig, uint64_t name, uint64_t guid, uint64_t at)
{
    rig_store(rig, at - rig->offset, 4, 0x12345678);
    assert_ok(RIG_RUNTIME(rig, RS_SET_VARIABLE, name, guid, 7, 4, at));
    rig_store(rig, at - rig->offset, 4, 0);
    rig_store(rig, at + 8 - rig->offset, 8, 4);
    assert_ok(RIG_RUNTIME(rig, RS_GET_VARIABLE, name, guid, at + 16, at + 8, at));
    assert_int_equal(rig_load(rig, at - rig->offset, 4), 0x12345678);
    assert_int_equal(rig_load(rig, at + 16 - rig->offset, 4), 7);
    rig_store(rig, at + 8 - rig->offset, 8, 3);
    assert_status(RIG_RUNTIME(rig, RS_GET_VARIABLE, name, guid, 0, at + 8, at),
                  EFI_BUFFER_TOO_SMALL);
    assert_int_equal(rig_load(rig, at + 8 - rig->offset, 8), 4);
}

static uint64_t exit_boot(struct efi_rig *rig)
{
    uint64_t key;

    map_at = rig_scratch(rig, map_room);
    region_at(rig, 0, &key);
    return RIG_BOOT(rig, BS_EXIT_BOOT, rig->image, key);
}

static uint64_t take_over(struct efi_rig *rig, const uint64_t *args)
{
    uint64_t name = rig_string(rig, "Colour"), guid = rig_guid(rig, &guid_a), key;
    uint64_t at = rig_scratch(rig, 64), event = create(rig, EVT_EXIT_BOOT, TPL_NOTIFY, note_first);
    uint64_t descriptor = rig_scratch(rig, 96), boot = rig->boot;

    happened = 0;
    map_at = rig_scratch(rig, map_room);
    assert_true(event != 0);
    set_variable(rig, name, guid, at);
    assert_status(RIG_RUNTIME(rig, RS_SET_VIRTUAL, 40, 40, 1, descriptor), EFI_UNSUPPORTED);
    region_at(rig, 0, &key);
    assert_ok(RIG_BOOT(rig, BS_ALLOCATE_PAGES, 0, TYPE_LOADER_DATA, 1, at));
    assert_status(RIG_BOOT(rig, BS_EXIT_BOOT, rig->image, key), EFI_INVALID_PARAMETER);
    assert_int_equal(happened, 0);
    assert_ok(exit_boot(rig));
    assert_int_equal(happened, 1);
    assert_status(RIG_CALL(rig, boot, 24 + 8 * BS_ALLOCATE_PAGES, 0, TYPE_LOADER_DATA, 1, at),
                  EFI_UNSUPPORTED);
    set_variable(rig, name, guid, at); /* one to one, without a map of the caller's */

    assert_status(RIG_RUNTIME(rig, RS_SET_VIRTUAL, 40, 40, 2, descriptor), EFI_INVALID_PARAMETER);
    assert_status(RIG_RUNTIME(rig, RS_SET_VIRTUAL, 40, 8, 1, descriptor), EFI_INVALID_PARAMETER);
    assert_status(RIG_RUNTIME(rig, RS_SET_VIRTUAL, UINT64_MAX, 40, 1, descriptor),
                  EFI_INVALID_PARAMETER);
    rig_store(rig, descriptor + 8, 8, RIG_RAM);
    rig_store(rig, descriptor + 16, 8, RIG_RAM + KERNEL_OFFSET);
    rig_store(rig, descriptor + 24, 8, RIG_RAM_SIZE / 4096);
    rig_store(rig, descriptor + 32, 8, UINT64_C(1) << 63);
    rig_store(rig, descriptor + 48 + 8, 8, RIG_DOORBELL);
    rig_store(rig, descriptor + 48 + 16, 8, RIG_DOORBELL + KERNEL_OFFSET);
    rig_store(rig, descriptor + 48 + 24, 8, 16);
    rig_store(rig, descriptor + 48 + 32, 8, UINT64_C(1) << 63);
    assert_ok(RIG_RUNTIME(rig, RS_SET_VIRTUAL, 96, 48, 1, descriptor));
    assert_true(rig_load(rig, rig->system + 88, 8) == rig->runtime + KERNEL_OFFSET);
    check_table(rig, rig->system);
    check_table(rig, rig->runtime);
    rig->offset = KERNEL_OFFSET;
    assert_status(RIG_RUNTIME(rig, RS_SET_VIRTUAL, 96, 48, 1, descriptor + KERNEL_OFFSET),
                  EFI_UNSUPPORTED);
    set_variable(rig, name + KERNEL_OFFSET, guid + KERNEL_OFFSET, at + KERNEL_OFFSET);
    assert_ok(RIG_RUNTIME(rig, RS_GET_TIME, at + KERNEL_OFFSET, 0));
    assert_int_equal(rig_load(rig, at, 2), 2026);
    assert_status(RIG_RUNTIME(rig, RS_GET_TIME, at, 0), EFI_INVALID_PARAMETER);

    /* It waits after a reset was asked for, and asks for the same again, if at all. */
    rig->max_waits = rig->waits + 2;
    rig->offset = KERNEL_OFFSET;
    returned = 0;
    RIG_RUNTIME(rig, RS_RESET, EFI_RESET_SHUTDOWN, 0, 0, 0);
    return 1;
}

static void test_take_over(void **state)
{
    struct efi_rig *rig = begin(take_over);
    struct error err = {0};

    assert_int_equal(rig_run(rig, &err), 0);
    assert_int_equal(returned, 0);
    assert_true(rig->resets > 0);
    assert_int_equal(rig->reset, EFI_RESET_SHUTDOWN);
    rig_free(rig);
}

/* --- device paths, random numbers, collation, the initial ramdisk --- */

static void assert_text(struct efi_rig *rig, uint64_t at, const char *text)
{
    for (size_t i = 0; i <= strlen(text); i++)
        assert_int_equal(rig_load(rig, at + 2 * i, 2), text[i]);
}

static uint64_t use_paths(struct efi_rig *rig, const uint64_t *args)
{
    static const struct efi_guid to_text = {
        0x8b843e20, 0x8132, 0x4852, {0x90, 0xcc, 0x55, 0x1a, 0x4e, 0x4a, 0x7f, 0x1c}};
    static const struct efi_guid utilities = {
        0x0379be4e, 0xd706, 0x437d, {0xb0, 0x37, 0xed, 0xb8, 0x2f, 0xb7, 0x72, 0xa4}};
    uint64_t text = protocol(rig, &to_text), util = protocol(rig, &utilities);
    uint64_t at = rig_scratch(rig, 16), volume, own, both, node;

    boot_volume(rig, &volume);
    assert_ok(RIG_BOOT(rig, BS_HANDLE_PROTOCOL, volume, rig_guid(rig, &device_path_guid), at));
    own = rig_load(rig, at, 8);
    node = RIG_CALL(rig, util, 56, 4, 4, 8); /* a File Path node: "\\" and its end */
    assert_true(node != 0);
    rig_store(rig, node + 4, 4, '\\');
    both = RIG_CALL(rig, util, 24, own, node);
    assert_int_equal(RIG_CALL(rig, util, 0, both), RIG_CALL(rig, util, 0, own) + 8);
    assert_text(rig, RIG_CALL(rig, text, 8, both, 0, 0), "PcieRoot(0x0)/Pci(0x5,0x0)/\\");
    rig_store(rig, at, 8, both);
    assert_ok(RIG_BOOT(rig, BS_LOCATE_DEVICE_PATH, rig_guid(rig, &file_system_guid), at, at + 8));
    assert_int_equal(rig_load(rig, at + 8, 8), volume);
    assert_int_equal(rig_load(rig, at, 8), both + RIG_CALL(rig, util, 0, own) - 4);
    assert_int_equal(RIG_CALL(rig, util, 0, NOWHERE), 0);
    assert_int_equal(RIG_CALL(rig, text, 8, NOWHERE, 0, 0), 0);
    assert_int_equal(RIG_CALL(rig, util, 56, 4, 4, 3), 0);
    assert_true(RIG_CALL(rig, util, 16, own, own) != 0);
    return 0;
}

static uint64_t use_others(struct efi_rig *rig, const uint64_t *args)
{
    static const struct efi_guid rng_guid = {
        0x3152bca5, 0xeade, 0x433d, {0x86, 0x2e, 0xc0, 0x1c, 0xdc, 0x29, 0x1f, 0x44}};
    static const struct efi_guid collation_guid = {
        0xa4c751fc, 0x23ae, 0x4c3e, {0x92, 0xe9, 0x49, 0x64, 0xcf, 0x63, 0xf3, 0x49}};
    static const struct efi_guid load_guid = {
        0x4006c0c1, 0xfcb3, 0x403e, {0x99, 0x6d, 0x4a, 0x6c, 0x87, 0x24, 0xe0, 0x6d}};
    uint64_t rng = protocol(rig, &rng_guid), c = protocol(rig, &collation_guid), at, file;

    at = rig_scratch(rig, 64);
    assert_ok(RIG_CALL(rig, rng, 8, rng, 0, 32, at));
    assert_true(rig_load(rig, at, 8) | rig_load(rig, at + 8, 8) | rig_load(rig, at + 16, 8));
    assert_status(RIG_CALL(rig, rng, 8, rng, 0, 32, NOWHERE), EFI_INVALID_PARAMETER);
    assert_status(RIG_CALL(rig, rng, 8, rng, 0, 0, at), EFI_INVALID_PARAMETER);
    assert_int_equal(
        RIG_CALL(rig, c, 0, c, rig_string(rig, "KERNEL.efi"), rig_string(rig, "kernel.EFI")), 0);
    assert_true((int64_t)RIG_CALL(rig, c, 0, c, rig_string(rig, "a"), rig_string(rig, "B")) < 0);
    assert_int_equal(
        RIG_CALL(rig, c, 8, c, rig_string(rig, "Loader-12.conf"), rig_string(rig, "l*[0-9].C?NF")),
        1);
    assert_int_equal(RIG_CALL(rig, c, 8, c, rig_string(rig, "abc"), rig_string(rig, "*b")), 0);

    file = protocol(rig, &load_guid);
    rig_store(rig, at, 8, 0);
    assert_status(RIG_CALL(rig, file, 0, file, at, 0, at, 0), EFI_BUFFER_TOO_SMALL);
    assert_int_equal(rig_load(rig, at, 8), 6);
    assert_ok(RIG_CALL(rig, file, 0, file, at, 0, at, at + 16));
    assert_int_equal(rig_load(rig, at + 16, 4), 0x61726d69); /* "imra" */
    assert_status(RIG_CALL(rig, file, 0, file + 8, at, 0, at, at + 16), EFI_INVALID_PARAMETER);
    assert_status(RIG_CALL(rig, file, 0, file, at, 1, at, at + 16), EFI_UNSUPPORTED);
    return 0;
}

static void test_other_protocols(void **state)
{
    struct efi_rig *rig = begin(use_others);

    run(use_paths);
    body = use_others;
    rig->config.initrd = (const uint8_t *)"imrams";
    rig->config.initrd_length = 6;
    finish(rig);
}

/* --- programs that lie --- */

static uint64_t crash(struct efi_rig *rig, const uint64_t *args)
{
    uint64_t at = rig_address(rig, crash);

    /* What the stub does for an exception: service 2, with the vector and three registers. */
    rig_store(rig, at, 4, 0xd2800010 | 2 << 5);
    rig_store(rig, at + 8, 8, at);
    RIG_CALL(rig, at + 8, 0, 4, 0x96000045, args[0], 0x1234);
    return 0;
}

static void test_crash(void **state)
{
    struct efi_rig *rig = rig_new(crash, NULL);
    struct error err = {0};

    assert_int_equal(rig_run(rig, &err), 0);
    assert_int_equal(rig->stops, 1);
    assert_non_null(strstr(rig->said, "crashed"));
    assert_non_null(strstr(rig->said, "a write to 0x1234, which is not mapped"));
    rig_free(rig);
}

static void test_no_program(void **state)
{
    struct efi_rig *rig = rig_new(return_42, NULL);
    struct error err = {0};

    rig->config.program = (const uint8_t *)"not a program";
    rig->config.program_length = 13;
    assert_true(rig_run(rig, &err) < 0);
    assert_non_null(strstr(err.text, "rig"));
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),          cmocka_unit_test(test_memory),
        cmocka_unit_test(test_handles),         cmocka_unit_test(test_events),
        cmocka_unit_test(test_images),          cmocka_unit_test(test_boot_manager),
        cmocka_unit_test(test_next_candidate),  cmocka_unit_test(test_console),
        cmocka_unit_test(test_keyboard),        cmocka_unit_test(test_take_over),
        cmocka_unit_test(test_other_protocols), cmocka_unit_test(test_crash),
        cmocka_unit_test(test_no_program),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
