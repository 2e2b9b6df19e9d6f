/* SPDX-License-Identifier: ISC */
/*
 * What a program could do to EFI's own bookkeeping: each test is a program (efi_rig.h), and each
 * was once a way to free twice, to use what was freed, or to have the host hold ever more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "efi_rig.h"
#include "firmware/efi/pe.h"

#define assert_ok(x)         assert_int_equal((x), EFI_SUCCESS)
#define assert_status(x, st) assert_true((x) == (st))

#define NOWHERE UINT64_C(0x40) /* no memory is there */

static const struct efi_guid file_system_guid = {
    0x964e5b22, 0x6459, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};

static bool ended;
static rig_function body;

static uint64_t whole_program(struct efi_rig *rig, const uint64_t *args)
{
    body(rig, args);
    ended = true;
    rig_end(rig);
}

static void run(rig_function function)
{
    struct efi_rig *rig = rig_new(whole_program, NULL);
    struct error err = {0};

    body = function;
    ended = false;
    assert_int_equal(rig_run(rig, &err), 0);
    assert_true(ended);
    rig_free(rig);
}

/* --- interfaces at one address --- */

enum { SYSTEM_CONSOLE_OUT = 64, FILE_CLOSE = 16, FILE_GET_POSITION = 48 };

static uint64_t file_system(struct efi_rig *rig)
{
    uint64_t at = rig_scratch(rig, 8);

    assert_ok(RIG_BOOT(rig, BS_LOCATE_PROTOCOL, rig_guid(rig, &file_system_guid), 0, at));
    return rig_load(rig, at, 8);
}

/* Opens the root until it lies where a piece of the pool was freed. */
static void open_at(struct efi_rig *rig, uint64_t fs, uint64_t wanted)
{
    uint64_t at = rig_scratch(rig, 8);

    for (unsigned i = 0; i < 256; i++) {
        assert_ok(RIG_CALL(rig, fs, 8, fs, at));
        if (rig_load(rig, at, 8) == wanted)
            return;
    }
    fail_msg("no file came to lie at 0x%llx", (unsigned long long)wanted);
}

/* The console's interface is given to the pool, which gives it to a file. */
static uint64_t share_with_console(struct efi_rig *rig, const uint64_t *args)
{
    uint64_t fs = file_system(rig), at = rig_scratch(rig, 8);
    uint64_t file = rig_load(rig, rig->system + SYSTEM_CONSOLE_OUT, 8);

    assert_ok(RIG_BOOT(rig, BS_FREE_POOL, file));
    open_at(rig, fs, file);
    assert_ok(RIG_CALL(rig, file, FILE_CLOSE, file));
    assert_status(RIG_CALL(rig, file, FILE_GET_POSITION, file, at), EFI_INVALID_PARAMETER);
    return 0;
}

/* Two files at one address, and the second is closed by a failure of the call that opens it. */
static uint64_t share_with_file(struct efi_rig *rig, const uint64_t *args)
{
    uint64_t fs = file_system(rig), at = rig_scratch(rig, 8), file;

    assert_ok(RIG_CALL(rig, fs, 8, fs, at));
    file = rig_load(rig, at, 8);
    assert_ok(RIG_BOOT(rig, BS_FREE_POOL, file));
    assert_status(RIG_CALL(rig, fs, 8, fs, NOWHERE), EFI_INVALID_PARAMETER);
    assert_ok(RIG_CALL(rig, file, FILE_CLOSE, file));
    assert_status(RIG_CALL(rig, file, FILE_GET_POSITION, file, at), EFI_INVALID_PARAMETER);
    return 0;
}

static void test_shared_address(void **state)
{
    run(share_with_console);
    run(share_with_file);
}

/* --- the handle database --- */

enum { GET = 2, EXCLUSIVE = 32, OPENS_OF_ONE = 256, OPENS_OF_ALL = 16384 };

static uint64_t some_guid(struct efi_rig *rig, uint32_t n)
{
    return rig_guid(rig, &(struct efi_guid){n, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}});
}

static uint64_t install(struct efi_rig *rig, uint64_t guid, uint64_t interface)
{
    uint64_t at = rig_scratch(rig, 8);

    rig_store(rig, at, 8, 0);
    assert_ok(RIG_BOOT(rig, BS_INSTALL, at, guid, 0, interface));
    return rig_load(rig, at, 8);
}

static uint64_t open_for_ever(struct efi_rig *rig, const uint64_t *args)
{
    uint64_t at = rig_scratch(rig, 8), guid = some_guid(rig, 1), handle, status = EFI_SUCCESS;
    unsigned opens = 0;

    for (unsigned i = 0; i <= OPENS_OF_ALL / OPENS_OF_ONE && status == EFI_SUCCESS; i++) {
        handle = install(rig, guid, 0x111);
        for (unsigned j = 0; j < OPENS_OF_ONE && status == EFI_SUCCESS; j++, opens++)
            status = RIG_BOOT(rig, BS_OPEN_PROTOCOL, handle, guid, at, handle, j, GET);
    }
    assert_status(status, EFI_OUT_OF_RESOURCES);
    assert_int_equal(opens, OPENS_OF_ALL + 1);
    assert_ok(RIG_BOOT(rig, BS_CLOSE_PROTOCOL, handle - 16, guid, handle - 16, 1));
    assert_ok(RIG_BOOT(rig, BS_OPEN_PROTOCOL, handle, guid, at, handle, 1, GET));
    assert_status(RIG_BOOT(rig, BS_OPEN_PROTOCOL, handle, guid, at, handle, 2, GET),
                  EFI_OUT_OF_RESOURCES);
    assert_ok(RIG_BOOT(rig, BS_UNINSTALL, handle - 16, guid, 0x111));
    assert_ok(RIG_BOOT(rig, BS_OPEN_PROTOCOL, handle, guid, at, handle, 2, GET));
    return 0;
}

static uint64_t install_for_ever(struct efi_rig *rig, const uint64_t *args)
{
    uint64_t at = rig_scratch(rig, 8), guid = some_guid(rig, 1), status = EFI_SUCCESS;
    unsigned n;

    for (n = 0; n < 40000 && status == EFI_SUCCESS; n++) {
        if (n % 256 == 0)
            rig_store(rig, at, 8, 0);
        rig_store(rig, guid, 4, n);
        status = RIG_BOOT(rig, BS_INSTALL, at, guid, 0, 0x111);
    }
    assert_status(status, EFI_OUT_OF_RESOURCES);
    assert_in_range(n, 32000, 33000);
    return 0;
}

static uint64_t shared_handle, shared_guid;

static uint64_t hold(struct efi_rig *rig, const uint64_t *args)
{
    assert_ok(RIG_BOOT(rig, BS_OPEN_PROTOCOL, shared_handle, shared_guid, rig_scratch(rig, 8),
                       args[0], 0, EXCLUSIVE));
    return 0;
}

static uint64_t start(struct efi_rig *rig, rig_function function, unsigned subsystem)
{
    size_t length;
    uint8_t *bytes = rig_program(rig, function, subsystem, &length);
    uint64_t at = rig_scratch(rig, 8), source = rig_scratch(rig, length);

    mem_write(rig->mem, source, bytes, length);
    free(bytes);
    assert_ok(RIG_BOOT(rig, BS_LOAD_IMAGE, 0, rig->image, 0, source, length, at));
    return RIG_BOOT(rig, BS_START_IMAGE, rig_load(rig, at, 8), 0, 0);
}

/* What a program has open is closed when it has ended. */
static uint64_t inherit_nothing(struct efi_rig *rig, const uint64_t *args)
{
    shared_guid = some_guid(rig, 1);
    shared_handle = install(rig, shared_guid, 0x111);
    for (unsigned i = 0; i < 2; i++)
        assert_ok(start(rig, hold, PE_SUBSYSTEM_APPLICATION));
    return 0;
}

/* A handle whose device path is empty is at the beginning of every path. */
static uint64_t locate_empty_path(struct efi_rig *rig, const uint64_t *args)
{
    static const struct efi_guid path_guid = {
        0x09576e91, 0x6d3f, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
    uint64_t at = rig_scratch(rig, 24), path = at + 16, guid = some_guid(rig, 1), handle;

    rig_store(rig, path, 4, 0x0004ff7f);
    handle = install(rig, guid, 0x111);
    rig_store(rig, at, 8, handle);
    assert_ok(RIG_BOOT(rig, BS_INSTALL, at, rig_guid(rig, &path_guid), 0, path));
    rig_store(rig, at, 8, path);
    assert_ok(RIG_BOOT(rig, BS_LOCATE_DEVICE_PATH, guid, at, at + 8));
    assert_int_equal(rig_load(rig, at, 8), path);
    assert_int_equal(rig_load(rig, at + 8, 8), handle);
    return 0;
}

/* Of two protocols one is not there: the other, the handle's last, stays. */
static uint64_t uninstall_too_many(struct efi_rig *rig, const uint64_t *args)
{
    uint64_t at = rig_scratch(rig, 8), a = some_guid(rig, 1), b = some_guid(rig, 2);
    uint64_t handle = install(rig, a, 0x111);

    assert_status(RIG_BOOT(rig, BS_UNINSTALL_MULTIPLE, handle, a, 0x111, b, 0x222, 0),
                  EFI_INVALID_PARAMETER);
    assert_ok(RIG_BOOT(rig, BS_HANDLE_PROTOCOL, handle, a, at));
    assert_ok(RIG_BOOT(rig, BS_UNINSTALL_MULTIPLE, handle, a, 0x111, 0));
    assert_status(RIG_BOOT(rig, BS_HANDLE_PROTOCOL, handle, a, at), EFI_INVALID_PARAMETER);
    return 0;
}

static void test_handles(void **state)
{
    run(uninstall_too_many);
    run(open_for_ever);
    run(install_for_ever);
    run(inherit_nothing);
    run(locate_empty_path);
}

/* --- memory --- */

#define RUNTIME_SIZE UINT64_C(0x10000) /* runtime regions are whole 64 KiB (2.3.6) */
#define MAP_ROOM     16384u

static uint64_t stay(struct efi_rig *rig, const uint64_t *args)
{
    return 0;
}

static uint64_t load_runtime_driver(struct efi_rig *rig, const uint64_t *args)
{
    uint64_t at = rig_scratch(rig, 32), map = rig_scratch(rig, MAP_ROOM), step;

    assert_ok(start(rig, stay, PE_SUBSYSTEM_RUNTIME_DRIVER));
    rig_store(rig, at, 8, MAP_ROOM);
    assert_ok(RIG_BOOT(rig, BS_GET_MEMORY_MAP, at, map, at + 8, at + 16, at + 24));
    step = rig_load(rig, at + 16, 8);
    for (uint64_t entry = map; entry < map + rig_load(rig, at, 8); entry += step)
        if (rig_load(rig, entry + 32, 8) & BIT(63)) {
            assert_int_equal(rig_load(rig, entry + 8, 8) % RUNTIME_SIZE, 0);
            assert_int_equal(rig_load(rig, entry + 24, 8) * 4096 % RUNTIME_SIZE, 0);
        }
    return 0;
}

static void test_memory(void **state)
{
    run(load_runtime_driver);
}

/* --- files --- */

/* A boot loader that is none: read and refused, and the CPU could be parked in between. */
static uint64_t install_junk(struct efi_rig *rig, const uint64_t *args)
{
    static const char *const paths[] = {"EFI", "EFI\\BOOT", "EFI\\BOOT\\BOOTAA64.EFI"};
    uint64_t fs = file_system(rig), at = rig_scratch(rig, 8), root;

    assert_ok(RIG_CALL(rig, fs, 8, fs, at));
    root = rig_load(rig, at, 8);
    for (unsigned i = 0; i < nitems(paths); i++) {
        assert_ok(RIG_CALL(rig, root, 8, root, at, rig_string(rig, paths[i]), UINT64_C(1) << 63 | 3,
                           i < 2 ? 0x10 : 0));
        assert_ok(RIG_CALL(rig, rig_load(rig, at, 8), FILE_CLOSE, rig_load(rig, at, 8)));
    }
    rig->waits = 0;
    rig->max_waits = 0;
    return 0;
}

static void test_junk(void **state)
{
    struct efi_rig *rig = rig_new(install_junk, NULL);
    struct error err = {0};

    assert_int_equal(rig_run(rig, &err), 0);
    assert_non_null(strstr(rig->said, "BOOTAA64.EFI"));
    assert_int_equal(rig->stops, 0); /* not yet */
    rig_free(rig);
}

/* --- calls within calls --- */

static uint64_t nested_source;
static size_t nested_length;

/* Each program starts another one like it, until there are too many. */
static uint64_t nest(struct efi_rig *rig, const uint64_t *args)
{
    uint64_t at = rig_scratch(rig, 8);

    assert_ok(RIG_BOOT(rig, BS_LOAD_IMAGE, 0, rig->image, 0, nested_source, nested_length, at));
    return RIG_BOOT(rig, BS_START_IMAGE, rig_load(rig, at, 8), 0, 0);
}

static uint64_t nest_for_ever(struct efi_rig *rig, const uint64_t *args)
{
    uint8_t *bytes = rig_program(rig, nest, PE_SUBSYSTEM_APPLICATION, &nested_length);

    nested_source = rig_scratch(rig, nested_length);
    mem_write(rig->mem, nested_source, bytes, nested_length);
    free(bytes);
    nest(rig, args);
    fail_msg("there is no end to calls");
    return 0;
}

/* The machine stops, which is said once. */
static void test_nesting(void **state)
{
    struct efi_rig *rig = rig_new(nest_for_ever, NULL);
    struct error err = {0};
    const char *said;

    assert_int_equal(rig_run(rig, &err), 0);
    assert_int_equal(rig->stops, 1);
    said = strstr(rig->said, "one within the other");
    assert_non_null(said);
    assert_null(strstr(said + 1, "one within the other"));
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_address), cmocka_unit_test(test_handles),
        cmocka_unit_test(test_memory),         cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_junk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
