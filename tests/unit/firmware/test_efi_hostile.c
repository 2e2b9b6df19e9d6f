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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
