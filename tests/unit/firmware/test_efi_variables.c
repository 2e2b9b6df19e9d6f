/* SPDX-License-Identifier: ISC */
/*
 * The EFI variables: the services' rules, the file that keeps them, and what becomes of it when a
 * machine is stopped at any point of a write.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/efi/variable.h"
#include "image.h"

#define NV   VARIABLE_NON_VOLATILE
#define BS   VARIABLE_BOOTSERVICE_ACCESS
#define RT   VARIABLE_RUNTIME_ACCESS
#define SLOT (1 << 20)

static const struct efi_guid vendor = {0x12345678, 1, 2, {3}}, other = {0x12345678, 1, 2, {4}};

/* Writes to the store's file that succeed in part or not at all: see test_files. */
static int writes_left = -1; /* -1: all succeed */
static size_t last_part;     /* bytes of the write that fails which still reach the file */

ssize_t __wrap_pwrite64(int fd, const void *from, size_t length, off_t offset);
ssize_t __real_pwrite64(int fd, const void *from, size_t length, off_t offset);

ssize_t __wrap_pwrite64(int fd, const void *from, size_t length, off_t offset)
{
    if (writes_left == 0) {
        if (last_part)
            __real_pwrite64(fd, from, MIN(last_part, length), offset);
        errno = EIO;
        return -1;
    }
    writes_left -= writes_left > 0;
    return __real_pwrite64(fd, from, length, offset);
}

static char said[512];

static void keep_line(void *ctx, enum log_level level, const char *line)
{
    snprintf(said, sizeof(said), "%s", line);
}

static const struct log test_log = {keep_line, NULL, LOG_WARN};

static struct variables *open_store(int fd)
{
    struct variables *v;
    struct error err;

    if (variables_create(&v, fd, "vars.nv", &test_log, &err))
        fail_msg("%s", err.text);
    return v;
}

static void refuse(int fd, int code, const char *why)
{
    struct variables *v;
    struct error err;

    assert_int_equal(variables_create(&v, fd, "vars.nv", &test_log, &err), -code);
    if (!strstr(err.text, why) || !strstr(err.text, "vars.nv"))
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static efi_status set(struct variables *v, const char *name, uint32_t attributes, const char *data)
{
    return variables_set(v, wide(name), &vendor, false, attributes, data, strlen(data));
}

static efi_status set_runtime(struct variables *v, const char *name, uint32_t attributes,
                              const char *data)
{
    return variables_set(v, wide(name), &vendor, true, attributes, data, strlen(data));
}

static void expect(struct variables *v, const char *name, uint32_t attributes, const char *data)
{
    char bytes[200];
    size_t length = sizeof(bytes);
    uint32_t got;

    assert_int_equal(variables_get(v, wide(name), &vendor, false, &got, bytes, &length),
                     EFI_SUCCESS);
    assert_int_equal(got, attributes);
    assert_int_equal(length, strlen(data));
    assert_memory_equal(bytes, data, length);
}

static efi_status get(struct variables *v, const char *name, bool runtime)
{
    char bytes[200];
    size_t length = sizeof(bytes);

    return variables_get(v, wide(name), &vendor, runtime, NULL, bytes, &length);
}

static void set_get_append_delete(void **state)
{
    struct variables *v = open_store(-1);
    char bytes[2];
    size_t length = 2;
    uint32_t attributes;

    assert_int_equal(get(v, "A", false), EFI_NOT_FOUND);
    assert_int_equal(set(v, "A", BS, "one"), EFI_SUCCESS);
    expect(v, "A", BS, "one");
    assert_int_equal(get(v, "a", false), EFI_NOT_FOUND);
    assert_int_equal(set(v, "A", BS, "two!"), EFI_SUCCESS);
    expect(v, "A", BS, "two!");
    assert_int_equal(set(v, "A", BS | VARIABLE_APPEND_WRITE, "more"), EFI_SUCCESS);
    expect(v, "A", BS, "two!more");
    assert_int_equal(set(v, "A", BS | VARIABLE_APPEND_WRITE, ""), EFI_SUCCESS);
    expect(v, "A", BS, "two!more");
    assert_int_equal(variables_get(v, wide("A"), &vendor, false, &attributes, bytes, &length),
                     EFI_BUFFER_TOO_SMALL);
    assert_int_equal(length, 8);
    assert_int_equal(variables_get(v, wide("A"), &other, false, NULL, bytes, &length),
                     EFI_NOT_FOUND);
    length = 8;
    assert_int_equal(variables_get(v, wide("A"), &vendor, false, NULL, NULL, &length),
                     EFI_INVALID_PARAMETER);
    assert_int_equal(set(v, "A", BS, ""), EFI_SUCCESS);
    assert_int_equal(set(v, "A", BS, ""), EFI_NOT_FOUND);
    assert_int_equal(set(v, "B", BS | VARIABLE_APPEND_WRITE, "new"), EFI_SUCCESS);
    expect(v, "B", BS, "new");
    assert_int_equal(set(v, "B", 0, "x"), EFI_SUCCESS);
    assert_int_equal(get(v, "B", false), EFI_NOT_FOUND);
    variables_destroy(v);
}

static void attributes_have_rules(void **state)
{
    static const struct {
        uint32_t attributes;
        efi_status status;
    } rules[] = {
        {RT, EFI_INVALID_PARAMETER},
        {NV | RT, EFI_INVALID_PARAMETER},
        {NV | BS | 0x08, EFI_UNSUPPORTED},
        {NV | BS | 0x10, EFI_UNSUPPORTED},
        {NV | BS | 0x20, EFI_INVALID_PARAMETER},
        {NV | BS | 0x80, EFI_UNSUPPORTED},
        {NV | BS | 0x100, EFI_INVALID_PARAMETER},
        {NV, EFI_NOT_FOUND},
        {BS | RT, EFI_SUCCESS},
    };
    struct variables *v = open_store(-1);
    uint16_t name[VARIABLE_NAME_MAX];
    static uint8_t big[VARIABLE_DATA_MAX + 1];

    for (unsigned i = 0; i < nitems(rules); i++)
        assert_int_equal(set(v, "X", rules[i].attributes, "x"), rules[i].status);
    assert_int_equal(set(v, "X", NV | BS | RT, "y"), EFI_INVALID_PARAMETER);
    assert_int_equal(set(v, "X", BS, "y"), EFI_INVALID_PARAMETER);
    expect(v, "X", BS | RT, "x");
    assert_int_equal(set(v, "", BS, "y"), EFI_INVALID_PARAMETER);
    for (unsigned i = 0; i < VARIABLE_NAME_MAX; i++)
        name[i] = 'n';
    assert_int_equal(variables_set(v, name, &vendor, false, BS, "x", 1), EFI_INVALID_PARAMETER);
    name[VARIABLE_NAME_MAX - 1] = 0;
    assert_int_equal(variables_set(v, name, &vendor, false, BS, "x", 1), EFI_SUCCESS);
    assert_int_equal(variables_set(v, wide("B"), &vendor, false, BS, big, sizeof(big)),
                     EFI_INVALID_PARAMETER);
    assert_int_equal(variables_set(v, wide("B"), &vendor, false, BS, big, sizeof(big) - 1),
                     EFI_SUCCESS);
    assert_int_equal(
        variables_set(v, wide("B"), &vendor, false, BS | VARIABLE_APPEND_WRITE, big, 1),
        EFI_OUT_OF_RESOURCES);
    variables_destroy(v);
}

static void runtime_access(void **state)
{
    struct variables *v = open_store(-1);
    uint16_t name[VARIABLE_NAME_MAX] = {0};
    struct efi_guid guid = vendor;

    assert_int_equal(set(v, "Hidden", NV | BS, "h"), EFI_SUCCESS);
    assert_int_equal(set(v, "ReadOnly", BS | RT, "r"), EFI_SUCCESS);
    assert_int_equal(set(v, "Both", NV | BS | RT, "b"), EFI_SUCCESS);
    assert_int_equal(get(v, "Hidden", true), EFI_NOT_FOUND);
    assert_int_equal(get(v, "ReadOnly", true), EFI_SUCCESS);
    assert_int_equal(set_runtime(v, "ReadOnly", BS | RT, "x"), EFI_WRITE_PROTECTED);
    assert_int_equal(set_runtime(v, "ReadOnly", 0, ""), EFI_WRITE_PROTECTED);
    assert_int_equal(set_runtime(v, "Hidden", NV | BS | RT, "x"), EFI_INVALID_PARAMETER);
    assert_int_equal(set_runtime(v, "Hidden", 0, ""), EFI_NOT_FOUND);
    assert_int_equal(set_runtime(v, "New", BS | RT, "x"), EFI_INVALID_PARAMETER);
    assert_int_equal(set_runtime(v, "New", NV | BS, "x"), EFI_INVALID_PARAMETER);
    assert_int_equal(set_runtime(v, "New", NV | BS | RT, "x"), EFI_SUCCESS);
    assert_int_equal(set_runtime(v, "Both", NV | BS | RT, "bb"), EFI_SUCCESS);
    assert_int_equal(set_runtime(v, "Both", 0, ""), EFI_SUCCESS);
    expect(v, "Hidden", NV | BS, "h");

    assert_int_equal(variables_next(v, true, name, &guid), EFI_SUCCESS);
    assert_memory_equal(name, wide("ReadOnly"), 18);
    assert_int_equal(variables_next(v, true, name, &guid), EFI_SUCCESS);
    assert_memory_equal(name, wide("New"), 8);
    assert_int_equal(variables_next(v, true, name, &guid), EFI_NOT_FOUND);
    memcpy(name, wide("Hidden"), 14);
    assert_int_equal(variables_next(v, true, name, &guid), EFI_INVALID_PARAMETER);
    assert_int_equal(variables_next(v, false, name, &guid), EFI_SUCCESS);
    memcpy(name, wide("Gone"), 10);
    assert_int_equal(variables_next(v, false, name, &guid), EFI_INVALID_PARAMETER);
    variables_destroy(v);
}

static void store_has_an_end(void **state)
{
    struct variables *v = open_store(-1);
    static uint8_t bytes[VARIABLE_DATA_MAX];
    uint64_t maximum, remaining, largest;
    efi_status status = EFI_SUCCESS;
    char name[16];

    for (unsigned i = 0; status == EFI_SUCCESS && i < 20; i++) {
        snprintf(name, sizeof(name), "V%u", i);
        status = variables_set(v, wide(name), &vendor, false, BS, bytes, sizeof(bytes));
    }
    assert_int_equal(status, EFI_OUT_OF_RESOURCES);
    variables_info(v, &maximum, &remaining, &largest);
    assert_int_equal(maximum, VARIABLE_STORE_MAX);
    assert_true(remaining < VARIABLE_DATA_MAX);
    assert_int_equal(largest, remaining);
    assert_int_equal(set(v, "V0", 0, ""), EFI_SUCCESS);
    variables_info(v, &maximum, &remaining, &largest);
    assert_int_equal(largest, VARIABLE_DATA_MAX);
    variables_reset(v);
    variables_info(v, &maximum, &remaining, &largest);
    assert_int_equal(remaining, maximum);
    status = EFI_SUCCESS;
    for (unsigned i = 0; status == EFI_SUCCESS; i++) {
        snprintf(name, sizeof(name), "V%u", i);
        status = set(v, name, BS, "x");
        assert_true(i <= 4096);
    }
    assert_int_equal(status, EFI_OUT_OF_RESOURCES);
    variables_destroy(v);
}

static void file_keeps_what_is_non_volatile(void **state)
{
    int fd = memfd_create("vars", 0);
    struct variables *v = open_store(fd);
    uint8_t uuid[16], again[16];

    variables_identifier(v, uuid);
    assert_int_equal(uuid[6] >> 4, 4);
    assert_int_equal(uuid[8] >> 6, 2);
    assert_int_equal(set(v, "BootOrder", NV | BS | RT, "01"), EFI_SUCCESS);
    assert_int_equal(set(v, "Gone", BS, "volatile"), EFI_SUCCESS);
    assert_int_equal(set(v, "Boot0001", NV | BS, "an option"), EFI_SUCCESS);
    assert_int_equal(set(v, "BootOrder", NV | BS | RT, "10"), EFI_SUCCESS);
    variables_destroy(v);
    v = open_store(fd);
    expect(v, "BootOrder", NV | BS | RT, "10");
    expect(v, "Boot0001", NV | BS, "an option");
    assert_int_equal(get(v, "Gone", false), EFI_NOT_FOUND);
    variables_identifier(v, again);
    assert_memory_equal(uuid, again, 16);
    assert_int_equal(set(v, "Boot0001", 0, ""), EFI_SUCCESS);
    variables_destroy(v);
    v = open_store(fd);
    assert_int_equal(get(v, "Boot0001", false), EFI_NOT_FOUND);
    variables_destroy(v);
    close(fd);
}

/* A write is cut off after every possible number of bytes: the older store is what is there, and
 * the guest was told. */
static void torn_writes_leave_the_older_store(void **state)
{
    for (size_t part = 0; part < 220; part += 3) {
        int fd = memfd_create("vars", 0);
        struct variables *v = open_store(fd);

        assert_int_equal(set(v, "A", NV | BS, "first"), EFI_SUCCESS);
        assert_int_equal(set(v, "B", NV | BS, "second"), EFI_SUCCESS);
        writes_left = 0;
        last_part = part;
        assert_int_equal(set(v, "A", NV | BS, "changed, and longer than before"), EFI_DEVICE_ERROR);
        expect(v, "A", NV | BS, "first"); /* and the services say the same */
        assert_int_equal(set(v, "C", NV | BS, "third"), EFI_DEVICE_ERROR);
        assert_int_equal(get(v, "C", false), EFI_NOT_FOUND);
        writes_left = -1;
        variables_destroy(v);
        said[0] = 0;
        v = open_store(fd);
        expect(v, "B", NV | BS, "second");
        if (said[0])
            assert_non_null(strstr(said, "vars.nv: the store of EFI variables at offset"));
        assert_int_equal(set(v, "A", NV | BS, "again"), EFI_SUCCESS);
        variables_destroy(v);
        v = open_store(fd);
        expect(v, "A", NV | BS, "again");
        variables_destroy(v);
        close(fd);
    }
}

static void damaged_files_are_refused(void **state)
{
    int fd = memfd_create("vars", 0), copy;
    struct variables *v = open_store(fd);
    static uint8_t bytes[SLOT + 4096];
    ssize_t length;

    assert_int_equal(set(v, "A", NV | BS, "first"), EFI_SUCCESS);
    variables_destroy(v);
    length = pread(fd, bytes, sizeof(bytes), 0);
    assert_true(length > SLOT);
    /* Slot 1 was written first, then slot 0. Every byte of both is damaged. */
    for (unsigned i = 0; i < 64 + 28; i += 1) {
        copy = memfd_create("copy", 0);
        assert_int_equal(pwrite(copy, bytes, (size_t)length, 0), length);
        bytes[i] ^= 0x40;
        bytes[SLOT + i % 64] ^= 0x40;
        assert_int_equal(pwrite(copy, bytes, (size_t)length, 0), length);
        bytes[i] ^= 0x40;
        bytes[SLOT + i % 64] ^= 0x40;
        refuse(copy, EINVAL, i < 8 ? "no file of Atoll's" : "store at offset 0 cannot be used");
        close(copy);
    }
    copy = memfd_create("text", 0);
    assert_int_equal(write(copy, "[Settings]\n", 11), 11);
    refuse(copy, EINVAL, "no file of Atoll's EFI variables");
    close(copy);
    copy = memfd_create("zeros", 0);
    assert_int_equal(ftruncate(copy, 100000), 0);
    refuse(copy, EINVAL, "no file of Atoll's EFI variables");
    close(copy);
    close(fd);
}

static void one_machine_at_a_time(void **state)
{
    struct image *image = *state;
    char path[96];
    struct variables *v;
    int first, second;

    snprintf(path, sizeof(path), "%s/vars", image->dir);
    first = open(path, O_RDWR | O_CREAT, 0600);
    second = open(path, O_RDWR);
    v = open_store(first);
    refuse(second, EBUSY, "another virtual machine");
    variables_destroy(v);
    close(first);
    variables_destroy(open_store(second));
    close(second);
}

static void file_that_cannot_be_written(void **state)
{
    int fd = memfd_create("vars", 0);

    writes_left = 0;
    last_part = 0;
    refuse(fd, EIO, "cannot keep EFI variables in it");
    writes_left = -1;
    close(fd);
}

/* A saved state has all variables, and what is loaded is what the file has from then on. */
static void states_keep_everything(void **unused)
{
    int fd = memfd_create("vars", 0);
    struct variables *from = open_store(-1), *to = open_store(fd);
    struct state *state = state_new();
    uint8_t uuid[16], again[16];
    struct error err;

    assert_int_equal(set(from, "kept", NV | BS | RT, "one"), EFI_SUCCESS);
    assert_int_equal(set(from, "volatile", BS | RT, "two"), EFI_SUCCESS);
    assert_int_equal(set(to, "gone", NV | BS, "three"), EFI_SUCCESS);
    assert_int_equal(variables_save(from, state, "efi/variables"), 0);
    assert_int_equal(variables_load(to, state, "efi/variables", &err), 0);
    expect(to, "kept", NV | BS | RT, "one");
    expect(to, "volatile", BS | RT, "two");
    assert_int_equal(get(to, "gone", false), EFI_NOT_FOUND);
    variables_identifier(from, uuid);
    variables_identifier(to, again);
    assert_memory_equal(uuid, again, sizeof(uuid));
    variables_destroy(to);
    to = open_store(fd);
    expect(to, "kept", NV | BS | RT, "one");
    assert_int_equal(get(to, "volatile", false), EFI_NOT_FOUND);
    variables_destroy(to);
    variables_destroy(from);
    state_free(state);
    close(fd);
}

/* Bytes that are no variables change nothing. */
static void states_are_checked(void **unused)
{
    struct variables *v = open_store(-1);
    struct state *state = state_new();
    const uint8_t bytes[16 + 40] = {[16 + 4] = 200};
    struct error err;

    assert_int_equal(set(v, "here", BS, "still"), EFI_SUCCESS);
    assert_int_equal(variables_load(v, state, "none", &err), -ENOENT);
    assert_int_equal(state_save_bytes(state, "short", bytes, 15), 0);
    assert_int_equal(variables_load(v, state, "short", &err), -EINVAL);
    assert_int_equal(state_save_bytes(state, "long", bytes, sizeof(bytes)), 0);
    assert_int_equal(variables_load(v, state, "long", &err), -EINVAL);
    expect(v, "here", BS, "still");
    variables_destroy(v);
    state_free(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_get_append_delete),
        cmocka_unit_test(attributes_have_rules),
        cmocka_unit_test(runtime_access),
        cmocka_unit_test(store_has_an_end),
        cmocka_unit_test(file_keeps_what_is_non_volatile),
        cmocka_unit_test(torn_writes_leave_the_older_store),
        cmocka_unit_test(damaged_files_are_refused),
        cmocka_unit_test_setup_teardown(one_machine_at_a_time, image_setup, image_teardown),
        cmocka_unit_test(file_that_cannot_be_written),
        cmocka_unit_test(states_keep_everything),
        cmocka_unit_test(states_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
