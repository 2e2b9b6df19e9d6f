/* SPDX-License-Identifier: ISC */
/* What a program does to a machine: create with errors, pause, reset, quit, destroy, several at
 * once. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "vm.h"

#define CYCLES 50

static struct vm vm, other;

static void test_pause_stops_the_counter(void **state)
{
    uint64_t frequency, first, second, begin, end, paused, resumed;

    vm_describe(&vm, "idle", "clock");
    vm_start(&vm);
    vm_await(&vm, "frequency: ");
    frequency = vm_value(&vm);
    begin = now_ns();
    vm_type(&vm, "?");
    vm_await(&vm, "counter: ");
    first = vm_value(&vm);
    assert_int_equal(atoll_pause(vm.atoll), 0);
    assert_int_equal(atoll_pause(vm.atoll), -EALREADY);
    paused = now_ns();
    sleep_ms(300);
    resumed = now_ns();
    assert_int_equal(atoll_resume(vm.atoll), 0);
    assert_int_equal(atoll_resume(vm.atoll), -EINVAL);
    vm_type(&vm, "?");
    vm_await(&vm, "counter: ");
    second = vm_value(&vm);
    end = now_ns();
    assert_true(second > first);
    /* All of the guest's time lies between begin and end, and none of it in the pause. */
    assert_true((double)(second - first) * 1e9 / (double)frequency <=
                (double)(end - begin - (resumed - paused)) + 1000);
    vm_destroy(&vm);
}

static void test_reset_in_mid_run(void **state)
{
    vm_describe(&vm, "idle", "spin");
    vm.config.cpus = 2;
    vm_start(&vm);
    for (int i = 0; i < 3; i++) {
        vm_await(&vm, "start\n");
        vm_await(&vm, "ready\n");
        atoll_reset(vm.atoll);
    }
    vm_await(&vm, "ready\n");
    assert_int_equal(atoll_pause(vm.atoll), 0);
    atoll_reset(vm.atoll); /* of a paused machine: it stays paused */
    assert_int_equal(atoll_resume(vm.atoll), 0);
    vm_await(&vm, "ready\n");
    vm_destroy(&vm);
}

static void test_quit(void **state)
{
    static const char *const guests[] = {"spin", "sleep"};

    for (int i = 0; i < 2; i++) {
        vm_describe(&vm, "idle", guests[i]);
        vm_start(&vm);
        vm_await(&vm, "ready\n");
        atoll_quit(vm.atoll);
        assert_int_equal(atoll_wait(vm.atoll), ATOLL_STOP_QUIT);
        assert_int_equal(atoll_pause(vm.atoll), -EINVAL);
        assert_int_equal(atoll_resume(vm.atoll), -EINVAL);
        atoll_quit(vm.atoll);
        atoll_reset(vm.atoll);
        assert_int_equal(atoll_wait(vm.atoll), ATOLL_STOP_QUIT);
        vm_destroy(&vm);
    }
    vm_describe(&vm, "idle", "spin");
    vm_start(&vm);
    assert_int_equal(atoll_pause(vm.atoll), 0);
    atoll_quit(vm.atoll);
    assert_int_equal(atoll_wait(vm.atoll), ATOLL_STOP_QUIT);
    vm_destroy(&vm);
}

/* Who asks for the end does not know how far the start has come. */
static void test_quit_before_the_start(void **state)
{
    struct atoll_error error;

    vm_describe(&vm, "idle", "spin");
    vm_create(&vm);
    atoll_quit(vm.atoll);
    assert_int_equal(atoll_start(vm.atoll, &error), 0);
    assert_int_equal(atoll_wait(vm.atoll), ATOLL_STOP_QUIT);
    vm_destroy(&vm);
}

static void test_destroy_at_any_time(void **state)
{
    struct atoll_error error;

    vm_describe(&vm, "idle", "spin");
    vm_create(&vm);
    vm_destroy(&vm); /* not started */
    vm_describe(&vm, "idle", "spin");
    vm_start(&vm);
    vm_destroy(&vm); /* running */
    vm_describe(&vm, "idle", "spin");
    vm_start(&vm);
    assert_int_equal(atoll_start(vm.atoll, &error), -EBUSY);
    atoll_pause(vm.atoll);
    vm_destroy(&vm); /* paused */
    atoll_destroy(NULL);
}

static void test_what_is_not_started(void **state)
{
    struct atoll_error error;
    struct atoll_stats stats;
    void *bytes;
    size_t length;

    vm_describe(&vm, "idle", "spin");
    vm_create(&vm);
    assert_int_equal(atoll_pause(vm.atoll), -EINVAL);
    assert_int_equal(atoll_resume(vm.atoll), -EINVAL);
    assert_int_equal(atoll_save(vm.atoll, &bytes, &length, &error), -EBUSY);
    atoll_reset(vm.atoll);
    atoll_power_button(vm.atoll);
    atoll_stats(vm.atoll, &stats);
    assert_int_equal(stats.instructions, 0);
    assert_int_equal(atoll_console_read(vm.atoll, 1, &bytes, 1), -EINVAL);
    assert_int_equal(atoll_console_write(vm.atoll, SIZE_MAX, "", 0), -EINVAL);
    vm_destroy(&vm);
}

static void test_two_machines(void **state)
{
    vm_describe(&vm, "psci", "2");
    vm.config.cpus = 2;
    vm_describe(&other, "idle", "clock");
    vm_start(&vm);
    vm_start(&other);
    vm_await(&other, "frequency");
    vm_type(&other, "?");
    vm_await(&other, "counter");
    vm_finish(&vm);
    vm_type(&other, "?");
    vm_await(&other, "counter");
    vm_destroy(&other);
}

static void test_nothing_is_left_over(void **state)
{
    unsigned before;

    vm_describe(&vm, "idle", "sleep");
    vm_start(&vm);
    vm_destroy(&vm);
    before = open_files();
    for (int i = 0; i < CYCLES; i++) {
        vm_describe(&vm, "idle", "sleep");
        vm.config.cpus = 1 + i % 3;
        if (i % 2)
            vm_start(&vm);
        else
            vm_create(&vm);
        vm_destroy(&vm);
    }
    assert_int_equal(open_files(), before);
}

/* --- errors of creation: each says in one line what is wrong --- */

static void refused(int code, const char *says)
{
    struct atoll_error error = {0};
    struct atoll *machine = NULL;
    unsigned files = open_files();
    int ret = atoll_create(&machine, &vm.config, &error);

    if (ret != -code || !strstr(error.text, says) || strchr(error.text, '\n'))
        fail_msg("%d \"%s\", expected %d with \"%s\"", ret, error.text, -code, says);
    assert_int_equal(error.code, code);
    assert_int_equal(atoll_create(&machine, &vm.config, NULL), -code);
    assert_int_equal(open_files(), files);
    vm_describe(&vm, "idle", "sleep");
}

static void test_wrong_values(void **state)
{
    vm_describe(&vm, "idle", "sleep");
    vm.config.memory = ATOLL_MEMORY_MIN - (1 << 20);
    refused(EINVAL, "127 MiB");
    vm.config.memory = ATOLL_MEMORY_MAX + (1 << 20);
    refused(EINVAL, "memory");
    vm.config.memory = ATOLL_MEMORY_MIN + 1;
    refused(EINVAL, "multiple");
    vm.config.cpus = 0;
    refused(EINVAL, "0 CPUs");
    vm.config.cpus = ATOLL_CPUS_MAX + 1;
    refused(EINVAL, "17 CPUs");
    vm.config.engine = "steam";
    refused(ENOTSUP, "steam");
    vm.config.disk_count = ATOLL_DISKS_MAX + 1;
    refused(EINVAL, "17 disks");
    vm.config.disk_count = 1;
    refused(EINVAL, "disk 0");
    vm.config.net_count = ATOLL_NETS_MAX + 1;
    refused(EINVAL, "9 networks");
    vm.config.net_count = 1;
    vm.config.nets[0].mtu = 100;
    refused(EINVAL, "100");
    vm.config.net_count = 1;
    vm.config.nets[0].has_mac = true;
    vm.config.nets[0].mac[0] = 1;
    refused(EINVAL, "01:00:00:00:00:00");
    vm.config.console_count = ATOLL_CONSOLES_MAX + 1;
    refused(EINVAL, "5 consoles");
    vm.config.console_count = 2;
    vm.config.consoles[0].port = vm.config.consoles[1].port = ATOLL_PORT_PL011;
    refused(EINVAL, "PL011");
    vm.config.consoles[0].kind = ATOLL_CONSOLE_FILE;
    refused(EINVAL, "path");
    vm.config.strict = true;
    vm.config.consoles[0].port = ATOLL_PORT_PL011;
    refused(EINVAL, "strict");
    vm.config.strict = true;
    vm.config.cpu = ATOLL_CPU_HOST;
    refused(EINVAL, "Apple's CPU");
    vm.config.engine = "interp";
    vm.config.cpu = ATOLL_CPU_HOST;
    refused(EINVAL, "--cpu atoll");
    vm.config.engine = "interp";
    vm.config.nested = true;
    refused(ENOTSUP, "EL2");
    vm.config.quirk_count = 1;
    vm.config.quirks[0] = (struct atoll_quirk){"gravity", "off"};
    refused(EINVAL, "gravity");
    vm.config.size = 4;
    refused(EINVAL, "");
}

static void test_wrong_files(void **state)
{
    char path[] = "/tmp/atoll-test-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd,
                           "not a kernel, but long enough to look at: "
                           "0123456789012345678901234567890123456789",
                           82),
                     82);
    vm_describe(&vm, "idle", "sleep");
    vm.config.kernel = NULL;
    refused(EINVAL, "kernel");
    vm.config.kernel = "/nonexistent/kernel";
    refused(ENOENT, "/nonexistent/kernel");
    vm.config.kernel = "/";
    refused(EINVAL, "\"/\" is not a regular file");
    vm.config.kernel = path;
    refused(ENOEXEC, path);
    vm.config.initrd = "/nonexistent/initrd";
    refused(ENOENT, "/nonexistent/initrd");
    vm.config.disk_count = 1;
    vm.config.disks[0].path = "/nonexistent/disk";
    refused(ENOENT, "/nonexistent/disk");
    vm.config.disk_count = 1;
    vm.config.disks[0] =
        (struct atoll_disk){.path = path, .serial = "a serial number that is too long"};
    refused(EINVAL, "serial");
    vm.config.disk_count = 1;
    vm.config.disks[0] = (struct atoll_disk){.path = path, .format = ATOLL_DISK_QCOW2};
    refused(EINVAL, path);
    vm.config.console_count = 1;
    vm.config.consoles[0] =
        (struct atoll_console){.kind = ATOLL_CONSOLE_FILE, .path = "/nonexistent/console"};
    refused(ENOENT, "/nonexistent/console");
    unlink(path);
    close(fd);
}

static void test_disk_in_use(void **state)
{
    char path[] = "/tmp/atoll-test-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    close(fd);
    vm_describe(&other, "idle", "sleep");
    other.config.disk_count = 1;
    other.config.disks[0] = (struct atoll_disk){.path = path, .format = ATOLL_DISK_RAW};
    vm_create(&other);
    vm_describe(&vm, "idle", "sleep");
    vm.config.disk_count = 1;
    vm.config.disks[0] = other.config.disks[0];
    refused(EBUSY, path);
    vm_destroy(&other);
    unlink(path);
}

/* The first bytes of a file are `text`; the file goes. */
static void assert_begins(const char *path, const char *text)
{
    char bytes[256] = {0};
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    assert_true(fread(bytes, 1, strlen(text), file) > 0);
    fclose(file);
    assert_string_equal(bytes, text);
    unlink(path);
}

static void test_listings(void **state)
{
    char dump[] = "/tmp/atoll-test-XXXXXX", trace[] = "/tmp/atoll-test-XXXXXX";

    close(mkstemp(dump));
    close(mkstemp(trace));
    vm_describe(&vm, "idle", "sleep");
    vm.config.dump.path = vm.config.trace.path = dump;
    refused(EINVAL, "cannot both go");
    vm.config.dump.path = "/nonexistent/dump";
    refused(ENOENT, "/nonexistent/dump");
    vm.config.engine = "interp";
    vm.config.trace.path = trace;
    refused(ENOTSUP, "--engine jit");
    vm_describe(&vm, "psci", "2");
    vm.config.cpus = 2;
    vm.config.dump.path = dump;
    vm.config.trace.path = trace;
#if defined(__x86_64__)
    struct atoll_stats stats;

    vm_start(&vm);
    vm_await(&vm, "done");
    assert_int_equal(atoll_wait(vm.atoll), ATOLL_STOP_POWEROFF);
    atoll_stats(vm.atoll, &stats);
    assert_true(stats.regions > 0 && stats.translated >= stats.regions);
    assert_in_range(stats.code_bytes, 1, stats.code_limit);
    vm_destroy(&vm);
    assert_begins(dump, "=== region at 0x");
    assert_begins(trace, "0 EL1 0000000070");
#else
    refused(ENOTSUP, "--engine jit");
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pause_stops_the_counter),
        cmocka_unit_test(test_reset_in_mid_run),
        cmocka_unit_test(test_quit),
        cmocka_unit_test(test_quit_before_the_start),
        cmocka_unit_test(test_destroy_at_any_time),
        cmocka_unit_test(test_what_is_not_started),
        cmocka_unit_test(test_two_machines),
        cmocka_unit_test(test_nothing_is_left_over),
        cmocka_unit_test(test_wrong_values),
        cmocka_unit_test(test_wrong_files),
        cmocka_unit_test(test_disk_in_use),
        cmocka_unit_test(test_listings),
    };

    vm_need_guests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
